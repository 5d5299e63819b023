"""Answers painted onto the image they are about: boxes, polygons, keypoints, names, scores and texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .errors import one_line
from .extras import require
from .pipeline.values import Detections, Labels, Text

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

    from .pipeline.values import Array

# Told apart with any colour vision: Okabe and Ito, Color Universal Design, 2008, without its black and with
# the bright ones first, which are seen on most photos.
_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#0072b2")
_LONGEST = 60  # letters of one tag


def draw(pixels: Array, value: Any) -> PillowImage:
    """A copy of the image with the answer on it.

    pixels: u8 [height, width, 1 | 3] grey or RGB, the source in whose pixels detections are given.
    value: Detections, Labels, Text, or a list of them; anything else paints nothing.
    Detections have outlines (polygons, where there are some, else boxes), keypoints and a tag: class, score
    and the texts and labels attached. Labels and Text become lines in the top left corner. Letters that
    Pillow's own font lacks appear as frames. Lines and letters grow with the image.
    """
    pillow = require("PIL.Image", "image", "drawing")
    image: PillowImage = pillow.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    painter = _Painter(image)
    captions: list[str] = []
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, Detections):
            painter.detections(each)
        captions += _words(each)
    painter.caption(captions)
    return image


class _Painter:
    def __init__(self, image: Any) -> None:
        self._draw = require("PIL.ImageDraw", "image", "drawing").Draw(image)
        self._width, self._height = image.size
        self._line = max(1, round(max(image.size) / 300))
        letters = max(10, round(max(image.size) / 60))
        self._font = require("PIL.ImageFont", "image", "drawing").load_default(letters)

    def detections(self, found: Detections) -> None:
        """Outlines first, so that no tag is crossed by one."""
        for row in range(len(found)):
            color = _color(found, row)
            points = [] if found.keypoints is None else self._points(found.keypoints[row])
            self._outline(self._corners(found, row), color)
            for x, y in points:
                self._dot(x, y, color)
        for row in range(len(found)):
            x, y = min(self._corners(found, row), key=lambda corner: (corner[1], corner[0]))
            self._tag(x, y, " ".join(_tag_words(found, row)), _color(found, row))

    def caption(self, lines: list[str]) -> None:
        """Lines in the top left corner."""
        if lines:
            self._text(self._line, self._line, "\n".join(lines), "black")

    def _corners(self, found: Detections, row: int) -> list[tuple[float, float]]:
        if found.polygons is not None:
            return self._points(found.polygons[row])
        left, top, right, bottom = found.boxes[row]
        return self._points([(left, top), (right, top), (right, bottom), (left, bottom)])

    def _points(self, points: Any) -> list[tuple[float, float]]:
        """Within the image; what is not finite goes to its start."""
        return [(_within(x, self._width), _within(y, self._height)) for x, y in points]

    def _outline(self, corners: list[tuple[float, float]], color: str) -> None:
        self._draw.line([*corners, *corners[:2]], fill=color, width=self._line, joint="curve")

    def _dot(self, x: float, y: float, color: str) -> None:
        radius = 2 * self._line
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)

    def _tag(self, x: float, y: float, text: str, color: str) -> None:
        """Above a point, or below it where the image ends."""
        if text:
            height = self._box(0, 0, text)[3] + self._line
            self._text(x, y - height if y >= height else y, text, color)

    def _text(self, x: float, y: float, text: str, color: str) -> None:
        x = max(0, min(x, self._width - self._box(0, 0, text)[2]))
        left, top, right, bottom = self._box(x, y, text)
        around = (left - self._line, top - self._line, right + self._line, bottom + self._line)
        self._draw.rectangle(around, fill=color)
        self._draw.multiline_text(
            (x, y), text, font=self._font, fill="white" if color == "black" else "black"
        )

    def _box(self, x: float, y: float, text: str) -> tuple[float, float, float, float]:
        left, top, right, bottom = self._draw.multiline_textbbox((x, y), text, font=self._font)
        return left, top, right, bottom


def _within(position: float, size: int) -> float:
    number = float(position)
    return max(0.0, min(number, size - 1.0)) if number == number else 0.0  # noqa: PLR0124 - NaN


def _color(found: Detections, row: int) -> str:
    return _COLORS[0 if found.classes is None else int(found.classes[row]) % len(_COLORS)]


def _tag_words(found: Detections, row: int) -> Iterator[str]:
    if found.labels is not None:
        yield one_line(found.labels[row], _LONGEST)
    elif found.classes is not None:
        yield str(int(found.classes[row]))
    yield f"{found.scores[row]:.2f}"
    for rows in found.attached.values():
        if row < len(rows):
            yield from _words(rows[row])


def _words(value: Any) -> list[str]:
    """Texts and labels as they are written on the image; nothing for other values."""
    if isinstance(value, Text):
        return [one_line(value.text, _LONGEST)]
    if isinstance(value, Labels):
        return [f"{one_line(label.name, _LONGEST)} {label.score:.2f}" for label in value.top]
    return []
