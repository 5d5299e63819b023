"""The plot of quality against latency, a variant a marker, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from edgeai.errors import one_line
from edgeai.markup import Markup, element, joined
from edgeai.quantities import bytes_text

from ..outcome import Outcome, Tried
from .figures import recommended
from .placing import LINE, Box, Label, Spot, place_labels, text_width
from .points import Plotted, Point
from .words import latency_text, quality_words, ratio_interval, ratio_text, result_text

LARGEST, SMALLEST = 17.0, 4.5
"""Radii in pixels of the largest file's marker, and of the least that can still be seen."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 16.0, 22.0, 46.0
"""Margins in pixels; left of the plot there are the ticks besides."""
_LONGEST_LABEL = 26
_RING = 4.5
"""Pixels between a marker and the ring of those that no other is better than."""


def pareto_svg(outcome: Outcome, plot: Plotted, width: int, height: int, *, key: str) -> Markup:
    """The plot. key: tells two plots of one page apart in their ids."""
    left = _LEFT + max(text_width(text) for _, text in plot.y.ticks)
    area = Box(left, _TOP, width - _RIGHT, height - _BOTTOM)
    best = recommended(outcome)
    largest = max(point.tried.size_bytes for point in plot.points) or 1
    # Recommended, shipped and Pareto variants choose places for their labels first.
    points = sorted(
        plot.points,
        key=lambda point: (
            point.tried is not best,
            not point.tried.is_shipped,
            not point.tried.is_pareto,
            point.number,
        ),
    )
    spots = [_spot(point, plot, area, largest, is_best=point.tried is best) for point in points]
    bars = [bar for point, spot in zip(points, spots, strict=True) for bar in _bars(point, spot, plot, area)]
    labels = place_labels(spots, area, [*map(_with_air, bars), *_taken(plot, area)])
    title, about = f"{key}-title", f"{key}-about"
    return element(
        "svg",
        element("title", _title(plot), id=title),
        element("desc", _description(plot), id=about),
        _frame(plot, area, width, height),
        *(_rectangle(bar, "errorbar") for bar in bars),
        # Large markers first, so that they do not hide small ones.
        *(
            _marker(point, spot, is_best=point.tried is best)
            for point, spot in sorted(
                zip(points, spots, strict=True), key=lambda pair: (-pair[1].radius, pair[0].number)
            )
        ),
        *(
            _label(label, spot, point.tried is best)
            for label, spot, point in zip(labels, spots, points, strict=True)
        ),
        class_=f"plot {key}",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{title} {about}",
    )


def shape(tried: Tried, x: float, y: float, radius: float) -> Markup:
    """Round is shipped, a diamond is left out, square is float; all of about the same area."""
    kind = "float" if tried.scheme is None else "shipped" if tried.is_shipped else "left"
    if kind == "shipped":
        return element("circle", cx=x, cy=y, r=radius, class_=f"mark {kind}")
    half = radius * (math.sqrt(math.pi) / 2 if kind == "float" else math.sqrt(math.pi / 2))
    corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
    if kind == "left":
        corners = [(0.0, -half), (half, 0.0), (0.0, half), (-half, 0.0)]
    steps = " L".join(f"{x + dx:.2f} {y + dy:.2f}" for dx, dy in corners)
    dashed = "" if tried.is_shipped or kind == "left" else " unshipped"
    return element("path", d=f"M{steps} Z", class_=f"mark {kind}{dashed}")


def _spot(point: Point, plot: Plotted, area: Box, largest: int, *, is_best: bool) -> Spot:
    radius = _radius(point, largest) + (_RING if point.tried.is_pareto else 0.0)
    short = str(point.number)
    long = f"{short} {one_line(point.tried.id, _LONGEST_LABEL)}"
    return Spot(_x(plot, area, point.amount), _y(plot, area, point.loss), radius, (long, short), is_best)


def _radius(point: Point, largest: int) -> float:
    return max(LARGEST * math.sqrt(point.tried.size_bytes / largest), SMALLEST)


def _x(plot: Plotted, area: Box, amount: float) -> float:
    return area.left + plot.x.place(amount) * (area.right - area.left)


def _y(plot: Plotted, area: Box, loss: float) -> float:
    """No loss is at the top: better is up."""
    return area.top + plot.y.place(loss) * (area.bottom - area.top)


def _bars(point: Point, spot: Spot, plot: Plotted, area: Box) -> Iterator[Box]:
    if point.amounts is not None:
        left, right = (_x(plot, area, amount) for amount in point.amounts)
        yield Box(left, spot.y - 0.75, right, spot.y + 0.75)
    if point.losses is not None:
        top, bottom = (_y(plot, area, loss) for loss in point.losses)
        yield Box(spot.x - 0.75, top, spot.x + 0.75, bottom)


def _with_air(bar: Box) -> Box:
    return Box(bar.left - 3, bar.top - 2, bar.right + 3, bar.bottom + 2)


def _taken(plot: Plotted, area: Box) -> list[Box]:
    """What the frame itself writes inside the area."""
    width = text_width(_BETTER)
    taken = [Box(area.left, area.top, area.left + width + 12, area.top + LINE + 8)]
    if plot.limit is not None:
        y = _y(plot, area, plot.limit)
        taken.append(Box(area.left, y - LINE - 2, area.left + text_width(_BUDGET) + 12, y + 1))
    return taken


_BETTER, _BUDGET = "\u2196 better", "budget"


def _frame(plot: Plotted, area: Box, width: int, height: int) -> Markup:
    parts = [_vertical(_x(plot, area, value), text, area) for value, text in _apart(plot, area)]
    parts += [_horizontal(_y(plot, area, value), text, area) for value, text in plot.y.ticks]
    middle = (area.top + area.bottom) / 2
    parts += [
        _rectangle(area, "frame"),
        _text(plot.x.title, (area.left + area.right) / 2, height - 8, "middle", "axis"),
        element(
            "text",
            plot.y.title,
            x=14.0,
            y=middle,
            text_anchor="middle",
            class_="axis",
            transform=f"rotate(-90 14 {middle:.0f})",
            textLength=None if text_width(plot.y.title) < area.bottom - area.top else area.bottom - area.top,
            lengthAdjust="spacingAndGlyphs",
        ),
        _text(_BETTER, area.left + 8, area.top + LINE, "start", "hint"),
    ]
    if plot.limit is not None:
        y = _y(plot, area, plot.limit)
        parts.append(element("line", x1=area.left, x2=area.right, y1=y, y2=y, class_="budget"))
        parts.append(_text(_BUDGET, area.left + 8, y - 4, "start", "hint"))
    return joined(*parts)


def _apart(plot: Plotted, area: Box) -> Sequence[tuple[float, str]]:
    """Ticks of the x axis whose numbers do not touch."""
    kept: list[tuple[float, str]] = []
    end = -math.inf
    for value, text in plot.x.ticks:
        x, half = _x(plot, area, value), text_width(text) / 2 + 4
        if x - half >= end:
            kept.append((value, text))
            end = x + half
    return kept


def _vertical(x: float, text: str, area: Box) -> Markup:
    return joined(
        element("line", x1=x, x2=x, y1=area.top, y2=area.bottom, class_="grid"),
        _text(text, x, area.bottom + 16, "middle", "tick"),
    )


def _horizontal(y: float, text: str, area: Box) -> Markup:
    return joined(
        element("line", x1=area.left, x2=area.right, y1=y, y2=y, class_="grid"),
        _text(text, area.left - 6, y + 4, "end", "tick"),
    )


def _marker(point: Point, spot: Spot, *, is_best: bool) -> Markup:
    tried = point.tried
    words = f"{point.number} {tried.id}: {result_text(tried)}, {latency_text(tried)}"
    if tried.ratio is not None:
        words += f" ({ratio_text(tried.ratio)} {ratio_interval(tried.ratio)} of float)"
    words += f", {quality_words(tried)}, {bytes_text(tried.size_bytes)}"
    ring, radius = [], spot.radius
    if tried.is_pareto:
        ring = [element("circle", cx=spot.x, cy=spot.y, r=spot.radius, class_="ring")]
        radius -= _RING
    return element(
        "g",
        element("title", words + (", recommended" if is_best else "")),
        *ring,
        shape(tried, spot.x, spot.y, radius),
    )


def _label(label: Label | None, spot: Spot, is_best: bool) -> Markup:
    if label is None:
        return Markup()
    middle = (label.box.left + label.box.right) / 2
    parts = [_text(label.text, middle, label.box.bottom - 4, "middle", "label best" if is_best else "label")]
    if label.is_far:
        x = min(max(spot.x, label.box.left), label.box.right)
        y = min(max(spot.y, label.box.top), label.box.bottom)
        parts.insert(0, element("line", x1=spot.x, y1=spot.y, x2=x, y2=y, class_="leader"))
    return joined(*parts)


def _rectangle(box: Box, class_: str) -> Markup:
    width, height = box.right - box.left, box.bottom - box.top
    return element("rect", x=box.left, y=box.top, width=width, height=height, class_=class_)


def _text(text: str, x: float, y: float, anchor: str, class_: str) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=class_)


def _title(plot: Plotted) -> str:
    return f"{plot.y.title} against {plot.x.title}, {len(plot.points)} variants"


def _description(plot: Plotted) -> str:
    return "; ".join(
        f"{point.number} {point.tried.id}: {latency_text(point.tried)}, {quality_words(point.tried)}"
        for point in plot.points
    )
