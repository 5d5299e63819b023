"""Strict reading of manifests, and their one spelling: the same on every Python."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeai.bundle.canonical import DEPTH_LIMIT, LIMIT_BYTES, canonical, identity, parse
from edgeai.errors import ManifestError
from tests.tiny_bundles import manifest_of

ROOT = Path(__file__).parents[3]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)
objects = st.dictionaries(texts, values, max_size=6)


# Writing.


def test_the_canonical_bytes_are_sorted_without_space_and_unescaped() -> None:
    manifest = {"b": [1, 1.0, True, None], "a": {"é": 'x"\\/\n\x1f\x7f\u2028', "Z": -0.0}}
    expected = '{"a":{"Z":-0.0,"é":"x\\"\\\\/\\n\\u001f\x7f\u2028"},"b":[1,1.0,true,null]}'
    assert canonical(manifest) == expected.encode()


@pytest.mark.parametrize(
    ("number", "spelt"),
    [
        (0.1, "0.1"),
        (1.0, "1.0"),
        (1, "1"),
        (1e16, "1e+16"),
        (9999999999999998.0, "9999999999999998.0"),
        (1e-4, "0.0001"),
        (1e-5, "1e-05"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (2**53, "9007199254740992"),
    ],
)
def test_numbers_are_spelt_as_documented(number: float, spelt: str) -> None:
    assert canonical({"x": number}) == f'{{"x":{spelt}}}'.encode()


def test_keys_are_sorted_by_code_point() -> None:
    keys = ["\U00010000", "\uffff", "é", "z", "a", "B", ""]
    assert list(json.loads(canonical(dict.fromkeys(keys)))) == [
        "",
        "B",
        "a",
        "z",
        "é",
        "\uffff",
        "\U00010000",
    ]


def test_one_and_one_point_zero_make_different_identities() -> None:
    assert identity({"x": 1}) != identity({"x": 1.0})


def test_the_identity_is_what_sha256sum_prints(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(canonical(manifest_of()))
    printed = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout
    assert printed.split()[0] == identity(manifest_of())


@settings(max_examples=200, deadline=None)
@given(objects)
def test_what_is_written_is_read_as_it_was(manifest: dict[str, Any]) -> None:
    data = canonical(manifest)
    again = parse(data, "m")
    assert again == manifest
    assert canonical(again) == data
    # Equal numbers of other types would make another identity.
    assert repr(_sorted(again)) == repr(_sorted(manifest))


@settings(max_examples=100, deadline=None)
@given(objects, st.randoms(use_true_random=False))
def test_neither_order_nor_white_space_changes_the_identity(
    manifest: dict[str, Any], chance: random.Random
) -> None:
    items = list(manifest.items())
    chance.shuffle(items)
    for indent, escaped in ((None, True), (2, False), ("\t", True)):
        data = json.dumps(dict(items), indent=indent, ensure_ascii=escaped).encode()
        assert identity(parse(data, "m")) == identity(manifest)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _sorted(value[key])) for key in sorted(value)]
    return [_sorted(each) for each in value] if isinstance(value, list) else value


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "a.b[1]: is nan, which JSON cannot say"),
        (math.inf, "a.b[1]: is inf"),
        (2**53 + 1, "a.b[1]: is a whole number beyond +-2^53"),
        (-(2**53) - 1, "a.b[1]: is a whole number beyond +-2^53"),
        ("\ud800", "a.b[1]: holds half a surrogate pair, which is no character: \\ud800"),
        ({"\udfff": 1}, "a.b[1]: holds half a surrogate pair"),
        ({5: 1}, "a.b[1]: has the key 5; keys are texts"),
        ((1, 2), "a.b[1]: is a tuple, which JSON cannot say"),
        (Text("x"), "a.b[1]: is a Text, which JSON cannot say"),
        (b"x", "a.b[1]: is a bytes, which JSON cannot say"),
        (Path("x"), "a.b[1]: is a PosixPath, which JSON cannot say"),
    ],
)
def test_what_json_cannot_say_exactly_is_refused_with_its_place(value: object, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        canonical({"a": {"b": [0, value]}})
    assert str(caught.value).startswith(f"the manifest: {said}")


def test_an_object_that_holds_itself_is_refused() -> None:
    manifest: dict[str, object] = {}
    manifest["me"] = [manifest]
    with pytest.raises(ManifestError, match="nested deeper than 64 levels"):
        canonical(manifest)


def test_a_manifest_that_could_not_be_read_again_is_not_written() -> None:
    with pytest.raises(ManifestError, match="a manifest at most 4,194,304"):
        canonical({"x": "é" * (LIMIT_BYTES // 2)})


# Reading.


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "m is no JSON: Expecting value at line 1, column 1; correct it there"),
        (b'{"a":1,\n "b" 2}', "m is no JSON: Expecting ':' delimiter at line 2, column 6; correct it there"),
        (b"[]", "m holds no JSON object; a manifest starts with {"),
        (b'\xef\xbb\xbf{"a":1}', "m starts with a byte order mark; save it as UTF-8 without one"),
        (b'{"a":"\xff"}', "m is not UTF-8: see byte 6; save it as UTF-8"),
        (b'{"a":[{"b":1,"c":2,"b":1}]}', "m: a[0]: has the key 'b' twice; keep one"),
        (b'{"a":{"b":1,"b":2},"a":3}', "m: has the key 'a' twice; keep one"),
        (b'{"a":[NaN]}', "m: a[0]: is nan, which JSON cannot say"),
        (b'{"a":-Infinity}', "m: a: is -inf, which JSON cannot say"),
        (b'{"a":1e999}', "m: a: is inf, which JSON cannot say"),
        (b'{"a":9007199254740993}', "m: a: is a whole number beyond +-2^53, which not every reader keeps"),
        (b'{"a":"\\ud83d"}', "m: a: holds half a surrogate pair, which is no character: \\ud83d"),
        (b'{"":{"x y":[NaN]}}', "m: .x y[0]: is nan, which JSON cannot say"),
    ],
)
def test_what_is_no_strict_json_is_refused_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(data, "m")
    assert str(caught.value) == said


def test_a_surrogate_pair_is_a_character() -> None:
    assert parse(b'{"a":"\\ud83d\\ude00"}', "m") == {"a": "\U0001f600"}


def test_a_number_of_a_million_digits_is_refused_at_once() -> None:
    with pytest.raises(ManifestError, match="m: a: is a whole number beyond"):
        parse(b'{"a":' + b"9" * 1_000_000 + b"}", "m")


@pytest.mark.parametrize("opened", [b"[", b'{"a":'])
def test_nesting_ends_at_64_levels(opened: bytes) -> None:
    def nested(depth: int) -> bytes:
        closed = b"]" if opened == b"[" else b"}"
        return b'{"x":' + opened * (depth - 1) + b"0" + closed * (depth - 1) + b"}"

    assert canonical(parse(nested(DEPTH_LIMIT), "m")) == nested(DEPTH_LIMIT)
    for depth in (DEPTH_LIMIT + 1, 1000, 200_000):
        with pytest.raises(ManifestError, match="m is nested deeper than 64 levels; make it flatter"):
            parse(nested(depth), "m")


def test_brackets_in_texts_are_no_nesting() -> None:
    text = "[" * 1000 + '"\\' + "{" * 1000
    assert parse(json.dumps({"a": [text, "\\", text]}).encode(), "m") == {"a": [text, "\\", text]}


def test_a_manifest_ends_at_4_mebibytes() -> None:
    head, tail = b'{"a":"', b'"}'
    full = head + b"x" * (LIMIT_BYTES - len(head) - len(tail)) + tail
    assert len(str(parse(full, "m")["a"])) == LIMIT_BYTES - 8
    with pytest.raises(ManifestError, match="m has 4,194,305 bytes, a manifest at most 4,194,304"):
        parse(full + b" ", "m")


def test_a_caller_deep_in_recursion_gets_an_error_of_ours() -> None:
    def dive(depth: int) -> None:
        if depth:
            dive(depth - 1)
        else:
            parse(b'{"a":' * 60 + b"1" + b"}" * 60, "m")

    def outcome(depth: int) -> str:
        try:
            dive(depth)
        except (ManifestError, RecursionError) as error:  # the latter in `dive`, or before parsing began
            return type(error).__name__
        return "read"

    assert {outcome(depth) for depth in range(sys.getrecursionlimit())} == {
        "read",
        "ManifestError",
        "RecursionError",
    }


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text('{}[]":,\\u019eE+-.naNIfty \n', max_size=60).map(str.encode))
@example(b'{"a":"\\"}')
@example(b"\\" * 59)
@example(b'"' * 60)
def test_any_bytes_are_read_or_refused_by_name(data: bytes) -> None:
    said, manifest = "m", None
    try:
        manifest = parse(data, "m")
    except ManifestError as error:
        said = str(error)
    assert said.startswith("m")
    assert said.isprintable()
    assert manifest is None or parse(canonical(manifest), "m") == manifest


# Every Python.


CHILD = """
import hashlib, json, sys
from edgeai.bundle.canonical import canonical, parse
digest = hashlib.sha256()
for line in open(sys.argv[1], "rb"):
    digest.update(canonical(parse(line, "m")))
print(digest.hexdigest(), "numpy" in sys.modules)
"""


def _corpus() -> list[bytes]:
    """Numbers of every size and random bits, every character that may be escaped, and real manifests."""
    chance = random.Random(2026)
    floats = [struct.unpack("<d", chance.randbytes(8))[0] for _ in range(3000)]
    floats += [float(f"{chance.randrange(1, 10**6)}e{chance.randrange(-30, 30)}") for _ in range(1000)]
    numbers = [each for each in floats if math.isfinite(each)] + [chance.randrange(-(2**53), 2**53)]
    letters = [chr(code) for code in (*range(0x250), *range(0x2020, 0x2030), 0xFFFD, 0xFFFF, 0x1F600)]
    manifests = [
        manifest_of(),
        {"quality": numbers},
        {letter: letter for letter in letters},
        {"text": "".join(letters)},
    ]
    return [json.dumps(each).encode() for each in manifests]


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_the_identity_is_the_same_on_every_python(version: str, tmp_path: Path) -> None:
    find = [str(ROOT / "packaging/find-python"), version]
    found = subprocess.run(find, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(found.stderr.strip())
    corpus = tmp_path / "corpus"
    corpus.write_bytes(b"\n".join(_corpus()))
    done = subprocess.run(
        [found.stdout.strip(), "-S", "-c", CHILD, str(corpus)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "edge")},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = hashlib.sha256(b"".join(canonical(parse(each, "m")) for each in _corpus())).hexdigest()
    assert (done.stderr, done.stdout.split()) == ("", [expected, "False"])
