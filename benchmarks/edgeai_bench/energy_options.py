"""How `edgeai bench` is asked for energy: options, and whether something here measures it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edgeai.cli.options import complete_meters
from edgeai.errors import MeterMissing, UsageError, one_line
from edgeai.measure.energy_pass import QUICK_ENERGY, EnergyRule
from edgeai.unavailable import Unavailable

from .energy import OF_A_LOG, opened_meter
from .plan import EnergyPlan, Plan
from .report import Report

Function = TypeVar("Function", bound=Callable[..., Any])
AUTO, REQUIRE, OFF = "auto", "require", "off"
ESTIMATE = "estimate"
"""The line of the table of meters that measures nothing."""


@dataclass(frozen=True)
class EnergyAsked:
    """What was asked for. meter: `NAME` or `NAME=ADDRESS`. root: a tree that stands for another machine."""

    mode: str = AUTO
    meter: str | None = None
    root: Path | None = None

    @property
    def wants_estimates(self) -> bool:
        """Whether an estimate was asked for by its name: limits judge it only then."""
        return self.meter == ESTIMATE

    def refuse_comparing(self) -> None:
        """Raises UsageError for what a comparison does not do."""
        given = {"--energy require": self.mode == REQUIRE, "--meter": self.meter, "--root": self.root}
        told = [name for name, value in given.items() if value]
        if told:
            raise UsageError(
                f"a comparison holds latency and RAM against each other and measures no energy; leave "
                f"{' and '.join(told)} out, and bench each model by itself for its joules"
            )

    def refuse_keeping(self, results: Path | None) -> None:
        """Raises UsageError where figures of a tree would be kept as those of a machine."""
        if self.root is not None and results is not None:
            raise UsageError("--results keeps figures of machines, and --root is none; leave one of them out")

    def planned(self, plan: Plan) -> Plan:
        """The plan with energy in it, or why there is none.

        Raises MeterMissing where energy is required, or a meter was named, and nothing measures it:
        before anything is measured for minutes.
        """
        plan = replace(plan, tree=None if self.root is None else str(self.root))
        if self.mode == OFF:
            return plan
        found = self._found(plan)
        rule = QUICK_ENERGY if plan.quick else EnergyRule()
        return replace(plan, energy=found or EnergyPlan(self.meter, rule))

    def is_missing(self, reports: Sequence[Report]) -> bool:
        """Whether energy was required, and a run came out without."""
        return self.mode == REQUIRE and any(isinstance(each.energy, Unavailable) for each in reports)

    def _found(self, plan: Plan) -> Unavailable | None:
        """Why nothing measures; None where something does."""
        if self.meter is not None and self.meter.startswith(OF_A_LOG):
            log = Path(self.meter.removeprefix(OF_A_LOG))
            if not log.parent.is_dir():
                raise UsageError(f"--meter {one_line(self.meter)}: there is no folder {one_line(log.parent)}")
            if log.exists() and not log.is_file():
                raise UsageError(f"--meter {one_line(self.meter)} is no file; give one, as csv=log.csv")
            return None  # there is nothing else to look at before the run is over
        with opened_meter(plan, self.meter) as meter:
            if isinstance(meter, Unavailable):
                if self.mode == REQUIRE or self.meter is not None:
                    asked = "--energy require" if self.meter is None else f"--meter {one_line(self.meter)}"
                    raise MeterMissing(f"{asked}: {meter.unavailable}; {meter.advice}")
                return meter
            if self.mode == REQUIRE and meter.info.is_estimate and not self.wants_estimates:
                raise MeterMissing(
                    "--energy require: nothing measures here, there is only an estimate from a model of the "
                    f"board; accept it with --meter {ESTIMATE}, or measure with an external meter"
                )
        return None


def energy_options(command: Function) -> Function:
    """Add `--energy`, `--meter` and `--root` as one argument `energy`, an `EnergyAsked`."""

    @functools.wraps(command)
    def with_asked(*args: Any, energy_mode: str, meter: str | None, root: Path | None, **options: Any) -> Any:
        if energy_mode == OFF and meter is not None:
            raise UsageError("--meter chooses what measures energy, and --energy off measures none")
        return command(*args, energy=EnergyAsked(energy_mode, meter, root), **options)

    shown: Any = with_asked
    for option in reversed(_OPTIONS):
        shown = option(shown)
    return cast(Function, shown)


_OPTIONS = (
    click.option(
        "--energy",
        "energy_mode",
        type=click.Choice((AUTO, REQUIRE, OFF)),
        default=AUTO,
        show_default=True,
        help="Joules of an inference, in a pass of its own: `auto` where something measures them, `require` "
        "or exit code 3 where nothing does (an estimate does not count), `off` not at all.",
    ),
    click.option(
        "--meter",
        metavar="NAME[=ADDRESS]",
        shell_complete=complete_meters,
        help="What measures energy, e.g. --meter rapl or --meter shelly=http://10.0.0.7; csv=FILE reads the "
        "log of a lab instrument afterwards. Default: the most trusted that works here.",
    ),
    click.option(
        "--root",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="TREE",
        help="Read device, conditions and power from a captured tree (proc, sys, etc), for trying out edgeai "
        "itself: the run is INVALID, since it is none of this machine.",
    ),
)
