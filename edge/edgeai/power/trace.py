"""What a sampler saw of a meter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .meter import MeterInfo


@dataclass(frozen=True)
class Span:
    """A stretch of time, in seconds of `time.monotonic()`, which Linux processes share."""

    begin_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """How long."""
        return self.end_s - self.begin_s


@dataclass(frozen=True)
class Trace:
    """Reads of a meter in the order of time.

    times_s: `time.monotonic()` in the middle of each read that gave something, rising.
    values: of each such read the rails' values, as `Meter.read` gave them (counters not unwrapped).
    failed_s: when reads gave nothing. read_s: median duration of a read. period_s: what was asked for.
    pauses: spans in which nobody meant to sample; they are no gaps.
    """

    meter: MeterInfo
    times_s: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    failed_s: tuple[float, ...]
    read_s: float
    period_s: float
    pauses: tuple[Span, ...] = ()
