"""Opens whatever a user calls a model: a packed bundle, an unpacked one, or a bare model file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .bundle import Bundle, bare_bundle
from .bundle.bare import read_head
from .errors import BundleDamaged, InputError, ModelError, one_line
from .included import find_model

if TYPE_CHECKING:
    from .store import Held

ZIP_START = b"PK"
"""Every record of a zip starts with it."""


def open_bundle(path: str | os.PathLike[str]) -> tuple[Bundle, Held | None]:
    """The bundle at a path, and for a packed one its hold on the store, to be closed after its last use.

    path: also the bare name of an included model, see `included`. A packed bundle is unpacked into the store
    first, once; see `store`.

    Raises ModelNotFound, ModelError for what is no model, BundleError for a bundle that cannot be used, and
    StoreError where it cannot be unpacked.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(
            f"{one_line(repr(path))} is no path; give the path of a .edge, .onnx or .tflite file"
        )
    file = find_model(path)
    if is_folder(file):
        return read_folder(file, shown=file), None
    if read_head(file)[:2] != ZIP_START:
        return bare_bundle(file), None
    from .home import home_folder
    from .store import Store

    held = Store(home_folder()).use(file)
    try:
        return read_folder(held.folder, shown=file), held
    except BaseException:
        held.close()
        raise


def read_folder(folder: Path, *, shown: Path) -> Bundle:
    """The bundle that lies unpacked in a folder. shown: the path that the user gave, for errors.

    Its files are looked for, but not hashed: `edgeai check` does that.
    """
    from .bundle.canonical import identity, parse  # a bare file has no manifest to read
    from .bundle.manifest import MANIFEST, parse_manifest

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


def is_folder(file: Path) -> bool:
    """Whether a path is a folder; False for one that cannot be looked at."""
    try:
        return file.is_dir()
    except (OSError, ValueError):
        return False  # what is wrong with the path is said where it is read
