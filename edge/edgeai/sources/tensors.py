"""Tensors as JSON lines and as numpy's files, to arrays by the name of the model's input.

    {"x": [[1, 2], [3, 4]], "mask": {"data": "AQE=", "dtype": "u8", "shape": [2]}}

Lists hold plain numbers, which become the dtype of the input where that is known; `data` is base64 of the
elements, little-endian, row by row.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..bundle import NUMPY_DTYPES
from ..errors import InputError, one_line

if TYPE_CHECKING:
    from typing import BinaryIO, TypeAlias

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]


def parse_tensors(line: bytes, where: str, dtypes: Mapping[str, str] | None = None) -> dict[str, Array]:
    """Arrays by input name from one line of JSON.

    where: the line's place, as errors name it. dtypes: of the inputs by name. Lists of an input that has none
    there are i64 where all numbers are whole, else f32. Raises InputError.
    """
    try:
        document = json.loads(line)
    except RecursionError:
        raise InputError(f"{where}: it is nested too deeply; give lists of numbers") from None
    except ValueError as error:
        raise InputError(f"{where}: not JSON: {one_line(error)}") from None
    if not isinstance(document, dict) or not document:
        raise InputError(f'{where}: give an object of arrays by input name, such as {{"x": [1, 2]}}')
    known = dtypes or {}
    return {
        name: _array(value, f"{where}: {one_line(name)}", known.get(name)) for name, value in document.items()
    }


# What numpy raises on damaged files; the last two where a header states absurd sizes.
_LOAD_ERRORS = (ValueError, OSError, EOFError, KeyError, SyntaxError, MemoryError, OverflowError)
# An archive of a compression that this Python lacks, or with a password.
_ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError)


def load_npy(file: BinaryIO, where: str) -> Array:
    """The array of a `.npy` file. Raises InputError."""
    try:
        read: Any = np.lib.format.read_array  # its types came with numpy 2
        return _native(read(file, allow_pickle=False))
    except _LOAD_ERRORS as error:
        raise InputError(f"{where} is damaged or no plain array: {one_line(error)}") from None


def load_npz(file: BinaryIO, where: str) -> dict[str, Array]:
    """Arrays by name of a `.npz` file. Raises InputError."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
    except (*_LOAD_ERRORS, *_ZIP_ERRORS) as error:
        raise InputError(f"{where} is damaged or holds more than plain arrays: {one_line(error)}") from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # a member that is no array comes as its bytes
            raise InputError(f"{where}: {one_line(name)} is no array; write the file with numpy.savez")
    return {name: _native(array) for name, array in arrays.items()}


def _native(array: Array) -> Array:
    """As models take it: this machine's byte order, text as objects."""
    wanted = np.dtype(object) if array.dtype.kind == "U" else array.dtype.newbyteorder("=")
    return array.astype(wanted, copy=False)


def _array(value: object, where: str, dtype: str | None) -> Array:
    if isinstance(value, dict):
        return _unpack(value, where)
    # As objects first: numpy would make text of a number beside a text, and 1 of true.
    objects = np.asarray(value, dtype=object)
    found: set[Any] = set(map(type, objects.reshape(-1)))  # `flat` has 32 dimensions at most
    if found & {list, dict}:
        _refuse(where, "its lists differ in length or are nested too deeply")
    dtype = dtype or _guess(found)
    if not found <= _takes(dtype):
        _refuse(where, f"it holds {_name(found)}, the input is {dtype}")
    return _cast(objects, where, dtype)


def _guess(found: set[Any]) -> str:
    for dtype in ("bool", "i64", "str"):
        if found and found <= _takes(dtype):
            return dtype
    return "f32"


def _takes(dtype: str) -> set[Any]:
    """Which of JSON's values an input of this dtype takes."""
    kind = np.dtype(NUMPY_DTYPES[dtype]).kind
    takes: dict[str, set[Any]] = {"b": {bool}, "O": {str}, "i": {int}, "u": {int}}
    return takes.get(kind, {int, float})


def _cast(objects: Array, where: str, dtype: str) -> Array:
    wanted = np.dtype(NUMPY_DTYPES[dtype])
    if wanted.kind in "iu" and objects.size:  # some versions of numpy would wrap around
        limits = np.iinfo(wanted)
        for number in (min(objects.reshape(-1)), max(objects.reshape(-1))):
            if not limits.min <= number <= limits.max:
                _refuse(where, f"{number} does not fit into {dtype}")
    try:
        exact = objects.astype(np.float64) if wanted.kind in "fc" else objects
    except OverflowError:
        _refuse(where, f"a number in it does not fit into {dtype}")
    with np.errstate(over="ignore"):
        array: Array = exact.astype(wanted)
    if wanted.kind in "fc" and (np.isinf(array) & np.isfinite(exact)).any():
        _refuse(where, f"a number in it does not fit into {dtype}")
    return array


_NAMES = {
    type(None): "null",
    bool: "true or false",
    int: "whole numbers",
    float: "fractions",
    str: "text",
}


def _name(found: set[Any]) -> str:
    return " and ".join(name for kind, name in _NAMES.items() if kind in found)


def _unpack(value: Mapping[str, Any], where: str) -> Array:
    """`{"data": base64, "dtype": "f32", "shape": [2, 3]}`."""
    if set(value) != {"data", "dtype", "shape"}:
        _refuse(where, f"it has {one_line(', '.join(value)) or 'no keys'}; give data, dtype and shape")
    shown, shape = value["dtype"], value["shape"]
    if not isinstance(shown, str) or shown not in NUMPY_DTYPES or shown == "str":
        known = ", ".join(name for name in NUMPY_DTYPES if name != "str")
        _refuse(where, f"dtype is {one_line(repr(shown))}; give one of: {known}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        _refuse(where, f"shape is {one_line(repr(shape))}; give a list of sizes")
    try:
        content = base64.b64decode(value["data"], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        _refuse(where, f"data is not base64: {one_line(error)}")
    dtype = np.dtype(NUMPY_DTYPES[shown]).newbyteorder("<")
    wanted = math.prod(shape) * dtype.itemsize
    if len(content) != wanted:
        _refuse(where, f"data has {len(content):,} bytes, {shown}{shape} has {wanted:,}")
    try:
        return _native(np.frombuffer(content, dtype).reshape(shape))
    except ValueError as error:  # more dimensions than numpy has
        _refuse(where, one_line(error))


def _refuse(where: str, what: str) -> NoReturn:
    raise InputError(f"{where}: {what}")
