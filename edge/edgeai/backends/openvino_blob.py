"""The file that a compiled model is kept in: `openvino_forms` writes it, the backend opens it.

edgeai-openvino 1 CRC32\\n      of all that follows; OpenVINO checks nothing, and dies on a damaged blob
{"version": ..., ...}\\n        JSON: OpenVINO's version, the signature, how long the blob is
zeros up to a multiple of the page size, then the blob, which is mapped: of MiniLM's 175 MB of anonymous
memory 84 are left, and the load takes a third of the time (2026.4.1, x86)
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError, one_line
from ..wire import build
from .openvino_compiled import DEVICE, OPENVINO_ERRORS, core, short, version
from .openvino_library import ov
from .openvino_signature import Signature

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"edgeai-openvino 1 "
_FIRST_LINE_BYTES = len(_MAGIC) + 9
_PAGE_BYTES = 16384  # of a kernel with large pages; a mapping must start at a multiple
_READ_BYTES = 1 << 18


@dataclass(frozen=True)
class _Header:
    version: str
    blob_bytes: int
    signature: Signature


def write_blob(path: Path, model: Any, signature: Signature) -> None:
    """Write a CompiledModel to a new file."""
    blob = model.export_model().getbuffer()
    header = json.dumps(asdict(_Header(version(), len(blob), signature))).encode() + b"\n"
    header += bytes(-(_FIRST_LINE_BYTES + len(header)) % _PAGE_BYTES)
    checksum = zlib.crc32(blob, zlib.crc32(header))
    with path.open("wb") as file:
        file.write(_MAGIC + b"%08x\n" % checksum)
        file.write(header)
        file.write(blob)


def import_blob(path: Path, settings: dict[str, Any]) -> tuple[Any, Signature, object]:
    """The CompiledModel of a file, its signature, and the mapping that has to outlive every use of the model.

    Raises ModelError for what is damaged, truncated, or of another OpenVINO.
    """
    header, start = _read_header(path)
    if header.version != version():
        raise ModelError(
            f"{one_line(path)} was made by OpenVINO {header.version}, and this is {version()}; prepare again"
        )
    # A private mapping, since OpenVINO takes no read-only arrays. It does not keep what it is given.
    blob = np.memmap(path, np.uint8, "c", start, (header.blob_bytes,))
    try:
        model = core().import_model(ov.Tensor(blob, shared_memory=True), DEVICE, settings)
    except OPENVINO_ERRORS as error:
        raise ModelError(f"{one_line(path)} cannot be loaded by OpenVINO: {short(error)}") from error
    return model, header.signature, blob


def _read_header(path: Path) -> tuple[_Header, int]:
    """The header of a sound file, and where the blob starts."""
    try:
        with path.open("rb") as file:
            first, line = file.readline(_FIRST_LINE_BYTES), file.readline()
            rest = -(len(first) + len(line)) % _PAGE_BYTES
            checksum, blob_bytes = zlib.crc32(file.read(rest), zlib.crc32(line)), 0
            while chunk := file.read(_READ_BYTES):
                checksum = zlib.crc32(chunk, checksum)
                blob_bytes += len(chunk)
        if first != _MAGIC + b"%08x\n" % checksum:
            raise ValueError
        header: _Header = build(_Header, json.loads(line))
    except OSError as error:
        raise ModelError(f"{one_line(path)} cannot be read: {error.strerror}; prepare again") from None
    except (ValueError, TypeError, KeyError):
        raise ModelError(f"{one_line(path)} is damaged or no compiled model; prepare again") from None
    return header, len(first) + len(line) + rest
