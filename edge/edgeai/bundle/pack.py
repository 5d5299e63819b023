"""Packs a bundle into one `.edge` file: the same inputs give the same bytes, on every machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from ..errors import BundleDamaged, BundleError, one_line
from .archive import SIGNATURE_LIMIT_BYTES, checked_names, sync_folder
from .canonical import canonical, identity
from .manifest import MANIFEST, SIGNATURE
from .zip_source import quoted
from .zip_write import ZipWriter

_CHUNK_BYTES = 1 << 20


def pack(source: Path | Mapping[str, Path], manifest: Mapping[str, object], out: Path) -> str:
    """Write a packed bundle and return its identity.

    source: the folder with the files that the manifest names, or where each of them lies, by its name in the
        bundle. A `manifest.sig` among them is packed too, as it is.
    manifest: its canonical bytes become `manifest.json`; one in the folder is not looked at.
    out: is replaced when the whole file is on the disk, so that an interruption leaves the old one or none.

    Raises ManifestError, BundleTooNew, BundleDamaged for a file that is missing or has another sha256 than
    the manifest says, BundleError where `out` cannot be written.
    """
    if not out.name or "\0" in out.name:
        raise BundleError(f"{one_line(out)} is no name for a file; end it in .edge")
    files = checked_names(manifest, out)
    data = canonical(manifest)
    paths = _paths(source, files)
    try:
        with _replacing(out) as file:
            writer = ZipWriter(file)
            writer.add(MANIFEST, [data], len(data))
            for name in sorted(paths, key=lambda name: (name != SIGNATURE, name)):
                _add(writer, name, paths[name], files.get(name))
            writer.finish()
    except OSError as error:
        raise BundleError(
            f"{one_line(out)} cannot be written: {error.strerror or error}; choose another place or make room"
        ) from None
    return identity(manifest)


def _paths(source: Path | Mapping[str, Path], files: Mapping[str, str]) -> dict[str, Path]:
    """Where each file lies; the signature among them if there is one."""
    if isinstance(source, Path):
        paths = {name: source / name for name in files}
        if (source / SIGNATURE).exists():
            paths[SIGNATURE] = source / SIGNATURE
        return paths
    missing = next((name for name in files if name not in source), None)
    if missing is not None:
        raise BundleDamaged(f"{quoted(missing)} is named by the manifest and was not given; give its path")
    return {name: path for name, path in source.items() if name in files or name == SIGNATURE}


def _add(writer: ZipWriter, name: str, path: Path, sha256: str | None) -> None:
    """Copy one file into the archive, if it is what the manifest says."""
    shown = one_line(path)
    digest = hashlib.sha256()
    try:
        with _open(path) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if sha256 is None and size_bytes > SIGNATURE_LIMIT_BYTES:
                raise BundleDamaged(
                    f"{shown} has {size_bytes:,} bytes, a signature at most {SIGNATURE_LIMIT_BYTES:,}"
                )
            written = writer.add(name, _pieces(file, digest), size_bytes)
    except _Unreadable as error:
        raise BundleDamaged(
            f"{shown} cannot be read: {error}; {quoted(name)} is named by the manifest"
        ) from None
    if written != size_bytes:
        raise BundleDamaged(f"{shown} changed while it was packed; pack it again")
    if sha256 is not None and digest.hexdigest() != sha256:
        raise BundleDamaged(
            f"{shown} has the sha256 {digest.hexdigest()}, the manifest says {sha256}; correct one of them"
        )


class _Unreadable(Exception):  # noqa: N818 - told apart from a failure to write, which is an OSError too
    """A file to be packed cannot be read."""


def _open(path: Path) -> BinaryIO:
    try:
        # A pipe that nobody writes to would hold up an ordinary open(); a regular file takes no notice.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise _Unreadable(error.strerror if isinstance(error, OSError) else "a NUL in its name") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _Unreadable("it is no regular file")
    return os.fdopen(descriptor, "rb")


def _pieces(file: BinaryIO, digest: hashlib._Hash) -> Iterator[bytes]:
    while True:
        try:
            piece = file.read(_CHUNK_BYTES)
        except OSError as error:
            raise _Unreadable(error.strerror) from None
        if not piece:
            return
        digest.update(piece)
        yield piece


@contextlib.contextmanager
def _replacing(out: Path) -> Iterator[BinaryIO]:
    """A new file beside `out`, which takes its place when all went well and is removed otherwise."""
    beside = out.with_name(f".{out.name}.{secrets.token_hex(4)}.partial")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(out)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync_folder(out.parent)
