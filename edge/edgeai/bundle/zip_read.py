"""Reads a zip file by a strict rule: every byte belongs to exactly one record, and records agree.

Our own reader, because Python's trusts the last directory that it finds in the file without a look at most of
what the local records say, and (before 3.12) unpacks members that overlap; what one tool shows and another
unpacks must not differ where something is signed. Here the members, the directory and the end record tile
the file from its first byte to its last, with no comment, no gap and nothing before or behind them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import zip_format as zf
from .names import clash
from .zip_directory import SIZES_FOLLOW, Entry, check_version, read_directory, read_extras
from .zip_source import Source, quoted

_CHUNK_BYTES = 256 << 10


@dataclass(frozen=True)
class Member:
    """A member whose records agree. data_offset: of its packed bytes in the archive."""

    entry: Entry
    data_offset: int


def read_members(descriptor: int, shown: str) -> tuple[Member, ...]:
    """The members of an open archive, in the order of their bytes. No content is read.

    shown: what errors call the file. Raises BundleDamaged, or BundleUnsafe for what an honest bundle never
    holds. Memory is taken for the directory alone, which has to be there, and for one header at a time.
    """
    source = Source(descriptor, shown)
    entries, directory_at = read_directory(source)
    entries.sort(key=lambda entry: entry.offset)
    problem = clash(entry.name for entry in entries if not entry.is_folder) or _folder_problem(entries)
    if problem:
        source.unsafe(problem)
    starts = [*(entry.offset for entry in entries), directory_at]
    if entries and entries[-1].offset >= directory_at:
        source.damaged(f"the record of {quoted(entries[-1].name)} lies behind the directory")
    if starts[0]:
        source.unsafe(f"the {starts[0]:,} bytes before its first record belong to nothing")
    return tuple(_locate(source, entry, after) for entry, after in zip(entries, starts[1:], strict=True))


def read_member(descriptor: int, member: Member, shown: str) -> Iterator[bytes]:
    """The content in pieces of at most 256 KiB, never more in all than the size that the records claim.

    Raises BundleDamaged where size or CRC are not what they claim; what came before is then void.
    """
    source, entry = Source(descriptor, shown), member.entry
    pieces = _stored(source, member) if entry.method == zf.STORED else _inflated(source, member)
    left, crc32 = entry.size_bytes, 0
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            source.damaged(f"{quoted(entry.name)} holds more than the {entry.size_bytes:,} bytes it claims")
        crc32 = zlib.crc32(piece, crc32)
        yield piece
    if left:
        source.damaged(f"{quoted(entry.name)} ends {left:,} bytes before the size it claims")
    if crc32 != entry.crc32:
        source.damaged(f"{quoted(entry.name)} has a wrong checksum (CRC-32)")


def _folder_problem(entries: Sequence[Entry]) -> str | None:
    """Each folder holds a file of the archive, spelt in the same way, and stands there once."""
    above = {folder for entry in entries if not entry.is_folder for folder in _folders_above(entry.name)}
    for folder in (entry.name for entry in entries if entry.is_folder):
        if folder not in above:
            return f"the folder {quoted(folder)} holds no file, or is there twice"
        above.remove(folder)
    return None


def _folders_above(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:count]) + "/" for count in range(1, len(parts)))


def _locate(source: Source, entry: Entry, after: int) -> Member:
    """Find the data of a member, whose local record must say the same and end where the next one begins."""
    record = source.read(entry.offset, zf.LOCAL.size)
    signature, needed, flags, method, time, date, crc32, packed, size, *lengths = zf.LOCAL.unpack(record)
    if signature != zf.LOCAL_SIGNATURE:
        source.damaged(f"the record of {quoted(entry.name)} is missing")
    check_version(source, entry.name, needed)
    name_and_extra = source.read(entry.offset + zf.LOCAL.size, sum(lengths))
    name, extra = name_and_extra[: lengths[0]], name_and_extra[lengths[0] :]
    wanted = (entry.name.encode(), entry.flags, entry.method, entry.time)
    if (name, flags, method, (time, date)) != wanted:
        source.damaged(f"its two records of {quoted(entry.name)} do not agree")
    extras = read_extras(source, entry.name, extra)
    _check_sizes(source, entry, crc32, *_local_sizes(packed, size, extras.get(zf.ZIP64, b"")))
    data_offset = entry.offset + zf.LOCAL.size + len(name_and_extra)
    _check_tail(source, entry, data_offset + entry.packed_bytes, after)
    return Member(entry, data_offset)


def _local_sizes(packed: int, size: int, wide: bytes) -> tuple[int, int]:
    """A local record has both sizes in its ZIP64 field, or none there; anything else agrees with nothing."""
    if not wide:
        return packed, size
    if not packed == size == zf.IN_EXTRA or len(wide) != 16:
        return -1, -1
    size, packed = struct.unpack("<2Q", wide)
    return packed, size


def _check_sizes(source: Source, entry: Entry, crc32: int, packed: int, size: int) -> None:
    pairs = ((crc32, entry.crc32), (packed, entry.packed_bytes), (size, entry.size_bytes))
    may_be_zero = bool(entry.flags & SIZES_FOLLOW)
    if any(local != wanted and not (may_be_zero and local == 0) for local, wanted in pairs):
        source.damaged(f"its two records of {quoted(entry.name)} do not agree on size or checksum")


def _check_tail(source: Source, entry: Entry, data_end: int, after: int) -> None:
    """Between the data and the next record lies nothing, or the sizes that were not known before."""
    if data_end > after:
        source.unsafe(f"{quoted(entry.name)} overlaps what comes behind it")
    tail = source.read(data_end, min(after - data_end, 32))  # a few bytes more than the longest form
    if tail not in _descriptors(entry):
        source.unsafe(f"{after - data_end:,} bytes behind {quoted(entry.name)} do not belong there")


def _descriptors(entry: Entry) -> list[bytes]:
    """What may stand behind the data: with or without a signature, in 32 or in 64 bits."""
    if not entry.flags & SIZES_FOLLOW:
        return [b""]
    sizes = (entry.crc32, entry.packed_bytes, entry.size_bytes)
    forms = [struct.pack("<L2Q", *sizes)]
    if max(sizes) <= zf.IN_EXTRA:
        forms.append(struct.pack("<3L", *sizes))
    return forms + [zf.DESCRIPTOR_SIGNATURE + form for form in forms]


def _stored(source: Source, member: Member) -> Iterator[bytes]:
    """The packed bytes."""
    end = member.data_offset + member.entry.packed_bytes
    for offset in range(member.data_offset, end, _CHUNK_BYTES):
        yield source.read(offset, min(_CHUNK_BYTES, end - offset))


def _inflated(source: Source, member: Member) -> Iterator[bytes]:
    """Each piece is bounded, whatever the packed bytes unpack to."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    for chunk in _stored(source, member):
        if inflater.eof:
            break
        left, piece = chunk, b"more"
        # zlib may hold back output when its input is used up: a round without input asks for that.
        while (left or piece) and not inflater.eof:
            try:
                piece = inflater.decompress(left, _CHUNK_BYTES)
            except zlib.error:
                source.damaged(f"{quoted(member.entry.name)} is not what deflate makes")
            left = inflater.unconsumed_tail
            yield piece
    else:
        if inflater.eof and not inflater.unused_data:
            return
    source.damaged(f"the packed data of {quoted(member.entry.name)} do not end where they should")
