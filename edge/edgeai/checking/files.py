"""Whether files are what was made, and the manifest what this edgeai can read."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..bundle.archive import checked_names
from ..bundle.manifest import SCHEMA, unknown_keys
from ..errors import BundleDamaged, InputError, one_line
from ..graph import read_graph
from ..regular_file import open_regular
from .check import NOTE, OK, Check

if TYPE_CHECKING:
    from ..bundle import Bundle
    from ..showing import Looked

_CHUNK_BYTES = 1 << 20


def check_files(looked: Looked) -> Iterator[Check]:
    """Every file against its hash; of a bare model whether it can be read. Raises BundleError, ModelError."""
    bundle = looked.bundle
    if bundle.is_bare:
        graph = read_graph(bundle.path)
        yield Check("file", OK, f"{graph.format}, {sum(graph.operators.values()):,} operators")
        return
    names = checked_names(bundle.manifest, bundle.path)
    for name, sha256 in names.items():
        if looked.archive is None:
            _check_hash(bundle.path, name, sha256)
        else:
            deque(looked.archive.read(name), maxlen=0)  # reading checks
        yield Check("file", OK, f"{one_line(name)} has the sha256 {sha256}", is_detail=True)
    files = f"{len(names)} file{'s' if len(names) != 1 else ''}"
    yield Check("files", OK, f"{files}, each with the sha256 that the manifest states")


def check_manifest(bundle: Bundle) -> Iterator[Check]:
    """That it was read, and what in it was not."""
    if bundle.is_bare:
        return
    yield Check("manifest", OK, f"{bundle.id} {bundle.version}, schema {SCHEMA}")
    for key in unknown_keys(bundle.manifest):
        why = f"{one_line(key)} is not read by this edgeai: newer than it, or misspelt"
        yield Check("manifest", NOTE, why)


def _check_hash(folder: Path, name: str, sha256: str) -> None:
    digest = hashlib.sha256()
    shown = f"{one_line(folder)}: {one_line(name)}"
    try:
        with open_regular(folder / name) as file:
            while piece := file.read(_CHUNK_BYTES):
                digest.update(piece)
    except InputError as error:
        raise BundleDamaged(f"{one_line(folder)}: {error}") from None
    except OSError as error:
        raise BundleDamaged(f"{shown} cannot be read: {error.strerror}; copy the bundle again") from None
    if digest.hexdigest() != sha256:
        raise BundleDamaged(
            f"{shown} has the sha256 {digest.hexdigest()}, the manifest says {sha256}; copy the bundle again"
        )
