"""The end of a search for the least energy: both ways in turn under the eyes of a power meter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..device import detect
from ..errors import EdgeError, MeterMissing, one_line
from ..measure.energy_pass import EnergyRule, run_energy_pass
from ..measure.protocol import Request
from ..measure.statistics import Comparison, compare
from ..power import Meter, Site, find_meter
from ..sysroot import SysRoot
from ..unavailable import Unavailable
from .deciding import LEAST_PAIRS, Decision, decide
from .trial import Lost

RULE = EnergyRule(windows=2, window_s=1.5, updates=10, runs=5, longest_s=20.0, apart_s=0.3, settle_s=0.3)
"""Two windows of a look: pairs of looks are the units, so more of them tell more than longer ones."""
MOST_ROUNDS = 9


@dataclass(frozen=True)
class EnergyDuel:
    """a_j, b_j: joules of an inference, gross, of each look; look i of both came one after the other."""

    decision: Decision
    found: Comparison | None
    meter: str
    scope: str
    a_j: tuple[float, ...]
    b_j: tuple[float, ...]


@contextmanager
def opened_meter(name: str | None) -> Iterator[Meter]:
    """The meter of that name, or the most trusted one; closed afterwards. Raises MeterMissing, UsageError."""
    found = find_meter(Site(SysRoot(), detect()), name)
    if isinstance(found, Unavailable):
        raise MeterMissing(f"the objective energy needs a power meter: {found.unavailable}; {found.advice}")
    try:
        yield found
    finally:
        found.close()


def energy_duel(
    meter: Meter,
    a: Request,
    b: Request,
    *,
    smaller: float,
    margin: float,
    goes_on: Callable[[int], bool],
    silence_s: float,
    on_round: Callable[[int], object] = lambda number: None,
) -> EnergyDuel:
    """Joules of B against those of A, until it is decided or `goes_on` says no.

    Raises Lost where outputs are wrong, and MeterMissing where the meter gives nothing.
    """
    joules: tuple[list[float], list[float]] = ([], [])
    while True:
        number = len(joules[0])
        on_round(number)
        order = ((0, a), (1, b)) if number % 2 == 0 else ((1, b), (0, a))
        for side, request in order:
            joules[side].append(_look(meter, request, silence_s))
        found = compare(*joules, paired=True) if len(joules[0]) > 1 else None
        decision = decide(found, len(joules[0]), smaller=smaller, may_be_equal=True, margin=margin)
        enough = len(joules[0]) >= LEAST_PAIRS and decision.final
        if enough or len(joules[0]) >= MOST_ROUNDS or not goes_on(len(joules[0])):
            info = meter.info
            return EnergyDuel(decision, found, info.name, info.scope, tuple(joules[0]), tuple(joules[1]))


def _look(meter: Meter, request: Request, silence_s: float) -> float:
    try:
        measured = run_energy_pass(request, meter, RULE, silence_s=silence_s)
    except EdgeError as error:
        raise Lost(one_line(error, 400)) from error
    if measured.ran.output_error is not None:
        raise Lost(f"its outputs are not raw's: {measured.ran.output_error}")
    if isinstance(measured.energy, Unavailable):
        raise MeterMissing(
            f"the meter {meter.info.name} gives no energy: {measured.energy.unavailable}; "
            f"{measured.energy.advice}"
        )
    return max(measured.energy.gross_j.value, 1e-12)
