"""Measures the energy of one run of the bench: opens the meter, runs the pass, and gives what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeai.device import detect
from edgeai.measure.energy_pass import EnergyMeasured, EnergyRule, run_energy_pass
from edgeai.power import Site, find_meter
from edgeai.sysroot import SysRoot
from edgeai.unavailable import Unavailable

from .plan import Plan

if TYPE_CHECKING:
    from edgeai.device import Device
    from edgeai.measure.energy import Energy
    from edgeai.measure.energy_process import EnergyRan
    from edgeai.measure.protocol import Request
    from edgeai.power import Meter

OF_A_LOG = "csv="
"""What `--meter` begins with where an instrument writes the log, which exists only afterwards."""


@dataclass(frozen=True)
class EnergyOutcome:
    """Energy, or why there is none. ran: what the process said; None where none ran."""

    energy: Energy | Unavailable
    ran: EnergyRan | None = None


@contextmanager
def opened_meter(plan: Plan, name: str | None) -> Iterator[Meter | Unavailable]:
    """The meter of that name, or the most trusted, closed afterwards. Raises UsageError."""
    found = find_meter(Site(root_of(plan), device_of(plan)), name)
    try:
        yield found
    finally:
        if not isinstance(found, Unavailable):
            found.close()


def root_of(plan: Plan) -> SysRoot:
    """What facts of the machine are read from."""
    return SysRoot() if plan.tree is None else SysRoot(Path(plan.tree))


def device_of(plan: Plan) -> Device:
    """The machine that figures are told of."""
    return detect() if plan.tree is None else detect(root_of(plan))


def run_energy(request: Request, plan: Plan, on_progress: Callable[[float, str], None]) -> EnergyOutcome:
    """Measure as the plan says. on_progress: gets the share of the pass that is done.

    Raises as `edgeai.measure.launch.run_worker`.
    """
    asked = plan.energy
    if isinstance(asked, Unavailable):
        return EnergyOutcome(asked)
    if asked.meter is not None and asked.meter.startswith(OF_A_LOG):
        from .energy_log import run_with_log

        found = run_with_log(request, Path(asked.meter.removeprefix(OF_A_LOG)), asked.rule, plan, on_progress)
        return EnergyOutcome(found.energy, found.ran)
    with opened_meter(plan, asked.meter) as meter:
        if isinstance(meter, Unavailable):
            return EnergyOutcome(meter)
        measured: EnergyMeasured = run_energy_pass(
            request, meter, asked.rule, on_progress=on_progress, silence_s=plan.silence_s
        )
    return EnergyOutcome(measured.energy, measured.ran)


def energy_s(plan: Plan) -> float:
    """What the pass takes, roughly: for the bar only."""
    if isinstance(plan.energy, Unavailable):
        return 0.0
    rule: EnergyRule = plan.energy.rule
    each_s = rule.window_s + rule.apart_s + 2 * rule.settle_s
    return 2 * rule.window_s + rule.windows * each_s
