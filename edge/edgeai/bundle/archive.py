"""Opens a packed bundle (`.edge`): everything is checked before a byte is unpacked, each file while it is.

    with open_archive("door.edge") as archive:
        print(archive.identity, archive.sizes)
        extract(archive, folder)

A packed bundle is a zip file with `manifest.json`, the files that it names, and perhaps `manifest.sig`. How
members are ordered, aligned or compressed does not matter to its identity: one that was packed again by `zip`
is the same bundle.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..errors import BundleDamaged, BundleUnsafe, ManifestError, ModelError, ModelNotFound, one_line
from .canonical import LIMIT_BYTES, canonical, parse
from .manifest import MANIFEST, SIGNATURE, named_files, parse_manifest
from .names import clash, name_problem
from .zip_read import Member, read_member, read_members
from .zip_source import quoted

if TYPE_CHECKING:
    from typing_extensions import Self

SIGNATURE_LIMIT_BYTES = 64 << 10
"""The largest `manifest.sig`. An Ed25519 signature has 64 bytes; certificates may come with it."""

TOTAL_LIMIT_BYTES = 64 << 30
"""The most that a bundle unpacks to: the RAM of the largest board (Jetson AGX Orin)."""

RATIO_LIMIT, RATIO_FREE_BYTES = 100, 64 << 20
"""A bundle that unpacks to more than 64 MiB unpacks to at most 100 times its packed size. Weights deflate to
half or, pruned and quantized, to a tenth; deflate's bound, which only bombs come near, is 1,032."""

_AGAIN = "fetch or pack it again"


class Archive:
    """A packed bundle that is open; its structure, manifest and names are checked, its files are when read.

    manifest: as parsed, unknown keys included. identity: see `canonical.identity`. files: sha256 in hex by
    name. sizes: in bytes by the same names. signature: the bytes of `manifest.sig`; None without one.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        """Use `open_archive`. The descriptor is closed with the archive, or here on an error."""
        self.path = path
        self._descriptor = descriptor
        self._shown = one_line(path)
        try:
            self._members = {
                member.entry.name: member
                for member in read_members(descriptor, self._shown)
                if not member.entry.is_folder
            }
            self._check_sizes(os.fstat(descriptor).st_size)
            self.manifest = parse(self._small(MANIFEST, LIMIT_BYTES), f"{self._shown}: {MANIFEST}")
            self.files = checked_names(self.manifest, path)
            self.sizes = {name: self._member(name).entry.size_bytes for name in self.files}
            self.signature = (
                self._small(SIGNATURE, SIGNATURE_LIMIT_BYTES) if SIGNATURE in self._members else None
            )
            self._refuse_unnamed()
            self.canonical = canonical(self.manifest)
        except BaseException:
            os.close(descriptor)
            raise
        self.identity = hashlib.sha256(self.canonical).hexdigest()

    @property
    def total_bytes(self) -> int:
        """What the bundle's files take when they are unpacked."""
        return sum(self.sizes.values()) + len(self.canonical) + len(self.signature or b"")

    def read(self, name: str) -> Iterator[bytes]:
        """A file that the manifest names, in pieces of at most 256 KiB.

        Raises BundleDamaged where the content is not what the manifest says; what came before is then void.
        """
        digest = hashlib.sha256()
        for piece in read_member(self._descriptor, self._member(name), self._shown):
            digest.update(piece)
            yield piece
        if digest.hexdigest() != self.files[name]:
            raise BundleDamaged(
                f"{self._shown} is damaged: {quoted(name)} has the sha256 {digest.hexdigest()}, "
                f"the manifest says {self.files[name]}; {_AGAIN}"
            )

    def verify(self) -> None:
        """Read every file and check its hash, without unpacking anything. Raises BundleDamaged."""
        for name in self.files:
            for _ in self.read(name):
                pass

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _member(self, name: str) -> Member:
        if name not in self._members:
            raise BundleDamaged(f"{self._shown} is damaged: {quoted(name)} is missing; {_AGAIN}")
        return self._members[name]

    def _small(self, name: str, limit_bytes: int) -> bytes:
        """A file of the format's own as a whole; its size is bounded before it is read."""
        member = self._member(name)
        if member.entry.size_bytes > limit_bytes:
            self._refuse(f"{name} has {member.entry.size_bytes:,} bytes, at most {limit_bytes:,} are allowed")
        return b"".join(read_member(self._descriptor, member, self._shown))

    def _check_sizes(self, packed_bytes: int) -> None:
        total_bytes = sum(member.entry.size_bytes for member in self._members.values())
        most = min(TOTAL_LIMIT_BYTES, max(RATIO_FREE_BYTES, RATIO_LIMIT * packed_bytes))
        if total_bytes > most:
            self._refuse(f"its {packed_bytes:,} bytes claim to unpack to {total_bytes:,}, as bombs do")

    def _refuse_unnamed(self) -> None:
        unnamed = self._members.keys() - self.files.keys() - {MANIFEST, SIGNATURE}
        if unnamed:
            self._refuse(f"it holds {quoted(min(unnamed))}, which its manifest does not name")

    def _refuse(self, what: str) -> None:
        raise BundleUnsafe(f"{self._shown} is refused: {what}; pack it with `edgeai bundle`")


def open_archive(path: str | os.PathLike[str]) -> Archive:
    """Open and check a packed bundle: everything but the contents of its files.

    Raises ModelNotFound, ModelError (a folder, a device, no permission), BundleDamaged (no zip, cut short,
    changed), BundleUnsafe (escaping or doubled names, links, encryption, bombs, hidden bytes, ...),
    ManifestError, BundleTooNew; each in one line that names the member.
    """
    file = Path(path)
    return Archive(_open(file, one_line(file)), file)


def extract(archive: Archive, folder: Path, *, sync: bool = False) -> int:
    """Unpack into a folder that is there and empty; returns the bytes written.

    manifest.json comes last and holds the canonical bytes. sync: wait until everything is on the disk.

    Raises BundleDamaged at the first file that is not what the manifest says, and OSError where the folder
    cannot be written. What was written by then stays: the caller owns the folder.
    """
    written = 0
    for name in archive.files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        written += write_new(target, archive.read(name), sync=sync)
    if archive.signature is not None:
        written += write_new(folder / SIGNATURE, [archive.signature], sync=sync)
    written += write_new(folder / MANIFEST, [archive.canonical], sync=sync)
    if sync:
        for below in {above for name in [MANIFEST, *archive.files] for above in PurePosixPath(name).parents}:
            sync_folder(folder / below)
    return written


def checked_names(manifest: Mapping[str, object], shown: Path) -> dict[str, str]:
    """sha256 in hex by name of every file that a sound manifest names, if one folder can hold them all.

    Raises ManifestError or BundleTooNew.
    """
    parse_manifest(manifest, shown, shown)
    files = named_files(manifest, shown)
    for name in files:
        problem = name_problem(name)
        if problem:
            raise ManifestError(f"{one_line(shown)}: the file name {quoted(name)} {problem}; rename it")
    problem = clash([*files, MANIFEST, SIGNATURE])
    if problem:
        raise ManifestError(f"{one_line(shown)}: among the file names, {problem}; rename it")
    return files


def sync_folder(folder: Path) -> None:
    """Wait until the entries of a folder are on the disk, where the file system can do that for folders."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def write_new(path: Path, pieces: Iterable[bytes], *, sync: bool) -> int:
    """Write a new file and return its size; where one is there already, even a link, it is an OSError."""
    written = 0
    with path.open("xb") as file:
        for piece in pieces:
            written += file.write(piece)
        file.flush()
        if sync:
            os.fsync(file.fileno())
    return written


def _open(path: Path, shown: str) -> int:
    """A descriptor of a regular file; a pipe or a device that stands there does not hold us up."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ModelNotFound(f"{shown}: no such file; check the path") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = error.strerror if isinstance(error, OSError) else "a NUL in its name"
        raise ModelError(f"{shown} cannot be read: {reason}; check the path") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ModelError(f"{shown} is no regular file; give a packed bundle (.edge)")
    return descriptor
