"""What a benchmark feeds to a model: shapes for symbolic dimensions, synthetic values or a user's file."""

from __future__ import annotations

import lzma
import mmap
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
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

# Elements compared at a time: 1 MB as float64.
_SLICE = 1 << 17

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
    """Shapes to try, in order; exactly one set where nothing but the batch is left open.

    given: sizes by input name, -1 not allowed; they must fit the signature.
    batch: size of the first dimension, wherever it is symbolic and not given; 1 in all candidates if None.
    Raises InputError for a name that is no input, a shape that does not fit, or a batch that no input has.
    """
    _check_given(specs, given)
    if batch is not None:
        _check_batch(specs, given, batch)
    bound = _bind(specs, given, batch or 1)
    varies = bool(_unbound(specs, given, bound))
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
        if not varies:
            return


def open_dimensions(
    specs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]], batch: int | None
) -> list[str]:
    """The symbolic dimensions whose size is our choice, as `x[2] (H)`, the batch among them.

    Neither the shapes given nor the batch fix them, not even through a name that they share.
    """
    return [
        f"{name}[{axis}]" + ("" if dimension == ANY else f" ({dimension})")
        for name, axis, dimension in _unbound(specs, given, _bind(specs, given, batch))
    ]


def batch_of(
    specs: Sequence[TensorSpec],
    shapes: Mapping[str, Sequence[int]],
    given: Mapping[str, Sequence[int]],
    batch: int | None,
) -> int | None:
    """The number of samples that one call processes; None where the signature does not tell.

    It is the size that all inputs with a symbolic first dimension ran with; None if those differ. A fixed
    first dimension may be anything, so it counts only as the single input's, and if `batch` says that it is
    the batch.
    shapes: what the model ran with, by input name, those given included.
    given, batch: what `candidate_shapes` accepted. Who chose a size does not change what it says.
    """
    sizes = {shapes[spec.name][0] for spec in specs if _has_open_batch(spec)}
    if not sizes and len(specs) == 1 and specs[0].shape and specs[0].shape[0] == batch:
        return batch
    return sizes.pop() if len(sizes) == 1 else None


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
        if array.dtype == np.float64 and (spec.dtype == "f32" or spec.quantization is not None):
            raise InputError(f"{shown} holds float64 for input {spec}; save it as float32")
        if spec.quantization is not None and array.dtype == np.float32:
            arrays[spec.name] = Quantizer(spec).to_raw(array)
    return arrays


def outputs_agree(
    expected: Mapping[str, Array], got: Mapping[str, Array], quantized: Collection[str] = ()
) -> str | None:
    """None where outputs agree, else what differs.

    Floats within 0.1 % of the output's largest finite magnitude (threads may sum in another order), with NaN
    and the same infinities in the same places; complex numbers so in each of their two parts. All else
    exactly, except 8- and 16-bit integers of the outputs named in `quantized`: within one step.
    Takes a few MB whatever the size of the outputs; `expected` may be memory maps, whose pages are let go of.
    """
    for name, want in expected.items():
        have = got[name]
        if want.shape != have.shape:
            return f"{name} has shape {list(have.shape)}, first it was {list(want.shape)}"
        kind = want.dtype.kind
        if kind in "fciub" and want.dtype != have.dtype:
            return f"{name} is {have.dtype}, first it was {want.dtype}"
        if kind in "fc":
            error = _float_error(want, have)
        elif kind in "iu":
            is_step = name in quantized and want.dtype.itemsize <= 2
            error = _integer_error(want, have, limit=1 if is_step else 0)
        else:
            error = None if all(np.array_equal(*pair) for pair in _slices(want, have)) else "differs"
        if error is not None:
            return f"{name} {error}"
    return None


def _float_error(want: Array, have: Array) -> str | None:
    scale = 0.0
    for wanted, had in _slices(want, have):
        finite = np.isfinite(wanted)
        if not np.array_equal(finite, np.isfinite(had)):
            return "has NaN or infinity where it had none, or the other way round"
        if not np.array_equal(wanted[~finite], had[~finite], equal_nan=True):
            return "has NaN or an infinity where it had another of them"
        scale = max(scale, _largest(wanted[finite]))
    distance = 0.0
    for wanted, had in _slices(want, have):
        finite = np.isfinite(wanted)
        with np.errstate(over="ignore"):  # the distance of float64's extremes is infinite
            distance = max(distance, _largest(wanted[finite].astype(np.float64) - had[finite]))
    return _distance_error(distance, scale, limit=1e-3 * scale + 1e-6)


def _integer_error(want: Array, have: Array, limit: int) -> str | None:
    unsigned = np.dtype(f"u{want.dtype.itemsize}")
    distance = scale = 0
    for wanted, had in _slices(want, have):
        high, low = np.maximum(wanted, had), np.minimum(wanted, had)
        # Modulo 2^bits the difference of a higher and a lower number is exact.
        distance = max(distance, int((high.view(unsigned) - low.view(unsigned)).max(initial=0)))
        scale = max(scale, int(wanted.max(initial=0)), -int(wanted.min(initial=0)))
    return _distance_error(distance, scale, limit)


def _distance_error(distance: float, scale: float, limit: float) -> str | None:
    if distance <= limit:
        return None
    return f"differs by {distance:.3g} where its largest magnitude is {scale:.3g}"


def _largest(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0))


def _slices(want: Array, have: Array) -> Iterator[tuple[Array, Array]]:
    """The elements of two arrays of one shape side by side, flat, whatever their layouts."""
    pairs = np.nditer(
        (want, have),
        flags=("external_loop", "buffered", "zerosize_ok", "refs_ok"),
        buffersize=_SLICE,
    )
    for wanted, had in pairs:
        yield _parts(wanted), _parts(had)
        _let_go(want)


def _parts(values: Array) -> Array:
    """Complex numbers as the two floats that each is stored as; all else as it is."""
    return np.ascontiguousarray(values).view(values.real.dtype) if values.dtype.kind == "c" else values


def _let_go(array: Array) -> None:
    """Drop the pages of a file that is mapped for reading; the next look maps them again."""
    file: object = array.base
    if isinstance(array, np.memmap) and array.mode == "r" and isinstance(file, mmap.mmap):
        file.madvise(mmap.MADV_DONTNEED)


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


def _check_batch(specs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]], batch: int) -> None:
    """Refuse a batch that no input runs with: it would still be counted in the samples per second."""
    bound = _bind(specs, given, batch)
    sizes = set()
    for spec in specs:
        if _has_open_batch(spec):
            size = given[spec.name][0] if spec.name in given else bound[spec.name, 0]
            if spec.name not in given and size != batch:
                made = f"{spec.shape[0]} {size}"
                raise InputError(f"--batch {batch} does not fit: the shapes given make {made}")
            sizes.add(size)
        elif spec.shape and len(specs) == 1:
            if spec.shape[0] != batch:
                raise InputError(f"input {spec} has a fixed batch of {spec.shape[0]}; leave --batch out")
            sizes.add(batch)
    if batch not in sizes:
        raise InputError(f"--batch {batch} fits no input; the model has {list_specs(specs)}")


def _bind(
    specs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]], batch: int | None
) -> dict[tuple[str, int], int]:
    """Sizes that follow from what was given, by (input, axis): one name has one size everywhere."""
    names: dict[str, int] = {}
    for spec in specs:
        for size, dimension in zip(given.get(spec.name, ()), spec.shape, strict=False):
            if isinstance(dimension, str):
                names.setdefault(dimension, size)
    if batch is not None:
        for spec in specs:
            if _has_open_batch(spec) and spec.name not in given:
                names.setdefault(str(spec.shape[0]), batch)
    names.pop(ANY, None)  # each `?` has a size of its own
    bound: dict[tuple[str, int], int] = {}
    for name, axis, dimension in _unbound(specs, given, {}):
        if dimension in names:
            bound[name, axis] = names[dimension]
        elif axis == 0 and batch is not None:
            bound[name, axis] = batch
    return bound


def _unbound(
    specs: Sequence[TensorSpec], given: Mapping[str, Sequence[int]], bound: Mapping[tuple[str, int], int]
) -> list[tuple[str, int, str]]:
    """The symbolic dimensions without a size, as (input, axis, name)."""
    return [
        (spec.name, axis, dimension)
        for spec in specs
        if spec.name not in given
        for axis, dimension in enumerate(spec.shape)
        if isinstance(dimension, str) and (spec.name, axis) not in bound
    ]


def _has_open_batch(spec: TensorSpec) -> bool:
    return bool(spec.shape) and isinstance(spec.shape[0], str)
