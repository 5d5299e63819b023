"""What prepared models a store holds, and in which state they are."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import one_line
from ..store import Collected, Store, Stored
from ..store.contents import IDENTITY, size_of
from ..store.held import is_in_use
from ..store.room import said_as_store_error
from .find import form_problem, prepared_folder, read_record
from .here import Here
from .known import forget
from .record import Prepared
from .sealed import Damaged, OtherSchema


@dataclass(frozen=True)
class StoredPrepared:
    """One prepared model of the store. record: None where it cannot be read; `stored` says why."""

    stored: Stored
    record: Prepared | None


def list_prepared(folder: Path) -> tuple[StoredPrepared, ...]:
    """The prepared models below `HOME/prepared`, last used first; whether they suit this device is not asked.

    Raises OSError.
    """
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return ()
    found = [_describe(path) for path in paths if IDENTITY.fullmatch(path.name)]
    return tuple(
        sorted(
            (each for each in found if each),
            key=lambda each: (-each.stored.last_used_s, each.stored.identity),
        )
    )


def judged(listed: Sequence[StoredPrepared]) -> tuple[StoredPrepared, ...]:
    """The same, and which of them are of no use on this device with the software that is here."""
    here = Here()
    return tuple(
        each
        if each.record is None
        else replace(each, stored=replace(each.stored, stale=here.staleness(each.record)))
        for each in listed
    )


def list_judged(home: Path) -> tuple[StoredPrepared, ...]:
    """What a home holds, judged. Raises StoreError."""
    folder = prepared_folder(home)
    with said_as_store_error("the store cannot be read", folder):
        return judged(list_prepared(folder))


def collect_all(
    home: Path,
    *,
    max_bytes: int | None = None,
    older_than_s: float | None = None,
    everything: bool = False,
    dry_run: bool = False,
) -> Collected:
    """Clean a home's bundles and prepared models together; see `Store.gc`. Stale ones go, too."""
    folder = prepared_folder(home)
    with said_as_store_error("the store cannot be cleaned", folder):
        listed = judged(list_prepared(folder))
        done = Store(home).gc(
            max_bytes=max_bytes,
            older_than_s=older_than_s,
            all=everything,
            dry_run=dry_run,
            beside=(folder, [each.stored for each in listed]),
        )
        if not dry_run:
            forget(folder, {each.record.identity for each in list_prepared(folder) if each.record})
    return done


def _describe(folder: Path) -> StoredPrepared | None:
    """None for what is no folder, such as one that was removed meanwhile."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    record: Prepared | None = None
    problem = stale = None
    try:
        record = read_record(folder)
        problem = form_problem(record, folder)
    except OtherSchema as error:
        stale = f"its record {error}"
    except Damaged as error:
        problem = f"its record {error}"
    except OSError as error:
        problem = f"its record cannot be read: {error.strerror}"
    stored = Stored(
        identity=folder.name,
        folder=folder,
        id=None if record is None else one_line(record.shown),
        version=None,
        size_bytes=size_of(folder),
        last_used_s=found.st_mtime,
        in_use=is_in_use(folder),
        problem=problem,
        kind="prepared",
        stale=stale,
    )
    return StoredPrepared(stored, record)
