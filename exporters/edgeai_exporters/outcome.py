"""What an export found out: every variant that was tried, which were shipped, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """A latency as a share of its float source's, paired in one process: below 1 is faster. 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Tried:
    """One variant.

    id: as in the manifest, such as `onnx-int8-static`. scheme: None for the float file itself.
    quality: as in the manifest's `quality`, see `parity`; None where it was not proven, such as one that the
        search left behind. latency_s: median on `Outcome.machine`; ratio: against the float file of the same
        format. Both None where nothing was measured, `latency_reason` says why.
    kept: layers that stay in higher precision. is_pareto: whether no other is better in quality, latency and
        size at once. why: why it is shipped or not, in words.
    """

    id: str
    format: str
    precision: str
    scheme: str | None
    size_bytes: int
    is_shipped: bool
    why: str
    quality: Mapping[str, Any] | None = None
    latency_s: float | None = None
    ratio: Ratio | None = None
    latency_reason: str = ""
    kept: tuple[str, ...] = ()
    layers: int = 0
    is_pareto: bool = False


@dataclass(frozen=True)
class Layer:
    """How much one layer costs and brings when it alone is quantized by a scheme.

    loss: of the metric, or 1 - cosine. gain_s: time saved; None where not measured.
    """

    variant: str
    name: str
    operator: str
    loss: float
    gain_s: float | None
    is_kept: bool


@dataclass(frozen=True)
class Outcome:
    """The whole export.

    data, budget, machine: in words. calibration: `data`, `random` or `none`. seconds: how long it took.
    warnings: each a sentence. bundle: where it was written; identity of the bundle.
    max_drop, min_cosine: the budget as numbers, as in `Budget`; the report draws them as a line.
    settings: of the request by its field names, of which the report makes the command that gives the same
        again; `command`, a list of words, counts instead where it is there.
    """

    name: str
    bundle: str
    identity: str
    provenance: Mapping[str, Any]
    data: str
    calibration: str
    budget: str
    machine: str
    tried: tuple[Tried, ...]
    layers: tuple[Layer, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    max_drop: float | None = None
    min_cosine: float | None = None
