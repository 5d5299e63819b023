"""An answer as a person reads it: a line with where it came from, when, and what it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import one_line
from ..pipeline.result import to_json
from ..pipeline.values import Detections, Event, Label, Labels, Outputs, Text

if TYPE_CHECKING:
    from ..answer import Answer

_MOST = 5  # of things found, labels or tensors in one line
_LONGEST = 200  # letters


def answer_line(answer: Answer) -> str:
    """Such as `door.jpg  12.3 ms  2 found: cat 0.90, dog 0.60`."""
    drawn = "" if answer.drawn is None else f"  -> {one_line(answer.drawn)}"
    return f"{one_line(answer.source)}  {_when(answer)}  {words(answer.result.value)}{drawn}"


def words(value: Any) -> str:
    """A value of a pipeline in few words."""
    write = next((write for kind, write in _WRITERS.items() if isinstance(value, kind)), _plain)
    return write(value)


def _when(answer: Answer) -> str:
    result = answer.result
    if result.start_s is None or result.end_s is None:
        return f"{answer.latency_s * 1e3:.1f} ms"
    return f"{result.start_s:.3f}-{result.end_s:.3f} s"


def _detections(found: Detections) -> str:
    entries = []
    for row in range(min(len(found), _MOST + 1)):
        kind = "" if found.classes is None else f"class {int(found.classes[row])} "
        name = kind if found.labels is None else f"{one_line(found.labels[row])} "
        attached = [words(rows[row]) for rows in found.attached.values() if rows[row] is not None]
        entries.append(" ".join([f"{name}{found.scores[row]:.2f}", *attached]))
    return f"{len(found)} found" + (f": {_several(entries, ', ', len(found))}" if entries else "")


def _label(label: Label) -> str:
    return _scored(label.name, label.score)


def _scored(name: str, score: float | None) -> str:
    return one_line(name, _LONGEST) + ("" if score is None else f" {score:.2f}")


def _several(entries: list[str], between: str, count: int | None = None) -> str:
    left = (len(entries) if count is None else count) - _MOST
    return between.join(entries[:_MOST]) + (f"{between}{left} more" if left > 0 else "")


def _plain(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape and getattr(value, "size", 0) > _MOST:
        numbers = value if value.dtype.kind in "biuf" else None
        ends = "" if numbers is None else f", {float(numbers.min()):.4g} to {float(numbers.max()):.4g}"
        return f"{value.dtype}{list(shape)}{ends}"
    return one_line(json.dumps(to_json(value)), _LONGEST)


_WRITERS: dict[Any, Callable[[Any], str]] = {
    type(None): lambda _: "nothing",
    Detections: _detections,
    Labels: lambda labels: _several([_label(label) for label in labels.top], ", ") or "no label",
    Label: _label,
    Event: lambda event: _scored(event.name, event.score),
    Text: lambda text: _scored(repr(text.text), text.score),
    Outputs: lambda outputs: words(outputs.tensors),
    Mapping: lambda named: _several([f"{one_line(key)} {words(each)}" for key, each in named.items()], "; "),
    list: lambda several: _several([words(each) for each in several], "; ") or "nothing",
}
