"""The course of a calibration: real processes load real cores, and the fit finds the played watts."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgeai.device.cpu_times import BusyCores
from edgeai.errors import UsageError
from edgeai.measure.calibrating import Course, cores_text, read_by_meter, take_readings
from edgeai.measure.calibration import fit
from edgeai.measure.core_load import CoreLoad
from edgeai.power import COUNTER_J, GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed
from edgeai.sysroot import SysRoot

CPUS = tuple(sorted(os.sched_getaffinity(0)))
IDLE_W, CORE_W = 12.0, 3.0


class WatchedLoad(CoreLoad):
    """A real load that also adds up how long its cores should have been busy: what a quiet machine shows."""

    def __init__(self) -> None:
        super().__init__(CPUS)
        self._level, self._since_s, self._done_s = 0, time.monotonic(), 0.0

    def set(self, count: int) -> None:
        super().set(count)
        self._done_s, self._since_s, self._level = self.busy_s(), time.monotonic(), count

    def busy_s(self) -> float:
        return self._done_s + self._level * (time.monotonic() - self._since_s)


@dataclass(frozen=True)
class QuietMachine(SysRoot):
    """This machine as if nothing but our load ran on it, so that other work does not disturb the test."""

    load: WatchedLoad = field(default_factory=WatchedLoad)

    def read_bytes(self, path: str) -> bytes | None:
        if path != "/proc/stat":
            return super().read_bytes(path)
        busy, idle = round(100 * self.load.busy_s()), round(100 * time.monotonic())
        return f"cpu {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 {busy} 0 0 {idle} 0 0 0 0 0 0\n".encode()


class TrueMeter:
    """A counter that knows what the load takes."""

    info = MeterInfo("true", "board", COUNTER_J, (Rail("board"),), 0.01, ErrorModel(0, 0, 0, "played"))

    def __init__(self, load: WatchedLoad) -> None:
        self._load = load

    def read(self) -> tuple[float, ...]:
        return (IDLE_W * time.monotonic() + CORE_W * self._load.busy_s(),)

    def close(self) -> None:
        pass


class DeadMeter(TrueMeter):
    info = MeterInfo("dead", "wall", GAUGE_W, (Rail("wall"),), 0.02, ErrorModel(0, 0, 0, "played"))

    def read(self) -> tuple[float, ...]:
        raise ReadFailed("the plug says nothing")


def wait(seconds: float, what: str, more_s: float) -> None:
    time.sleep(seconds)


def test_a_meters_watts_are_found_again() -> None:
    with WatchedLoad() as load:
        root = QuietMachine(load=load)
        course = Course((0, len(CPUS)), 2, 0.2)
        found = take_readings(course, load, root, read_by_meter(TrueMeter(load), 1.0, root, wait), wait)
    assert [reading.loaded for reading in found] == [0, len(CPUS), len(CPUS), 0]
    watts = fit(found)
    assert watts.idle_w.value == pytest.approx(IDLE_W, rel=0.01)
    assert watts.core_active_w.value == pytest.approx(CORE_W, rel=0.05)


def test_what_is_typed_stands_beside_how_busy_the_cores_were() -> None:
    asked: list[tuple[int, bool]] = []

    def read(level: int, since: BusyCores) -> tuple[float, float | None]:
        asked.append((level, load._processes != []))
        return 10.0 + level, since()

    with CoreLoad(CPUS) as load:
        found = take_readings(Course((0, 1), 3, 0.2), load, SysRoot(), read, wait)
    assert [level for level, _ in asked] == [0, 1, 1, 0, 0, 1]
    assert asked[0] == (0, False)  # nothing is started before it is wanted
    assert [reading.power_w for reading in found] == [10, 11, 11, 10, 10, 11]
    assert all(0 <= reading.busy <= len(CPUS) + 0.5 for reading in found)


def test_a_meter_that_says_nothing_is_one_clear_error() -> None:
    with WatchedLoad() as load:
        root = QuietMachine(load=load)
        read = read_by_meter(DeadMeter(load), 0.2, root, wait)
        with pytest.raises(
            UsageError, match=r"dead gave no power with no core loaded: the plug says nothing; "
        ):
            take_readings(Course((0, 1), 2, 0.0), load, root, read, wait)


def test_a_machine_that_hides_how_busy_it_is_cannot_be_calibrated(tmp_path: Path) -> None:
    with CoreLoad(CPUS) as load, pytest.raises(UsageError, match="does not say how busy"):
        take_readings(Course((0, 1), 2, 0.0), load, SysRoot(tmp_path), lambda _, since: (3.0, since()), wait)


def test_loads_go_up_and_down_so_that_warming_up_does_not_pass_for_load() -> None:
    assert Course((0, 2, 4), 3, 1.0).order == (0, 2, 4, 4, 2, 0, 0, 2, 4)
    # A board that warms up by 0.1 W from reading to reading, whose cores draw nothing else.
    order = Course((0, 1), 2, 1.0).order
    drift = [0.1 * number for number in range(len(order))]
    assert sum(watts for level, watts in zip(order, drift, strict=True) if level == 0) == pytest.approx(
        sum(watts for level, watts in zip(order, drift, strict=True) if level == 1)
    )


@pytest.mark.parametrize(("count", "text"), [(0, "no core"), (1, "1 core"), (4, "4 cores")])
def test_cores_are_counted_in_words(count: int, text: str) -> None:
    assert cores_text(count) == text
