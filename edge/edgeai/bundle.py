"""What travels from the workstation to the board: models, their variants and their signatures.

A bare `.onnx` or `.tflite` behaves as a bundle of one model with one variant and an implied manifest.
The types follow the `.edge` format, whose archive and pipelines come on top of them.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError, ModelError, ModelNotFound, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

# Short names, as the manifest spells them, against numpy's.
NUMPY_DTYPES = {
    "bool": "bool",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
    "c64": "complex64",
    "c128": "complex128",
    "str": "object",
}

ANY = "?"
"""A dimension without a name: any size, independent of every other `?`."""


@dataclass(frozen=True)
class Quantization:
    """real = (raw - zero_point) * scale, for a whole tensor."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type and shape of one input or output.

    dtype: a key of NUMPY_DTYPES.
    shape: a number for a fixed size, a name for a symbolic one (one name, one size), `ANY` for a free one.
    quantization: set where the file stores integers that stand for real values.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    quantization: Quantization | None = None

    @property
    def is_static(self) -> bool:
        """Whether every dimension is a number."""
        return all(isinstance(size, int) for size in self.shape)

    def fits(self, shape: tuple[int, ...], sizes: dict[str, int] | None = None) -> bool:
        """Whether an array's shape fits.

        sizes: collects what each named dimension stood for; one dict for all inputs makes them agree.
        """
        names = {} if sizes is None else sizes

        def fits_one(size: int, wanted: int | str) -> bool:
            if isinstance(wanted, int):
                return size == wanted
            return wanted == ANY or names.setdefault(wanted, size) == size

        return len(shape) == len(self.shape) and all(map(fits_one, shape, self.shape))

    def __str__(self) -> str:
        sizes = ", ".join(str(size) for size in self.shape)
        text = f"{self.name}: {self.dtype}[{sizes}]"
        if self.quantization:
            text += f" (scale {self.quantization.scale:g}, zero point {self.quantization.zero_point})"
        return one_line(text, 200)


@dataclass(frozen=True)
class Variant:
    """One file of a model that some backend can run."""

    id: str
    format: str
    """`onnx` or `tflite`; a backend's entry lists the formats it reads."""
    path: Path


@dataclass(frozen=True)
class Model:
    """A named model and the variants it offers, in order of preference."""

    name: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Bundle:
    """Named models and where they came from."""

    path: Path
    models: tuple[Model, ...]


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """The bundle at a path; a bare model file becomes a bundle of one model with one variant.

    Only the first bytes are read: whether the whole file is sound is for the backend to say.
    Raises ModelNotFound, or ModelError for what is not a regular, readable file in a known format.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"{one_line(repr(path))} is no path; give the path of a .onnx or .tflite file")
    file = Path(path)
    format_ = sniff_format(file)
    try:
        str(file).encode()
    except UnicodeEncodeError:  # backends take paths as UTF-8
        raise ModelError(f"{one_line(file)} has a name that is not UTF-8; rename it") from None
    return Bundle(file, (Model(file.stem, (Variant("bare", format_, file),)),))


def bare_variant(path: str | os.PathLike[str]) -> Variant:
    """The one variant of a bare model file; raises as `open_bundle`."""
    return open_bundle(path).models[0].variants[0]


def sniff_format(path: Path) -> str:
    """`onnx` or `tflite` by content.

    TFLite carries the identifier `TFL3` at offset 4 (FlatBuffers file identifier). ONNX is a protobuf
    without magic; its first field is `ir_version`, so that it starts with the tag 0x08.
    """
    head = _read_head(path)
    if head[4:8] == b"TFL3":
        return "tflite"
    if head[:1] == b"\x08":
        return "onnx"
    kind = "is empty" if not head else f"starts with {head!r}, neither ONNX nor TFLite"
    raise ModelError(f"{one_line(path)} {kind}; give a .onnx or .tflite file")


def list_specs(specs: Iterable[TensorSpec]) -> str:
    """What a model wants or gives, as an error shows it."""
    return one_line("; ".join(str(spec) for spec in specs))


def _read_head(path: Path) -> bytes:
    """The first 8 bytes of a regular file; never opens a device or a pipe, which could block."""
    shown = one_line(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb") as file:
                return file.read(8)
    except FileNotFoundError:
        raise ModelNotFound(f"{shown}: no such file; check the path") from None
    except PermissionError:
        raise ModelError(f"{shown} cannot be read: no permission; check who may read it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        # Python words the ValueError differently from version to version.
        reason = error.strerror if isinstance(error, OSError) else "a NUL in its name"
        raise ModelError(f"{shown} cannot be read: {reason}; check the path") from None
    kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
    raise ModelError(f"{shown} is {kind}; give a .onnx or .tflite file")
