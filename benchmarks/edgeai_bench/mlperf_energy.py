"""Energy of an MLPerf scenario's queries: the meter is read in the same run as the latencies are taken.

As MLPerf Power's rules say: mJ a query = W x s x 1000 / queries, and idle power is not subtracted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeai.measure.statistics import Estimate
from edgeai.unavailable import Unavailable

from .energy import OF_A_LOG, opened_meter
from .plan import Plan

if TYPE_CHECKING:
    from edgeai.measure.long_runs import ScenarioMeasured
    from edgeai.power import Trace
    from edgeai.power.sampler import Sampler

_NORMAL_95 = 1.96
"""Standard deviations on either side of 95 % of a normal distribution; a run has one window, so there is no
spread of windows to learn from."""
_LOG = Unavailable(
    "a lab instrument's log is aligned with the energy pass only", "read an online meter: --meter NAME"
)


@dataclass(frozen=True)
class QueryEnergy:
    """Joules of a query and of a sample, gross. Offline's one query holds all of its samples."""

    meter: str
    scope: str
    is_estimate: bool
    power_w: Estimate
    energy_per_query_j: Estimate
    energy_per_sample_j: Estimate
    reads: int
    failed_reads: int
    coverage: float


@contextmanager
def sampled(plan: Plan) -> Iterator[Sampler | Unavailable]:
    """The plan's meter, sampled while this is open; or why it is not."""
    asked = plan.energy
    if isinstance(asked, Unavailable):
        yield asked
    elif asked.meter is not None and asked.meter.startswith(OF_A_LOG):
        yield _LOG
    else:
        from edgeai.power.sampler import Sampler

        with opened_meter(plan, asked.meter) as meter:
            if isinstance(meter, Unavailable):
                yield meter
                return
            with Sampler(meter) as sampler:
                yield sampler


def query_energy(trace: Trace, measured: ScenarioMeasured) -> QueryEnergy | Unavailable:
    """What the run took, between the looks at the machine just before and just after its queries."""
    from edgeai.power import Span
    from edgeai.power.integrate import joules

    span = Span(measured.before.time_s, measured.after.time_s)
    found = joules(trace, span)
    if isinstance(found, Unavailable):
        return found
    if found.updates == 0 or found.energy_j <= 0:
        return Unavailable(
            "stale: the sensor's value never changed while queries ran", "look at it with `edgeai power`"
        )
    loop, half_w = measured.loop, _NORMAL_95 * found.sigma_j / span.duration_s
    power_w = Estimate(found.power_w, max(found.power_w - half_w, 0.0), found.power_w + half_w)
    return QueryEnergy(
        meter=trace.meter.name,
        scope=trace.meter.scope,
        is_estimate=trace.meter.is_estimate,
        power_w=power_w,
        energy_per_query_j=_times(power_w, loop.duration_s / loop.queries),
        energy_per_sample_j=_times(power_w, loop.duration_s / loop.samples),
        reads=len(trace.times_s),
        failed_reads=len(trace.failed_s),
        coverage=found.coverage,
    )


def _times(estimate: Estimate, factor: float) -> Estimate:
    assert estimate.low is not None
    assert estimate.high is not None
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)
