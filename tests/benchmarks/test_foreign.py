"""Who used the CPU beside us: made-up snapshots, and real processes in our tree and outside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from edgeai_bench.foreign import Snapshot, snapshot, used_between

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Used = dict[tuple[int, float], tuple[str, float]]
START = 1_700_000_000.0  # epoch time of the first made-up snapshot


def at(after_s: float, others: Used, ours: frozenset[tuple[int, float]] = frozenset()) -> Snapshot:
    return Snapshot(500.0 + after_s, START + after_s, ours, others)


def test_a_process_counts_what_it_used_between_the_snapshots() -> None:
    key = (7, START - 3600)
    used = used_between(at(0, {key: ("firefox", 90.0)}), at(10, {key: ("firefox", 95.0)}))
    assert used == {"firefox": 0.5}


def test_a_process_that_started_in_between_counts_from_its_start() -> None:
    assert used_between(at(0, {}), at(10, {(8, START + 4.0): ("python3", 5.0)})) == {"python3": 0.5}


def test_a_start_time_may_be_told_a_second_early() -> None:
    assert used_between(at(0, {}), at(10, {(8, START - 0.9): ("python3", 5.0)})) == {"python3": 0.5}


def test_a_process_that_was_hidden_at_the_first_snapshot_does_not_count_what_it_used_before() -> None:
    assert used_between(at(0, {}), at(10, {(8, START - 3600): ("daemon", 900.0)})) == {}


def test_a_pid_that_was_used_again_is_another_process() -> None:
    before = at(0, {(7, START - 3600): ("make", 300.0)})
    assert used_between(before, at(10, {(7, START + 2.0): ("cc1", 4.0)})) == {"cc1": 0.4}


def test_processes_of_one_name_are_added_up_and_idle_ones_left_out() -> None:
    before = at(0, {(7, 1.0): ("python3", 10.0), (9, 1.0): ("init", 3.0)})
    after = at(10, {(7, 1.0): ("python3", 12.5), (8, START + 1): ("python3", 5.0), (9, 1.0): ("init", 3.0)})
    assert used_between(before, after) == {"python3": 0.75}


def test_a_process_that_ended_or_was_ours_does_not_count() -> None:
    before = at(0, {(7, 1.0): ("gone", 10.0)}, ours=frozenset({(8, START - 5)}))
    orphan: Used = {(8, START - 5): ("worker", 20.0)}
    assert used_between(before, at(10, orphan)) == {}
    young = at(0, {}, ours=frozenset({(8, START - 0.1)}))  # also when it started just before
    assert used_between(young, at(10, {(8, START - 0.1): ("worker", 20.0)})) == {}


def test_snapshots_at_one_time_divide_by_nothing() -> None:
    same = at(0, {(7, 1.0): ("python3", 10.0)})
    assert used_between(same, same) == {}


def test_a_real_snapshot_has_us_and_our_children_apart_from_all_others() -> None:
    with subprocess.Popen(["sleep", "30"]) as child:
        try:
            seen = snapshot()
        finally:
            child.kill()
    assert {os.getpid(), child.pid} <= {pid for pid, _ in seen.ours}
    others = {pid: name for (pid, _), (name, _) in seen.others.items()}
    assert others.keys().isdisjoint({os.getpid(), child.pid})
    assert os.getppid() in others or os.getppid() == 0
    assert all(cpu_s >= 0 for _, cpu_s in seen.others.values())


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Path]:
    """A shell under a name of its own; all that run it are ended."""
    shell = shutil.which("dash") or shutil.which("bash")
    if shell is None:
        pytest.skip("neither dash nor bash is here")
    copy = tmp_path / f"busy-{os.getpid()}"  # the kernel keeps 15 characters
    shutil.copy(shell, copy)
    yield copy
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == copy.name:
            with suppress(psutil.Error):
                process.kill()


LOOP = "while :; do :; done"


def test_a_real_process_outside_our_tree_counts_though_it_started_after_the_first_snapshot(
    busy: Path,
) -> None:
    before = snapshot()
    # The shell between us ends at once, so that the system adopts the busy one.
    subprocess.run(["sh", "-c", f"{busy} -c '{LOOP}' >/dev/null 2>&1 &"], check=True)
    time.sleep(0.5)
    used = used_between(before, snapshot())
    assert 0 < used[busy.name] <= 1.1


def test_our_own_busy_process_does_not_count_alive_ended_or_adopted(busy: Path) -> None:
    start = snapshot()
    with subprocess.Popen(
        ["sh", "-c", f"{busy} -c '{LOOP}' & echo $!; wait"], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        time.sleep(0.3)
        between = snapshot()
        assert busy.name not in used_between(start, between)
        parent.kill()
        parent.wait()
        time.sleep(0.3)
        adopted = snapshot()
        assert worker in {pid for pid, _ in adopted.others}
        assert busy.name not in used_between(between, adopted)
        os.kill(worker, signal.SIGKILL)
    assert busy.name not in used_between(between, snapshot())
