"""The export as one HTML file that needs nothing else: no network, no scripts; for screens and paper."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from edgeai.errors import ExportError, one_line
from edgeai.markup import Markup, element, joined, whole_page
from edgeai.quantities import bytes_text, time_text
from edgeai.whole_file import write_whole

from ..outcome import Outcome, Tried
from .command import command
from .document import document
from .figures import recommended, size_share
from .layers import layer_sections
from .pareto import pareto_svg, shape
from .points import Plotted, plotted
from .variants import variant_section
from .words import (
    NONE,
    RANDOM,
    calibration_words,
    counted,
    headline,
    quality_tile,
    ratio_interval,
    ratio_text,
)


def write_html(outcome: Outcome, path: str | os.PathLike[str]) -> None:
    """Write the page; the same bytes for the same outcome, whole or not at all. Raises ExportError where the
    file cannot be written."""
    write_page(page(outcome), path)


def page(outcome: Outcome) -> Markup:
    """The whole document."""
    return whole(f"{one_line(outcome.name, 80)}: edgeai export", _sections(outcome), document(outcome))


def write_page(text: Markup, path: str | os.PathLike[str]) -> None:
    """Beside and renamed. Raises ExportError."""
    try:
        write_whole(Path(path), text.encode("utf-8"))
    except OSError as error:
        raise ExportError(
            f"the report {one_line(path)} cannot be written: {error.strerror}; "
            "name another place with --report"
        ) from error


def whole(title: str, sections: Sequence[Markup], content: object) -> Markup:
    """A page of sections. content: the same as JSON, which goes along."""
    main = element("main", *(part for part in sections if part))
    return whole_page(title, style(), main, embedded(content))


def style() -> Markup:
    """The style sheet of every page here."""
    return Markup(resources.files("edgeai_exporters.report").joinpath("style.css").read_text("utf-8"))


def embedded(content: object) -> Markup:
    """A document in a page as data, which no browser runs: `<` cannot end the element."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return element("script", Markup(text), type="application/json", id="document")


def facts(pairs: Mapping[str, object]) -> Markup:
    """Names and what belongs to them."""
    return element(
        "dl",
        *(joined(element("dt", name), element("dd", _fact(value))) for name, value in pairs.items()),
        class_="facts",
    )


def _sections(outcome: Outcome) -> list[Markup]:
    return [
        _top(outcome),
        _plot(outcome),
        variant_section(outcome),
        *layer_sections(outcome),
        _data(outcome),
        _warnings(outcome),
        _section("Provenance", facts(dict(outcome.provenance) or {"source": "unknown"})),
        _settings(outcome),
    ]


def _section(title: str, *parts: str) -> Markup:
    return element("section", element("h2", title), *parts)


def _top(outcome: Outcome) -> Markup:
    alarm = element("p", RANDOM, class_="alarm", role="alert") if outcome.calibration == "random" else ""
    best = recommended(outcome)
    return element(
        "header",
        element("h1", outcome.name),
        element("p", headline(outcome), class_="headline"),
        alarm,
        "" if best is None else _tiles(outcome, best),
    )


def _tiles(outcome: Outcome, best: Tried) -> Markup:
    share = size_share(outcome, best)
    shipped = sum(tried.is_shipped for tried in outcome.tried)
    if best.ratio is None:
        latency = ("latency", NONE if best.latency_s is None else time_text(best.latency_s), "not compared")
    else:
        interval = ratio_interval(best.ratio) if best.scheme else "is the float file"
        latency = ("latency, share of float", ratio_text(best.ratio), interval)
    tiles = [
        latency,
        ("size, share of float", NONE if share is None else f"{share:.2f}", bytes_text(best.size_bytes)),
        quality_tile(best),
        ("shipped", str(shipped), f"of {counted(len(outcome.tried), 'variant')} tried"),
    ]
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value, element("small", below)))
            for name, value, below in tiles
        ),
        class_="tiles",
    )


def _plot(outcome: Outcome) -> Markup:
    plot = plotted(outcome)
    if plot is None or len(plot.points) < 2:
        why = "no variant's quality was measured" if plot is None else "there is one variant to draw"
        return _section("Quality and latency", element("p", f"No plot: {why}."))
    notes = [
        "Upper left is better. A marker's area is the file's size; bars are 95 % intervals; a ring means "
        "that no other variant is better in quality, latency and size at once. Numbers: see the table."
    ]
    if plot.missing:
        numbers = ", ".join(map(str, plot.missing))
        notes.append(f"Not drawn, since quality or latency is not known: {numbers}.")
    return _section(
        f"Quality and {plot.x.title.partition(' ')[0]}",
        element(
            "figure",
            pareto_svg(outcome, plot, 1000, 460, key="wide"),
            pareto_svg(outcome, plot, 370, 400, key="narrow"),
            _legend(plot),
            element("figcaption", " ".join(notes)),
        ),
    )


def _legend(plot: Plotted) -> Markup:
    kinds: dict[str, Tried] = {}
    for point in plot.points:
        tried = point.tried
        state = "shipped" if tried.is_shipped else "left out"
        kinds.setdefault(f"float, {state}" if tried.scheme is None else state, tried)
    return element(
        "ul",
        *(
            element(
                "li",
                element("svg", shape(kinds[name], 9.0, 9.0, 6.0), viewBox="0 0 18 18", aria_hidden="true"),
                f" {name}",
            )
            for name in sorted(kinds, key=lambda name: (name.startswith("float"), name != "shipped"))
        ),
        class_="legend",
    )


def _data(outcome: Outcome) -> Markup:
    alarm = outcome.calibration == "random"
    words = element("p", calibration_words(outcome), class_="alarm") if alarm else calibration_words(outcome)
    told: dict[str, object] = {"data": outcome.data, "calibration": words, "budget": outcome.budget}
    return _section("Data and budget", facts({**told, "measured on": outcome.machine}))


def _warnings(outcome: Outcome) -> Markup:
    if not outcome.warnings:
        return _section("Warnings", element("p", "None."))
    return _section("Warnings", *(element("p", each, class_="note") for each in outcome.warnings))


def _settings(outcome: Outcome) -> Markup:
    again = command(outcome)
    told = {
        "bundle": outcome.bundle,
        "identity": outcome.identity or "unknown",
        "took": time_text(outcome.seconds) if outcome.seconds else "unknown",
    }
    settings = {key: value for key, value in outcome.settings.items() if value not in (None, "", (), [], {})}
    return _section(
        "To make it again",
        element("pre", again) if again else element("p", "The command is not known."),
        facts(told),
        element("details", element("summary", "Settings"), facts(settings)) if settings else "",
    )


def _fact(value: object) -> str:
    if isinstance(value, Markup):
        return value
    return value if isinstance(value, str) else _plain_text(value)


def _plain_text(value: object) -> str:
    from .document import plain

    return json.dumps(plain(value), ensure_ascii=False)
