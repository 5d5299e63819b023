"""Finds a metric by what a user calls it: a row of the table, NAME:FILE, or `file.py:function`."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeai.errors import ExportError, one_line

from ..arrays import Outputs
from ..own_code import load_function
from . import METRICS, Score
from .classes import looks_like_classes


def load_metric(name: str) -> Score:
    """The metric of a name. Raises ExportError for one that is not there.

    A user's own, `file.py:function`, is a Score if its parameters are called as a Score's are (`outputs`,
    `labels`, `reference`); else it is called as f(outputs, label) for each sample and gives a number, higher
    being better.
    """
    key, colon, rest = name.partition(":")
    if key in METRICS:
        return _from_table(key, rest, bool(colon))
    if ".py:" not in name:
        known = ", ".join(METRICS)
        raise ExportError(
            f"no metric is called {one_line(name)!r}; give file.py:function, or one of: {known}"
        )
    return _own(load_function(name, "a metric"), name)


def default_metric(has_labels: bool, outputs: Outputs) -> str:
    """`top1` where there are labels for what looks like classes, else `cosine`."""
    return "top1" if has_labels and looks_like_classes(outputs) else "cosine"


def score(
    name: str,
    metric: Score,
    outputs: Sequence[Outputs],
    labels: Sequence[Any] | None,
    reference: Sequence[Outputs],
) -> NDArray[np.float64]:
    """A metric's scores, checked: f64 [n], finite. Raises ExportError for what a user's own got wrong."""
    scores = np.asarray(metric(outputs, labels, reference))
    if scores.shape != (len(outputs),) or scores.dtype.kind not in "biuf":
        raise ExportError(
            f"metric {one_line(name)} gave {scores.dtype}{list(scores.shape)} for {len(outputs)} samples; "
            "it must give one number a sample"
        )
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ExportError(f"metric {one_line(name)} gave {scores[row]} for sample {row}; it must be finite")
    return scores.astype(np.float64)


def _from_table(key: str, file: str, has_file: bool) -> Score:
    module, _, function = METRICS[key].partition(":")
    metric: Any = getattr(importlib.import_module(module), function)
    takes_file = "file" in inspect.signature(metric).parameters
    if has_file and not takes_file:
        raise ExportError(f"metric {key} takes no file; leave {one_line(file)!r} out")
    bound: Score = functools.partial(metric, file=Path(file)) if has_file else metric
    return bound


def _own(function: Callable[..., Any], name: str) -> Score:
    if {"outputs", "labels", "reference"} <= set(inspect.signature(function).parameters):
        return _guarded(function, name)

    def each(
        outputs: Sequence[Outputs], labels: Sequence[Any] | None, reference: Sequence[Outputs]
    ) -> NDArray[Any]:
        given = labels if labels is not None else [None] * len(outputs)
        return np.array([function(out, label) for out, label in zip(outputs, given, strict=True)])

    return _guarded(each, name)


def _guarded(function: Callable[..., Any], name: str) -> Score:
    def guarded(
        outputs: Sequence[Outputs], labels: Sequence[Any] | None, reference: Sequence[Outputs]
    ) -> NDArray[Any]:
        try:
            return np.asarray(function(outputs=outputs, labels=labels, reference=reference))
        except Exception as error:
            kind = type(error).__name__
            raise ExportError(f"metric {one_line(name)} failed: {one_line(error)} ({kind})") from error

    return guarded
