"""Finds the best variant that one scheme can give within a budget of quality, and measures it.

Everything quantized comes first. Where that costs too much, layers are taken to better levels (float, or a
scheme that is kinder to them) in the order of what each saves of loss for what it costs of latency, both
measured.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edgeai.errors import ExportError

from ..arrays import Feed
from ..budget import Budget
from ..metrics import Score
from ..schemes import Scheme
from .found import Found
from .identity import identity
from .journal import Journal
from .latency import LatencyMeter
from .mix import Mix
from .strategy import Strategy
from .trials import Samples, Trials

OnProgress = Callable[[int, int, str], None]


@contextmanager
def opened_search(
    model: Path,
    scheme: Scheme,
    *,
    calibration: Sequence[Feed],
    validation: Samples,
    score: Score,
    metric: str,
    budget: Budget,
    folder: Path,
    meter: LatencyMeter | None,
    instead: Sequence[Scheme] = (),
    prefer: str = "speed",
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Iterator[OpenedSearch]:
    """A scheme made ready for a model: calibrated, nothing tried yet. Arguments and errors as `search`."""
    if not len(validation):
        raise ExportError(f"nothing to judge {scheme.name} by: give samples to evaluate with")
    samples = validation.shuffled(seed)
    named = identity(model, scheme, instead, calibration, samples, metric, budget, seed)
    candidates = folder / "candidates"
    shutil.rmtree(candidates, ignore_errors=True)  # of a search that was killed
    candidates.mkdir(parents=True)
    journal = Journal(folder / f"{scheme.name}-{named[:16]}.jsonl")
    try:
        mix = Mix(model, scheme, calibration, instead)
        trials = Trials(mix, samples, score, budget, journal, candidates, meter)
        strategy = Strategy(trials, prefer, _steps(on_progress, len(mix.layers)))
        yield OpenedSearch(strategy, folder / f"{scheme.name}{model.suffix}")
    finally:
        shutil.rmtree(candidates, ignore_errors=True)


@dataclass(frozen=True)
class OpenedSearch:
    """A search that can be looked at first, and run; what was tried once is not tried again."""

    strategy: Strategy
    out: Path

    def first_look(self) -> Found:
        """Everything quantized, measured and written; `is_within` says whether that keeps the budget."""
        return self._timed(self.strategy.blanket)

    def run(self) -> Found:
        """The best within the budget."""
        return self._timed(self.strategy.run)

    def _timed(self, step: Callable[[Path], Found]) -> Found:
        start_s = time.monotonic()
        return replace(step(self.out), seconds=time.monotonic() - start_s)


def search(
    model: Path,
    scheme: Scheme,
    *,
    calibration: Sequence[Feed],
    validation: Samples,
    score: Score,
    metric: str,
    budget: Budget,
    folder: Path,
    meter: LatencyMeter | None,
    instead: Sequence[Scheme] = (),
    prefer: str = "speed",
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Found:
    """The best variant of a scheme within the budget; where there is none, the blanket one, so marked.

    calibration, validation: feeds by the model's own input names. Choosing uses the validation samples up:
    what is found is the luckiest of many on them, so prove it on others, or search with a stricter budget.
    metric: what the score is called; with everything else it names the journal, so that of a user's own
    code it should hold a hash. folder: of one search at a time; the variant is written there as
    SCHEME.SUFFIX, and the journal with which a killed search goes on.
    meter: None where nothing measures on the target: then what a layer costs is counted in bytes.
    instead: schemes without calibration, whose levels sensitive layers may take instead of float.
    prefer: `speed`, or `size`, for which costs are counted in bytes too.
    seed: orders the samples. The same seed gives the same variant where costs are bytes, and where latencies
    come from the journal; measured anew, moves that noise hides from each other may swap places. Equal ones
    go in the order of the graph, and of variants whose latencies noise hides the smallest is taken.
    Raises ExportError where model, scheme and data do not fit.
    """
    with opened_search(
        model,
        scheme,
        calibration=calibration,
        validation=validation,
        score=score,
        metric=metric,
        budget=budget,
        folder=folder,
        meter=meter,
        instead=instead,
        prefer=prefer,
        seed=seed,
        on_progress=on_progress,
    ) as opened:
        return opened.run()


def _steps(tell: OnProgress | None, layers: int) -> Callable[[str], None]:
    """Counts what is begun. How much there is to do is not known before, so that the total is a guess."""
    done = itertools.count()

    def step(what: str) -> None:
        place = next(done)
        if tell is not None:
            tell(place, max(layers + 24, place + 1), what)

    return step
