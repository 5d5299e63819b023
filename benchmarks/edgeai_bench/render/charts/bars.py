"""Bars that lie in the cells of a table: shares of a common length, so that a column of them is a chart."""

from __future__ import annotations

from collections.abc import Sequence

from edgeai.markup import Markup, element

from .plot import percent

_HEIGHT = 14


def bar(parts: Sequence[tuple[float, float, str]], mark: float | None = None, title: str = "") -> Markup:
    """parts: start, end (shares of the length, 0 to 1) and class of each piece. mark: where a line stands."""
    pieces = [
        element(
            "rect",
            x=percent(start),
            y=2,
            width=percent(max(end - start, 0)),
            height=_HEIGHT - 4,
            class_=class_,
        )
        for start, end, class_ in parts
    ]
    if mark is not None:
        pieces.append(element("line", x1=percent(mark), x2=percent(mark), y1=0, y2=_HEIGHT, class_="peak"))
    about = [element("title", title)] if title else []
    return element("svg", *about, *pieces, width="100%", height=_HEIGHT, class_="bar", role="img")


def whisker(value: float, low: float | None, high: float | None, class_: str = "") -> Markup:
    """A dot with its interval; all as shares of the length."""
    parts = [element("line", x1="0%", x2="100%", y1=7, y2=7, class_="grid")]
    if low is not None and high is not None:
        parts.append(element("line", x1=percent(low), x2=percent(high), y1=7, y2=7, class_="whisker"))
        parts += [
            element("line", x1=percent(end), x2=percent(end), y1=3, y2=11, class_="whisker")
            for end in (low, high)
        ]
    parts.append(element("circle", cx=percent(value), cy=7, r=4, class_=f"dot {class_}".strip()))
    return element("svg", *parts, width="100%", height=_HEIGHT, class_="bar", role="img")
