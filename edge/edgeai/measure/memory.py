"""RAM of this process as the kernel counts it, with a peak that can be reset between phases.

Never ru_maxrss, which a child inherits from its parent, nor VmPeak, which is address space.
"""

from __future__ import annotations

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


def reset_peak(root: SysRoot) -> bool:
    """Set VmHWM back to the present resident set; needs no privilege. False where the kernel refuses."""
    return root.write_text("/proc/self/clear_refs", "5")


def read_disk_bytes(root: SysRoot) -> int | None:
    """Bytes that this process has caused to be fetched from storage (page-cache hits do not count)."""
    value = root.read_fields("/proc/self/io").get("read_bytes", "")
    return int(value) if value.isdecimal() else None


def _kib(field: str | None) -> int | None:
    """`1234 kB` of procfs, which means KiB, in bytes."""
    number = (field or "").split(" ")[0]
    return int(number) * _KIB if number.isdecimal() else None
