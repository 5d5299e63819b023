"""Opens whatever a user calls a model: a packed bundle, an unpacked one, or a bare model file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from .bundle import Bundle, bare_bundle
from .bundle.bare import read_head
from .bundle.canonical import identity, parse
from .bundle.manifest import MANIFEST, parse_manifest
from .errors import BundleDamaged, InputError, ModelError, one_line

_ZIP = b"PK"


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """The bundle at a path. A packed one is unpacked into the store first, once; see `store`.

    Raises ModelNotFound, ModelError for what is no model, BundleError for a bundle that cannot be used, and
    StoreError where it cannot be unpacked.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(
            f"{one_line(repr(path))} is no path; give the path of a .edge, .onnx or .tflite file"
        )
    file = Path(path)
    if _is_folder(file):
        return read_folder(file, shown=file)
    if read_head(file)[:2] != _ZIP:
        return bare_bundle(file)
    from .store import Store

    return read_folder(Store.default().add(file), shown=file)


def read_folder(folder: Path, *, shown: Path) -> Bundle:
    """The bundle that lies unpacked in a folder. shown: the path that the user gave, for errors.

    Its files are looked for, but not hashed: `edgeai check` does that.
    """
    file = folder / MANIFEST
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        raise ModelError(
            f"{one_line(shown)} is a directory without a {MANIFEST}; give a .edge, .onnx or .tflite file"
        ) from None
    except OSError as error:
        raise ModelError(f"{one_line(file)} cannot be read: {error.strerror}; check the path") from None
    manifest = parse(text, str(shown))
    bundle = parse_manifest(manifest, folder, shown)
    _check_present(bundle, shown)
    return replace(bundle, identity=identity(manifest))


def _check_present(bundle: Bundle, shown: Path) -> None:
    files = [path for model in bundle.models for each in model.variants for path in each.files]
    assert bundle.folder is not None
    for name in [*files, *bundle.assets]:
        if not (bundle.folder / name).is_file():
            raise BundleDamaged(f"{one_line(shown)}: {one_line(name)} is missing; copy the bundle again")


def _is_folder(file: Path) -> bool:
    try:
        return file.is_dir()
    except (OSError, ValueError):
        return False  # what is wrong with the path is said where it is read
