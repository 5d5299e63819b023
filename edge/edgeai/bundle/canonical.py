"""A manifest as JSON: strict reading, and the one canonical spelling whose sha256 is the bundle's identity.

The canonical bytes are what `manifest.json` holds in every archive and store that edgeai writes, so that
`sha256sum manifest.json` prints the identity. A signature (`manifest.sig`) signs exactly these bytes. For
whoever writes them in another language:

- UTF-8 without a byte order mark, no white space between tokens, no line feed at the end;
- keys of every object sorted by their Unicode code points, each key once;
- strings unescaped, but for `\\"`, `\\\\`, `\\b`, `\\f`, `\\n`, `\\r`, `\\t` and the other characters below
  U+0020 as `\\u00xx` in lower case;
- whole numbers within +-2^53 in plain digits;
- other numbers as Python's `repr`: the fewest digits that read back as the same double, an exponent of at
  least two digits below 1e-4 and from 1e16 on (`0.1`, `1e-05`, `1e+16`). A number written with a point or an
  exponent stays one (`1.0`), so that `1` and `1.0` make different identities.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import ManifestError, one_line

LIMIT_BYTES = 4 << 20
"""The largest manifest. Those of the example bundles are a thousandth of it."""

DEPTH_LIMIT = 64
"""How deep objects and lists may lie in each other; parsers of small stacks still hold it."""

# The largest whole number that every JSON reader keeps exactly (RFC 8259, section 6).
_LARGEST_INT = 2**53


def parse(data: bytes, shown: str) -> dict[str, object]:
    """The object that a manifest's bytes spell.

    shown: what errors call the file. Raises ManifestError, in one line that names the place: not UTF-8, not
    JSON, no object at the top, a key twice in one object, NaN and infinities, whole numbers beyond +-2^53,
    half a surrogate pair, more than LIMIT_BYTES or DEPTH_LIMIT.
    """
    text = _decode(data, shown)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_bounded_int)
    except json.JSONDecodeError as error:
        raise ManifestError(
            f"{shown} is no JSON: {error.msg} at line {error.lineno}, column {error.colno}; correct it there"
        ) from None
    except RecursionError:  # of a caller that had used up the stack before
        raise ManifestError(f"{shown} cannot be read: the call stack is too deep already") from None
    if not isinstance(value, dict):
        raise ManifestError(f"{shown} holds no JSON object; a manifest starts with {{")
    _check(value, shown)
    return value


def canonical(manifest: Mapping[str, object]) -> bytes:
    """The canonical bytes of a manifest, see above; the same on every Python.

    Raises ManifestError for what JSON cannot say exactly, by the same rules as `parse`.
    """
    plain = dict(manifest)
    _check(plain, "the manifest")
    text = json.dumps(
        plain,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        check_circular=False,
    )
    data = text.encode()
    if len(data) > LIMIT_BYTES:
        raise ManifestError(_too_large("the manifest", len(data)))
    return data


def identity(manifest: Mapping[str, object]) -> str:
    """The bundle's identity: sha256 of the canonical manifest, 64 lower-case hex digits without a prefix."""
    return hashlib.sha256(canonical(manifest)).hexdigest()


def _decode(data: bytes, shown: str) -> str:
    if len(data) > LIMIT_BYTES:
        raise ManifestError(_too_large(shown, len(data)))
    if data.startswith(b"\xef\xbb\xbf"):
        raise ManifestError(f"{shown} starts with a byte order mark; save it as UTF-8 without one")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ManifestError(f"{shown} is not UTF-8: see byte {error.start}; save it as UTF-8") from None
    if _is_too_deep(data):  # before parsing, which would recurse as deep as the file says
        raise ManifestError(f"{shown} is nested deeper than {DEPTH_LIMIT} levels; make it flatter")
    return text


def _too_large(shown: str, size_bytes: int) -> str:
    return f"{shown} has {size_bytes:,} bytes, a manifest at most {LIMIT_BYTES:,}; move data into files"


def _is_too_deep(data: bytes) -> bool:
    """Whether brackets outside strings nest deeper than the limit; exact as far as the bytes are JSON."""
    without_escapes = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(without_escapes.split(b'"')[::2])
    brackets = outside_strings.translate(None, delete=_NO_BRACKETS)
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_LIMIT:
            return True
    return False


_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def _check(manifest: dict[str, object], shown: str) -> None:
    for place in _walk(manifest):
        problem = _problem(place)
        if problem:
            raise ManifestError(f"{shown}: {place}{problem}")


def _bounded_int(digits: str) -> int:
    """A whole number; one of too many digits becomes one that is refused later, where its place is known."""
    return int(digits) if len(digits) <= 17 else _LARGEST_INT + 1


class _Doubled(dict[str, object]):
    """An object in which a key stood twice; found by the walk, which knows its place."""

    key: str


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Called by the parser for each object."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = _Doubled(found)
    doubled.key = Counter(key for key, _ in pairs).most_common(1)[0][0]
    return doubled


@dataclass(frozen=True)
class _Place:
    """A value and where it stands. Linked, so that paths are only spelt where they are shown."""

    value: object
    key: str | int = ""
    above: _Place | None = None
    depth: int = 1

    def __str__(self) -> str:
        parts: list[str] = []
        place: _Place | None = self
        while place is not None and place.above is not None:
            is_index = isinstance(place.key, int)
            parts.append(f"[{place.key}]" if is_index else f".{one_line(place.key, 60)}")
            place = place.above
        path = "".join(reversed(parts)).removeprefix(".")
        return f"{one_line(path)}: " if path else ""


def _walk(root: object) -> Iterator[_Place]:
    """Every value, objects and lists before what is in them."""
    todo = [_Place(root)]
    while todo:
        place = todo.pop()
        yield place
        value = place.value
        inner = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
        todo.extend(_Place(item, key, place, place.depth + 1) for key, item in inner)


def _problem(place: _Place) -> str | None:
    """What is wrong with one value, apart from what lies in it."""
    value = place.value
    if isinstance(value, _Doubled):
        return f"has the key {one_line(value.key, 100)!r} twice; keep one"
    if type(value) not in _PLAIN:  # others, even subclasses, are not spelt alike by every Python
        return f"is a {type(value).__name__}, which JSON cannot say"
    if isinstance(value, (dict, list)) and place.depth > DEPTH_LIMIT:  # ends the walk where one holds itself
        return f"is nested deeper than {DEPTH_LIMIT} levels"
    if isinstance(value, int) and abs(value) > _LARGEST_INT:
        return "is a whole number beyond +-2^53, which not every reader keeps"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, which JSON cannot say"
    texts = value if isinstance(value, dict) else [value] if isinstance(value, str) else ()
    return next((problem for text in texts if (problem := _text_problem(text))), None)


_PLAIN = (dict, list, str, int, float, bool, type(None))


def _text_problem(text: object) -> str | None:
    """What is wrong with a text or a key."""
    if type(text) is not str:
        return f"has the key {one_line(repr(text), 100)}; keys are texts"
    try:
        text.encode()
    except UnicodeEncodeError:
        return f"holds half a surrogate pair, which is no character: {one_line(text, 100)}"
    return None
