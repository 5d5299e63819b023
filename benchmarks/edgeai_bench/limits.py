"""Limits of a suite: what a figure of a run has to keep, such as `p95_ms = 20`. See `judging` for how."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgeai.table import Table

AT_MOST, AT_LEAST = "<=", ">="


@dataclass(frozen=True)
class LimitedFigure:
    """A figure that can be limited. scale: the unit of its name, in SI. sense: which side is allowed."""

    scale: float
    sense: str = AT_MOST


_MS, _MB, _MJ = 1e-3, 1e6, 1e-3  # decimal, as everywhere in edgeai
LIMITED: dict[str, LimitedFigure] = {
    "p50_ms": LimitedFigure(_MS),
    "p90_ms": LimitedFigure(_MS),
    "p95_ms": LimitedFigure(_MS),
    "p99_ms": LimitedFigure(_MS),
    "mean_ms": LimitedFigure(_MS),
    "cpu_ms": LimitedFigure(_MS),
    "load_ms": LimitedFigure(_MS),
    "first_result_ms": LimitedFigure(_MS),
    "peak_mb": LimitedFigure(_MB),
    "incremental_mb": LimitedFigure(_MB),
    "size_mb": LimitedFigure(_MB),
    "energy_mj": LimitedFigure(_MJ),
    "throughput_hz": LimitedFigure(1.0, AT_LEAST),
}
"""By the key in a suite."""


@dataclass(frozen=True)
class Limit:
    """name: a key of LIMITED. bound: in the unit of the name, above 0."""

    name: str
    bound: float

    @property
    def sense(self) -> str:
        """`<=`, or `>=` for what has a least value."""
        return LIMITED[self.name].sense

    def __str__(self) -> str:
        return f"{self.name} {self.sense} {self.bound:g}"


@dataclass(frozen=True)
class LimitVerdict:
    """What one limit says of one run. value, low, high: the figure and its 95 % interval, in the unit of the
    name; None where unknown. backend, threads: None where the model was not measured at all.

    verdict: `passed`, `failed`, `undecided` or `unavailable`. reason: of the last two; None else.
    """

    model: str
    backend: str | None
    threads: int | None
    name: str
    sense: str
    bound: float
    value: float | None
    low: float | None
    high: float | None
    verdict: str
    reason: str | None


PASSED, FAILED, UNDECIDED, UNAVAILABLE = "passed", "failed", "undecided", "unavailable"


def read_limits(table: Table) -> dict[str, Limit]:
    """The limits of a table `limits`, by name: numbers, or texts such as "<= 20". Raises ConfigError."""
    limits = {}
    for name in table.names():
        if name not in LIMITED:
            table.fail(name, f"cannot be limited; what can be: {', '.join(LIMITED)}")
        limits[name] = Limit(name, _bound(table, name))
    return limits


_TEXT = re.compile(r"\s*(<=|>=)\s*(\d{1,12}(?:\.\d{1,12})?)\s*", re.ASCII)


def _bound(table: Table, name: str) -> float:
    value, sense = table.any(name), LIMITED[name].sense
    wanted = f'give a number above 0, such as {name} = 20, or a text, such as {name} = "{sense} 20"'
    if isinstance(value, str):
        found = _TEXT.fullmatch(value)
        if found is None:
            table.fail(name, f"is {value!r}; {wanted}")
        if found[1] != sense:
            side = "a largest" if sense == AT_MOST else "a least"
            table.fail(name, f"is {value!r}, but {name} has {side} value; {wanted}")
        value = float(found[2])
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        table.fail(name, f"is {value!r}; {wanted}")
    return float(value)


def merged(suite: Mapping[str, Limit], own: Mapping[str, Limit]) -> tuple[Limit, ...]:
    """Those of the whole suite and a model's own, which go before, in the order of LIMITED."""
    every = {**suite, **own}
    return tuple(every[name] for name in LIMITED if name in every)
