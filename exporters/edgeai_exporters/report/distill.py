"""Whether distillation paid: teacher, student alone and student distilled, seed by seed."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgeai.axes import Axis, linear
from edgeai.cli.output import table as columns_of
from edgeai.errors import one_line
from edgeai.markup import Markup, element, joined
from edgeai.measure.statistics import Estimate
from edgeai.quantities import digits

from .document import plain
from .figures import is_share
from .html import facts, whole, write_page
from .words import NONE, bounds_text, counted, percent, points

SCHEMA, KIND = 1, "edgeai.distill"
_ROW, _TOP, _BOTTOM = 62.0, 12.0, 44.0
"""Pixels: of one kind of model, above the first, below the last."""


@dataclass(frozen=True)
class Trained:
    """One kind of model.

    name: such as `student distilled`. scores: of the metric, one a seed in the order of `Distillation.seeds`,
    or one alone, such as of a teacher that was not trained. mean: with its 95 % interval over seeds.
    parameters: None where not known.
    """

    name: str
    scores: tuple[float, ...]
    mean: Estimate
    parameters: int | None = None


@dataclass(frozen=True)
class Distillation:
    """What was found out.

    trained: the teacher, the student alone, the student distilled. gain: distilled less alone, paired by
    seed, in the metric's unit. data: in words. settings: of the recipe.
    """

    name: str
    metric: str
    seeds: tuple[int, ...]
    trained: tuple[Trained, ...]
    gain: Estimate
    data: str
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def distill_headline(found: Distillation) -> str:
    """Whether it paid, in one sentence. Only an interval that leaves 0 out says that it did, or did harm."""
    write = points if is_share(found.metric) else digits
    unit = " points" if is_share(found.metric) else ""
    figure = " ".join(filter(None, (write(found.gain.value), bounds_text(found.gain, write))))
    told = f"{figure}{unit} of {one_line(found.metric, 40)} over {counted(len(found.seeds), 'seed')}"
    if found.gain.low is None or found.gain.high is None:
        return f"Distillation changes the student by {told}: too few seeds to say whether it pays."
    if found.gain.low > 0:
        return f"Distillation pays: the student gains {told}."
    if found.gain.high < 0:
        return f"Distillation does harm: the student changes by {told}."
    return f"Distillation is not shown to pay: the student changes by {told}."


def distill_document(found: Distillation) -> dict[str, Any]:
    """All of it as JSON types."""
    return {"schema": SCHEMA, "kind": KIND, **plain(found)}


def distill_table(found: Distillation, width: int | None = None) -> str:
    """For a terminal of `width` letters."""
    rows = [
        [
            one_line(each.name, 40),
            NONE if each.parameters is None else f"{each.parameters:,}",
            _score(found, each.mean.value),
            bounds_text(each.mean, lambda value: _score(found, value)),
            str(len(each.scores)),
        ]
        for each in found.trained
    ]
    unit = ", %" if is_share(found.metric) else ""
    titles = ["model", "parameters", f"{one_line(found.metric, 30)}{unit}", "[low, high]", "seeds"]
    lines = [f"{one_line(found.name, 60)}: {distill_headline(found)}", f"data: {one_line(found.data)}"]
    lines += [f"warning: {one_line(warning, 1000)}" for warning in found.warnings]
    told = [textwrap.fill(line, width or 100, break_on_hyphens=False) for line in lines]
    return "\n\n".join([told[0], columns_of(rows, titles, frozenset({1, 2, 4})), "\n".join(told[1:])])


def write_distill_html(found: Distillation, path: str | os.PathLike[str]) -> None:
    """Write the page, whole or not at all. Raises ExportError."""
    write_page(distill_page(found), path)


def distill_page(found: Distillation) -> Markup:
    """The whole document."""
    header = element(
        "header",
        element("h1", found.name),
        element("p", distill_headline(found), class_="headline"),
    )
    figure = element(
        "figure",
        _dots(found, 1000, key="wide"),
        _dots(found, 370, key="narrow"),
        element(
            "figcaption",
            "A dot is a seed, a diamond the mean with its 95 % interval over seeds; lines join the same seed "
            "of the student alone and distilled.",
        ),
    )
    sections = [header, element("section", element("h2", "By seed"), figure, _by_seed(found))]
    sections += [element("p", warning, class_="note") for warning in found.warnings]
    told = element("section", element("h2", "Data and recipe"), facts({"data": found.data, **found.settings}))
    return whole(f"{one_line(found.name, 80)}: edgeai distill", [*sections, told], distill_document(found))


def _by_seed(found: Distillation) -> Markup:
    head = [element("th", title, scope="col") for title in ("model", "parameters", "mean", "[low, high]")]
    head += [element("th", f"seed {seed}", scope="col", class_="number") for seed in found.seeds]
    rows = (
        element(
            "tr",
            element("th", each.name, scope="row", class_="name"),
            element("td", NONE if each.parameters is None else f"{each.parameters:,}"),
            element("td", _score(found, each.mean.value)),
            element(
                "td", bounds_text(each.mean, lambda value: _score(found, value)) or NONE, class_="result"
            ),
            *(
                element("td", _score(found, score), class_="number")
                for score in each.scores[: len(found.seeds)]
            ),
            *(element("td", NONE, class_="number") for _ in found.seeds[len(each.scores) :]),
        )
        for each in found.trained
    )
    unit = " in %" if is_share(found.metric) else ""
    table = element(
        "table",
        element("caption", f"{found.metric}{unit}"),
        element("thead", element("tr", *head)),
        element("tbody", *rows),
    )
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label="Scores by seed")


def _score(found: Distillation, value: float) -> str:
    """Of a share in percent, with the digit that tells seeds apart."""
    return percent(value) if is_share(found.metric) else digits(value)


def _dots(found: Distillation, width: int, *, key: str) -> Markup:
    values = [value for each in found.trained for value in (*each.scores, *_known(each.mean))]
    scale = 100.0 if is_share(found.metric) else 1.0
    low, high = min(values) * scale, max(values) * scale
    margin = 0.06 * (high - low) or 1.0
    unit = " in %" if is_share(found.metric) else ""
    axis = linear(f"{one_line(found.metric, 30)}{unit}", low - margin, high + margin)
    height = _TOP + _ROW * len(found.trained) + _BOTTOM
    places = [[_place(axis, score * scale, width) for score in each.scores] for each in found.trained]
    return element(
        "svg",
        element("title", f"{found.metric} by seed", id=f"{key}-title"),
        *(_tick(_place(axis, value, width), text, height) for value, text in axis.ticks),
        element("text", axis.title, x=width / 2, y=height - 8, text_anchor="middle", class_="axis"),
        *_pairs(found, places),
        *(
            _row(each, row, places[row], [_place(axis, value * scale, width) for value in _known(each.mean)])
            for row, each in enumerate(found.trained)
        ),
        class_=f"plot {key}",
        viewBox=f"0 0 {width} {height:.0f}",
        role="img",
        aria_labelledby=f"{key}-title",
    )


def _pairs(found: Distillation, places: Sequence[Sequence[float]]) -> list[Markup]:
    """Between the last two kinds, the students."""
    if len(places) < 2:
        return []
    above, below = len(places) - 2, len(places) - 1
    pairs = zip(found.seeds, places[above], places[below], strict=False)
    return [
        element("line", x1=x1, y1=_middle(above), x2=x2, y2=_middle(below), class_="leader")
        for _, x1, x2 in pairs
    ]


def _row(each: Trained, row: int, places: Sequence[float], mean: Sequence[float]) -> Markup:
    y = _middle(row)
    parts = [element("text", each.name, x=12.0, y=y - 18, class_="label")]
    if len(mean) > 1:
        parts.append(
            element("rect", x=mean[1], y=y + 13, width=mean[2] - mean[1], height=2.0, class_="errorbar")
        )
    parts += [element("circle", cx=x, cy=y, r=4.5, class_="mark float") for x in places]
    x = mean[0]
    shape = (
        f"M{x:.2f} {y + 8:.2f} L{x + 6:.2f} {y + 14:.2f} L{x:.2f} {y + 20:.2f} L{x - 6:.2f} {y + 14:.2f} Z"
    )
    return joined(*parts, element("path", d=shape, class_="mark shipped"))


def _tick(x: float, text: str, height: float) -> Markup:
    return joined(
        element("line", x1=x, x2=x, y1=_TOP, y2=height - _BOTTOM, class_="grid"),
        element("text", text, x=x, y=height - _BOTTOM + 16, text_anchor="middle", class_="tick"),
    )


def _known(mean: Estimate) -> tuple[float, ...]:
    return (mean.value,) if mean.low is None or mean.high is None else (mean.value, mean.low, mean.high)


def _place(axis: Axis, value: float, width: float) -> float:
    return 16 + axis.place(value) * (width - 32)


def _middle(row: int) -> float:
    return _TOP + _ROW * (row + 0.55)
