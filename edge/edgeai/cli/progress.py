"""A bar on standard error for whoever waits for many sources."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

import click

_PATIENCE_S = 2.0
_EVERY_S = 0.1  # a terminal over a slow line is not flooded by small files


class Progress:
    """Shown where standard error is a terminal and the answers go elsewhere, after two seconds.

    Where the answers come to the terminal they show how far it is. Nothing at all where `quiet`, but for
    what `say` is given.
    """

    def __init__(self, count: int, *, quiet: bool) -> None:
        self._count, self._started = count, 0
        self._is_wanted = count > 1 and not quiet and sys.stderr.isatty() and not sys.stdout.isatty()
        self._next_s = time.monotonic() + _PATIENCE_S
        self._bar: Any = None

    def start(self, name: str) -> None:
        """A source's turn has come; those before it are done."""
        if self._is_wanted and time.monotonic() >= self._next_s:
            if self._bar is None:
                self._bar = _bar(self._count)
                self._bar.__enter__()
            self._bar.update(self._started - self._bar.pos, name)
            self._next_s = time.monotonic() + _EVERY_S
        self._started += 1

    def say(self, text: str) -> None:
        """A line of its own, in the bar's place; the bar comes back with the next source."""
        if self._bar is not None:
            click.echo("\r\x1b[K", nl=False, err=True)
        click.echo(text, err=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.update(self._count - self._bar.pos if kind is None else 0)
            self._bar.__exit__(kind, error, trace)


def _bar(count: int) -> Any:
    return click.progressbar(
        length=count, file=sys.stderr, width=24, item_show_func=lambda what: what, update_min_steps=1
    )
