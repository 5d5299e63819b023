"""Bundles that were cut short or changed on their way, and what is taken for a bundle by mistake."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator

from edgeai.errors import BundleDamaged, BundleUnsafe, ManifestError
from tests.hostile.case import DAMAGED, Hostile
from tests.raw_zip import Place, places, zip_bytes
from tests.tiny_bundles import FILES


def cut_short(packed: bytes, label: str, chance: random.Random) -> Iterator[Hostile]:
    """At the start and the end of every record, and anywhere."""
    marks = {place.offset for place in places(packed) if place.field in {"signature", "name", "data"}}
    anywhere = {chance.randrange(len(packed)) for _ in range(20)}
    for length in sorted(marks | anywhere | {1, 3, 4, 21, 22, len(packed) - 1}):
        yield Hostile(f"{label}-first-{length}-bytes", packed[:length], DAMAGED)


def says_nothing(place: Place) -> bool:
    """Fields that no reader needs: who made the archive, whether a file is text, and permissions."""
    return place.record.startswith("central") and place.field in {"made", "internal", "attributes"}


def flipped(sound: bytes, label: str, chance: random.Random) -> Iterator[Hostile]:
    """A bit in every field of every record, and in the data of every member at six places."""
    for place in places(sound):
        if says_nothing(place):
            continue
        for turn in range(6 if place.field == "data" else 1):
            at = place.offset + chance.randrange(place.length)
            bad = bytearray(sound)
            bad[at] ^= 1 << chance.randrange(8)
            name = f"{label}-bit-{place.record}-{place.field}-{turn}".replace("/", "_")
            yield Hostile(name, bytes(bad), (BundleDamaged, BundleUnsafe, ManifestError))


def no_bundles(packed: bytes, chance: random.Random) -> Iterator[Hostile]:
    """What is renamed or downloaded by mistake."""
    yield Hostile("empty", b"", DAMAGED)
    yield Hostile("text", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 585532\n", DAMAGED)
    yield Hostile("page", b"<!DOCTYPE html>\n<html><title>404 Not Found</title></html>\n", DAMAGED)
    yield Hostile("gzip", gzip.compress(packed, mtime=0), DAMAGED)
    yield Hostile("bare-model", FILES["det/s8.onnx"], DAMAGED)
    yield Hostile("noise", chance.randbytes(5000), DAMAGED)
    yield Hostile("noise-behind-a-signature", b"PK\x03\x04" + chance.randbytes(5000), DAMAGED)
    yield Hostile("zeros", bytes(5000), DAMAGED)
    yield Hostile("zip-without-members", zip_bytes([]), DAMAGED, "manifest.json")
