"""Whether a file gives what the original gives, on inputs that are run through both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

import edgeai
from edgeai.bundle import NUMPY_DTYPES, TensorSpec
from edgeai.errors import EdgeError, ExportError, one_line
from edgeai.measure.inputs import candidate_shapes

from ..arrays import Array, Feed, Outputs

Run = Callable[[Feed], Outputs]

TOLERANCE = 1e-4
"""Largest difference, as a share of the output's largest magnitude or of 1, whichever is more: float32 sums
in another order come within a tenth of it in deep networks, a wrong graph does not."""


def prove(
    path: Path, reference: Run, feeds: Iterable[Feed], told: str, *, backend: str = "onnxruntime"
) -> float:
    """The largest difference of a file's outputs from the reference's. Raises ExportError above `TOLERANCE`.

    told: what the source is called.
    """
    worst = 0.0
    with edgeai.load(path, backend=backend, prepared=False) as session:
        for feed in feeds:
            shown = ", ".join(f"{name}{list(array.shape)}" for name, array in feed.items())
            got = session.run(dict(feed))
            for name, want in reference(feed).items():
                error = difference(want, got[name])
                if not error <= TOLERANCE:
                    raise ExportError(
                        f"{one_line(told)}: the exported file differs from the source by {error:.2g} "
                        "in output "
                        f"{one_line(name)} on {one_line(shown)}; export with another opset, or by "
                        "another --via"
                    )
                worst = max(worst, error)
    return worst


def difference(want: Array, got: Array) -> float:
    """The largest difference as a share of the wanted array's largest magnitude, or of 1 if that is more.

    Infinite where shapes differ, or where one is NaN or infinite and the other is not the same.
    """
    if want.shape != got.shape:
        return float("inf")
    if want.dtype.kind not in "fc":
        return 0.0 if np.array_equal(want, got) else float("inf")
    finite = np.isfinite(want)
    if not np.array_equal(want[~finite], got[~finite], equal_nan=True):
        return float("inf")
    wanted, had = want[finite].astype(np.float64), got[finite].astype(np.float64)
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    return float(np.abs(wanted - had).max(initial=0.0)) / scale


def runs(path: Path) -> tuple[TensorSpec, ...]:
    """The inputs of a file that ONNX Runtime opens. Raises ModelError where it does not."""
    with edgeai.load(path, backend="onnxruntime", prepared=False) as session:
        return tuple(session.inputs)


def random_feeds(
    path: Path, given: Mapping[str, Sequence[int]], seed: int, count: int = 3
) -> Iterator[tuple[Feed, Outputs]]:
    """Random inputs and what the file gives for them, in the first sizes that it runs with.

    given: sizes by input name, where the user told them. Raises ExportError where it runs with none.
    """
    with edgeai.load(path, backend="onnxruntime", prepared=False) as session:
        specs, reason = session.inputs, "it has no inputs"
        for shapes in candidate_shapes(specs, given, None):
            try:
                session.run(random_feed(specs, shapes, seed))
            except EdgeError as error:
                reason = one_line(error)
                continue
            feeds = [random_feed(specs, shapes, seed + index) for index in range(count)]
            yield from ((feed, session.run(feed)) for feed in feeds)
            return
    raise ExportError(f"{one_line(path)} runs on no random input ({reason}); give --example inputs.npz")


def random_feed(
    specs: Sequence[TensorSpec], shapes: Mapping[str, Sequence[int]], seed: int
) -> dict[str, Array]:
    """Floats from -1 to 1, integers 0 and 1 (which are indices, masks and flags alike), from the seed."""
    random = np.random.default_rng(seed)
    return {spec.name: _random(spec, tuple(shapes[spec.name]), random) for spec in specs}


def _random(spec: TensorSpec, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    dtype = np.dtype(NUMPY_DTYPES[spec.dtype])
    if dtype.kind == "f":
        return random.uniform(-1, 1, shape).astype(dtype)
    if dtype == np.dtype(object):
        return np.full(shape, "", dtype=object)
    return random.integers(0, 2, shape).astype(dtype)
