"""Removes from a store what is left over, damaged, old or too much, and never what is in use."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .contents import REMOVED, StoredBundle, list_bundles, list_leftovers, size_of
from .locks import lock_folder


@dataclass(frozen=True)
class Removed:
    """Something that was removed, or would be.

    name: an identity, or the name of a folder that was no bundle yet or any more; id and version are None
    then, as where the manifest could not be read.
    reason: `interrupted`, `damaged`, `all`, `old` or `least recently used`.
    """

    name: str
    id: str | None
    version: str | None
    size_bytes: int
    reason: str


@dataclass(frozen=True)
class Collected:
    """What a collection did. kept: last used first."""

    removed: tuple[Removed, ...]
    kept: tuple[StoredBundle, ...]

    @property
    def freed_bytes(self) -> int:
        """Bytes of the files that were removed."""
        return sum(each.size_bytes for each in self.removed)

    @property
    def kept_bytes(self) -> int:
        """Bytes of the files that stay."""
        return sum(each.size_bytes for each in self.kept)


def collect(
    folder: Path, *, max_bytes: int | None, older_than_s: float | None, everything: bool, dry_run: bool
) -> Collected:
    """Clean the folder `HOME/bundles`; see `Store.gc`. Raises OSError."""
    removed = [_remove_leftover(path, dry_run) for path in list_leftovers(folder)]
    bundles = list_bundles(folder)
    reasons = _reasons(bundles, max_bytes, older_than_s, everything)
    gone = [bundle for bundle in bundles if bundle.identity in reasons and (dry_run or _remove(bundle))]
    removed += [_removed(bundle, reasons[bundle.identity]) for bundle in gone]
    kept = tuple(bundle for bundle in bundles if bundle not in gone)
    return Collected(tuple(each for each in removed if each), kept)


def remove_leftovers(folder: Path, *, but: Path | None = None) -> None:
    """Remove what was left by processes that were killed; what cannot be removed stays for the next."""
    for path in list_leftovers(folder):
        if path != but:
            with contextlib.suppress(OSError):
                _remove_leftover(path, dry_run=False)


def retire(folder: Path) -> Path:
    """Take a bundle out of its place by one rename; returns where it is now, as a leftover.

    The caller holds `exclusive(folder.parent)`, so that what is renamed is what it looked at.
    """
    place = folder.with_name(f"{REMOVED}{folder.name}-{secrets.token_hex(4)}")
    folder.rename(place)
    return place


@contextlib.contextmanager
def exclusive(store: Path) -> Iterator[None]:
    """For the moment of a rename, only one process changes which bundles there are."""
    lock = lock_folder(store.resolve())  # it may be a link to a larger disk
    if lock is None:
        raise FileNotFoundError(2, "the store was removed meanwhile", str(store))
    with lock:
        yield


def _reasons(
    bundles: tuple[StoredBundle, ...], max_bytes: int | None, older_than_s: float | None, everything: bool
) -> dict[str, str]:
    """Why each bundle that goes does so, by its identity."""
    now_s = time.time()
    free = [bundle for bundle in bundles if not bundle.in_use]
    reasons: dict[str, str] = {}
    for bundle in free:
        if bundle.problem:
            reasons[bundle.identity] = "damaged"
        elif everything:
            reasons[bundle.identity] = "all"
        elif older_than_s is not None and now_s - bundle.last_used_s > older_than_s:
            reasons[bundle.identity] = "old"
    left_bytes = sum(bundle.size_bytes for bundle in bundles if bundle.identity not in reasons)
    for bundle in reversed(free):
        if max_bytes is not None and left_bytes > max_bytes and bundle.identity not in reasons:
            reasons[bundle.identity] = "least recently used"
            left_bytes -= bundle.size_bytes
    return reasons


def _remove(bundle: StoredBundle) -> bool:
    """Remove a bundle, unless it was taken into use, or replaced, since it was listed."""
    with exclusive(bundle.folder.parent):
        lock = lock_folder(bundle.folder, wait=False)
        if lock is None:
            return False
        if bundle.folder.lstat().st_mtime != bundle.last_used_s:
            lock.close()
            return False
        place = retire(bundle.folder)
    with lock:
        shutil.rmtree(place)
    return True


def _removed(bundle: StoredBundle, reason: str) -> Removed:
    return Removed(bundle.identity, bundle.id, bundle.version, bundle.size_bytes, reason)


def _remove_leftover(path: Path, dry_run: bool) -> Removed | None:
    """None where it is gone, or where a process still works on it."""
    try:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return None
    size_bytes: int | None = 0
    if is_folder:
        size_bytes = _remove_folder(path, dry_run)
    elif not dry_run:
        path.unlink(missing_ok=True)
    return None if size_bytes is None else Removed(path.name, None, None, size_bytes, "interrupted")


def _remove_folder(path: Path, dry_run: bool) -> int | None:
    """Bytes of its files; None where it is gone, or where a process still works on it."""
    lock = lock_folder(path, wait=False)
    if lock is None:
        return None
    with lock:
        size_bytes = size_of(path)
        if not dry_run:
            shutil.rmtree(path)
    return size_bytes
