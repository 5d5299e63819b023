"""A limit to this process's memory, as a small board has it: a control group (v1 or v2), for root only."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edgeai.errors import ConfigError
from edgeai.measure.memory import read_memory
from edgeai.sysroot import SysRoot

_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class _Files:
    """What the two versions call the same thing."""

    limit: str
    usage: str


_NAMES = {
    1: _Files("memory.limit_in_bytes", "memory.usage_in_bytes"),
    2: _Files("memory.max", "memory.current"),
}


@contextmanager
def memory_group() -> Iterator[str]:
    """A group of one's own; its processes must be gone before it is left. Raises ConfigError."""
    parent = _V1 if (_V1 / _NAMES[1].limit).exists() else _V2
    made = parent / f"edgeai-peers-{os.getpid()}"
    try:
        made.mkdir()
        if _files(made) is None:
            made.rmdir()
            raise PermissionError("it has no memory controller")
    except OSError as error:
        raise ConfigError(
            f"no memory limit can be set here: {parent}: {error.strerror or error}; run as root on a machine "
            "whose control groups have the memory controller"
        ) from error
    try:
        yield str(made)
    finally:
        for _ in range(50):  # the kernel takes a moment to let go of a process that ended
            with suppress(OSError):
                made.rmdir()
                break
            time.sleep(0.1)


def enter_group(group: str) -> None:
    """Move this process: pages from now on are charged to the group."""
    (Path(group) / "cgroup.procs").write_text(str(os.getpid()))


def limit_group(group: str, limit_bytes: int) -> None:
    """Let this process have so many bytes resident in all.

    Pages of libraries that were in the page cache before are charged to whoever read them first, so the group
    gets that much less: the limit holds for the resident set, not only for what is charged. Raises
    MemoryError where not even the libraries fit.
    """
    files = _files(Path(group))
    assert files is not None
    resident = read_memory(SysRoot()).resident_bytes or 0
    charged = int((Path(group) / files.usage).read_text())
    elsewhere = max(0, resident - charged)
    try:
        (Path(group) / files.limit).write_text(str(max(limit_bytes - elsewhere, 1 << 20)))
    except OSError as error:  # EBUSY: it holds more already than the kernel can take back
        raise MemoryError from error


def _files(group: Path) -> _Files | None:
    return next((names for names in _NAMES.values() if (group / names.limit).exists()), None)
