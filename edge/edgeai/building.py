"""What `edgeai bundle` does: makes a bundle of a manifest written by hand and the files that it names.

In such a manifest hashes may be left to be filled in: `"files": {"det.onnx": ""}`, `"sha256:..."` as the
value, or a mere list of names, `"files": ["det.onnx"]`. The same manifest and files give the same bytes.
"""

from __future__ import annotations

import copy
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bundle.archive import extract, open_archive
from .bundle.canonical import LIMIT_BYTES, parse
from .bundle.manifest import MANIFEST, SIGNATURE, named_files, parse_manifest, unknown_keys
from .bundle.names import name_problem
from .bundle.pack import pack
from .checking.steps import bind_all
from .errors import BundleError, EdgeError, InputError, ManifestError, UsageError, one_line
from .regular_file import open_regular
from .showing import File

_TO_FILL = ("", None, "sha256:", "sha256:...")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Built:
    """A bundle that was made. size_bytes: of the packed file, or of all files in a folder. files: by name."""

    path: Path
    id: str
    version: str
    identity: str
    size_bytes: int
    files: Mapping[str, File]
    unknown_keys: tuple[str, ...]


def build(
    manifest_file: Path, out: Path, *, files: Path | None = None, unpacked: bool = False, force: bool = False
) -> Built:
    """Make a bundle. What is there already stays as it is until the new one is complete.

    files: the folder that the manifest's paths lie below; None: the manifest's own. unpacked: write a folder.
    force: replace a file that is there, or a folder that holds a bundle and nothing else.

    Raises InputError for a file that cannot be read, ManifestError, BundleTooNew, BundleDamaged for a hash
    that is wrong, UsageError for what is there already, BundleError where nothing can be written.
    """
    folder = manifest_file.parent if files is None else files
    manifest = fill_hashes(read_manifest(manifest_file), folder, manifest_file)
    bundle = parse_manifest(manifest, folder, manifest_file)
    bind_all(bundle)
    assert bundle.id is not None
    assert bundle.version is not None
    # By name, so that a signature of another manifest that lies beside the files is not packed with this one.
    hashes = named_files(manifest, manifest_file)
    sources = {name: folder / name for name in hashes}
    _check_free(out, [manifest_file, *sources.values()], unpacked=unpacked, force=force)
    write = _write_folder if unpacked else pack
    return Built(
        path=out,
        id=bundle.id,
        version=bundle.version,
        identity=write(sources, manifest, out),
        size_bytes=_size(out),
        files={name: File(path.stat().st_size, hashes[name]) for name, path in sources.items()},
        unknown_keys=tuple(unknown_keys(manifest)),
    )


def read_manifest(path: Path) -> dict[str, object]:
    """A manifest as it is written. Raises InputError, ManifestError."""
    with open_regular(path) as file:
        return parse(file.read(LIMIT_BYTES + 1), one_line(path))


def fill_hashes(manifest: Mapping[str, object], folder: Path, shown: Path) -> dict[str, Any]:
    """A copy in which every file has its sha256; those that are stated stay as they are.

    Raises ManifestError for a name that no bundle can hold, InputError for a file that cannot be read.
    """
    whole: dict[str, Any] = copy.deepcopy(dict(manifest))
    for where, holder, key in _tables(whole):
        table = holder[key]
        if isinstance(table, list) and all(isinstance(name, str) for name in table):
            table = holder[key] = dict.fromkeys(table, "")
        if isinstance(table, dict):
            for name, value in table.items():
                if value in _TO_FILL:
                    table[name] = _sha256(name, folder, f"{one_line(shown)}: {one_line(where)}")
    return whole


def _tables(manifest: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Where files are named, as far as the manifest is formed at all; parsing it tells what is not."""
    if "assets" in manifest:
        yield "assets", manifest, "assets"
    models = manifest.get("models")
    for name, model in models.items() if isinstance(models, dict) else ():
        variants = model.get("variants") if isinstance(model, dict) else None
        for index, variant in enumerate(variants if isinstance(variants, list) else ()):
            if isinstance(variant, dict) and "files" in variant:
                yield f"models.{name}.variants[{index}].files", variant, "files"


def _sha256(name: str, folder: Path, where: str) -> str:
    problem = name_problem(name)
    if problem:
        raise ManifestError(f"{where}: the file name {one_line(name, 120)!r} {problem}; rename it")
    digest = hashlib.sha256()
    try:
        with open_regular(folder / name) as file:
            while piece := file.read(_CHUNK_BYTES):
                digest.update(piece)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return f"sha256:{digest.hexdigest()}"


def _check_free(out: Path, sources: list[Path], *, unpacked: bool, force: bool) -> None:
    """Raise UsageError where something is there that must not be replaced."""
    shown = one_line(out)
    if not os.path.lexists(out):
        return
    if out.is_dir() and not unpacked:
        raise UsageError(f"{shown} is a folder; name a file, or give --unpacked to write a folder")
    if not out.is_dir() and unpacked:
        raise UsageError(f"{shown} is a file; leave --unpacked out, or name a folder")
    if not force:
        raise UsageError(f"{shown} is there already; give -f to replace it")
    if any(out.samefile(source) for source in sources):
        raise UsageError(f"{shown} is what the bundle is made of; name another place")
    other = _foreign(out) if unpacked else None
    if other is not None:
        raise UsageError(f"{shown} is not replaced: it holds {one_line(other)}, which is no part of a bundle")


def _foreign(folder: Path) -> str | None:
    """A file in a folder that the bundle in it does not name; None where all are its own."""
    try:
        manifest = read_manifest(folder / MANIFEST)
        own = {*named_files(manifest), MANIFEST, SIGNATURE}
    except EdgeError:
        own = set()
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return next((name for name in sorted(found) if name not in own), None)


def _write_folder(sources: Mapping[str, Path], manifest: Mapping[str, object], out: Path) -> str:
    """Through an archive, which checks every file on the way."""
    with _beside(out) as (packed, folder):
        identity = pack(sources, manifest, packed)
        try:
            folder.mkdir()
            with open_archive(packed) as archive:
                extract(archive, folder, sync=True)
            _swap(folder, out, packed.with_suffix(".old"))
        except OSError as error:
            raise BundleError(f"{one_line(out)} cannot be written: {error.strerror or error}") from None
    return identity


def _swap(folder: Path, out: Path, old: Path) -> None:
    """Put a folder in its place; what was there comes back where that fails."""
    if not out.exists():
        folder.rename(out)
        return
    out.rename(old)
    try:
        folder.rename(out)
    except OSError:
        old.rename(out)
        raise


@contextmanager
def _beside(out: Path) -> Iterator[tuple[Path, Path]]:
    """Names beside `out` for a packed file and a folder on their way; whatever is left of them goes."""
    place = Path(os.path.abspath(out))  # noqa: PTH100 - pathlib's keeps a `..` at the end
    start = f".{place.name}.{secrets.token_hex(4)}"
    packed, folder = (place.with_name(f"{start}.{kind}") for kind in ("packed", "partial"))
    try:
        yield packed, folder
    finally:
        with suppress(OSError):
            packed.unlink()
        for left in (folder, packed.with_suffix(".old")):
            shutil.rmtree(left, ignore_errors=True)


def _size(out: Path) -> int:
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)
