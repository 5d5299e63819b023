"""What a person at a meter sees and types: a line that counts down, and questions asked until answered."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ..errors import UsageError, one_line

if TYPE_CHECKING:
    from ..device.cpu_times import BusyCores

_WATTS = re.compile(r"(\d{1,6}(?:[.,]\d{1,9})?|[.,]\d{1,9})\s*(m?w)?", re.IGNORECASE)
_MOST_ANSWER = 10_000  # bytes; a file that was piped in by mistake is not read as one answer
_PATIENCE_S = 2.0


class Waiting:
    """Lets time pass. A terminal sees the seconds go down; elsewhere there is a line for each thing that is
    waited for. Nothing at all where `quiet`.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._said: str | None = None

    def __call__(self, seconds: float, what: str, more_s: float) -> None:
        """Wait. Shows nothing on a terminal where it all takes less than two seconds."""
        end_s = time.monotonic() + seconds
        if not self._quiet and not self._is_terminal and what != self._said:
            click.echo(what, err=True)
        self._said = what
        counts = self._is_terminal and not self._quiet and seconds + more_s >= _PATIENCE_S
        try:
            while (left_s := end_s - time.monotonic()) > 0:
                if counts:
                    click.echo(f"\r\x1b[K{what}, {left_s + more_s:.0f} s left", nl=False, err=True)
                time.sleep(min(0.5, left_s) if counts else left_s)
        finally:
            if counts:
                click.echo("\r\x1b[K", nl=False, err=True)


def asked(count: int, say: Callable[[int], str]) -> Callable[[int, BusyCores], tuple[float, float | None]]:
    """Reads for `take_readings`: the watts that a person types in.

    count: how many there will be. say: a load in words. They raise UsageError where the input ends.
    """
    done = 0

    def read(level: int, since: BusyCores) -> tuple[float, float | None]:
        nonlocal done
        done += 1
        power_w = _ask(f"[{done}/{count}] {say(level)} loaded; the meter shows, in W: ", count - done + 1)
        return power_w, since()

    return read


def _ask(question: str, missing: int) -> float:
    while True:
        click.echo(question, nl=False, err=True)
        line = sys.stdin.buffer.readline(_MOST_ANSWER)
        if not line:
            click.echo(err=True)
            raise UsageError(
                f"the input ended with {missing} readings missing, so nothing is saved; type them in at a "
                "terminal, or give them by --samples FILE or --meter NAME"
            )
        text = line.decode("utf-8", "replace").strip()
        power_w = _watts(text)
        if power_w is not None:
            return power_w
        click.echo(f"{one_line(text, 40)!r} is no reading; type watts above 0, such as 3.4", err=True)


def _watts(text: str) -> float | None:
    """`3.4`, `3,4 W` or `3400 mW` in watts; None for anything else."""
    found = _WATTS.fullmatch(text)
    if found is None:
        return None
    value = float(found[1].replace(",", ".")) / (1000 if (found[2] or "").lower() == "mw" else 1)
    return value if value > 0 else None
