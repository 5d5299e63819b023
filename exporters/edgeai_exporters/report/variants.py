"""The table of all variants on the page."""

from __future__ import annotations

from edgeai.markup import Markup, element, joined
from edgeai.quantities import bytes_text, digits

from ..outcome import Outcome, Tried
from .figures import Figures, figures_of, metric_of, recommended, size_share
from .slower import why_not_faster
from .words import (
    NONE,
    bounds_text,
    cosine_text,
    drop_text,
    kept_text,
    latency_text,
    metric_title,
    percent,
    points,
    ratio_interval,
    ratio_text,
    result_text,
    value_text,
)


def variant_section(outcome: Outcome) -> Markup:
    """Every variant that was tried, in the outcome's order, with intervals and reasons."""
    metric = metric_of(outcome)
    titles = [
        "#",
        "variant",
        "size",
        "latency",
        "of float",
        *([metric_title(outcome), "drop"] if metric else []),
    ]
    titles += ["cosine", "max error", "kept", "result"]
    numbers = {
        "#",
        "size",
        "latency",
        "of float",
        metric_title(outcome),
        "drop",
        "cosine",
        "max error",
        "kept",
    }
    head = (element("th", each, scope="col", class_="number" if each in numbers else None) for each in titles)
    best = recommended(outcome)
    rows = (
        _row(outcome, tried, number, metric, is_best=tried is best)
        for number, tried in enumerate(outcome.tried, 1)
    )
    about = (
        "Intervals are of 95 %. Kept layers stay in higher precision. Pareto: no other variant is better in "
        "quality, latency and size at once."
    )
    if metric:
        about += " A drop is paired with the source, sample by sample" + (
            ", in points." if any(figures_of(each).is_share for each in outcome.tried) else "."
        )
    return element(
        "section",
        element("h2", "Variants"),
        element("p", about, class_="soft"),
        element(
            "div",
            element(
                "table",
                element("caption", "All variants that were tried"),
                element("thead", element("tr", *head)),
                element("tbody", *rows),
            ),
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label="Table of variants",
        ),
    )


def _row(outcome: Outcome, tried: Tried, number: int, metric: str | None, *, is_best: bool) -> Markup:
    figures = figures_of(tried)
    share = size_share(outcome, tried)
    cells = [
        _number(str(number)),
        element(
            "th",
            element("span", tried.id, class_="id"),
            _star(is_best),
            _why(outcome, tried),
            scope="row",
            class_="name",
        ),
        _number(bytes_text(tried.size_bytes), "" if share is None else f"{share:.2f} of float"),
        _number(latency_text(tried)),
        _number(ratio_text(tried.ratio), ratio_interval(tried.ratio) if tried.scheme else ""),
        *(_metric_cells(figures, metric) if metric else ()),
        _number(cosine_text(figures.cosine), _worst(figures)),
        _number(NONE if figures.max_error is None else digits(figures.max_error)),
        _number(kept_text(tried)),
        element(
            "td",
            _badge(tried, figures),
            element("div", "\u25ce Pareto") if tried.is_pareto else "",
            class_="result",
        ),
    ]
    return element("tr", *cells, class_="recommended" if is_best else None)


def _metric_cells(figures: Figures, metric: str) -> list[Markup]:
    if figures.metric != metric:
        return [_number(NONE), _number(NONE)]
    value, drop = figures.value, figures.drop

    def write(bound: float) -> str:
        return points(bound) if figures.is_share else digits(bound)

    return [
        _number(
            value_text(value, metric, is_share=figures.is_share),
            "" if value is None else bounds_text(value, percent if figures.is_share else digits),
        ),
        _number(
            drop_text(drop, figures, interval=False),
            "" if drop is None else bounds_text(drop, write),
        ),
    ]


def _worst(figures: Figures) -> str:
    return "" if figures.worst_cosine is None else f"worst {cosine_text(figures.worst_cosine)}"


def _number(value: str, below: str = "") -> Markup:
    return element("td", value, element("small", below) if below else "", class_="number")


def _badge(tried: Tried, figures: Figures) -> Markup:
    kind = "left" if not tried.is_shipped else "over" if figures.passes is False else "shipped"
    sign = {"left": "\u25c7", "over": "!", "shipped": "\u25cf"}[kind]
    return element("span", f"{sign} {result_text(tried)}", class_=f"badge {kind}")


def _star(is_best: bool) -> Markup:
    return element("div", "\u2605 recommended", class_="star") if is_best else Markup()


def _why(outcome: Outcome, tried: Tried) -> Markup:
    parts = [tried.why]
    slower = why_not_faster(tried, outcome.layers)
    if slower:
        parts.append(slower[0].upper() + slower[1:] + ".")
    if tried.latency_s is None and tried.latency_reason:
        parts.append(f"Latency not measured: {tried.latency_reason}.")
    parts += [problem for problem in figures_of(tried).problems if problem not in tried.why]
    return joined(*(element("div", part, class_="why") for part in parts if part))
