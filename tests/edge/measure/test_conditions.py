"""The state of the machine, read from trees in the formats that real boards write."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeai.measure.conditions import Conditions, Throttling, change_between, read_conditions, read_throttling
from edgeai.sysroot import SysRoot

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU = "sys/devices/system/cpu"
BOARDS = Path(__file__).parents[2] / "boards"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def a_root(tmp_path: Path, files: dict[str, str]) -> SysRoot:
    for path, text in files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return SysRoot(tmp_path)


def read(tmp_path: Path, files: dict[str, str]) -> Conditions:
    return read_conditions(a_root(tmp_path, files))


def test_an_empty_root_tells_nothing_and_does_no_harm(tmp_path: Path) -> None:
    seen = read_conditions(SysRoot(tmp_path))
    assert replace(seen, time_s=0.0, own_cpu_s=0.0) == Conditions(
        time_s=0.0,
        frequencies_hz=(),
        governors=(),
        temperatures_c={},
        load_1min=None,
        memory_available_bytes=None,
        swap_used_bytes=None,
        zram=False,
        throttle_counts={},
        throttle_now=(),
        cpu_busy_s=None,
        cpu_stolen_s=None,
        own_cpu_s=0.0,
        cgroup_throttled_s=None,
        power_mode=None,
        clocks_pinned=None,
    )
    change = change_between(seen, seen)
    assert (change.throttle_events, change.foreign_load, change.stolen_share) == ({}, None, None)
    assert (change.cgroup_throttled_s, change.slowest_clock_share) == (None, None)
    assert read_throttling(SysRoot(tmp_path)) == Throttling({}, ())


def test_this_machine_can_be_read() -> None:
    seen = read_conditions(SysRoot())
    assert seen.time_s > 0
    assert seen.own_cpu_s > 0
    change = change_between(seen, read_conditions(SysRoot()))
    assert change.foreign_load is None or change.foreign_load >= 0


@pytest.mark.parametrize("board", sorted(path.name for path in BOARDS.iterdir() if path.is_dir()))
def test_every_captured_board_can_be_read(board: str) -> None:
    seen = read_conditions(SysRoot(BOARDS / board))
    assert all(-50 < celsius < 130 for celsius in seen.temperatures_c.values())
    assert "" not in seen.governors


# --- Raspberry Pi

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


@pytest.mark.parametrize("text", ["50005\n", "0x50005\n", "throttled=0x50005\n"])
def test_the_pis_flags_are_hexadecimal_with_or_without_a_prefix(tmp_path: Path, text: str) -> None:
    seen = read(tmp_path, {FIRMWARE: text})
    assert seen.throttle_now == ("under-voltage", "throttled")
    assert seen.throttle_counts == {
        "under-voltage since boot": 1,
        "frequency capped since boot": 0,
        "throttled since boot": 1,
        "soft temperature limit since boot": 0,
    }


def test_a_pi_5_keeps_its_flags_under_another_bus_address(tmp_path: Path) -> None:
    other = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"
    assert read(tmp_path, {other: "8\n"}).throttle_now == ("soft temperature limit",)


def test_flags_that_are_no_number_are_as_good_as_none(tmp_path: Path) -> None:
    seen = read(tmp_path, {FIRMWARE: "VCHI initialization failed\n"})
    assert (seen.throttle_counts, seen.throttle_now) == ({}, ())


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        ("0", "0", {}),
        ("50000", "50000", {}),  # latched since boot, before and after: no news
        ("50000", "d0000", {"soft temperature limit since boot": 1}),  # newly latched
        ("0", "10000", {"under-voltage since boot": 1}),
        ("0", "20002", {"frequency capped since boot": 1, "frequency capped": 1}),
        ("40004", "40004", {"throttled": 1}),  # latched long ago, but in force at both looks
        ("40004", "40000", {"throttled": 1}),  # in force when the window began
        ("10000", "0", {}),  # cleared by whoever reads it
    ],
)
def test_only_new_or_present_throttling_of_a_pi_is_an_event(
    tmp_path: Path, before: str, after: str, events: dict[str, int]
) -> None:
    first = read(tmp_path, {FIRMWARE: before})
    second = read(tmp_path, {FIRMWARE: after})
    assert change_between(first, second).throttle_events == events


MAILBOX = "dev/vcio_gencmd/get_throttled"


@pytest.mark.parametrize("text", ["throttled=0x50005\n", "throttled=50005\n", "0x50005", "50005"])
def test_without_a_file_of_flags_the_firmware_is_asked_itself(tmp_path: Path, text: str) -> None:
    seen = read(tmp_path, {MAILBOX: text})
    assert seen.throttle_now == ("under-voltage", "throttled")
    assert seen.throttle_counts["soft temperature limit since boot"] == 0


def test_latched_bits_of_the_firmware_are_no_news_and_new_ones_are(tmp_path: Path) -> None:
    first = read(tmp_path, {MAILBOX: "throttled=0x50000"})
    assert change_between(first, first).throttle_events == {}
    second = read(tmp_path, {MAILBOX: "throttled=0xd0008"})
    assert change_between(first, second).throttle_events == {
        "soft temperature limit since boot": 1,
        "soft temperature limit": 1,
    }


def test_the_file_of_flags_comes_before_the_firmware(tmp_path: Path) -> None:
    seen = read(tmp_path, {FIRMWARE: "8", MAILBOX: "throttled=0x1"})
    assert seen.throttle_now == ("soft temperature limit",)


@pytest.mark.parametrize("text", ["", 'error=1 error_msg="Command not registered"'])
def test_a_firmware_that_does_not_tell_its_flags_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    assert read_throttling(a_root(tmp_path, {MAILBOX: text})) == Throttling({}, ())


def test_a_pi_with_a_mainline_kernel_shows_under_voltage_as_an_alarm(tmp_path: Path) -> None:
    volt = "sys/class/hwmon/hwmon1"
    quiet = read(tmp_path, {f"{volt}/name": "rpi_volt\n", f"{volt}/in0_lcrit_alarm": "0\n"})
    assert quiet.throttle_now == ()
    alarm = read(tmp_path, {f"{volt}/in0_lcrit_alarm": "1\n"})
    assert alarm.throttle_now == ("under-voltage",)
    assert change_between(quiet, alarm).throttle_events == {"under-voltage": 1}
    both = read(tmp_path, {FIRMWARE: "50005"})
    assert both.throttle_now == ("under-voltage", "throttled")


# --- Jetson


def soctherm(*counts: int) -> dict[str, str]:
    hwmon = "sys/class/hwmon/hwmon3"
    files = {f"{hwmon}/oc{turn}_event_cnt": f"{count}\n" for turn, count in enumerate(counts, 1)}
    return files | {f"{hwmon}/name": "soctherm_oc\n", f"{hwmon}/oc1_throt_en": "1\n"}


def test_over_current_events_of_a_jetson_are_the_difference_of_its_counters(tmp_path: Path) -> None:
    before = read(tmp_path, soctherm(3, 0, 7))
    after = read(tmp_path, soctherm(3, 2, 12))
    assert change_between(before, after).throttle_events == {
        "over-current or under-voltage (oc2)": 2,
        "over-current or under-voltage (oc3)": 5,
    }


def test_a_counter_that_only_the_second_look_could_read_is_no_event(tmp_path: Path) -> None:
    before = read(tmp_path, {})
    after = read(tmp_path, soctherm(7, 0, 0))
    assert change_between(before, after).throttle_events == {}


@pytest.mark.parametrize("text", ["pmode:0002\n", "pmode:0002 fmode:quiet\n"])
def test_the_power_mode_of_a_jetson_is_read_without_root(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, {"var/lib/nvpmodel/status": text}).power_mode == "nvpmodel 0002"


def test_a_damaged_status_of_nvpmodel_gives_no_power_mode(tmp_path: Path) -> None:
    assert read(tmp_path, {"var/lib/nvpmodel/status": "\n"}).power_mode is None


def test_zones_that_are_off_line_or_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    thermal = "sys/class/thermal"
    root = a_root(
        tmp_path,
        {
            f"{thermal}/thermal_zone0/type": "cpu-thermal\n",
            f"{thermal}/thermal_zone0/temp": "48750\n",
            f"{thermal}/thermal_zone1/type": "gpu-thermal\n",
            f"{thermal}/thermal_zone1/temp": "-256000\n",
            f"{thermal}/thermal_zone2/type": "cv0-thermal\n",
            f"{thermal}/thermal_zone3/temp": "-12500\n",
        },
    )
    # A directory in its place cannot be read even by root, as a zone that answers EAGAIN.
    (tmp_path / f"{thermal}/thermal_zone2/temp").mkdir()
    assert read_conditions(root).temperatures_c == {"cpu-thermal": 48.75, "thermal_zone3": -12.5}


def test_two_zones_of_one_name_are_both_told(tmp_path: Path) -> None:
    zones = {f"sys/class/thermal/thermal_zone{turn}/type": "acpitz\n" for turn in (0, 1)}
    temps = {f"sys/class/thermal/thermal_zone{turn}/temp": f"{40 + turn}000\n" for turn in (0, 1)}
    assert read(tmp_path, zones | temps).temperatures_c == {"acpitz": 40.0, "acpitz (thermal_zone1)": 41.0}


# --- cooling devices


def cooling(*devices: tuple[str, str]) -> dict[str, str]:
    """Cooling devices by type and state, numbered from 0."""
    folder = "sys/class/thermal/cooling_device"
    files = {f"{folder}{turn}/type": f"{kind}\n" for turn, (kind, _) in enumerate(devices)}
    return files | {f"{folder}{turn}/cur_state": f"{state}\n" for turn, (_, state) in enumerate(devices)}


@pytest.mark.parametrize(
    "kind",
    [
        "thermal-cpufreq-0",  # RK3588 and i.MX8M Plus with their makers' kernels
        "thermal-devfreq-1",
        "cpufreq-cpu4",  # Linux 5.13 and later
        "devfreq-fb000000.gpu",
        "devfreq-gpu-gpc-0",  # Jetson Thor
        "cpu-throttle-alert",
        "gpu-throttle-alert",
        "Processor",  # ACPI
    ],
)
def test_a_cooling_device_that_slows_a_clock_is_throttling_while_it_is_not_0(
    tmp_path: Path, kind: str
) -> None:
    cool = read(tmp_path, cooling((kind, "0"), ("pwm-fan", "4")))
    assert cool.throttle_now == ()
    hot = read(tmp_path, cooling((kind, "3"), ("pwm-fan", "4")))
    assert (hot.throttle_counts, hot.throttle_now) == ({}, (f"clock limited by heat ({kind})",))
    for before, after in ((cool, hot), (hot, cool), (hot, hot)):
        assert change_between(before, after).throttle_events == {f"clock limited by heat ({kind})": 1}


@pytest.mark.parametrize(
    "kind",
    ["pwm-fan", "gpio-fan", "Fan", "cpu-fan", "TCC Offset", "hot-surface-alert", "LCD", "iwlwifi_1", ""],
)
def test_fans_and_what_slows_nothing_down_are_no_throttling(tmp_path: Path, kind: str) -> None:
    assert read_throttling(a_root(tmp_path, cooling((kind, "2")))) == Throttling({}, ())


def test_a_state_that_is_missing_or_below_0_is_no_throttling(tmp_path: Path) -> None:
    files = cooling(("Processor", "-1"), ("cpufreq-cpu0", "<unsupported>"), ("cpufreq-cpu4", "1"))
    del files["sys/class/thermal/cooling_device2/cur_state"]
    assert read_throttling(a_root(tmp_path, files)).now == ()


def test_devices_of_one_type_are_named_once(tmp_path: Path) -> None:
    files = cooling(("Processor", "1"), ("Processor", "2"), ("cpufreq-cpu0", "1"))
    assert read_throttling(a_root(tmp_path, files)).now == (
        "clock limited by heat (Processor)",
        "clock limited by heat (cpufreq-cpu0)",
    )


def test_a_light_look_finds_what_a_full_one_does(tmp_path: Path) -> None:
    files = {FIRMWARE: "50005"} | x86([1, 2, 3, 4], [10, 20]) | cooling(("cpufreq-cpu0", "1"))
    seen = read(tmp_path, files)
    assert read_throttling(SysRoot(tmp_path)) == Throttling(seen.throttle_counts, seen.throttle_now)
    assert seen.throttle_now == ("under-voltage", "throttled", "clock limited by heat (cpufreq-cpu0)")


def test_throttling_that_only_looks_in_between_saw_is_an_event_of_count_1(tmp_path: Path) -> None:
    before = read(tmp_path, soctherm(3, 0, 7))
    after = read(tmp_path, soctherm(3, 2, 7))
    between = [(), ("throttled",), ("throttled", "frequency capped"), ()]
    assert change_between(before, after, iter(between)).throttle_events == {
        "over-current or under-voltage (oc2)": 2,
        "throttled": 1,
        "frequency capped": 1,
    }


# --- x86


def x86(cores: list[int], packages: list[int]) -> dict[str, str]:
    """Four CPUs of two packages with two cores each."""
    files: dict[str, str] = {}
    for cpu in range(4):
        folder = f"{CPU}/cpu{cpu}"
        files |= {
            f"{folder}/topology/physical_package_id": f"{cpu // 2}\n",
            f"{folder}/topology/core_id": f"{cpu % 2}\n",
            f"{folder}/thermal_throttle/core_throttle_count": f"{cores[cpu]}\n",
            f"{folder}/thermal_throttle/package_throttle_count": f"{packages[cpu // 2]}\n",
        }
    return files


def test_a_counter_that_the_cores_of_a_package_share_counts_once(tmp_path: Path) -> None:
    seen = read(tmp_path, x86([1, 2, 3, 4], [10, 20]))
    assert seen.throttle_counts == {
        "thermal throttling of the core": 10,
        "thermal throttling of the package": 30,
    }


def test_throttling_of_a_core_that_was_the_coolest_so_far_is_an_event(tmp_path: Path) -> None:
    before = read(tmp_path, x86([100, 2, 3, 4], [10, 20]))
    after = read(tmp_path, x86([100, 5, 3, 4], [11, 20]))
    assert change_between(before, after).throttle_events == {
        "thermal throttling of the core": 3,
        "thermal throttling of the package": 1,
    }


def test_threads_of_one_core_count_once(tmp_path: Path) -> None:
    files = x86([5, 5, 0, 0], [0, 0])
    files[f"{CPU}/cpu1/topology/core_id"] = "0\n"
    assert read(tmp_path, files).throttle_counts["thermal throttling of the core"] == 5


def test_without_a_topology_each_cpu_is_a_core_and_all_are_one_package(tmp_path: Path) -> None:
    files = {path: text for path, text in x86([1, 2, 3, 4], [7, 7]).items() if "topology" not in path}
    assert read(tmp_path, files).throttle_counts == {
        "thermal throttling of the core": 10,
        "thermal throttling of the package": 7,
    }


# --- clocks


def test_frequencies_come_in_the_order_of_the_cores_numbers(tmp_path: Path) -> None:
    files = {f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq": f"{(cpu + 1) * 100_000}\n" for cpu in range(12)}
    assert read(tmp_path, files).frequencies_hz == tuple((cpu + 1) * 100_000_000 for cpu in range(12))


def test_a_core_that_is_off_line_has_no_frequency(tmp_path: Path) -> None:
    files = {f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1500000\n", f"{CPU}/cpu1/cpufreq/scaling_cur_freq": ""}
    assert read(tmp_path, files).frequencies_hz == (1_500_000_000, None)


def test_each_governor_is_named_once(tmp_path: Path) -> None:
    governors = ["schedutil", "performance", "schedutil", ""]
    files = {f"{CPU}/cpu{cpu}/cpufreq/scaling_governor": f"{name}\n" for cpu, name in enumerate(governors)}
    assert read(tmp_path, files).governors == ("performance", "schedutil")


def test_clocks_are_pinned_where_the_lowest_is_the_highest(tmp_path: Path) -> None:
    files = {f"{CPU}/cpu{cpu}/cpufreq/scaling_max_freq": "2400000\n" for cpu in (0, 1)}
    files |= {f"{CPU}/cpu{cpu}/cpufreq/scaling_min_freq": "2400000\n" for cpu in (0, 1)}
    assert read(tmp_path, files).clocks_pinned is True
    files[f"{CPU}/cpu1/cpufreq/scaling_min_freq"] = "600000\n"
    assert read(tmp_path, files).clocks_pinned is False
    files[f"{CPU}/cpu1/cpufreq/scaling_min_freq"] = "<unsupported>\n"
    assert read(tmp_path, files).clocks_pinned is None


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ((2_400, 1_800), (2_400, 1_800), 1.0),
        ((2_400, 1_800), (2_400, 900), 0.5),  # of its own core, not of the fastest
        ((2_000, 1_000), (2_500, 1_500), 1.25),  # all of them rose
        ((None, 1_000), (100, 800), 0.8),  # a core that was off line
        ((2_400, 1_000), (None, 800), 0.8),
        ((0, 1_000), (0, 800), 0.8),  # a driver that does not know says 0
        ((None,), (None,), None),
        ((), (), None),
        ((2_400, 2_400, 1_800), (2_400, 1_800), None),  # which one went is unknown
    ],
)
def test_the_slowest_clock_is_of_the_core_that_lost_most(
    tmp_path: Path, before: tuple[int | None, ...], after: tuple[int | None, ...], share: float | None
) -> None:
    empty = read(tmp_path, {})
    change = change_between(replace(empty, frequencies_hz=before), replace(empty, frequencies_hz=after))
    assert change.slowest_clock_share == share


# --- load of others


def stat(user: int, idle: int, steal: int, guest: int = 0) -> dict[str, str]:
    """/proc/stat: user nice system idle iowait irq softirq steal guest guest_nice, in ticks."""
    return {"proc/stat": f"cpu  {user} 20 30 {idle} 9999 5 6 {steal} {guest} 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n"}


def test_busy_time_counts_neither_idle_nor_steal_nor_a_guest_twice(tmp_path: Path) -> None:
    seen = read(tmp_path, stat(user=1000, idle=5000, steal=70, guest=400))
    assert seen.cpu_busy_s == pytest.approx((1000 + 20 + 30 + 5 + 6) * TICK_S)
    assert seen.cpu_stolen_s == pytest.approx(70 * TICK_S)


@pytest.mark.parametrize("text", ["", "cpu  1 2 3 4\n", "intr 1 2 3 4 5 6 7 8 9 10\n"])
def test_a_stat_file_of_another_form_says_nothing(tmp_path: Path, text: str) -> None:
    seen = read(tmp_path, {"proc/stat": text})
    assert (seen.cpu_busy_s, seen.cpu_stolen_s) == (None, None)


def test_foreign_load_is_what_others_kept_busy_and_stolen_share_is_of_the_time_with_work(
    tmp_path: Path,
) -> None:
    empty = read(tmp_path, {})
    before = replace(empty, time_s=100.0, cpu_busy_s=1000.0, cpu_stolen_s=10.0, own_cpu_s=2.0)
    after = replace(empty, time_s=110.0, cpu_busy_s=1020.0, cpu_stolen_s=14.0, own_cpu_s=17.0)
    change = change_between(before, after)
    assert change.foreign_load == pytest.approx((20 - 15) / 10)
    assert change.stolen_share == pytest.approx(4 / (20 + 4))  # however many CPUs were idle beside it


def test_nothing_is_stolen_from_cpus_that_were_busy_all_the_time(tmp_path: Path) -> None:
    before = replace(read(tmp_path, {}), cpu_busy_s=1000.0, cpu_stolen_s=10.0)
    assert change_between(before, replace(before, cpu_busy_s=1001.0)).stolen_share == 0
    assert change_between(before, replace(before, cpu_stolen_s=None)).stolen_share is None


def test_foreign_load_is_never_negative_though_ticks_are_coarse(tmp_path: Path) -> None:
    empty = read(tmp_path, {})
    before = replace(empty, time_s=0.0, cpu_busy_s=0.0, own_cpu_s=0.0)
    after = replace(empty, time_s=1.0, cpu_busy_s=0.99, own_cpu_s=1.0)
    assert change_between(before, after).foreign_load == 0


def test_two_looks_at_one_time_divide_by_nothing(tmp_path: Path) -> None:
    seen = replace(read(tmp_path, {}), cpu_busy_s=1.0, cpu_stolen_s=0.0)
    change = change_between(seen, seen)
    assert (change.foreign_load, change.stolen_share) == (0, None)


# --- control groups


def test_a_quotas_throttling_is_read_in_microseconds_from_version_2(tmp_path: Path) -> None:
    stat_v2 = "usage_usec 99\nnr_periods 8\nnr_throttled 3\nthrottled_usec 1250000\n"
    files = {
        "proc/self/cgroup": "0::/user.slice/bench.scope\n",
        "sys/fs/cgroup/user.slice/bench.scope/cpu.stat": stat_v2,
    }
    assert read(tmp_path, files).cgroup_throttled_s == 1.25


def test_a_container_of_version_2_sees_itself_at_the_top(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.stat": "throttled_usec 500000\n"}
    assert read(tmp_path, files).cgroup_throttled_s == 0.5


V1 = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/system.slice\n"
V1_STAT = "nr_periods 10\nnr_throttled 2\nthrottled_time 1500000000\n"


@pytest.mark.parametrize(
    "folder",
    [
        "sys/fs/cgroup/cpu,cpuacct/docker/abc",  # on the host
        "sys/fs/cgroup/cpu,cpuacct",  # inside the container, which is told its path on the host
    ],
)
def test_a_quotas_throttling_is_read_in_nanoseconds_from_version_1(tmp_path: Path, folder: str) -> None:
    files = {"proc/self/cgroup": V1, f"{folder}/cpu.stat": V1_STAT}
    assert read(tmp_path, files).cgroup_throttled_s == 1.5


def test_a_group_without_a_quota_tells_of_no_throttling(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.stat": "usage_usec 99\n"}
    assert read(tmp_path, files).cgroup_throttled_s is None


def test_a_quota_on_a_group_above_is_seen_in_version_2(tmp_path: Path) -> None:
    groups = "sys/fs/cgroup/kubepods.slice/pod.slice"
    files = {
        "proc/self/cgroup": "0::/kubepods.slice/pod.slice/bench.scope\n",
        f"{groups}/bench.scope/cpu.stat": "usage_usec 99\nthrottled_usec 250000\n",
        f"{groups}/cpu.stat": "usage_usec 99\nthrottled_usec 1000000\n",
        "sys/fs/cgroup/kubepods.slice/cpu.stat": "usage_usec 99\n",  # without a quota of its own
        "sys/fs/cgroup/cpu.stat": "usage_usec 99\n",
        "sys/fs/cgroup/kubepods.slice/other.slice/cpu.stat": "throttled_usec 7000000\n",
    }
    before = read(tmp_path, files)
    assert before.cgroup_throttled_s == 1.25
    after = read(tmp_path, {f"{groups}/cpu.stat": "throttled_usec 1500000\n"})
    assert change_between(before, after).cgroup_throttled_s == 0.5


def test_a_quota_on_a_group_above_is_seen_in_version_1(tmp_path: Path) -> None:
    mount = "sys/fs/cgroup/cpu,cpuacct"
    files = {
        "proc/self/cgroup": V1,
        f"{mount}/docker/abc/cpu.stat": V1_STAT,
        f"{mount}/docker/cpu.stat": V1_STAT,
    }
    files[f"{mount}/cpu.stat"] = "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n"
    assert read(tmp_path, files).cgroup_throttled_s == 3.0


@pytest.fixture
def group_below_a_quota() -> Iterator[Path]:
    """A control group without a quota, in one that may use a tenth of a CPU. Both are new."""
    mounts = [Path("/sys/fs/cgroup/cpu,cpuacct"), Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")]
    mount = next((mount for mount in mounts if (mount / "cgroup.procs").exists()), None)
    if mount is None:
        pytest.skip("this machine mounts no control groups of the CPU")
    parent = mount / f"edgeai-test-{os.getpid()}"
    child = parent / "child"
    try:
        try:
            child.mkdir(parents=True)
            if mount.name == "cgroup":
                (parent / "cpu.max").write_text("10000 100000")
            else:
                (parent / "cpu.cfs_quota_us").write_text("10000")
        except OSError as error:
            pytest.skip(f"no control group with a CPU quota can be made here: {error}")
        yield child
    finally:
        for group in (child, parent):
            for _ in range(50):  # busy until the kernel is done with a process that ended
                with suppress(OSError):
                    group.rmdir()
                if not group.exists():
                    break
                time.sleep(0.02)


def test_a_process_below_a_real_quota_sees_that_it_was_held_back(group_below_a_quota: Path) -> None:
    program = f"""
import os, time
from pathlib import Path
from edgeai.measure.conditions import change_between, read_conditions
from edgeai.sysroot import SysRoot
Path({str(group_below_a_quota / "cgroup.procs")!r}).write_text(str(os.getpid()))
before = read_conditions(SysRoot())
end = time.monotonic() + 0.7
while time.monotonic() < end:
    pass
print(change_between(before, read_conditions(SysRoot())).cgroup_throttled_s)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    # A tenth of a CPU lets it run for 10 ms of every 100 ms.
    assert 0.3 < float(done.stdout) < 2.0


def test_time_held_back_is_the_difference_of_two_looks(tmp_path: Path) -> None:
    seen = read(tmp_path, {})
    before, after = replace(seen, cgroup_throttled_s=1.25), replace(seen, cgroup_throttled_s=1.75)
    assert change_between(before, after).cgroup_throttled_s == 0.5
    assert change_between(seen, after).cgroup_throttled_s is None


# --- memory

MEMINFO = """\
MemTotal:        8245388 kB
MemAvailable:    7000000 kB
SwapTotal:        102396 kB
SwapFree:         100348 kB
"""
SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


def test_used_swap_is_its_total_less_what_is_free(tmp_path: Path) -> None:
    seen = read(tmp_path, {"proc/meminfo": MEMINFO, "proc/loadavg": "0.52 0.58 0.59 1/189 4242\n"})
    assert seen.swap_used_bytes == 2048 * 1024
    assert seen.memory_available_bytes == 7_000_000 * 1024
    assert seen.load_1min == 0.52


def test_zram_counts_where_it_is_swapped_to(tmp_path: Path) -> None:
    device = {"sys/block/zram0/disksize": "0\n"}
    assert not read(tmp_path, device | {"proc/swaps": SWAPS}).zram
    assert read(tmp_path, {"proc/swaps": SWAPS + "/dev/zram0  partition\t2097136\t0\t100\n"}).zram
