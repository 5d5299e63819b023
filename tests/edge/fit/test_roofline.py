"""Rooflines computed by hand: peaks of clusters, the bound and the likely range."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeai.device import Accelerator, Cluster, DeviceProfile, Figure, load_profile
from edgeai.fit.roofline import CPU, SLOWDOWN, accelerator_peaks, cpu_peak, speed
from edgeai.graph.costs import Costs
from edgeai.graph.demand import Demand
from edgeai.graph.traffic import Traffic

COSTS = Costs("onnx", {}, {}, weight_bytes=1000, multiply_accumulates=10**9)
BIG = Cluster("Big", 2, "performance", Figure(2e9, "s"), {"f32": Figure(8, "s"), "i8": Figure(32, "s")})
LITTLE = Cluster("Little", 4, "efficiency", Figure(1e9, "s"), {"f32": Figure(4, "s")})


def board(*clusters: Cluster, bandwidth: float | None = 10e9, **more: object) -> DeviceProfile:
    rate = None if bandwidth is None else Figure(bandwidth, "s")
    profile = replace(load_profile("raspberry-pi-4"), clusters=clusters, memory_bandwidth_bytes_per_s=rate)
    return replace(profile, **more)  # type: ignore[arg-type]


def asking(least: int = 0, moved: int = 0, **macs: int) -> Demand:
    return Demand(COSTS, macs, Traffic(least, moved))


def test_the_peak_is_cores_by_clock_by_products_a_cycle() -> None:
    peak = cpu_peak(board(BIG))
    assert (peak.name, peak.threads) == ("2x Big", 2)
    assert peak.macs_per_s == {"f32": 32e9, "i8": 128e9}


def test_threads_take_the_performance_cores_first() -> None:
    assert cpu_peak(board(LITTLE, BIG), 1).macs_per_s["f32"] == 16e9
    mixed = cpu_peak(board(LITTLE, BIG), 4)
    assert (mixed.name, mixed.threads) == ("2x Big + 2x Little", 4)
    # Little cores have no figure of i8, so that together they have none.
    assert mixed.macs_per_s == {"f32": 32e9 + 2 * 4e9}


def test_more_threads_than_cores_are_those_cores() -> None:
    peak = cpu_peak(board(BIG, LITTLE), 64)
    assert (peak.name, peak.threads) == ("2x Big + 4x Little", 6)


def test_arithmetic_binds_where_it_takes_longer() -> None:
    found = speed(asking(least=10**8, moved=3 * 10**8, f32=32 * 10**8), cpu_peak(board(BIG)))
    # 3.2 G at 32 G/s; 100 MB at 10 GB/s is less; one after the other: 100 ms and 30 ms.
    assert found.bound_s == pytest.approx(0.1)
    assert found.bound_by == "compute"
    assert found.sum_s == pytest.approx(0.13)
    low, high = SLOWDOWN[CPU]
    assert found.likely_s == pytest.approx((0.13 * low, 0.13 * high))


def test_memory_binds_where_it_takes_longer() -> None:
    found = speed(asking(least=2 * 10**9, moved=2 * 10**9, f32=32 * 10**7), cpu_peak(board(BIG)))
    assert found.bound_s == pytest.approx(0.2)
    assert found.bound_by == "memory"


def test_types_add_up_each_at_its_own_peak() -> None:
    found = speed(asking(f32=32 * 10**8, i8=128 * 10**8), cpu_peak(board(BIG)))
    assert found.bound_s == pytest.approx(0.2)


def test_a_cpu_computes_half_floats_as_real_numbers() -> None:
    found = speed(asking(f16=32 * 10**8), cpu_peak(board(BIG)))
    assert found.bound_s == pytest.approx(0.1)


def test_an_unknown_rate_of_memory_leaves_arithmetic_alone() -> None:
    found = speed(asking(least=10**12, moved=10**12, f32=32 * 10**8), cpu_peak(board(BIG, bandwidth=None)))
    assert found.bound_s == found.sum_s == pytest.approx(0.1)
    assert found.notes == ("the memory's rate is not known: arithmetic alone counts",)


def test_a_peak_without_a_figure_is_unavailable_and_says_so() -> None:
    assert speed(asking(i8=1), cpu_peak(board(LITTLE), 1)).unavailable == (
        "the profile has no peak of Little in i8"
    )
    found = speed(asking(f32=1), cpu_peak(load_profile("x86-64")))
    assert found.bound_s is None
    assert found.unavailable == "the profile has no cores and no peak; edgeai bench measures what is here"
    no_clock = replace(BIG, max_clock_hz=None)
    assert speed(asking(f32=1), cpu_peak(board(no_clock))).unavailable == "the profile has no clock of Big"


def test_shapes_that_are_missing_are_told() -> None:
    unknown = Demand(
        COSTS, None, None, {"multiply_accumulates": "the shapes around Conv are not in the file"}
    )
    assert speed(unknown, cpu_peak(board(BIG))).unavailable == "the shapes around Conv are not in the file"


def test_a_call_that_is_shorter_than_any_published_one_has_no_likely_time() -> None:
    found = speed(asking(f32=32 * 10**5), cpu_peak(board(BIG)))
    assert (found.bound_s, found.likely_s) == (pytest.approx(1e-4), None)
    assert found.notes == ("so short that calls cost more than what is counted: no likely time",)


def test_an_accelerator_without_a_published_run_has_its_bound_alone() -> None:
    npu = Accelerator("N", "npu", macs_per_s={"i8": Figure(1e12, "s")})
    (peak,) = accelerator_peaks(board(BIG, accelerators=(npu,)))
    found = speed(asking(i8=10**9), peak)
    assert (found.bound_s, found.likely_s) == (pytest.approx(1e-3), None)
    assert found.notes == ("no published run on a npu is at hand to tell a likely time by",)


def test_no_published_figure_is_below_its_bound() -> None:
    """MobileNet V1 and V2 of XNNPACK's README on a Pi 4, ms: by their published products."""
    peak = cpu_peak(load_profile("raspberry-pi-4"))
    for published_ms, macs in (
        (77, {"f32": 569_000_000}),
        (46, {"f32": 301_000_000}),
        (24, {"i8": 569_000_000}),
    ):
        found = speed(asking(**macs), peak)
        assert found.bound_s is not None
        assert found.bound_s * 1e3 < published_ms
