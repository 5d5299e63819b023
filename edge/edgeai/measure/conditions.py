"""The state of the machine beside a measurement: clocks, temperatures, throttling, load of others."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from ..device.cpu_times import ALL, cpu_times
from ..power.mailbox import open_mailbox
from ..sysroot import SysRoot, whole_number

# Meaning of the low bits of the Pi firmware's get_throttled; bits 16..19 latch the same since boot.
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_PI_NOW = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
_PI_LATCH_SHIFT = 16
# A thermal zone that is off line on Jetson reads -256 °C; nothing real is colder than this.
_COLDEST_C = -50.0
# Types of cooling devices that slow a clock down, in lower case. The kernel's own: thermal-cpufreq-0 and
# thermal-devfreq-0 up to 5.12, then cpufreq-cpu0 and devfreq-17000000.gpu; ACPI: Processor; Jetson:
# cpu-throttle-alert. Not fans, nor what slows nothing down: `TCC Offset` (never 0), `hot-surface-alert`.
_SLOWS_A_CLOCK = re.compile(r"(thermal-)?(cpufreq|devfreq)-|processor|.*[cg]pu.*throttle")


@dataclass(frozen=True)
class Throttling:
    """One look at throttling alone. counts: monotonic counters by name; now: what is in force, by name."""

    counts: dict[str, int]
    now: tuple[str, ...]


@dataclass(frozen=True)
class Conditions:
    """One look at the machine. None or an empty mapping where it does not say.

    throttle_counts: monotonic counters of throttle events by name.
    throttle_now: throttling in force at this moment, by name.
    cpu_busy_s, cpu_stolen_s: of all CPUs together since boot. own_cpu_s: of this process.
    cgroup_throttled_s: summed over the process's control group and all those above it.
    """

    time_s: float
    frequencies_hz: tuple[int | None, ...]
    governors: tuple[str, ...]
    temperatures_c: dict[str, float]
    load_1min: float | None
    memory_available_bytes: int | None
    swap_used_bytes: int | None
    zram: bool
    throttle_counts: dict[str, int]
    throttle_now: tuple[str, ...]
    cpu_busy_s: float | None
    cpu_stolen_s: float | None
    own_cpu_s: float
    cgroup_throttled_s: float | None
    power_mode: str | None
    clocks_pinned: bool | None


@dataclass(frozen=True)
class Change:
    """What happened between two looks.

    foreign_load: CPUs that other processes kept busy on average. stolen_share: of the time in which the CPUs
    had work, the share that the hypervisor gave to others. cgroup_throttled_s: above 0 exactly if a quota
    held the process's group back, its own or one above; an upper bound, as several may do so at once.
    slowest_clock_share: frequency after over before, of the core that lost most.
    """

    throttle_events: dict[str, int]
    foreign_load: float | None
    stolen_share: float | None
    cgroup_throttled_s: float | None
    slowest_clock_share: float | None = None


def read_conditions(root: SysRoot) -> Conditions:
    """Look once; takes a few milliseconds and needs no privilege."""
    busy_s, stolen_s = _cpu_times(root)
    memory = root.read_fields("/proc/meminfo")
    throttling = read_throttling(root)
    load = (root.read_text("/proc/loadavg") or "").split(" ")[0]
    return Conditions(
        time_s=time.monotonic(),
        frequencies_hz=_frequencies(root),
        governors=read_governors(root),
        temperatures_c=read_temperatures(root),
        load_1min=float(load) if load else None,
        memory_available_bytes=_kib(memory, "MemAvailable"),
        swap_used_bytes=swap_used(memory),
        zram=read_zram(root),
        throttle_counts=throttling.counts,
        throttle_now=throttling.now,
        cpu_busy_s=busy_s,
        cpu_stolen_s=stolen_s,
        own_cpu_s=time.process_time(),
        cgroup_throttled_s=_cgroup_throttled(root),
        power_mode=read_power_mode(root),
        clocks_pinned=read_clocks_pinned(root),
    )


def read_throttling(root: SysRoot) -> Throttling:
    """The part of a look that is cheap enough to take between timed calls.

    Pi firmware, Jetson soctherm, x86 thermal_throttle, and the cooling devices of any board.
    """
    counts = _thermal_throttle_counts(root)
    now: list[str] = []
    for hwmon in root.glob("/sys/class/hwmon/hwmon*"):
        chip = root.read_text(f"{hwmon}/name")
        if chip == "soctherm_oc":
            for path in root.glob(f"{hwmon}/oc*_event_cnt"):
                value = root.read_int(path)
                if value is not None:
                    counts[f"over-current or under-voltage ({path.rsplit('/', 1)[1][:3]})"] = value
        # The Pi's driver asks the firmware every 2 s; mainline kernels offer this and no get_throttled.
        if chip == "rpi_volt" and root.read_int(f"{hwmon}/in0_lcrit_alarm"):
            now.append(_PI_NOW[0])
    flags = _pi_throttled(root)
    if flags is not None:
        for bit, name in _PI_NOW.items():
            counts[f"{name} since boot"] = flags >> (bit + _PI_LATCH_SHIFT) & 1
            if flags >> bit & 1:
                now.append(name)
    now.extend(_clocks_limited(root))
    return Throttling(counts, tuple(dict.fromkeys(now)))


def change_between(before: Conditions, after: Conditions, seen: Iterable[tuple[str, ...]] = ()) -> Change:
    """What happened between two looks of one process. seen: what was in force at looks in between."""
    wall_s = max(after.time_s - before.time_s, 1e-9)
    busy = _difference(before.cpu_busy_s, after.cpu_busy_s)
    own_s = after.own_cpu_s - before.own_cpu_s
    # A counter that only the second look could read counts since boot: no event of this window.
    events = {
        name: count - before.throttle_counts[name]
        for name, count in after.throttle_counts.items()
        if count > before.throttle_counts.get(name, count)
    }
    # The Pi latches a bit at the first event since boot; one that is in force now is an event again.
    for now in (before.throttle_now, *seen, after.throttle_now):
        events.update(dict.fromkeys(now, 1))
    return Change(
        throttle_events=events,
        foreign_load=None if busy is None else max(0.0, (busy - own_s) / wall_s),
        stolen_share=_stolen_share(busy, _difference(before.cpu_stolen_s, after.cpu_stolen_s)),
        cgroup_throttled_s=_difference(before.cgroup_throttled_s, after.cgroup_throttled_s),
        slowest_clock_share=_slowest_clock_share(before.frequencies_hz, after.frequencies_hz),
    )


def _stolen_share(busy_s: float | None, stolen_s: float | None) -> float | None:
    """Of busy and stolen time only: nothing is stolen from an idle CPU, so idle ones would dilute it."""
    if busy_s is None or stolen_s is None or busy_s + stolen_s <= 0:
        return None
    return stolen_s / (busy_s + stolen_s)


def _slowest_clock_share(before: tuple[int | None, ...], after: tuple[int | None, ...]) -> float | None:
    if len(before) != len(after):  # a core came or went, so which is which is unknown
        return None
    return min((new / old for old, new in zip(before, after, strict=True) if old and new), default=None)


def _frequencies(root: SysRoot) -> tuple[int | None, ...]:
    """Hz per core, in the order of the cores' numbers."""
    return tuple(
        None if khz is None else khz * 1000
        for khz in (root.read_int(path) for path in _cpufreq(root, "scaling_cur_freq"))
    )


def _cpufreq(root: SysRoot, name: str) -> list[str]:
    paths = root.glob(f"/sys/devices/system/cpu/cpu[0-9]*/cpufreq/{name}")
    return sorted(paths, key=lambda path: int(path.split("/")[5].removeprefix("cpu")))


def read_governors(root: SysRoot) -> tuple[str, ...]:
    """Those in use, sorted; empty where the kernel scales no clocks or does not show it."""
    return tuple(sorted({root.read_text(path) or "" for path in _cpufreq(root, "scaling_governor")} - {""}))


def read_clocks_pinned(root: SysRoot) -> bool | None:
    """Whether every core's lowest clock is its highest; None where that cannot be read."""
    lows = [root.read_int(path) for path in _cpufreq(root, "scaling_min_freq")]
    highs = [root.read_int(path) for path in _cpufreq(root, "scaling_max_freq")]
    return lows == highs if lows and None not in lows else None


def read_temperatures(root: SysRoot) -> dict[str, float]:
    """Degrees Celsius by the name of the zone; without those that are off line."""
    found: dict[str, float] = {}
    for zone in root.glob("/sys/class/thermal/thermal_zone*"):
        milli = root.read_int(f"{zone}/temp")
        zone_id = zone.rsplit("/", 1)[1]
        name = root.read_text(f"{zone}/type") or zone_id
        if name in found:  # x86 calls several zones `acpitz`
            name = f"{name} ({zone_id})"
        if milli is not None and milli / 1000 > _COLDEST_C:
            found[name] = milli / 1000
    return found


def _clocks_limited(root: SysRoot) -> list[str]:
    """Cooling devices that hold the clock of a CPU, GPU or NPU down at this moment."""
    limited: list[str] = []
    for device in root.glob("/sys/class/thermal/cooling_device*"):
        kind = root.read_text(f"{device}/type") or ""
        if _SLOWS_A_CLOCK.match(kind.lower()) and (root.read_int(f"{device}/cur_state") or 0) > 0:
            limited.append(f"clock limited by heat ({kind})")
    return limited


def _thermal_throttle_counts(root: SysRoot) -> dict[str, int]:
    """x86's events by kind, summed over cores and packages.

    Threads of a core show the same events, as do all cores of a package: each owner counts once.
    """
    owners: dict[tuple[str, str | None, str | None], int] = {}
    for path in root.glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count"):
        cpu, _, file = path.partition("/thermal_throttle/")
        kind, value = file.removesuffix("_throttle_count"), root.read_int(path)
        package = root.read_text(f"{cpu}/topology/physical_package_id")
        core = None if kind == "package" else root.read_text(f"{cpu}/topology/core_id") or cpu
        if value is not None:
            owners[kind, package, core] = max(owners.get((kind, package, core), 0), value)
    counts: dict[str, int] = {}
    for (kind, _, _), value in owners.items():
        name = f"thermal throttling of the {kind}"
        counts[name] = counts.get(name, 0) + value
    return counts


def _pi_throttled(root: SysRoot) -> int | None:
    """The firmware's flags: hex with or without 0x, or `throttled=0x50000`.

    From sysfs, else from the firmware itself: the question is one call, opens nothing else and clears no bit.
    """
    # soc/soc:firmware up to the Pi 4; the name carries the bus address on a Pi 5.
    paths = root.glob("/sys/devices/platform/soc*/soc*firmware/get_throttled")
    text = next(filter(None, map(root.read_text, paths)), None)
    if text is None:
        try:
            with open_mailbox(root) as mailbox:
                text = mailbox.ask("get_throttled").strip()
        except OSError:
            return None
    try:
        return int(text.removeprefix("throttled="), 16)
    except ValueError:
        return None


def _cpu_times(root: SysRoot) -> tuple[float | None, float | None]:
    """Busy and stolen seconds of all CPUs since boot."""
    times = cpu_times(root).get(ALL)
    return (None, None) if times is None else (times.busy_s, times.stolen_s)


def _cgroup_throttled(root: SysRoot) -> float | None:
    """Seconds for which CPU quotas held back this process's control group and those above it; v2 or v1.

    Summed over the groups, each of which only counts up: the sum grows exactly if one of them is held back.
    Groups held back at the same time count each, as do the CPUs of one group: an upper bound.
    """
    for line in (root.read_text("/proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mount, key, unit_s = "/sys/fs/cgroup", "throttled_usec", 1e-6
        elif "cpu" in controllers.split(","):
            mount, key, unit_s = f"/sys/fs/cgroup/{controllers}", "throttled_time", 1e-9
        else:
            continue
        # A v1 container is told its path on the host, but mounts its own group at the top.
        groups = accumulate(filter(None, path.split("/")), "{}/{}".format, initial=mount)
        counts = [count for group in groups if (count := _cpu_stat(root, group, key)) is not None]
        if counts:
            return sum(counts) * unit_s
    return None


def _cpu_stat(root: SysRoot, group: str, key: str) -> int | None:
    for line in (root.read_text(f"{group}/cpu.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return None


def read_power_mode(root: SysRoot) -> str | None:
    """nvpmodel's mode without root: `pmode:0002` of its status file, which may go on with ` fmode:quiet`."""
    found = re.search(r"pmode:(\w+)", root.read_text("/var/lib/nvpmodel/status") or "")
    return f"nvpmodel {found[1]}" if found else None


def read_zram(root: SysRoot) -> bool:
    """Whether compressed RAM serves as swap."""
    return bool(root.glob("/sys/block/zram*")) and "zram" in (root.read_text("/proc/swaps") or "")


def swap_used(memory: dict[str, str]) -> int | None:
    """Bytes in swap, from the fields of /proc/meminfo."""
    total, free = _kib(memory, "SwapTotal"), _kib(memory, "SwapFree")
    return None if total is None or free is None else total - free


def _kib(fields: dict[str, str], key: str) -> int | None:
    number = whole_number(fields.get(key, "").split(" ")[0])
    return None if number is None else number * 1024


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
