"""The store: one copy of each bundle, whole or not there, held while it is in use."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeai.bundle.canonical import identity
from edgeai.errors import BundleDamaged, StoreError
from edgeai.store import Store
from tests.edge.store.children import is_whole, names_in
from tests.raw_zip import zip_bytes
from tests.tiny_bundles import FILES, SIGNATURE, manifest_of, members, pack_files

IDENTITY = identity(manifest_of())
DAY_S = 86400.0


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return pack_files(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def inodes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in [folder, *folder.rglob("*")]}


# Adding.


def test_a_bundle_is_unpacked_into_a_folder_named_by_its_identity(store: Store, packed: Path) -> None:
    assert store.add(packed) == store.home / "bundles" / IDENTITY
    assert is_whole(store.add(packed), FILES)
    assert names_in(store) == [IDENTITY]


def test_a_bundle_is_unpacked_once(store: Store, packed: Path, tmp_path: Path) -> None:
    with store.use(packed) as first:
        assert first.written_bytes == sum(path.stat().st_size for path in first.folder.rglob("*.*"))
    before = inodes(first.folder)
    (tmp_path / "again.edge").write_bytes(zip_bytes(members(deflate=True, signed=False)))
    for path in (packed, tmp_path / "again.edge"):
        with store.use(path) as held:
            assert (held.folder, held.written_bytes) == (first.folder, 0)
    assert inodes(first.folder) == before


def test_two_bundles_lie_side_by_side(store: Store, packed: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = pack_files(tmp_path / "b", id="acme/gate")
    assert names_in(store) == []
    assert sorted([store.add(packed).name, store.add(other).name]) == names_in(store)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "det/s8.onnx").unlink(),
        lambda folder: os.truncate(folder / "det/s8.onnx", 100),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{}"),
        lambda folder: os.truncate(folder / "manifest.json", 0),
        lambda folder: (shutil.rmtree(folder / "det"), (folder / "det").write_text("a file")),
        lambda folder: (
            (folder / "det/s8.onnx").unlink(),
            (folder / "det/s8.onnx").symlink_to("/etc/passwd"),
        ),
        lambda folder: ((folder / "det/s8.onnx").unlink(), (folder / "det/s8.onnx").mkdir()),
        lambda folder: ((folder / "manifest.json").unlink(), (folder / "manifest.json").mkdir()),
        lambda folder: (shutil.rmtree(folder), folder.write_text("a file")),
        lambda folder: (shutil.rmtree(folder), folder.symlink_to("/etc")),
        lambda folder: (shutil.rmtree(folder), folder.mkdir()),
    ],
)
def test_a_damaged_copy_is_replaced(store: Store, packed: Path, damage: Callable[[Path], object]) -> None:
    folder = store.add(packed)
    damage(folder)
    assert not is_whole(folder, FILES)
    with store.use(packed) as held:
        assert held.written_bytes > 0
        assert is_whole(held.folder, FILES)
    assert names_in(store) == [IDENTITY]


def test_an_archive_that_lies_about_sizes_cannot_drive_out_a_good_copy(
    store: Store, packed: Path, tmp_path: Path
) -> None:
    before = inodes(store.add(packed))
    found = members()
    found[-1] = found[-1].with_(content=b"evil")
    (tmp_path / "evil.edge").write_bytes(zip_bytes(found))
    with pytest.raises(BundleDamaged, match=r"'det/s8\.onnx' has the sha256"):
        store.add(tmp_path / "evil.edge")
    assert inodes(store.home / "bundles" / IDENTITY) == before
    assert names_in(store) == [IDENTITY]


def test_a_signature_that_comes_later_is_put_beside_the_files(
    store: Store, packed: Path, tmp_path: Path
) -> None:
    folder = store.add(packed)
    before = inodes(folder)
    for turn, signature in enumerate((SIGNATURE, b"another")):
        (tmp_path / str(turn)).mkdir()
        signed = pack_files(tmp_path / str(turn), signature=signature)
        with store.use(signed) as held:
            assert (held.folder, held.written_bytes) == (folder, 0)
            assert (folder / "manifest.sig").read_bytes() == signature
    store.add(packed)
    assert (folder / "manifest.sig").read_bytes() == b"another"
    after = inodes(folder)
    after.pop("manifest.sig")
    assert after == before
    assert names_in(store) == [IDENTITY]


def test_what_killed_processes_left_goes_with_the_next_bundle(store: Store, packed: Path) -> None:
    for name in (f"partial-{IDENTITY}", "partial-" + "0" * 64, f"removed-{IDENTITY}-00000000"):
        (store.folder / name / "det").mkdir(parents=True)
        (store.folder / name / "det/s8.onnx").write_bytes(b"half")
    (store.folder / "partial-file").write_text("x")
    (store.folder / "partial-link").symlink_to("/etc")
    (store.folder / "someone's own").mkdir()
    assert is_whole(store.add(packed), FILES)
    assert names_in(store) == sorted([IDENTITY, "someone's own"])


def test_the_folder_of_bundles_may_be_a_link_to_another_disk(
    store: Store, packed: Path, tmp_path: Path
) -> None:
    (tmp_path / "larger").mkdir()
    store.home.mkdir()
    store.folder.symlink_to(tmp_path / "larger")
    folder = store.add(packed)
    (folder / "manifest.json").unlink()
    assert is_whole(store.add(packed), FILES)
    assert [path.name for path in (tmp_path / "larger").iterdir()] == [IDENTITY]
    assert len(store.gc(all=True).removed) == 1


def test_a_home_in_the_way_is_said(store: Store, packed: Path, tmp_path: Path) -> None:
    store.home.write_text("a file")
    for act in (lambda: store.add(packed), store.list, store.gc):
        with pytest.raises(
            StoreError, match="home/bundles: Not a directory; a file stands where a folder belongs"
        ):
            act()


# In use.


def test_what_is_held_is_listed_as_in_use(store: Store, packed: Path) -> None:
    with store.use(packed) as first, store.hold(first.folder):
        assert [each.in_use for each in store.list()] == [True]
        first.close()
        assert [each.in_use for each in store.list()] == [True]
    assert [each.in_use for each in store.list()] == [False]


def test_a_bundle_that_was_removed_cannot_be_held(store: Store, packed: Path) -> None:
    folder = store.add(packed)
    store.gc(all=True)
    with pytest.raises(StoreError, match="is no longer in the store; open the packed bundle again"):
        store.hold(folder)


def test_closing_twice_is_allowed(store: Store, packed: Path) -> None:
    held = store.use(packed)
    held.close()
    held.close()
    assert store.gc(all=True).freed_bytes > 0


def test_a_use_is_noted_once_a_day(store: Store, packed: Path) -> None:
    folder = store.add(packed)
    now_s = time.time()
    for age_s, is_noted in ((0.9 * DAY_S, False), (1.1 * DAY_S, True), (-50 * DAY_S, False)):
        os.utime(folder, (now_s - age_s, now_s - age_s))
        store.add(packed)
        moved = abs(folder.stat().st_mtime - (now_s - age_s)) > 1
        assert moved == is_noted, age_s


# Lists.


def test_the_list_tells_what_each_bundle_is_last_used_first(
    store: Store, packed: Path, tmp_path: Path
) -> None:
    assert store.list() == ()
    folder = store.add(packed)
    (tmp_path / "b").mkdir()
    other = store.add(pack_files(tmp_path / "b", id="acme/gate", version="2"))
    os.utime(folder, (1e9, 1e9))
    first, second = store.list()
    assert (first.id, first.version, first.folder, first.problem) == ("acme/gate", "2", other, None)
    assert (second.id, second.identity, second.last_used_s) == ("acme/door", IDENTITY, 1e9)
    assert second.size_bytes == sum(path.stat().st_size for path in folder.rglob("*.*"))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: (folder / "det/s8.onnx").unlink(), "s8.onnx: No such file or directory"),
        (
            lambda folder: (folder / "manifest.json").unlink(),
            "manifest.json cannot be read: No such file or directory",
        ),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json is no JSON: "),
        (
            lambda folder: (folder / "manifest.json").write_text("{}"),
            "its manifest is not the one that it was unpacked from",
        ),
    ],
)
def test_a_damaged_bundle_is_listed_with_its_problem(
    store: Store, packed: Path, damage: Callable[[Path], object], problem: str
) -> None:
    damage(store.add(packed))
    (found,) = store.list()
    assert found.problem is not None
    assert found.problem.startswith(problem)


def test_only_bundles_are_listed(store: Store, packed: Path) -> None:
    store.add(packed)
    (store.folder / "notes").mkdir()
    (store.folder / ("0" * 64)).write_text("a file")
    (store.folder / ("1" * 64)).symlink_to("/etc")
    assert [each.identity for each in store.list()] == [IDENTITY]
