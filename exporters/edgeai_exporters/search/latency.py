"""How fast models run, one against the other: here, with all of them open and taking turns."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import numpy as np

import edgeai
from edgeai.measure.statistics import compare

from ..arrays import Feed
from ..outcome import Ratio
from .found import Timing

TURN_S = 0.02
"""Least duration of a turn: long against the clock and a switch of sessions, short against drift."""
MIN_TURNS, MAX_TURNS = 6, 60
GOOD_HALF_WIDTH = 0.01
"""A ratio known to 1 % needs no further turns."""


class LatencyMeter(Protocol):
    """Something that runs models on the machine that they are for."""

    where: str
    """The machine and its settings, in words; results of different ones are never mixed."""

    def time(self, models: Sequence[Path], feeds: Sequence[Feed]) -> list[Timing]:
        """How long each runs on the feeds, in turn; the ratio of the first, to itself, is 1."""


class LocalMeter:
    """Times models on this machine, in this process.

    threads: intra-op. seconds: limit for each model that is compared. Turns go A B C C B A A B C ..., so that
    slow drift cancels in each pair of neighbours, and they end early once every ratio is known to 1 %.
    """

    def __init__(self, *, threads: int = 1, seconds: float = 1.0) -> None:
        self.where = f"this machine, threads: {threads}"
        self._threads, self._seconds = threads, seconds

    def time(self, models: Sequence[Path], feeds: Sequence[Feed]) -> list[Timing]:
        """See `LatencyMeter.time`."""
        with ExitStack() as stack:
            sessions = [
                stack.enter_context(edgeai.load(model, threads=self._threads, prepared=False))
                for model in models
            ]
            return _turns([_runner(session, feeds) for session in sessions], self._seconds)


def take_turns(runs: Sequence[Callable[[], object]]) -> Sequence[Timing]:
    """Time programs that take turns, at most a second each; the ratio is to the first."""
    return _turns(runs, 1.0)


def _turns(runs: Sequence[Callable[[], object]], seconds: float) -> list[Timing]:
    for run in runs:  # a first turn fills caches and is not counted
        _turn(run)
    medians: list[list[float]] = [[] for _ in runs]
    order = list(range(len(runs)))
    end = time.perf_counter() + seconds * len(runs)
    while len(medians[0]) < MAX_TURNS:
        for place in order:
            medians[place].append(_turn(runs[place]))
        order.reverse()
        if len(medians[0]) >= MIN_TURNS and (time.perf_counter() > end or _is_known(medians)):
            break
    return timings(medians)


def timings(medians: Sequence[Sequence[float]]) -> list[Timing]:
    """What medians of turns say, in seconds by model; turn i of each ran beside turn i of the first."""
    return [
        Timing(float(np.median(own)), _ratio(medians[0], own, is_first=place == 0), len(own))
        for place, own in enumerate(medians)
    ]


def _ratio(first: Sequence[float], own: Sequence[float], *, is_first: bool) -> Ratio | None:
    if is_first:
        return Ratio(1.0, 1.0, 1.0)
    if len(own) < 2:
        return None
    result = compare(first, own, paired=True)
    return Ratio(result.ratio, result.low, result.high)


def _is_known(medians: Sequence[Sequence[float]]) -> bool:
    ratios = [timing.ratio for timing in timings(medians)]
    return all(ratio is not None and ratio.high - ratio.low < 2 * GOOD_HALF_WIDTH for ratio in ratios)


def _runner(session: edgeai.Session, feeds: Sequence[Feed]) -> Callable[[], object]:
    turn = itertools.cycle([dict(feed) for feed in feeds])
    return lambda: session.run(next(turn))


def _turn(run: Callable[[], object]) -> float:
    """The median of one turn's runs, in seconds."""
    durations: list[float] = []
    end = time.perf_counter() + TURN_S
    while len(durations) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        durations.append(time.perf_counter() - start)
    return float(np.median(durations))
