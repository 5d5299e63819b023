"""The estimate: exact joules from two looks at /proc/stat, whose watts it takes, and when there are none."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.device import detect
from edgeai.device.cpu_times import BusyCores
from edgeai.power.estimate import EstimateMeter, Watts, probe, watts_of
from edgeai.power.find import METERS, find_meter
from edgeai.power.integrate import joules
from edgeai.power.meter import COUNTER_J, ReadFailed, Site
from edgeai.power.sampler import Sampler
from edgeai.power.trace import Span
from edgeai.power.unit import Calibration, Reading, Unit, file_to_save, save_unit
from edgeai.sysroot import SysRoot
from edgeai.testing import FakeClock
from edgeai.unavailable import Barred, Unavailable

BOARDS = Path(__file__).parents[2] / "boards"
UNIT = Unit(
    profile="raspberry-pi-4",
    serials={"cpuinfo": "10000000deadbeef"},
    idle_w=3.0,
    core_active_w=0.8,
    calibration=Calibration("2026-11-30", "a plug", 0.1, (Reading(0, 0.0, 3.0), Reading(4, 4.0, 6.2))),
)


def site(tmp_path: Path, board: str = "raspberry-pi-4") -> Site:
    shutil.copytree(BOARDS / board, tmp_path / "tree", symlinks=True)
    root = SysRoot(tmp_path / "tree")
    return Site(root, detect(root))


def stat(*cores: tuple[int, int]) -> str:
    """/proc/stat of cores with (busy, idle) ticks; busy ones in user, system and softirq, idle ones also in
    iowait."""
    lines = [f"cpu {sum(busy for busy, _ in cores)} 0 0 {sum(idle for _, idle in cores)} 0 0 0 0 0 0"]
    lines += [f"cpu{core} {busy - 2} 0 1 {idle - 1} 1 0 1 0 0 0" for core, (busy, idle) in enumerate(cores)]
    return "\n".join([*lines, "intr 1 2 3", ""])


def seconds(clock: FakeClock) -> float:
    return clock() / 1e9


def test_joules_of_a_pi_4_are_exactly_those_of_its_published_watts(tmp_path: Path) -> None:
    """10 s in which one core was busy all the time, one for half of it and two not at all:
    2.7 W x 10 s + (6.4 - 2.7) / 4 W x 15 s = 27 + 13.875 J, a mean of 4.0875 W."""
    here = site(tmp_path)
    watts = watts_of(here)
    assert isinstance(watts, Watts)
    assert (watts.idle_w, watts.core_active_w, watts.error) == (2.7, pytest.approx(0.925), 0.30)
    clock = FakeClock()
    file = here.root.at("/proc/stat")
    file.write_text(stat((100, 900), (200, 800), (300, 700), (400, 600)))
    meter = EstimateMeter(here.root, watts, lambda: seconds(clock))
    assert meter.read() == (0.0,)
    clock.advance(10)
    file.write_text(stat((1100, 900), (700, 1300), (300, 1700), (400, 1600)))
    assert meter.read() == (pytest.approx(40.875),)
    clock.advance(10)
    file.write_text(stat((1100, 1900), (700, 2300), (300, 2700), (400, 2600)))
    assert meter.read() == (pytest.approx(40.875 + 27),)  # at rest


def test_what_the_estimate_is_stands_in_its_info(tmp_path: Path) -> None:
    meter = probe(site(tmp_path))
    assert not isinstance(meter, Unavailable)
    info = meter.info
    assert (info.name, info.scope, info.kind, info.is_estimate) == (
        "estimate",
        "board (estimate)",
        COUNTER_J,
        True,
    )
    assert info.error.gain == 0.30
    assert "2.7 W at rest and 0.925 W for each busy core" in info.notes[0]
    assert "published for Raspberry Pi 4 Model B (devices.md)" in info.notes[0]
    assert "30 % as one standard deviation" in info.notes[0]
    meter.close()
    meter.close()


def test_a_calibrated_unit_carries_its_own_watts_and_10_percent(tmp_path: Path) -> None:
    here = site(tmp_path)
    save_unit(UNIT, file_to_save(here.root))
    assert watts_of(here) == Watts(3.0, 0.8, 0.1, "fitted on this unit on 2026-11-30 by a plug")


def test_an_overlay_with_shunts_alone_leaves_the_published_watts(tmp_path: Path) -> None:
    here = site(tmp_path)
    save_unit(Unit(shunts_ohm={"ina219": 0.1}), file_to_save(here.root))
    watts = watts_of(here)
    assert isinstance(watts, Watts)
    assert watts.idle_w == 2.7


def test_the_overlay_of_another_unit_is_left_aside_aloud(tmp_path: Path) -> None:
    here = site(tmp_path)
    save_unit(replace(UNIT, serials={"cpuinfo": "10000000cafecafe"}), file_to_save(here.root))
    watts = watts_of(here)
    assert isinstance(watts, Watts)
    assert (watts.idle_w, watts.error) == (2.7, 0.30)
    assert "was made on another unit" in watts.source


def test_a_broken_overlay_is_no_estimate(tmp_path: Path) -> None:
    here = site(tmp_path)
    file = file_to_save(here.root)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[power]\nidle_w = 'two'\n")
    found = probe(here)
    assert isinstance(found, Barred)
    assert "unit.toml: power.idle_w: is a text" in found.unavailable
    assert found.advice == "give a number"


@pytest.mark.parametrize(("board", "lacks"), [("raspberry-pi-3-b-plus", "idle_w"), ("x86-64", "idle_w")])
def test_a_board_of_which_nobody_published_watts_has_no_estimate(
    tmp_path: Path, board: str, lacks: str
) -> None:
    found = probe(site(tmp_path, board))
    assert isinstance(found, Unavailable)
    assert f"{board}.toml has no power.{lacks}" in found.unavailable
    assert "edgeai calibrate" in found.advice


def test_a_file_that_stands_still_gives_a_counter_that_stands_still(tmp_path: Path) -> None:
    here = site(tmp_path)
    clock = FakeClock()
    meter = EstimateMeter(here.root, Watts(2.7, 0.9, 0.3, "x"), lambda: seconds(clock))
    clock.advance(60)
    assert meter.read() == (0.0,)


def test_a_core_that_goes_and_comes_back_adds_no_time_since_boot(tmp_path: Path) -> None:
    here = site(tmp_path)
    file = here.root.at("/proc/stat")
    clock = FakeClock()
    file.write_text(stat((100, 900), (5000, 800)))
    meter = EstimateMeter(here.root, Watts(2.0, 1.0, 0.3, "x"), lambda: seconds(clock))
    for cores in [((200, 900),), ((300, 900), (5100, 900)), ((400, 900), (5200, 900))]:
        clock.advance(1)
        file.write_text(stat(*cores))
        (joules,) = meter.read()
    assert joules == pytest.approx(3 * 2.0 + 3 * 1.0 + 1.0)


def test_what_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    here = site(tmp_path)
    meter = EstimateMeter(here.root, Watts(2.7, 0.9, 0.3, "x"))
    here.root.at("/proc/stat").unlink()
    with pytest.raises(ReadFailed, match="/proc/stat"):
        meter.read()
    assert isinstance(probe(here), Unavailable)


def test_it_is_the_last_of_the_table_and_found_where_nothing_else_is(tmp_path: Path) -> None:
    assert list(METERS)[-1] == "estimate"
    found = find_meter(site(tmp_path))
    assert not isinstance(found, Unavailable)
    assert found.info.name == "estimate"


def test_a_sensor_that_may_not_be_read_is_told_beside_the_estimate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METERS, "pmic", f"{__name__}:barred")
    found = find_meter(site(tmp_path))
    assert not isinstance(found, Unavailable)
    assert found.info.name == "estimate"
    assert (
        found.info.notes[0] == "The more trusted meter pmic is here, but /dev/vcio is root's; join a group."
    )
    assert found.info.notes[1].startswith("An estimate, not a measurement")
    assert found.read() == (0.0,)
    found.close()


def barred(_: Site) -> Unavailable:
    return Barred("/dev/vcio is root's", "join a group")


def test_a_sampler_sees_the_joules_of_the_formula() -> None:
    """On this machine's real /proc/stat: what is integrated is what the formula gives for the whole span."""
    root = SysRoot()
    meter = EstimateMeter(root, Watts(2.0, 1.0, 0.3, "x"))
    with Sampler(meter) as sampler:
        time.sleep(0.3)
        busy, begin_s = BusyCores(root), time.monotonic()
        while time.monotonic() < begin_s + 1:
            sum(range(1000))
        cores, end_s = busy(), time.monotonic()
        time.sleep(0.3)
    found = joules(sampler.trace(), Span(begin_s, end_s))
    assert not isinstance(found, Unavailable)
    assert cores is not None
    # Where the span begins and ends lies between two reads, a tenth of a second apart.
    assert found.power_w == pytest.approx(2.0 + cores, rel=0.2)
    assert found.gain_j == pytest.approx(0.3 * found.energy_j)


def test_on_this_machine_it_counts_real_time() -> None:
    root = SysRoot()
    meter = EstimateMeter(root, Watts(2.0, 1.0, 0.3, "x"))
    (before,) = meter.read()
    clock = meter._clock
    begin = clock()
    while clock() < begin + 0.3:
        sum(range(1000))
    (after,) = meter.read()
    # 0.3 s at rest alone are 0.6 J; this loop and others add up to one core's share each.
    assert after - before > 0.6
