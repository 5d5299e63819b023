"""How well a page was read: character errors, and how far boxes lie from the ink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.pages import Line, Page

if TYPE_CHECKING:
    from numpy.typing import NDArray

Found = tuple[Any, str]
"""Corners [4, 2] in pixels of the page, in any order, and what was read there."""


@dataclass(frozen=True)
class Score:
    """characters: of the page. errors: insertions, deletions and substitutions that make the page of what was
    read. box_errors: f64 [lines, 4], pixels by which the left, top, right and bottom edge of what was found
    lies beyond the ink's, along the line's own axes; negative inside, NaN for a line that was not found.
    extra: boxes beyond one a line.
    """

    characters: int
    errors: int
    box_errors: NDArray[np.float64]
    extra: int


def score(page: Page, found: Sequence[Found]) -> Score:
    """Compare line by line, matched by where they are; a line found in parts is put together with spaces."""
    parts: list[list[tuple[NDArray[np.float64], str]]] = [[] for _ in page.lines]
    lost = 0
    for corners, text in found:
        local = [_along(line, np.asarray(corners, np.float64)) for line in page.lines]
        inside = [_holds_middle(line, box) for line, box in zip(page.lines, local, strict=True)]
        if any(inside):
            parts[inside.index(True)].append((local[inside.index(True)], text))
        else:
            lost += len(text)
    errors, box_errors = lost, []
    for line, read in zip(page.lines, parts, strict=True):
        read.sort(key=lambda part: part[0][:, 0].min())
        errors += edit_distance(line.text, " ".join(text for _, text in read))
        box_errors.append(_beyond(line, [box for box, _ in read]))
    characters = sum(len(line.text) for line in page.lines)
    return Score(characters, errors, np.array(box_errors), len(found) - sum(bool(read) for read in parts))


def edit_distance(wanted: str, found: str) -> int:
    """Levenshtein's: the fewest insertions, deletions and substitutions."""
    row = list(range(len(found) + 1))
    for index, left in enumerate(wanted, start=1):
        corner, row[0] = row[0], index
        for column, right in enumerate(found, start=1):
            corner, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, corner + (left != right)),
            )
    return row[-1]


def _along(line: Line, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points in the line's own axes: along the text, and down, in pixels from the ink's top left."""
    return np.asarray((corners - line.quad[0]) @ _axes(line))


def _axes(line: Line) -> NDArray[np.float64]:
    along, down = line.quad[1] - line.quad[0], line.quad[3] - line.quad[0]
    return np.stack([along / np.hypot(*along), down / np.hypot(*down)], axis=1)


def _size(line: Line) -> NDArray[np.float64]:
    return np.asarray(_along(line, line.quad)[2])


def _holds_middle(line: Line, box: NDArray[np.float64]) -> bool:
    middle = box.mean(axis=0)
    return bool(((middle >= 0) & (middle <= _size(line))).all())


def _beyond(line: Line, boxes: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Edges of what was found beyond the ink's: each the mean of the two corners at that edge."""
    if not boxes:
        return np.full(4, np.nan)
    ordered = [np.sort(box, axis=0) for box in boxes]  # two low and two high of each axis
    low = np.min([box[:2].mean(axis=0) for box in ordered], axis=0)
    high = np.max([box[2:].mean(axis=0) for box in ordered], axis=0)
    return np.concatenate([-low, high - _size(line)])
