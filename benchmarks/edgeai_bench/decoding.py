"""Dataclasses from JSON by the types of their fields: what is written and what is read cannot differ."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Mapping, Set
from typing import Any

from edgeai.errors import one_line

_PLAIN: dict[object, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


class NotAsDeclared(Exception):  # noqa: N818 - caught where the file's name is known
    """The message names the key and what should be there."""


def decode(kind: Any, value: object, place: str) -> Any:
    """A value of JSON as a `kind`: a dataclass, tuple, dict, union or plain type.

    place: how a message calls it, such as `runs[0].latency`. Keys that the dataclass does not have are passed
    over, since a later version may write more. Raises NotAsDeclared.
    """
    if dataclasses.is_dataclass(kind):
        return _object(kind, value, place)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _one_of(arguments, value, place)
    if origin in (tuple, list):
        found = _tuple(arguments if origin is tuple else (*arguments, ...), value, place)
        return found if origin is tuple else list(found)
    if origin in (dict, Mapping):
        return _mapping(arguments[1], value, place)
    return value if kind is Any else _plain(kind, value, place)


def _object(kind: Any, value: object, place: str) -> Any:
    if not isinstance(value, dict):
        _refuse(value, place, "an object")
    given = {}
    for name, of, has_default in _fields(kind):
        if name in value:
            given[name] = decode(of, value[name], f"{place}.{name}")
        elif not has_default:
            raise NotAsDeclared(f"{place}.{name} is missing")
    return kind(**given)


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Name, type and whether it may be missing."""
    hints = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return tuple(
        (field.name, hints[field.name], field.default is not missing or field.default_factory is not missing)
        for field in dataclasses.fields(kind)
        if field.init
    )


def _one_of(kinds: tuple[Any, ...], value: object, place: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    # Of objects the one whose fields it has most of; of anything else the one that is none.
    keys = value.keys() if isinstance(value, dict) else frozenset()
    rest = [kind for kind in kinds if kind is not type(None)]
    return decode(max(rest, key=lambda kind: _likeness(kind, keys)), value, place)


def _likeness(kind: Any, keys: Set[str]) -> float:
    if not dataclasses.is_dataclass(kind):
        return -1.0 if keys else 1.0
    return len(keys & {field.name for field in dataclasses.fields(kind)}) if keys else -1.0


def _tuple(kinds: tuple[Any, ...], value: object, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        _refuse(value, place, "a list")
    if kinds[-1] is not ...:
        if len(value) != len(kinds):
            raise NotAsDeclared(f"{place} must hold {len(kinds)} values, not {len(value)}")
        pairs = zip(kinds, value, strict=True)
        return tuple(decode(kind, each, f"{place}[{at}]") for at, (kind, each) in enumerate(pairs))
    # Samples come by the hundred thousand: one look at all of them, not a call for each.
    if kinds[0] is int and all(type(each) is int for each in value):
        return tuple(value)
    return tuple(decode(kinds[0], each, f"{place}[{at}]") for at, each in enumerate(value))


def _mapping(kind: Any, value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(value, place, "an object")
    return {key: decode(kind, each, f"{place}.{one_line(key, 60)}") for key, each in value.items()}


def _plain(kind: Any, value: object, place: str) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        return number if math.isfinite(number) else _refuse(value, place, "a finite number")
    if type(value) is kind:
        return value
    return _refuse(value, place, _PLAIN.get(kind, f"a {kind}"))


def _refuse(value: object, place: str, wanted: str) -> typing.NoReturn:
    shown = json.dumps(value, default=str) if not isinstance(value, dict | list) else type(value).__name__
    shown = {"dict": "an object", "list": "a list"}.get(shown, shown)
    raise NotAsDeclared(f"{place} must be {wanted}, not {one_line(shown, 60)}")
