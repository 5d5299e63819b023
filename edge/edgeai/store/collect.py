"""Removes from a store what is left over, damaged, old or too much, and never what is in use."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .contents import REMOVED, Stored, list_leftovers, size_of
from .locks import lock_folder


@dataclass(frozen=True)
class Removed:
    """Something that was removed, or would be.

    name: an identity, or the name of a folder that was nothing whole yet or any more; id and version are None
    then, as where the manifest could not be read.
    kind: `bundle`, `prepared`, or `leftover`.
    reason: `interrupted`, `damaged`, `stale`, `all`, `old` or `least recently used`.
    """

    name: str
    id: str | None
    version: str | None
    size_bytes: int
    reason: str
    kind: str


@dataclass(frozen=True)
class Collected:
    """What a collection did. kept: last used first."""

    removed: tuple[Removed, ...]
    kept: tuple[Stored, ...]

    @property
    def freed_bytes(self) -> int:
        """Bytes of the files that were removed."""
        return sum(each.size_bytes for each in self.removed)

    @property
    def kept_bytes(self) -> int:
        """Bytes of the files that stay."""
        return sum(each.size_bytes for each in self.kept)


def collect(
    folders: Sequence[Path],
    listed: Sequence[Stored],
    *,
    max_bytes: int | None = None,
    older_than_s: float | None = None,
    everything: bool = False,
    dry_run: bool = False,
) -> Collected:
    """Clean folders of a store; see `Store.gc`. Raises OSError.

    folders: whose leftovers go. listed: what they hold, last used first.
    """
    removed = [_remove_leftover(path, dry_run) for folder in folders for path in list_leftovers(folder)]
    reasons = _reasons(listed, max_bytes, older_than_s, everything)
    gone = [each for each in listed if each.folder in reasons and (dry_run or _remove(each))]
    removed += [_removed(each, reasons[each.folder]) for each in gone]
    kept = tuple(each for each in listed if each not in gone)
    return Collected(tuple(each for each in removed if each), kept)


def remove_leftovers(folder: Path, *, but: Path | None = None) -> None:
    """Remove what was left by processes that were killed; what cannot be removed stays for the next."""
    for path in list_leftovers(folder):
        if path != but:
            with contextlib.suppress(OSError):
                _remove_leftover(path, dry_run=False)


def retire(folder: Path) -> Path:
    """Take one out of its place by one rename; returns where it is now, as a leftover.

    The caller holds `exclusive(folder.parent)`, so that what is renamed is what it looked at.
    """
    place = folder.with_name(f"{REMOVED}{folder.name}-{secrets.token_hex(4)}")
    folder.rename(place)
    return place


@contextlib.contextmanager
def exclusive(store: Path) -> Iterator[None]:
    """For the moment of a rename, only one process changes what there is."""
    lock = lock_folder(store.resolve())  # it may be a link to a larger disk
    if lock is None:
        raise FileNotFoundError(2, "the store was removed meanwhile", str(store))
    with lock:
        yield


def _reasons(
    listed: Sequence[Stored], max_bytes: int | None, older_than_s: float | None, everything: bool
) -> dict[Path, str]:
    """Why each that goes does so, by its folder."""
    now_s = time.time()
    free = [each for each in listed if not each.in_use]
    reasons: dict[Path, str] = {}
    for each in free:
        if each.problem:
            reasons[each.folder] = "damaged"
        elif each.stale:
            reasons[each.folder] = "stale"
        elif everything:
            reasons[each.folder] = "all"
        elif older_than_s is not None and now_s - each.last_used_s > older_than_s:
            reasons[each.folder] = "old"
    left_bytes = sum(each.size_bytes for each in listed if each.folder not in reasons)
    for each in sorted(free, key=lambda each: each.last_used_s):
        if max_bytes is not None and left_bytes > max_bytes and each.folder not in reasons:
            reasons[each.folder] = "least recently used"
            left_bytes -= each.size_bytes
    return reasons


def _remove(one: Stored) -> bool:
    """Remove one, unless it was taken into use, or replaced, since it was listed."""
    with exclusive(one.folder.parent):
        lock = lock_folder(one.folder, wait=False)
        if lock is None:
            return False
        if one.folder.lstat().st_mtime != one.last_used_s:
            lock.close()
            return False
        place = retire(one.folder)
    with lock:
        shutil.rmtree(place)
    return True


def _removed(one: Stored, reason: str) -> Removed:
    return Removed(one.identity, one.id, one.version, one.size_bytes, reason, one.kind)


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
    return (
        None if size_bytes is None else Removed(path.name, None, None, size_bytes, "interrupted", "leftover")
    )


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
