"""RAM: exact bytes from a captured /proc, and 64 MiB that are really touched."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from edgeai.measure.memory import Memory, read_disk_bytes, read_memory, reset_peak
from edgeai.sysroot import SysRoot

if TYPE_CHECKING:
    from pathlib import Path

# As Linux 6.6 on a Raspberry Pi 5 writes them; tabs and padding are the kernel's.
STATUS = """\
Name:\tpython3
Umask:\t0022
State:\tR (running)
VmPeak:\t  412340 kB
VmSize:\t  398212 kB
VmLck:\t       0 kB
VmHWM:\t   91236 kB
VmRSS:\t   88004 kB
RssAnon:\t   52300 kB
RssFile:\t   35604 kB
RssShmem:\t     100 kB
VmSwap:\t       8 kB
Threads:\t4
"""
ROLLUP = """\
5566e0000-7ffd45000 ---p 00000000 00:00 0                                [rollup]
Rss:               88004 kB
Pss:               70123 kB
Pss_Dirty:         52304 kB
Pss_Anon:          52300 kB
"""
IO = "rchar: 4292\nwchar: 0\nsyscr: 13\nsyscw: 0\nread_bytes: 1052672\nwrite_bytes: 0\n"


def a_root(tmp_path: Path, **files: str) -> SysRoot:
    folder = tmp_path / "proc/self"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return SysRoot(tmp_path)


def test_kilobytes_of_procfs_are_read_as_kibibytes(tmp_path: Path) -> None:
    assert read_memory(a_root(tmp_path, status=STATUS, smaps_rollup=ROLLUP)) == Memory(
        peak_bytes=91236 * 1024,
        resident_bytes=88004 * 1024,
        anonymous_bytes=52300 * 1024,
        file_bytes=35604 * 1024,
        shared_bytes=100 * 1024,
        swap_bytes=8 * 1024,
        pss_bytes=70123 * 1024,
    )


def test_a_kernel_without_smaps_rollup_leaves_pss_unknown(tmp_path: Path) -> None:
    memory = read_memory(a_root(tmp_path, status=STATUS))
    assert memory.pss_bytes is None
    assert memory.peak_bytes == 91236 * 1024


def test_a_kernel_without_swap_or_rss_parts_leaves_them_unknown_and_not_0(tmp_path: Path) -> None:
    kept = [line for line in STATUS.splitlines() if not line.startswith(("VmSwap", "Rss"))]
    memory = read_memory(a_root(tmp_path, status="\n".join(kept), smaps_rollup=ROLLUP))
    assert memory.swap_bytes is None
    assert memory.anonymous_bytes is None
    assert memory.file_bytes is None
    assert memory.shared_bytes is None
    assert memory.resident_bytes == 88004 * 1024


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert read_memory(SysRoot(tmp_path)) == Memory(None, None, None, None, None, None, None)
    assert read_disk_bytes(SysRoot(tmp_path)) is None


def test_damaged_figures_are_unknown(tmp_path: Path) -> None:
    root = a_root(tmp_path, status="VmHWM:\t -1 kB\nVmRSS:\t\nRssAnon:\tmany kB\n")
    assert read_memory(root) == Memory(None, None, None, None, None, None, None)


def test_bytes_from_storage_are_those_of_proc_self_io(tmp_path: Path) -> None:
    assert read_disk_bytes(a_root(tmp_path, io=IO)) == 1052672


def test_resetting_the_peak_writes_a_5_to_clear_refs(tmp_path: Path) -> None:
    root = a_root(tmp_path, clear_refs="")
    assert reset_peak(root)
    assert root.read_text("/proc/self/clear_refs") == "5"


def test_a_kernel_that_refuses_the_reset_is_reported(tmp_path: Path) -> None:
    assert not reset_peak(SysRoot(tmp_path))


# A process of its own: the peak of pytest's was set long ago, by who knows what.
_TOUCH = """
import json, mmap
from edgeai.measure.memory import read_memory, reset_peak
from edgeai.sysroot import SysRoot
root = SysRoot()
read_memory(root)
def touch(size):
    held = mmap.mmap(-1, size)
    for page in range(0, size, 4096):
        held[page] = 1
    return held
touch(96 << 20).close()
high = read_memory(root)
did_reset = reset_peak(root)
before = read_memory(root)
held = touch(64 << 20)
after = read_memory(root)
held.close()
freed = read_memory(root)
print(json.dumps([did_reset, high.peak_bytes, before.peak_bytes, before.resident_bytes, after.peak_bytes,
                  after.resident_bytes, freed.peak_bytes, freed.resident_bytes]))
"""


def test_touching_64_mebibytes_raises_the_peak_by_64_mebibytes() -> None:
    answer = subprocess.run([sys.executable, "-c", _TOUCH], capture_output=True, text=True, check=True)
    did_reset, high, before, before_now, after, after_now, freed, freed_now = json.loads(answer.stdout)
    mebibyte = 1 << 20
    assert abs(after_now - before_now - 64 * mebibyte) <= mebibyte
    if not did_reset:  # gVisor and kernels without CONFIG_PROC_PAGE_MONITOR: the peak stays where it was
        assert after >= high
        return
    assert high - before >= 90 * mebibyte
    assert abs(before - before_now) <= mebibyte
    assert abs(after - before - 64 * mebibyte) <= mebibyte
    # Freed, it is no longer resident, and the peak still tells of it (the kernel's counters are batched).
    assert after_now - freed_now >= 60 * mebibyte
    assert abs(freed - after) <= mebibyte
