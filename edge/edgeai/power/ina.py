"""How wrong a Texas Instruments power monitor may be, from its data sheet and the shunt beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .meter import ErrorModel

if TYPE_CHECKING:
    from collections.abc import Sequence

SHUNT_TOLERANCE = 0.01
"""Of the resistor. Parts of 1 % are usual (Adafruit's INA219 board; NVIDIA's AGX Xavier design guide, figure
5-14); most boards' is not published, so it is assumed."""

DEFAULT_SHUNT_OHM = 0.01
"""What the kernel's ina2xx and ina238 drivers assume where neither device tree nor user says another one."""


@dataclass(frozen=True)
class Accuracy:
    """Limits at 25 degrees of a data sheet.

    gain_shunt, gain_bus: shares of the voltages across the shunt and of the supply. offset_v: across the
    shunt. power_step_v: watts of one step of the value, times the shunt in ohm; `per_volt` where that
    is for each volt of the supply. shunt_tolerance: None takes SHUNT_TOLERANCE.
    """

    gain_shunt: float
    gain_bus: float
    offset_v: float
    power_step_v: float
    source: str
    per_volt: bool = False
    shunt_tolerance: float | None = None


@dataclass(frozen=True)
class Measured:
    """A channel in use. supply_v: about what it measures now."""

    shunt_ohm: float
    supply_v: float


def error_of(accuracy: Accuracy, channels: Sequence[Measured]) -> ErrorModel:
    """The error of a sum of channels. Limits are taken as uniform, so a deviation is the limit over sqrt(3).

    The gains of channels are taken as one (they share a chip and a batch of resistors), which is the larger
    error; offsets and steps are independent.
    """
    tolerance = SHUNT_TOLERANCE if accuracy.shunt_tolerance is None else accuracy.shunt_tolerance
    gain = math.hypot(accuracy.gain_shunt, accuracy.gain_bus, tolerance)
    offsets = [accuracy.offset_v / each.shunt_ohm * each.supply_v for each in channels]
    steps = [
        accuracy.power_step_v / each.shunt_ohm * (each.supply_v if accuracy.per_volt else 1.0)
        for each in channels
    ]
    shunt = "" if tolerance == 0 else f"; the shunt taken as a {tolerance:.0%} part"
    return ErrorModel(
        gain / math.sqrt(3),
        math.hypot(*offsets) / math.sqrt(3),
        math.hypot(*steps),
        f"{accuracy.source}, limits over sqrt(3){shunt}",
    )


INA3221 = Accuracy(
    gain_shunt=0.0025,
    gain_bus=0.0025,
    offset_v=80e-6,
    power_step_v=40e-6,
    per_volt=True,
    source="TI SBOS576A, electrical characteristics: gain 0.25 %, offset 80 µV, step 40 µV",
)
