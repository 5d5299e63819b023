"""Writes a zip file that is the same bytes for the same members: stored, aligned, without dates or owners."""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from . import zip_format as zf

# 1 January 1980, 00:00, the first that zip can say.
_TIME, _DATE = 0, 1 << 5 | 1

_MODE = (stat.S_IFREG | 0o644) << 16
_UNIX = 3 << 8
_FILES, _ZIP64 = 20, 45  # the versions of zip that a reader needs


@dataclass(frozen=True)
class _Written:
    """What the directory has to say of a member."""

    name: bytes
    crc32: int
    size_bytes: int
    offset: int

    @property
    def is_wide(self) -> bool:
        return self.size_bytes >= zf.IN_EXTRA


class ZipWriter:
    """Writes members one after the other into a file that can seek; `finish` ends it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._members: list[_Written] = []

    def add(self, name: str, pieces: Iterable[bytes], size_bytes: int) -> int:
        """Write one member whose data start at a multiple of PAGE_BYTES; returns how many bytes it had.

        The local record is written again when the checksum is known. Where the size is not what was said
        before, the archive is void and the caller has to drop it.
        """
        offset = self._file.tell()
        self._file.write(_local(_Written(name.encode("ascii"), 0, size_bytes, offset)))
        crc32, written = 0, 0
        for piece in pieces:
            self._file.write(piece)
            crc32, written = zlib.crc32(piece, crc32), written + len(piece)
        member = _Written(name.encode("ascii"), crc32, size_bytes, offset)
        end = self._file.tell()
        self._file.seek(offset)
        self._file.write(_local(member))
        self._file.seek(end)
        self._members.append(member)
        return written

    def finish(self) -> None:
        """Write the directory and the end record."""
        start = self._file.tell()
        for member in self._members:
            self._file.write(_central(member))
        self._file.write(_end(len(self._members), start, self._file.tell() - start))


def _local(member: _Written) -> bytes:
    wide = _zip64(member.size_bytes, member.size_bytes) if member.is_wide else b""
    extra = wide + _padding(member.offset + zf.LOCAL.size + len(member.name) + len(wide))
    return _local_fields(member, len(extra)) + member.name + extra


def _local_fields(member: _Written, extra_length: int) -> bytes:
    size = min(member.size_bytes, zf.IN_EXTRA)
    return zf.LOCAL.pack(
        zf.LOCAL_SIGNATURE,
        _ZIP64 if member.is_wide else _FILES,
        0,
        zf.STORED,
        *(_TIME, _DATE, member.crc32, size, size),
        *(len(member.name), extra_length),
    )


def _padding(at: int) -> bytes:
    """An extra field that ends at a multiple of PAGE_BYTES: its id, its size, the alignment, zeros."""
    zeros = -(at + 6) % zf.PAGE_BYTES
    return struct.pack("<3H", zf.ALIGNMENT, 2 + zeros, zf.PAGE_BYTES) + bytes(zeros)


def _central(member: _Written) -> bytes:
    sizes = (member.size_bytes, member.size_bytes, member.offset)
    wide = [value for value in sizes if value >= zf.IN_EXTRA]
    extra = _zip64(*wide) if wide else b""
    size, packed, offset = (min(value, zf.IN_EXTRA) for value in sizes)
    version = _ZIP64 if wide else _FILES
    fields = zf.CENTRAL.pack(
        zf.CENTRAL_SIGNATURE,
        *(_UNIX | version, version, 0, zf.STORED),
        *(_TIME, _DATE, member.crc32, packed, size),
        *(len(member.name), len(extra), 0),
        *(0, 0, _MODE, offset),
    )
    return fields + member.name + extra


def _zip64(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", zf.ZIP64, 8 * len(values), *values)


def _end(count: int, offset: int, size_bytes: int) -> bytes:
    """The end record, with the ZIP64 one before it where the directory lies too far behind for 32 bits."""
    wide = b""
    if offset >= zf.IN_EXTRA:
        wide = zf.END64.pack(
            zf.END64_SIGNATURE,
            zf.END64.size - 12,
            *(_UNIX | _ZIP64, _ZIP64, 0, 0),
            *(count, count, size_bytes, offset),
        )
        wide += zf.LOCATOR64.pack(zf.LOCATOR64_SIGNATURE, 0, offset + size_bytes, 1)
    return wide + zf.END.pack(
        zf.END_SIGNATURE, 0, 0, count, count, size_bytes, min(offset, zf.IN_EXTRA), 0
    )  # fmt: skip
