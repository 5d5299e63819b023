"""What was looked at so far, and looks at more: each way in a process of its own, next to raw."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from ..errors import EdgeError, UsageError, WorkerError, one_line
from ..measure.alternate import PairRule
from ..measure.launch import run_probe
from .asking import as_probed
from .budget import Budget
from .found import Event, OnEvent, Outcome
from .score import EQUAL, order, over_limits, score, second_score
from .tolerance import tolerance_between
from .trial import TURNS, Lost, Trials, request_of

if TYPE_CHECKING:
    from ..bundle import Model
    from ..measure.protocol import Probed, Request
    from .making import Forms
    from .settings import SearchSettings
    from .ways import Way

_LEAST_SILENCE_S, _SILENCE_TIMES = 5.0, 5.0
"""A way may say nothing for so long, and for so many times as long as raw's first process took."""


class Looks:
    """All ways of one model that were looked at, raw among them.

    request: raw's; forms: makes those of the ways. To be used in this order: `probe`, then `add_raw`, then
    `look` and the questions.
    """

    def __init__(
        self, model: Model, settings: SearchSettings, request: Request, forms: Forms, on_event: OnEvent
    ) -> None:
        self.settings, self.budget, self.forms = settings, Budget(settings.seconds), forms
        self.outcomes: dict[str, Outcome] = {}
        self.request = request
        self.silence_s = math.inf
        self.stage = "reference"
        self._variants = {variant.id: variant for variant in model.variants}
        self._on_event = on_event
        self.raw: Outcome
        self.probed: Probed

    def probe(self) -> Probed:
        """Run raw for the first time; its outputs are what all others are held against. Raises EdgeError."""
        self._on_event(Event(self.stage, "raw", 0.0, self.budget.left_s))
        self.probed = probed = run_probe(self.request)
        self.silence_s = max(_LEAST_SILENCE_S, _SILENCE_TIMES * self.budget.spent_s)
        self.request = as_probed(self.request, probed)
        return probed

    def add_raw(self, trials: Trials, way: Way) -> None:
        """Look at raw as at any other; it differs from its neighbour by luck alone. Raises EdgeError."""
        self.raw = Outcome(way, way.choice)
        self.outcomes[way.key] = self.raw
        began_s = time.monotonic()
        try:
            self.raw.looks.append(trials.measure(self.request, way.choice.threads))
        except Lost as error:
            model = one_line(self.request.model.model)
            raise WorkerError(f"{model} does not run the same a second time: {error}") from error
        self.budget.trial_took(time.monotonic() - began_s)
        if self.settings.objective == "ram" and self.raw.known.peak_bytes is None:
            raise UsageError("this kernel does not tell the RAM of a process; choose another objective")

    def look(self, trials: Trials, way: Way, rule: PairRule = TURNS) -> Outcome:
        """One more process of a way; what fails is lost and says why."""
        outcome = self.outcomes.setdefault(way.key, Outcome(way))
        self.tell(way.label)
        began_s = time.monotonic()
        try:
            if outcome.choice is None:
                outcome.choice, outcome.folder = self.forms.of(way, silence_s=3 * self.silence_s)
            figures = trials.measure(self.request_of(outcome), way.choice.threads, rule)
        except EdgeError as error:
            outcome.lose(one_line(error, 400))
            return outcome
        outcome.looks.append(figures)
        outcome.left = over_limits(outcome.known, self.settings) or ""
        self.budget.trial_took(time.monotonic() - began_s)
        return outcome

    def ordered(self) -> list[Outcome]:
        """Best first, of those but raw that are within the limits."""
        alive = {
            key: each.known
            for key, each in self.outcomes.items()
            if each is not self.raw
            and each.figures is not None
            and over_limits(each.known, self.settings) is None
        }
        return [self.outcomes[key] for key in order(self.settings.objective, alive, self.raw.known)]

    def best(self) -> Outcome:
        """The first of them; raw where there is none."""
        return next(iter(self.ordered()), self.raw)

    def challengers(self, ordered: list[Outcome], *, than: Outcome | None = None) -> list[Outcome]:
        """Those that may take raw's place, or another's: better, or under latency as fast and smaller.

        By one look; that raw itself looked better than its neighbour, which is raw too, is luck.
        """
        other = than or self.raw
        theirs = self.score(other)
        theirs = max(theirs, 1.0) if other is self.raw else theirs
        return [each for each in ordered if each is not other and self._may_beat(each, other, theirs)]

    def score(self, outcome: Outcome) -> float:
        """By the objective; see `score`."""
        return score(self.settings.objective, outcome.known, self.raw.known)

    def request_of(self, outcome: Outcome) -> Request:
        """Asks for a way that was made."""
        if outcome is self.raw:
            return self.request
        assert outcome.choice is not None
        raw, own = (self._variants[each.way.choice.variant] for each in (self.raw, outcome))
        return request_of(self.request, outcome.choice, outcome.folder, tolerance_between(raw, own))

    def tell(self, what: str) -> None:
        """Say how far it is."""
        best = self.best().way.label if len(self.outcomes) > 1 else None
        share = min(self.budget.spent_s / self.budget.seconds, 1.0)
        self._on_event(Event(self.stage, what, share, self.budget.left_s, best))

    def _may_beat(self, each: Outcome, other: Outcome, theirs: float) -> bool:
        own, objective = self.score(each), self.settings.objective
        smaller = second_score(objective, each.known, other.known) <= 1 - EQUAL
        return own < theirs or (
            smaller and objective in {"latency", "energy"} and own <= theirs * (1 + EQUAL)
        )
