"""The table on a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from edgeai_exporters.report import table
from edgeai_exporters.report.scatter import scatter
from tests.exporters.report.made_up import FLOAT, MIXED, OUTCOME, many, only_cosine

PAGE = """\
minilm: onnx-int8-mixed is recommended: 0.48 [0.46, 0.50] of the float file's
latency, 0.35 of its size (31.2 MB of 90.4 MB), top1 falls by 0.42 [-0.18, 1.22]
points.

#      variant              size  ratio  [low, high]     top1   drop  result
1   *  onnx-f32          90.4 MB   1.00                98.5 %   0.00  shipped
2  >*  onnx-int8-mixed   31.2 MB   0.48  [0.46, 0.50]  98.1 %   0.42  shipped
3   *  onnx-int8-static  22.8 MB   0.41  [0.39, 0.42]  77.2 %  21.30  left out
4      onnx-f16          45.3 MB   1.06  [1.03, 1.10]  98.5 %   0.00  left out

> recommended; * no other is better in quality, latency and size at once; ratio:
latency over the float file's of the same format, [low, high] of 95 %; drop:
below the source, in points

drop of top1 in points, squeezed beyond 1 (up is better)
    │
    │
  0 ┤                                                       ■1 ◇4
    │                          ●2
  1 ┤
  3 ┤
    │
    │
 10 ┤
    │                      ◇3
    │
    └┴───────────────┴───────────────┴───────────────┴───────────────┴──
     0               5              10              15              20
     latency in ms (left is better)   ● shipped  ◇ left out  ■ float

onnx-int8-static left out: the metric falls by 0.213, 0.005 is allowed
onnx-f16 left out: slower than its float source here; --prefer size ships it
onnx-f16 is slower than float: CPUs have few f16 kernels, so values are cast to
    f32 and back around operators; f16 pays in size, and in speed on GPUs

kept         encoder.0.output, encoder.1.output
data         sentences.csv: 200 calibrate, 300 choose, 500 prove
calibration  real samples
budget       the metric falls by at most 0.005
measured on  x86_64, 2 cores, 1 thread
warning      The source names no licence; give one with --licence.
bundle       minilm.edge sha256:0a1b2c"""


def test_a_page_of_eighty_columns() -> None:
    assert table(OUTCOME, 80) == PAGE


@pytest.mark.parametrize("width", [72, 80, 100, 140])
@pytest.mark.parametrize("count", [2, 25])
def test_no_line_is_wider_than_the_terminal(width: int, count: int) -> None:
    long = replace(MIXED, id="onnx-" + "int8-" * 40, why="w" * 300 + " and so on")
    outcome = many(count)
    text = table(replace(outcome, tried=(*outcome.tried, long)), width)
    assert max(map(len, text.splitlines())) <= width


def test_all_columns_are_there_where_there_is_no_terminal() -> None:
    head = table(OUTCOME).splitlines()[3].split("  ")
    assert [title.strip() for title in head if title.strip()] == [
        "#",
        "variant",
        "size",
        "of size",
        "latency",
        "ratio",
        "[low, high]",
        "top1",
        "drop",
        "[drop]",
        "cosine",
        "kept",
        "result",
    ]


def test_columns_without_a_figure_are_left_out() -> None:
    still = tuple(
        replace(each, latency_s=None, ratio=None, latency_reason="no board") for each in OUTCOME.tried
    )
    text = table(replace(OUTCOME, tried=still))
    assert " ratio " not in text
    assert "onnx-f32: latency not measured: no board" in text


def test_points_in_one_place_are_set_beside_each_other() -> None:
    same = tuple(replace(MIXED, id=f"v{number}") for number in range(5))
    text = scatter(replace(OUTCOME, tried=same), 80)
    assert "●1 " in text
    assert sorted(re.findall(r"●(\d)", text.replace("● shipped", ""))) == ["1", "2", "3", "4", "5"]


def test_a_plot_is_drawn_only_where_it_reads_well() -> None:
    assert scatter(OUTCOME, 80)
    assert scatter(OUTCOME, 59) == ""
    assert scatter(many(25), 200) == ""
    assert scatter(replace(OUTCOME, tried=OUTCOME.tried[:2]), 80) == ""
    assert (
        scatter(replace(OUTCOME, tried=tuple(replace(each, quality=None) for each in OUTCOME.tried)), 80)
        == ""
    )


def test_without_a_metric_the_cosine_stands_for_quality() -> None:
    head = table(only_cosine(OUTCOME), 80).splitlines()[3]
    assert "cosine" in head
    assert "top1" not in head


def test_random_calibration_comes_first_and_stands_out() -> None:
    assert table(replace(OUTCOME, calibration="random")).startswith("!!! CALIBRATED WITH RANDOM NUMBERS")


def test_nothing_tried_is_a_page_too() -> None:
    assert table(replace(OUTCOME, tried=())).startswith("minilm: Nothing was shipped of 0 variants tried")


def test_names_from_models_cannot_steer_the_terminal() -> None:
    bad = replace(MIXED, id="a\x1b[31m\nb", why="c\x1b[0m", is_shipped=False, kept=("d\x07",))
    text = table(replace(OUTCOME, name="e\x1b", tried=(FLOAT, bad)))
    assert all(letter.isprintable() or letter == "\n" for letter in text)
