"""Puts a prepared model into the store, whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..bundle.archive import sync_folder, write_new
from ..errors import InputError, StoreError, one_line
from ..store.collect import collect, exclusive, remove_leftovers
from ..store.exchange import put
from ..store.partial import partial_folder
from ..store.room import check_room, said_as_store_error
from .contents import list_prepared
from .find import prepared_folder
from .known import remember
from .record import RECORD, Prepared, to_bytes
from .seen import see
from .written import add_written

_SPARE_BYTES = 64 * 1024
"""Beside the files: the record, the notes, and the records that a disk of 4 KiB blocks has of them."""


@contextlib.contextmanager
def working_folder(home: Path) -> Iterator[Path]:
    """An empty folder to make forms in, on the disk of the store, so that `keep` can move them.

    Not in /tmp: that is RAM on many boards. It goes away at the end; what a killed process leaves goes with
    the next `keep` or `gc`. Raises StoreError.
    """
    folder = prepared_folder(home)
    with contextlib.ExitStack() as stack:
        with said_as_store_error("no folder can be made to prepare in", folder):
            made = stack.enter_context(partial_folder(folder / secrets.token_hex(8)))
        yield made


def keep(
    home: Path, record: Prepared, folder: Path, *, bare: Path | None = None, max_bytes: int | None = None
) -> Prepared:
    """Move the files of a record's form into the store, in place of what was prepared for the same key.

    folder: holds them, and loses them; not read where the choice has no form.
    bare: the model file, where it is no bundle's, so that a load finds what was prepared of it.
    max_bytes: of all prepared models together; the least recently used that are not in use make room.
    Returns the record as it was kept. Raises StoreError (no room, no permission), and InputError for a form
    whose files are not in the folder; the store then has what it had.
    """
    place = prepared_folder(home) / record.key
    what = "the prepared model cannot be kept"
    with said_as_store_error(what, place.parent), partial_folder(place) as partial:
        remove_leftovers(place.parent, but=partial)  # those that others work on are locked, and stay
        names = _names(record, folder)
        size_bytes = sum((folder / name).stat().st_size for name in names)
        is_there = folder.exists() and folder.stat().st_dev == partial.stat().st_dev
        check_room(what, place.parent, _SPARE_BYTES if is_there else size_bytes + _SPARE_BYTES)
        _make_room(place, size_bytes + len(to_bytes(record)), max_bytes)
        kept = _fill(partial, record, folder, names)
        with exclusive(place.parent):
            least_bytes = sum(
                each.record.written_bytes for each in list_prepared(place.parent) if each.record
            )
            add_written(place.parent, kept.written_bytes, least_bytes, partial)
            put(partial, place)
        sync_folder(place.parent)
        if bare is not None:
            remember(place.parent, Path(os.path.realpath(bare)), record.sources[0])
        remove_leftovers(place.parent)
    return kept


def _names(record: Prepared, folder: Path) -> list[str]:
    """The files of the form: those that it names, or else all that are there.

    Names come from what made the form, and so from libraries: they must not lead out of the folder.
    """
    form = record.choice.form
    if form is None:
        return []
    names = sorted(form.files or (path.name for path in folder.iterdir()))
    for name in {form.main, *names}:
        path = folder / name
        if Path(name).name != name or name == RECORD or path.is_symlink() or not path.is_file():
            raise InputError(f"the form {form.kind} has no file {one_line(name)} in {one_line(folder)}")
    return names


def _fill(partial: Path, record: Prepared, folder: Path, names: list[str]) -> Prepared:
    """Files first and the record last, all on the disk before the rename that makes them count."""
    copied_bytes = sum(_move(folder / name, partial / name) for name in names)
    files = tuple(see(partial, name) for name in names)
    form = record.choice.form
    if form is not None:
        form = replace(form, files={each.name: each.size_bytes for each in files})
    kept = replace(record, choice=replace(record.choice, form=form), files=files)
    written_bytes = record.written_bytes + copied_bytes + len(to_bytes(kept))
    kept = replace(kept, written_bytes=written_bytes)
    write_new(partial / RECORD, [to_bytes(kept)], sync=True)
    sync_folder(partial)
    return kept


def _move(source: Path, target: Path) -> int:
    """Bytes that had to be written again; 0 where the file only changed its folder."""
    copied_bytes = 0
    try:
        source.rename(target)
    except OSError:  # another disk, or a folder that may only be read
        shutil.copyfile(source, target)
        copied_bytes = target.stat().st_size
    with target.open("rb") as file:
        os.fsync(file.fileno())
    return copied_bytes


def _make_room(place: Path, new_bytes: int, max_bytes: int | None) -> None:
    """Remove the least recently used; the one that will be replaced counts nothing."""
    if max_bytes is None:
        return
    if new_bytes > max_bytes:
        raise StoreError(
            f"the prepared model has {new_bytes:,} bytes, of {max_bytes:,} that all may have; "
            "allow more, or choose another objective"
        )
    others = [each.stored for each in list_prepared(place.parent) if each.stored.folder != place]
    left = collect((), others, max_bytes=max_bytes - new_bytes)
    if left.kept_bytes > max_bytes - new_bytes:
        raise StoreError(
            f"prepared models in use have {left.kept_bytes:,} bytes, of {max_bytes:,} that all may have; "
            "allow more, or end what uses them"
        )
