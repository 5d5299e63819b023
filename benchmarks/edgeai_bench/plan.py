"""How to measure: the defaults are those of the method, see benchmarks/README.md."""

from __future__ import annotations

from dataclasses import dataclass

from edgeai.measure.energy_pass import EnergyRule
from edgeai.measure.launch import DEFAULT_SILENCE_S
from edgeai.measure.scenarios import Scenario
from edgeai.measure.timing import QUICK_STOP, QUICK_WARM_UP, StopRule, WarmUpRule
from edgeai.unavailable import Unavailable

ENERGY_NOT_ASKED = Unavailable("it was not asked for", "measure with --energy auto, which is the default")


@dataclass(frozen=True)
class EnergyPlan:
    """That energy is measured. meter: as `edgeai.power.find_meter` takes it; None for the most trusted."""

    meter: str | None = None
    rule: EnergyRule = EnergyRule()


@dataclass(frozen=True)
class Plan:
    """How to measure: the defaults are those of the method, see benchmarks/README.md.

    scenario: also run this one of MLPerf. soak_s: also call back to back for so long.
    profile: also find out what each operator takes. energy: how to measure it, or why it is not.
    tree: folder that stands for another machine: conditions, device and power are read from it.
    """

    processes: int = 5
    warm_up: WarmUpRule = WarmUpRule()
    stop: StopRule = StopRule()
    quick: bool = False
    rate_hz: float | None = None
    paced_s: float = 10.0
    stream_s: float = 5.0
    cold: bool = False
    silence_s: float = DEFAULT_SILENCE_S
    scenario: Scenario | None = None
    soak_s: float | None = None
    profile: bool = False
    energy: EnergyPlan | Unavailable = ENERGY_NOT_ASKED
    tree: str | None = None


QUICK = Plan(processes=2, warm_up=QUICK_WARM_UP, stop=QUICK_STOP, quick=True, paced_s=2.0, stream_s=2.0)
"""A first look, marked as such."""
