"""What a meter is: rails read together, what they cover, how often they change, how wrong they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..device import Device
    from ..sysroot import SysRoot

COUNTER_J, GAUGE_W = "counter_j", "gauge_w"
"""Kinds of meters: energy since some moment in joules, or power now in watts."""


class ReadFailed(Exception):  # noqa: N818 - a gap in a trace, not an error that a user sees
    """One read gave nothing. The sampler keeps it as a gap; it is never taken for 0."""


@dataclass(frozen=True)
class Rail:
    """One channel of a meter.

    counted: whether the total holds it; a rail inside another one is shown and not added twice.
    wrap_j: where a counter starts again from 0: a step from `a` to a smaller `b` was `b + wrap_j - a`.
    None for a gauge, and for a counter that does not wrap.
    """

    name: str
    counted: bool = True
    wrap_j: float | None = None


@dataclass(frozen=True)
class ErrorModel:
    """How wrong the sum of the counted rails may be, one standard deviation of each part.

    gain: share of the value. offset_w: watts. lsb: the step in which values come, in the meter's own unit
    (W of a gauge, J of a counter). source: where these figures are published.
    """

    gain: float
    offset_w: float
    lsb: float
    source: str


@dataclass(frozen=True)
class MeterInfo:
    """What is known of a meter before it is read.

    name: its line in the table, with its address where it has one (`shelly=http://10.0.0.7`).
    scope: what the total covers, in a few words that stand beside every joule: `package + dram`,
    `module (VDD_IN)`, `board input`, `wall`. kind: COUNTER_J or GAUGE_W.
    update_s: how often the sensor's values change, as published; None where nobody says.
    averages_s: over how long before it each value is the mean, as published, so that a load that fluctuates
    is not missed (INA226: its update period); None where a value is of one moment, or nobody says.
    is_estimate: computed from a model of the board, not measured. notes: what a reader has to
    know, one sentence each.
    """

    name: str
    scope: str
    kind: str
    rails: tuple[Rail, ...]
    update_s: float | None
    error: ErrorModel
    is_estimate: bool = False
    notes: tuple[str, ...] = ()
    averages_s: float | None = None


class Meter(Protocol):
    """A sensor that is open. Constructing one has no side effects beyond opening what it reads."""

    @property
    def info(self) -> MeterInfo:
        """What it is."""

    def read(self) -> tuple[float, ...]:
        """A value of each rail, in the order of `info.rails`: J since some moment, or W now.

        Takes milliseconds at most, and no subprocess. Raises ReadFailed where any rail gives nothing.
        """

    def close(self) -> None:
        """Free what it holds; a second time does nothing."""


@dataclass(frozen=True)
class Site:
    """Where meters are looked for. address: what stands behind `=` in `--meter NAME=ADDRESS`."""

    root: SysRoot
    device: Device
    address: str | None = None
