"""The plot of quality against latency in letters, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from edgeai.axes import Axis

from ..outcome import Outcome, Tried
from .points import Plotted, plotted

ROWS = 11
_WIDEST, _NARROWEST = 72, 60
"""Columns that a plot may take, and those without which it does not read well."""
FEWEST, MOST = 3, 12
"""Points that are worth a plot, and those that letters still tell apart."""


def scatter(outcome: Outcome, width: int) -> str:
    """Lines of text; empty where there are too few points, too many, or too few columns.

    Better is up and left. Each point is its shape (shipped, left out, float) and its number in the table.
    """
    plot = plotted(outcome)
    if plot is None or not FEWEST <= len(plot.points) <= MOST or width < _NARROWEST:
        return ""
    margin = max(len(text) for _, text in plot.y.ticks) + 1
    columns = min(width, _WIDEST) - margin - 2
    canvas = [[" "] * columns for _ in range(ROWS)]
    for point in sorted(plot.points, key=lambda point: (not point.tried.is_shipped, point.number)):
        row, column = _cell(plot.y, point.loss, ROWS), _cell(plot.x, point.amount, columns)
        _put(canvas, row, column, f"{_sign(point.tried)}{point.number}")
    marks = {_cell(plot.y, value, ROWS): text for value, text in reversed(plot.y.ticks)}
    lines = [
        f"{marks.get(row, ''):>{margin}} {'┤' if row in marks else '│'}{''.join(cells)}".rstrip()
        for row, cells in enumerate(canvas)
    ]
    return "\n".join([f"{plot.y.title} (up is better)", *lines, *_foot(plot, margin, columns)])


def _foot(plot: Plotted, margin: int, columns: int) -> tuple[str, str, str]:
    rule, numbers = ["─"] * columns, [" "] * (columns + 8)
    end = -1
    for value, text in plot.x.ticks:
        column = _cell(plot.x, value, columns)
        rule[column] = "┴"
        start = max(column - len(text) // 2, 0)
        if start > end:
            numbers[start : start + len(text)] = text
            end = start + len(text)
    indent = " " * (margin + 1)
    legend = "● shipped  ◇ left out  ■ float"
    return (
        f"{indent}└{''.join(rule)}",
        f"{indent} {''.join(numbers)}".rstrip(),
        f"{indent} {plot.x.title} (left is better)   {legend}",
    )


def _put(canvas: Sequence[list[str]], row: int, column: int, text: str) -> None:
    """In the nearest free place of the row, so that nothing is covered; a blank stays between two."""
    cells = canvas[row]
    last = len(cells) - len(text)
    for start in sorted(range(last + 1), key=lambda start: (abs(start - min(column, last)), start)):
        if all(cell == " " for cell in cells[max(start - 1, 0) : start + len(text) + 1]):
            cells[start : start + len(text)] = text
            return


def _cell(axis: Axis, value: float, count: int) -> int:
    return round(axis.place(value) * (count - 1))


def _sign(tried: Tried) -> str:
    if tried.scheme is None:
        return "■"
    return "●" if tried.is_shipped else "◇"
