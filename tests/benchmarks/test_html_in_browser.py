"""The HTML report in headless Chromium, on a phone and on a desktop: charts are there, nothing complains, and
nothing is asked of the network."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edgeai_bench.render.html.page import html_page
from tests.benchmarks.made_up import (
    CONDITIONS,
    DOUBT,
    ENERGY,
    MLPERF,
    PIPELINE,
    PROFILE,
    QUIET,
    RECORD,
    SOAK,
    report,
)
from tests.benchmarks.test_html_report import FAILED, HOSTILE
from tests.chromium import Chromium, needs_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.conftest import Run

pytestmark = needs_chromium
PHONE, DESKTOP = 360, 1280
PAPER = 690  # CSS pixels of A4 within its margins
LOOK = """(() => {
  const shown = (node) => {
    const box = node.getBoundingClientRect();
    return box.width > 0 && box.height > 0;
  };
  const charts = [...document.querySelectorAll('figure.chart')].map((figure) => ({
    title: figure.querySelector('figcaption').textContent,
    width: figure.querySelector('svg').getBoundingClientRect().width,
    height: figure.querySelector('svg').getBoundingClientRect().height,
    drawn: [...figure.querySelectorAll('svg svg path')]
      .filter((path) => path.getBoundingClientRect().width > 0).length,  // a level line has no height
    ticks: figure.querySelectorAll('text.tick').length,
    inside: [...figure.querySelectorAll('text')].every((text) => {
      const box = text.getBoundingClientRect();
      return box.left >= 0 && box.right <= innerWidth;
    }),
  }));
  return {
    charts, width: innerWidth, page: document.documentElement.scrollWidth,
    columns: getComputedStyle(document.querySelector('.tiles')).gridTemplateColumns.split(' ').length,
    letters: Math.min(...[...document.querySelectorAll('body *')].filter(shown)
      .map((node) => parseFloat(getComputedStyle(node).fontSize))),
    bars: [...document.querySelectorAll('svg.bar rect')].filter(shown).length,
    titled: [...document.querySelectorAll('h1')].map((title) => title.textContent),
  };
})()"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_report_of_a_real_run_opens(chromium: Chromium, real: Run, width: int, dark: bool) -> None:
    opened = chromium.open(real.html_path.as_uri(), width=width, script=LOOK, dark=dark)
    assert opened.requests == [real.html_path.as_uri()]
    assert opened.complaints == []
    seen = opened.answer
    titles = [chart["title"] for chart in seen["charts"]]
    runs = len(real.document["runs"])
    for title in ("Latency distribution", "Cumulative distribution (ECDF)", "Latency over time"):
        assert titles.count(title) == runs
    assert titles.count("Latency of all runs (ECDF)") == (runs > 1)
    for chart in seen["charts"]:
        assert chart["drawn"] >= 1, chart
        assert chart["ticks"] >= 2, chart
        assert chart["inside"], chart
        assert chart["height"] >= 50, chart
        assert 0.2 * width < chart["width"] < width, chart
    assert seen["page"] <= seen["width"] == width  # nothing makes the page scroll sideways
    assert seen["columns"] == (2 if width == PHONE else 4)
    assert seen["letters"] >= 12
    assert seen["bars"] >= 7 * runs  # RAM of each phase


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_a_page_with_everything_and_hostile_names_opens(
    chromium: Chromium, tmp_path: Path, width: int
) -> None:
    hot = replace(
        RECORD,
        after=replace(CONDITIONS, temperatures_c={HOSTILE: 84.0}),
        change=replace(QUIET, throttle_events={HOSTILE: 2}),
    )
    model = replace(report().model, path=HOSTILE * 20, id=HOSTILE)
    made = report(
        model=model,
        warnings=(DOUBT,),
        processes=(RECORD, hot),
        pipeline=PIPELINE,
        verdict="INVALID",
        mlperf=MLPERF,
        soak=replace(
            SOAK,
            blocks=tuple(replace(SOAK.blocks[0], start_s=at) for at in (0.0, 900.0)),
            glances=tuple(replace(SOAK.glances[0], time_s=at) for at in (0.0, 900.0)),
        ),
        profile=PROFILE,
        energy=replace(
            ENERGY,
            meter=HOSTILE,
            scope=HOSTILE,
            method=HOSTILE,
            doubts={HOSTILE: HOSTILE},
            notes=(HOSTILE,),
            trace=replace(ENERGY.trace, rails_w={HOSTILE * 9: 1.0, "VIN": 2.0}),
        ),
    )
    page = tmp_path / "page.html"
    page.write_text(html_page([made, made, report()], [replace(FAILED, model=HOSTILE * 9)]), "utf-8")
    opened = chromium.open(page.as_uri(), width=width, script=LOOK)
    assert (opened.requests, opened.complaints) == ([page.as_uri()], [])
    assert opened.answer["titled"] == ["3 runs"]
    assert opened.answer["page"] <= width
    assert all(chart["drawn"] >= 1 for chart in opened.answer["charts"])


SPANS = """(() => {
  document.documentElement.style.overflow = 'hidden';  // a picture has no scroll bar
  const box = (node) => {
    const {left, right, top, bottom} = node.getBoundingClientRect();
    return {left: left + scrollX, right: right + scrollX, top: top + scrollY, bottom: bottom + scrollY};
  };
  const all = (what) => [...document.querySelectorAll(`figure.power ${what}`)].map(box);
  return {windows: all('rect.window'), idle: all('rect.idle'),
    gaps: all('rect.gap'), page: document.documentElement.scrollWidth,
    names: [...document.querySelectorAll('figure.power text.name')].map((name) => name.textContent)};
})()"""
TRACE, INK = (0x25, 0x59, 0xC7), (0x16, 0x20, 0x2B)
"""Colours of the line of reads and of means on a light screen."""


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_power_trace_is_drawn_where_the_reads_are(chromium: Chromium, tmp_path: Path, width: int) -> None:
    # Means apart from the reads, so that no line lies on the other: 5 W beside 5.8 W, 1 W beside 2.6 W.
    energy = replace(
        ENERGY,
        windows=tuple(replace(window, energy_j=50.0) for window in ENERGY.windows),
        idle=tuple(replace(span, power_w=1.0) for span in ENERGY.idle),
    )
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(html_page([report(energy=energy)], []), "utf-8")
    opened = chromium.open(page.as_uri(), width=width, script=SPANS, picture=picture)
    assert (opened.requests, opened.complaints) == ([page.as_uri()], [])
    seen = opened.answer
    assert seen["page"] <= width
    assert (len(seen["windows"]), len(seen["idle"]), len(seen["gaps"])) == (5, 2, 1)
    assert seen["names"] == ["idle", "idle", "1", "2", "3", "4", "5"]
    plot, pixels = seen["windows"][0], Image.open(picture).convert("RGB")  # as high as the plot
    top_w = 5.8 * 1.12

    def watts(x: float, colour: tuple[int, int, int], near: int = 48) -> list[float]:
        """The powers at which pixels of a colour lie in a column."""
        rows = range(round(plot["top"]), round(plot["bottom"]))
        column = np.asarray(pixels)[rows.start : rows.stop, int(x)].astype(int)
        found = np.flatnonzero(np.abs(column - colour).max(axis=1) < near)
        return [top_w * (1 - (float(at) + 0.5) / len(rows)) for at in found]

    for span, read_w, mean_w in [*((each, 5.8, 5.0) for each in seen["windows"])] + [
        (each, 2.6, 1.0) for each in seen["idle"]
    ]:
        middle = (span["left"] + span["right"]) / 2
        read = watts(middle + 2, TRACE)
        assert read, span
        assert read == pytest.approx([read_w] * len(read), abs=0.1)
        # The line of idle is dashed: one of ten columns beside each other has it.
        means = [value for step in range(10) for value in watts(span["left"] + 2 + step, INK, near=110)]
        assert means, span
        assert any(abs(value - mean_w) < 0.1 for value in means)
    gap = seen["gaps"][0]
    assert watts((gap["left"] + gap["right"]) / 2, TRACE) == []


def test_it_prints(chromium: Chromium, real: Run, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    chromium.open(real.html_path.as_uri(), width=DESKTOP, paper=paper)
    on_paper = chromium.open(real.html_path.as_uri(), width=PAPER, media="print", script=LOOK).answer
    assert on_paper["page"] <= PAPER  # nothing is cut off at the right
    assert on_paper["columns"] == 4
    assert all(chart["inside"] for chart in on_paper["charts"])
    pages = paper.read_bytes().count(b"/Type /Page\n") + paper.read_bytes().count(b"/Type /Page ")
    assert 2 <= pages <= 6 * len(real.document["runs"])  # 11 for two runs, seen on a busy machine


def test_what_a_page_asks_for_and_complains_of_would_be_seen(chromium: Chromium, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<img src="http://127.0.0.1:9/x.png"><script>console.error("no"); nothing()</script>')
    opened = chromium.open(page.as_uri(), width=PHONE, script="1 + 1")
    assert opened.requests == [page.as_uri(), "http://127.0.0.1:9/x.png"]
    assert "console.error" in json.dumps(opened.complaints)
    assert len(opened.complaints) >= 2
    assert opened.answer == 2
