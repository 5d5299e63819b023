"""Archives of the tiny bundle that are unusual and within the rules, as other archivers might write them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.raw_zip import Raw, end64, extra, zip_bytes
from tests.tiny_bundles import members


def sound_variations() -> Iterator[tuple[str, bytes]]:
    """Archives that are unusual and within the rule."""
    good = members(deflate=True)
    yield "other-order", zip_bytes(list(reversed(good)))
    yield "directory-in-other-order", zip_bytes(good, listed=[3, 0, 4, 2, 1])
    yield "folders", zip_bytes([Raw("cls/"), Raw("det/"), *good])
    yield "made-by-dos", zip_bytes([each.with_(central={"made": 20, "attributes": 0x20}) for each in good])
    yield "no-mode", zip_bytes([each.with_(central={"attributes": 0}) for each in good])
    yield "utf-8-flag", zip_bytes([each.with_(both={"flags": 0x0800}) for each in good])
    yield "deflate-levels", zip_bytes([each.with_(both={"flags": 6}) for each in good])
    yield "version-2.0-for-all", zip_bytes([each.with_(both={"needed": 20}) for each in good])
    yield (
        "empty-blocks",
        zip_bytes([_with_empty_blocks(each) for each in good]),
    )
    times = extra(0x5455, b"\3" + bytes(8)) + extra(0x7875, b"\1\4" + bytes(4) + b"\4" + bytes(4))
    yield "times-and-owners", zip_bytes([each.with_(local_extra=times) for each in good])
    for name, form in {"32": "<3L", "64": "<L2Q"}.items():
        for signature in (b"", b"PK\7\x08"):
            yield (
                f"sizes-follow-{name}-{len(signature)}",
                zip_bytes([_following(m, form, signature) for m in good]),
            )
    yield "zip64-end", _with_zip64_end(good)


def _with_empty_blocks(member: Raw) -> Raw:
    blocks = b"\0\0\0\xff\xff" * 9
    return member.with_(packed=blocks + member.packed_bytes) if member.deflate else member


def _following(member: Raw, form: str, signature: bytes) -> Raw:
    fields = member.fields()
    sizes = [fields[name] for name in ("crc32", "packed", "size")]
    tail = signature + struct.pack(form, *sizes)
    return member.with_(both={"flags": 8}, local=dict.fromkeys(("crc32", "packed", "size"), 0), tail=tail)


def _with_zip64_end(good: list[Raw]) -> bytes:
    sound = zip_bytes(good)
    size, offset = (int.from_bytes(sound[at : at + 4], "little") for at in (len(sound) - 10, len(sound) - 6))
    record = end64(len(good), size, offset, offset + size)
    short = {"here": 0xFFFF, "entries": 0xFFFF, "size": 0xFFFFFFFF, "offset": 0xFFFFFFFF}
    return zip_bytes(good, before_end=record, end=short)
