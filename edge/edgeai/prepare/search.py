"""The search for the best way to run one model on this device: halving, then a duel with raw.

Looks are short at first and longer for those that are left, successive halving after Jamieson and Talwalkar
(2016): a look at each way as long as a part of the budget lasts, from the most promising on; ways near the
best one; a longer look at the better half; and a duel of the best with raw in fresh processes, because the
best of many noisy looks owes some of its lead to luck. Where nothing is proven better, raw stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..device import detect_profile
from ..errors import ModelError, one_line
from ..measure.launch import model_folder
from .asking import raw_request
from .deciding import LEAST_PAIRS
from .ending import end, soak_winner
from .energy import opened_meter
from .found import Event, OnEvent, Outcome, Searched
from .looks import Looks
from .making import Forms
from .score import EQUAL, better_half, pareto
from .space import raw_providers, space_of
from .trial import LONGER, Trials
from .ways import Way, first_ways, neighbours, way_of

if TYPE_CHECKING:
    from ..bundle import Bundle, Model
    from ..prepared.choice import Choice
    from ..variants import Skipped
    from .settings import SearchSettings
    from .ways import Space

_FIRST_LOOKS, _NEAR = 0.45, 0.6
"""Shares of the budget at which first looks end, and looks at neighbours."""
_FOR_DUEL = 0.35
"""Share of the budget that looks leave to the duel at most."""


def search(
    bundle: Bundle,
    path: str | os.PathLike[str],
    model: Model,
    settings: SearchSettings,
    *,
    folder: Path,
    earlier: Choice | None = None,
    on_event: OnEvent = lambda event: None,
) -> Searched:
    """Find the best way for one model of an opened bundle.

    path: as `edgeai.load` takes it. folder: where forms are made; the caller keeps or removes it.
    earlier: what was prepared before by the same objective, which changes only where 3 % are proven.
    Raises EdgeError where the model does not run raw, and NothingFits where no way keeps to the limits.
    """
    with _begun(bundle, path, model, settings, folder, on_event) as (looks, trials, space, skipped):
        holder = _look_at_earlier(looks, trials, space, earlier) or looks.raw
        untried = _first_looks(looks, trials, space)
        _longer_looks(looks, trials)
        trials.close()
        ending = soak_winner(looks, end(looks, holder))
        _explain(looks, ending.chosen)
        found = _searched(bundle, model, looks, ending.chosen, ending.why, skipped)
        return replace(found, untried=untried, duel=ending.duel, energy=ending.energy, soaked=ending.soaked)


def hold_one(
    bundle: Bundle,
    path: str | os.PathLike[str],
    model: Model,
    settings: SearchSettings,
    way: Way,
    *,
    folder: Path,
    on_event: OnEvent = lambda event: None,
) -> Searched:
    """No search: make one way, hold its outputs against raw's, and measure both once.

    Raises EdgeError where raw does not run, and ModelError where the way fails or gives other outputs.
    """
    with _begun(bundle, path, model, settings, folder, on_event) as (looks, trials, _, skipped):
        chosen = looks.outcomes.get(way.key) or looks.look(trials, way)
        if chosen.lost:
            raise ModelError(f"{one_line(path)}: {way.label}: {chosen.left}")
        return _searched(bundle, model, looks, chosen, "as the plan says", skipped)


@contextmanager
def _begun(
    bundle: Bundle,
    path: str | os.PathLike[str],
    model: Model,
    settings: SearchSettings,
    folder: Path,
    on_event: OnEvent,
) -> Iterator[tuple[Looks, Trials, Space, list[Skipped]]]:
    """Raw has run and was looked at, and lives beside what comes."""
    if settings.objective == "energy":
        with opened_meter(settings.meter):
            pass  # a search without a meter would be in vain
    with model_folder() as shared:
        request = raw_request(bundle, path, model, settings, Path(shared))
        looks = Looks(model, settings, request, Forms(folder, model, request), on_event)
        probed = looks.probe()
        space, skipped = space_of(model, settings, probed)
        own = replace(space.bases[0], providers=raw_providers(probed, detect_profile()))
        looks.stage = "looks"
        with Trials(looks.request, probed.threads, looks.silence_s) as trials:
            on_event(Event(looks.stage, "raw", 0.0, looks.budget.left_s))
            looks.add_raw(trials, way_of(own, probed.threads))
            yield looks, trials, space, skipped


def _look_at_earlier(looks: Looks, trials: Trials, space: Space, earlier: Choice | None) -> Outcome | None:
    """What was prepared before, if it can still be had; it is looked at first."""
    if earlier is None:
        return None
    form = None if earlier.form is None else earlier.form.kind
    way = Way(replace(earlier, form=None), form, earlier.tuning)
    known = looks.outcomes.get(way.key)
    if known is None and space.holds(way):
        known = looks.look(trials, way)
    return None if known is None or known.lost or known.left else known


def _first_looks(looks: Looks, trials: Trials, space: Space) -> int:
    """Looks at what promises most, then at neighbours of the best; how many there was no time for."""
    objective = looks.settings.objective
    waiting = first_ways(space, objective)
    while waiting and _fits(looks, _FIRST_LOOKS):
        way = waiting.pop(0)
        if way.key not in looks.outcomes:
            looks.look(trials, way)
    while _fits(looks, _NEAR):
        near = (*neighbours(looks.best().way, space, objective), *waiting)
        fresh = next((way for way in near if way.key not in looks.outcomes), None)
        if fresh is None:
            break
        looks.look(trials, fresh)
    return sum(way.key not in looks.outcomes for way in waiting)


def _longer_looks(looks: Looks, trials: Trials) -> None:
    """At the better half of those that may beat raw."""
    looks.stage = "longer looks"
    for outcome in better_half(looks.challengers(looks.ordered())):
        if not _fits(looks, 1.0):
            return
        looks.look(trials, outcome.way, LONGER)


def _fits(looks: Looks, until: float) -> bool:
    """Whether one more look does, and leaves the duel its pairs, or a third of the budget for them.

    One way is tried in any case.
    """
    if len(looks.outcomes) == 1:
        return True
    budget = looks.budget
    reserve_s = min((LEAST_PAIRS + 1) * budget.pair_s, _FOR_DUEL * budget.seconds)
    return budget.fits(budget.trial_s, until, reserve_s)


def _explain(looks: Looks, chosen: Outcome) -> None:
    """Why not the others, for those that do not say it yet."""
    objective, best = looks.settings.objective, looks.score(chosen)
    for each in looks.outcomes.values():
        if each is chosen:
            each.left = ""
        elif not each.left and each.figures is not None:
            own = looks.score(each)
            each.left = f"{objective} {own:.3f} of raw's"
            if own == float("inf"):
                each.left = "its peak of RAM is above raw's"
            elif own <= best * (1 + EQUAL) and each is not looks.raw:
                each.left += ", not proven better, nor smaller in RAM and load"


def _searched(
    bundle: Bundle, model: Model, looks: Looks, chosen: Outcome, why: str, skipped: list[Skipped]
) -> Searched:
    alive = {each.way.label: each.known for each in looks.outcomes.values() if each.figures is not None}
    return Searched(
        model="" if bundle.is_bare else model.name,
        objective=looks.settings.objective,
        raw=looks.raw,
        chosen=chosen,
        outcomes=tuple(looks.outcomes.values()),
        skipped=tuple(skipped),
        front=tuple(pareto(alive)),
        why=why,
        noise=looks.raw.looks[0].latency_ratio,
        spent_s=looks.budget.spent_s,
        written_bytes=looks.forms.written_bytes,
        inputs={each.name: each.shape for each in looks.probed.inputs},
        open_dimensions=looks.probed.open_dimensions,
    )
