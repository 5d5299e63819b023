"""Reads the directory of a zip file: what it says of each member, and that the file ends with it.

Passed over, since they say nothing of the content: who made the archive, time stamps and owners in extra
fields, permission bits and the text flag.
"""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from typing import NoReturn

from . import zip_format as zf
from .names import name_problem
from .zip_source import Source, quoted

MEMBERS_LIMIT = 10_000
DIRECTORY_LIMIT_BYTES = 16 << 20

SIZES_FOLLOW = 0x0008
"""The flag of a member whose sizes an archiver wrote behind the data, since it did not know them before."""

# Beside it, flags that change nothing in how a member is read: how hard deflate tried (bits 1 and 2), and a
# name in UTF-8 (bit 11; ours are ASCII). Others mean encryption or patches.
_HARMLESS_FLAGS = SIZES_FOLLOW | 0x0806
_ENCRYPTED_FLAGS = 0x2041

# What `zip`, 7-Zip, libarchive, Java and zipalign write. Not 0x7075, which gives a member a second name.
_KNOWN_EXTRAS = frozenset({zf.ZIP64, 0x000A, 0x5455, 0x5855, 0x6C78, 0x7855, 0x7875, 0xCAFE, zf.ALIGNMENT})

# Powers of two, as the field ALIGNMENT starts with one.
_ALIGNMENTS = frozenset((1 << bit).to_bytes(2, "little") for bit in range(16))

# 1.0 for stored, 2.0 for deflate and folders, 4.5 for ZIP64: more is a format that we do not read.
_VERSIONS = (10, 20, 45)


@dataclass(frozen=True)
class Entry:
    """What the directory says of a member. method: `zip_format.STORED` or `DEFLATED`."""

    name: str
    """Ends with a slash for a folder."""
    flags: int
    method: int
    time: tuple[int, int]
    crc32: int
    packed_bytes: int
    size_bytes: int
    offset: int
    """Of the local record."""

    @property
    def is_folder(self) -> bool:
        """Whether it stands for a folder, which has no content."""
        return self.name.endswith("/")


def read_directory(source: Source) -> tuple[list[Entry], int]:
    """The entries in the directory's order, and the offset of the directory.

    Raises BundleDamaged, or BundleUnsafe for what an honest bundle never holds.
    """
    end = _read_end(source)
    if end.entries > MEMBERS_LIMIT or end.size_bytes > DIRECTORY_LIMIT_BYTES:
        source.unsafe(f"its directory claims {end.entries:,} members in {end.size_bytes:,} bytes, too many")
    data = source.read(end.offset, end.size_bytes)
    entries: list[Entry] = []
    position = 0
    while position < len(data):
        entry, position = _read_entry(source, data, position)
        entries.append(entry)
    if len(entries) != end.entries:
        source.damaged(f"its directory lists {len(entries):,} members, its last record {end.entries:,}")
    return entries, end.offset


def read_extras(source: Source, name: str, data: bytes) -> dict[int, bytes]:
    """Extra fields by their id; only those that we know, each once, filling the space exactly."""
    extras: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        id_, size = struct.unpack_from("<2H", data, at) if at + 4 <= len(data) else (0, len(data))
        value = data[at + 4 : at + 4 + size]
        if len(value) != size or id_ in extras:
            source.damaged(f"an extra field of {quoted(name)} is broken or there twice")
        if id_ not in _KNOWN_EXTRAS:
            source.unsafe(f"{quoted(name)} has an extra field {id_:#06x}, which is not known here")
        if id_ == zf.ALIGNMENT and (value[:2] not in _ALIGNMENTS or any(value[2:])):
            source.damaged(f"the padding of {quoted(name)} is not as it is written")
        extras[id_] = value
        at += 4 + size
    return extras


def check_version(source: Source, name: str, needed: int) -> None:
    """Refuse a member that needs a later version of zip than we read."""
    if needed not in _VERSIONS:
        source.unsafe(f"{quoted(name)} needs version {needed / 10:g} of zip, which is not known here")


# --- The end record -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _End:
    """Where the directory lies."""

    entries: int
    size_bytes: int
    offset: int


def _read_end(source: Source) -> _End:
    if source.size_bytes < zf.END.size:
        source.damaged(f"{source.size_bytes} bytes are too few for a bundle")
    head = source.read(0, 4)
    if head not in {zf.LOCAL_SIGNATURE, zf.END_SIGNATURE}:
        source.damaged(f"it starts with {head!r}, which no packed bundle does")
    at = source.size_bytes - zf.END.size
    record = zf.END.unpack(source.read(at, zf.END.size))
    signature, disk, its_disk, here, entries, size, offset, comment = record
    if signature != zf.END_SIGNATURE or comment:
        _explain_end(source)
    if disk or its_disk or here != entries:
        source.unsafe("it is one part of a split archive")
    end, directory_end = _End(entries, size, offset), at
    if at >= zf.LOCATOR64.size and source.read(at - zf.LOCATOR64.size, 4) == zf.LOCATOR64_SIGNATURE:
        directory_end = at - zf.LOCATOR64.size - zf.END64.size
        end = _read_end64(source, directory_end, end)
    if end.offset + end.size_bytes != directory_end:
        source.damaged("its directory does not lie where its last record says")
    return end


def _read_end64(source: Source, at: int, short: _End) -> _End:
    """The ZIP64 end record, which must lie right before its locator and agree with the short one."""
    if at < 0:
        source.damaged("its ZIP64 end record is cut short")
    records = source.read(at, zf.END64.size + zf.LOCATOR64.size)
    signature, follow, _, needed, disk, its_disk, here, entries, size, offset = zf.END64.unpack_from(records)
    _, locator_disk, located, disks = zf.LOCATOR64.unpack_from(records, zf.END64.size)
    is_there = signature == zf.END64_SIGNATURE and follow == zf.END64.size - 12 and located == at
    if not is_there or needed != 45:
        source.damaged("its ZIP64 end record is not where it should be")
    if disk or its_disk or locator_disk or disks != 1 or here != entries:
        source.unsafe("it is one part of a split archive")
    agree = (
        short.entries in {entries, 0xFFFF}
        and short.size_bytes in {size, zf.IN_EXTRA}
        and short.offset in {offset, zf.IN_EXTRA}
    )
    if not agree:
        source.damaged("its two end records do not agree")
    return _End(entries, size, offset)


def _explain_end(source: Source) -> NoReturn:
    """Why the file does not end with an end record: a comment, something appended, or cut short."""
    tail_bytes = min(source.size_bytes, zf.END.size + 0xFFFF)
    tail = source.read(source.size_bytes - tail_bytes, tail_bytes)
    found = tail.rfind(zf.END_SIGNATURE)
    behind = tail_bytes - found - zf.END.size
    if found < 0 or behind < 0:
        source.damaged("its end record is missing; it was cut short")
    source.unsafe(f"{behind:,} bytes stand behind its last record (a comment, or something appended)")


# --- One entry ----------------------------------------------------------------------------------------------


def _read_entry(source: Source, data: bytes, at: int) -> tuple[Entry, int]:
    """The entry at a position of the directory, and the position of the next."""
    name_at = at + zf.CENTRAL.size
    if data[at : at + 4] != zf.CENTRAL_SIGNATURE or name_at > len(data):
        source.damaged(f"its directory is broken at byte {at:,}")
    fields = zf.CENTRAL.unpack_from(data, at)
    needed, flags, method, time, date, crc32, packed, size = fields[2:10]
    name_length, extra_length, comment_length, disk, _, attributes, offset = fields[10:]
    extra_at = name_at + name_length
    after = extra_at + extra_length + comment_length
    if after > len(data):
        source.damaged(f"its directory is broken at byte {at:,}")
    name = _name(source, data[name_at:extra_at])
    if comment_length or disk:
        source.unsafe(f"{quoted(name)} has a comment, or lies on another disk")
    extras = read_extras(source, name, data[extra_at : extra_at + extra_length])
    size, packed, offset = _widened(source, name, (size, packed, offset), extras.get(zf.ZIP64, b""))
    entry = Entry(name, flags, method, (time, date), crc32, packed, size, offset)
    _check_coding(source, entry, needed)
    _check_kind(source, entry, attributes)
    return entry, after


def _name(source: Source, raw: bytes) -> str:
    if not raw.isascii():
        source.unsafe(f"the name {quoted(raw.decode(errors='replace'))} is not ASCII")
    name = raw.decode("ascii")
    problem = name_problem(name.removesuffix("/"))
    if problem:
        source.unsafe(f"the name {quoted(name)} {problem}")
    return name


def _widened(source: Source, name: str, short: tuple[int, int, int], wide: bytes) -> tuple[int, int, int]:
    """Size, packed size and offset; those that do not fit 32 bits stand in the extra field, in this order."""
    if len(wide) != 8 * short.count(zf.IN_EXTRA):
        source.damaged(f"the ZIP64 sizes of {quoted(name)} are not those that its record asks for")
    values = iter(struct.unpack(f"<{len(wide) // 8}Q", wide))
    size, packed, offset = (next(values) if value == zf.IN_EXTRA else value for value in short)
    return size, packed, offset


def _check_coding(source: Source, entry: Entry, needed: int) -> None:
    """Refuse what we cannot unpack."""
    if entry.flags & _ENCRYPTED_FLAGS:
        source.unsafe(f"{quoted(entry.name)} is encrypted")
    check_version(source, entry.name, needed)
    if entry.flags & ~_HARMLESS_FLAGS:
        source.unsafe(f"{quoted(entry.name)} has flags {entry.flags:#06x}, which are not known here")
    if entry.method not in {zf.STORED, zf.DEFLATED}:
        source.unsafe(
            f"{quoted(entry.name)} is compressed by method {entry.method}; only stored and deflate are read"
        )
    if entry.method == zf.STORED and entry.packed_bytes != entry.size_bytes:
        source.damaged(f"{quoted(entry.name)} is stored, but its two sizes differ")
    if entry.is_folder and (entry.method != zf.STORED or entry.size_bytes):
        source.damaged(f"the folder {quoted(entry.name)} has content")


def _check_kind(source: Source, entry: Entry, attributes: int) -> None:
    """Unix's mode lies in the upper half, whatever system it claims; DOS's folder bit is 0x10."""
    kind = stat.S_IFMT(attributes >> 16)
    wanted = stat.S_IFDIR if entry.is_folder else stat.S_IFREG
    if kind not in {0, wanted} or (attributes & 0x10 and not entry.is_folder):
        source.unsafe(f"{quoted(entry.name)} is a link, a device or another kind than its name says")
