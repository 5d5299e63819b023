"""Suites: which models the bench measures, where they come from, and with which inputs. TOML, read once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, cast

from edgeai.datafiles import data_folder
from edgeai.errors import ConfigError
from edgeai.included import included_names, included_path
from edgeai.toml_table import TomlTable

from .limits import Limit, merged, read_limits
from .suite_settings import SuiteSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

SourceKind = Literal["pypi", "npm"]


@dataclass(frozen=True)
class PackageSource:
    """One version of a package of a public registry; `file` of a model is a path inside it."""

    kind: SourceKind
    package: str
    version: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


@dataclass(frozen=True)
class SuiteModel:
    """One model file and how to run it: either a file of a package, or a local `path`.

    source, file, sha256: the package, the path inside it and the file's hash in hex; None for a local model.
    path: a local model file, or one that comes with edgeai; None for one that is fetched.
    task, licence: None where a user's own suite does not say.
    shapes: for an input with symbolic dimensions, the shape to run it with.
    values: for an input that needs a certain number (a sample rate, a token), that number, in every element.
    loops: for an input that carries state, the output that is fed back to it; it starts with zeros.
    limits: what its runs have to keep; those of the whole suite are among them.
    """

    id: str
    task: str | None
    licence: str | None
    source: PackageSource | None
    file: str | None
    sha256: str | None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    values: Mapping[str, float | int] = field(default_factory=dict)
    loops: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True)
class Suite:
    """Models that are measured together; the id is the name of the TOML without its ending.

    settings: how they are measured, as far as the suite says.
    """

    id: str
    name: str
    models: tuple[SuiteModel, ...]
    settings: SuiteSettings = SuiteSettings()

    @property
    def limits(self) -> dict[str, tuple[Limit, ...]]:
        """By the id of a model."""
        return {model.id: model.limits for model in self.models if model.limits}


def suite_names() -> tuple[str, ...]:
    """Ids of the suites that ship with edgeai, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load_suite(name_or_path: str | os.PathLike[str]) -> Suite:
    """A suite that ships, by its name, or the user's own, by the path of its TOML.

    Raises ConfigError: no such suite, or a file that is wrong; it names the file and the dotted key.
    """
    path = _find(name_or_path)
    root = TomlTable.open(path)
    name, tables = root.text("name"), root.tables("models")
    if not tables:
        root.fail("models", "must hold at least one model; begin each with [[models]]")
    settings, limits = read_settings(root.table("settings")), read_limits(root.table("limits"))
    models = tuple(_model(table, limits) for table in tables)
    root.done()
    _refuse_duplicates(root, models)
    return Suite(path.stem, name, models, settings)


def _folder() -> Path:
    return data_folder(__file__, "suites", "../suites")


def _find(name_or_path: str | os.PathLike[str]) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".toml" or isinstance(name_or_path, os.PathLike) or path.name != str(name_or_path):
        return path
    if path.name not in suite_names():
        raise ConfigError(
            f"no suite is called {path.name!r}; known: {', '.join(suite_names())}; "
            "for your own, give the path of a .toml file"
        )
    return _folder() / f"{path.name}.toml"


# Names go to pip and npm as arguments: what the registries themselves allow, so that no name can be an
# option, a URL or a folder. PyPI: PEP 508; npm: package-json "name".
_PACKAGE = {
    "pypi": r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?",
    "npm": r"(?:@[a-z0-9~][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*",
}
_VERSION = r"[0-9][0-9A-Za-z.+!_-]*"  # one exact version: no tag such as `latest`, no range
_ID = r"[a-z0-9][a-z0-9._-]*"
_SHA256 = r"[0-9a-f]{64}"


def _model(table: TomlTable, limits: Mapping[str, Limit]) -> SuiteModel:
    is_local = table.has("path")
    id_ = table.matching("id", _ID, "lower case letters, digits and . _ -")
    task, licence = table.optional_text("task"), table.optional_text("licence")
    shapes = table.table("shapes")
    values, loops = table.table("values"), table.table("loops")
    clash = set(values.names()) & set(loops.names())
    if clash:
        values.fail(min(clash), "is also in loops; a loop starts with zeros")
    model = SuiteModel(
        id=id_,
        task=task,
        licence=licence,
        source=None if is_local else _source(table.table("source")),
        file=None if is_local else _member(table),
        sha256=None if is_local else table.matching("sha256", _SHA256, "64 lower-case hex digits"),
        shapes={name: shapes.counts(name) for name in shapes.names()},
        values={name: values.number(name) for name in values.names()},
        loops={name: loops.text(name) for name in loops.names()},
        path=_local(table) if is_local else None,
        limits=merged(limits, read_limits(table.table("limits"))),
    )
    table.done()
    return model


def _local(table: TomlTable) -> Path:
    """A file beside the suite, else a model that comes with edgeai, by its name."""
    name = table.text("path")
    file = table.file.parent / name
    return included_path(name) if name in included_names() and not file.exists() else file


def _source(table: TomlTable) -> PackageSource:
    kind = table.choice("kind", tuple(_PACKAGE))
    source = PackageSource(
        kind=cast(SourceKind, kind),
        package=table.matching("package", _PACKAGE[kind], f"a package's name as {kind} spells it"),
        version=table.matching("version", _VERSION, "one exact version"),
    )
    table.done()
    return source


def _member(table: TomlTable) -> str:
    file = table.text("file")
    if file.startswith("/") or "\\" in file or file != str(PurePosixPath(file)) or ".." in file.split("/"):
        table.fail("file", f"is {file!r}; give the path inside the package, with / between its parts")
    return file


def _refuse_duplicates(root: TomlTable, models: tuple[SuiteModel, ...]) -> None:
    seen: set[str] = set()
    for index, model in enumerate(models):
        if model.id in seen:
            root.fail(f"models[{index}].id", f"is {model.id!r}, which an earlier model is called too")
        seen.add(model.id)
