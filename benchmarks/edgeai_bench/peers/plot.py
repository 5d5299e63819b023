"""Ratios of peers as one SVG: a row a model, a dot a peer with its interval, a panel a number of threads."""

from __future__ import annotations

from collections.abc import Sequence

from edgeai.axes import Axis, logarithmic
from edgeai.markup import Markup, element, joined

from .outcome import CaseResult, Outcome
from .ratios import LATENCY, ratio
from .tables import threads_text

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 900, 170, 20, 30, 64
"""Pixels: of all, of the names, of the margin, of a row, above the first row of a panel."""
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's, which colour-blind readers tell apart."""
_STYLE = "text{font:13px sans-serif;fill:#222}.grid{stroke:#ddd}.one{stroke:#555;stroke-dasharray:4 3}"


def svg(outcome: Outcome, name: str = LATENCY) -> str:
    """The drawing of one figure. Peers without a ratio have no dot."""
    labels = _labels(outcome.results)
    counts = list(dict.fromkeys(result.threads for result in outcome.results))
    panels, top = [], 30
    for threads in counts:
        results = [each for each in outcome.results if each.threads == threads]
        panels.append(_panel(results, labels, name, top))
        top += _TOP + _ROW * len(results) + 30
    about = f"{name}, ratio to the bare library, below 1 is better"
    return element(
        "svg",
        element("title", about),
        element("style", Markup(_STYLE)),
        element("rect", x=0, y=0, width=_WIDTH, height=top, fill="#fff"),
        element("text", about, x=_LEFT, y=18),
        *panels,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {top}",
        role="img",
    )


def _labels(results: Sequence[CaseResult]) -> list[str]:
    """Peers that are drawn: all but the bases."""
    bases = {result.base for result in results}
    every = dict.fromkeys(peer.label for result in results for peer in result.peers)
    return [label for label in every if label not in bases]


def _panel(results: Sequence[CaseResult], labels: Sequence[str], name: str, top: int) -> Markup:
    found = {
        (row, label): one
        for row, result in enumerate(results)
        for label in labels
        if (one := _ratio(result, label, name)) is not None
    }
    values = [value for one in found.values() for value in one] + [0.8, 1.25]
    axis = logarithmic("", max(min(values), 0.05), min(max(values), 20.0))
    start, bottom = top + _TOP, top + _TOP + _ROW * len(results)
    parts = [element("text", threads_text(results[0].threads), x=_LEFT, y=top + 18, font_weight="bold")]
    parts += [_key(label, index, top + 40) for index, label in enumerate(labels)]
    for value, text in axis.ticks:
        x = _across(axis, value)
        parts.append(element("line", x1=x, x2=x, y1=start - 6, y2=bottom, class_="grid"))
        parts.append(element("text", text, x=x, y=bottom + 16, text_anchor="middle"))
    one_x = _across(axis, 1.0)
    parts.append(element("line", x1=one_x, x2=one_x, y1=start - 6, y2=bottom, class_="one"))
    for row, result in enumerate(results):
        y = start + _ROW * row + _ROW / 2
        parts.append(element("text", result.case.id, x=_LEFT - 12, y=y + 4, text_anchor="end"))
        for index, label in enumerate(labels):
            if (row, label) in found:
                offset = (index - (len(labels) - 1) / 2) * _ROW / (len(labels) + 1)
                parts.append(_dot(axis, found[row, label], y + offset, index))
    return joined(*parts)


def _ratio(result: CaseResult, label: str, name: str) -> tuple[float, float, float] | None:
    base, other = result.peer(result.base), result.peer(label)
    if base is None or other is None or not other.rounds or other.wrong:
        return None
    found = ratio(base, other, name)
    return None if found is None else (found.ratio, found.low, found.high)


def _dot(axis: Axis, found: tuple[float, float, float], y: float, index: int) -> Markup:
    value, low, high = (_across(axis, each) for each in found)
    color = _COLORS[index % len(_COLORS)]
    return joined(
        element("line", x1=low, x2=high, y1=y, y2=y, stroke=color, stroke_width=1.5),
        element("circle", cx=value, cy=y, r=3.5, fill=color),
    )


def _key(label: str, index: int, y: float) -> Markup:
    x = _LEFT + 145 * index
    return joined(
        element("circle", cx=x + 4, cy=y - 4, r=4, fill=_COLORS[index % len(_COLORS)]),
        element("text", label, x=x + 13, y=y),
    )


def _across(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (_WIDTH - _LEFT - _RIGHT)
