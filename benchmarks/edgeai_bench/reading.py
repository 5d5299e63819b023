"""Documents that `edgeai bench --json` wrote, read back: old results are rendered like new ones."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NoReturn

from edgeai.errors import InputError, one_line
from edgeai.regular_file import open_regular

from .decoding import NotAsDeclared, decode
from .report import SCHEMA_VERSION, Failure, Report

KIND = "edgeai.bench"
_REPEAT = "write it again with `edgeai bench ... --json > FILE`"


def read_documents(paths: list[str]) -> tuple[list[Report], list[Failure]]:
    """All runs and failures of several files, in their order. `-` is standard input. Raises InputError."""
    reports: list[Report] = []
    failures: list[Failure] = []
    for path in paths:
        runs, failed = read_document(path)
        reports += runs
        failures += failed
    return reports, failures


def read_document(path: str | os.PathLike[str]) -> tuple[list[Report], list[Failure]]:
    """Runs and failures of one file. Raises InputError, which names the file and the key that is wrong."""
    if os.fspath(path) == "-":
        return from_json(sys.stdin.buffer.read(), "standard input")
    with open_regular(path) as file:
        return from_json(file.read(), one_line(path))


def from_json(text: bytes, shown: str) -> tuple[list[Report], list[Failure]]:
    """The same of a text. shown: the file, as errors show it."""
    document = _parsed(text, shown)
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise InputError(f'{shown}: no document of edgeai bench (no "kind": "{KIND}"); {_REPEAT}')
    schema = document.get("schema")
    if schema != SCHEMA_VERSION:
        known = f"this edgeai reads schema {SCHEMA_VERSION}"
        raise InputError(f"{shown}: schema is {one_line(json.dumps(schema), 40)}; {known}; update edgeai")
    try:
        return (
            decode(list[Report], document.get("runs"), "runs"),
            decode(list[Failure], document.get("failures"), "failures"),
        )
    except NotAsDeclared as error:
        raise InputError(f"{shown}: {error}; {_REPEAT}") from None


def _parsed(text: bytes, shown: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise InputError(f"{shown}: nested too deeply to be a document of edgeai bench") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ones
        reason = "it is empty" if not text.strip() else one_line(error, 120)
        raise InputError(f"{shown} is no JSON: {reason}; {_REPEAT}") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
