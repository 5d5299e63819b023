"""Pieces that every section is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeai.markup import Markup, element, joined
from edgeai.measure.statistics import Estimate
from edgeai.quantities import bytes_text, time_text

from ..intervals import interval_text

UNKNOWN = "unknown"
TOO_FEW = "too few samples"


def section(title: str, *parts: str) -> Markup:
    """A titled part of a run; nothing where there is nothing in it."""
    if not any(parts):
        return Markup()
    return element("section", element("h3", title), *parts)


def facts(pairs: Mapping[str, str]) -> Markup:
    """Names and what belongs to them."""
    return element(
        "dl",
        *(joined(element("dt", name), element("dd", value)) for name, value in pairs.items()),
        class_="facts",
    )


def tiles(told: Sequence[tuple[str, str, str]]) -> Markup:
    """Figures to see first: name, value and what is said below it."""
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value, element("small", below)))
            for name, value, below in told
        ),
        class_="tiles",
    )


def table(
    caption: str,
    header: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[str]],
    class_: str = "",
    marked: frozenset[int] = frozenset(),
) -> Markup:
    """A table that scrolls inside the page where it is too wide. header: title and class of each column.

    marked: rows that stand out.
    """
    head = element("tr", *(element("th", name, scope="col", class_=kind or None) for name, kind in header))
    body = [
        element(
            "tr",
            *(
                _cell(text, kind, is_first=not at)
                for at, (text, (_, kind)) in enumerate(zip(row, header, strict=True))
            ),
            class_="marked" if number in marked else None,
        )
        for number, row in enumerate(rows)
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *body),
        class_=class_ or None,
    )
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _cell(text: str, kind: str, *, is_first: bool) -> Markup:
    name, scope = ("th", "row") if is_first else ("td", None)
    return element(name, text, scope=scope, class_=kind or None)


def time_with_interval(estimate: Estimate | None) -> tuple[str, str]:
    """Value and interval of a time."""
    if estimate is None:
        return TOO_FEW, ""
    return time_text(estimate.value), interval_text(estimate)


def bytes_or_unknown(estimate: Estimate | None) -> str:
    """Of RAM, where the kernel tells it."""
    return UNKNOWN if estimate is None else bytes_text(estimate.value)


def plural(count: int, word: str) -> str:
    """`1 run`, `2 runs`, `2 processes`."""
    return f"{count:,} {word}" + ("" if count == 1 else "es" if word.endswith("s") else "s")
