"""The energy of inferences: one process idles and runs as it is told, this one reads the sensor meanwhile.

The order: settle, idle with the model loaded, then stretches of calls that are in turn not sampled and
sampled, then idle again. The windows lie inside the sampled stretches, with calls before and after them, so
that a sensor that lags or averages shows the load only. The stretches without sampling tell what reading the
sensor costs the calls: each window is held against its two neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from ..power.integrate import joules, update_period
from ..power.meter import COUNTER_J
from ..power.sampler import Sampler
from ..power.trace import Span, Trace
from ..quantities import time_text
from ..unavailable import Unavailable
from ..wire import build
from .energy import Energy, LoadWindow
from .energy_of import energy_of
from .energy_process import EnergyRan, Stretch
from .launch import DEFAULT_SILENCE_S, Conversation, talking_to
from .statistics import Estimate, compare

if TYPE_CHECKING:
    from ..power import Meter
    from .protocol import Request

OnProgress = Callable[[float, str], None]
"""Share of the pass that is done, and what it is at."""


@dataclass(frozen=True)
class EnergyRule:
    """How long each part takes; defaults are those of the method (see benchmarks/README.md).

    windows: how many; each of at least `window_s`, `updates` changes of the sensor's values and `runs` calls,
    but not above `longest_s` for the sake of a slow sensor. The idle stretches are as long as a window, calls
    aside. apart_s: a stretch of calls without sampling. settle_s: left out before and after what counts.
    """

    windows: int = 5
    window_s: float = 10.0
    updates: int = 100
    runs: int = 10
    longest_s: float = 120.0
    apart_s: float = 1.0
    settle_s: float = 0.5


QUICK_ENERGY = EnergyRule(
    windows=3, window_s=2.0, updates=20, runs=5, longest_s=20.0, apart_s=0.5, settle_s=0.3
)
"""A first look, marked as such."""


@dataclass(frozen=True)
class EnergyMeasured:
    """What the pass gave. ran: what the process said of itself; its wrong outputs spoil the energy too."""

    energy: Energy | Unavailable
    ran: EnergyRan


@dataclass(frozen=True)
class Course:
    """When what happened. windows: stretches that were sampled. apart: those that were not; one before each
    window and one after the last."""

    idle_before: Stretch
    windows: tuple[Stretch, ...]
    apart: tuple[Stretch, ...]
    idle_after: Stretch


def run_energy_pass(
    request: Request,
    meter: Meter,
    rule: EnergyRule,
    *,
    on_progress: OnProgress = lambda share, what: None,
    silence_s: float = DEFAULT_SILENCE_S,
) -> EnergyMeasured:
    """Measure in a process of its own. The caller opens the meter and closes it.

    Raises as `launch.run_worker`.
    """
    on_progress(0.0, "energy")
    with talking_to(
        replace(request, probe=False, energy=True), on_event=lambda event: None, silence_s=silence_s
    ) as worker:
        worker.wait_for("warm")
        with Sampler(meter) as sampler:
            try:
                course = run_course(
                    worker,
                    rule,
                    update_s=lambda: _update_s(meter, sampler),
                    pause=sampler.pause,
                    resume=sampler.resume,
                    after_idle=lambda span: _check(sampler.trace(), span),
                    on_progress=on_progress,
                )
            except _Useless as error:
                return EnergyMeasured(error.why, ended(worker))
            trace = sampler.trace()
        ran = ended(worker)
    energy = energy_of(
        trace,
        span_of(course.idle_before),
        loads_of(course),
        span_of(course.idle_after),
        slowdown=slowdown(course),
    )
    on_progress(1.0, "energy")
    return EnergyMeasured(energy, ran)


def run_course(
    worker: Conversation,
    rule: EnergyRule,
    *,
    update_s: Callable[[], float],
    pause: Callable[[], object] = lambda: None,
    resume: Callable[[], object] = lambda: None,
    after_idle: Callable[[Span], object] = lambda span: None,
    on_progress: OnProgress = lambda share, what: None,
) -> Course:
    """Tell a warm worker what to do. update_s: how often the sensor changes, as far as is known by then.

    pause, resume: of the sampling; it is on when this is called, and when it is done. after_idle: gets the
    first idle stretch before anything runs, and may raise.
    """
    parts = 2 * rule.windows + 3

    def tell(done: int, what: str) -> None:
        on_progress(done / parts, f"energy, {what}")

    tell(0, "idle")
    settle_s, idle_s = _settle_s(rule, update_s()), _least_s(rule, update_s())
    idle_before = _in_a_row(worker, ("idle", settle_s), ("idle", idle_s), ("idle", settle_s))[1]
    after_idle(span_of(idle_before))
    settle_s, least_s = _settle_s(rule, update_s()), _least_s(rule, update_s())  # it has been seen by now
    pause()
    tell(1, "calls without sampling")
    apart, windows = [*_in_a_row(worker, ("run", rule.apart_s))], []
    for number in range(rule.windows):
        call_s = apart[-1].median_s or 0.0
        tell(2 + 2 * number, f"window {number + 1} of {rule.windows}")
        resume()
        window_s = max(least_s, rule.runs * call_s)
        windows.append(_in_a_row(worker, ("run", settle_s), ("run", window_s), ("run", settle_s))[1])
        pause()
        tell(3 + 2 * number, "calls without sampling")
        apart += _in_a_row(worker, ("run", max(rule.apart_s, rule.runs * call_s)))
    tell(parts - 1, "idle")
    resume()
    idle_after = _in_a_row(worker, ("idle", settle_s), ("idle", idle_s), ("idle", settle_s))[1]
    return Course(idle_before, tuple(windows), tuple(apart), idle_after)


def slowdown(course: Course) -> Estimate | None:
    """Time of a call with sampling over without: each window against the stretches beside it, so that slow
    drift cancels; Student's t over windows. None with fewer than two."""
    sampled = [window.median_s or 0.0 for window in course.windows]
    medians = [stretch.median_s or 0.0 for stretch in course.apart]
    plain = [math.sqrt(before * after) for before, after in pairwise(medians)]
    if len(sampled) < 2 or min(*sampled, *plain) <= 0:
        return None
    found = compare(plain, sampled, paired=True)
    return Estimate(found.ratio, found.low, found.high)


def loads_of(course: Course) -> list[LoadWindow]:
    """The windows as the integration wants them."""
    return [LoadWindow(each.begin_s, each.end_s, each.runs) for each in course.windows]


def span_of(stretch: Stretch) -> Span:
    """When it was."""
    return Span(stretch.begin_s, stretch.end_s)


def ended(worker: Conversation) -> EnergyRan:
    """Send the worker home."""
    worker.say("end")
    found: EnergyRan = build(EnergyRan, worker.wait_for("result")["result"])
    return found


def _in_a_row(worker: Conversation, *orders: tuple[str, float]) -> list[Stretch]:
    """Ordered ahead of time, so that the worker has no pause between them."""
    for name, seconds in orders:
        worker.say(f"{name} {seconds:.3f}")
    found = []
    for _ in orders:
        event = worker.wait_for("stretch")
        found.append(build(Stretch, {key: value for key, value in event.items() if key != "event"}))
    return found


class _Useless(Exception):  # noqa: N818 - caught where it is raised from
    """The sensor cannot give anything: nobody has to wait for the windows."""

    def __init__(self, why: Unavailable) -> None:
        super().__init__(why.unavailable)
        self.why = why


_STILL_UPDATES = 10
"""A counter that has not moved for so many of its updates stands still: idling takes power too."""


def _check(trace: Trace, idle: Span) -> None:
    """Raises _Useless where even the idle stretch shows that the sensor is dead."""
    found = joules(trace, idle)
    if isinstance(found, Unavailable):
        raise _Useless(found)
    update_s = max(trace.meter.update_s or 0.0, trace.period_s)
    if trace.meter.kind == COUNTER_J and not found.updates and idle.duration_s > _STILL_UPDATES * update_s:
        raise _Useless(
            Unavailable(
                f"stale: the counter did not move in {time_text(idle.duration_s)} of idling",
                "look at it with `edgeai power`",
            )
        )


_LONGEST_SETTLE_S = 10.0
_SETTLED_UPDATES = 3
"""Updates of the sensor that pass before what counts: a value may be an average of what was before it."""


def _settle_s(rule: EnergyRule, update_s: float) -> float:
    return max(rule.settle_s, min(_SETTLED_UPDATES * update_s, _LONGEST_SETTLE_S))


def _least_s(rule: EnergyRule, update_s: float) -> float:
    return max(rule.window_s, min(rule.updates * update_s, rule.longest_s))


def _update_s(meter: Meter, sampler: Sampler) -> float:
    """As published, else as seen so far; where neither is known, two reads stand for an update. Never less
    than the time between reads: what changed in between is not seen.

    What is seen of an idle machine is an upper bound: a coarse sensor repeats itself.
    """
    trace = sampler.trace()
    update_s = meter.info.update_s or update_period(trace) or 2 * trace.period_s
    return max(update_s, trace.period_s)
