"""Looks at power: means between looks, joules that lose nothing in between, and what could not be read."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeai.device import detect
from edgeai.measure.power_watch import PowerLook, PowerWatch
from edgeai.power import COUNTER_J, GAUGE_W, Site, find_meter
from edgeai.sysroot import SysRoot
from edgeai.testing import FakeClock, FakeMeter, steady, swinging
from edgeai.unavailable import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeai.testing import Cumulative

BOARDS = Path(__file__).parents[2] / "boards"
EMPTY = SysRoot(BOARDS / "container-without-sys")


class Played:
    """A watch over a made-up meter and clock. Each look at the clock takes a microsecond."""

    def __init__(
        self, trace: Cumulative, kind: str, every_s: float = 1.0, fails: Callable[[int], bool] | None = None
    ) -> None:
        self.clock = FakeClock(step_ns=1000)
        self.meter = FakeMeter(
            trace,
            kind,
            wrap_j=7.0,
            update_s=0.001,
            fails=fails or (lambda number: False),
            clock=self.now,
        )
        self.watch = PowerWatch(EMPTY, self.meter, every_s, clock=self.now, sleep=self.clock.advance)

    def now(self) -> float:
        return self.clock() / 1e9

    def looks(self, count: int) -> list[PowerLook]:
        return [*islice(self.watch.looks(), count)]


@pytest.mark.parametrize("kind", [COUNTER_J, GAUGE_W])
def test_a_look_is_the_mean_since_the_one_before_and_inside_rails_are_not_added(kind: str) -> None:
    first, second = Played(steady(6.0), kind).looks(2)
    for look in (first, second):
        assert look.power_w == pytest.approx(6.0, rel=0.002)
        assert look.why is None
        assert [(rail.name, rail.counted) for rail in look.rails] == [
            ("a", True),
            ("b", True),
            ("a core", False),
        ]
        assert [rail.power_w for rail in look.rails] == pytest.approx([3.0, 3.0, 1.5], rel=0.002)
    assert (first.time_s, second.time_s) == pytest.approx((1.0, 2.0), abs=0.001)
    assert second.energy_j == pytest.approx(12.0, rel=0.002)


def test_no_joule_is_lost_between_looks_and_a_wrap_is_none() -> None:
    # Each rail's counter starts again at 7 J, a dozen times in these 60 s.
    played = Played(swinging(3.0, 1.0, 0.7), COUNTER_J)
    last = played.looks(60)[-1]
    assert last.energy_j == pytest.approx(180.0, abs=0.5)
    totals = played.watch.totals
    assert totals.energy_j == last.energy_j
    assert totals.read_s == pytest.approx(60.0, abs=0.01)
    assert totals.power_w == pytest.approx(3.0, abs=0.01)
    assert totals.highest_w is not None
    assert 3.0 < totals.highest_w < 4.0


def test_failed_reads_are_told_and_never_taken_for_0() -> None:
    played = Played(steady(6.0), GAUGE_W, fails=lambda number: number % 2 == 1)
    looks = played.looks(3)
    assert [look.power_w for look in looks] == pytest.approx([6.0] * 3, rel=1e-6)
    assert all(look.failed_reads > 0 for look in looks)


def test_a_meter_that_gives_nothing_is_none_with_its_reason() -> None:
    played = Played(steady(6.0), GAUGE_W, fails=lambda number: number > 0)
    _, second = played.looks(2)
    assert (second.power_w, second.energy_j) == (None, None)
    assert second.why is not None
    assert second.why.unavailable.endswith("reads of fake failed")
    assert [rail.power_w for rail in second.rails] == [None, None, None]
    assert played.watch.totals.power_w is None


def test_a_counter_that_does_not_move_is_stale_and_its_next_step_is_counted_whole() -> None:
    # 10 J that the counter shows only from the third second on.
    played = Played(lambda seconds: 0.0 if seconds < 2.5 else 5.0, COUNTER_J)
    looks = played.looks(3)
    assert [look.power_w for look in looks[:2]] == [None, None]
    assert looks[0].why is not None
    assert looks[0].why.unavailable.startswith("stale: the counter of fake did not move in ")
    assert looks[2].energy_j == pytest.approx(5.0)
    assert played.watch.totals.read_s == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize(("kind", "read_s", "energy_j"), [(COUNTER_J, 4.0, 24.0), (GAUGE_W, 2.45, 14.7)])
def test_a_look_without_reads_is_a_gap_for_a_gauge_and_none_for_a_counter(
    kind: str, read_s: float, energy_j: float
) -> None:
    played = Played(steady(6.0), kind)
    played.meter._fails = lambda number: 1.5 < played.clock.now_ns / 1e9 < 3.05
    looks = played.looks(4)
    assert [look.power_w is None for look in looks] == [False, False, True, False]
    assert played.watch.totals.read_s == pytest.approx(read_s, abs=0.2)
    assert looks[-1].energy_j == pytest.approx(energy_j, abs=1.2)


def test_a_period_that_was_missed_is_left_out() -> None:
    played = Played(steady(6.0), GAUGE_W)
    times = []
    for look in islice(played.watch.looks(), 3):
        times.append(look.time_s)
        if len(times) == 1:
            played.clock.advance(2.5)  # the terminal hung
    assert times == pytest.approx([1.0, 4.0, 5.0], abs=0.001)


def test_the_time_ends_the_looks_also_within_a_period() -> None:
    played = Played(steady(6.0), GAUGE_W)
    times = [look.time_s for look in played.watch.looks(2.5)]
    assert times == pytest.approx([1.0, 2.0, 2.5], abs=0.001)


def test_without_a_meter_a_look_holds_everything_else() -> None:
    root = SysRoot(BOARDS / "jetson-orin-nano")
    clock = FakeClock()
    watch = PowerWatch(root, None, clock=lambda: clock() / 1e9, sleep=clock.advance)
    look = next(watch.looks())
    assert (look.power_w, look.energy_j, look.rails, look.why) == (None, None, (), None)
    assert look.conditions.temperatures_c["cpu-thermal"] == 48.031
    assert look.conditions.governors == ("schedutil",)


@pytest.mark.parametrize(
    ("board", "total_w", "rails"),
    [
        (
            "jetson-orin-nano",
            9.250304,
            [("VDD_IN", True, 9.250304), ("VDD_CPU_GPU_CV", False, 2.551808), ("VDD_SOC", False, 2.272704)],
        ),
        (
            "jetson-agx-orin",
            12.616695,
            [("VDD_GPU_SOC", True, 5.20131), ("VDD_CPU_CV", True, 2.68086), ("VIN_SYS_5V0", True, 4.734504)],
        ),
    ],
)
def test_the_rails_of_a_board_are_shown_with_their_labels(
    board: str, total_w: float, rails: list[tuple[str, bool, float]]
) -> None:
    root, clock = SysRoot(BOARDS / board), FakeClock(step_ns=1000)
    meter = find_meter(Site(root, detect(root)))
    assert not isinstance(meter, Unavailable)
    watch = PowerWatch(root, meter, clock=lambda: clock() / 1e9, sleep=clock.advance)
    look = next(watch.looks())
    meter.close()
    assert look.power_w == pytest.approx(total_w, abs=1e-4)
    shown = {rail.name: (rail.counted, rail.power_w) for rail in look.rails}
    for name, counted, power_w in rails:
        assert shown[name][0] is counted
        assert shown[name][1] == pytest.approx(power_w, abs=1e-4)
