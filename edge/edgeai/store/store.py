"""The store itself: puts packed bundles in place, and holds those in use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..bundle.archive import Archive, extract, open_archive, sync_folder, write_new
from ..bundle.manifest import SIGNATURE
from ..errors import StoreError, one_line
from .collect import Collected, collect, exclusive, remove_leftovers, retire
from .contents import Stored, list_bundles, problem_of
from .held import Held, hold_folder, note_use
from .partial import partial_folder
from .room import check_room, said_as_store_error

_BLOCK_BYTES = 4096


@dataclass(frozen=True)
class Store:
    """The bundles below a home folder (`edgeai.home.home_folder()`); created when the first one comes."""

    home: Path

    @property
    def folder(self) -> Path:
        """Where the bundles lie."""
        return self.home / "bundles"

    def add(self, packed: str | os.PathLike[str]) -> Path:
        """The folder of a packed bundle, which is unpacked first if the store has no whole copy of it.

        Raises what `open_archive` does, BundleDamaged for a file that is not what the manifest says, and
        StoreError where the store cannot be written; the store is then as it was.
        """
        with self.use(packed) as held:
            return held.folder

    def use(self, packed: str | os.PathLike[str]) -> Held:
        """The same, held; the way to open a bundle that a `gc` in another process must not take away."""
        what = f"{one_line(packed)} cannot be unpacked"
        with open_archive(packed) as archive, said_as_store_error(what, self.folder):
            return self._use(archive)

    def hold(self, folder: Path) -> Held:
        """Hold a bundle of the store by its folder. Raises StoreError if it is no longer there."""
        with said_as_store_error(f"{folder.name} cannot be held", self.folder):
            held = hold_folder(folder)
        if held is None:
            raise StoreError(f"{one_line(folder)} is no longer in the store; open the packed bundle again")
        return held

    def list(self) -> tuple[Stored, ...]:
        """What is in the store, last used first; empty where there is none. Raises StoreError."""
        with said_as_store_error("the store cannot be read", self.folder):
            return list_bundles(self.folder)

    def gc(
        self,
        *,
        max_bytes: int | None = None,
        older_than_s: float | None = None,
        all: bool = False,  # noqa: A002 - `gc(all=True)` reads as the option does
        dry_run: bool = False,
        beside: tuple[Path, Sequence[Stored]] | None = None,
    ) -> Collected:
        """Remove what is left of interrupted work, damaged copies, and then, of those not in use: every one
        (`all`), those last used longer ago (`older_than_s`), and the least recently used until the store
        has at most `max_bytes`. dry_run: only say what would go. Raises StoreError.

        beside: a folder and what it holds that is cleaned by the same rules and counts, too.
        """
        folder, listed = beside or (None, ())
        with said_as_store_error("the store cannot be cleaned", self.folder):
            return collect(
                (self.folder,) if folder is None else (self.folder, folder),
                (*list_bundles(self.folder), *listed),
                max_bytes=max_bytes,
                older_than_s=older_than_s,
                everything=all,
                dry_run=dry_run,
            )

    def _use(self, archive: Archive) -> Held:
        """Again from the start if a `gc` takes the bundle away between unpacking and holding."""
        folder = self.folder / archive.identity
        written_bytes = 0
        while True:
            if not _is_whole(archive, folder):
                written_bytes += self._unpack(archive, folder)
            held = hold_folder(folder, written_bytes)
            if held is not None:
                _keep_signature(archive, folder)
                note_use(folder)
                return held

    def _unpack(self, archive: Archive, folder: Path) -> int:
        """Unpack beside and rename; returns the bytes written, 0 if another process did it meanwhile."""
        with partial_folder(folder) as partial:
            if _is_whole(archive, folder):
                return 0
            remove_leftovers(self.folder, but=partial)
            check_room(f"{one_line(archive.path)} cannot be unpacked", self.folder, _room_for(archive))
            written_bytes = extract(archive, partial, sync=True)
            with exclusive(self.folder):
                if os.path.lexists(folder):  # a damaged copy
                    retire(folder)
                partial.rename(folder)
        sync_folder(self.folder)
        remove_leftovers(self.folder)
        return written_bytes


def _is_whole(archive: Archive, folder: Path) -> bool:
    return problem_of(folder, archive.identity, archive.sizes) is None


def _keep_signature(archive: Archive, folder: Path) -> None:
    """A signature is not part of the identity: one that comes later is put beside the files.

    One that the archive does not have stays.
    """
    place = folder / SIGNATURE
    if archive.signature in {None, place.read_bytes() if place.exists() else None}:
        return
    with partial_folder(folder) as partial:
        write_new(partial / SIGNATURE, [archive.signature or b""], sync=True)
        (partial / SIGNATURE).replace(place)
    sync_folder(folder)


def _room_for(archive: Archive) -> int:
    """Bytes on a disk of 4 KiB blocks, with one for each file and folder's own record."""
    sizes = [*archive.sizes.values(), len(archive.canonical), len(archive.signature or b"")]
    return sum(-(-size // _BLOCK_BYTES) + 2 for size in sizes) * _BLOCK_BYTES
