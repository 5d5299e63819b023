"""What a comparison found, as it is written to JSON (`comparison.schema.json`) and rendered.

Times are seconds, sizes bytes; None is unknown, and `unavailable` says why.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..report import Doubt

SCHEMA_VERSION = 1
KIND = "edgeai.bench.comparison"
SLOWER, BIGGER = "slower", "bigger"


@dataclass(frozen=True)
class Kind:
    """A figure that is compared. gate: which limit it is held against."""

    name: str
    label: str
    unit: str
    gate: str


KINDS = (
    Kind("latency_p50", "latency p50", "s", SLOWER),
    Kind("load", "load", "s", SLOWER),
    Kind("cpu_s_per_inference", "CPU per inference", "s", SLOWER),
    Kind("ram_peak", "RAM peak", "bytes", BIGGER),
    Kind("ram_incremental", "RAM above the baseline", "bytes", BIGGER),
)
"""In the order in which they are shown."""


@dataclass(frozen=True)
class Side:
    """One of the two programs."""

    name: str
    path: str
    sha256: str
    backend: str
    library_version: str
    provider: str | None
    threads: int


@dataclass(frozen=True)
class Change:
    """One figure of both sides.

    a, b: median over processes. ratio: B / A with its 95 % interval, low to high. p_value: Mann-Whitney's,
    over processes. a_each, b_each: of each process, in order. unavailable: why there is no ratio, None where
    there is one.
    """

    figure: str
    a: float | None
    b: float | None
    ratio: float | None
    low: float | None
    high: float | None
    p_value: float | None
    a_each: tuple[float | None, ...]
    b_each: tuple[float | None, ...]
    unavailable: str | None


@dataclass(frozen=True)
class TurnRecord:
    """The turns of one pair of living processes: medians of each turn, turn i of both next to each other."""

    b_first: bool
    cpus: tuple[int, ...]
    a_ns: tuple[int, ...]
    b_ns: tuple[int, ...]
    a_cpu_s: tuple[float, ...]
    b_cpu_s: tuple[float, ...]


@dataclass(frozen=True)
class Compared:
    """A model, or two, compared. method: `saved` or `turns`. turns: one a pair; empty where saved."""

    name: str
    method: str
    a: Side
    b: Side
    changes: tuple[Change, ...]
    warnings: tuple[Doubt, ...]
    turns: tuple[TurnRecord, ...] = ()


@dataclass(frozen=True)
class Judged:
    """One figure of one model against a limit.

    limit: as a share, 0.05 for 5 %. outcome: `passed`, `failed`, or `unjudged` where there is no interval.
    """

    name: str
    figure: str
    gate: str
    limit: float
    outcome: str
    text: str


@dataclass(frozen=True)
class Floor:
    """What the self-test says of one figure: B is A, so that every change it shows is noise.

    visible: half width of the interval, a change that is found in half of the runs. sure: one that is found
    in all but 2.5 %. safe_limit: how far the interval reaches, so that a gate there stays silent. All shares.
    """

    figure: str
    visible: float
    sure: float
    safe_limit: float


def document(
    compared: Sequence[Compared],
    judged: Sequence[Judged] = (),
    unpaired: Sequence[str] = (),
    floor: Sequence[Floor] = (),
) -> dict[str, Any]:
    """The JSON document of a whole command."""
    return {
        "schema": SCHEMA_VERSION,
        "kind": KIND,
        "comparisons": [dataclasses.asdict(each) for each in compared],
        "gates": [dataclasses.asdict(each) for each in judged],
        "unpaired": list(unpaired),
        "self_test": [dataclasses.asdict(each) for each in floor],
    }
