"""Samples that queries draw from: those of a file, or made-up ones; and the batches made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, one_line
from .inputs import synthetic_inputs

if TYPE_CHECKING:
    from ..backends import Array
    from ..bundle import TensorSpec

Feed = dict[str, "Array"]

_MADE_UP = 64
"""Made-up samples: so many, or as many as the memory below holds, but one at least."""
_MADE_UP_BYTES = 32 << 20


@dataclass(frozen=True)
class Pool:
    """Samples by number, each what one run of the model takes. told: where they came from, in words."""

    feeds: tuple[Feed, ...]
    told: str
    origin: str
    """`file` or `synthetic`."""

    def batch(self, numbers: Sequence[int], joined: Sequence[str]) -> Feed:
        """One feed of several samples. joined: inputs whose first dimension is the batch; others are the
        first sample's."""
        first = self.feeds[numbers[0]]
        if len(numbers) == 1:
            return first
        return first | {
            name: np.concatenate([self.feeds[number][name] for number in numbers]) for name in joined
        }


def open_batches(specs: Sequence[TensorSpec]) -> tuple[str, ...]:
    """Names of the inputs whose first dimension is open."""
    return tuple(spec.name for spec in specs if spec.shape and isinstance(spec.shape[0], str))


def pool_of_file(arrays: Mapping[str, Array], specs: Sequence[TensorSpec], file: str) -> Pool:
    """The samples of a file. Raises InputError for arrays that do not fit, or of different numbers.

    arrays: by input name, along their first axis the samples: [N, ...] where the input's own first dimension
    is 1 or open, else [N, *shape]. One that has exactly the input's shape without any is the same for all.
    """
    shown = one_line(file)
    split = {spec.name: _split(arrays[spec.name], spec, shown) for spec in specs}
    counts = {name: len(parts) for name, parts in split.items() if parts is not None}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise InputError(f"{shown} holds different numbers of samples ({told}); give as many of each input")
    count = next(iter(counts.values()), 1)
    if count == 0:
        raise InputError(f"{shown} holds no sample; give at least one along the first axis")
    feeds = tuple(
        {name: arrays[name] if parts is None else parts[number] for name, parts in split.items()}
        for number in range(count)
    )
    return Pool(feeds, f"{count} of {file}", "file")


def first_batch(pool: Pool, specs: Sequence[TensorSpec], batch: int | None) -> tuple[Feed, int | None]:
    """The first samples in one feed, and how many; without a batch, or room for one, the first and None."""
    joined = open_batches(specs)
    if batch is None or not joined:
        return pool.feeds[0], None
    return pool.batch([number % len(pool.feeds) for number in range(batch)], joined), batch


def made_up_pool(
    specs: Sequence[TensorSpec],
    probed: Mapping[str, Array],
    values: Mapping[str, float],
    zeros: Sequence[str],
    *,
    batch: int | None,
    seed: int,
) -> Pool:
    """Samples in the shapes that the probe found, each from a seed of its own.

    probed: what the probe ran with. zeros: inputs that hold state, which starts from zeros. batch: what the
    probe gave the first dimension where that is open; a sample has 1 there.
    """
    shapes = {name: array.shape for name, array in probed.items()}
    if batch is not None:
        shapes |= {name: (1, *shapes[name][1:]) for name in open_batches(specs)}
    feeds: list[Feed] = []
    size = 0
    while len(feeds) < _MADE_UP and (not feeds or size + size / len(feeds) <= _MADE_UP_BYTES):
        feed = synthetic_inputs(specs, shapes, values, seed + len(feeds))
        feeds.append(feed | {name: np.zeros_like(feed[name]) for name in zeros})
        size += sum(array.nbytes for array in feed.values())
    last = "" if len(feeds) == 1 else f" to {seed + len(feeds) - 1}"
    told = f"{len(feeds)} synthetic: floats uniform in [0, 1) from seed {seed}{last}, integers 0"
    return Pool(tuple(feeds), told, "synthetic")


def _split(array: Array, spec: TensorSpec, file: str) -> list[Array] | None:
    """The samples of one input; None where it is the same for all."""
    if array.ndim == len(spec.shape) + 1 and _fits(array.shape[1:], spec.shape):
        return [np.ascontiguousarray(part) for part in array]
    if array.ndim == len(spec.shape) and array.ndim and _fits(array.shape[1:], spec.shape[1:]):
        if spec.shape[0] == 1 or isinstance(spec.shape[0], str):
            return [array[number : number + 1] for number in range(len(array))]
        if array.shape[0] == spec.shape[0]:
            return None
    if array.ndim == 0 and not spec.shape:
        return None
    raise InputError(
        f"{file} holds {spec.name} as {list(array.shape)}, which is no list of samples for input {spec}"
    )


def _fits(shape: Sequence[int], wanted: Sequence[int | str]) -> bool:
    return len(shape) == len(wanted) and all(
        isinstance(size, str) or size == have for have, size in zip(shape, wanted, strict=True)
    )
