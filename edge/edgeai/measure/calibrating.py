"""The course of a calibration: loads none, some and all cores, up and down again, and reads each load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..device.cpu_times import BusyCores
from ..errors import UsageError
from ..power import ReadFailed, Span
from ..power.integrate import joules
from ..power.sampler import Sampler
from ..power.unit import Reading
from ..unavailable import Unavailable

if TYPE_CHECKING:
    from ..power import Meter
    from ..sysroot import SysRoot
    from .core_load import CoreLoad

Wait = Callable[[float, str, float], None]
"""Lets so many seconds pass, says what for, and knows how many more will follow for the same."""


@dataclass(frozen=True)
class Course:
    """levels: how many cores are loaded, rising. times: readings of each. settle_s: from a change of load to
    the moment from which it is read: clocks, fans and the meter's own averaging come to rest."""

    levels: tuple[int, ...]
    times: int
    settle_s: float

    @property
    def order(self) -> tuple[int, ...]:
        """Up, down, up, ...: what only drifts with time, such as heat, does not pass for load."""
        turns = (self.levels if turn % 2 == 0 else self.levels[::-1] for turn in range(self.times))
        return tuple(level for turn in turns for level in turn)


def take_readings(
    course: Course,
    load: CoreLoad,
    root: SysRoot,
    read: Callable[[int, BusyCores], tuple[float, float | None]],
    wait: Wait,
) -> tuple[Reading, ...]:
    """Read every load in its order.

    read: gets the number of loaded cores, and how busy all are since the middle of settling; gives watts and
    busy cores. Raises what it raises, WorkerError for a core that cannot be loaded, UsageError where the
    kernel does not say how busy cores are.
    """
    readings = []
    for number, level in enumerate(course.order, 1):
        load.set(level)
        what = f"reading {number} of {len(course.order)}, {cores_text(level)} loaded: settling"
        half_s = course.settle_s / 2
        wait(half_s, what, half_s)
        since = BusyCores(root)
        wait(half_s, what, 0.0)
        power_w, busy = read(level, since)
        load.check()
        if busy is None:
            raise UsageError(
                "/proc/stat does not say how busy the cores are; run this outside of the container"
            )
        readings.append(Reading(level, round(busy, 3), power_w))
    return tuple(readings)


def read_by_meter(
    meter: Meter, seconds: float, root: SysRoot, wait: Wait
) -> Callable[[int, BusyCores], tuple[float, float | None]]:
    """Reads for `take_readings`: the mean of so many seconds, by a meter that is open.

    They raise UsageError where the meter gives nothing.
    """

    def read(level: int, _: BusyCores) -> tuple[float, float | None]:
        with Sampler(meter) as sampler:
            since = BusyCores(root)
            wait(seconds, f"{cores_text(level)} loaded: reading {meter.info.name}", 0.0)
            busy = since()
            trace = sampler.trace()
        found = joules(trace, Span(since.begin_s, since.end_s))
        if isinstance(found, Unavailable):
            raise UsageError(
                f"{meter.info.name} gave no power with {cores_text(level)} loaded: {_first_failure(meter)}"
                f"{found.unavailable}; {found.advice}"
            )
        return round(found.power_w, 4), busy

    return read


def cores_text(count: int) -> str:
    """`no core`, `1 core`, `2 cores`."""
    return f"{count or 'no'} core{'s' if count > 1 else ''}"


def _first_failure(meter: Meter) -> str:
    """Why a meter gives nothing, in its own words; empty where it does again."""
    try:
        meter.read()
    except ReadFailed as error:
        return f"{error}; "
    return ""
