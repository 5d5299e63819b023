"""Free memory by /proc and control groups of both versions: from trees, and in a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeai.device.free_memory import FreeMemory, free_memory
from edgeai.sysroot import SysRoot


def tree(root: Path, files: dict[str, str]) -> SysRoot:
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return SysRoot(root)


MEMINFO = {"/proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 500 kB\nSwapTotal: 300 kB\nSwapFree: 200 kB\n"}


def test_without_groups_it_is_what_the_kernel_has(tmp_path: Path) -> None:
    assert free_memory(tree(tmp_path, MEMINFO)) == FreeMemory(500 * 1024, "MemAvailable", 200 * 1024)


def test_nothing_readable_is_unknown(tmp_path: Path) -> None:
    assert free_memory(SysRoot(tmp_path)) is None


def test_a_group_of_version_2_limits_less_what_it_uses_and_cannot_drop(tmp_path: Path) -> None:
    group = "/sys/fs/cgroup/system.slice/x.service"
    files = {
        **MEMINFO,
        "/proc/self/cgroup": "0::/system.slice/x.service\n",
        f"{group}/memory.max": "400000\n",
        f"{group}/memory.current": "150000\n",
        f"{group}/memory.stat": "anon 90000\ninactive_file 20000\nactive_file 40000\n",
        "/sys/fs/cgroup/system.slice/memory.max": "max\n",
        "/sys/fs/cgroup/system.slice/memory.current": "999999\n",
    }
    assert free_memory(tree(tmp_path, files)) == FreeMemory(
        270000, f"the memory limit of {group}", 200 * 1024
    )


def test_the_tightest_group_on_the_way_down_decides(tmp_path: Path) -> None:
    files = {
        **MEMINFO,
        "/proc/self/cgroup": "0::/a/b\n",
        "/sys/fs/cgroup/a/memory.max": "1000\n",
        "/sys/fs/cgroup/a/memory.current": "900\n",
        "/sys/fs/cgroup/a/b/memory.max": "5000\n",
        "/sys/fs/cgroup/a/b/memory.current": "10\n",
    }
    found = free_memory(tree(tmp_path, files))
    assert found is not None
    assert (found.bytes, found.why) == (100, "the memory limit of /sys/fs/cgroup/a")


def test_a_group_of_version_1_in_a_container_lies_at_the_mount(tmp_path: Path) -> None:
    mount = "/sys/fs/cgroup/memory"
    files = {
        **MEMINFO,
        "/proc/self/cgroup": "9:name=systemd:/\n4:memory:/docker/0123\n0::/\n",
        f"{mount}/memory.limit_in_bytes": "300000\n",
        f"{mount}/memory.usage_in_bytes": "100000\n",
        f"{mount}/memory.stat": "total_inactive_file 5000\n",
    }
    found = free_memory(tree(tmp_path, files))
    assert found is not None
    assert (found.bytes, found.why) == (205000, f"the memory limit of {mount}")


def test_version_1_without_a_limit_is_no_limit(tmp_path: Path) -> None:
    files = {
        **MEMINFO,
        "/proc/self/cgroup": "4:memory:/\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes": "100000\n",
    }
    found = free_memory(tree(tmp_path, files))
    assert found is not None
    assert found.why == "MemAvailable"


def test_an_overdrawn_group_has_nothing_left(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "0::/\n",
        "/sys/fs/cgroup/memory.max": "100\n",
        "/sys/fs/cgroup/memory.current": "200\n",
    }
    found = free_memory(tree(tmp_path, files))
    assert found is not None
    assert found.bytes == 0


@pytest.fixture
def limited() -> Iterator[Path]:
    """A real control group of version 1; skips where none can be made."""
    group = Path("/sys/fs/cgroup/memory") / f"edgeai-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory control group can be made here: {error.strerror}")
    try:
        yield group
    finally:
        group.rmdir()


def test_a_real_group_is_seen_from_inside(limited: Path) -> None:
    (limited / "memory.limit_in_bytes").write_text("100000000")
    script = (
        f"import os, pathlib; pathlib.Path({str(limited)!r}, 'cgroup.procs').write_text(str(os.getpid()))\n"
        "from edgeai.device.free_memory import free_memory\n"
        "found = free_memory(); print(found.bytes, found.why)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    left, _, why = done.stdout.strip().partition(" ")
    assert why == f"the memory limit of {limited}"
    assert 50_000_000 < int(left) <= 100_000_000
