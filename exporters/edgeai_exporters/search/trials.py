"""Candidates of one scheme: written, run on samples, timed, and remembered."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import edgeai
from edgeai.errors import ExportError
from edgeai.measure.statistics import Estimate

from ..arrays import Feed, Outputs
from ..budget import Budget
from ..matching import Adapted
from ..metrics import Score
from ..metrics.intervals import drop, mean_with_interval
from ..metrics.vectors import cosine
from ..outcome import Ratio
from .found import FLOAT, Quality, Timing
from .journal import Journal, digest
from .latency import LatencyMeter
from .mix import Mix

Levels = Mapping[str, str]
Scores = NDArray[Any]
HOPELESS = 4.0
"""Standard errors beyond which some of the samples are enough to give up: by chance once in 30,000."""
SCANNED = 16
"""Samples of which a layer's loss is the mean; also after how many a hopeless candidate is first given up."""
TIMED = 4
"""Feeds that latencies are measured on, in turn."""


@dataclass(frozen=True)
class Samples:
    """What candidates are judged by.

    labels: None where there are none. reference: outputs of the source; None: those of the float model.
    answer: what the score sees instead of a sample's outputs, by its number, such as boxes; None: themselves.
    outputs: of the float model, where they are known.
    """

    feeds: Sequence[Feed]
    labels: Sequence[Any] | None = None
    reference: Sequence[Outputs] | None = None
    answer: Callable[[int, Outputs], Outputs] | None = None
    outputs: Sequence[Outputs] | None = None

    def __len__(self) -> int:
        return len(self.feeds)

    def shuffled(self, seed: int) -> Samples:
        """The same in the seed's order, so that the first few stand for all, however they were sorted."""
        order = [int(i) for i in np.random.default_rng(seed).permutation(len(self.feeds))]
        labels, reference, answer, outputs = self.labels, self.reference, self.answer, self.outputs
        return Samples(
            [self.feeds[i] for i in order],
            None if labels is None else [labels[i] for i in order],
            None if reference is None else [reference[i] for i in order],
            None if answer is None else lambda place, each: answer(order[place], each),
            None if outputs is None else [outputs[i] for i in order],
        )

    def scored(self, score: Score, outputs: Sequence[Outputs], reference: Sequence[Outputs]) -> Scores:
        """Scores of the first samples, f64 [n]. Raises ExportError for a metric that gives others."""
        count, answer = len(outputs), self.answer
        if answer is not None:
            outputs, reference = (
                [answer(place, each) for place, each in enumerate(side)] for side in (outputs, reference)
            )
        labels = None if self.labels is None else self.labels[:count]
        scores = np.asarray(score(outputs, labels, reference))
        if scores.shape != (count,):
            raise ExportError(
                f"the metric gave {list(scores.shape)} for {count} samples; give one score each"
            )
        return scores.astype(np.float64)


class Trials:
    """Asks what candidates are worth; each answer is kept in the journal, and their files are not.

    meter: None where nobody can run models on the target.
    """

    def __init__(
        self,
        mix: Mix,
        samples: Samples,
        score: Score,
        budget: Budget,
        journal: Journal,
        folder: Path,
        meter: LatencyMeter | None,
    ) -> None:
        self.mix, self.meter, self.budget = mix, meter, budget
        self._samples, self._score, self._journal, self._folder = samples, score, journal, folder
        self._reference = samples.reference
        self._outputs = run_all(mix.model, samples) if samples.outputs is None else samples.outputs
        self._source: dict[int, Scores] = {}
        self.count = 0

    def quality(self, levels: Levels) -> Quality:
        """Of all samples, or of as many as a hopeless candidate needs."""
        scores = np.array(self._result(levels, len(self._samples), give_up=True)["scores"])
        source = self._source_scores(len(scores))
        mean, fall = mean_with_interval(scores), drop(source, scores)
        return Quality(mean.value, mean.low, mean.high, fall.value, fall.low, fall.high, len(scores))

    def is_within(self, levels: Levels) -> bool:
        """Whether the candidate keeps the budget, on all samples."""
        result = self._result(levels, len(self._samples), give_up=True)
        scores = np.array(result["scores"])
        if len(scores) < len(self._samples):
            return False
        return self.budget.keeps(
            drop(self._source_scores(len(scores)), scores), float(np.mean(result["cosines"]))
        )

    def loss(self, levels: Levels, *, by_score: bool) -> float:
        """Over the first samples: how far the mean score is below the float model's, or 1 - cosine."""
        result = self._first(levels)
        if not by_score:
            return 1 - float(np.mean(result["cosines"]))
        scores = np.array(result["scores"])
        return float(np.mean(self._source_scores(len(scores)) - scores))

    def is_smooth(self, levels: Levels) -> bool:
        """Whether the candidate's scores take so many values that losses of single layers show."""
        scores = self._first(levels)["scores"]
        return len(set(scores)) > len(scores) / 2

    def time(self, candidates: Sequence[Levels], *, first: Levels | None = None) -> list[Timing]:
        """Latency of each; the ratio is to the candidate `first`, or to the float source if None."""
        meter = self.meter
        if meter is None:
            raise ValueError("nothing measures on the target")

        def measure() -> list[dict[str, Any]]:
            with contextlib.ExitStack() as stack:
                files = [stack.enter_context(self.file(levels)) for levels in candidates]
                start = self.mix.model if first is None else stack.enter_context(self.file(first))
                measured = meter.time([start, *files], self._samples.feeds[:TIMED])[1:]
            return [_timing_to_json(timing) for timing in measured]

        names = ["source" if first is None else _key(first), *map(_key, candidates)]
        results = self._journal.recall(f"time {digest(meter.where, names)}", measure)
        return [_timing_from_json(result) for result in results]

    def size_bytes(self, levels: Levels) -> int:
        """Of the candidate's file."""

        def measure() -> int:
            with self.file(levels) as path:
                return path.stat().st_size

        return int(self._journal.recall(f"size {_key(levels)}", measure))

    def _first(self, levels: Levels) -> dict[str, Any]:
        return self._result(levels, min(SCANNED, len(self._samples)), give_up=False)

    def _result(self, levels: Levels, count: int, *, give_up: bool) -> dict[str, Any]:
        key = f"run {_key(levels)} {count} {'early' if give_up else 'all'}"
        result: dict[str, Any] = self._journal.recall(key, lambda: self._try(levels, count, give_up))
        return result

    def _try(self, levels: Levels, count: int, give_up: bool) -> dict[str, Any]:
        self.count += 1
        outputs: list[Outputs] = []
        scores = cosines = np.zeros(0)
        with self.file(levels) as path, _opened(path, self._samples) as run:
            for stop in _stops(count) if give_up else [count]:
                outputs += [run(feed) for feed in self._samples.feeds[len(outputs) : stop]]
                scores = self._scored(outputs)
                cosines = cosine(outputs, None, self._wanted(stop))
                if give_up and self._is_hopeless(scores, cosines):
                    break
        return {"scores": scores.tolist(), "cosines": cosines.tolist()}

    def _is_hopeless(self, scores: Scores, cosines: Scores) -> bool:
        """Whether the budget is missed even if figures were HOPELESS standard errors better than they are."""
        falls = self._source_scores(len(scores)) - scores
        fall = float(np.mean(falls)) - HOPELESS * _standard_error(falls)
        at_best = float(np.mean(cosines)) + HOPELESS * _standard_error(cosines)
        return not self.budget.keeps(Estimate(fall, fall, fall), at_best)

    def _wanted(self, count: int) -> Sequence[Outputs]:
        return (self._outputs if self._reference is None else self._reference)[:count]

    def _source_scores(self, count: int) -> Scores:
        """Of the float model; by count, since a score may look at all samples at once."""
        if count not in self._source:
            self._source[count] = self._scored(self._outputs[:count])
        return self._source[count]

    def _scored(self, outputs: Sequence[Outputs]) -> Scores:
        return self._samples.scored(self._score, outputs, self._wanted(len(outputs)))

    @contextlib.contextmanager
    def file(self, levels: Levels) -> Iterator[Path]:
        """The candidate's file, gone again afterwards, so that a long search does not fill the disk."""
        path = self._folder / f"{_key(levels)[:16]}{self.mix.model.suffix}"
        try:
            self.mix.write(path, levels)
            yield path
        finally:
            path.unlink(missing_ok=True)


def run_all(model: Path, samples: Samples) -> list[Outputs]:
    """A model's outputs for the samples, under the names of the reference where there is one."""
    with _opened(model, samples) as run:
        return [run(feed) for feed in samples.feeds]


@contextlib.contextmanager
def _opened(model: Path, samples: Samples) -> Iterator[Callable[[Feed], Outputs]]:
    with edgeai.load(model, prepared=False) as session:
        reference = samples.reference
        opened = session if reference is None else Adapted(session, samples.feeds[0], reference[0])

        def run(feed: Feed) -> Outputs:
            session.reset()
            return opened.run(dict(feed))

        yield run


def all_float(mix: Mix) -> dict[str, str]:
    """Levels of a variant in which nothing is quantized."""
    return dict.fromkeys(mix.layers, FLOAT)


def _key(levels: Levels) -> str:
    return digest(sorted(levels.items()))


def _stops(count: int) -> list[int]:
    """After how many samples a candidate may be given up: 16, 32, 64 ... and all."""
    stops = []
    stop = SCANNED
    while stop < count:
        stops.append(stop)
        stop *= 2
    return [*stops, count]


def _standard_error(values: Scores) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def _timing_to_json(timing: Timing) -> dict[str, Any]:
    ratio = timing.ratio
    pair = None if ratio is None else [ratio.value, ratio.low, ratio.high]
    return {"latency_s": timing.latency_s, "ratio": pair, "turns": timing.turns}


def _timing_from_json(value: Mapping[str, Any]) -> Timing:
    ratio = value["ratio"]
    return Timing(value["latency_s"], None if ratio is None else Ratio(*ratio), value["turns"])
