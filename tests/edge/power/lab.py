"""Logs of a made-up lab instrument beside a made-up run whose joules are known. None of edgeai's code."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from edgeai.power import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

IDLE_W, BUSY_W = 2.5, 6.5


def barker(at_s: float) -> tuple[Span, ...]:
    """Pulses of 1.5, 0.5 and 0.5 s."""
    return tuple(Span(at_s + begin, at_s + end) for begin, end in ((0.0, 1.5), (3.0, 3.5), (4.5, 5.0)))


@dataclass(frozen=True)
class Run:
    """A mark, 5 s idle, 20 s of load, 5 s idle, and perhaps a mark again. Times on the board's clock."""

    begin_s: float = 50_000.0
    marks: int = 2

    @property
    def load(self) -> Span:
        return Span(self.begin_s + 11.0, self.begin_s + 31.0)

    @property
    def needed(self) -> Span:
        return Span(self.begin_s + 6.0, self.begin_s + 36.0)

    @property
    def pulses(self) -> tuple[tuple[Span, ...], ...]:
        return tuple(barker(self.begin_s + at) for at in (0.0, 37.0)[: self.marks])

    @cached_property
    def busy(self) -> tuple[tuple[float, float], ...]:
        spans = (self.load, *(pulse for mark in self.pulses for pulse in mark))
        return tuple((span.begin_s, span.end_s) for span in spans)

    def watts(self, time_s: float) -> float:
        return BUSY_W if any(begin_s <= time_s < end_s for begin_s, end_s in self.busy) else IDLE_W


@dataclass(frozen=True)
class Instrument:
    """begin_s: when the log begins, on the board's clock. clock_s: what the instrument's clock says then.

    drift: how much faster its clock runs. noise_w: standard deviation of a row. average_s: a row is the mean
    of the time before it. gaps: spans on the board's clock without rows.
    """

    begin_s: float
    duration_s: float
    clock_s: float = 0.0
    interval_s: float = 0.01
    drift: float = 0.0
    noise_w: float = 0.0
    average_s: float = 0.0
    gaps: tuple[Span, ...] = ()
    seed: int = 1

    def rows(self, watts: Callable[[float], float]) -> list[tuple[float, float]]:
        lot = random.Random(self.seed)
        rows = []
        for n in range(int(self.duration_s / self.interval_s)):
            time_s = self.begin_s + n * self.interval_s
            if any(gap.begin_s <= time_s < gap.end_s for gap in self.gaps):
                continue
            if self.average_s:
                value = sum(watts(time_s - self.average_s * (k + 0.5) / 20) for k in range(20)) / 20
            else:
                value = watts(time_s)
            clock_s = self.clock_s + (time_s - self.begin_s) * (1 + self.drift)
            rows.append((clock_s, value + lot.gauss(0, self.noise_w)))
        return rows


def write(path: Path, rows: Sequence[tuple[float, float]], header: str = "time_s,power_w") -> Path:
    path.write_text(header + "\n" + "".join(f"{time_s:.6f},{watts:.6f}\n" for time_s, watts in rows))
    return path
