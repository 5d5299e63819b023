"""What a waiting person sees on standard error: a bar on a terminal, a line a phase elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import click


class Progress:
    """Phases of a long job, each with its own count. Nothing at all where `quiet`."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._phase: str | None = None
        self._bar: Any = None

    def update(self, done: int, total: int, what: str) -> None:
        """`what` is `phase: detail`, or a phase alone; a new phase starts a new bar."""
        phase, _, detail = what.partition(": ")
        if self._quiet:
            return
        if phase != self._phase:
            self._end()
            self._phase = phase
            if not self._is_terminal:
                click.echo(phase, err=True)
        if self._is_terminal:
            self._show(done, total, phase, detail)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _show(self, done: int, total: int, phase: str, detail: str) -> None:
        if self._bar is None:
            self._bar = click.progressbar(
                length=max(total, 1),
                label=phase,
                file=sys.stderr,
                width=24,
                item_show_func=lambda item: item,
                update_min_steps=1,
            )
            self._bar.__enter__()
        self._bar.length = max(total, 1)
        self._bar.update(max(0, min(done, self._bar.length) - self._bar.pos), detail)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
