"""Unpacking that is killed: at random moments, and at every call that changes the disk."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeai.bundle.canonical import identity
from edgeai.store import Store
from tests.edge.store.children import is_whole, names_in, start
from tests.tiny_bundles import manifest_of, pack_files

KILLS = 50

# Two bundles of 20 MB, so that what is left of one has to be removed by the other.
LARGE = [
    {f"{model}{part}/w.onnx": random.Random(f"{model} {part}").randbytes(5_000_000) for part in range(4)}
    for model in ("a", "b")
]

# Starts children in no time: it has imported everything, forks at one line and waits at the next.
FORKS = """
while packed := sys.stdin.readline().strip():
    child = os.fork()
    if not child:
        store.add(packed)
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def large(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    return [pack_files(folder, files) for folder, files in zip(folders, LARGE, strict=True)]


def test_after_50_kills_the_next_process_finds_one_whole_copy(tmp_path: Path, large: list[Path]) -> None:
    store, chance = Store(tmp_path / "home"), random.Random(2026)
    started_s = time.perf_counter()
    store.add(large[0])
    whole_s = time.perf_counter() - started_s
    store.gc(all=True)
    halfway = 0
    with start(FORKS, store.home, large[0]) as parent:
        for turn in range(KILLS):
            outcome = kill_at(parent, large[0], chance.uniform(0, whole_s))
            left = names_in(store)
            assert outcome in {0, -signal.SIGKILL}
            assert all(
                is_whole(store.folder / name, LARGE[0]) for name in left if not name.startswith("partial")
            )
            halfway += any(name.startswith("partial-") for name in left)
            folder = store.add(large[turn % 2])
            assert is_whole(folder, LARGE[turn % 2])
            killed = identity(manifest_of(LARGE[0]))  # may be whole, where the kill came too late
            assert set(names_in(store)) in ({folder.name}, {folder.name, killed})
            store.gc(all=True)
            assert names_in(store) == []
    assert halfway >= KILLS // 3, "too few of the kills came while it was unpacked"


def kill_at(parent: subprocess.Popen[str], packed: Path, after_s: float) -> int:
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(f"{packed}\n")
    parent.stdin.flush()
    child = int(parent.stdout.readline())
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)  # it is not waited for before the next line, so the number is its own
    parent.stdin.write("wait\n")
    parent.stdin.flush()
    return int(parent.stdout.readline())


# --- Every call --------------------------------------------------------------------------------------------

# What changes the disk, or says who may. Python itself does none of these when it starts and ends like this.
CALLS = ("mkdir", "write", "fsync", "flock", "rename")
SMALL = {"m/w.onnx": b"weights " * 100}

# Exit codes: 0 added, 3 a StoreError; its words on standard error come after the call that failed.
QUIET = """
import sys
from pathlib import Path
from edgeai.errors import StoreError
from edgeai.store import Store
try:
    Store(Path(sys.argv[1])).add(sys.argv[2])
except StoreError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
"""


def each_call(call: str, what: str, home: Path, packed: Path) -> Iterator[subprocess.CompletedProcess[str]]:
    """Processes that add a bundle, in which the first, second, ... such call is spoilt, up to the last."""
    if shutil.which("strace") is None:
        pytest.skip("no strace on this machine: apt install strace")
    trace = home.parent / "trace"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for number in itertools.count(1):
        spoil = ("-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}")
        words = ["strace", "-qq", "-o", str(trace), *spoil]
        words += [sys.executable, "-B", "-c", QUIET, str(home), str(packed)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if "ptrace" in done.stderr:
            pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
        said = trace.read_text()
        if "INJECTED" not in said and "SIGKILL" not in said:
            assert done.returncode == 0, done.stderr
            return
        yield done
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.parametrize("call", CALLS)
def test_a_kill_at_any_call_leaves_a_whole_copy_or_none(tmp_path: Path, call: str) -> None:
    packed, store = pack_files(tmp_path, SMALL), Store(tmp_path / "home")
    count = 0
    for done in each_call(call, "signal=SIGKILL", store.home, packed):
        count += 1
        assert abs(done.returncode) in {signal.SIGKILL, 128 + signal.SIGKILL}
        left = names_in(store)
        assert all(name.startswith("partial-") or is_whole(store.folder / name, SMALL) for name in left)
        folder = store.add(packed)
        assert is_whole(folder, SMALL)
        assert names_in(store) == [folder.name]
    assert count > 0


@pytest.mark.parametrize("call", CALLS)
def test_a_failure_of_any_call_is_a_store_error_and_leaves_nothing(tmp_path: Path, call: str) -> None:
    packed, store = pack_files(tmp_path, SMALL), Store(tmp_path / "home")
    reasons = {
        "ENOSPC": "No space left on device; make room there",
        "EIO": "Input/output error; check the disk",
    }
    error = "EIO" if call == "flock" else "ENOSPC"
    count = 0
    for done in each_call(call, f"error={error}", store.home, packed):
        count += 1
        if done.returncode == 0:  # making a folder that is there already, which fails either way
            assert call == "mkdir"
        else:
            assert done.returncode == 3, done.stderr
            assert reasons[error] in done.stderr
            assert done.stderr.count("\n") == 1
        left = names_in(store)
        assert all(is_whole(store.folder / name, SMALL) for name in left), (
            "after the rename the copy is whole"
        )
        assert is_whole(store.add(packed), SMALL)
    assert count > 0


def test_files_are_on_the_disk_before_the_copy_appears(tmp_path: Path) -> None:
    """What a loss of power relies on: first every file and folder, then the rename, then the folder above."""
    packed, store = pack_files(tmp_path, SMALL), Store(tmp_path / "home")
    if shutil.which("strace") is None:
        pytest.skip("no strace on this machine: apt install strace")
    trace = tmp_path / "order"
    words = ["strace", "-qq", "-y", "-o", str(trace), "-e", "trace=fsync,rename,write"]
    words += [sys.executable, "-B", "-c", QUIET, str(store.home), str(packed)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(words, env=environment, check=True)
    partial = store.folder / f"partial-{names_in(store)[0]}"
    calls = [
        line.split("(")[0] + " " + line.split("<")[-1].split(">")[0]
        for line in trace.read_text().splitlines()
    ]
    renamed = next(index for index, call in enumerate(calls) if call.startswith("rename"))
    written = {call.split()[1] for call in calls[:renamed] if call.startswith("write")}
    synced = {call.split()[1] for call in calls[:renamed] if call.startswith("fsync")}
    assert written == {f"{partial}/m/w.onnx", f"{partial}/manifest.json"}
    assert synced == written | {str(partial), f"{partial}/m"}
    assert calls[renamed + 1 :] == [f"fsync {store.folder}"]
