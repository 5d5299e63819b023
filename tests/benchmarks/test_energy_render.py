"""Energy in every output: figures with interval, scope and method; `unavailable` with its reason; estimates
with `~`, two digits and their error."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edgeai.measure.energy import PowerTrace
from edgeai.measure.statistics import Estimate
from edgeai.quantities import energy_text, power_text
from edgeai.unavailable import Unavailable
from edgeai_bench.render.charts.power import power_chart
from edgeai_bench.render.csv_rows import csv_text
from edgeai_bench.render.energy import joules
from edgeai_bench.render.html.page import html_page
from edgeai_bench.render.markdown import markdown_text
from edgeai_bench.render.table import overview, page
from tests.benchmarks.made_up import ENERGY, MLPERF, PIPELINE, report
from tests.benchmarks.test_html_report import Tags, page_of

if TYPE_CHECKING:
    from edgeai.measure.energy import Energy

NONE_HERE = Unavailable("no sensor on this board", "use an external meter")
ROUGH = replace(
    ENERGY,
    meter="estimate",
    scope="board, estimated",
    is_estimate=True,
    gross_j=Estimate(0.0712, 0.0498, 0.0926),
    net_j=Estimate(-0.0012, -0.0226, 0.0202),
)


def traced(*power_w: float | None, **changes: object) -> Energy:
    """With one value a second in its trace."""
    times = tuple(float(at) for at in range(len(power_w)))
    return replace(ENERGY, trace=PowerTrace(times, power_w, {}, (), 0.0), **changes)  # type: ignore[arg-type]


def lines_of(chart: str) -> list[str]:
    """The `d` of each line of reads."""
    return re.findall(r'<path d="([^"]*)" class="line trace"', chart)


# Numbers


@pytest.mark.parametrize(
    ("value_j", "text", "rough"),
    [
        (0.01234, "12.3 mJ", "~12 mJ"),
        (0, "0 J", "~0 J"),
        (0.9996, "1.00 J", "~1.0 J"),
        (0.996, "996 mJ", "~1.0 J"),
        (5.678e-9, "5.68 nJ", "~5.7 nJ"),
        (4e-10, "0.4 nJ", "~0.4 nJ"),
        (4321.0, "4.32 kJ", "~4.3 kJ"),
        (4.321e6, "4,320 kJ", "~4,300 kJ"),
        (-0.0123, "-12.3 mJ", "~-12 mJ"),
    ],
)
def test_joules_have_three_digits_and_estimates_two(value_j: float, text: str, rough: str) -> None:
    assert energy_text(value_j) == text
    assert energy_text(value_j, rough=True) == rough


@pytest.mark.parametrize(
    ("value_w", "text"),
    [(9.2502, "9.25 W"), (0.0202, "20.2 mW"), (0, "0 W"), (123.4, "123 W"), (2e-5, "0.02 mW")],
)
def test_watts_have_three_digits(value_w: float, text: str) -> None:
    assert power_text(value_w) == text


def test_the_error_of_an_estimate_is_a_share_and_of_none_above_0_in_its_own_unit() -> None:
    assert joules(ROUGH.gross_j, ROUGH) == ("~71 mJ", "±30 %")
    assert joules(ROUGH.net_j, ROUGH) == ("~-1.2 mJ", "±21 mJ")
    assert joules(Estimate(0.0712, None, None), ROUGH) == ("~71 mJ", "")
    assert joules(ENERGY.gross_j, ENERGY) == ("71.2 mJ", "[69.9 mJ, 72.5 mJ]")


# The page and the overview


def test_a_page_says_what_an_inference_takes_of_what_and_how_it_was_measured() -> None:
    lines = page(report(energy=ENERGY)).splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("energy"))
    assert lines[first : first + 4] == [
        "energy     gross   71.2 mJ  [69.9 mJ, 72.5 mJ] per inference; scope: board without USB, HATs and "
        "NVMe",
        "           net     39.1 mJ  [37.7 mJ, 40.5 mJ] per inference, less idle 2.61 W (drift +20.0 mW)",
        "           power    5.79 W  [5.68 W, 5.90 W] mean; 14.0 inferences per joule [13.8, 14.3]",
        "           PMIC of a Raspberry Pi 5, power integrated over 5 windows of 10 s",
    ]
    rest = lines[first + 4 : first + 8]
    assert all(len(line) <= 110 and line.startswith(" " * 11) for line in rest)
    assert " ".join(" ".join(rest).split()) == (
        "5 windows; 820 reads, 1 failed, one every 100 ms, each takes 1.10 ms; the sensor updates every "
        "100 ms, 100 times a window; coverage 99.9 %, longest gap 210 ms; sampling changes the time of a "
        "call by +0.3 % [-0.2 %, +0.8 %] note: USB, HATs and NVMe are not in it."
    )


def test_what_was_not_seen_of_a_sensor_is_said_in_words() -> None:
    unseen = replace(ENERGY.sampling, update_s=None, updates_per_window=None, slowdown=None, failed_reads=0)
    text = " ".join(page(report(energy=replace(ENERGY, sampling=unseen))).split())
    assert "820 reads, one every 100 ms" in text
    assert "the sensor changed too seldom to tell its update period; coverage" in text
    assert "slowdown by sampling not measured" in text


def test_an_estimate_stands_out_on_a_page() -> None:
    text = page(report(energy=ROUGH))
    assert "energy     gross    ~71 mJ  ±30 % per inference; scope: board, estimated" in text
    assert "idle ~2.6 W" in text
    assert "71.2" not in text


def test_the_overview_has_a_column_of_gross_joules_where_any_run_has_them() -> None:
    lines = overview([report(energy=ENERGY), report(energy=NONE_HERE)], []).splitlines()
    assert lines[0].split()[-2:] == ["energy", "verdict"]
    assert lines[1].split()[-3:] == ["71.2", "mJ", "VALID"]
    assert lines[2].split()[-2:] == ["unavailable", "VALID"]
    assert "energy = gross joules of one inference; scope: board without USB, HATs and NVMe" in lines
    assert "energy unavailable: no sensor on this board; use an external meter" in lines


def test_without_any_energy_the_overview_says_why_once_and_has_no_column() -> None:
    lines = overview([report(energy=NONE_HERE), report(energy=NONE_HERE)], []).splitlines()
    assert "energy" not in lines[0]
    assert [line for line in lines if "energy" in line] == [
        "energy unavailable: no sensor on this board; use an external meter"
    ]


def test_scopes_that_differ_stand_in_the_cells() -> None:
    lines = overview([report(energy=ENERGY), report(energy=ROUGH)], []).splitlines()
    assert "71.2 mJ board without USB, HATs and NVMe" in lines[1]
    assert "~71 mJ ±30 % board, estimated" in lines[2]
    assert "energy = gross joules of one inference; scopes differ, and do not compare; ~ = estimated" in lines


def test_calls_of_a_pipeline_are_named() -> None:
    made = report(energy=ENERGY, pipeline=PIPELINE)
    assert "[69.9 mJ, 72.5 mJ] per item; scope: " in page(made)
    assert "14.0 items [13.8, 14.3]" in page_of(made).text
    assert "71.2 mJ [69.9 mJ, 72.5 mJ] per call (item)" in page_of(made).text


# MLPerf


def test_energy_of_a_scenario_says_that_idle_is_not_subtracted() -> None:
    text = " ".join(page(report(mlperf=MLPERF)).split())
    assert (
        "energy 78.2 mJ [77.4 mJ, 79.0 mJ] per query, idle not subtracted; scope: board rails (PMIC); mean "
        "3.90 W; 5,970 reads, 2 failed, coverage 100 % accuracy" in text
    )
    several = replace(MLPERF.energy, energy_per_sample_j=Estimate(0.0098, None, None))  # type: ignore[type-var]
    assert ", 9.80 mJ per sample, idle" in page_of(report(mlperf=replace(MLPERF, energy=several))).text
    without = " ".join(page(report(mlperf=replace(MLPERF, energy=NONE_HERE))).split())
    assert "energy unavailable: no sensor on this board; use an external meter accuracy" in without
    # Documents of before there was energy.
    old = page(report(mlperf=replace(MLPERF, energy=None)))
    assert old.count("energy") == 1


# CSV and Markdown


def test_csv_has_si_figures_and_the_scope() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text([report(energy=ENERGY), report(energy=NONE_HERE)], []))))
    told = {key: rows[0][key] for key in rows[0] if key.startswith(("energy", "idle", "power", "inferences"))}
    assert told == {
        "energy_gross_j": "0.0712",
        "energy_gross_j_low": "0.0699",
        "energy_gross_j_high": "0.0725",
        "energy_net_j": "0.0391",
        "energy_net_j_low": "0.0377",
        "energy_net_j_high": "0.0405",
        "power_w": "5.79",
        "power_w_low": "5.68",
        "power_w_high": "5.9",
        "inferences_per_j": "14.04",
        "inferences_per_j_low": "13.79",
        "inferences_per_j_high": "14.31",
        "energy_meter": "pi5-pmic",
        "energy_scope": "board without USB, HATs and NVMe",
        "energy_is_estimate": "false",
        "idle_w": "2.61",
        "idle_drift_w": "0.02",
        "energy_windows": "5",
        "energy_coverage": "0.999",
        "energy_longest_gap_s": "0.21",
        "energy_unavailable": "",
    }
    assert {rows[1][key] for key in told if key != "energy_unavailable"} == {""}
    assert rows[1]["energy_unavailable"] == "no sensor on this board; use an external meter"


def test_markdown_has_a_column_and_says_what_it_covers() -> None:
    text = markdown_text([report(energy=ENERGY), report(energy=NONE_HERE)], [])
    header, rule, first, second = text.splitlines()[:4]
    assert header.endswith("| rate | energy |")
    assert rule.count("|") == header.count("|") == first.count("|")
    assert first.endswith("| 71.2 mJ |")
    assert second.endswith("| unavailable |")
    assert "energy = gross joules of one inference; scope: board without USB, HATs and NVMe." in text
    assert "- energy unavailable: no sensor on this board; use an external meter\n" in text
    assert "\n\n\n" not in text + markdown_text([report(energy=ENERGY)], [])
    assert "\\~71 mJ ±30 %" in markdown_text([report(energy=ROUGH)], [])
    assert "| energy |" not in markdown_text([report(energy=NONE_HERE)], [])


# HTML


def test_html_has_the_figure_with_its_scope_first_and_the_trace_with_its_spans() -> None:
    made = html_page([report(energy=ENERGY)], [])
    places = [
        made.index(text)
        for text in (
            "energy per inference, gross",
            "71.2 mJ",
            "<h3>Energy</h3>",
            "Power over time",
            "VDD_CORE",
        )
    ]
    assert places == sorted(places)
    tags = page_of(report(energy=ENERGY))
    assert tags.count("figure", "power") == 1
    assert tags.count("rect", "window") == 5
    assert tags.count("rect", "idle") == 2
    assert tags.count("rect", "gap") == 1
    text = tags.text
    for said in (
        "window 3: 813 calls in 10.0 s, 57.9 J, 5.79 W",
        "idle, 10.0 s, 2.60 W",
        "no reading for 1.00 s",
        "[69.9 mJ, 72.5 mJ] board without USB, HATs and NVMe",
        "PMIC of a Raspberry Pi 5, power integrated over 5 windows of 10 s",
        "gain of the sensor 500 µJ, spread of the windows 300 µJ, offset of the sensor 200 µJ",
        "600 mW",
    ):
        assert said in text


def test_without_energy_html_says_why_in_the_tile_and_in_the_section() -> None:
    tags = page_of(report(energy=NONE_HERE))
    assert tags.count("figure", "power") == 0
    assert tags.text.count("no sensor on this board; use an external meter") == 2


def test_several_runs_have_a_column_of_energy_only_where_one_was_measured() -> None:
    both = Tags(html_page([report(energy=ENERGY), report(energy=NONE_HERE)], []))
    assert "energy = gross joules of one inference; scope: board without USB" in both.text
    neither = Tags(html_page([report(energy=NONE_HERE)] * 2, []))
    # The column, and the rails of the one run: three columns; three rails and the total.
    assert both.count("th") == neither.count("th") + 1 + 3 + 4
    assert "gross joules of one inference" not in neither.text


def test_rails_inside_another_are_marked() -> None:
    trace = replace(ENERGY.trace, rails_w={"VDD_IN": 5.79, "VDD_SOC": 2.0}, inside=("VDD_SOC",))
    text = page_of(report(energy=replace(ENERGY, trace=trace))).text
    assert "VDD_SOC, inside another" in text
    assert "VDD_IN, inside" not in text


def test_a_rail_below_0_has_no_bar_and_keeps_its_sign() -> None:
    rails = replace(ENERGY.trace, rails_w={"VDD_GPU": -0.012, "VIN": 5.79})
    assert "-12.0 mW" in page_of(report(energy=replace(ENERGY, trace=rails))).text


# The chart


def test_the_line_breaks_at_gaps() -> None:
    window = replace(ENERGY.windows[0], begin_s=0.0, end_s=5.0)
    chart = power_chart(traced(2.0, 2.0, None, 3.0, 3.0, 3.0, windows=(window,), idle=()), 320)
    assert [line.count("L") + 1 for line in lines_of(chart)] == [2, 3]
    assert chart.count('class="gap"') == 1


def test_a_break_between_windows_is_no_gap() -> None:
    window, idle = ENERGY.windows[0], ENERGY.idle[0]
    energy = traced(
        *(None if at in {3, 6} else 2.0 for at in range(10)),
        idle=(replace(idle, begin_s=0.0, end_s=1.5),),
        windows=(replace(window, begin_s=5.0, end_s=8.0),),
    )
    chart = power_chart(energy, 320)
    assert (chart.count('class="gap"'), chart.count('class="pause"')) == (1, 1)
    assert "Where it is broken and shaded red, reads failed or came too late." in chart
    assert "it is broken where the sensor was left alone, to tell what reading costs" in chart


def test_power_starts_at_0_and_lies_where_it_should() -> None:
    chart = power_chart(traced(0.0, 10.0, 5.0, windows=(), idle=()), 320)
    # 12 % of head room above the highest of 200 pixels.
    assert lines_of(chart) == ["M0 200L500 21.4L1000 110.7"]


def test_power_below_0_is_drawn_below_0() -> None:
    (line,) = lines_of(power_chart(traced(-1.0, 0.0, 9.0, windows=(), idle=()), 320))
    assert [float(y) for y in re.findall(r" ([\d.]+)", line)] == pytest.approx([200, 182.1, 21.4], abs=0.1)


def test_one_read_between_gaps_is_a_dot() -> None:
    chart = power_chart(traced(None, 2.0, None, windows=(), idle=()), 320)
    assert 'class="dots"' in chart
    assert lines_of(chart) == []


def test_thousands_of_reads_keep_their_extremes_in_few_letters() -> None:
    power = [2.0 + (at % 7) * 0.1 for at in range(20_000)]
    power[9_999] = 30.0
    chart = power_chart(traced(*power, windows=(), idle=()), 320)
    band = re.search(r'<path d="([^"]*)" class="band"', chart)
    assert band is not None
    assert min(float(y) for y in re.findall(r" ([\d.]+)", band[1])) == pytest.approx(21.4, abs=0.1)
    assert len(chart) < 25_000


@pytest.mark.parametrize("power", [(), (None,), (None, None)])
def test_nothing_read_is_no_chart(power: tuple[float | None, ...]) -> None:
    assert power_chart(traced(*power), 320) == ""


def test_power_of_0_throughout_is_drawn() -> None:
    assert len(lines_of(power_chart(traced(0.0, 0.0, windows=(), idle=()), 320))) == 1


def test_names_that_would_touch_on_a_phone_are_left_out() -> None:
    short = tuple(replace(ENERGY.windows[0], begin_s=20.0 + at, end_s=20.9 + at) for at in range(30))
    chart = power_chart(replace(ENERGY, windows=short), 320)
    assert chart.count('class="window"') == 30
    assert 'class="name"' not in chart
