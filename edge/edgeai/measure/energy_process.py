"""A measuring process that idles and runs as it is told while another process reads the power sensor.

Orders come as lines on standard input: `idle SECONDS`, `run SECONDS`, `marker`, then `end`. Several may be
written ahead, and follow each other without a pause. The sensor is read elsewhere, so that its cost is seen
as it would be by an application: in another process, on the same cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING

import numpy as np

from .conditions import Change, Conditions, change_between, read_conditions, read_throttling
from .recorder import Recorder
from .timing import SECOND, warm_up

if TYPE_CHECKING:
    from .phases import Say
    from .protocol import Request
    from .worker import Ready

_KEPT = 4_000
"""Latencies of a stretch that its median is taken of."""
_ALIVE_NS = SECOND
"""How often a long stretch says that it lives: a wake-up a second costs an idle machine next to nothing."""


@dataclass(frozen=True)
class Stretch:
    """Calls back to back. begin_s, end_s: `time.monotonic()`. median_s: of a call; of an idle stretch 0 runs
    and None."""

    begin_s: float
    end_s: float
    runs: int
    median_s: float | None


@dataclass(frozen=True)
class EnergyRan:
    """What the process reports at its end; see `protocol.Measured` for the fields."""

    warm_up_runs: int
    converged: bool
    before: Conditions
    after: Conditions
    change: Change
    output_error: str | None
    provider: str | None


def take_orders(ready: Ready, request: Request, say: Say, orders: IO[bytes]) -> EnergyRan:
    """Load, warm up, then do what is ordered until the end is, or until the launcher hangs up."""
    session, _, output_error = ready.load()
    call = ready.subject.start()
    recorder = Recorder(_KEPT)
    say("phase", name="warm-up")
    warm = warm_up(call, request.warm_up, on_progress=ready.alive)
    say("phase", name="energy")
    before = read_conditions(ready.root)
    seen: list[tuple[str, ...]] = []

    def alive() -> None:
        say("alive")

    say("warm")
    for order in orders:
        name, _, seconds = order.decode().strip().partition(" ")
        if name == "idle":
            say("stretch", **asdict(idle_stretch(float(seconds), alive)))
        elif name == "run":
            say("stretch", **asdict(run_stretch(call, float(seconds), recorder, alive)))
        elif name == "marker":
            from ..power.marker import emit_marker

            say("alive")
            say("marker", pulses=[asdict(span) for span in emit_marker(call)])
        else:
            break
        now = read_throttling(ready.root).now
        if now and now not in seen:
            seen.append(now)
    after = read_conditions(ready.root)
    return EnergyRan(
        warm_up_runs=warm.runs,
        converged=warm.converged,
        before=before,
        after=after,
        change=change_between(before, after, seen=seen),
        output_error=output_error or ready.subject.last_error(),
        provider=session.provider,
    )


def run_stretch(
    call: Callable[[], object],
    seconds: float,
    recorder: Recorder,
    alive: Callable[[], object] = lambda: None,
    *,
    clock: Callable[[], int] = time.monotonic_ns,
) -> Stretch:
    """Calls in a row for so long, one at least; the last may end later."""
    recorder.clear()
    begin = now = told = clock()
    while not recorder.runs or now - begin < seconds * SECOND:
        if now - told >= _ALIVE_NS:
            alive()
            told = now = clock()
        before = now
        call()
        now = clock()
        recorder.add(now - before)
    median_s = float(np.median(recorder.samples_ns)) / SECOND
    return Stretch(begin / SECOND, now / SECOND, recorder.runs, median_s)


def idle_stretch(
    seconds: float,
    alive: Callable[[], object] = lambda: None,
    *,
    clock: Callable[[], int] = time.monotonic_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> Stretch:
    """Sleep for so long, the model loaded."""
    begin = now = clock()
    while now - begin < seconds * SECOND:
        sleep(min(seconds - (now - begin) / SECOND, _ALIVE_NS / SECOND))
        alive()
        now = clock()
    return Stretch(begin / SECOND, now / SECOND, 0, None)
