"""Variants of a bundle side by side: size, quality, cost; in lines below, what the table has no room for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from ..errors import one_line
from ..quantities import bytes_text, count_text, share_text
from ..variant_facts import VariantFacts
from .output import table

# What the table and the words below it tell of an entry of `quality`; everything else is told by its key.
_TOLD = frozenset(
    {
        *("model", "variant", "format", "backend", "kind", "size_bytes", "passes", "probes", "latency"),
        *("calibration", "cosine", "metric", "value", "interval", "drop", "drop_interval"),
        *("problems", "data", "samples"),
    }
)
_WORDS = {
    "worst_cosine": "worst cosine",
    "top1_agreement": "top-1 agreement",
    "max_error": "largest error",
    "mean_error": "mean error",
}


def warnings_of(facts: Sequence[VariantFacts]) -> Iterator[str]:
    """What nobody may overlook."""
    noisy = [f"{each.model}/{each.id}" for each in facts if each.is_calibrated_on_noise]
    if noisy:
        names = one_line(", ".join(noisy))
        yield f"WARNING: calibrated on random data: {names}; how good that is on real data is not known"


def variant_lines(facts: Sequence[VariantFacts], *, verbose: bool) -> Iterator[str]:
    """Of one model: a table where there is something to compare or to tell, else a line of costs if any."""
    if len(facts) == 1 and not facts[0].quality:
        cost = _cost_words(facts[0].cost or {}, verbose)
        yield from ([f"costs {cost}"] if cost else [])
        return
    rows = [_row(each) for each in facts]
    columns = _columns(rows)
    right = frozenset(place for place, name in enumerate(columns) if name in _RIGHT)
    yield from table([[row.get(name, "-") for name in columns] for row in rows], columns, right).splitlines()
    for each in facts:
        words = [word for entry in each.quality for word in _quality_words(entry)]
        if verbose:
            words += _doubts(each.cost or {})
        if words:
            yield f"{one_line(each.id)}: {'; '.join(words)}"


def _columns(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """All that any row has; costs last, in their own order."""
    names = dict.fromkeys(key for row in rows for key in row)
    return [name for name in names if name not in _COSTS] + [name for name in _COSTS if name in names]


_COSTS = ("MACs", "activations", "RAM")
_RIGHT = frozenset({"size", "cosine", "MACs", "activations", "RAM"})


def _row(facts: VariantFacts) -> dict[str, str]:
    cost = facts.cost or {}
    row = {
        "variant": one_line(facts.id),
        "format": one_line(facts.format),
        "precision": one_line(facts.precision or "-"),
        "size": bytes_text(facts.size_bytes),
    }
    for entry in facts.quality:
        row |= _quality_cells(entry)
    for column, key, show in (
        ("MACs", "multiply_accumulates", count_text),
        ("activations", "activation_bytes", bytes_text),
        ("RAM", "peak_memory_bytes", bytes_text),
    ):
        value = cost.get(key)
        if _is_number(value):
            row[column] = show(value)
    return row


def _quality_cells(entry: Mapping[str, Any]) -> dict[str, str]:
    metric = entry.get("metric")
    found = metric if isinstance(metric, Mapping) else {**entry, "name": metric}
    cells = {}
    if _is_number(entry.get("cosine")):
        cells["cosine"] = share_text(entry["cosine"])
    name = one_line(found.get("name") or "metric", 20)
    # The cosine as a metric stands in its own column already.
    if _is_number(found.get("value")) and name not in cells:
        cells[name] = _with_interval(found["value"], found.get("interval"))
    if _is_number(found.get("drop")):
        cells["drop"] = _with_interval(found["drop"], found.get("drop_interval"))
    return cells


def _with_interval(value: float, interval: object) -> str:
    ends = [each for each in interval if _is_number(each)] if isinstance(interval, list) else []
    return share_text(value) + (f" [{share_text(ends[0])}, {share_text(ends[1])}]" if len(ends) == 2 else "")


def _quality_words(entry: Mapping[str, Any]) -> Iterator[str]:
    for key, value in entry.items():
        if key in _TOLD:
            continue
        if _is_number(value) or isinstance(value, str):
            shown = share_text(value) if _is_number(value) else value
            yield one_line(f"{_WORDS.get(key, key)} {shown}", 80)
        elif value is not None:
            yield one_line(f"{_WORDS.get(key, key)} {json.dumps(value)}", 80)
    samples, data = entry.get("samples"), entry.get("data")
    if samples is not None or data is not None:
        on = f"{samples} samples" if samples is not None else "samples"
        yield one_line(f"on {on}" + (f" of {data}" if data is not None else ""), 120)
    problems = entry.get("problems")
    if problems:
        told = problems if isinstance(problems, list) else [problems]
        yield "PROBLEMS: " + "; ".join(one_line(problem, 160) for problem in told)


def _cost_words(cost: Mapping[str, Any], verbose: bool) -> str:
    words = []
    if _is_number(cost.get("multiply_accumulates")) and cost["multiply_accumulates"]:
        words.append(f"{count_text(cost['multiply_accumulates'])} multiply-accumulates")
    if _is_number(cost.get("activation_bytes")):
        words.append(f"activations {bytes_text(cost['activation_bytes'])}")
    if _is_number(cost.get("peak_memory_bytes")):
        words.append(f"about {bytes_text(cost['peak_memory_bytes'])} of RAM beside the runtime")
    if words and isinstance(cost.get("inputs"), Mapping):
        words.append(f"at {_shapes(cost['inputs'])}")
    return one_line(", ".join(words + (_doubts(cost) if verbose else [])), 400)


def _doubts(cost: Mapping[str, Any]) -> list[str]:
    """What is not known of the costs, and what to know about them."""
    unavailable, notes = cost.get("unavailable"), cost.get("notes")
    found = []
    if isinstance(unavailable, Mapping):
        found += [f"{key} unknown: {reason}" for key, reason in unavailable.items()]
    found += notes if isinstance(notes, list) else []
    return [one_line(each, 160) for each in found]


def _shapes(inputs: Mapping[str, Any]) -> str:
    return " ".join(
        f"{name}:{'x'.join(map(str, shape)) if isinstance(shape, list) else '?'}"
        for name, shape in inputs.items()
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
