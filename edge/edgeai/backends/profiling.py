"""What a runtime's own profiler tells: when each operator ran, and for how long. Which backend has one.

Profiling slows a model down, so a profiler is opened in a process of its own and never where latency is
measured; see `edgeai.measure.profile`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import BackendMissing, one_line

if TYPE_CHECKING:
    from ..bundle import Variant
    from . import Array, RunOptions

# By backend: `module:Class`. `tflite-runtime` has none that Python reaches.
PROFILERS: dict[str, str] = {
    "onnxruntime": "edgeai.backends.onnxruntime_profile:OnnxRuntimeProfiler",
    "litert": "edgeai.backends.litert_profile:LiteRtProfiler",
}


@dataclass(frozen=True)
class OperatorRun:
    """One operator in one run.

    place: tells it apart from others of its name; the same in every run. operator: its type.
    provider: short name of what ran it; None where the runtime does not say.
    start_s: since the run's start. duration_s: from start to end. own_s: less the operators inside it, so
    that own times add up. is_placed: whether `start_s` is only known from the order.
    """

    place: int
    name: str
    operator: str
    provider: str | None
    start_s: float
    duration_s: float
    own_s: float
    is_placed: bool = False


@dataclass(frozen=True)
class ProfiledRun:
    """One run of the model. latency_s: of the run as a whole, as the runtime timed it."""

    operators: tuple[OperatorRun, ...]
    latency_s: float


class Profiler(Protocol):
    """A model that is opened with the runtime's profiler on."""

    method: str
    """By which the figures came, for the report: stable, so that scripts can compare like with like."""
    scope: str
    """What the figures hold and do not hold, in a sentence for people."""
    resolution_s: float
    """The smallest time that an operator can be told to take."""

    @property
    def accelerator(self) -> str | None:
        """The provider that every operator should run on; None where there is no other than the CPU."""

    def run(self, inputs: Mapping[str, Array]) -> None:
        """Run once, by the file's own names. Raises RunError or InputError."""

    def finish(self) -> Sequence[ProfiledRun]:
        """All runs so far, in order; the model is closed."""


def open_profiler(backend: str, variant: Variant, options: RunOptions, folder: Path) -> Profiler:
    """Open a model for profiling.

    folder: where the runtime may write, of this profiler alone; the caller removes it.
    Raises BackendMissing where the backend has no profiler, else as `Backend.open`.
    """
    target = PROFILERS.get(backend)
    if target is None:
        have = ", ".join(PROFILERS)
        raise BackendMissing(f"{one_line(backend)} has no profiler that Python reaches; these have: {have}")
    module, _, cls = target.partition(":")
    profiler: Profiler = getattr(importlib.import_module(module), cls)(variant, options, folder)
    return profiler


def own_times(spans: Sequence[tuple[float, float]]) -> list[float]:
    """Each span's duration less those of the spans directly inside it.

    spans: (start, duration) on one thread, in the order of their starts, an outer one before an inner one
    that starts with it: they nest or lie apart.
    """
    own = [duration for _, duration in spans]
    open_spans: list[tuple[float, int]] = []
    for index, (start, duration) in enumerate(spans):
        while open_spans and open_spans[-1][0] <= start:
            open_spans.pop()
        if open_spans:
            own[open_spans[-1][1]] -= duration
        open_spans.append((start + duration, index))
    return own
