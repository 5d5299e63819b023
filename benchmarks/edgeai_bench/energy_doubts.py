"""Doubts about energy, by name and with advice.

They are notes: energy is measured in a pass of its own, and what is weak about it widens its own interval and
says nothing against latency and RAM. Two things spoil more than the joules: wrong outputs in that pass, and a
tree that stands for a machine, whose run is none of this machine at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeai.errors import one_line
from edgeai.measure.energy import Energy
from edgeai.unavailable import Unavailable

from .energy import EnergyOutcome
from .plan import EnergyPlan, Plan
from .report import Doubt

MAX_SLOWDOWN = 0.02
"""Reading the sensor costs an inference more than this: what counts as drift within a process."""
_ADVICE = {
    "few_updates": "take a meter that updates faster, or leave --quick out",
    "low_coverage": "stop other programs that keep the sampler from running, or take another meter",
    "long_gap": "look at the meter's connection with edgeai power, or take another meter",
    "value_stuck": "look at it with edgeai power, or take another meter",
    "idle_drift": "let the machine settle first and stop other programs; gross joules hold regardless",
    "windows_disagree": "stop other programs, fix the clock (governor performance)",
    "windows_drift": "let the machine get warm first, such as with --soak; look at clock and temperature",
    "not_above_idle": "take a meter that sees what runs the model; read gross joules only",
}
_USUALLY = "read the interval, which holds it; another meter may do better"
"""To a doubt that is new."""


def about_tree(plan: Plan) -> Iterator[Doubt]:
    """A played tree must never pass for a measurement."""
    if plan.tree is not None:
        yield Doubt(
            "played_tree",
            "invalid",
            f"device, conditions and power were read from the tree {one_line(plan.tree)}, and latency and "
            "RAM are of this machine: together they are of no machine",
            "leave --root out to measure this machine",
        )


def about_energy(outcome: EnergyOutcome, plan: Plan) -> Iterator[Doubt]:
    """What speaks against the joules, or says why there are none although a meter was found."""
    if outcome.ran is not None:
        yield from _about_process(outcome)
    energy = outcome.energy
    if isinstance(energy, Unavailable):
        if isinstance(plan.energy, EnergyPlan):
            yield Doubt("energy_unavailable", "note", f"no energy: {energy.unavailable}", energy.advice)
        return
    for name, sentence in energy.doubts.items():
        yield Doubt(f"energy_{name}", "note", sentence, _ADVICE.get(name, _USUALLY))
    yield from _about_sampling(energy)
    if energy.is_estimate:
        yield Doubt(
            "energy_estimated",
            "note",
            f"no sensor measured the energy: it is an estimate, {energy.method}",
            "measure with an external meter, or fit this unit's watts with edgeai calibrate",
        )
    if plan.quick:
        yield Doubt(
            "energy_quick",
            "note",
            f"a first look at energy: {len(energy.windows)} windows of "
            f"{min(each.end_s - each.begin_s for each in energy.windows):.3g} s",
            "leave --quick out for figures to publish: at least 5 windows of 10 s",
        )


def _about_sampling(energy: Energy) -> Iterator[Doubt]:
    slowdown = energy.sampling.slowdown
    if slowdown is None or slowdown.low is None or slowdown.low <= 1:
        return
    if slowdown.value > 1 + MAX_SLOWDOWN:
        yield Doubt(
            "energy_sampling_slows",
            "note",
            f"reading the sensor makes an inference {slowdown.value - 1:.1%} slower "
            f"[{slowdown.low - 1:.1%}, {(slowdown.high or slowdown.value) - 1:.1%}]: the joules hold that "
            "too",
            "take a meter that is cheaper to read, or leave a core free with --threads",
        )


def _about_process(outcome: EnergyOutcome) -> Iterator[Doubt]:
    ran = outcome.ran
    assert ran is not None
    if ran.output_error is not None:
        yield Doubt(
            "energy_wrong_output",
            "invalid",
            f"the process of the energy pass gave other outputs for the same inputs: {ran.output_error}",
            "the backend computes unreliably here, or the model is random on purpose; try another backend",
        )
    if ran.change.throttle_events:
        named = ", ".join(f"{name} ({count})" for name, count in ran.change.throttle_events.items())
        yield Doubt(
            "energy_throttled",
            "note",
            f"the board was throttled while its energy was measured: {named}",
            "cool it, give it a stronger supply, or a lower power mode; then measure again",
        )
    if not ran.converged:
        yield Doubt(
            "energy_unconverged",
            "note",
            "energy was measured before the warm-up had settled",
            "give the warm-up more time with --warm-up; stop other programs",
        )
