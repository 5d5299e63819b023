"""Several processes on one store at once: one copy, one unpacking, and nothing in use is taken away."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from edgeai.bundle.canonical import identity
from edgeai.store import Store
from tests.edge.store.children import go, is_whole, names_in, start
from tests.tiny_bundles import manifest_of, pack_files

FILES = {f"m{part}/w.onnx": random.Random(part).randbytes(5_000_000) for part in range(4)}
PROCESSES = 8

USE = """
with store.use(packed) as held:
    print(held.folder, held.written_bytes)
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_files(tmp_path_factory.mktemp("packed"), FILES)


def test_of_8_processes_one_unpacks_and_all_get_the_same_folder(tmp_path: Path, packed: Path) -> None:
    store = Store(tmp_path / "home")
    children = [start(USE, store.home, packed, waiting=True) for _ in range(PROCESSES)]
    for child in children:
        go(child)
    said = [child.communicate(timeout=60) for child in children]
    assert [problem for _, problem in said] == [""] * PROCESSES
    folders, written = zip(*(words.split() for words, _ in said), strict=True)
    assert set(folders) == {str(store.folder / identity(manifest_of(FILES)))}
    assert sorted(map(int, written))[:-1] == [0] * (PROCESSES - 1)
    assert max(map(int, written)) > 20_000_000
    assert names_in(store) == [Path(folders[0]).name]
    assert is_whole(Path(folders[0]), FILES)


def test_where_some_of_8_are_killed_the_others_still_get_it(tmp_path: Path, packed: Path) -> None:
    store, chance = Store(tmp_path / "home"), random.Random(2026)
    children = [start(USE, store.home, packed, waiting=True) for _ in range(PROCESSES)]
    for child in children:
        go(child)
    for child in children[: PROCESSES // 2]:
        time.sleep(chance.uniform(0, 0.05))
        os.kill(child.pid, signal.SIGKILL)  # not waited for yet, so the number is its own
    said = [child.communicate(timeout=60)[0] for child in children]
    folder = store.folder / identity(manifest_of(FILES))
    assert [words.split()[0] for words in said[PROCESSES // 2 :]] == [str(folder)] * (PROCESSES // 2)
    assert is_whole(folder, FILES)
    assert names_in(store) == [folder.name]


# Uses a bundle again and again, and looks at all of it while it is held.
USE_AND_LOOK = """
import hashlib
ends_s, turns, written = time.monotonic() + float(sys.argv[3]), 0, 0
while time.monotonic() < ends_s:
    with store.use(packed) as held:
        for path in held.folder.rglob("*.onnx"):
            hashlib.sha256(path.read_bytes()).digest()
        names = sorted(path.name for path in held.folder.rglob("*"))
        assert names == sorted(sys.argv[4].split(",")), names
        turns, written = turns + 1, written + (held.written_bytes > 0)
print(turns, written)
"""
COLLECT = """
ends_s, removed, seen = time.monotonic() + float(sys.argv[3]), 0, 0
while time.monotonic() < ends_s:
    removed += sum(each.reason == "all" for each in store.gc(all=True).removed)
    seen += len(store.list())
print(removed, seen)
"""


def test_a_collection_never_takes_what_another_process_uses(tmp_path: Path) -> None:
    files = {"m/w.onnx": bytes(1000), "n/w.onnx": bytes(100_000)}
    packed, store, seconds = pack_files(tmp_path, files), Store(tmp_path / "home"), "2.5"
    names = ",".join(["m", "n", "w.onnx", "w.onnx", "manifest.json"])
    users = [start(USE_AND_LOOK, store.home, packed, seconds, names) for _ in range(3)]
    collectors = [start(COLLECT, store.home, packed, seconds) for _ in range(2)]
    said = [child.communicate(timeout=60) for child in [*users, *collectors]]
    assert [problem for _, problem in said] == [""] * 5
    used = [[int(word) for word in words.split()] for words, _ in said[:3]]
    removed = sum(int(words.split()[0]) for words, _ in said[3:])
    assert sum(turns for turns, _ in used) > 20
    assert sum(written for _, written in used) > 3
    assert removed > 3
    store.gc(all=True)
    assert names_in(store) == []


def test_threads_of_one_process_unpack_once(tmp_path: Path, packed: Path) -> None:
    store = Store(tmp_path / "home")
    written: list[int] = []

    def use() -> None:
        with store.use(packed) as held:
            written.append(held.written_bytes)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written)[:-1] == [0, 0, 0]
    assert written[0] == max(written) > 0 or len(written) == 4


def test_a_process_that_ends_without_closing_lets_go(tmp_path: Path) -> None:
    packed, store = pack_files(tmp_path), Store(tmp_path / "home")
    child = start("held = store.use(packed)\nprint('held', flush=True)\nsys.stdin.read()", store.home, packed)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    assert store.gc(all=True).removed == ()
    assert [each.in_use for each in store.list()] == [True]
    child.kill()
    child.communicate()
    assert len(store.gc(all=True).removed) == 1
