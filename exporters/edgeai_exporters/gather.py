"""What variants are made with and judged by: samples to calibrate, search and prove with; metric, budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgeai.bundle import TensorSpec
from edgeai.errors import ExportError, UsageError

from .arrays import Feed, Outputs
from .budget import Budget
from .data import Data
from .data.opening import RANDOM, open_data
from .data.selection import limited, split, subset
from .metrics import Score
from .metrics.loading import default_metric, load_metric
from .request import Request

DEFAULT_DROP, DEFAULT_COSINE = 0.005, 0.99
CALIBRATED = 200
"""Samples that ranges are taken from; more hardly move them: Nagel et al., "A White Paper on Neural Network
Quantization" (2021), find a few hundred images enough."""
SEARCHED = 300
"""Samples that the search judges each candidate by; what it chooses is proven on others."""
MEMORY_BYTES = 256 << 20
"""Of the feeds that the search, and again calibration, go over many times; of large ones fewer are taken."""
PROVEN_WITHOUT_DATA = 16
_SHARE = 0.4
"""Of one place of data, what goes into making the variants; the rest proves them."""


@dataclass(frozen=True)
class Gathered:
    """Samples for the three purposes, disjoint from what proves; and what is asked of variants.

    calibration: `data`, `random` or `none`, as the outcome and the bundle say it.
    """

    calibrating: Sequence[Feed]
    searching: Data
    searching_feeds: Sequence[Feed]
    proving: Data
    score: Score
    metric: str
    budget: Budget
    calibration: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided that the user did not say."""
        return self.proving.notes

    @property
    def told(self) -> str:
        """Where the samples come from and how many serve what, in words."""
        if self.calibration == "none":
            return f"no data was given: compared on {len(self.proving)} random inputs"
        counts = f"{len(self.calibrating)} calibrate, {len(self.searching)} choose, {len(self.proving)} prove"
        return f"{self.proving.told}: {counts}"


def gather(
    request: Request,
    inputs: Sequence[TensorSpec],
    run: Callable[[Feed], Outputs],
    model: str | None = None,
) -> Gathered:
    """Open the data that a request names. inputs: what the model takes. run: runs it. model: its name in the
    steps' manifest.

    Raises ExportError for data that does not fit, UsageError for options that do not go together.
    """
    making, proving, calibration = _places(request, inputs, run, model)
    name = request.metric or default_metric(proving.label is not None, run(proving.feed(0)))
    if name == "top1" and proving.label is None:
        raise UsageError("the metric top1 needs labels; give --labels, or data with a folder a class")
    room = _room(making.feed(0))
    searching = limited(making, min(SEARCHED, room), request.seed)
    chosen = limited(making, min(CALIBRATED, room), request.seed + 1)
    return Gathered(
        calibrating=[] if calibration == "none" else [chosen.feed(row) for row in range(len(chosen))],
        searching=searching,
        searching_feeds=[searching.feed(row) for row in range(len(searching))],
        proving=proving,
        score=load_metric(name),
        metric=name,
        budget=_budget(request, name),
        calibration=calibration,
    )


def _places(
    request: Request, inputs: Sequence[TensorSpec], run: Callable[[Feed], Outputs], model: str | None
) -> tuple[Data, Data, str]:
    """(what makes variants, what proves them, how the outcome calls it)."""

    def opened(place: str, limit: int | None = request.limit) -> Data:
        return open_data(
            place,
            inputs,
            steps=request.steps,
            model=model,
            labels=request.labels,
            limit=limit,
            seed=request.seed,
            run=run,
        )

    if request.data and (request.calibrate or request.evaluate):
        raise UsageError("give --data, or --calibrate and --evaluate, and not both")
    if bool(request.calibrate) != bool(request.evaluate):
        raise UsageError("--calibrate and --evaluate go together; --data alone is divided by edgeai")
    if request.random and (request.data or request.calibrate):
        raise UsageError("--random-calibration is for models without data; leave it or the data out")
    if request.calibrate and request.evaluate:
        return opened(request.calibrate), opened(request.evaluate), "data"
    if request.data:
        return (*split(opened(request.data), _SHARE, request.seed), "data")
    noise = opened(RANDOM, CALIBRATED + PROVEN_WITHOUT_DATA if request.random else PROVEN_WITHOUT_DATA)
    if not request.random:
        return noise, noise, "none"
    rows = range(len(noise))
    if len(noise) <= PROVEN_WITHOUT_DATA:
        raise ExportError(f"random data has {len(noise)} samples only; give real data with --data")
    return (
        subset(noise, rows[PROVEN_WITHOUT_DATA:]),
        subset(noise, rows[:PROVEN_WITHOUT_DATA]),
        "random",
    )


def _room(feed: Feed) -> int:
    """How many such feeds may be in memory at once."""
    return max(MEMORY_BYTES // max(sum(array.nbytes for array in feed.values()), 1), 8)


def _budget(request: Request, metric: str) -> Budget:
    if request.max_drop is not None or request.min_cosine is not None:
        return Budget(max_drop=request.max_drop, min_cosine=request.min_cosine)
    return Budget(min_cosine=DEFAULT_COSINE) if metric == "cosine" else Budget(max_drop=DEFAULT_DROP)
