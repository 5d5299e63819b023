"""perf's energy events: the files of its PMU, and the system call against the kernel that runs here."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import pytest

from edgeai.power import COUNTER_J, Meter, ReadFailed, find_meter
from edgeai.power.perf_energy import PMU, open_meter, perf_event_open
from edgeai.sysroot import SysRoot
from edgeai.unavailable import Barred, Unavailable
from tests.edge.power.board_sites import BOARDS, copied, site, write

TWO_SOCKETS = SysRoot(BOARDS / "x86-64-two-sockets")
SCALE = 2.0**-32  # what the file's 2.3283064365386962890625e-10 is


class Kernel:
    """Opens pipes in place of events: what was asked, and counts that a read finds."""

    def __init__(self, counts: list[int], fails_at: int | None = None, error: int = 13) -> None:
        self.counts, self.fails_at, self.error = counts, fails_at, error
        self.asked: list[tuple[int, int, int]] = []
        self.files: list[int] = []

    def open(self, kind: int, config: int, cpu: int) -> int:
        if self.fails_at == len(self.asked):
            raise OSError(self.error, os.strerror(self.error))
        self.asked.append((kind, config, cpu))
        reader, writer = os.pipe()
        os.write(writer, struct.pack("Q", self.counts[len(self.asked) - 1]))
        os.close(writer)
        self.files.append(reader)
        return reader


def opened(root: SysRoot, kernel: Kernel) -> Meter:
    found = open_meter(root, kernel.open)
    assert not isinstance(found, Unavailable), found
    return found


def is_open(file: int) -> bool:
    try:
        os.fstat(file)
    except OSError:
        return False
    return True


def test_each_package_and_its_memory_is_opened_once_on_the_cpu_that_stands_for_it() -> None:
    kernel = Kernel([0, 0, 0, 0])
    meter = opened(TWO_SOCKETS, kernel)
    assert kernel.asked == [(21, 2, 0), (21, 2, 1), (21, 3, 0), (21, 3, 1)]
    assert [rail.name for rail in meter.info.rails] == [
        "package of cpu 0",
        "package of cpu 1",
        "dram of cpu 0",
        "dram of cpu 1",
    ]
    assert meter.info.scope == "2 packages + dram"
    assert meter.info.kind == COUNTER_J
    meter.close()
    assert not any(is_open(file) for file in kernel.files)
    meter.close()
    with pytest.raises(ReadFailed, match="closed"):
        meter.read()


def test_counts_become_joules_by_the_scale_of_the_files() -> None:
    class Twice(Kernel):
        """The first read is the probe's own; pipes give each count once."""

        def open(self, kind: int, config: int, cpu: int) -> int:
            file = super().open(kind, config, cpu)
            reader, writer = os.pipe()
            os.write(writer, struct.pack("QQ", 0, self.counts[len(self.asked) - 1]))
            os.close(writer)
            os.dup2(reader, file)
            os.close(reader)
            return file

    meter = opened(TWO_SOCKETS, Twice([2**32, 3 * 2**32, 2**31, 1]))
    assert meter.read() == (1.0, 3.0, 0.5, SCALE)
    meter.close()


def test_an_event_that_ended_is_a_failed_read() -> None:
    meter = opened(TWO_SOCKETS, Kernel([0, 0, 0, 0]))  # the pipes are empty now
    with pytest.raises(ReadFailed, match="reads as ended"):
        meter.read()
    meter.close()


def test_where_the_call_is_not_allowed_the_setting_is_named_and_nothing_stays_open() -> None:
    kernel = Kernel([0, 0, 0, 0], fails_at=2)
    found = open_meter(TWO_SOCKETS, kernel.open)
    assert isinstance(found, Barred)
    assert found.advice.startswith("`sudo sysctl kernel.perf_event_paranoid=0`")
    assert not any(is_open(file) for file in kernel.files)


def test_where_the_call_does_not_exist_the_reason_is_the_kernels() -> None:
    found = open_meter(TWO_SOCKETS, Kernel([0], fails_at=0, error=38).open)
    assert type(found) is Unavailable
    assert found.unavailable.endswith("fails: Function not implemented")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("events/energy-pkg.unit", "Watts"),
        ("events/energy-pkg", "umask=0x02"),
        ("cpumask", ""),
        ("type", "x"),
    ],
)
def test_a_pmu_that_is_not_understood_is_not_opened(file: str, text: str, tmp_path: Path) -> None:
    tree = copied("x86-64-two-sockets", tmp_path)
    write(tree, f"{PMU}/{file}", text)
    kernel = Kernel([0, 0, 0, 0])
    assert isinstance(open_meter(SysRoot(tree), kernel.open), Unavailable)
    assert kernel.asked == []


def test_a_captured_tree_is_never_counted_in_this_kernel() -> None:
    found = find_meter(site("x86-64-two-sockets"), "perf")
    assert isinstance(found, Unavailable)
    assert found.unavailable == "perf counts in the running kernel, not in a captured tree"


# --- the system call itself, with this kernel's own events in the place of energy


def real(folder: Path, pmu: str, event: str, scale: str) -> SysRoot:
    """The energy PMU's files with type and event of a PMU that this machine has."""
    kind = Path(f"/sys/bus/event_source/devices/{pmu}/type")
    if not kind.exists():
        pytest.skip(f"this kernel has no PMU {pmu}")
    write(folder, f"{PMU}/type", kind.read_text().strip())
    write(folder, f"{PMU}/cpumask", min(os.sched_getaffinity(0)))
    for name, text in (("", event), (".scale", scale), (".unit", "Joules")):
        write(folder, f"{PMU}/events/energy-pkg{name}", text)
    try:
        os.close(perf_event_open(int(kind.read_text()), 0, min(os.sched_getaffinity(0))))
    except OSError as error:
        pytest.skip(f"this kernel does not let us count: {error.strerror}")
    return SysRoot(folder)


def test_the_call_counts_this_cpus_clock_in_nanoseconds(tmp_path: Path) -> None:
    """`cpu-clock` (PERF_COUNT_SW_CPU_CLOCK, 0) counts ns on a CPU: as joules of 1e-9 they must be seconds."""
    before = time.monotonic()
    meter = open_meter(real(tmp_path, "software", "event=0x00", "1e-9"), perf_event_open)
    assert not isinstance(meter, Unavailable), meter
    first = meter.read()[0]
    between = time.monotonic()
    time.sleep(0.05)
    begun = time.monotonic()
    second = meter.read()[0]
    after = time.monotonic()
    meter.close()
    assert 0 < first <= (between - before) * 1.01
    assert (begun - between) * 0.99 <= second - first <= (after - before) * 1.01


def test_the_call_takes_a_pmu_of_sysfs_on_one_cpu(tmp_path: Path) -> None:
    """`msr/tsc/` is as energy is: a PMU with a number of its own, counting a register of one CPU."""
    meter = open_meter(real(tmp_path, "msr", "event=0x00", "1"), perf_event_open)
    assert not isinstance(meter, Unavailable), meter
    first, second = meter.read()[0], meter.read()[0]
    meter.close()
    assert 0 < first < second
