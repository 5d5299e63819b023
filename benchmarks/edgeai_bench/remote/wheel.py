"""A wheel of this installation, for a board without: from its files, without network or build tool."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import edgeai
from edgeai.errors import EdgeError, UsageError

from ..identity import sha256_of
from ..targets import opened_target
from .command import WHEEL_EXTRAS
from .job import Copied
from .session import Wheel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGES = ("edgeai", "edgeai_exporters", "edgeai_bench")
_TAG = "py3-none-any"
_WHEEL = f"Wheel-Version: 1.0\nGenerator: edgeai\nRoot-Is-Purelib: true\nTag: {_TAG}\n"


@contextmanager
def built_wheel(models: Sequence[Path]) -> Iterator[Wheel]:
    """This edgeai in a temporary file, until it is left; with the extras that the models need.

    models: none for every kind. Raises UsageError where this installation has no metadata.
    """
    with TemporaryDirectory(prefix="edgeai-wheel-") as folder:
        file = write_wheel(Path(folder))
        extras = tuple(name for name in WHEEL_EXTRAS if not models or name in _formats(models))
        yield Wheel(Copied(file, file.name, sha256_of(file)), extras)


def write_wheel(folder: Path) -> Path:
    """The wheel as a file of that folder. The same installation gives the same bytes."""
    try:
        told = metadata.distribution("edgeai")
    except metadata.PackageNotFoundError as error:
        raise UsageError(
            "--push-wheel needs an installed edgeai, and this one runs from its files: pip install -e ."
        ) from error
    texts = {
        "METADATA": told.read_text("METADATA") or "",
        "WHEEL": _WHEEL,
        "entry_points.txt": told.read_text("entry_points.txt") or "",
    }
    stem = f"edgeai-{told.version}"
    out = folder / f"{stem}-{_TAG}.whl"
    rows = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        members: dict[str, str | Path] = {
            **dict(_files()),
            **{f"{stem}.dist-info/{name}": text for name, text in texts.items()},
        }
        for name, content in sorted(members.items()):
            data = content.encode() if isinstance(content, str) else content.read_bytes()
            archive.writestr(_entry(name), data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(data)}\n")
        record = f"{stem}.dist-info/RECORD"
        archive.writestr(_entry(record), "".join([*rows, f"{record},,\n"]))
    return out


def _files() -> Iterator[tuple[str, Path]]:
    """Every file of our packages by its name in a wheel."""
    for name, folder in _package_folders().items():
        yield from _below(folder, name)


def _package_folders() -> dict[str, Path]:
    """Folders and single files by their places in a wheel: of a checkout as its pyproject.toml has them."""
    package = Path(edgeai.__file__).parent
    root = package.parent.parent
    if not (root / "pyproject.toml").is_file() or package.parent.name != "edge":
        return {name: package.parent / name for name in PACKAGES}
    tool: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]
    wheel = tool["hatch"]["build"]["targets"]["wheel"]
    packages = {Path(each).name: root / each for each in wheel["packages"]}
    return packages | {place: root / source for source, place in wheel["force-include"].items()}


def _below(path: Path, name: str) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield name, path
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        for each in sorted(files):
            file = Path(folder, each)
            yield f"{name}/{file.relative_to(path).as_posix()}", file


def _entry(name: str) -> zipfile.ZipInfo:
    """Without the time, which would make every wheel another job. 1980 is where zip's time begins."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _formats(models: Sequence[Path]) -> set[str]:
    formats: set[str] = set()
    for path in models:
        try:
            with opened_target(path, None) as target:
                formats |= {each.format for model in target.models for each in model.variants}
        except EdgeError:  # noqa: PERF203 - several models and no pipeline: any of them may be chosen
            formats |= set(WHEEL_EXTRAS)
    return formats
