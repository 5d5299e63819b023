"""The export on a terminal: what came out, every variant, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from edgeai.cli.output import table as columns_of
from edgeai.errors import one_line
from edgeai.quantities import bytes_text, digits

from ..outcome import Outcome, Tried
from .figures import Figures, figures_of, metric_of, recommended, size_share
from .figures import is_share as is_share_of
from .scatter import scatter
from .slower import why_not_faster
from .words import (
    NONE,
    RANDOM,
    bounds_text,
    calibration_words,
    cosine_text,
    drop_text,
    headline,
    kept_text,
    latency_text,
    metric_title,
    points,
    ratio_interval,
    ratio_text,
    result_text,
    value_text,
)

_WIDTH = 100
"""Of paragraphs where the terminal's width is not known."""
_SHOWN_LAYERS = 8
_LEFT_ALIGNED = {"mark", "variant", "[low, high]", "[drop]", "result"}
# Left out one by one, in this order, where the terminal is too narrow.
_OPTIONAL = ("of size", "kept", "[drop]", "cosine", "latency", "[low, high]", "size")


def table(outcome: Outcome, width: int | None = None) -> str:
    """A page of text. width: of the terminal in letters; columns that do not fit are left out, and None shows
    all."""
    paragraphs = width or _WIDTH
    parts = [_wrapped(f"{one_line(outcome.name, 60)}: {headline(outcome)}", paragraphs)]
    if outcome.calibration == "random":
        parts.insert(0, _wrapped(f"!!! {RANDOM}", paragraphs, "!!! "))
    text = _table(outcome, width)
    parts.append(text)
    parts.append(_wrapped(_legend(outcome, text.partition("\n")[0]), paragraphs))
    parts.append(scatter(outcome, paragraphs))
    parts.append("\n".join(_wrapped(each, paragraphs, "    ") for each in _reasons(outcome)))
    parts.append("\n".join(_wrapped(each, paragraphs, "    ") for each in _around(outcome)))
    return "\n\n".join(part for part in parts if part)


def _table(outcome: Outcome, width: int | None) -> str:
    # Beside the name, the narrowest table takes 51 letters.
    longest = 200 if width is None else max(12, width - 51)
    rows = [_row(outcome, tried, number, longest) for number, tried in enumerate(outcome.tried, 1)]
    if not rows:
        return ""
    always = {"#", "mark", "variant", "result"}
    titles = [key for key in rows[0] if key in always or any(row[key] not in {"", NONE} for row in rows)]
    text = _columns(rows, titles)
    for left_out in _OPTIONAL:
        if width is None or max(map(len, text.splitlines())) <= width:
            break
        if left_out != metric_title(outcome):
            titles = [title for title in titles if title != left_out]
            text = _columns(rows, titles)
    return text


def _columns(rows: Sequence[Mapping[str, str]], titles: Sequence[str]) -> str:
    right = frozenset(place for place, title in enumerate(titles) if title not in _LEFT_ALIGNED)
    heads = ["" if title == "mark" else title for title in titles]
    return columns_of([[row[title] for title in titles] for row in rows], heads, right)


def _row(outcome: Outcome, tried: Tried, number: int, longest: int) -> dict[str, str]:
    figures, share = figures_of(tried), size_share(outcome, tried)
    best = ">" if tried is recommended(outcome) else " "
    return {
        "#": str(number),
        "mark": best + ("*" if tried.is_pareto else " "),
        "variant": one_line(tried.id, longest),
        "size": bytes_text(tried.size_bytes),
        "of size": NONE if share is None else f"{share:.2f}",
        "latency": latency_text(tried),
        "ratio": ratio_text(tried.ratio),
        "[low, high]": ratio_interval(tried.ratio) if tried.scheme else "",
        **_metric_cells(outcome, figures),
        "cosine": cosine_text(figures.cosine),
        "kept": kept_text(tried),
        "result": result_text(tried),
    }


def _metric_cells(outcome: Outcome, figures: Figures) -> dict[str, str]:
    metric = metric_of(outcome)
    if metric is None:
        return {}
    known = figures if figures.metric == metric else Figures()
    write = points if known.is_share else digits
    return {
        metric_title(outcome): value_text(known.value, metric, is_share=known.is_share),
        "drop": drop_text(known.drop, known, interval=False),
        "[drop]": "" if known.drop is None else bounds_text(known.drop, write),
    }


def _legend(outcome: Outcome, head: str) -> str:
    """What the table's signs and columns mean, of those that are there. head: its first line."""
    is_share = is_share_of(metric_of(outcome))
    told = {
        "> recommended": recommended(outcome) is not None,
        "* no other is better in quality, latency and size at once": any(
            tried.is_pareto for tried in outcome.tried
        ),
        "ratio: latency over the float file's of the same format, [low, high] of 95 %": " ratio " in head,
        f"drop: below the source{', in points' if is_share else ''}": " drop " in head,
        "kept: layers in higher precision": " kept " in head,
    }
    return "; ".join(text for text, is_there in told.items() if is_there)


def _reasons(outcome: Outcome) -> Iterator[str]:
    """Why variants were left out, are over the budget, or are no faster."""
    for tried in outcome.tried:
        name = one_line(tried.id, 60)
        over = figures_of(tried).passes is False
        if (not tried.is_shipped or over) and tried.why:
            yield f"{name} {result_text(tried)}: {one_line(tried.why)}"
        slower = why_not_faster(tried, outcome.layers)
        if slower:
            yield f"{name} {slower}"
        if tried.latency_s is None and tried.latency_reason:
            yield f"{name}: latency not measured: {one_line(tried.latency_reason)}"


def _around(outcome: Outcome) -> Iterator[str]:
    best = recommended(outcome)
    if best is not None and best.kept and best.scheme is not None:
        names = ", ".join(one_line(name, 60) for name in best.kept[:_SHOWN_LAYERS])
        more = f" and {len(best.kept) - _SHOWN_LAYERS} more" if len(best.kept) > _SHOWN_LAYERS else ""
        yield f"kept         {names}{more}"
    yield f"data         {one_line(outcome.data)}"
    if outcome.calibration != "random":
        yield f"calibration  {calibration_words(outcome)}"
    yield f"budget       {one_line(outcome.budget)}"
    yield f"measured on  {one_line(outcome.machine)}"
    for warning in outcome.warnings:
        yield f"warning      {one_line(warning, 1000)}"
    if outcome.bundle:
        yield f"bundle       {one_line(outcome.bundle)} {one_line(outcome.identity)}".rstrip()


def _wrapped(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False)
