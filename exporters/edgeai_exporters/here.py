"""How long a variant takes on this machine, beside its source."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Protocol

from edgeai.device import detect, usable_cpus

from .arrays import Feed
from .data import Data
from .outcome import Ratio
from .probes import Run
from .quality import Latency

_TIMED = 4
"""Samples that take turns, so that no cache holds the one input."""


class Timed(Protocol):
    """What a meter says of one program; `search.found.Timing` is one."""

    @property
    def latency_s(self) -> float:
        """Of one call."""

    @property
    def ratio(self) -> Ratio | None:
        """To the first program's."""


TakeTurns = Callable[[Sequence[Callable[[], object]]], Sequence[Timed]]
"""Times programs that take turns; the ratio is to the first."""


def latency_here(run: Run, source: Run | None, data: Data, take_turns: TakeTurns, threads: int) -> Latency:
    """Of a variant; source: None where a comparison with it says nothing, such as a Python function."""
    feeds = [data.feed(row) for row in range(min(_TIMED, data.count))]
    if source is None:
        (own,) = take_turns([_caller(run, feeds)])
        return Latency(machine_words(threads), own.latency_s, None, None)
    first, own = take_turns([_caller(source, feeds), _caller(run, feeds)])
    return Latency(machine_words(threads), own.latency_s, first.latency_s, own.ratio)


def _caller(run: Run, feeds: Sequence[Feed]) -> Callable[[], object]:
    turn = itertools.cycle(feeds)
    return lambda: run(next(turn))


def machine_words(threads: int) -> str:
    """This machine, in words."""
    device = detect()
    return f"{device.model or device.machine}, {usable_cpus()} CPUs, threads: {threads}"
