"""Feeds beside the samples: odd and padded batches, and values at the ends of the range and beyond."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgeai.errors import EdgeError, one_line

from .arrays import Array, Feed, Outputs
from .data import Data
from .metrics.vectors import cosine_of
from .quality import Probe

Run = Callable[[Feed], Outputs]

BATCHES = (3, 7)
"""Sizes that no kernel's blocks of 4 or 8 divide, so that the rest of each is run too."""
_BEYOND = 10.0
"""How far beyond what was seen a device may come: a sensor that saturates, a picture that was not scaled."""
_TINY = 1e-30
"""Far below every step of a quantizer. Products with weights are still normal numbers, since CPUs compute
others ten times slower."""
_MARGIN = 0.01
"""A row's cosine may be that much lower in a batch than alone: dynamic quantization has one scale for all."""

_GROWN = 2.0
"""How much larger a row's error may be in a batch than the largest alone, for the same reason."""


@dataclass(frozen=True)
class ProbeFeed:
    """A feed, and what the source gives for it; None where it does not run it.

    rows: of a batch the samples in it, which rows of zeros may follow; empty: no batch.
    """

    name: str
    feed: Feed
    outputs: Outputs | None
    rows: tuple[int, ...] = ()


def probe_feeds(run: Run, data: Data, has_batch: bool, seed: int) -> tuple[ProbeFeed, ...]:
    """The feeds with what the source gives for them. has_batch: whether the model's batch is open."""
    found = []
    batches = _batches(data, seed) if has_batch else ()
    for name, feed, rows in (*batches, *((name, feed, ()) for name, feed in _extremes(data))):
        # An original's library raises anything; what it does not do nobody asks of a variant.
        try:
            outputs: Outputs | None = run(feed)
        except Exception:
            outputs = None
        found.append(ProbeFeed(name, feed, outputs, tuple(rows)))
    return tuple(found)


def run_probe(
    probe: ProbeFeed, run: Run, alone: Sequence[Outputs], source_alone: Sequence[Outputs]
) -> Probe | None:
    """What a variant makes of a probe; None where the source gives nothing to compare with.

    alone, source_alone: outputs for the samples one by one, of the variant and the source.
    """
    if probe.outputs is None:
        return None
    try:
        got = run(probe.feed)
    except EdgeError as error:
        return Probe(
            probe.name, None, None, f"{probe.name}: the source runs it and it fails: {one_line(error)}"
        )
    problem = _not_finite(got, probe.outputs)
    if problem:
        return Probe(probe.name, None, None, f"{probe.name}: {problem}")
    if probe.rows:
        return _judge_batch(probe, got, alone, source_alone)
    if not all(map(_is_finite, probe.outputs.values())):
        return None
    return Probe(probe.name, _worst_cosine(got, probe.outputs), max_error(got, probe.outputs))


def _not_finite(got: Outputs, want: Outputs) -> str:
    """Which output is NaN or infinite where the source's is not; empty where none is."""
    for name, array in want.items():
        if array.dtype.kind == "f" and np.any(np.isfinite(array) & ~np.isfinite(got[name])):
            return f"output {one_line(name)} is NaN or infinite where the source's is not"
    return ""


def max_error(got: Outputs, want: Outputs) -> float | None:
    """The largest absolute difference of floating outputs where both are finite; None if there are none."""
    worst = [
        np.max(_differences(got[n], array), initial=0.0)
        for n, array in want.items()
        if array.dtype.kind == "f"
    ]
    return float(max(worst)) if worst else None


def finite_problem(outputs: Sequence[Outputs], reference: Sequence[Outputs], names: Sequence[str]) -> str:
    """The first sample of which an output is not finite where the source's is; empty where all are."""
    for row, (got, want) in enumerate(zip(outputs, reference, strict=True)):
        problem = _not_finite(got, want)
        if problem:
            return f"{one_line(names[row]) if names else f'sample {row}'}: {problem}"
    return ""


def _judge_batch(
    probe: ProbeFeed, got: Outputs, alone: Sequence[Outputs], source_alone: Sequence[Outputs]
) -> Probe:
    """Rows of a batch against what the source gives for each alone.

    A row may be as far from that as the source's own row in the same batch, or the variant's alone, is. Of
    outputs near 0 the cosine says little, so that the difference must have grown, too.
    """
    assert probe.outputs is not None
    wanted = [source_alone[row] for row in probe.rows]
    mine = _rows_cosine(got, wanted)
    source = _rows_cosine(probe.outputs, wanted)
    by_itself = min(_worst_cosine(alone[row], source_alone[row]) for row in probe.rows)
    error = _rows_error(got, probe.outputs, wanted)
    before = max((max_error(alone[row], source_alone[row]) or 0.0 for row in probe.rows), default=0.0)
    problem = ""
    if mine < min(source, by_itself) - _MARGIN and (error is None or error > _GROWN * before):
        problem = f"{probe.name}: a row has cosine {mine:.4f} with the source, alone {by_itself:.4f}"
    return Probe(probe.name, mine, error, problem)


def _rows_cosine(batch: Outputs, rows: Sequence[Outputs]) -> float:
    """The worst cosine of a batch's rows with outputs of batch 1."""
    return min((_worst_cosine(row, single) for row, single in _rows(batch, rows)), default=1.0)


def _rows_error(got: Outputs, want: Outputs, rows: Sequence[Outputs]) -> float | None:
    """The largest difference of two batches where there is no padding."""
    pairs = zip(_rows(got, rows), _rows(want, rows), strict=True)
    errors = [max_error(mine, source) for (mine, _), (source, _) in pairs]
    return max((each for each in errors if each is not None), default=None)


def _rows(batch: Outputs, rows: Sequence[Outputs]) -> Iterator[tuple[Outputs, Outputs]]:
    """Each row of a batch beside what it is alone, without what padding made longer."""
    for place, single in enumerate(rows):
        own = {name: want for name, want in single.items() if want.ndim and len(want) == 1 < len(batch[name])}
        if own:
            yield {name: _row(batch[name], place, want) for name, want in own.items()}, own


def _row(array: Array, place: int, like: Array) -> Array:
    place_and_sizes = (slice(place, place + 1), *map(slice, like.shape[1:]))
    row: Array = array[place_and_sizes]
    return row


def _batches(data: Data, seed: int) -> Iterator[tuple[str, Feed, Sequence[int]]]:
    random = np.random.default_rng(seed)
    for size in BATCHES:
        rows = [int(row) for row in random.choice(data.count, size, replace=data.count < size)]
        if data.batch is not None:
            yield f"batch {size}", data.batch(rows), rows
            continue
        feeds = [data.feed(row) for row in rows]
        same = [row for row, feed in zip(rows, feeds, strict=True) if _shapes(feed) == _shapes(feeds[0])]
        padded = size == BATCHES[-1]
        stacked = _stack([data.feed(row) for row in same], size)
        if stacked is not None:
            blank = size - len(same)
            name = f"batch {size}" + (f", {blank} of them zeros" if blank else "")
            yield name, stacked, same
        if padded and stacked is not None and len(same) > 2:
            yield (
                f"batch {size}, 2 of them zeros",
                _stack([data.feed(row) for row in same[:-2]], size) or {},
                same[:-2],
            )


def _stack(feeds: Sequence[Feed], size: int) -> Feed | None:
    """The rows in one feed, with rows of zeros behind them up to `size`; what has no batch axis stays."""
    stacked: dict[str, Array] = {}
    for name, array in feeds[0].items():
        if array.ndim == 0:
            stacked[name] = array
        elif len(array) != 1:
            return None
        else:
            blank = np.zeros((size - len(feeds), *array.shape[1:]), array.dtype)
            stacked[name] = np.concatenate([*(feed[name] for feed in feeds), blank])
    return stacked


def _extremes(data: Data) -> Iterator[tuple[str, Feed]]:
    """Filled feeds of the first sample's shape. Whole numbers keep to what was seen: a larger one may be no
    token. What is the same number in all samples, such as a sample rate, stays as it is."""
    first = data.feed(0)
    ends = _ends(data)

    def filled(value: Callable[[Array, float, float], Array | float]) -> Feed:
        return {
            name: array
            if low == high
            else np.broadcast_to(value(array, low, high), array.shape).astype(array.dtype)
            for name, array in first.items()
            for low, high in [ends[name]]
        }

    yield "low end", filled(lambda array, low, high: low)
    yield "high end", filled(lambda array, low, high: high)
    if any(array.dtype.kind == "f" for array in first.values()):
        yield "zeros", filled(lambda array, low, high: 0.0 if array.dtype.kind == "f" else array)
        yield "tiny", filled(lambda array, low, high: _TINY if array.dtype.kind == "f" else array)
        with np.errstate(over="ignore"):
            beyond = filled(lambda array, low, high: array * _BEYOND if array.dtype.kind == "f" else array)
        yield f"{_BEYOND:g} times", beyond


def _ends(data: Data) -> dict[str, tuple[float, float]]:
    """The least and the largest number of each input in the first samples."""
    ends: dict[str, tuple[float, float]] = {}
    for row in range(min(data.count, 100)):  # more would move the ends little, and be decoded once more each
        for name, array in data.feed(row).items():
            if array.dtype.kind not in "biuf" or not array.size:
                ends[name] = (0.0, 0.0)
                continue
            low, high = array.min().item(), array.max().item()
            before = ends.get(name, (low, high))
            ends[name] = (min(low, before[0]), max(high, before[1]))
    return ends


def _worst_cosine(got: Outputs, want: Outputs) -> float:
    return min(cosine_of(got[name], array) for name, array in want.items())


def _differences(got: Array, want: Array) -> Array:
    if got.shape != want.shape:
        return np.zeros(0)
    with np.errstate(invalid="ignore"):
        differences = np.abs(got.astype(np.float64) - want.astype(np.float64))
    finite: Array = differences[np.isfinite(differences)]
    return finite


def _is_finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _shapes(feed: Feed) -> list[tuple[int, ...]]:
    return [array.shape for array in feed.values()]
