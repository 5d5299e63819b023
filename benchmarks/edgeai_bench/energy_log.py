"""Energy from the log of a lab instrument, `--meter csv=FILE`: the log is there only after the run.

The worker marks the beginning and the end by pulses of load in a known pattern, which are found again in the
log; so its rows come to lie on this machine's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeai.errors import one_line
from edgeai.measure.energy_of import energy_of
from edgeai.measure.energy_pass import EnergyMeasured, EnergyRule, ended, loads_of, run_course, span_of
from edgeai.measure.launch import Conversation, talking_to
from edgeai.power import Span
from edgeai.power.csv_log import LogError, trace_of_log, wait_for
from edgeai.unavailable import Unavailable
from edgeai.wire import build

from .plan import Plan

if TYPE_CHECKING:
    from edgeai.measure.protocol import Request

_WAIT_S = 600.0
"""How long a person gets to stop an instrument and save its log."""


def run_with_log(
    request: Request, log: Path, rule: EnergyRule, plan: Plan, on_progress: Callable[[float, str], None]
) -> EnergyMeasured:
    """As `run_energy_pass`, with the instrument's log instead of a meter. Raises as it."""
    on_progress(0.0, "energy")
    with talking_to(
        replace(request, probe=False, energy=True), on_event=lambda event: None, silence_s=plan.silence_s
    ) as worker:
        worker.wait_for("warm")
        first = _marked(worker)
        course = run_course(worker, rule, update_s=lambda: 0.0, on_progress=on_progress)
        last, marked_s = _marked(worker), time.time()
        ran = ended(worker)
    needed = Span(course.idle_before.begin_s, course.idle_after.end_s)
    on_progress(1.0, "waiting for the log")
    try:
        _wait(log, since_s=marked_s)
        trace = trace_of_log(log, [first, last], needed=needed)
    except LogError as error:
        advice = "start the log before the bench, and save it only after the energy pass"
        return EnergyMeasured(Unavailable(str(error), advice), ran)
    energy = energy_of(
        trace, span_of(course.idle_before), loads_of(course), span_of(course.idle_after), slowdown=None
    )
    return EnergyMeasured(energy, ran)


def _wait(log: Path, since_s: float) -> None:
    """Until a log is there that came after the run, and is whole. Raises LogError.

    By the time at which it came to be here (ctime), which a copy from the instrument's computer sets too.
    """
    until_s = time.monotonic() + _WAIT_S
    if not _is_newer(log, since_s):
        click.echo(
            f"edgeai: stop the instrument's log and save it as {one_line(log)}; waiting for it (Ctrl-C gives "
            "up)",
            err=True,
        )
    while not _is_newer(log, since_s) and time.monotonic() < until_s:
        time.sleep(0.2)
    if not _is_newer(log, since_s):
        raise LogError(f"{one_line(log)}: no log was saved within {_WAIT_S:.0f} s of the run")
    wait_for(log, timeout_s=_WAIT_S)


def _is_newer(log: Path, since_s: float) -> bool:
    try:
        return log.stat().st_ctime >= since_s
    except OSError:
        return False


def _marked(worker: Conversation) -> tuple[Span, ...]:
    """Let the worker give the pattern; when its pulses were."""
    worker.say("marker")
    return tuple(build(Span, pulse) for pulse in worker.wait_for("marker")["pulses"])
