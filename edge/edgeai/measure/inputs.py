"""What a benchmark feeds to a model: shapes for symbolic dimensions, synthetic values or a user's file."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..bundle import ANY, NUMPY_DTYPES, TensorSpec, list_specs
from ..errors import InputError, one_line
from ..quantize import Quantizer

if TYPE_CHECKING:
    from ..backends import Array

Shapes = dict[str, tuple[int, ...]]

# Tried in this order for a symbolic dimension that nobody gave a size: 1 first, then sizes that image,
# text and audio models were commonly trained with.
COMMON_SIZES = (1, 32, 64, 128, 224, 256, 320, 512, 640, 16, 48)

# What numpy and zipfile raise on damaged files: truncated or impossible headers, encrypted members, unknown
# compression, shapes that are no numbers or need more memory than there is.
_DAMAGED_ARRAYS = (
    OSError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    SyntaxError,
    OverflowError,
    RecursionError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
)


def named_shapes(specs: Sequence[TensorSpec], given: Mapping[str, tuple[int, ...]]) -> Shapes:
    """Shapes by name, where the name `""` may stand for the only input. Raises InputError."""
    shapes = dict(given)
    if "" in shapes:
        if len(specs) != 1:
            raise InputError(f"say which input a shape is for, as NAME:SIZES; it has {list_specs(specs)}")
        shapes[specs[0].name] = shapes.pop("")
    return shapes


def candidate_shapes(
    specs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]], batch: int | None
) -> Iterator[Shapes]:
    """Shapes to try, in order; exactly one set where nothing is left open.

    given: sizes by input name, -1 not allowed; they must fit the signature.
    batch: size of the first dimension, wherever it is not given.
    Raises InputError for a name that is no input, a shape that does not fit, or a fixed batch.
    """
    _check_given(specs, given)
    bound = _bind(specs, given, batch)
    for size in COMMON_SIZES:
        shapes = {
            spec.name: tuple(
                bound.get((spec.name, axis), size) if isinstance(dimension, str) else dimension
                for axis, dimension in enumerate(spec.shape)
            )
            for spec in specs
        }
        shapes.update({name: tuple(sizes) for name, sizes in given.items()})
        yield shapes
        if not open_dimensions(specs, given, batch):
            return


def open_dimensions(
    specs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]], batch: int | None
) -> list[str]:
    """The symbolic dimensions that nobody gave a size, as `x[2] (H)`; a batch that is given is one."""
    bound = _bind(specs, given, batch)
    return [
        f"{spec.name}[{axis}]" + ("" if dimension == ANY else f" ({dimension})")
        for spec in specs
        if spec.name not in given
        for axis, dimension in enumerate(spec.shape)
        if isinstance(dimension, str) and (axis > 0 or batch is None) and (spec.name, axis) not in bound
    ]


def synthetic_inputs(
    specs: Sequence[TensorSpec], shapes: Mapping[str, Sequence[int]], values: Mapping[str, float], seed: int
) -> dict[str, Array]:
    """Floats uniform in [0, 1) from the seed, integers 0, strings empty; `values` fills an input with one."""
    unknown = set(values) - {spec.name for spec in specs}
    if unknown:
        raise InputError(f"no input is called {min(unknown)!r}; the model has {list_specs(specs)}")
    random = np.random.default_rng(seed)
    arrays: dict[str, Array] = {}
    for spec in specs:
        shape = tuple(shapes[spec.name])
        try:
            arrays[spec.name] = _synthetic(spec, shape, values.get(spec.name), random)
        except (MemoryError, ValueError, OverflowError) as error:
            filled = f" of {values[spec.name]}" if spec.name in values else ""
            raise InputError(f"input {spec} cannot be made as {list(shape)}{filled}: {error}") from error
    return arrays


def _synthetic(
    spec: TensorSpec, shape: tuple[int, ...], value: float | None, random: np.random.Generator
) -> Array:
    dtype = NUMPY_DTYPES[spec.dtype]
    if value is not None:
        return np.full(shape, value, dtype=dtype)
    if dtype == "object":
        return np.full(shape, "", dtype=object)
    if dtype.startswith(("float", "complex")):
        return random.random(shape).astype(dtype)
    return np.zeros(shape, dtype=dtype)


def read_inputs(path: Path, specs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Raw inputs from a .npy (a model with one input) or a .npz (arrays by input name).

    Real values for a quantized input are quantized here, so that no run pays for it.
    Raises InputError for a file that cannot be read or does not name the model's inputs.
    """
    shown = one_line(path)
    try:
        if path.exists() and not path.is_file():  # a pipe would block
            raise InputError(f"{shown} is not a regular file; give a .npy or .npz file")
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            # A .npy holds the one array of a model with one input.
            arrays = {specs[0].name: loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except _DAMAGED_ARRAYS as error:
        if isinstance(error, InputError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{shown} is no .npy or .npz file that can be read: {one_line(reason)}") from error
    if set(arrays) != {spec.name for spec in specs}:
        held = one_line(", ".join(arrays)) or "nothing"
        raise InputError(f"{shown} holds {held}; the model wants {list_specs(specs)}")
    for spec in specs:
        array = arrays[spec.name]
        if spec.quantization is not None and array.dtype == np.float32:
            arrays[spec.name] = Quantizer(spec).to_raw(array)
    return arrays


def outputs_agree(expected: Mapping[str, Array], got: Mapping[str, Array]) -> str | None:
    """None where outputs agree, else what differs.

    Floats within 0.1 % of the output's largest magnitude (threads may sum in another order), integers
    within one step.
    """
    for name, want in expected.items():
        have = got[name]
        if want.shape != have.shape:
            return f"{name} has shape {list(have.shape)}, first it was {list(want.shape)}"
        if want.dtype.kind not in "fiu":
            if not np.array_equal(want, have):
                return f"{name} differs"
            continue
        finite = np.isfinite(want)
        if not np.array_equal(finite, np.isfinite(have)):
            return f"{name} has NaN or infinity where it had none, or the other way round"
        distance = np.abs(want[finite].astype(float) - have[finite].astype(float))
        scale = np.abs(want[finite].astype(float)).max(initial=0.0)
        limit = 1e-3 * scale + 1e-6 if want.dtype.kind == "f" else 1.0
        if distance.max(initial=0.0) > limit:
            return f"{name} differs by {distance.max():.3g} where its largest magnitude is {scale:.3g}"
    return None


def _check_given(specs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]]) -> None:
    by_name = {spec.name: spec for spec in specs}
    for name, sizes in given.items():
        if name not in by_name:
            raise InputError(f"no input is called {name!r}; the model has {list_specs(specs)}")
        spec = by_name[name]
        fits = len(sizes) == len(spec.shape) and all(
            size == wanted if isinstance(wanted, int) else size > 0
            for size, wanted in zip(sizes, spec.shape, strict=True)
        )
        if not fits:
            raise InputError(f"shape {list(sizes)} does not fit input {spec}")


def _bind(
    specs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]], batch: int | None
) -> dict[tuple[str, int], int]:
    """Sizes that follow from what was given, by (input, axis): one name has one size everywhere."""
    names = _named_sizes(specs, given)
    for spec in specs:
        if spec.shape and spec.name not in given:
            _bind_batch(spec, names, batch, is_only=len(specs) == 1)
    bound: dict[tuple[str, int], int] = {}
    for spec in specs:
        for axis, dimension in enumerate(spec.shape):
            if isinstance(dimension, str) and dimension in names:
                bound[spec.name, axis] = names[dimension]
            elif isinstance(dimension, str) and axis == 0:
                bound[spec.name, axis] = batch or 1
    # A batch that no input runs with would still be counted in the samples per second.
    if batch is not None and batch not in {_first_size(spec, given, bound) for spec in specs}:
        raise InputError(f"--batch {batch} fits no input; the model has {list_specs(specs)}")
    return bound


def _named_sizes(specs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]]) -> dict[str, int]:
    names: dict[str, int] = {}
    for spec in specs:
        for size, dimension in zip(given.get(spec.name, ()), spec.shape, strict=False):
            if isinstance(dimension, str) and dimension != ANY:
                names.setdefault(dimension, size)
    return names


def _bind_batch(spec: TensorSpec, names: dict[str, int], batch: int | None, *, is_only: bool) -> None:
    """Give the first dimension's name the size of the batch, 1 where there is none."""
    first = spec.shape[0]
    if isinstance(first, int):
        if batch not in {None, first} and is_only:
            raise InputError(f"input {spec} has a fixed batch of {first}; leave --batch out")
    elif first != ANY:
        size = names.setdefault(first, batch or 1)
        if batch not in {None, size}:
            raise InputError(f"--batch {batch} does not fit: the shapes given make {first} {size}")


def _first_size(
    spec: TensorSpec, given: Mapping[str, Sequence[int]], bound: Mapping[tuple[str, int], int]
) -> int | str | None:
    if not spec.shape:
        return None
    return given[spec.name][0] if spec.name in given else bound.get((spec.name, 0), spec.shape[0])


def _names(specs: Sequence[TensorSpec]) -> str:
    return "; ".join(str(spec) for spec in specs)
