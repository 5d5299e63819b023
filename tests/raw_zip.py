"""Writes zip files with every field free, so that tests can make what no honest archiver does.

Independent of edgeai's own writer: the records are laid out here once more, from APPNOTE.TXT.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

# Field names and their struct codes, in the order of the format.
LOCAL = {
    "signature": "4s", "needed": "H", "flags": "H", "method": "H", "time": "H", "date": "H", "crc32": "L",
    "packed": "L", "size": "L", "name_length": "H", "extra_length": "H",
}  # fmt: skip
CENTRAL = {
    "signature": "4s", "made": "H", "needed": "H", "flags": "H", "method": "H", "time": "H", "date": "H",
    "crc32": "L", "packed": "L", "size": "L", "name_length": "H", "extra_length": "H", "comment_length": "H",
    "disk": "H", "internal": "H", "attributes": "L", "offset": "L",
}  # fmt: skip
END = {
    "signature": "4s", "disk": "H", "directory_disk": "H", "here": "H", "entries": "H", "size": "L",
    "offset": "L", "comment_length": "H",
}  # fmt: skip

REGULAR = 0o100644 << 16


@dataclass(frozen=True)
class Raw:
    """One member. `local` and `central` set fields of its records to something else than what is right."""

    name: str | bytes
    content: bytes = b""
    deflate: bool = False
    packed: bytes | None = None
    """What stands in the archive instead of the right packed bytes."""
    local: dict[str, int] = field(default_factory=dict)
    central: dict[str, int] = field(default_factory=dict)
    both: dict[str, int] = field(default_factory=dict)
    local_name: str | bytes | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    tail: bytes = b""
    """Behind the data: a data descriptor, or a gap."""

    def with_(self, **changes: object) -> Raw:
        """A copy with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def packed_bytes(self) -> bytes:
        """The data as they stand in the archive."""
        if self.packed is not None:
            return self.packed
        return deflated(self.content) if self.deflate else self.content

    def fields(self) -> dict[str, int]:
        """What both records should say."""
        right = {
            "needed": 20 if self.deflate else 10,
            "flags": 0,
            "method": 8 if self.deflate else 0,
            "time": 0x6000,
            "date": 0x5A21,
            "crc32": zlib.crc32(self.content),
            "packed": len(self.packed_bytes),
            "size": len(self.content),
        }
        return right | self.both


def zip_bytes(
    members: Sequence[Raw],
    *,
    before: bytes = b"",
    before_directory: bytes = b"",
    before_end: bytes = b"",
    end: dict[str, int] | None = None,
    comment: bytes = b"",
    listed: Sequence[int] | None = None,
) -> bytes:
    """An archive of these members. listed: which of them the directory lists, in this order; else all."""
    out = bytearray(before)
    offsets: list[int] = []
    for member in members:
        offsets.append(len(out))
        out += _local(member)
    out += before_directory
    start = len(out)
    order = range(len(members)) if listed is None else listed
    for index in order:
        out += _central(members[index], offsets[index])
    size = len(out) - start
    out += before_end
    right = {"disk": 0, "directory_disk": 0, "here": len(order), "entries": len(order), "size": size}
    right |= {"offset": start, "comment_length": len(comment)}
    return bytes(out + _record(END, b"PK\x05\x06", right | (end or {})) + comment)


def deflated(content: bytes, level: int = 9) -> bytes:
    """Raw deflate."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def extra(id_: int, value: bytes) -> bytes:
    """One extra field."""
    return struct.pack("<2H", id_, len(value)) + value


def end64(entries: int, size: int, offset: int, at: int, /, **changes: int) -> bytes:
    """The ZIP64 end record and its locator, for a directory of this size at this offset; it lies at `at`."""
    right = {"follow": 44, "made": 45, "needed": 45, "disk": 0, "directory_disk": 0, "here": entries}
    right |= {
        "entries": entries,
        "size": size,
        "offset": offset,
        "locator_disk": 0,
        "located": at,
        "disks": 1,
    }
    values = right | changes
    record = [values[name] for name in list(right)[:9]]
    locator = [values[name] for name in list(right)[9:]]
    return (
        struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", *record) + struct.pack("<4sLQL", b"PK\x06\x07", *locator)
    )  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a field or the data of a member lie in an archive."""

    record: str
    field: str
    offset: int
    length: int


def places(data: bytes) -> Iterator[Place]:
    """Every field of a sound archive without a comment or ZIP64, and the data of every member."""
    end_at = len(data) - 22
    end = dict(zip(END, struct.unpack_from("<" + "".join(END.values()), data, end_at), strict=True))
    yield from _fields("end", END, end_at)
    at = end["offset"]
    for _ in range(end["entries"]):
        central = dict(
            zip(CENTRAL, struct.unpack_from("<" + "".join(CENTRAL.values()), data, at), strict=True)
        )
        name = data[at + 46 : at + 46 + central["name_length"]].decode()
        yield from _fields(f"central {name}", CENTRAL, at)
        yield Place(f"central {name}", "name", at + 46, central["name_length"])
        if central["extra_length"]:
            extra_at = at + 46 + central["name_length"]
            yield Place(f"central {name}", "extra", extra_at, central["extra_length"])
        local_at = central["offset"]
        lengths = struct.unpack_from("<2H", data, local_at + 26)
        yield from _fields(f"local {name}", LOCAL, local_at)
        yield Place(f"local {name}", "name", local_at + 30, lengths[0])
        if lengths[1]:
            yield Place(f"local {name}", "extra", local_at + 30 + lengths[0], lengths[1])
        yield Place(f"data {name}", "data", local_at + 30 + sum(lengths), central["packed"])
        at += 46 + central["name_length"] + central["extra_length"]


def _fields(record: str, codes: dict[str, str], at: int) -> Iterator[Place]:
    for name, code in codes.items():
        length = struct.calcsize("<" + code)
        yield Place(record, name, at, length)
        at += length


def _local(member: Raw) -> bytes:
    name = _encoded(member.name if member.local_name is None else member.local_name)
    right = member.fields() | {"name_length": len(name), "extra_length": len(member.local_extra)}
    header = _record(LOCAL, b"PK\x03\x04", right | member.local)
    return header + name + member.local_extra + member.packed_bytes + member.tail


def _central(member: Raw, offset: int) -> bytes:
    name = _encoded(member.name)
    right = member.fields() | {"name_length": len(name), "extra_length": len(member.central_extra)}
    right |= {"comment_length": len(member.comment), "made": 0x031E, "disk": 0, "internal": 0}
    right |= {"attributes": 0o40755 << 16 | 0x10 if name.endswith(b"/") else REGULAR, "offset": offset}
    return (
        _record(CENTRAL, b"PK\x01\x02", right | member.central) + name + member.central_extra + member.comment
    )


def _record(codes: dict[str, str], signature: bytes, values: dict[str, int]) -> bytes:
    fields = [signature if name == "signature" else values[name] for name in codes]
    return struct.pack("<" + "".join(codes.values()), *fields)


def _encoded(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.encode()
