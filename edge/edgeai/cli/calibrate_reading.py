"""Readings of a calibration under load: who is asked, a person or a meter, and what is loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ..device import detect
from ..device.cpus import one_of_each_core_first
from ..errors import MeterMissing, UsageError, one_line
from ..power import Site, find_meter
from ..sysroot import SysRoot
from ..unavailable import Unavailable
from .calibrate_asking import Waiting, asked

if TYPE_CHECKING:
    from ..measure.calibrating import Course
    from ..power import Meter
    from ..power.unit import Reading

_ROOT = SysRoot()


def readings_under_load(
    meter_name: str | None,
    quiet: bool,
    levels: tuple[int, ...] | None,
    times: int,
    settle_s: float,
    seconds: float,
) -> tuple[tuple[Reading, ...], str]:
    """What was read under load, and by what."""
    from ..measure.calibrating import Course, cores_text, read_by_meter, take_readings
    from ..measure.calibration import levels as usual_levels
    from ..measure.core_load import CoreLoad

    cpus = one_of_each_core_first(_ROOT, frozenset(os.sched_getaffinity(0)))
    course = Course(levels or usual_levels(len(cpus)), times, settle_s)
    if course.levels[-1] > len(cpus):
        raise UsageError(f"--levels {course.levels[-1]}: this process may use {cores_text(len(cpus))}")
    if len(course.levels) < 2:
        raise UsageError("--levels: give at least two loads, such as 0 and all cores")
    wait = Waiting(quiet=quiet)
    with CoreLoad(cpus) as load:
        if meter_name is None:
            _say_what_comes(course, quiet)
            read, how = asked(len(course.order), cores_text), "readings typed in"
            return take_readings(course, load, _ROOT, read, wait), f"{how}, load by {load.work}"
        meter = _open(meter_name)
        try:
            read = read_by_meter(meter, seconds, _ROOT, wait)
            how = f"{meter.info.name} ({meter.info.scope})"
            return take_readings(course, load, _ROOT, read, wait), f"{how}, load by {load.work}"
        finally:
            meter.close()


def _open(name: str) -> Meter:
    meter = find_meter(Site(_ROOT, detect()), name)
    if isinstance(meter, Unavailable):
        raise MeterMissing(f"--meter {one_line(name)}: {meter.unavailable}; {meter.advice}")
    if meter.info.is_estimate:
        meter.close()
        raise UsageError(
            f"--meter {name} is an estimate itself; name a meter that measures, such as shelly=ADDRESS"
        )
    return meter


def _say_what_comes(course: Course, quiet: bool) -> None:
    """Also that a calibration is of no use where a sensor is."""
    if quiet:
        return
    sensor = find_meter(Site(_ROOT, detect()))
    if not isinstance(sensor, Unavailable):
        if not sensor.info.is_estimate:
            click.echo(
                f"edgeai: note: this machine has a sensor, {sensor.info.name} ({sensor.info.scope}), which "
                "is used before any estimate",
                err=True,
            )
        sensor.close()
    click.echo(
        f"{len(course.order)} readings will be asked for. Put a meter into the board's supply, end what else "
        "runs, and read it when asked; Ctrl-C ends and saves nothing.",
        err=True,
    )
