"""The page stands alone, reads well to machines that read aloud, and believes nothing that a model says."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgeai.errors import ExportError
from edgeai_exporters.outcome import Outcome, Tried
from edgeai_exporters.report import document, write_html
from edgeai_exporters.report.html import page
from edgeai_exporters.report.layers import TOP
from tests.exporters.report.made_up import (
    FLOAT,
    HALF,
    LAYERS,
    MIXED,
    OUTCOME,
    STATIC,
    many,
    only_cosine,
    quality,
)

HOSTILE = "</script><script>alert(1)</script><img src=http://evil/x onerror=alert(1)>\"'&\x00\u202e\ud800\n"


def _without(outcome: Outcome, **fields: object) -> Outcome:
    return replace(outcome, tried=tuple(replace(tried, **fields) for tried in outcome.tried))  # type: ignore[arg-type]


CASES = {
    "four": OUTCOME,
    "cosine": only_cosine(OUTCOME),
    "one": replace(OUTCOME, tried=(replace(FLOAT, quality=quality(1.0)),), layers=(), warnings=()),
    "many": many(25, 300),
    "no-latency": _without(OUTCOME, latency_s=None, ratio=None, latency_reason="no board"),
    "no-quality": _without(OUTCOME, quality=None),
    "odd-quality": _without(
        OUTCOME, quality={"metric": "x", "cosine": float("nan"), "samples": None, "new": [1]}
    ),
    "nothing-shipped": _without(OUTCOME, is_shipped=False),
    "nothing-tried": replace(OUTCOME, tried=()),
    "hostile": replace(
        OUTCOME,
        name=HOSTILE,
        tried=(FLOAT, replace(MIXED, id=HOSTILE, why=HOSTILE, kept=(HOSTILE,))),
        layers=(replace(LAYERS[0], name=HOSTILE, operator=HOSTILE, variant=HOSTILE),),
        warnings=(HOSTILE,),
        settings={"source": HOSTILE},
        provenance={HOSTILE: {"a": [HOSTILE]}},
    ),
    "long": replace(OUTCOME, tried=tuple(replace(each, id=each.id + "n" * 200) for each in OUTCOME.tried)),
}


class _Tags(HTMLParser):
    """Counts elements, checks that they are closed in order, keeps attributes and the script's text."""

    _EMPTY = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.script = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self._EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.script += data


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def outcome(request: pytest.FixtureRequest) -> Outcome:
    return request.param  # type: ignore[no-any-return]


def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(outcome: Outcome) -> None:
    tags = _Tags(page(outcome))
    names = Counter(name for name, _ in tags.found)
    assert names["script"] == 1
    assert not names.keys() & {
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "a",
        "use",
        "image",
    }
    attributes = [key for _, attributes in tags.found for key in attributes]
    assert not [key for key in attributes if key.startswith("on") or key in {"src", "href", "xlink:href"}]
    style = page(outcome).partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_a_page_holds_the_document_as_data(outcome: Outcome) -> None:
    tags = _Tags(page(outcome))
    attributes = next(attributes for name, attributes in tags.found if name == "script")
    assert attributes["type"] == "application/json"
    assert json.loads(tags.script) == document(outcome)


def test_tables_have_heads_and_plots_have_titles(outcome: Outcome) -> None:
    text = str(page(outcome))
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        assert table.count("<caption>") == 1
        assert '<th scope="col"' in table
        rows = table.partition("<tbody>")[2].count("<tr")
        assert table.count('scope="row"') == rows
    for plot in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        assert 'aria-hidden="true"' in plot or re.search(r'role="img"', plot)
        if "aria-hidden" not in plot:
            assert re.match(r"<svg[^>]*><title id=", plot)


def test_ids_are_there_once(outcome: Outcome) -> None:
    ids = [attributes["id"] for _, attributes in _Tags(page(outcome)).found if "id" in attributes]
    assert len(set(ids)) == len(ids)


def test_a_page_is_the_same_each_time_and_is_utf8(outcome: Outcome, tmp_path: Path) -> None:
    write_html(outcome, tmp_path / "a.html")
    write_html(outcome, str(tmp_path / "b.html"))
    first = (tmp_path / "a.html").read_bytes()
    assert first == (tmp_path / "b.html").read_bytes()
    assert first.decode("utf-8").startswith("<!DOCTYPE html>\n<html")
    assert first.endswith(b"</html>\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_letters_that_hide_or_turn_text_round_are_spelled_out() -> None:
    text = str(page(CASES["hostile"]))
    assert not [letter for letter in set(text) if not letter.isprintable() and letter != "\n"]
    assert "\\u202e" in text


def test_random_calibration_is_the_first_thing_that_is_said() -> None:
    text = str(page(replace(OUTCOME, calibration="random")))
    loud = text.index("CALIBRATED WITH RANDOM NUMBERS")
    assert text.index("<h1>") < loud < text.index("<dl")
    assert "CALIBRATED WITH RANDOM" not in page(OUTCOME)


def test_the_page_says_what_came_out_in_one_sentence() -> None:
    assert (
        "onnx-int8-mixed is recommended: 0.48 [0.46, 0.50] of the float file&#x27;s latency, "
        "0.35 of its size (31.2 MB of 90.4 MB), top1 falls by 0.42 [-0.18, 1.22] points."
    ) in page(OUTCOME)


def test_forty_layers_are_shown_by_their_loss_and_the_others_are_folded() -> None:
    text = str(page(replace(many(4, 300), layers=many(4, 300).layers[::-1])))
    shown, _, folded = text.partition("<details><summary>260 more, 0 of them kept</summary>")
    assert shown.count('class="bar"') == TOP
    assert folded.count('class="bar"') == 260
    losses = [float(loss) for loss in re.findall(r'class="bar">(?:<i[^>]*></i>)?([\d.e-]+)<', text)]
    assert losses == sorted(losses, reverse=True)


def test_kept_layers_are_told_by_a_word_and_not_only_by_colour() -> None:
    assert str(page(OUTCOME)).count("\u2713 kept") == 2


def test_the_reason_for_a_slow_variant_stands_beside_it() -> None:
    assert "Is slower than float: CPUs have few f16 kernels" in page(replace(OUTCOME, tried=(FLOAT, HALF)))


@pytest.mark.parametrize("tried", [FLOAT, MIXED, STATIC])
def test_every_figure_of_a_variant_is_in_the_table(tried: Tried) -> None:
    row = next(row for row in re.findall(r"<tr.*?</tr>", page(OUTCOME), re.DOTALL) if f">{tried.id}<" in row)
    assert f">{tried.size_bytes / 1e6:.1f} MB<" in row
    assert tried.latency_s is not None
    assert f"{tried.latency_s * 1e3:.3g}"[:3] in row
    assert ("\u25cf shipped" if tried.is_shipped else "\u25c7 left out") in row


@pytest.mark.skipif(
    sys.platform == "win32", reason="folders are not files there either, with another message"
)
def test_a_page_that_cannot_be_written_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"the report .*nowhere/a\.html cannot be written: .*; name another place"
    ):
        write_html(OUTCOME, tmp_path / "nowhere" / "a.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ExportError, match="cannot be written"):
        write_html(OUTCOME, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
