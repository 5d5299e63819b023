"""Cleaning the store: what goes, in which order, and what never does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edgeai.store import Store
from tests.edge.store.children import names_in
from tests.tiny_bundles import pack_files

DAY_S = 86400.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three bundles a, b, c, of which c was used last and a 30 days ago."""
    store, now_s = Store(tmp_path / "home"), time.time()
    for name, age_s in (("a", 30 * DAY_S), ("b", 10 * DAY_S), ("c", 0.0)):
        (tmp_path / name).mkdir()
        folder = store.add(pack_files(tmp_path / name, id=name))
        os.utime(folder, (now_s - age_s, now_s - age_s))
    return store


def ids(store: Store) -> list[str | None]:
    return [each.id for each in store.list()]


def test_without_a_wish_nothing_sound_goes(store: Store) -> None:
    assert store.gc().removed == ()
    assert ids(store) == ["c", "b", "a"]


def test_an_empty_store_is_clean(tmp_path: Path) -> None:
    done = Store(tmp_path / "nothing").gc(all=True, max_bytes=0, older_than_s=0)
    assert (done.removed, done.kept, done.freed_bytes) == ((), (), 0)
    assert not (tmp_path / "nothing").exists()


def test_the_old_go_by_the_time_of_their_last_use(store: Store) -> None:
    done = store.gc(older_than_s=20 * DAY_S)
    assert [(each.id, each.reason) for each in done.removed] == [("a", "old")]
    assert ids(store) == ["c", "b"]


def test_the_least_recently_used_go_until_the_rest_fits(store: Store) -> None:
    sizes = {each.id: each.size_bytes for each in store.list()}
    done = store.gc(max_bytes=sizes["c"] + sizes["b"])
    assert [(each.id, each.reason, each.size_bytes) for each in done.removed] == [
        ("a", "least recently used", sizes["a"])
    ]
    assert (done.freed_bytes, done.kept_bytes) == (sizes["a"], sizes["b"] + sizes["c"])
    assert store.gc(max_bytes=sizes["c"] + sizes["b"]).removed == ()
    assert [each.id for each in store.gc(max_bytes=1).removed] == ["c", "b"]
    assert names_in(store) == []


def test_all_that_is_not_in_use_goes(store: Store) -> None:
    held = [store.hold(each.folder) for each in store.list() if each.id == "b"]
    done = store.gc(all=True)
    assert [each.id for each in done.removed] == ["c", "a"]
    assert [each.id for each in done.kept] == ["b"]
    assert [each.id for each in store.gc(all=True).kept] == ["b"]
    held[0].close()
    assert [each.id for each in store.gc(all=True).removed] == ["b"]
    assert names_in(store) == []


def test_what_is_in_use_counts_and_stays(store: Store) -> None:
    sizes = {each.id: each.size_bytes for each in store.list()}
    oldest = store.list()[-1]
    with store.hold(oldest.folder):
        done = store.gc(max_bytes=sizes["a"])
        assert [each.id for each in done.removed] == ["c", "b"]
        assert ids(store) == ["a"]


def test_damaged_copies_and_leftovers_always_go(store: Store) -> None:
    newest = store.list()[0]
    (newest.folder / "det/s8.onnx").unlink()
    (store.folder / "partial-x").mkdir()
    (store.folder / "partial-x/half").write_bytes(bytes(1000))
    (store.folder / "removed-y").write_text("")
    done = store.gc()
    assert [(each.name, each.reason, each.size_bytes) for each in done.removed] == [
        ("partial-x", "interrupted", 1000),
        ("removed-y", "interrupted", 0),
        (newest.identity, "damaged", newest.size_bytes - 2402),
    ]
    assert ids(store) == ["b", "a"]
    assert len(names_in(store)) == 2


def test_a_damaged_copy_in_use_stays(store: Store) -> None:
    newest = store.list()[0]
    (newest.folder / "det/s8.onnx").unlink()
    with store.hold(newest.folder):
        assert store.gc(all=True).kept[0].id == "c"
    assert store.gc().removed[0].reason == "damaged"


def test_a_dry_run_says_the_same_and_removes_nothing(store: Store) -> None:
    (store.folder / "partial-x").mkdir()
    before = names_in(store)
    wishes = {"max_bytes": 1, "older_than_s": 20 * DAY_S}
    planned = store.gc(**wishes, dry_run=True)
    assert names_in(store) == before
    done = store.gc(**wishes)
    assert (planned.removed, planned.kept) == (done.removed, done.kept)
    assert [each.reason for each in done.removed] == ["interrupted", *["least recently used"] * 2, "old"]
    assert names_in(store) == []


def test_folders_that_are_no_bundles_are_left_alone(store: Store) -> None:
    (store.folder / "notes").mkdir()
    (store.folder / ("0" * 64)).write_text("a file")
    (store.home / "models").mkdir()
    store.gc(all=True, max_bytes=0)
    assert names_in(store) == ["0" * 64, "notes"]
    assert (store.home / "models").is_dir()
