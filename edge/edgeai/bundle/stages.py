"""Reads a manifest's pipeline: stages, steps, batches and conditions."""

from __future__ import annotations

from collections.abc import Mapping

from .declared import Batch, Condition, RunStage, Stage, StepCall, StepStage
from .json_table import NAME, JsonTable, one_of
from .types import Model

_STEP = r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*@[1-9][0-9]*"
SOURCE = "source"
"""The name of what comes into a pipeline."""


def parse_stages(tables: tuple[JsonTable, ...], models: Mapping[str, Model]) -> tuple[Stage, ...]:
    """The stages in order; each may take what those before it call theirs. Raises ManifestError."""
    stages: list[Stage] = []
    values = {SOURCE}
    for table in tables:
        stage = _stage(table, models, values)
        if stage.as_ in values:
            table.fail("as", f"is {stage.as_!r}, which an earlier value is called too")
        values.add(stage.as_)
        stages.append(stage)
    return tuple(stages)


def _stage(table: JsonTable, models: Mapping[str, Model], values: set[str]) -> Stage:
    where = table.key
    from_ = table.text("from") if table.has("from") else SOURCE
    if from_ not in values:
        table.fail("from", f"is {from_!r}; give one of: {', '.join(sorted(values))}")
    only_if = _condition(table.table("only_if"), values) if table.has("only_if") else None
    if table.has("run"):
        name = one_of(table, "run", models)
        as_ = table.matching("as", NAME, "a name for what comes out") if table.has("as") else name
        stage = RunStage(
            model=name,
            from_=from_,
            as_=as_,
            pre=_calls(table, "pre"),
            post=_calls(table, "post"),
            batch=_batch(table),
            only_if=only_if,
            where=where,
        )
        if stage.batch is not None and models[name].state:
            table.fail("batch", f"cannot be: {name!r} keeps state, which goes from one item to the next")
        for key in table.names():
            table.fail(key, "is no key of a stage that runs a model")
        return stage
    if not table.has("op"):
        table.fail("", "has neither `run` nor `op`")
    as_ = table.matching("as", NAME, "a name for what comes out")
    return StepStage(_call(table, where), from_, as_, only_if, where)


def _calls(table: JsonTable, key: str) -> tuple[StepCall, ...]:
    return tuple(_call(each, each.key) for each in table.tables(key))


def _call(table: JsonTable, where: str) -> StepCall:
    op = table.matching("op", _STEP, "a step with its version, such as resize@1")
    return StepCall(op, {name: table.any(name) for name in table.names()}, where)


def _batch(table: JsonTable) -> Batch | None:
    value = table.any("batch")
    if value in (None, False):
        return None
    if value is True:
        return Batch(max=8)  # a board's caches and RAM gain little from more
    if not isinstance(value, dict):
        table.fail("batch", "is neither true, false nor an object")
    inner = JsonTable(table.file, value, f"{table.key}.batch")
    batch = Batch(inner.count("max"), float(inner.number("pad")) if inner.has("pad") else None)
    inner.done()
    return batch


def _condition(table: JsonTable, values: set[str]) -> Condition:
    from_ = table.text("from")
    if from_ not in values or from_ == SOURCE:
        table.fail(
            "from", f"is {from_!r}; give one of: {', '.join(sorted(values - {SOURCE})) or '(none yet)'}"
        )
    condition = Condition(
        from_=from_,
        above=float(table.number("above")),
        hold_s=table.positive("hold_s") if table.has("hold_s") else 0.0,
        lead_s=table.positive("lead_s") if table.has("lead_s") else 0.0,
    )
    table.done()
    return condition
