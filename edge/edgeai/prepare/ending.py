"""The end of a search: which way is taken, proven by a duel, and whether it keeps its pace when hot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import EdgeError, NothingFits, one_line
from ..measure.launch import DEFAULT_SILENCE_S
from ..quantities import bytes_text, time_text
from .deciding import LEAST_PAIRS
from .duel import Duel, duel
from .energy import EnergyDuel, energy_duel, opened_meter
from .found import Outcome
from .looks import Looks
from .score import EQUAL, excess, over_limits, second_score
from .soaking import KEPT, Soaked, falls_behind, soaked
from .trial import Lost

if TYPE_CHECKING:
    from ..measure.protocol import Request
    from ..power import Meter

_MOST_CHALLENGERS = 3
_OVERTIME = 1.25
"""Times the budget: a first duel may take so long, for a search without one finds nothing."""
_ENERGY_SHARE = 0.25
"""Of the budget, without which another duel under the eyes of a meter is not begun."""


@dataclass(frozen=True)
class Ending:
    """What is taken, and why. duel, energy: the last one; None where there was none."""

    chosen: Outcome
    why: str
    duel: Duel | None = None
    energy: EnergyDuel | None = None
    soaked: Soaked | None = None


def end(looks: Looks, holder: Outcome) -> Ending:
    """Decide. holder: who is challenged: raw, or what was prepared earlier.

    Raises NothingFits, MeterMissing.
    """
    looks.stage = "duel"
    if over_limits(looks.raw.known, looks.settings):
        return _within_limits(looks)
    if looks.settings.objective == "energy":
        return _by_energy(looks, holder)
    return _by_duel(looks, holder)


Soak = Callable[["Request", float], float]
"""Runs so many seconds, and gives the share of its pace that was kept."""


def soak_winner(looks: Looks, ending: Ending, soak: Soak = soaked) -> Ending:
    """Let the winner run hot, and take the next best or raw where it alone falls behind.

    Where raw is beyond the limits the winner stays in any case, and that it fell behind is said.
    """
    seconds = looks.settings.soak_s
    if seconds is None or ending.chosen is looks.raw:
        return ending
    looks.stage = "soak"
    failed: list[str] = []
    raw_kept: float | None = None
    rest = [each for each in looks.challengers(looks.ordered()) if each is not ending.chosen]
    for each in [ending.chosen, *rest[:1]]:
        looks.tell(each.way.label)
        try:
            kept = soak(looks.request_of(each), seconds)
        except EdgeError as error:
            each.lose(one_line(error))
            failed.append(each.way.label)
            continue
        if kept < KEPT and raw_kept is None:
            looks.tell("raw")
            raw_kept = soak(looks.request, seconds)
        if raw_kept is None or not falls_behind(kept, raw_kept):
            why = ending.why if each is ending.chosen else f"the next best, as {failed[0]} lost its pace"
            why = f"{why}; it kept {kept:.3f} of its pace over {time_text(seconds)}"
            return replace(
                ending, chosen=each, why=why, soaked=Soaked(seconds, kept, raw_kept, tuple(failed))
            )
        each.left = f"kept {kept:.3f} of its pace over {time_text(seconds)}, raw {raw_kept:.3f}"
        failed.append(each.way.label)
    lost_pace = f"{' and '.join(failed)} did not keep the pace over {time_text(seconds)}"
    if over_limits(looks.raw.known, looks.settings) and not ending.chosen.lost:
        why = f"{ending.why}; {lost_pace}"
        return replace(ending, why=why, soaked=Soaked(seconds, None, raw_kept, tuple(failed)))
    why = f"raw is best: {lost_pace}"
    return replace(
        ending, chosen=looks.raw, why=why, soaked=Soaked(seconds, raw_kept, raw_kept, tuple(failed))
    )


def _by_duel(looks: Looks, holder: Outcome) -> Ending:
    last: Duel | None = None
    reason = "raw is best: no other way looked better"
    for challenger in looks.challengers(looks.ordered(), than=holder)[:_MOST_CHALLENGERS]:
        until = _OVERTIME if last is None else 1.0
        if not looks.budget.fits(LEAST_PAIRS * looks.budget.pair_s, until):
            challenger.left = "looks better, and the budget was too short for a proof"
            if last is None:
                reason = f"raw is best as far as is proven: {challenger.way.label} {challenger.left}"
            break
        try:
            last = _fight(looks, holder, challenger, margin=0.0 if holder is looks.raw else EQUAL)
        except Lost as error:
            challenger.lose(str(error))
            continue
        if last.decision.take:
            return Ending(challenger, last.decision.why, last)
        challenger.left = last.decision.why
        reason = f"raw is best: {challenger.way.label} is {last.decision.why}"
    if holder is looks.raw:
        return Ending(holder, reason, last)
    return _keep_earlier(looks, holder)


def _keep_earlier(looks: Looks, holder: Outcome) -> Ending:
    """What was prepared earlier stays, unless raw is proven better by more than 3 %."""
    try:
        found = _fight(looks, looks.raw, holder, margin=0.0)
    except Lost as error:
        holder.lose(str(error))
        return Ending(looks.raw, f"raw is best: what was prepared earlier is lost ({error})")
    if found.found is None or found.found.low <= 1 + EQUAL or found.pairs < LEAST_PAIRS:
        why = f"as it was prepared earlier, no other being proven 3 % better; {found.decision.why}"
        return Ending(holder, why, found)
    holder.left = found.decision.why
    return Ending(looks.raw, f"raw is best: what was prepared earlier is {found.decision.why}", found)


def _fight(looks: Looks, a: Outcome, b: Outcome, *, margin: float) -> Duel:
    """Raises Lost."""
    began_s = time.monotonic()

    def goes_on(pairs: int) -> bool:
        budget = looks.budget
        budget.pair_took((time.monotonic() - began_s) / pairs)
        left = LEAST_PAIRS - pairs
        # Once begun it is brought to a proof, if that takes a little longer.
        return budget.fits(budget.pair_s) or (left > 0 and budget.fits(left * budget.pair_s, _OVERTIME))

    found = duel(
        looks.request_of(a),
        looks.request_of(b),
        max(a.way.choice.threads, b.way.choice.threads),
        looks.settings.objective,
        margin=margin,
        goes_on=goes_on,
        silence_s=2 * looks.silence_s,
        on_pair=lambda number: looks.tell(f"{b.way.label}, pair {number + 1}"),
    )
    return replace(found, against_raw=a is looks.raw)


def _by_energy(looks: Looks, holder: Outcome) -> Ending:
    last: EnergyDuel | None = None
    reason = "no other way took less CPU time"
    with opened_meter(looks.settings.meter) as meter:
        for challenger in looks.challengers(looks.ordered(), than=holder)[:_MOST_CHALLENGERS]:
            if last is not None and not looks.budget.fits(_ENERGY_SHARE * looks.budget.seconds):
                break
            try:
                last = _fight_for_joules(looks, holder, challenger, meter)
            except Lost as error:
                challenger.lose(str(error))
                continue
            if last.decision.take:
                return Ending(challenger, f"{last.decision.why} in joules of {last.scope}", energy=last)
            challenger.left = f"{last.decision.why} in joules"
            reason = f"{challenger.way.label} is {challenger.left}"
    who = "raw is best" if holder is looks.raw else "as it was prepared earlier"
    return Ending(holder, f"{who}: {reason}", energy=last)


def _fight_for_joules(looks: Looks, a: Outcome, b: Outcome, meter: Meter) -> EnergyDuel:
    """Raises Lost, MeterMissing."""
    began_s = time.monotonic()
    return energy_duel(
        meter,
        looks.request_of(a),
        looks.request_of(b),
        smaller=second_score("energy", b.known, a.known),
        margin=0.0 if a is looks.raw else EQUAL,
        goes_on=lambda rounds: looks.budget.fits((time.monotonic() - began_s) / rounds),
        silence_s=DEFAULT_SILENCE_S,
        on_round=lambda number: looks.tell(f"{b.way.label}, joules {number + 1}"),
    )


def _within_limits(looks: Looks) -> Ending:
    """Raw itself is beyond the limits: the best that is not. Raises NothingFits."""
    looks.raw.left = over_limits(looks.raw.known, looks.settings) or ""
    within = looks.ordered()
    if within:
        return Ending(within[0], f"the best within the limits; raw {looks.raw.left}")
    alive = [each for each in looks.outcomes.values() if each.figures is not None]
    nearest = min(alive, key=lambda each: excess(each.known, looks.settings))
    peak = nearest.known.peak_bytes
    ram = "unknown RAM" if peak is None else bytes_text(peak)
    raise NothingFits(
        f"{one_line(looks.request.model.model)}: no way keeps to the limits; the nearest is "
        f"{nearest.way.label}, with {time_text(nearest.known.latency_s)} and {ram}; allow more, or choose a "
        "smaller model"
    )
