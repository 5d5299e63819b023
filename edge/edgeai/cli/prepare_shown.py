"""How `edgeai prepare` shows how far it is, and what it found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from ..errors import one_line
from ..prepare.report import raw_and_prepared, tried_rows
from ..quantities import percent_text
from .output import table

if TYPE_CHECKING:
    from ..prepare.found import Event
    from ..prepare.preparing import Done

_STEPS = 1000


class Shown:
    """A bar for each model where standard error is a terminal; a line a stage elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._is_quiet, self._is_terminal = quiet, sys.stderr.isatty()
        self._model: str | None = None
        self._stage = ""
        self._bar: click._termui_impl.ProgressBar[Any] | None = None

    def __enter__(self) -> Shown:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def update(self, model: str, event: Event) -> None:
        """How far the search is."""
        if self._is_quiet:
            return
        model = one_line(model)  # of a bare file its name, which may hold anything
        if not self._is_terminal:
            if (model, event.stage) != (self._model, self._stage):
                click.echo(f"{model}: {event.stage}, {event.left_s:.0f} s left of the budget", err=True)
            self._model, self._stage = model, event.stage
            return
        if model != self._model:
            self._end()
            self._model = model
            self._bar = click.progressbar(
                length=_STEPS, file=sys.stderr, width=16, item_show_func=lambda what: what, label=model,
                show_eta=False, update_min_steps=1,
            )  # fmt: skip
            self._bar.__enter__()
        assert self._bar is not None
        best = f"; best so far: {event.best}" if event.best else ""
        text = f"{event.left_s:.0f} s left; {event.stage}: {event.what}{best}"
        self._bar.update(max(0, round(_STEPS * event.share) - self._bar.pos), text)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def tell(done: Sequence[Done], verbosity: int, *, dry_run: bool) -> None:
    """A table for each model: raw against prepared, and why this one."""
    for number, each in enumerate(done):
        if number:
            click.echo()
        _tell_one(each, verbosity, dry_run=dry_run)


def _tell_one(done: Done, verbosity: int, *, dry_run: bool) -> None:
    found = done.searched
    name = f"{found.model}: " if found.model else ""
    click.echo(f"{name}{found.chosen.way.label}: {found.why}")
    if verbosity >= 0:
        header = ["", "raw", "prepared", "ratio (95 % interval)"]
        click.echo()
        click.echo(table([list(row) for row in raw_and_prepared(done)], header, frozenset({1, 2})))
        click.echo()
        click.echo(_about(done))
    if verbosity > 0:
        header = ["way", "p50", "to raw", "load to first", "peak", "why not"]
        click.echo()
        click.echo(table(tried_rows(done), header, frozenset({1, 2, 3, 4})))
        for skipped in found.skipped:
            click.echo(f"not tried: {skipped}")
    if dry_run:
        click.echo("nothing is kept (--dry-run)")
    elif verbosity >= 0:
        click.echo("kept: edgeai.load uses it from now on; `edgeai store list` shows it")


def _about(done: Done) -> str:
    """How it was found, in a line."""
    found = done.searched
    lost = sum(each.lost for each in found.outcomes)
    parts = [f"{len(found.outcomes)} ways tried in {found.spent_s:.0f} s"]
    if lost:
        parts.append(f"{lost} of them lost or refused")
    if found.untried:
        parts.append(f"{found.untried} not for want of time (--budget)")
    parts.append(f"raw differed from itself by {percent_text(abs(found.noise - 1))}")
    more = "; -v shows all" if len(found.outcomes) > 1 else ""
    return ", ".join(parts) + more
