"""The values that flow through a pipeline, each with what later steps need to know of where it came from.

Numpy is needed to make them, but not to import this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Asset = Path
"""Annotation of a step's parameter that names a file of the bundle; the step gets its path on this device."""

Ref = Any
"""Annotation of a step's parameter that names another value of the pipeline; the step gets the value."""


@dataclass(frozen=True)
class Image:
    """A picture, or a part of one.

    pixels: u8 or f32 [height, width, channels] until a step lays it out for a model (`layout@1`).
    to_source: f64 [2, 3], takes (x, y, 1) in these pixels to (x, y) in the source's. Coordinates are of
        pixel edges: the first pixel spans 0 to 1, so a picture that is halved has the factors 2 and no shift.
    source_size: width and height of the source in pixels.
    color: what the channels are, in order: `RGB`, `BGR`, `GRAY`, `YUV`.
    """

    pixels: Array
    to_source: Array
    source_size: tuple[int, int]
    color: str = "RGB"


@dataclass(frozen=True)
class Signal:
    """Elements that follow each other in time: samples of sound, or frames of features.

    values: [n] samples, or [n, ...] frames; f32 unless a step says otherwise. n may be 0.
    rate_hz: elements a second.
    start_s: source time at which the first element starts.
    width_s: how much of the source one element covers; 0 means just 1 / rate_hz. Frames overlap.
    """

    values: Array
    rate_hz: float
    start_s: float = 0.0
    width_s: float = 0.0


@dataclass(frozen=True)
class Outputs:
    """What a model gave: tensors by name, as `Session.run` returns them.

    feed: the value that went in after the `pre` steps, before it became arrays: an Image with its way back to
        the source, a Signal with its times, or whatever the source was.
    state: names of those that are fed back to the model: no answer, unless a step names one.
    """

    tensors: Mapping[str, Array]
    feed: Any = None
    state: tuple[str, ...] = ()

    @property
    def answers(self) -> dict[str, Array]:
        """The tensors without those that are fed back."""
        return {name: array for name, array in self.tensors.items() if name not in self.state}


@dataclass(frozen=True)
class Detections:
    """Things found in an image, best first; all arrays have N rows. Coordinates are source pixels (edges).

    boxes: f32 [N, 4], left, top, right, bottom. scores: f32 [N], 0 to 1.
    classes: i64 [N]; None where there is one kind. labels: names of the classes, by row.
    keypoints: f32 [N, K, 2]. polygons: f32 [N, 4, 2], clockwise from the text's top left corner.
    attached: further results by name, one for each row (`attach@1`).
    """

    boxes: Array
    scores: Array
    classes: Array | None = None
    labels: tuple[str, ...] | None = None
    keypoints: Array | None = None
    polygons: Array | None = None
    attached: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Label:
    """One class with its probability; name is the index as text where the bundle has no names."""

    index: int
    name: str
    score: float


@dataclass(frozen=True)
class Labels:
    """The best classes, best first."""

    top: tuple[Label, ...]


@dataclass(frozen=True)
class Text:
    """Something that was read or said. score: 0 to 1, mean probability of the characters; None if unknown."""

    text: str
    score: float | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened in a stream. end_s: None while it is not known; score: 0 to 1."""

    name: str
    start_s: float
    end_s: float | None
    score: float
