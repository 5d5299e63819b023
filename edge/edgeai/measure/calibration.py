"""Fits a unit's watts, at rest and per busy core, to what a meter showed under different loads."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from ..power.unit import CALIBRATED_ERROR, Reading
from .statistics import Estimate, fit_line

if TYPE_CHECKING:
    from .statistics import Samples

LEAST_TIMES = 2
"""Readings of each load: one alone cannot show how far they scatter."""

_LARGEST_RESIDUAL = 0.20
"""Share of a reading by which the line may miss it. An estimate that claims 10 % as one standard deviation
cannot rest on readings that lie two of them off."""

_LEAST_SPREAD = 0.5
"""Of a core, between the loads: below, the watts of a core are read off noise."""


@dataclass(frozen=True)
class Fit:
    """The line through the readings. error: share by which estimates from it may be wrong, one standard
    deviation. readings, fitted_w: in the same order, watts."""

    idle_w: Estimate
    core_active_w: Estimate
    error: float
    readings: tuple[Reading, ...]
    fitted_w: tuple[float, ...]

    @property
    def residuals_w(self) -> tuple[float, ...]:
        """What was read less what the line says."""
        pairs = zip(self.readings, self.fitted_w, strict=True)
        return tuple(reading.power_w - fitted for reading, fitted in pairs)


def fit(readings: tuple[Reading, ...]) -> Fit:
    """power_w = idle_w + core_active_w x busy, by least squares.

    Raises UsageError for readings from which no unit's watts can be had: too few, of one load only, not
    rising with load beyond their scatter, or further than 20 % from the line.
    """
    _check_given(readings)
    busy = np.array([reading.busy for reading in readings])
    power = np.array([reading.power_w for reading in readings])
    line = fit_line(busy, power)
    assert line is not None
    idle_w, core_w = line.intercept, line.slope
    if core_w.value <= 0:
        raise UsageError(
            f"the readings do not rise with load: {core_w.value:+.3g} W for each busy core; read the watts "
            "of the board's own supply, and give them at the load that is asked for"
        )
    if idle_w.value <= 0:
        raise UsageError(
            f"the readings would mean {idle_w.value:.3g} W at rest; check that watts were given, not amperes "
            "or the difference to idle"
        )
    fitted = idle_w.value + core_w.value * busy
    _check_residuals(readings, power, fitted)
    assert core_w.low is not None
    if core_w.low <= 0:
        raise UsageError(
            f"the readings scatter too much to tell what a busy core draws: {core_w.value:.3g} W, and its "
            f"95 % interval begins at {core_w.low:.3g} W; read each load more often, with `--times 4`, or "
            "use a meter that shows smaller steps"
        )
    scatter = math.sqrt(float(np.mean(((power - fitted) / power) ** 2)))
    return Fit(idle_w, core_w, max(CALIBRATED_ERROR, scatter), readings, tuple(map(float, fitted)))


def levels(cpus: int) -> tuple[int, ...]:
    """How many cores to load, from none to all: each number up to 4, five of them in even steps above."""
    if cpus <= 4:
        return tuple(range(cpus + 1))
    return tuple(round(cpus * step / 4) for step in range(5))


def _check_given(readings: tuple[Reading, ...]) -> None:
    for number, reading in enumerate(readings, 1):
        if not 0 < reading.power_w < math.inf:
            raise UsageError(
                f"reading {number} is {reading.power_w:g} W; a board that is on draws more than 0 W"
            )
        if not 0 <= reading.busy < math.inf:
            raise UsageError(f"reading {number} says {reading.busy:g} busy cores; give a number from 0")
    times = Counter(reading.loaded for reading in readings)
    if len(times) < 2:
        raise UsageError(
            "the readings are of one load only; a line needs at least two, such as no core and all cores busy"
        )
    for loaded, count in sorted(times.items()):
        if count < LEAST_TIMES:
            raise UsageError(
                f"there is one reading with {loaded} cores loaded; give at least {LEAST_TIMES} of each load"
            )
    busy = [reading.busy for reading in readings]
    if max(busy) - min(busy) < _LEAST_SPREAD:
        raise UsageError(
            f"all cores together were as busy as {min(busy):.2f} to {max(busy):.2f} cores, nearly the same "
            "at each load; end what else runs, and see that no CPU quota holds this process back"
        )


def _check_residuals(readings: tuple[Reading, ...], power: Samples, fitted: Samples) -> None:
    away = np.abs(power - fitted)
    share = float(np.max(away / power))
    if share > _LARGEST_RESIDUAL:
        worst = int(np.argmax(away))
        reading = readings[worst]
        raise UsageError(
            f"the readings lie up to {100 * share:.0f} % off a line, and {100 * _LARGEST_RESIDUAL:.0f} % is "
            f"the most that is taken; furthest away is reading {worst + 1} ({reading.loaded} cores loaded, "
            f"{reading.power_w:.3g} W, where the line says {fitted[worst]:.3g} W): take it again"
        )
