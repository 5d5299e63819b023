"""A bare model file as a bundle of one model with one variant."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import InputError, ModelError, ModelNotFound, one_line
from .types import Bundle, Model, Variant


def bare_bundle(path: str | os.PathLike[str]) -> Bundle:
    """A bare model file as a bundle of one model with one variant.

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
    """The one variant of a bare model file; raises as `bare_bundle`."""
    return bare_bundle(path).models[0].variants[0]


def sniff_format(path: Path) -> str:
    """`onnx` or `tflite` by content.

    TFLite carries the identifier `TFL3` at offset 4 (FlatBuffers file identifier). ONNX is a protobuf
    without magic; its first field is `ir_version`, so that it starts with the tag 0x08.
    """
    head = read_head(path)
    if head[4:8] == b"TFL3":
        return "tflite"
    if head[:1] == b"\x08":
        return "onnx"
    kind = "is empty" if not head else f"starts with {head!r}, no bundle, ONNX or TFLite"
    raise ModelError(f"{one_line(path)} {kind}; give a .edge, .onnx or .tflite file")


def read_head(path: Path) -> bytes:
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
    raise ModelError(f"{shown} is {kind}; give a .edge, .onnx or .tflite file")
