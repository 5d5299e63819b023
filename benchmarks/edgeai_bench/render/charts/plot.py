"""The frame of a chart: axes, grid, labels, and a layer in which paths are drawn.

Places across are percent of the width and places down are pixels, so that one drawing fits a phone and a wide
screen, and letters and lines keep their size on both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgeai.axes import Axis
from edgeai.markup import Markup, element, joined

ACROSS = 1000
"""Units of the path layer's width."""
_MOST_TICKS = 6
"""Labels across that do not touch on a phone."""


@dataclass(frozen=True)
class Plot:
    """A place for values: x and y in the units of their axes; height in pixels."""

    x: Axis
    y: Axis
    height: int = 200

    def across(self, value: float) -> float:
        """In units of the path layer."""
        return self.x.place(value) * ACROSS

    def down(self, value: float) -> float:
        """In pixels from the top."""
        return (1 - self.y.place(value)) * self.height


def chart(title: str, plot: Plot, *layers: str, about: str = "", class_: str = "") -> Markup:
    """A figure: its title, the plot, and what is said below it. title: also what a screen reader says."""
    drawing = element(
        "svg",
        element("title", title),
        _grid(plot),
        *layers,
        width="100%",
        height=plot.height,
        role="img",
        aria_label=f"{title}. {about}" if about else title,
    )
    return element(
        "figure",
        element("figcaption", title),
        element("div", drawing, class_="plot"),
        element("p", about, class_="about") if about else "",
        class_=f"chart {class_}".strip(),
    )


def paths(plot: Plot, *content: str) -> Markup:
    """The layer in which paths are stretched over the width."""
    return element(
        "svg",
        *content,
        viewBox=f"0 0 {ACROSS} {plot.height}",
        preserveAspectRatio="none",
        width="100%",
        height=plot.height,
    )


def line_through(plot: Plot, points: Iterable[tuple[float, float]]) -> str:
    """The `d` of a path through values."""
    told = [f"{_short(plot.across(x))} {_short(plot.down(y))}" for x, y in points]
    return "M" + "L".join(told) if told else ""


def dots_at(plot: Plot, points: Iterable[tuple[float, float]]) -> str:
    """The `d` of dots: lines of no length, whose round ends are not stretched with the layer."""
    return "".join(f"M{_short(plot.across(x))} {_short(plot.down(y))}h0" for x, y in points)


def bars_between(plot: Plot, bars: Iterable[tuple[float, float, float]]) -> str:
    """The `d` of bars that stand on the lower edge. bars: left, right and height as values."""
    parts = []
    for left, right, top in bars:
        start, end = plot.across(left), plot.across(right)
        gap = min(1.0, (end - start) / 5)
        up = f"M{_short(start + gap / 2)} {plot.height}V{_short(plot.down(top))}"
        parts.append(f"{up}H{_short(end - gap / 2)}V{plot.height}Z")
    return "".join(parts)


def marker(plot: Plot, value: float, text: str, row: int = 0) -> Markup:
    """A line down at a value with its name beside it. row: how many lines further down the name stands."""
    share = plot.x.place(value)
    side = "end" if share > 0.62 else "start"
    return joined(
        element("line", x1=percent(share), x2=percent(share), y1=0, y2=plot.height, class_="mark"),
        element(
            "text",
            text,
            x=percent(share),
            dx=-5 if side == "end" else 5,
            y=12 + 15 * row,
            text_anchor=side,
            class_="name",
        ),
    )


def rectangle(plot: Plot, left: float, right: float, class_: str, title: str = "") -> Markup:
    """From top to bottom between two values."""
    start, end = plot.x.place(left), plot.x.place(right)
    return element(
        "rect",
        *([element("title", title)] if title else []),
        x=percent(start),
        y=0,
        width=percent(end - start),
        height=plot.height,
        class_=class_,
    )


def percent(share: float) -> str:
    """0.1234 -> `12.34%`."""
    return f"{100 * share:.2f}%"


def _grid(plot: Plot) -> Markup:
    parts = []
    for value, text in plot.y.ticks:
        y = plot.down(value)
        parts.append(element("line", x1="0%", x2="100%", y1=y, y2=y, class_="grid"))
        parts.append(element("text", text, x=0, dx=-7, y=y + 4, text_anchor="end", class_="tick"))
    for value, text in _few(plot.x.ticks):
        x = percent(plot.x.place(value))
        parts.append(element("line", x1=x, x2=x, y1=0, y2=plot.height, class_="grid"))
        parts.append(element("text", text, x=x, y=plot.height + 16, text_anchor="middle", class_="tick"))
    bottom = plot.height
    return joined(
        *parts,
        element("line", x1="0%", x2="100%", y1=bottom, y2=bottom, class_="base"),
        element("text", plot.x.title, x="100%", y=bottom + 33, text_anchor="end", class_="axis"),
        element("text", plot.y.title, x=0, dx=-38, y=-9, text_anchor="start", class_="axis"),
    )


def _few(ticks: Sequence[tuple[float, str]]) -> Sequence[tuple[float, str]]:
    """Each second or third tick where all would be too many."""
    return ticks[:: -(-len(ticks) // _MOST_TICKS) or 1]


def _short(value: float) -> str:
    """A place in as few letters as its precision needs."""
    return f"{value:.1f}".removesuffix(".0")
