"""Several schemes for one model, each at its best within the budget, and those that no other one beats."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import edgeai
from edgeai.errors import EdgeError

from ..arrays import Feed
from ..budget import Budget
from ..metrics import Score
from ..metrics.intervals import drop, mean_with_interval
from ..outcome import Ratio
from ..schemes import Scheme
from .found import FLOAT, Found, Quality, Timing
from .latency import LatencyMeter
from .scheme_search import OnProgress, OpenedSearch, opened_search
from .strategy import MISSED, NO_METER
from .trials import TIMED, Samples, run_all

KINDER = ("int8-dynamic", "w8")
"""Precisions that lose less than static int8 without calibration: what sensitive layers may have instead."""

WORTH_SEARCHING = 0.9
"""Of the best's latency, or size. A search takes minutes, and the layers that it takes back cost latency."""

OnFailure = Callable[[Scheme, EdgeError], None]


def compete(
    model: Path,
    schemes: Sequence[Scheme],
    *,
    calibration: Sequence[Feed],
    validation: Samples,
    score: Score,
    metric: str,
    budget: Budget,
    folder: Path,
    meter: LatencyMeter | None,
    prefer: str = "speed",
    seed: int = 0,
    on_progress: OnProgress | None = None,
    on_failure: OnFailure | None = None,
) -> list[Found]:
    """The float model itself, and the best of each scheme, in their order; arguments as `search`.

    All are looked at with everything quantized first. Of those that miss the budget so, only those are
    searched that can still win: layers in higher precision cost latency, so that what is hardly faster than
    the fastest within the budget already (WORTH_SEARCHING), or slower than its source, stays as it is and out
    of the budget. With `prefer` at `size` sizes decide so; for speed on a target that nobody measures,
    nothing does.

    Schemes of ONNX that need calibration may take sensitive layers to those among `schemes` that do not,
    see KINDER. on_failure: told of a scheme that does not work with this model, which is then left out;
    None: that raises.
    """

    def opened(scheme: Scheme) -> AbstractContextManager[OpenedSearch]:
        def tell(done: int, total: int, what: str) -> None:
            if on_progress is not None:
                on_progress(done, total, f"{scheme.name}: {what}")

        return opened_search(
            model,
            scheme,
            calibration=calibration,
            validation=validation,
            score=score,
            metric=metric,
            budget=budget,
            folder=folder,
            meter=meter,
            instead=_instead(scheme, schemes),
            prefer=wish(scheme),
            seed=seed,
            on_progress=tell,
        )

    def wish(scheme: Scheme) -> str:
        return "size" if scheme.is_for_size else prefer

    validation = replace(validation, outputs=run_all(model, validation))
    source = _source(model, validation, score, meter)
    found: dict[str, Found] = {}
    files: set[tuple[str, tuple[str, ...]]] = set()
    for scheme in schemes:
        with _failing(scheme, on_failure), opened(scheme) as search:
            look = search.first_look()
            file = (hashlib.sha256(look.path.read_bytes()).hexdigest(), scheme.cpu)
            if file in files:
                continue  # two schemes that differ in nothing that this model has
            files.add(file)
            found[scheme.name] = search.run() if look.is_within and not scheme.is_fallback else look
    missed = [scheme for scheme in schemes if scheme.name in found and not found[scheme.name].is_within]
    if prefer == "speed":  # which weights alone do not bring, and layers of float among them even less
        missed = [scheme for scheme in missed if not scheme.is_for_size]
    for scheme in sorted(missed, key=lambda each: _effort(found[each.name], prefer)):
        rivals = [source, *(each for each in found.values() if set(each.cpu) <= set(scheme.cpu))]
        rival = _rival(found[scheme.name], rivals, wish(scheme))
        if rival is not None:
            found[scheme.name] = replace(found[scheme.name], why=_pointless(rival))
            continue
        with _failing(scheme, on_failure), opened(scheme) as search:
            found[scheme.name] = search.run()
    return [source, *(found[scheme.name] for scheme in schemes if scheme.name in found)]


@contextmanager
def _failing(scheme: Scheme, on_failure: OnFailure | None) -> Iterator[None]:
    try:
        yield
    except EdgeError as error:
        if on_failure is None:
            raise
        on_failure(scheme, error)


def _effort(found: Found, prefer: str) -> float:
    """What orders the searches: the one that may end fastest, or smallest, comes first."""
    if prefer == "size":
        return found.size_bytes
    ratio = None if found.timing is None else found.timing.ratio
    return math.inf if ratio is None else ratio.value


def _rival(look: Found, found: Sequence[Found], prefer: str) -> Found | None:
    """One within the budget that a scheme cannot beat any more, whatever is kept in higher precision."""
    if prefer == "speed" and look.timing is None:
        return None
    within = [each for each in found if each.is_within]
    best = min(within, key=lambda each: _effort(each, prefer))
    return best if _effort(look, prefer) >= WORTH_SEARCHING * _effort(best, prefer) else None


def _pointless(rival: Found) -> str:
    name = "its source" if rival.scheme == FLOAT else rival.scheme
    return (
        f"{MISSED}, and with layers in higher precision it would hardly beat {name}; so it was not searched"
    )


def pareto(found: Sequence[Found], *, prefer: str = "speed") -> tuple[Found, ...]:
    """Those that no other beats in quality, latency and size at once, in their order; the float source
    always.

    Only what is within the budget counts, and what is slower than its source only where `prefer` is `size`.
    One that needs CPU features beats none that runs without them.
    Latencies whose intervals overlap are equal, and so are unknown ones; so the smaller of two that cannot
    be told apart wins, then the better, then the first.
    """
    running = [each for each in found if each.is_within and (prefer == "size" or not each.is_slower)]
    best = [each for each in running if not any(_beats(other, each, running) for other in running)]
    return tuple(each for each in found if each.scheme == FLOAT or each in best)


def _beats(one: Found, other: Found, order: Sequence[Found]) -> bool:
    """Whether one is at least as good in everything and better in something, or the same and earlier."""
    if one is other or other.scheme == FLOAT or not set(one.cpu) <= set(other.cpu):
        return False  # a CPU that runs the other may not run this one
    faster = _is_faster(one, other)
    if one.size_bytes > other.size_bytes or one.quality.mean < other.quality.mean or _is_faster(other, one):
        return False
    is_same = one.size_bytes == other.size_bytes and one.quality.mean == other.quality.mean and not faster
    return not is_same or order.index(one) < order.index(other)


def _is_faster(one: Found, other: Found) -> bool:
    """Beyond noise: the intervals of the ratios to the float source do not overlap."""
    first, second = (None if each.timing is None else each.timing.ratio for each in (one, other))
    return first is not None and second is not None and first.high < second.low


def _instead(scheme: Scheme, schemes: Sequence[Scheme]) -> list[Scheme]:
    if scheme.format != "onnx" or not scheme.needs_calibration or scheme.kept != "f32":
        return []
    return [
        other
        for other in schemes
        if other.format == "onnx" and not other.needs_calibration and other.precision in KINDER
    ]


def _source(model: Path, samples: Samples, score: Score, meter: LatencyMeter | None) -> Found:
    """The float model as one that competes: it is the fallback, and what the others are compared with."""
    assert samples.outputs is not None
    outputs = samples.outputs
    reference = outputs if samples.reference is None else samples.reference
    scores = samples.scored(score, outputs, reference)
    mean, none = mean_with_interval(scores), drop(scores, scores)
    timing = None
    if meter is not None:
        latency_s = meter.time([model], samples.feeds[:TIMED])[0].latency_s
        timing = Timing(latency_s, Ratio(1.0, 1.0, 1.0), 0)
    with edgeai.load(model, prepared=False) as session:
        format_ = "tflite" if session.backend != "onnxruntime" else "onnx"
    return Found(
        scheme=FLOAT,
        format=format_,
        precision="f32",
        path=model,
        size_bytes=model.stat().st_size,
        quality=Quality(mean.value, mean.low, mean.high, none.value, none.low, none.high, len(scores)),
        is_within=True,
        timing=timing,
        latency_reason="" if timing is not None else NO_METER,
        is_slower=None if timing is None else False,
        why="the float source, which runs everywhere",
    )
