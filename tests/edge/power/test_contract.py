"""What every meter of the table must do wherever it works: on boards' trees, over HTTP, in this kernel."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeai.power import COUNTER_J, GAUGE_W, METERS, Meter, ReadFailed, find_meter, survey
from edgeai.power.perf_energy import PMU, open_meter, perf_event_open
from edgeai.sysroot import SysRoot
from edgeai.unavailable import Barred, Unavailable
from tests.edge.power.board_sites import BOARDS, copied, site, site_at, write
from tests.edge.power.plugs import FakePlug, serving
from tests.edge.power.test_plugs import GEN3, SWITCH, TASMOTA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKS = {
    "thor": ("jetson-thor",),
    "hwmon": (
        "raspberry-pi-4-ina226",
        "raspberry-pi-4-ina228",
        "raspberry-pi-5-powerz",
        "qemu-ina219-hwmon",
    ),
    "iio-ina2xx": ("qemu-ina226-iio",),
    "ina3221": (
        "jetson-orin-nano",
        "jetson-orin-nano-4gb",
        "jetson-orin-nano-super",
        "jetson-orin-nano-jetpack-5",
        "jetson-orin-nx",
        "jetson-orin-nx-super",
        "jetson-agx-orin",
        "jetson-agx-xavier",
        "jetson-xavier-nx",
    ),
    "ina3221-iio": ("jetson-nano", "jetson-tx2"),
    "pmic": ("raspberry-pi-5",),
    "rapl-psys": ("x86-64",),
    "rapl": ("x86-64", "x86-64-amd", "x86-64-rapl-wrap", "x86-64-two-sockets"),
    "battery": ("x86-64-laptop",),
    "estimate": ("raspberry-pi-4",),
    "shelly": ("http",),
    "tasmota": ("http",),
    "perf": ("kernel",),
}
"""By meter the trees where it works; or `http`, a plug on loopback; or `kernel`, an event of this kernel."""

ELSEWHERE = {
    "csv": "test_csv_live.py",
    "joulescope": "test_joulescope.py",
    "otii": "test_otii.py",
}
"""Meters whose own tests hold them to this: a file that grows, instruments with a library of their own."""

CASES = [(name, where) for name, places in WORKS.items() for where in places]


@contextmanager
def at_work(name: str, where: str, folder: Path) -> Iterator[tuple[Meter, Callable[[], object]]]:
    """The meter, open, and what makes all that it reads vanish."""
    if where == "http":
        answers = {
            "/shelly": GEN3,
            "/rpc/Switch.GetStatus?id=0": SWITCH,
            "/cm?cmnd=Status%208": TASMOTA,
        }
        with serving(FakePlug(answers)) as plug:
            yield opened(find_meter(site("arm64"), f"{name}={plug.url}")), answers.clear
    elif where == "kernel":
        meter = opened(open_meter(clock_of_this_kernel(folder), perf_event_open))
        yield meter, meter.close
    else:
        tree = copied(where, folder)
        yield opened(find_meter(site_at(tree), name)), lambda: remove_files(tree)


def opened(found: Meter | Unavailable) -> Meter:
    assert not isinstance(found, Unavailable), found
    return found


def remove_files(tree: Path) -> None:
    for folder in ("sys", "dev", "proc"):
        shutil.rmtree(tree / folder, ignore_errors=True)


def clock_of_this_kernel(folder: Path) -> SysRoot:
    """The energy PMU's files with `cpu-clock` in the place of energy, which every kernel has."""
    cpu = min(os.sched_getaffinity(0))
    for name, text in (("type", 1), ("cpumask", cpu), ("events/energy-pkg", "event=0x00")):
        write(folder, f"{PMU}/{name}", text)
    for name, text in ((".scale", "1e-9"), (".unit", "Joules")):
        write(folder, f"{PMU}/events/energy-pkg{name}", text)
    try:
        os.close(perf_event_open(1, 0, cpu))
    except OSError as error:
        pytest.skip(f"this kernel does not let us count: {error.strerror}")
    return SysRoot(folder)


def test_every_meter_of_the_table_is_tried_here_or_elsewhere() -> None:
    assert [name for name in METERS if name not in {*WORKS, *ELSEWHERE}] == []
    files = [ELSEWHERE[name] for name in METERS if name in ELSEWHERE]
    assert [file for file in files if not (Path(__file__).parent / file).exists()] == []


@pytest.mark.parametrize(("name", "where"), CASES)
def test_its_info_is_whole(name: str, where: str, tmp_path: Path) -> None:
    with at_work(name, where, tmp_path) as (meter, _):
        info = meter.info
        meter.close()
    assert info.name.partition("=")[0] == name
    assert info.scope.strip()
    assert info.kind in (COUNTER_J, GAUGE_W)
    assert any(rail.counted for rail in info.rails)
    assert len({rail.name for rail in info.rails}) == len(info.rails)
    assert all(rail.wrap_j is None or rail.wrap_j > 0 for rail in info.rails)
    assert info.update_s is None or 0 < info.update_s < 60
    assert info.averages_s is None or 0 < info.averages_s < 60
    assert 0 < info.error.gain <= 0.5
    assert 0 <= info.error.offset_w < 10
    assert 0 <= info.error.lsb <= 1
    assert info.error.source.strip()
    assert all(note.strip() for note in info.notes)
    assert info.is_estimate == (name == "estimate")


@pytest.mark.parametrize(("name", "where"), [case for case in CASES if case[0] != "estimate"])
def test_a_read_gives_one_finite_number_a_rail(name: str, where: str, tmp_path: Path) -> None:
    """An estimate is of the time between two reads, in which a tree's /proc/stat stands still."""
    with at_work(name, where, tmp_path) as (meter, _):
        for _ in range(2):
            values = meter.read()
            assert len(values) == len(meter.info.rails)
            assert all(isinstance(value, float) and math.isfinite(value) for value in values)
        meter.close()


@pytest.mark.parametrize(("name", "where"), CASES)
def test_closing_twice_is_fine(name: str, where: str, tmp_path: Path) -> None:
    with at_work(name, where, tmp_path) as (meter, _):
        meter.close()
        meter.close()


@pytest.mark.parametrize(("name", "where"), CASES)
def test_what_vanished_is_a_failed_read_and_never_a_0(name: str, where: str, tmp_path: Path) -> None:
    with at_work(name, where, tmp_path) as (meter, make_vanish):
        make_vanish()
        with pytest.raises(ReadFailed):
            meter.read()
        meter.close()


def test_no_meter_loads_numpy() -> None:
    modules = sorted({target.partition(":")[0] for target in METERS.values()})
    program = f"import sys, {', '.join(modules)}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --- the table as a whole


@pytest.mark.parametrize(
    ("board", "name"),
    [
        ("jetson-thor", "thor"),
        ("jetson-agx-orin", "ina3221"),
        ("jetson-nano", "ina3221-iio"),
        ("raspberry-pi-5-powerz", "hwmon=hwmon2"),
        ("raspberry-pi-4-ina226", "hwmon=1-0040"),
        ("raspberry-pi-5", "pmic"),
        ("x86-64", "rapl-psys"),
        ("x86-64-two-sockets", "rapl"),
        ("x86-64-laptop", "battery"),
        ("qemu-ina226-iio", "iio-ina2xx=0-0040"),
        ("qemu-ina219-hwmon", "hwmon=0-0040"),
    ],
)
def test_the_most_trusted_meter_of_a_board_is_found(board: str, name: str) -> None:
    found = find_meter(site(board))
    assert not isinstance(found, Unavailable), found
    assert found.info.name == name
    found.close()


def test_an_empty_root_has_no_sensor_and_says_what_to_do(tmp_path: Path) -> None:
    found = find_meter(site_at(tmp_path))
    assert isinstance(found, Unavailable)
    assert not isinstance(found, Barred)
    assert found.unavailable.startswith("this machine has no power sensor")
    assert "edgeai calibrate" in found.advice


def test_on_an_empty_root_no_meter_works_and_each_says_why(tmp_path: Path) -> None:
    seen = survey(site_at(tmp_path))
    assert seen.available == ()
    assert list(seen.missing) == list(METERS)
    assert all(why.unavailable.strip() and why.advice.strip() for why in seen.missing.values())


@pytest.mark.parametrize("board", sorted(path.name for path in BOARDS.iterdir() if path.is_dir()))
def test_no_tree_makes_a_probe_fail(board: str) -> None:
    seen = survey(site(board))
    assert len(seen.available) + len(seen.missing) == len(METERS)
