"""Cores under load: real processes on real cores, that rest when told and are gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from edgeai.device.cpus import one_of_each_core_first
from edgeai.errors import WorkerCrashed
from edgeai.measure.core_load import CoreLoad
from edgeai.sysroot import SysRoot

CPUS = tuple(sorted(os.sched_getaffinity(0)))


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def soon(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    end_s = time.monotonic() + within_s
    while not holds() and time.monotonic() < end_s:
        time.sleep(0.05)
    return holds()


def test_a_loaded_core_works_and_rests_when_told() -> None:
    with CoreLoad(CPUS) as load:
        load.set(1)
        assert load.work == "inferences of the model digits"
        (process,) = load._processes
        assert psutil.Process(process.pid).cpu_affinity() == [CPUS[0]]
        begin_s = cpu_s(process)
        assert soon(lambda: cpu_s(process) > begin_s + 0.2)
        load.set(0)
        time.sleep(0.2)  # it may be within its last turn
        rested_s = cpu_s(process)
        time.sleep(0.3)
        assert cpu_s(process) - rested_s < 0.05
        load.set(1)
        assert load._processes == [process]
        assert soon(lambda: cpu_s(process) > rested_s + 0.2)
    assert process.returncode == -signal.SIGKILL


def test_every_process_is_gone_after_a_mistake() -> None:
    pids = []

    def mistake() -> None:
        with CoreLoad(CPUS) as load:
            load.set(len(CPUS))
            pids.extend(process.pid for process in load._processes)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        mistake()
    assert len(pids) == len(CPUS)
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_process_that_dies_is_told() -> None:
    with CoreLoad(CPUS) as load:
        load.set(1)
        load.check()
        load._processes[0].kill()
        load._processes[0].wait()
        with pytest.raises(WorkerCrashed, match=f"loads CPU {CPUS[0]} ended by itself"):
            load.check()
        with pytest.raises(WorkerCrashed, match=f"loads CPU {CPUS[0]} ended by itself"):
            load.set(0)


def test_a_cpu_that_is_not_there_is_told() -> None:
    with CoreLoad((4000,)) as load, pytest.raises(WorkerCrashed, match="loads CPU 4000 ended by itself"):
        load.set(1)


def test_no_load_outlives_a_parent_that_is_killed() -> None:
    code = (
        "import time\nfrom edgeai.measure.core_load import CoreLoad\n"
        f"with CoreLoad({CPUS[:1]}) as load:\n    load.set(1)\n"
        "    print(load._processes[0].pid, flush=True)\n    time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert soon(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_siblings_of_a_core_are_loaded_last(tmp_path: Path) -> None:
    for cpu, siblings in {0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}.items():
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "core_cpus_list").write_text(siblings + "\n")
    assert one_of_each_core_first(SysRoot(tmp_path), frozenset(range(4))) == (0, 2, 1, 3)
    assert one_of_each_core_first(SysRoot(tmp_path / "none"), frozenset({2, 0})) == (0, 2)
