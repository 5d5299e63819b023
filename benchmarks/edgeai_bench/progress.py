"""What a waiting person sees on standard error: a bar on a terminal, a line a run elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType

import click


class Progress:
    """A bar over all jobs where standard error is a terminal; else one line when a job is done.

    Nothing at all where `quiet`.
    """

    def __init__(self, jobs: int, *, quiet: bool) -> None:
        self._jobs = max(jobs, 1)
        self._done = 0
        self._quiet = quiet
        self._bar = None
        if not quiet and sys.stderr.isatty():
            self._bar = click.progressbar(
                length=1000 * self._jobs,
                file=sys.stderr,
                width=24,
                item_show_func=lambda what: what,
                update_min_steps=1,
            )

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)

    def update(self, share: float, what: str) -> None:
        """The present job is so far done."""
        if self._bar is not None:
            target = round(1000 * (self._done + min(share, 1.0)))
            self._bar.update(max(0, target - self._bar.pos), what)

    def say(self, text: str) -> None:
        """One thing that happened, such as a download."""
        if self._bar is not None:
            self._bar.update(0, text)
        elif not self._quiet:
            click.echo(text, err=True)

    def job_done(self, text: str) -> None:
        """The present job is finished."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(max(0, 1000 * self._done - self._bar.pos), text)
        elif not self._quiet:
            click.echo(f"[{self._done}/{self._jobs}] {text}", err=True)
