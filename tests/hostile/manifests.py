"""Manifests that are no strict JSON, that say what no manifest may, or more than this edgeai knows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.hostile.case import MANIFEST, TOO_NEW, Hostile
from tests.hostile.names import BAD_NAMES
from tests.raw_zip import zip_bytes
from tests.tiny_bundles import manifest_of, members, sha256, spelt


def bad_manifests(chance: random.Random) -> Iterator[Hostile]:
    good = spelt(manifest_of())
    for name, data in _spellings(good, chance):
        yield Hostile(f"manifest-{name}", zip_bytes(members(data)), MANIFEST, "manifest.json")
    for path, values in _wrong_values().items():
        for index, value in enumerate(values):
            data = spelt(_put(manifest_of(), path, value))
            name = f"manifest-{'.'.join(map(str, path))}-{index}".replace("/", "_")
            yield Hostile(name, zip_bytes(members(data)), MANIFEST)
    for path in _required():
        data = spelt(_drop(manifest_of(), path))
        yield Hostile(f"manifest-without-{'.'.join(map(str, path))}", zip_bytes(members(data)), MANIFEST)
    for index, name in enumerate(BAD_NAMES):
        variant = [{"id": "a", "format": "onnx", "files": {name: sha256(b"")}}]
        data = spelt(_put(manifest_of(), ("models", "det", "variants"), variant))
        yield Hostile(f"manifest-names-{index}", zip_bytes(members(data)), MANIFEST)
        data = spelt(_put(manifest_of(), ("assets",), {name: sha256(b"")}))
        yield Hostile(f"manifest-names-asset-{index}", zip_bytes(members(data)), MANIFEST)
    for index, names in enumerate(
        (("a", "A"), ("a", "a/b"), ("a/b", "A/c"), ("Manifest.json",), ("manifest.json/x",))
    ):
        data = spelt(_put(manifest_of(), ("assets",), {name: sha256(b"") for name in names}))
        yield Hostile(f"manifest-names-clash-{index}", zip_bytes(members(data)), MANIFEST)
    changes: tuple[dict[str, object], ...] = ({"schema": 2}, {"schema": 2**53}, {"requires": ["holograms"]})
    for index, change in enumerate(changes):
        yield Hostile(f"too-new-{index}", zip_bytes(members(spelt(manifest_of(**change)))), TOO_NEW)


def _spellings(good: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """What is no strict JSON, or too much of it."""
    body = good[1:-1]
    yield "byte-order-mark", b"\xef\xbb\xbf" + good
    yield "utf-16", good.decode().encode("utf-16")
    yield "latin-1", b'{"licence":"\xe9",' + body + b"}"
    yield "overlong-utf-8", b'{"licence":"\xc0\xaf",' + body + b"}"
    yield "surrogate-in-utf-8", b'{"licence":"\xed\xa0\x80",' + body + b"}"
    yield "trailing-comma", b"{" + body + b",}"
    yield "comment", b"{/* hi */" + body + b"}"
    yield "single-quotes", good.replace(b'"', b"'")
    yield "two-objects", good + good
    yield "something-behind", good + b"x"
    yield "NUL-behind", good + b"\0"
    yield "top-list", b"[" + good + b"]"
    yield "top-text", b'"text"'
    yield "top-null", b"null"
    yield "top-number", b"1"
    yield "nothing", b""
    yield "space", b"   "
    for word in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9007199254740993", "1" * 400,
                 "-" + "9" * 5000, "01", "+1", ".5", "1.", "0x10", "1_0", "True", "undefined"):  # fmt: skip
        yield f"number-{word[:20]}", b'{"quality":[' + word.encode() + b"]," + body + b"}"
    for word in ('"\\ud800"', '"\\udc00x"', '"\\x41"', '"\\u12"', '"a\nb"', '"\x00"', '"\t"', '"', "'a'"):
        yield f"text-{word.encode().hex()}", b'{"licence":' + word.encode() + b"," + body + b"}"
    yield "surrogate-key", b'{"\\ud800":1,' + body + b"}"
    yield "key-twice", b'{"schema":1,' + body + b"}"
    yield "key-twice-below", b'{"quality":[{"a":{"b":1,"b":1}}],' + body + b"}"
    yield "key-twice-by-escape", b'{"sch\\u0065ma":1,' + body + b"}"
    yield "files-twice", good.replace(b'"files":{', b'"files":{},"files":{', 1)
    for depth in (64, 1000, 100_000):
        for opened, closed in (("[", "]"), ('{"a":', "}")):
            deep = opened * depth + "1" + closed * depth
            yield f"depth-{depth}-{opened[0]}", b'{"quality":' + deep.encode() + b"," + body + b"}"
            yield f"depth-{depth}-{opened[0]}-open", b'{"quality":' + (opened * depth).encode()
    for turn in range(20):
        yield f"cut-{turn}", good[: chance.randrange(1, len(good))]


def _required() -> list[tuple[str | int, ...]]:
    variant = ("models", "det", "variants", 0)
    tensors = [("models", "det", "inputs", "x", "dtype"), ("models", "det", "inputs", "x", "shape"),
               ("models", "det", "outputs", "y", "dtype")]  # fmt: skip
    of_variant = [(*variant, key) for key in ("id", "format", "files")]
    return [("schema",), ("id",), ("version",), ("models",), variant[:3], *of_variant, *tensors]


def _wrong_values() -> dict[tuple[str | int, ...], list[object]]:
    variant = ("models", "det", "variants", 0)
    return {
        ("schema",): [None, "1", 1.0, True, 0, -1, [], {}],
        ("id",): [None, 5, [], {}, "", "../x", "a b", "/a", "a/", "a//b"],
        ("version",): [None, 1, 1.4, "", " ", "1 4", "-1"],
        ("requires",): ["pipeline", {}, 5, [5], [None]],
        ("models",): [None, [], "det", 5, {}, {"": {}}, {"a b": {}}],
        ("models", "det"): [None, [], "x", 5, {}],
        variant[:3]: [None, {}, [], [5], ["x"], [{}], [[]]],
        (*variant, "files"): [None, [], {}, "x", {"a": 5}, {"a": "sha256:0"}, {"a": "md5:" + "0" * 32},
                              {"a": "0" * 64}, {"a": "sha256:" + "A" * 64}, {"a": None}],
        ("assets",): [None, [], "x", {"a": 5}, {"a": ""}, {"det/s8.onnx": "sha256:" + "0" * 64}],
        ("models", "det", "inputs", "x", "shape"): [None, 5, [-1], [1.5], [None], [""], [[1]]],
        ("models", "det", "inputs", "x", "dtype"): [None, "f33", 5, ""],
    }  # fmt: skip


def _put(manifest: dict[str, Any], path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    _at(manifest, path[:-1])[path[-1]] = value
    return manifest


def _drop(manifest: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    del _at(manifest, path[:-1])[path[-1]]
    return manifest


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value
