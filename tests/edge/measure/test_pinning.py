"""Which CPUs two programs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.measure.pinning import shared_cpus
from edgeai.sysroot import SysRoot


def a_root(folder: Path, clocks: dict[int, int]) -> SysRoot:
    for cpu, hz in clocks.items():
        place = folder / f"sys/devices/system/cpu/cpu{cpu}/cpufreq"
        place.mkdir(parents=True)
        (place / "cpuinfo_max_freq").write_text(f"{hz}\n")
    return SysRoot(folder)


def test_each_pair_gets_the_next_cpu(tmp_path: Path) -> None:
    assert [shared_cpus(1, pair, {0, 1, 2}, SysRoot(tmp_path)) for pair in range(4)] == [
        (0,),
        (1,),
        (2,),
        (0,),
    ]
    assert [shared_cpus(2, pair, {0, 1, 2, 5}, SysRoot(tmp_path)) for pair in range(3)] == [
        (0, 1),
        (2, 5),
        (0, 1),
    ]


def test_more_threads_go_round_the_end(tmp_path: Path) -> None:
    assert shared_cpus(2, 1, {0, 1, 2}, SysRoot(tmp_path)) == (0, 2)


@pytest.mark.parametrize("threads", [2, 3])
def test_as_many_threads_as_cpus_are_not_pinned(tmp_path: Path, threads: int) -> None:
    assert shared_cpus(threads, 0, {0, 1}, SysRoot(tmp_path)) == ()


def test_of_two_kinds_of_cores_the_fast_ones_are_taken(tmp_path: Path) -> None:
    root = a_root(tmp_path, {0: 1_800_000, 1: 1_800_000, 4: 2_400_000, 5: 2_400_000})
    assert [shared_cpus(1, pair, {0, 1, 4, 5}, root) for pair in range(3)] == [(4,), (5,), (4,)]
    assert shared_cpus(2, 1, {0, 1, 4, 5}, root) == (4, 5)
    assert shared_cpus(3, 0, {0, 1, 4, 5}, root) == (0, 1, 4)
