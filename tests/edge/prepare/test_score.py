"""Scores, ties and limits, with made-up figures."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edgeai.prepare.figures import Figures, middle
from edgeai.prepare.score import better_half, excess, order, over_limits, pareto, score, second_score
from edgeai.prepare.settings import SearchSettings

MB = 1_000_000
RAW = Figures(
    latency_s=0.010,
    latency_ratio=1.0,
    load_s=0.08,
    first_s=0.02,
    anonymous_bytes=40 * MB,
    peak_bytes=80 * MB,
    cpu_s=0.020,
)


def test_each_objective_is_a_ratio_to_raw() -> None:
    own = replace(
        RAW, latency_ratio=0.8, load_s=0.03, anonymous_bytes=10 * MB, peak_bytes=80 * MB, cpu_s=0.01
    )
    assert score("latency", own, RAW) == 0.8
    assert score("load", own, RAW) == pytest.approx(0.5)
    assert score("ram", own, RAW) == pytest.approx(0.5)  # the root of a quarter and one
    assert score("energy", own, RAW) == pytest.approx(0.5)


def test_under_ram_a_peak_above_raws_is_out_and_so_is_an_unknown_one() -> None:
    assert score("ram", replace(RAW, anonymous_bytes=MB, peak_bytes=80 * MB + 1), RAW) == math.inf
    assert score("ram", replace(RAW, peak_bytes=None), RAW) == math.inf


def test_less_memory_than_the_allocator_takes_at_once_is_none() -> None:
    tiny = replace(RAW, anonymous_bytes=0, peak_bytes=4096)
    assert score("ram", tiny, tiny) == 1.0


def test_of_ways_that_are_equal_within_3_percent_the_smaller_and_sooner_one_comes_first() -> None:
    ways = {
        "fastest": replace(RAW, latency_ratio=0.80),
        "as fast and small": replace(RAW, latency_ratio=0.823, anonymous_bytes=20 * MB, load_s=0.01),
        "slower and tiny": replace(RAW, latency_ratio=0.825, anonymous_bytes=MB, load_s=0.001),
        "slow": replace(RAW, latency_ratio=0.9),
    }
    assert order("latency", ways, RAW) == ["as fast and small", "fastest", "slower and tiny", "slow"]


def test_ways_that_are_out_are_not_in_the_order() -> None:
    ways = {"out": replace(RAW, peak_bytes=90 * MB), "in": replace(RAW, anonymous_bytes=30 * MB)}
    assert order("ram", ways, RAW) == ["in"]


def test_the_second_score_leaves_out_the_objective() -> None:
    own = replace(RAW, latency_ratio=0.5, anonymous_bytes=10 * MB)
    assert second_score("latency", own, RAW) == pytest.approx(math.sqrt(0.5))  # RAM 0.5, load 1
    assert second_score("ram", own, RAW) == pytest.approx(math.sqrt(0.5))  # latency 0.5, load 1
    assert second_score("load", own, RAW) == pytest.approx(0.5)  # both 0.5


def test_the_pareto_set_holds_what_no_other_beats_in_everything() -> None:
    ways = {
        "raw": RAW,
        "faster": replace(RAW, latency_ratio=0.5, peak_bytes=100 * MB),
        "smaller": replace(RAW, peak_bytes=20 * MB),
        "worse than smaller": replace(RAW, peak_bytes=21 * MB, load_s=0.09),
    }
    assert pareto(ways) == ["faster", "smaller"]


def test_limits_say_what_is_passed_and_by_how_much() -> None:
    settings = SearchSettings(max_ram_bytes=64 * MB, max_latency_s=0.02)
    assert over_limits(RAW, settings) == "takes 80.0 MB of RAM, over the 64.0 MB allowed"
    slow = replace(RAW, peak_bytes=MB, latency_s=0.03)
    assert over_limits(slow, settings) == "takes 30.0 ms, over the 20.0 ms allowed"
    assert over_limits(replace(RAW, peak_bytes=MB), settings) is None
    assert excess(RAW, settings) == 1.25
    assert excess(slow, settings) == 1.5
    unknown = replace(RAW, peak_bytes=None)
    assert over_limits(unknown, settings) == "its peak is not known, so it may be over the 64.0 MB allowed"


def test_the_better_half_is_rounded_up() -> None:
    assert better_half([1, 2, 3, 4, 5]) == [1, 2, 3]
    assert better_half([1]) == [1]
    assert better_half([]) == []


def test_the_middle_of_looks_takes_the_shortest_load_and_the_geometric_mean_of_ratios() -> None:
    looks = [
        replace(RAW, latency_ratio=0.5, load_s=0.05, peak_bytes=10),
        replace(RAW, latency_ratio=2.0, load_s=0.5, peak_bytes=20),
        replace(RAW, latency_ratio=1.0, load_s=0.07, peak_bytes=None),
    ]
    assert middle(looks).latency_ratio == pytest.approx(1.0)
    assert middle(looks).load_s == 0.05
    assert middle(looks).peak_bytes is None
    assert middle(looks[:2]).peak_bytes == 15
