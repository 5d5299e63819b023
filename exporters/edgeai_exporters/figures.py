"""Figures of a variant's outputs against the source's: errors, cosines, a metric with its drop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Outputs
from .data import Data
from .metrics.intervals import drop, mean_with_interval
from .metrics.loading import default_metric, load_metric, score
from .metrics.vectors import cosine_of
from .quality import MetricFigures


def metric_figures(
    name: str | None, outputs: Sequence[Outputs], reference: Sequence[Outputs], data: Data
) -> MetricFigures:
    """A metric of a variant's outputs and of the source's for the same samples, with the paired drop."""
    got, want = _answers(outputs, data), _answers(reference, data)
    labels = data.labels()
    chosen = name or default_metric(labels is not None, want[0])
    metric = load_metric(chosen)
    # What is not finite is a problem of its own; here it only must not win.
    variant = score(chosen, metric, [_finite(each) for each in got], labels, want)
    source = score(chosen, metric, want, labels, want)
    return MetricFigures(
        chosen, mean_with_interval(variant), mean_with_interval(source), drop(source, variant)
    )


def distance(outputs: Sequence[Outputs], reference: Sequence[Outputs]) -> tuple[float | None, list[float]]:
    """Mean absolute error over all floating elements, and each sample's cosine: the mean over its outputs."""
    total, count = 0.0, 0
    cosines = []
    for got, want in zip(outputs, reference, strict=True):
        cosines.append(float(np.mean([cosine_of(got[name], array) for name, array in want.items()])))
        for name, array in want.items():
            if array.dtype.kind != "f" or got[name].shape != array.shape:
                continue
            with np.errstate(invalid="ignore"):
                differences = np.abs(got[name].astype(np.float64) - array)
            total += float(np.nansum(differences[np.isfinite(differences)]))
            count += array.size
    return (total / count if count else None), cosines


def _answers(outputs: Sequence[Outputs], data: Data) -> Sequence[Outputs]:
    if data.answer is None:
        return outputs
    return [data.answer(row, each) for row, each in enumerate(outputs)]


def _finite(outputs: Outputs) -> Outputs:
    return {
        name: np.nan_to_num(array, posinf=0.0, neginf=0.0) if array.dtype.kind == "f" else array
        for name, array in outputs.items()
    }
