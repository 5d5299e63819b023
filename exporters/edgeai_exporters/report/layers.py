"""What each layer costs and brings, as bars: one table a variant, the most sensitive layers first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeai.markup import Markup, element, joined
from edgeai.quantities import digits, time_text

from ..outcome import Layer, Outcome
from .figures import recommended
from .words import NONE, counted

TOP = 40
"""Rows that are shown; the others are folded away."""
_OPEN = 1
"""Variants whose table is unfolded: the recommended one, or the first."""


def layer_sections(outcome: Outcome) -> Iterator[Markup]:
    """The section; nothing where no layer was looked at."""
    if not outcome.layers:
        return
    by_variant: dict[str, list[Layer]] = {}
    for layer in outcome.layers:
        by_variant.setdefault(layer.variant, []).append(layer)
    best = recommended(outcome)
    order = sorted(by_variant, key=lambda name: best is None or name != best.id)
    yield element(
        "section",
        element("h2", "Sensitivity of layers"),
        element(
            "p",
            "What the model loses where one layer alone is quantized and everything else stays in float, "
            "and the time that quantizing it saves. Hatched, \u201ckept\u201d: stays in higher precision.",
            class_="soft",
        ),
        *(_variant(name, by_variant[name], index < _OPEN) for index, name in enumerate(order)),
    )


def _variant(name: str, layers: Sequence[Layer], is_open: bool) -> Markup:
    ordered = sorted(layers, key=lambda layer: -layer.loss)
    kept = sum(layer.is_kept for layer in ordered)
    title = f"{name}: {kept} of {counted(len(ordered), 'layer')} kept"
    largest = max((layer.loss for layer in ordered), default=0.0)
    parts: list[Markup] = [_table(ordered[:TOP], 1, largest, f"{name}: layers by loss")]
    if len(ordered) > TOP:
        rest = ordered[TOP:]
        hidden = sum(layer.is_kept for layer in rest)
        parts.append(
            element(
                "details",
                element("summary", f"{len(rest)} more, {hidden} of them kept"),
                _table(rest, TOP + 1, largest, f"{name}: remaining layers"),
            )
        )
    if is_open:
        return joined(element("h3", title), *parts)
    return element("details", element("summary", title), *parts)


def _table(layers: Sequence[Layer], first: int, largest: float, caption: str) -> Markup:
    titles = {
        "#": "number",
        "layer": None,
        "operator": "operator",
        "loss": None,
        "time saved": "number",
        "kept": None,
    }
    head = (element("th", name, scope="col", class_=kind) for name, kind in titles.items())
    rows = (_row(layer, number, largest) for number, layer in enumerate(layers, first))
    table = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        class_="layers",
    )
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _row(layer: Layer, number: int, largest: float) -> Markup:
    share = max(layer.loss, 0.0) / largest if largest > 0 else 0.0
    bar = element("i", style=f"width:{60 * share:.1f}%", aria_hidden="true") if share > 0 else ""
    gain = NONE if layer.gain_s is None else time_text(layer.gain_s)
    return element(
        "tr",
        element("td", str(number), class_="number"),
        element("th", layer.name or "(no name)", scope="row", class_="id"),
        element("td", layer.operator, class_="operator"),
        element("td", bar, digits(layer.loss), class_="bar"),
        element("td", gain, class_="number"),
        element("td", "\u2713 kept" if layer.is_kept else "", class_="result"),
        class_="kept" if layer.is_kept else None,
    )
