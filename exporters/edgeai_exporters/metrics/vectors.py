"""Metrics against the source's outputs as vectors: cosine, nearest neighbours, error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeai.errors import ExportError

from ..arrays import Array, Outputs
from .classes import first


def cosine(
    outputs: Sequence[Outputs], labels: Sequence[Any] | None, reference: Sequence[Outputs]
) -> NDArray[np.float64]:
    """Mean over a sample's outputs of the cosine with the source's; see `cosine_of`."""
    pairs = zip(outputs, reference, strict=True)
    return np.array([np.mean([cosine_of(got[n], want[n]) for n in want]) for got, want in pairs])


def nearest(
    outputs: Sequence[Outputs], labels: Sequence[Any] | None, reference: Sequence[Outputs]
) -> NDArray[np.float64]:
    """1 where a sample's nearest other sample, by cosine of embeddings, is the one that the source finds.

    The first output is the embedding: [1, D]; of [1, T, D] the mean over T (give steps with a `pool@1` where
    some of the T are padding). Where two others are as near as each other to within f32, either is right.
    Samples share their neighbours, so that the interval is somewhat too narrow. Raises ExportError.
    """
    if len(outputs) < 3:
        raise ExportError(f"nearest needs 3 samples at least, and there are {len(outputs)}; give more")
    got, want = (_unit_rows([_embedding(first(each)) for each in group]) for group in (outputs, reference))
    near = _similarities(got).argmax(axis=1)
    truth = _similarities(want)
    rows = np.arange(len(truth))
    tie = 4 * float(np.finfo(np.float32).eps)  # a dot product of unit vectors has an error of about that
    return np.asarray(truth[rows, near] >= truth.max(axis=1) - tie, np.float64)


def error(
    outputs: Sequence[Outputs], labels: Sequence[Any] | None, reference: Sequence[Outputs]
) -> NDArray[np.float64]:
    """Minus a sample's root mean squared error as a share of the root mean square of the source's outputs.

    The mean over outputs, each against its own size over all samples: 0 is the same, -0.01 is off by 1 %.
    """
    scores = np.zeros(len(outputs))
    names = list(reference[0]) if reference else []
    for name in names:
        power = np.mean([_mean_square(want[name]) for want in reference])
        for row, (got, want) in enumerate(zip(outputs, reference, strict=True)):
            difference = _numbers(got[name]) - _numbers(want[name])
            scores[row] -= np.sqrt(_mean_square(difference) / (power or 1.0)) / len(names)
    return scores


def cosine_of(got: Array, want: Array) -> float:
    """Cosine of two arrays of one shape as vectors, in double precision.

    1 for two arrays of zeros, 0 where only one is, where something is not finite, or where shapes differ.
    Whole numbers and truths stand for themselves, no directions: the share of equal elements.
    """
    if got.shape != want.shape:
        return 0.0
    if want.dtype.kind != "f":
        return float(np.mean(got == want)) if want.size else 1.0
    one, other = (array.astype(np.float64).ravel() for array in (got, want))
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not np.isfinite(lengths):
        return 0.0
    if lengths == 0:
        return float(not one.any() and not other.any())
    if np.array_equal(one, other):
        return 1.0  # and not less by rounding
    return float(np.clip(one @ other / lengths, -1.0, 1.0))


def _embedding(array: Array) -> NDArray[np.float64]:
    vectors = _numbers(array)
    if vectors.ndim == 0:
        raise ExportError("nearest takes embeddings, and the first output is one number; give another metric")
    embedding: NDArray[np.float64] = vectors.reshape(-1, vectors.shape[-1]).mean(axis=0)
    return embedding


def _unit_rows(vectors: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    if len({len(vector) for vector in vectors}) > 1:
        raise ExportError(
            "nearest takes embeddings of one length, and the samples' differ; give another metric"
        )
    rows = np.nan_to_num(np.stack(vectors))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float64] = rows / np.where(lengths == 0, 1, lengths)
    return unit


def _similarities(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, n], a sample's with itself left out."""
    similar: NDArray[np.float64] = rows @ rows.T
    np.fill_diagonal(similar, -np.inf)
    return similar


def _mean_square(array: Array) -> float:
    return float(np.mean(np.square(_numbers(array)))) if array.size else 0.0


def _numbers(array: Array) -> NDArray[np.float64]:
    return array.astype(np.float64, copy=False)
