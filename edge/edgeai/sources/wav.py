"""The header of a WAV file: what its samples are, and where.

The standard library's `wave` reads neither floats nor (before Python 3.12) extensible headers, and stops at
files whose writer was killed before it could fill in the lengths.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from typing import BinaryIO

_INTEGERS, _FLOATS, _EXTENSIBLE = 1, 3, 0xFFFE  # wFormatTag in Microsoft's mmreg.h
_UNKNOWN = 0xFFFFFFFF  # a length of a writer that could not go back, or of RF64, where `ds64` has it
_KEPT = (b"fmt ", b"ds64")
_LARGEST_KEPT = 4096  # bytes; an extensible format has 40


@dataclass(frozen=True)
class WavLayout:
    """What the samples are. width_bytes: of one. length_bytes: of all; None if the header does not say."""

    rate_hz: int
    channels: int
    width_bytes: int
    is_float: bool
    length_bytes: int | None


def read_wav_header(file: BinaryIO, shown: str) -> WavLayout | None:
    """Leave a WAV file at its first sample and say what the samples are; None for what is not PCM in WAV.

    shown: what errors call the file. Raises InputError for a header that is damaged.
    """
    start = file.read(12)
    if start[:4] not in {b"RIFF", b"RF64"} or start[8:] != b"WAVE":
        return None
    chunks: dict[bytes, bytes] = {}
    while True:
        head = file.read(8)
        if len(head) < 8:
            raise InputError(f"{shown} is a WAV file that ends before its samples; copy it again")
        name, length = struct.unpack("<4sI", head)
        if name == b"data":
            break
        if name in _KEPT and length <= _LARGEST_KEPT:
            chunks[name] = file.read(length + length % 2)
        else:
            file.seek(length + length % 2, 1)
    if length == _UNKNOWN:
        known = _long_length(chunks.get(b"ds64", b""))
    else:
        # Nothing should follow by this header; what does was recorded by a writer that was killed.
        unfinished = length == 0 and int.from_bytes(start[4:8], "little") + 8 <= file.tell()
        known = None if unfinished else length
    return _layout(chunks.get(b"fmt ", b""), known, shown)


def _layout(form: bytes, length_bytes: int | None, shown: str) -> WavLayout | None:
    if len(form) < 16:
        raise InputError(f"{shown} is a WAV file that does not say what its samples are; copy it again")
    tag, channels, rate_hz, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", form)
    if tag == _EXTENSIBLE and len(form) >= 26:
        tag = int.from_bytes(form[24:26], "little")  # the first field of SubFormat
    if tag not in {_INTEGERS, _FLOATS}:
        return None
    width_bytes = frame_bytes // channels if channels else 0
    widths = (1, 2, 3, 4) if tag == _INTEGERS else (4, 8)
    if not rate_hz or width_bytes not in widths or frame_bytes % channels or bits > 8 * width_bytes:
        raise InputError(
            f"{shown} is a WAV file with a damaged header: {channels} channels of {bits} bits "
            f"in {frame_bytes} bytes at {rate_hz} Hz; copy it again"
        )
    return WavLayout(rate_hz, channels, width_bytes, tag == _FLOATS, length_bytes)


def _long_length(ds64: bytes) -> int | None:
    """RF64 (EBU Tech 3306): length of the file, then of the samples, 8 bytes each."""
    return int.from_bytes(ds64[8:16], "little") if len(ds64) >= 16 else None
