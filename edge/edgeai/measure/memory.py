"""RAM of this process as the kernel counts it, with a peak that can be reset between phases.

Never ru_maxrss, which a child inherits from its parent, nor VmPeak, which is address space.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

from ..sysroot import SysRoot

_KIB = 1024


@dataclass(frozen=True)
class Memory:
    """Bytes; None where the kernel does not say.

    peak_bytes: VmHWM, the highest resident set since the last reset. It counts mapped weights, which the
        kernel can take back; anonymous_bytes (RssAnon) it cannot.
    pss_bytes: proportional set size: shared pages divided by their users.
    """

    peak_bytes: int | None
    resident_bytes: int | None
    anonymous_bytes: int | None
    file_bytes: int | None
    shared_bytes: int | None
    swap_bytes: int | None
    pss_bytes: int | None


def read_memory(root: SysRoot) -> Memory:
    """Read /proc/self/status and smaps_rollup; the peak first, before reading itself can raise it."""
    status = root.read_fields("/proc/self/status")
    rollup = root.read_fields("/proc/self/smaps_rollup")
    return Memory(
        peak_bytes=_kib(status.get("VmHWM")),
        resident_bytes=_kib(status.get("VmRSS")),
        anonymous_bytes=_kib(status.get("RssAnon")),
        file_bytes=_kib(status.get("RssFile")),
        shared_bytes=_kib(status.get("RssShmem")),
        swap_bytes=_kib(status.get("VmSwap")),
        pss_bytes=_kib(rollup.get("Pss")),
    )


def read_anonymous(root: SysRoot) -> int | None:
    """RssAnon alone, which takes a tenth of a millisecond; bytes."""
    return _kib(root.read_fields("/proc/self/status").get("RssAnon"))


def reset_peak(root: SysRoot) -> bool:
    """Set VmHWM back to the present resident set; needs no privilege. False where the kernel refuses."""
    return root.write_text("/proc/self/clear_refs", "5")


def read_disk_bytes(root: SysRoot) -> int | None:
    """Bytes that this process has caused to be fetched from storage (page-cache hits do not count)."""
    value = root.read_fields("/proc/self/io").get("read_bytes", "")
    return int(value) if value.isdecimal() else None


def limit_to_machine(root: SysRoot) -> None:
    """Refuse this process more memory than the machine has at all, swap included.

    A damaged model that asks for it then fails with a message, where it would push everything else on a small
    board out of RAM first and be killed then. Not what is available now: libraries reserve more than they
    touch. Not where NVIDIA's driver is: CUDA reserves address space at will.
    """
    if root.exists("/dev/nvidiactl") or root.exists("/dev/nvmap"):
        return
    machine, own = root.read_fields("/proc/meminfo"), root.read_fields("/proc/self/status")
    parts = [_kib(machine.get("MemTotal")), _kib(machine.get("SwapTotal")), _kib(own.get("VmData"))]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    # RLIMIT_DATA counts private writable pages only (Linux 4.7): a mapped model file takes none of it.
    limits = [limit for limit in (sum(known), soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))


def _kib(field: str | None) -> int | None:
    """`1234 kB` of procfs, which means KiB, in bytes."""
    number = (field or "").split(" ")[0]
    return int(number) * _KIB if number.isdecimal() else None
