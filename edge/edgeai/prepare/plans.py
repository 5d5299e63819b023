"""Plans: what was found on one board, pinned for all boards of its kind with the same software.

schema = 1
device = "raspberry-pi-5"
edgeai = "0.7.0"

[[model]]
name = "det"                  # "" for a bare model file
identity = "6f1c..."          # of the bundle; the sha256 of a bare file
objective = "latency"
variant = "onnx-f32"
backend = "onnxruntime"
versions = {onnxruntime = "1.32.0"}
threads = 4
providers = []
form = "prepacked"            # left out where the model file itself is opened
tuning = {spinning = false}   # see `backends.tuning.Tuning`
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__, wire
from ..backends import BACKENDS
from ..backends.forms import FORMS
from ..backends.tuning import Tuning
from ..device import detect_profile
from ..errors import ConfigError, InputError, one_line
from ..prepared.choice import Choice
from ..prepared.fingerprint import versions
from ..toml_table import TomlTable
from ..whole_file import write_whole
from .preparing import Done
from .settings import OBJECTIVES
from .ways import Way

SCHEMA = 1
_MOST_THREADS = 1024
"""As `edgeai.load` takes them."""


@dataclass(frozen=True)
class PlannedModel:
    """What a plan says of one model. asked_threads: see `Prepared`."""

    name: str
    identity: str
    objective: str
    way: Way
    asked_threads: int | None


def save_plan(out: Path, done: Sequence[Done], asked_threads: int | None) -> None:
    """Write what was found. Raises ConfigError where the file cannot be written."""
    lines = [
        f"# Found by `edgeai prepare`; used by `edgeai prepare MODEL --plan {out.name}`.",
        f"schema = {SCHEMA}",
        f"device = {_text(detect_profile().id)}",
        f"edgeai = {_text(__version__)}",
    ]
    for each in done:
        lines += ["", "[[model]]", *(f"{key} = {_value(value)}" for key, value in _said(each, asked_threads))]
    try:
        write_whole(out, ("\n".join(lines) + "\n").encode())
    except OSError as error:
        raise ConfigError(f"{one_line(out)} cannot be written: {error.strerror}; check the path") from None


def read_plan(file: Path) -> dict[str, PlannedModel]:
    """By the model's name. Raises ConfigError for what cannot be read, and for another device or version.

    The library of each backend is loaded, to ask for its version.
    """
    table = TomlTable.open(file)
    schema = table.whole("schema")
    if schema != SCHEMA:
        table.fail("schema", f"is {schema}; this edgeai reads {SCHEMA}")
    device, here = table.text("device"), detect_profile().id
    table.any("edgeai")
    if device != here:
        table.fail(
            "device", f"is {device}, and this is {here}; make a plan on a board of this kind (--save-plan)"
        )
    found = [_planned(each) for each in table.tables("model")]
    table.done()
    if not found:
        table.fail("model", "is missing; expected tables [[model]]")
    return {each.name: each for each in found}


def planned_ways(file: Path) -> Callable[[str, Sequence[str]], dict[str, PlannedModel]]:
    """Reads a plan now, and later finds in it what it says of the models that are opened by then.

    Raises as `read_plan`; what it gives raises InputError where the plan is of another model, or lacks one.
    """
    plan, shown = read_plan(file), one_line(file)

    def ways(identity: str, names: Sequence[str]) -> dict[str, PlannedModel]:
        missing = [name for name in names if name not in plan]
        if missing:
            knows = ", ".join(name or "a bare file" for name in plan)
            raise InputError(f"{shown} says nothing of the model {one_line(missing[0])!r}; it knows: {knows}")
        if any(plan[name].identity != identity for name in names):
            raise InputError(
                f"{shown} was made for another model or version of it; make it anew (--save-plan)"
            )
        return {name: plan[name] for name in names}

    return ways


def _said(done: Done, asked_threads: int | None) -> list[tuple[str, Any]]:
    way, choice = done.searched.chosen.way, done.searched.chosen.way.choice
    said: list[tuple[str, Any]] = [
        ("name", done.searched.model),
        ("identity", done.identity),
        ("objective", done.searched.objective),
        ("variant", choice.variant),
        ("backend", choice.backend),
        ("versions", versions(choice.backend)),
        ("threads", choice.threads),
        ("providers", list(choice.providers)),
    ]
    if asked_threads is not None:
        said.append(("asked_threads", asked_threads))
    if way.form is not None:
        said.append(("form", way.form))
    changed = {
        key: value for key, value in dataclasses.asdict(choice.tuning).items() if value not in (None, (), {})
    }
    return [*said, ("tuning", changed)] if changed else said


def _planned(table: TomlTable) -> PlannedModel:
    name = table.any("name")  # may be empty, of a bare file
    if not isinstance(name, str):
        table.fail("name", "is no text; give a model's name, or an empty one for a bare model file")
    identity, objective = table.text("identity"), table.choice("objective", OBJECTIVES)
    variant, backend = table.text("variant"), table.choice("backend", tuple(BACKENDS))
    threads, providers = _threads(table, "threads"), table.texts("providers")
    asked = _threads(table, "asked_threads") if table.has("asked_threads") else None
    forms = tuple(kind for kind, entry in FORMS.items() if entry.backend == backend)
    form = table.choice("form", forms) if table.has("form") else None
    tuning = _tuning(table)
    _check_versions(table, backend)
    table.done()
    way = Way(Choice(variant, backend, threads, providers, tuning), form, tuning)
    return PlannedModel(name, identity, objective, way, asked)


def _threads(table: TomlTable, key: str) -> int:
    count = table.count(key)
    if not 1 <= count <= _MOST_THREADS:
        table.fail(key, f"is {count}; give a number from 1 to {_MOST_THREADS}")
    return count


def _tuning(table: TomlTable) -> Tuning:
    try:
        tuning: Tuning = wire.build(Tuning, table.any("tuning") or {})
    except (TypeError, ValueError, AttributeError, KeyError):
        table.fail("tuning", "holds what this edgeai does not know; make the plan anew (--save-plan)")
    return tuning


def _check_versions(table: TomlTable, backend: str) -> None:
    wanted = table.table("versions")
    planned = {name: wanted.text(name) for name in wanted.names()}
    here = versions(backend)
    if here != planned:
        table.fail(
            "versions",
            f"are {_listed(planned)}, here is {_listed(here)}; "
            "install that, or make the plan anew (--save-plan)",
        )


def _listed(packages: Mapping[str, str]) -> str:
    return one_line(", ".join(f"{name} {version}" for name, version in packages.items()) or "nothing")


def _value(value: Any) -> str:
    """As TOML spells it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return (
        str(value).lower()
        if isinstance(value, bool)
        else str(value)
        if isinstance(value, int)
        else _text(value)
    )


def _text(value: str) -> str:
    return json.dumps(value)  # basic strings of TOML know JSON's escapes
