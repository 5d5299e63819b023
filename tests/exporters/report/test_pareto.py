"""Plots: values lie where their axis puts them, and no label lies on anything else."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from edgeai.axes import amount_axis, linear
from edgeai_exporters.outcome import Outcome
from edgeai_exporters.report.axes import cosine_axis, drop_axis
from edgeai_exporters.report.pareto import pareto_svg
from edgeai_exporters.report.placing import Box, Spot, place_labels, text_width
from edgeai_exporters.report.points import plotted
from tests.exporters.report.made_up import FLOAT, HALF, MIXED, OUTCOME, STATIC, many, only_cosine


def _svg(outcome: Outcome, width: int = 1000, height: int = 460) -> str:
    plot = plotted(outcome)
    assert plot is not None
    return str(pareto_svg(outcome, plot, width, height, key="wide"))


def test_linear_axes_have_round_ticks_inside_their_ends() -> None:
    assert linear("x", 0, 20).ticks == ((0, "0"), (5, "5"), (10, "10"), (15, "15"), (20, "20"))
    assert [text for _, text in linear("x", -0.13, 0.42).ticks] == ["-0.1", "0", "0.1", "0.2", "0.3", "0.4"]
    assert linear("x", 2, 4).place(2.5) == pytest.approx(0.25)
    assert linear("x", 2, 4).place(9) == 1


def test_amounts_start_at_0_unless_they_differ_much() -> None:
    assert amount_axis("ms", [7, 17]).place(0) == 0
    wide = amount_axis("ms", [0.5, 8])
    assert wide.title == "ms (logarithmic)"
    assert wide.place(2) - wide.place(1) == pytest.approx(wide.place(4) - wide.place(2))
    assert [text for _, text in wide.ticks] == ["0.5", "1.00", "2.00", "5.00", "10.0"]


def test_each_nine_of_a_cosine_takes_the_same_room() -> None:
    axis = cosine_axis([0.2, 0.001])
    assert axis.place(0.1) - axis.place(0.01) == pytest.approx(axis.place(0.01) - axis.place(0.001))
    assert [text for _, text in axis.ticks] == ["0.999", "0.99", "0.9", "0"]


def test_what_cannot_be_told_from_no_loss_is_drawn_as_none() -> None:
    axis = cosine_axis([0.0, 0.01])
    assert axis.ticks[0][1] == "1"
    assert axis.place(0.0) == axis.place(1e-9) == axis.place(axis.ticks[0][0])


def test_drops_are_in_points_and_far_ones_are_squeezed() -> None:
    near = drop_axis("top1", [-0.002, 0.012], is_share=True)
    assert near.title == "drop of top1 in points"
    assert (0.0, "0") in near.ticks
    far = drop_axis("top1", [0.0, 0.002, 0.4], is_share=True)
    assert far.title == "drop of top1 in points, squeezed beyond 1"
    assert [text for _, text in far.ticks] == ["0", "1", "3", "10", "30"]
    assert [value for value, _ in far.ticks] == pytest.approx([0, 0.01, 0.03, 0.1, 0.3])
    assert np.all(np.diff([far.place(value) for value in np.linspace(0, 0.4, 50)]) > 0)
    assert drop_axis("error", [0.0, 3.0], is_share=False).title == "drop of error"


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [1e-12], [5.0, 5.0]])
def test_axes_hold_where_all_values_are_the_same(values: list[float]) -> None:
    for axis in (amount_axis("ms", values), cosine_axis(values), drop_axis("m", values, is_share=True)):
        assert all(0 <= axis.place(value) <= 1 for value in values)
        assert axis.ticks


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("count", "width"), [(4, 370), (25, 370), (25, 1000)])
def test_labels_lie_on_nothing_and_inside(seed: int, count: int, width: int) -> None:
    random = np.random.default_rng(seed)
    area = Box(60, 20, width - 16, 400)
    spots = [
        Spot(float(x), float(y), float(radius), (f"{number} onnx-int8-of-a-scheme", str(number)))
        for number, (x, y, radius) in enumerate(
            zip(
                random.uniform(80, width - 40, count),
                random.uniform(40, 380, count),
                random.uniform(4, 20, count),
                strict=True,
            )
        )
    ]
    labels = [label for label in place_labels(spots, area) if label is not None]
    assert len(labels) == count
    boxes = [label.box for label in labels]
    assert all(area.holds(box) for box in boxes)
    assert not any(box.meets(other) for place, box in enumerate(boxes) for other in boxes[:place])
    assert not any(box.meets(spot.box) for box in boxes for spot in spots)


def test_labels_of_markers_in_one_place_are_led_to_it() -> None:
    labels = place_labels(
        [Spot(300, 200, 10, ("a long name", str(each))) for each in range(25)], Box(0, 0, 600, 400)
    )
    assert None not in labels
    assert any(label is not None and label.is_far for label in labels)


def test_east_asian_letters_count_as_wide() -> None:
    assert text_width("模型") > 1.5 * text_width("ab")


def test_shapes_tell_float_shipped_and_left_out_apart() -> None:
    svg = _svg(OUTCOME)
    assert len(re.findall(r'<path d="M[^"]* Z" class="mark float"/>', svg)) == 1
    assert len(re.findall(r'<circle[^>]*class="mark shipped"/>', svg)) == 1
    assert len(re.findall(r'class="mark left"/>', svg)) == 2
    assert svg.count('class="ring"') == sum(tried.is_pareto for tried in OUTCOME.tried)


def test_every_marker_has_a_title_with_its_figures() -> None:
    assert (
        "<title>2 onnx-int8-mixed: shipped, 8.20 ms (0.48 [0.46, 0.50] of float), "
        "top1 falls by 0.42 [-0.18, 1.22] points, 31.2 MB, recommended</title>"
    ) in _svg(OUTCOME)


def test_areas_are_as_sizes() -> None:
    small = replace(MIXED, id="s", size_bytes=25_000_000, is_pareto=False)
    large = replace(MIXED, id="l", size_bytes=100_000_000, is_pareto=False)
    radii = [
        float(each)
        for each in re.findall(
            r'r="([\d.]+)" class="mark shipped"', _svg(replace(OUTCOME, tried=(small, large)))
        )
    ]
    assert max(radii) == pytest.approx(2 * min(radii))


def test_what_lacks_latency_or_quality_is_not_drawn_and_named() -> None:
    tried = (FLOAT, replace(MIXED, quality=None), replace(STATIC, latency_s=None, ratio=None), HALF)
    plot = plotted(replace(OUTCOME, tried=tried))
    assert plot is not None
    assert [point.number for point in plot.points] == [1, 4]
    assert plot.missing == (2, 3)


def test_without_any_latency_size_is_drawn_and_without_any_quality_nothing() -> None:
    still = tuple(replace(each, latency_s=None, ratio=None) for each in OUTCOME.tried)
    plot = plotted(replace(OUTCOME, tried=still))
    assert plot is not None
    assert plot.x.title == "size in MB"
    assert [point.amount for point in plot.points] == [90.4, 31.2, 22.8, 45.3]
    assert (
        plotted(replace(OUTCOME, tried=tuple(replace(each, quality=None) for each in OUTCOME.tried))) is None
    )


def test_the_interval_of_a_ratio_is_drawn_about_the_latency() -> None:
    plot = plotted(OUTCOME)
    assert plot is not None
    mixed = plot.points[1]
    assert mixed.amount == pytest.approx(8.2)
    assert mixed.amounts == pytest.approx((8.2 * 0.461 / 0.482, 8.2 * 0.503 / 0.482))
    assert plot.points[0].amounts is None


def test_the_cosine_is_drawn_where_there_is_no_other_metric() -> None:
    plot = plotted(only_cosine(OUTCOME))
    assert plot is not None
    assert [point.loss for point in plot.points] == pytest.approx([0, 0.0047, 0.637, 2e-6])
    assert plot.limit == pytest.approx(0.01)


def test_a_crowd_has_a_number_at_every_marker_in_both_widths() -> None:
    for width, height in ((1000, 460), (370, 400)):
        labels = re.findall(r'class="label(?: best)?">(\d+)', _svg(many(25), width, height))
        assert sorted(map(int, labels)) == list(range(1, 26))
