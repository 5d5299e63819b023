"""Puts labels beside markers so that nothing lies on anything else."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LETTER, WIDE_LETTER, LINE = 6.6, 12.5, 15.0
"""Pixels that a letter takes at 12 px in common sans-serif fonts, a little more than their mean; East Asian
letters; and the height of a line."""
_NEAR, _FAR = (4.0, 12.0, 24.0), (40.0, 60.0, 84.0, 112.0, 144.0, 180.0)
"""Pixels between a marker's edge and its label."""
_DIRECTIONS = 16
_BOLD = 1.13
"""Bold letters are about so much wider."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether they share any area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Whether the other lies inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True)
class Spot:
    """A marker in pixels. texts: what its label may say, the best first, the shortest last."""

    x: float
    y: float
    radius: float
    texts: tuple[str, ...]
    is_bold: bool = False

    @property
    def box(self) -> Box:
        """What the marker covers."""
        return Box(self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius)


@dataclass(frozen=True)
class Label:
    """A label in its place. is_far: whether a line should lead to its marker."""

    text: str
    box: Box
    is_far: bool


def place_labels(spots: Sequence[Spot], inside: Box, around: Sequence[Box] = ()) -> list[Label | None]:
    """A label for each marker, in their order; None where there is no room left at all.

    around: what else labels must not lie on, such as error bars. Those that come first choose first. A long
    text close by is best, then a short one close by, then the shortest further away.
    """
    taken = [*around, *(spot.box for spot in spots)]
    labels: list[Label | None] = []
    for spot in spots:
        label = next(_free(spot, inside, taken), None)
        labels.append(label)
        if label is not None:
            taken.append(label.box)
    return labels


def text_width(text: str) -> float:
    """About so many pixels at 12 px."""
    return sum(WIDE_LETTER if unicodedata.east_asian_width(letter) in "WF" else LETTER for letter in text)


def _free(spot: Spot, inside: Box, taken: Sequence[Box]) -> Iterator[Label]:
    for texts, distances in ((spot.texts, _NEAR), (spot.texts[-1:], _FAR)):
        for text in texts:
            for distance in distances:
                for box in _boxes(spot, text_width(text) * (_BOLD if spot.is_bold else 1), distance):
                    if inside.holds(box) and not any(box.meets(other) for other in taken):
                        yield Label(text, box, distance > _NEAR[1])


def _boxes(spot: Spot, width: float, distance: float) -> Iterator[Box]:
    """Around the marker: above right first, then alternately to both sides of that."""
    reach = spot.radius + distance
    for index in range(_DIRECTIONS):
        turn = (index + 1) // 2 * (1 if index % 2 else -1)
        angle = math.pi / 4 + turn * 2 * math.pi / _DIRECTIONS
        x, y = spot.x + reach * math.cos(angle), spot.y - reach * math.sin(angle)
        left = x - width * (1 - math.cos(angle)) / 2
        top = y - LINE * (1 + math.sin(angle)) / 2
        yield Box(left, top, left + width, top + LINE)
