"""Power as it is now, again and again: the rails of a meter, and the clocks, heat and throttling beside them.

Between two looks the meter is read as often as it has something new to say, so that a look is the mean of its
stretch and no second of energy is lost between two of them.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..power.meter import COUNTER_J
from ..power.sampler import Sampler, usual_period_s
from ..power.trace import Span, Trace
from ..quantities import time_text
from ..unavailable import Unavailable
from .conditions import Conditions, read_conditions

if TYPE_CHECKING:
    from ..power import Meter
    from ..sysroot import SysRoot

READS_A_LOOK = 4
"""At least so many reads between two looks, whatever the sensor's own period."""


@dataclass(frozen=True)
class RailPower:
    """Mean of one rail since the look before. counted: whether the total holds it."""

    name: str
    counted: bool
    power_w: float | None


@dataclass(frozen=True)
class PowerLook:
    """One look. time_s: since the watch began. power_w: mean of the counted rails since the look before.
    energy_j: since the watch began, without the stretches that could not be read. Both are None where nothing
    could be read; why says why. failed_reads: since the look before."""

    time_s: float
    power_w: float | None
    energy_j: float | None
    rails: tuple[RailPower, ...]
    failed_reads: int
    why: Unavailable | None
    conditions: Conditions


@dataclass(frozen=True)
class PowerTotals:
    """A whole watch. read_s: the time that the energy is of. highest_w: of the looks."""

    duration_s: float
    read_s: float
    energy_j: float
    highest_w: float | None

    @property
    def power_w(self) -> float | None:
        """Mean over the time that could be read."""
        return self.energy_j / self.read_s if self.read_s > 0 else None


class PowerWatch:
    """Looks at a machine until nobody asks for more. The meter stays its owner's, who closes it.

    meter: None where nothing measures here: looks then hold everything else. clock, sleep: of `Sampler`.
    """

    def __init__(
        self,
        root: SysRoot,
        meter: Meter | None,
        every_s: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._root, self._meter, self._every_s = root, meter, every_s
        self._clock, self._sleep = clock, sleep
        self._begun_s = self._looked_s = clock()
        self._last: Trace | None = None
        self._read_s = self._energy_j = 0.0
        self._highest_w: float | None = None

    @property
    def totals(self) -> PowerTotals:
        """Of all looks so far."""
        return PowerTotals(self._looked_s - self._begun_s, self._read_s, self._energy_j, self._highest_w)

    def looks(self, for_s: float | None = None) -> Iterator[PowerLook]:
        """One look a period, the first after one; a period that was missed is left out.

        for_s: the last look is when this time is over.
        """
        if self._meter is not None:
            importlib.import_module("edgeai.power.integrate")  # with numpy: not in the time of the first look
        begun_s = due = self._begun_s = self._looked_s = self._clock()
        end_s = math.inf if for_s is None else begun_s + for_s
        while due < end_s:
            missed = max(math.floor((self._clock() - due) / self._every_s), 0)
            due = min(due + (1 + missed) * self._every_s, end_s)
            yield self._look(due)

    def _look(self, until_s: float) -> PowerLook:
        if self._meter is None:
            self._sleep(max(until_s - self._clock(), 0.0))
            self._looked_s = self._clock()
            return PowerLook(self._since(), None, None, (), 0, None, read_conditions(self._root))
        trace = self._sampled(self._meter, until_s)
        self._looked_s = self._clock()
        power_w, why = self._counted(trace)
        known = None if self._read_s == 0 else self._energy_j
        looked = read_conditions(self._root)
        return PowerLook(
            self._since(), power_w, known, _rails(trace, why is None), len(trace.failed_s), why, looked
        )

    def _since(self) -> float:
        return self._looked_s - self._begun_s

    def _sampled(self, meter: Meter, until_s: float) -> Trace:
        """The stretch, which begins with the last read of the one before."""
        period_s = min(usual_period_s(meter.info), self._every_s / READS_A_LOOK)
        sampler = Sampler(meter, period_s, clock=self._clock, sleep=self._sleep)
        if self._last is None:
            sampler.sample_once()
        sampler.run_until(until_s)
        sampler.sample_once()
        trace = sampler.trace()
        if self._last is not None:
            trace = replace(
                trace,
                times_s=(*self._last.times_s, *trace.times_s),
                values=(*self._last.values, *trace.values),
            )
        return trace

    def _counted(self, trace: Trace) -> tuple[float | None, Unavailable | None]:
        from ..power.integrate import joules

        span = _whole(trace)
        found = _nothing(trace) if span is None else joules(trace, span)
        kept = slice(-1, None)
        if not isinstance(found, Unavailable) and trace.meter.kind == COUNTER_J and not found.updates:
            found = _stale(trace)
            kept = slice(1)  # the next stretch begins where this one did, and so loses nothing
        if span is None and trace.meter.kind != COUNTER_J:
            self._last = None  # nobody knows what a gauge would have shown; a counter went on counting
        elif trace.times_s:
            self._last = replace(trace, times_s=trace.times_s[kept], values=trace.values[kept])
        if isinstance(found, Unavailable):
            return None, found
        self._read_s += found.duration_s
        self._energy_j += found.energy_j
        highest = found.power_w if self._highest_w is None else max(self._highest_w, found.power_w)
        self._highest_w = highest
        return found.power_w, None


def _whole(trace: Trace) -> Span | None:
    """From the first read to the last; None of fewer than two."""
    times = trace.times_s
    return Span(times[0], times[-1]) if len(times) > 1 and times[-1] > times[0] else None


def _nothing(trace: Trace) -> Unavailable:
    failed = len(trace.failed_s)
    return Unavailable(
        f"{failed} of {failed + len(trace.times_s)} reads of {trace.meter.name} failed",
        "see whether it is still connected, and `edgeai power --list`",
    )


def _stale(trace: Trace) -> Unavailable:
    took = time_text(trace.times_s[-1] - trace.times_s[0])
    return Unavailable(
        f"stale: the counter of {trace.meter.name} did not move in {took}",
        "look less often (--every), or take another meter (`edgeai power --list`)",
    )


def _rails(trace: Trace, moved: bool) -> tuple[RailPower, ...]:
    from ..power.integrate import rail_power_w

    span = _whole(trace)
    known = {} if span is None or not moved else rail_power_w(trace, span)
    return tuple(RailPower(rail.name, rail.counted, known.get(rail.name)) for rail in trace.meter.rails)
