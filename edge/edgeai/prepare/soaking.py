"""Whether a way keeps its pace when it runs for long: boards get hot, and clocks go down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from ..measure.launch import DEFAULT_SILENCE_S, run_worker
from ..measure.long_runs import SoakMeasured
from ..measure.protocol import Request
from ..measure.soak import Block
from .trial import Lost

KEPT = 0.97
"""Of its first pace; less of it, where raw keeps its own, says that the way only won while it was cool."""


@dataclass(frozen=True)
class Soaked:
    """Pace at the end over pace at the start, of the way and of raw. raw: None where the way
    kept its own; kept: None where raw is taken and was not soaked.

    failed: labels of ways that fell behind before this one.
    """

    seconds: float
    kept: float | None
    raw: float | None = None
    failed: tuple[str, ...] = ()


def kept_pace(blocks: Sequence[Block]) -> float:
    """Calls a second in the last third over those in the first tenth, each the median over its blocks."""
    rates = [block.runs / block.duration_s for block in blocks]
    first = rates[: max(1, len(rates) // 10)]
    last = rates[-max(1, len(rates) // 3) :]
    return median(last) / median(first)


def falls_behind(kept: float, raw: float) -> bool:
    """Whether a way loses by heat what raw does not."""
    return kept < KEPT and raw >= KEPT


def soaked(request: Request, seconds: float) -> float:
    """Run so long; the share of its pace that it kept. Raises Lost for wrong outputs, WorkerError."""
    found = run_worker(
        SoakMeasured,
        replace(request, soak_s=seconds, probe=False, turns=False),
        on_event=lambda event: None,
        silence_s=DEFAULT_SILENCE_S,
    )
    if found.output_error is not None:
        raise Lost(f"its outputs are not raw's after {seconds:g} s: {found.output_error}")
    return kept_pace(found.blocks)
