"""Tricks with sizes: overlaps, bombs, claims, wrong contents, and ZIP64."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Any

from tests.hostile.case import DAMAGED, EITHER, LAST, UNSAFE, Hostile, spoilt
from tests.raw_zip import Place, Raw, deflated, end64, extra, places, zip_bytes
from tests.tiny_bundles import FILES, manifest_of, members, spelt


def tricks_with_sizes() -> Iterator[Hostile]:
    yield from _overlaps()
    yield from _bombs()
    content = FILES[LAST]
    yield Hostile("wrong-crc", spoilt(both={"crc32": 0}), DAMAGED, LAST)
    yield Hostile("other-content", spoilt(content=content[::-1]), DAMAGED, LAST)
    yield Hostile("other-content-deflated", spoilt(content=content[::-1], deflate=True), DAMAGED, LAST)
    swapped = members()
    swapped[-1], swapped[-2] = (
        swapped[-1].with_(content=swapped[-2].content),
        swapped[-2].with_(content=swapped[-1].content),
    )
    yield Hostile("contents-swapped", zip_bytes(swapped), DAMAGED, "det/")
    yield from _deflated_wrongly(content)
    spaces = spelt(manifest_of())[:-1] + b" " * (4 << 20) + b"}"
    yield Hostile("manifest-of-4-MiB", zip_bytes(members(spaces)), UNSAFE, "manifest.json")
    yield Hostile(
        "manifest-of-4-MiB-deflated", zip_bytes(members(spaces, deflate=True)), UNSAFE, "manifest.json"
    )
    large = members()
    large[1] = large[1].with_(content=bytes((64 << 10) + 1))
    yield Hostile("signature-of-64-KiB", zip_bytes(large), UNSAFE, "manifest.sig")
    many = [Raw(f"x/{index}") for index in range(10_001)]
    yield Hostile("too-many-members", zip_bytes([*members(), *many]), UNSAFE)


def _deflated_wrongly(content: bytes) -> Iterator[Hostile]:
    packed = deflated(content)
    changes: dict[str, dict[str, Any]] = {
        "one-byte-more": {"both": {"size": len(content) - 1}},
        "one-byte-less": {"both": {"size": len(content) + 1}},
        "size-0": {"both": {"size": 0}},
        "cut": {"packed": packed[:-1]},
        "empty": {"packed": b""},
        "something-behind": {"packed": packed + b"\0"},
        "much-behind": {"packed": packed + bytes(600_000)},
        "twice": {"packed": packed + packed},
        "noise": {"packed": random.Random(7).randbytes(500)},
        "zlib-header": {"packed": b"\x78\x9c" + packed},
        "bad-block": {"packed": b"\x07" + packed},
        "never-ends": {"packed": b"\x00\x00\x00\xff\xff" * 1000},
        "stored": {"packed": content},
    }
    for name, change in changes.items():
        yield Hostile(f"deflate-{name}", spoilt(**{"deflate": True, **change}), DAMAGED, LAST)


def _overlaps() -> Iterator[Hostile]:
    """Several names that unpack the same bytes, as in the bombs of 2019 (https://www.bamsoftware.com/hacks/zipbomb/)."""
    same = zip_bytes([Raw("a", b"x" * 100), Raw("b", b"y")])
    first = [
        place.offset for place in places(same) if place == Place("local a", "signature", place.offset, 4)
    ]
    bad = bytearray(same)
    offset_of_b = [place for place in places(same) if place.record == "central b" and place.field == "offset"]
    struct.pack_into("<L", bad, offset_of_b[0].offset, first[0])
    yield Hostile("overlap-same-record", bytes(bad), UNSAFE)
    inner = zip_bytes([Raw("b", b"y" * 10)])[:41]  # the record of b and its data
    outer = [Raw("a", inner), Raw("b", b"y" * 10)]
    whole = zip_bytes(outer, listed=[0, 1])
    bad = bytearray(whole)
    place = next(each for each in places(whole) if each.record == "central b" and each.field == "offset")
    struct.pack_into("<L", bad, place.offset, 31)  # of the record within the data of a
    yield Hostile("overlap-record-within-data", bytes(bad), UNSAFE)
    longer = {"packed": len(FILES["det/labels.txt"]) + 40, "size": len(FILES["det/labels.txt"]) + 40}
    yield Hostile("overlap-of-data", spoilt(-2, both=longer), UNSAFE, "det/labels.txt")
    yield Hostile("overlap-of-the-directory", spoilt(both={"packed": 3000, "size": 3000}), UNSAFE, LAST)


RATIO_FREE = 64 << 20
"""Up to here any ratio is allowed."""


def _bombs() -> Iterator[Hostile]:
    zeros = bytes(RATIO_FREE + 1)
    files = {"det/bomb.onnx": zeros}
    bomb = [Raw("manifest.json", spelt(manifest_of(files))), Raw("det/bomb.onnx", zeros, deflate=True)]
    yield Hostile("bomb-that-is-named", zip_bytes(bomb), UNSAFE, "bombs")
    many = {f"m{index}/w.onnx": bytes(1 << 20) for index in range(80)}
    small = deflated(bytes(1 << 20))
    found = [Raw(name, content, True, small) for name, content in many.items()]
    yield Hostile(
        "bomb-in-80-parts", zip_bytes([Raw("manifest.json", spelt(manifest_of(many))), *found]), UNSAFE
    )
    for size in (0x7FFFFFFF, 0xFFFFFFFE):
        yield Hostile(f"claims-{size}-bytes", spoilt(deflate=True, both={"size": size}), UNSAFE, "bombs")
        yield Hostile(
            f"claims-{size}-packed-bytes", spoilt(deflate=True, both={"packed": size}), UNSAFE, LAST
        )
        stored = {"packed": size, "size": size}
        yield Hostile(f"claims-{size}-stored-bytes", spoilt(both=stored), UNSAFE, LAST)
    yield Hostile(
        "claims-a-large-manifest", spoilt(0, deflate=True, both={"size": 0x7FFFFFFF}), UNSAFE, "bombs"
    )
    claim = spoilt(0, deflate=True, both={"size": 4 << 20})
    yield Hostile("claims-a-manifest-of-4-MiB", claim, DAMAGED, "manifest.json")


def tricks_with_zip64() -> Iterator[Hostile]:
    good = members()
    sound = zip_bytes(good)
    end = struct.unpack_from("<4H2L", sound, len(sound) - 18)
    entries, size, offset = end[3], end[4], end[5]
    at = offset + size
    changes: dict[str, dict[str, int]] = {
        "wrong-length": {"follow": 45}, "extensible": {"follow": 100}, "version-62": {"needed": 62},
        "located-elsewhere": {"located": at - 1}, "located-far": {"located": 2**63},
        "entries": {"entries": 3}, "entries-huge": {"entries": 2**60, "here": 2**60},
        "size": {"size": size - 1}, "size-huge": {"size": 2**62},
        "offset": {"offset": offset - 1}, "offset-huge": {"offset": 2**64 - 1}, "disk": {"disk": 1},
        "directory-disk": {"directory_disk": 1}, "locator-disk": {"locator_disk": 1},
        "two-disks": {"disks": 2}, "no-disk": {"disks": 0},
    }  # fmt: skip
    for name, change in changes.items():
        record = end64(entries, size, offset, at, **change)
        short = {"entries": 0xFFFF, "here": 0xFFFF, "size": 0xFFFFFFFF, "offset": 0xFFFFFFFF}
        yield Hostile(f"zip64-{name}", zip_bytes(good, before_end=record, end=short), EITHER)
    record = end64(entries, size, offset, at)
    yield Hostile("zip64-locator-alone", zip_bytes(good, before_end=record[56:]), DAMAGED)
    yield Hostile("zip64-announced-only", zip_bytes(good, end={"offset": 0xFFFFFFFF}), EITHER)
    yield Hostile("zip64-two-answers", zip_bytes(good, before_end=record, end={"offset": 5}), DAMAGED)
    content = len(FILES[LAST])
    wide = {"size": 0xFFFFFFFF}
    yield Hostile("zip64-sizes-missing", spoilt(central=wide), DAMAGED, LAST)
    for name, value in {
        "cut": extra(1, struct.pack("<L", content)),
        "empty": extra(1, b""),
        "too-long": extra(1, struct.pack("<2Q", content, content)),
        "odd": extra(1, struct.pack("<QB", content, 0)),
    }.items():
        yield Hostile(f"zip64-sizes-{name}", spoilt(central=wide, central_extra=value), DAMAGED, LAST)
    for size in (2**40, 2**63, 2**64 - 1):
        value = extra(1, struct.pack("<Q", size))
        claim = spoilt(deflate=True, central=wide, central_extra=value)
        yield Hostile(f"zip64-claims-{size}", claim, EITHER)
        both = extra(1, struct.pack("<2Q", size, size))
        all_wide = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF}
        claim = spoilt(both=all_wide, central_extra=both, local_extra=both)
        yield Hostile(f"zip64-claims-{size}-stored", claim, UNSAFE, LAST)
        far = spoilt(central={"offset": 0xFFFFFFFF}, central_extra=value)
        yield Hostile(f"zip64-offset-{size}", far, DAMAGED, "damaged")
    yield Hostile("zip64-unasked-in-the-record", spoilt(local_extra=extra(1, bytes(16))), DAMAGED, LAST)
    yield Hostile("zip64-unasked", spoilt(central_extra=extra(1, struct.pack("<Q", content))), DAMAGED, LAST)
