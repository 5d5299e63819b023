"""`[settings]` of a suite: how its models are measured, in the words of the command line, which go before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import click

from edgeai.backends import BACKENDS, is_own
from edgeai.table import Table

from . import options
from .plan import QUICK, Plan

Value = TypeVar("Value")


@dataclass(frozen=True)
class SuiteSettings:
    """None, and empty, where a suite does not say."""

    quick: bool = False
    processes: int | None = None
    min_runs: int | None = None
    min_time_s: float | None = None
    max_time_s: float | None = None
    warm_up_s: float | None = None
    threads: tuple[int, ...] = ()
    backends: tuple[str, ...] = ()

    def below(self, *, quick: bool) -> SuiteSettings:
        """What is left of them where the user says `--quick`: that is a whole set of times and counts."""
        if not quick:
            return self
        return SuiteSettings(quick=True, threads=self.threads, backends=self.backends)


def settled(said: SuiteSettings, suite: SuiteSettings | None) -> SuiteSettings:
    """What the command line says, and where it says nothing, what the suite does."""
    if suite is None:
        return said
    suite = suite.below(quick=said.quick)
    return SuiteSettings(
        quick=said.quick or suite.quick,
        processes=said.processes or suite.processes,
        min_runs=said.min_runs or suite.min_runs,
        min_time_s=suite.min_time_s if said.min_time_s is None else said.min_time_s,
        max_time_s=suite.max_time_s if said.max_time_s is None else said.max_time_s,
        warm_up_s=suite.warm_up_s if said.warm_up_s is None else said.warm_up_s,
        threads=said.threads or suite.threads,
        backends=said.backends or suite.backends,
    )


def read_settings(table: Table) -> SuiteSettings:
    """Of a table `settings`. Raises ConfigError."""
    settings = SuiteSettings(
        quick=table.flag("quick"),
        processes=table.count("processes") if table.has("processes") else None,
        min_runs=table.count("min_runs") if table.has("min_runs") else None,
        min_time_s=_duration(table, "min_time"),
        max_time_s=_duration(table, "max_time"),
        warm_up_s=_duration(table, "warm_up"),
        threads=_listed(table, "threads", options.numbers),
        backends=_listed(table, "backends", options.names),
    )
    table.done()
    _check(table, settings)
    return settings


def _duration(table: Table, key: str) -> float | None:
    if not table.has(key):
        return None
    value = table.any(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:f}"  # seconds, as a bare number of the command line
    return _read(table, key, value, options.duration, 'a duration, such as "500ms" or "10s"')


def _listed(table: Table, key: str, read: Callable[[str], tuple[Value, ...]]) -> tuple[Value, ...]:
    """`2`, `"1,2"` or `[1, 2]`."""
    if not table.has(key):
        return ()
    value = table.any(key)
    parts = value if isinstance(value, list) else [value]
    text = None if any(isinstance(part, bool) for part in parts) else ",".join(map(str, parts))
    found = _read(table, key, text, read, "one, or a list of them")
    if not found:
        table.fail(key, "is empty; give one, or leave it out")
    return tuple(dict.fromkeys(found))


def _read(table: Table, key: str, value: object, read: Callable[[str], Value], wanted: str) -> Value:
    if not isinstance(value, str):
        table.fail(key, f"is {value!r}; give {wanted}")
    try:
        return read(value)
    except click.BadParameter as error:
        table.fail(key, f"is wrong: {error.message}")


def _check(table: Table, settings: SuiteSettings) -> None:
    for name in settings.backends:
        if name not in BACKENDS and not is_own(name):
            table.fail("backends", f"holds {name!r}, which is no backend; known: {', '.join(BACKENDS)}")
    base = (QUICK if settings.quick else Plan()).stop
    min_s = base.min_s if settings.min_time_s is None else settings.min_time_s
    if settings.max_time_s is not None and settings.max_time_s < min_s:
        table.fail("max_time", f"is {settings.max_time_s:g} s, shorter than min_time, which is {min_s:g} s")
