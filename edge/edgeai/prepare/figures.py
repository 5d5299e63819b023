"""What a way of running a model costs, as the search measures it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from ..measure.protocol import Phase, Turn, Turned


@dataclass(frozen=True)
class Figures:
    """Of one process, or the middle of several.

    latency_s: p50 of a call. latency_ratio: to raw's, over turns that ran next to each other, which is more
    exact than the ratio of the latencies. load_s, first_s: opening the model, and its first run.
    anonymous_bytes, peak_bytes: RssAnon when all has run, and VmHWM from the load on, both above the
    baseline; None where the kernel does not say. cpu_s: CPU time of a call, of all threads.
    """

    latency_s: float
    latency_ratio: float
    load_s: float
    first_s: float
    anonymous_bytes: int | None
    peak_bytes: int | None
    cpu_s: float

    @property
    def to_first_s(self) -> float:
        """From the call that opens the model to its first result."""
        return self.load_s + self.first_s

    def to_dict(self) -> dict[str, float]:
        """By name with its unit; what is not known is left out."""
        every = {
            "latency_s": self.latency_s,
            "latency_ratio": self.latency_ratio,
            "load_s": self.load_s,
            "first_s": self.first_s,
            "anonymous_bytes": self.anonymous_bytes,
            "peak_bytes": self.peak_bytes,
            "cpu_s": self.cpu_s,
        }
        return {name: value for name, value in every.items() if value is not None}


def figures_of(own: Sequence[Turn], raw: Sequence[Turn], told: Turned) -> Figures:
    """Of a process that took turns with raw; turn i of both ran next to each other."""
    phases = {phase.name: phase for phase in told.phases}
    ratios = [one.median_ns / max(other.median_ns, 1) for one, other in zip(own, raw, strict=True)]
    return Figures(
        latency_s=median(turn.median_ns for turn in own) / 1e9,
        latency_ratio=median(ratios),
        load_s=phases["load"].duration_s,
        first_s=phases["first inference"].duration_s,
        anonymous_bytes=_less(
            _most(told.phases, lambda phase: phase.memory.anonymous_bytes),
            phases["baseline"].memory.anonymous_bytes,
        ),
        peak_bytes=_less(
            _most(told.phases, lambda phase: phase.memory.peak_bytes),
            phases["baseline"].memory.resident_bytes,
        ),
        cpu_s=sum(turn.cpu_s for turn in own) / sum(turn.runs for turn in own),
    )


def middle(each: Sequence[Figures]) -> Figures:
    """The median of each figure; of the ratio the geometric mean, and of loads the shortest.

    What disturbs a load only ever makes it longer.
    """
    return Figures(
        latency_s=median(one.latency_s for one in each),
        latency_ratio=math.exp(sum(math.log(one.latency_ratio) for one in each) / len(each)),
        load_s=min(one.load_s for one in each),
        first_s=min(one.first_s for one in each),
        anonymous_bytes=_middle([one.anonymous_bytes for one in each]),
        peak_bytes=_middle([one.peak_bytes for one in each]),
        cpu_s=median(one.cpu_s for one in each),
    )


_AFTER_BASELINE = ("load", "first inference", "warm-up", "turns")


def _most(phases: Sequence[Phase], of: Callable[[Phase], int | None]) -> int | None:
    known = [value for phase in phases if phase.name in _AFTER_BASELINE for value in [of(phase)] if value]
    return max(known, default=None)


def _less(value: int | None, baseline: int | None) -> int | None:
    return None if value is None or baseline is None else max(value - baseline, 0)


def _middle(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(median(known)) if len(known) == len(values) else None
