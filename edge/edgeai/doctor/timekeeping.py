"""What measures time here, and whether the date can be right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

from .finding import NOTE, WARNING, Finding, unknown
from .patient import Patient

_CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
_AVAILABLE = "/sys/devices/system/clocksource/clocksource0/available_clocksource"
# A read of these goes over a bus and takes microseconds; jiffies move once a tick, 1 to 10 ms
# (kernel, Documentation/timers/timekeeping.rst).
_SLOW = ("hpet", "acpi_pm", "pit")
_COARSE = ("jiffies", "refined-jiffies")
# A nanosecond clock is what all timing here takes for granted.
_COARSEST_S = 1e-6
# This check was written then: a clock that shows an earlier time is wrong.
_WRITTEN_S = 1_796_000_000  # 2026-11-30
_TIMESYNC = "/run/systemd/timesync"


def clock(patient: Patient) -> Iterator[Finding]:
    """The clock source, and the monotonic clock itself."""
    yield from _source(patient)
    if patient.runs_here:
        yield from _monotonic()


def date(patient: Patient) -> Iterator[Finding]:
    """A date that cannot be right, and a time that nobody has set since boot."""
    root = patient.root
    if patient.now_s is not None and patient.now_s < _WRITTEN_S:
        year = time.gmtime(patient.now_s).tm_year
        yield Finding(
            WARNING,
            f"the date is in the past: this machine takes it for {year}",
            "TLS certificates are refused, and times in reports and logs are wrong",
            "sudo timedatectl set-ntp true (a board without a clock chip needs the network after each boot)",
        )
    elif root.exists(_TIMESYNC) and not root.exists(f"{_TIMESYNC}/synchronized"):
        yield Finding(
            NOTE,
            "the time is not synchronised yet (systemd-timesyncd has reached no server since boot)",
            "times in reports and logs may be wrong; latencies are not, they use the monotonic clock",
            "timedatectl timesync-status",
        )


def _source(patient: Patient) -> Iterator[Finding]:
    root = patient.root
    source = root.read_text(_CLOCKSOURCE)
    if source is None:
        yield unknown(
            "which clock source the kernel uses cannot be read (under /sys/devices/system/clocksource)",
            "mount /sys",
            "a coarse or slow one distorts short latencies",
        )
    elif source in _COARSE + _SLOW:
        better = [
            name for name in (root.read_text(_AVAILABLE) or "").split() if name not in (*_COARSE, *_SLOW)
        ]
        how = "moves only once a tick" if source in _COARSE else "takes microseconds to read"
        yield Finding(
            WARNING,
            f"the kernel's clock source is {source}, which {how}",
            "latencies below a millisecond are distorted by it",
            f"echo {better[0]} | sudo tee {_CLOCKSOURCE}"
            if better
            else "look for why in the kernel's log: sudo dmesg | grep -i clocksource",
        )


def _monotonic() -> Iterator[Finding]:
    resolution_s = time.get_clock_info("perf_counter").resolution
    reads = [time.perf_counter_ns() for _ in range(1000)]
    if any(after < before for before, after in pairwise(reads)):
        yield Finding(
            WARNING,
            "the monotonic clock went backwards",
            "every latency measured here may be wrong",
            "look at the kernel's log: sudo dmesg | grep -i -e tsc -e clocksource",
        )
    if resolution_s > _COARSEST_S:
        yield Finding(
            WARNING,
            f"the monotonic clock moves in steps of {resolution_s * 1e6:.0f} µs",
            "latencies cannot be told apart below that",
            "use a kernel with high-resolution timers (CONFIG_HIGH_RES_TIMERS)",
        )
