"""Pushes sound through a step in chunks of any sizes, and checks the times it gives on the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeai.pipeline.values import Signal

SIZES: tuple[tuple[int, ...], ...] = ((1,), (7,), (160,), (511,), (512,), (8000,), (0, 1, 3000, 2, 479))
"""Sizes of chunks, taken in turn and over again."""


def cut(samples: NDArray[Any], sizes: Iterable[int]) -> Iterator[tuple[int, NDArray[Any]]]:
    """The samples in chunks of these sizes, over and over; each with the index of its first sample."""
    start = 0
    for size in itertools.cycle(sizes):
        if start >= len(samples):
            return
        yield start, samples[start : start + size]
        start += size


def push(
    step: Callable[[Signal], Signal],
    samples: NDArray[Any],
    rate_hz: float,
    sizes: Iterable[int],
    start_s: float = 0.0,
) -> NDArray[Any]:
    """All elements that come out. The first one must start at start_s and the others 1 / rate apart."""
    outputs = [
        step(Signal(chunk, rate_hz, start_s + start / rate_hz)) for start, chunk in cut(samples, sizes)
    ]
    finish = getattr(step, "finish", None)
    if finish:
        outputs.append(finish())
    count = 0
    for output in outputs:
        assert output.start_s == pytest.approx(start_s + count / output.rate_hz, abs=1e-9)
        count += len(output.values)
    return np.concatenate([output.values for output in outputs])
