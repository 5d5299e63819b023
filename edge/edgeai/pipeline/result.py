"""What a pipeline answers, and how it is written as JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .values import Detections, Event, Image, Label, Labels, Outputs, Signal, Text


@dataclass(frozen=True)
class StageTime:
    """Seconds that one stage took: `pre` steps, the model, `post` steps. runs: of the model."""

    name: str
    pre_s: float = 0.0
    run_s: float = 0.0
    post_s: float = 0.0
    runs: int = 0

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.pre_s + self.run_s + self.post_s

    def __add__(self, other: StageTime) -> StageTime:
        return StageTime(
            self.name,
            self.pre_s + other.pre_s,
            self.run_s + other.run_s,
            self.post_s + other.post_s,
            self.runs + other.runs,
        )


@dataclass(frozen=True)
class Result:
    """An answer.

    value: what the pipeline's last stage (or the one that the manifest names) gave; of a recording the
        list of what it gave, window by window or event by event. None where a condition kept that stage
        from running.
    values: what every stage gave, by name; empty for results of a stream.
    start_s, end_s: the stretch of source time that it is about; None for a single image or text.
    stages: how long each stage took for it.
    parts: of a recording, the results one by one, with their times.
    """

    value: Any
    values: Mapping[str, Any] = field(default_factory=dict)
    start_s: float | None = None
    end_s: float | None = None
    stages: tuple[StageTime, ...] = ()
    parts: tuple[Result, ...] = ()

    def to_json(self) -> Any:
        """The value as plain JSON data."""
        return to_json(self.value)


def to_json(value: Any) -> Any:
    """A value of a pipeline as plain JSON data: numbers rounded to what they can mean.

    Detections become a list of objects, one for each thing found; arrays nested lists; pictures their size.
    """
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(each) for each in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # arrays and numpy's numbers
        return _finite(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json(dataclasses.asdict(value))
    if isinstance(value, float):
        return _finite(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for them."""
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)


def _detection(found: Detections, row: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"box": _pixels(found.boxes[row]), "score": _score(found.scores[row])}
    if found.labels is not None:
        entry["label"] = found.labels[row]
    elif found.classes is not None:
        entry["class"] = int(found.classes[row])
    if found.keypoints is not None:
        entry["keypoints"] = _pixels(found.keypoints[row])
    if found.polygons is not None:
        entry["polygon"] = _pixels(found.polygons[row])
    for name, rows in found.attached.items():
        value = to_json(rows[row])
        # A text of the same name as its field would read {"text": {"text": ...}}.
        entry[name] = value["text"] if isinstance(value, dict) and set(value) <= {"text", "score"} else value
    return entry


def _pixels(array: Any) -> Any:
    """A hundredth of a pixel is more than any model knows."""
    return _finite(array.astype("float64").round(2).tolist())


def _score(score: Any) -> float | None:
    value = round(float(score), 4)
    return value if math.isfinite(value) else None


def _seconds(seconds: float) -> float:
    return round(seconds, 6)


def _label(label: Label) -> Any:
    return {"label": label.name, "score": _score(label.score)}


def _text(text: Text) -> Any:
    return {"text": text.text} | ({} if text.score is None else {"score": _score(text.score)})


def _event(event: Event) -> Any:
    return {
        "event": event.name,
        "start_s": _seconds(event.start_s),
        "end_s": None if event.end_s is None else _seconds(event.end_s),
        "score": _score(event.score),
    }


def _image(image: Image) -> Any:
    height, width = image.pixels.shape[:2]
    return {"image": [int(width), int(height)]}


def _signal(signal: Signal) -> Any:
    return {
        "elements": len(signal.values),
        "rate_hz": signal.rate_hz,
        "start_s": _seconds(signal.start_s),
    }


_WRITERS: dict[type, Callable[[Any], Any]] = {
    Detections: lambda found: [_detection(found, row) for row in range(len(found))],
    Labels: lambda labels: [_label(label) for label in labels.top],
    Label: _label,
    Text: _text,
    Event: _event,
    Outputs: lambda outputs: {name: to_json(array) for name, array in outputs.answers.items()},
    Image: _image,
    Signal: _signal,
}
