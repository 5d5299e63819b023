"""The fakes of `edgeai.testing` for power: a meter that keeps the contract, a tree whose sensors live."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import pytest

from edgeai.power import COUNTER_J, GAUGE_W, ReadFailed, find_meter
from edgeai.testing import FakeClock, FakeMeter, PlayedRoot, steady, swinging
from edgeai.unavailable import Unavailable
from tests.edge.power.board_sites import BOARDS, site_at


class Seconds(FakeClock):
    """The fake clock in seconds."""

    def __call__(self) -> float:  # type: ignore[override]
        return super().__call__() / 1e9


@pytest.mark.parametrize("kind", [COUNTER_J, GAUGE_W])
def test_the_fake_meter_keeps_the_contract(kind: str) -> None:
    meter = FakeMeter(steady(6.0), kind)
    info = meter.info
    assert info.kind == kind
    assert info.scope
    assert info.error.source
    assert 0 < info.error.gain <= 0.5
    assert len({rail.name for rail in info.rails}) == len(info.rails)
    values = meter.read()
    assert len(values) == len(info.rails)
    assert all(isinstance(value, float) and math.isfinite(value) for value in values)
    meter.close()
    meter.close()
    with pytest.raises(ReadFailed):
        meter.read()


def test_its_counted_rails_hold_the_joules_and_wrap() -> None:
    clock = Seconds()
    meter = FakeMeter(steady(6.0), wrap_j=10.0, clock=clock)
    clock.advance(3.0)
    assert meter.read() == (9.0, 9.0, 4.5)
    clock.advance(1.0)
    assert meter.read() == (2.0, 2.0, 6.0)


def test_its_gauge_stands_still_between_updates_and_averages_over_them() -> None:
    clock = Seconds()
    meter = FakeMeter(lambda seconds: seconds**2, GAUGE_W, update_s=0.5, clock=clock)
    clock.advance(1.1)
    first = meter.read()
    clock.advance(0.3)
    assert meter.read() == first
    assert sum(first[:2]) == pytest.approx((1.5**2 - 1.0**2) / 0.5)


def test_it_fails_where_it_is_told_to() -> None:
    meter = FakeMeter(steady(6.0), fails={1}.__contains__)
    meter.read()
    with pytest.raises(ReadFailed):
        meter.read()
    meter.read()


def test_a_meter_of_no_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'volts' is no kind of meter"):
        FakeMeter(steady(1.0), "volts")


def test_the_joules_of_a_swinging_power_are_known() -> None:
    trace = swinging(6.0, 2.0, 4.0)
    assert trace(0.0) == 0.0
    assert trace(4.0) == pytest.approx(24.0)
    watts = [(trace(at + 1e-4) - trace(at)) / 1e-4 for at in (0.0, 1.0, 3.0)]
    assert watts == pytest.approx([6.0, 8.0, 4.0], rel=1e-3)


def total_w(tree: Path) -> float:
    meter = find_meter(site_at(tree))
    assert not isinstance(meter, Unavailable)
    values = meter.read()
    meter.close()
    return sum(value for value, rail in zip(values, meter.info.rails, strict=True) if rail.counted)


@pytest.mark.parametrize(
    ("board", "shows_w"),
    [
        ("jetson-orin-nano", 9.250),  # in and curr, JetPack 6
        ("jetson-nano", 1.805),  # iio
        ("jetson-thor", 38.25),  # power1_input
        ("raspberry-pi-5", 10.80),  # the power chip's text
        ("x86-64-laptop", 7.342),  # a battery's power_now, or current_now
    ],
)
def test_gauges_of_a_played_tree_show_the_power_that_is_played(board: str, shows_w: float) -> None:
    assert total_w(BOARDS / board) == pytest.approx(shows_w, rel=1e-3)
    with PlayedRoot(BOARDS / board, steady(5.0), shows_w=shows_w, update_s=0.01) as played:
        assert total_w(played.path) == pytest.approx(5.0, rel=0.01)
        assert played.joules(played.began_s + 1, played.began_s + 3) == pytest.approx(10.0)


def test_counters_of_a_played_tree_count_what_is_played() -> None:
    tree = BOARDS / "x86-64-two-sockets"
    with PlayedRoot(tree, steady(50.0), counters=4) as played:
        meter = find_meter(site_at(played.path))
        assert not isinstance(meter, Unavailable)
        counted = [at for at, rail in enumerate(meter.info.rails) if rail.counted]
        first_s, first = time.monotonic(), meter.read()
        time.sleep(0.5)
        last_s, last = time.monotonic(), meter.read()
        seen_j = sum(last[at] - first[at] for at in counted)
        meter.close()
        assert seen_j == pytest.approx(played.joules(first_s, last_s), rel=0.3)  # a busy machine writes late


def test_a_counter_wraps_where_its_tree_says() -> None:
    tree = BOARDS / "x86-64-rapl-wrap"
    zone = "sys/class/powercap/intel-rapl:0"
    start, wrap = (int((tree / zone / name).read_text()) for name in ("energy_uj", "max_energy_range_uj"))
    left_j = (wrap - start) / 1e6
    with PlayedRoot(tree, lambda seconds: left_j + 1.0) as played:
        assert int((played.path / zone / "energy_uj").read_text()) == pytest.approx(1_000_000, abs=2)


def test_a_reader_never_finds_half_a_value() -> None:
    with PlayedRoot(BOARDS / "x86-64", steady(500.0), update_s=0.0005) as played:
        file = next(played.path.glob("sys/class/powercap/*/energy_uj"))
        last, seen, end_s = 0, set(), time.monotonic() + 30.0
        while len(seen) < 50 and time.monotonic() < end_s:
            value = int(file.read_text())
            assert value >= last
            last = value
            seen.add(value)
    assert len(seen) == 50


def test_the_tree_itself_stays_as_it_is_and_the_copy_goes() -> None:
    tree = BOARDS / "jetson-orin-nano"
    before = {path: path.read_bytes() for path in tree.rglob("*_input") if path.is_file()}
    with PlayedRoot(tree, steady(99.0), shows_w=9.25) as played:
        assert played.path != tree
    assert not played.path.exists()
    assert {path: path.read_bytes() for path in before} == before
    assert "played root" not in [thread.name for thread in threading.enumerate()]


def test_a_tree_without_a_sensor_cannot_be_played() -> None:
    with pytest.raises(ValueError, match="has no power sensor"), PlayedRoot(BOARDS / "arm64", steady(1.0)):
        pass
