"""Tricks with the records of a zip file: hidden bytes, encodings, kinds of files, records that disagree."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.hostile.case import DAMAGED, EITHER, LAST, UNSAFE, Hostile, spoilt
from tests.raw_zip import Raw, extra, zip_bytes
from tests.tiny_bundles import FILES, members


def tricks_with_records() -> Iterator[Hostile]:
    yield from _bytes_that_belong_to_nothing()
    yield from _encodings()
    yield from _kinds()
    yield from _records_that_disagree()
    yield from _split()


def _bytes_that_belong_to_nothing() -> Iterator[Hostile]:
    good = members()
    sound, stub = zip_bytes(good), b"PK\x03\x04" + bytes(100)
    yield Hostile("shell-script-in-front", zip_bytes(good, before=b"#!/bin/sh\nexit\n"), DAMAGED)
    yield Hostile("hidden-in-front", zip_bytes(good, before=stub), UNSAFE)
    yield Hostile("in-front-with-old-offsets", stub + sound, DAMAGED)
    yield Hostile("hidden-member", zip_bytes([*good, Raw("evil", b"x")], listed=range(len(good))), UNSAFE)
    yield Hostile("hidden-before-the-directory", zip_bytes(good, before_directory=b"hidden"), UNSAFE)
    yield Hostile("hidden-before-the-end", zip_bytes(good, before_end=b"hidden"), DAMAGED)
    gap = [good[0].with_(tail=b"hidden"), *good[1:]]
    yield Hostile("hidden-between-members", zip_bytes(gap), UNSAFE, "manifest.json")
    for count in (1, 22, 1000, 70_000):
        yield Hostile(f"{count}-zeros-behind", sound + bytes(count), EITHER)
    yield Hostile("line-feed-behind", sound + b"\n", UNSAFE)
    yield Hostile("end-record-twice", sound + sound[-22:], DAMAGED)
    yield Hostile("archive-twice", sound + sound, DAMAGED)
    yield Hostile("archive-in-front-of-another", zip_bytes(good, before=sound), UNSAFE)
    yield Hostile("comment", zip_bytes(good, comment=b"hello"), UNSAFE)
    yield Hostile("end-record-in-a-comment", zip_bytes(good, comment=sound[-22:]), EITHER)
    yield Hostile("archive-in-a-comment", zip_bytes(good, comment=zip_bytes([Raw("a", b"b")])), EITHER)
    commented = [good[0].with_(comment=b"hello"), *good[1:]]
    yield Hostile("comment-of-a-member", zip_bytes(commented), UNSAFE, "manifest.json")


def _encodings() -> Iterator[Hostile]:
    for flags in (0x0001, 0x0041, 0x2001, 0x2000, 0x0040):
        yield Hostile(f"encrypted-{flags:#x}", spoilt(both={"flags": flags}), UNSAFE, LAST)
    for flags in (0x0010, 0x0020, 0x0080, 0x1000, 0x4000, 0x8000):
        yield Hostile(f"flags-{flags:#x}", spoilt(both={"flags": flags}), UNSAFE, LAST)
    for method in (1, 2, 6, 9, 10, 12, 14, 93, 95, 97, 98, 99, 65535):
        yield Hostile(f"method-{method}", spoilt(both={"method": method}), UNSAFE, LAST)
    for needed in (0, 21, 27, 46, 50, 51, 61, 62, 63, 255, 0x0314):
        yield Hostile(f"needs-version-{needed}", spoilt(both={"needed": needed}), UNSAFE, LAST)
    unicode_path = extra(0x7075, b"\x01" + struct.pack("<L", 0) + b"det/evil.onnx")
    fields = {"aes": extra(0x9901, bytes(7)), "strong-encryption": extra(0x0017, bytes(8)),
              "unicode-path": unicode_path, "unicode-comment": extra(0x6375, bytes(6)),
              "unknown": extra(0xBEEF, b"secret")}  # fmt: skip
    for name, value in fields.items():
        yield Hostile(f"extra-{name}-in-the-directory", spoilt(central_extra=value), UNSAFE, LAST)
        yield Hostile(f"extra-{name}-in-the-record", spoilt(local_extra=value), UNSAFE, LAST)
    times = extra(0x5455, b"\x01" + bytes(4))
    for name, value in {"cut": times[:-1], "twice": times + times, "three-bytes": b"UT\x05"}.items():
        yield Hostile(f"extra-{name}-in-the-directory", spoilt(central_extra=value), DAMAGED, LAST)
        yield Hostile(f"extra-{name}-in-the-record", spoilt(local_extra=value), DAMAGED, LAST)
    padding = extra(0xD935, b"\x00\x40" + b"hidden words")
    yield Hostile("words-in-the-padding", spoilt(local_extra=padding), DAMAGED, LAST)


def _kinds() -> Iterator[Hostile]:
    """What a file would be by its mode bits."""
    kinds = {"link": 0o120777, "socket": 0o140644, "pipe": 0o010644, "character-device": 0o020644,
             "block-device": 0o060644, "folder": 0o040755, "whiteout": 0o160644}  # fmt: skip
    for name, mode in kinds.items():
        yield Hostile(f"{name}-by-mode", spoilt(central={"attributes": mode << 16}), UNSAFE, LAST)
        dos = {
            "attributes": mode << 16,
            "made": 20,
        }  # says that DOS made it; unzip tools differ in what they do
        yield Hostile(f"{name}-by-mode-from-dos", spoilt(central=dos), UNSAFE, LAST)
    yield Hostile("folder-by-dos-attribute", spoilt(central={"attributes": 0x10}), UNSAFE, LAST)
    link = Raw("det/link", b"/etc/passwd", central={"attributes": 0o120777 << 16})
    yield Hostile("link-beside", zip_bytes([*members(), link]), UNSAFE, "det/link")
    folder = Raw("det/", central={"attributes": 0o100644 << 16})
    yield Hostile("folder-that-is-a-file-by-mode", zip_bytes([*members(), folder]), UNSAFE, "det/")
    yield Hostile("folder-with-content", zip_bytes([*members(), Raw("det/", b"content")]), DAMAGED, "det/")
    yield Hostile(
        "folder-that-is-deflated", zip_bytes([*members(), Raw("det/", deflate=True)]), DAMAGED, "det/"
    )


def _records_that_disagree() -> Iterator[Hostile]:
    """What one reader takes from the directory, another from the local record."""
    for name, value in {
        "flags": 0x0800,
        "method": 8,
        "time": 1,
        "date": 1,
        "crc32": 1,
        "packed": 1,
        "size": 1,
    }.items():
        yield Hostile(f"record-with-other-{name}", spoilt(local={name: value}), DAMAGED, LAST)
    yield Hostile("record-with-other-version", spoilt(local={"needed": 63}), UNSAFE, LAST)
    for other in ("det/evil.onnx", "../evil", "det/S8.onnx", "det/s8.onnx\0", ""):
        label = other.replace("/", "_").replace("\0", "NUL")
        yield Hostile(f"record-named-{label or 'nothing'}", spoilt(local_name=other), DAMAGED, LAST)
    for name in ("crc32", "packed", "size"):
        yield Hostile(f"both-with-other-{name}", spoilt(both={name: 7}), EITHER, LAST)
    follows = {"flags": 8}
    size = len(FILES[LAST])
    yield Hostile("sizes-that-follow-do-not", spoilt(both=follows), UNSAFE, LAST)
    for name, tail in {
        "zeros": bytes(12),
        "size": struct.pack("<3L", 0, size, size),
        "short": bytes(11),
    }.items():
        yield Hostile(f"sizes-that-follow-wrong-{name}", spoilt(both=follows, tail=tail), UNSAFE, LAST)
    right = struct.pack("<3L", members()[-1].fields()["crc32"], size, size)
    yield Hostile("sizes-that-follow-twice", spoilt(both=follows, tail=right * 2), UNSAFE, LAST)
    yield Hostile("sizes-that-follow-unannounced", spoilt(tail=right), UNSAFE, LAST)


def _split() -> Iterator[Hostile]:
    good = members()
    for name in ("disk", "directory_disk"):
        yield Hostile(f"split-{name}", zip_bytes(good, end={name: 1}), UNSAFE)
    yield Hostile("split-entries", zip_bytes(good, end={"here": 1}), UNSAFE)
    yield Hostile("split-member", spoilt(central={"disk": 1}), UNSAFE, LAST)
    yield Hostile("split-marker", zip_bytes(good, before=b"PK\x07\x08"), DAMAGED)
    for name, value in {"entries": 4, "size": 10, "offset": 10}.items():
        changes = {name: value, "here": value} if name == "entries" else {name: value}
        yield Hostile(f"end-with-other-{name}", zip_bytes(good, end=changes), EITHER)
    for name in ("size", "offset"):
        yield Hostile(f"end-with-huge-{name}", zip_bytes(good, end={name: 0xFFFFFFFE}), EITHER)
    yield Hostile("end-with-65535-entries", zip_bytes(good, end={"here": 65535, "entries": 65535}), UNSAFE)
