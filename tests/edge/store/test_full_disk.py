"""Disks that are full, closed or read-only: an error that says what to do, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeai.errors import StoreError
from edgeai.store import Store
from tests.edge.store.children import ADD, is_whole, names_in, start
from tests.tiny_bundles import FILES, pack_files

NOBODY = 65534


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 4 MB; skips where this user may not mount."""
    with mounted(tmp_path / "disk", "size=4m") as folder:
        yield folder


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(tmp_path: Path, disk: Path) -> None:
    packed, store = pack_files(tmp_path, {"m/w.onnx": bytes(6_000_000)}), Store(disk)
    with pytest.raises(StoreError) as caught:
        store.add(packed)
    assert str(caught.value) == (
        f"{packed} cannot be unpacked in {disk}/bundles: it needs 6.0 MB and 4.2 MB are free; "
        "make room there (`edgeai store gc --all`), or set EDGEAI_HOME to a folder on another disk"
    )
    assert names_in(store) == []


def test_a_disk_that_becomes_full_is_said_and_works_again_with_room(tmp_path: Path) -> None:
    """Out of inodes, which the free bytes do not tell: every entry but the first few fails."""
    packed, failed = pack_files(tmp_path), 0
    for inodes in range(2, 12):
        with mounted(tmp_path / f"disk{inodes}", f"size=4m,nr_inodes={inodes}") as disk:
            store = Store(disk)
            try:
                store.add(packed)
            except StoreError as error:
                failed += "No space left on device; make room there" in str(error)
                assert names_in(store) == []
                remount(disk, "nr_inodes=100")
            assert is_whole(store.add(packed), FILES)
    assert 3 <= failed <= 9


# Another fills the disk while this one unpacks: what was free when it began is not when it writes.
FILLED = """
import resource
from edgeai.errors import StoreError
for limit in (0, 1, 64, 259, 260, 642, 1507, 2401):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        store.add(packed)
    except StoreError as error:
        words = str(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(limit, len(os.listdir(store.folder)), words.split(": ", 1)[1])
"""


def test_a_disk_that_is_full_at_any_write_leaves_nothing(tmp_path: Path) -> None:
    packed, store = pack_files(tmp_path), Store(tmp_path / "home")
    said, problem = start(FILLED, store.home, packed).communicate(timeout=60)
    assert problem == ""
    lines = said.splitlines()
    assert len(lines) == 8
    for line in lines:
        assert line.endswith(
            " 0 File too large; make room there (`edgeai store gc --all`), or set EDGEAI_HOME to a folder on "
            "another disk"
        )
    assert is_whole(store.add(packed), FILES)


def test_a_read_only_disk_serves_what_it_holds_and_says_that_it_takes_nothing(
    tmp_path: Path, disk: Path
) -> None:
    packed, store = pack_files(tmp_path), Store(disk)
    folder = store.add(packed)
    os.utime(folder, (1e9, 1e9))
    (tmp_path / "b").mkdir()
    other = pack_files(tmp_path / "b", id="acme/other")
    remount(disk, "ro")
    with store.use(packed) as held:
        assert (held.folder, held.written_bytes) == (folder, 0)
        assert store.list()[0].in_use
    for act in (lambda: store.add(other), lambda: store.gc(all=True)):
        with pytest.raises(
            StoreError, match=r"Read-only file system; set EDGEAI_HOME to a folder on a disk that"
        ):
            act()
    assert names_in(store) == [folder.name]


BECOME_NOBODY = f"""
if os.getuid() == 0:
    os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="edgeai-open-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_home_without_permission_says_so_and_serves_what_can_be_read(open_folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make a folder that another user may read and not write")
    packed, store = pack_files(open_folder), Store(open_folder / "home")
    closed = start(BECOME_NOBODY + ADD, store.home, packed).communicate(timeout=60)[0]
    assert closed == (
        f"StoreError: {packed} cannot be unpacked in {store.folder}: Permission denied; "
        "set EDGEAI_HOME to a folder that this user may write\n"
    )
    assert not store.home.exists()
    folder = store.add(packed)
    assert start(BECOME_NOBODY + ADD, store.home, packed).communicate(timeout=60) == ("", "")
    folder.chmod(0o700)
    said, problem = start(BECOME_NOBODY + ADD, store.home, packed).communicate(timeout=60)
    assert ("Permission denied" in said, problem) == (True, "")
    assert names_in(store) == [folder.name]
