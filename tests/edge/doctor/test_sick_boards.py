"""Boards made sick on purpose: each check finds its illness, says how grave it is and what mends it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from edgeai.device import detect
from edgeai.device.warnings import cautions_of
from edgeai.doctor import Disk, examine, patient_here
from edgeai.doctor.board import CAUTIONS
from edgeai.doctor.clocks import power_modes
from edgeai.doctor.storage import mounts
from edgeai.sysroot import SysRoot
from tests.edge.doctor.patients import BOARDS, board, made_sick, only, write

PI_5_CPU = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
PERFORMANCE = {PI_5_CPU.format(core): "performance\n" for core in range(4)}


def throttled(name: str) -> str:
    """Where a board's get_throttled lies in its tree."""
    (path,) = (BOARDS / name).glob("sys/devices/platform/soc*/soc*firmware/get_throttled")
    return str(path.relative_to(BOARDS / name))


def test_a_healthy_board_gets_no_finding_that_can_be_looked_at(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-5", PERFORMANCE)
    found = [each for each in examine(patient) if each.check != "permissions"]
    assert {each.check for each in found} == {"owners", "wheel", "numpy", "backends", "accelerators"}
    assert {each.severity for each in found} == {"unknown"}


# --- supply and heat


def test_under_voltage_now_is_broken_and_latched_throttling_is_a_warning(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-5", {throttled("raspberry-pi-5"): "50001\n"})
    voltage, heat = only(patient, "under-voltage"), only(patient, "throttling")
    assert (voltage.severity, heat.severity) == ("broken", "warning")
    assert "at this moment" in voltage.what
    assert "5 V 5 A" in voltage.mend
    assert heat.what == "throttled since boot, and not now: throttled"


def test_throttled_0x50005_is_broken_twice(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-4", {throttled("raspberry-pi-4"): "throttled=0x50005\n"})
    assert only(patient, "under-voltage").severity == "broken"
    heat = only(patient, "throttling")
    assert (heat.severity, heat.what) == ("broken", "clocks are held down at this moment: throttled")


def test_latched_under_voltage_alone_is_a_warning_of_one_check(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-4", {throttled("raspberry-pi-4"): "10000\n"})
    assert only(patient, "under-voltage").severity == "warning"
    assert examine(patient, ["throttling"]) == ()


def test_the_alarm_of_a_mainline_kernel_counts_without_get_throttled(tmp_path: Path) -> None:
    alarm = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
    patient = made_sick(tmp_path, "raspberry-pi-5", {throttled("raspberry-pi-5"): None, alarm: "1\n"})
    shutil.rmtree(patient.root.path / "dev", ignore_errors=True)  # the firmware's mailbox tells it as well
    assert only(patient, "under-voltage").severity == "broken"
    write(patient.root.path, {alarm: "0\n"})
    assert examine(patient, ["under-voltage"]) == ()
    assert only(patient, "throttling").severity == "unknown"


def test_events_of_a_jetsons_supply_since_boot_are_a_warning(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "jetson-orin-nano", {"sys/class/hwmon/hwmon2/oc3_event_cnt": "7\n"})
    finding = only(patient, "under-voltage")
    assert finding.severity == "warning"
    assert finding.what.endswith("over-current or under-voltage (oc3) 7x")
    assert examine(patient, ["throttling"]) == ()


def test_a_cooling_device_that_holds_a_clock_down_is_broken(tmp_path: Path) -> None:
    device = "sys/class/thermal/cooling_device0"
    patient = made_sick(
        tmp_path, "rk3588", {f"{device}/type": "cpufreq-cpu4\n", f"{device}/cur_state": "3\n"}
    )
    assert only(patient, "throttling").severity == "broken"


ZONE = "sys/class/thermal/thermal_zone0"


@pytest.mark.parametrize(("milli", "is_near"), [(93_900, False), (94_100, True), (100_000, True)])
def test_a_zone_is_near_its_limit_within_five_degrees(tmp_path: Path, milli: int, is_near: bool) -> None:
    patient = made_sick(tmp_path, "jetson-orin-nano", {f"{ZONE}/temp": f"{milli}\n"})
    found = examine(patient, ["temperature"])
    assert [each.severity for each in found] == ["warning"] * is_near
    assert all("its limit is 99 °C" in each.what for each in found)


def test_trips_that_only_start_a_fan_are_no_limit(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-5", {f"{ZONE}/temp": "70000\n"})
    assert examine(patient, ["temperature"]) == ()


def test_without_trips_a_pi_is_judged_by_its_firmwares_limit(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-4", {f"{ZONE}/temp": "79000\n"})
    assert only(patient, "temperature").what == "cpu-thermal is at 79 °C, its limit is 80 °C"


def test_the_sensors_of_an_x86_cpu_carry_limits_of_their_own(tmp_path: Path) -> None:
    chip = "sys/class/hwmon/hwmon0"
    files = {f"{chip}/name": "coretemp", f"{chip}/temp1_input": "97000", f"{chip}/temp1_max": "100000"}
    patient = made_sick(tmp_path, "x86-64", {**files, f"{chip}/temp1_label": "Package id 0"})
    assert only(patient, "temperature").what == "coretemp Package id 0 is at 97 °C, its limit is 100 °C"


def test_a_fan_that_is_driven_and_stands_still_is_a_warning(tmp_path: Path) -> None:
    fan = "sys/class/hwmon/hwmon2"
    patient = made_sick(tmp_path, "raspberry-pi-5", {f"{fan}/fan1_input": "0", f"{fan}/pwm1": "128"})
    assert only(patient, "fan").severity == "warning"
    write(patient.root.path, {f"{fan}/pwm1": "0"})
    assert examine(patient, ["fan"]) == ()  # cool enough to do without


def test_a_pi_5_without_a_fan_gets_a_note_and_a_pi_500_does_not(tmp_path: Path) -> None:
    gone = dict.fromkeys(["sys/class/hwmon/hwmon2/fan1_input", "sys/class/hwmon/hwmon2/pwm1"])
    assert only(made_sick(tmp_path, "raspberry-pi-5", gone), "fan").severity == "note"
    assert examine(board("raspberry-pi-500"), ["fan"]) == ()


# --- clocks


@pytest.mark.parametrize(
    ("driver", "severity"),
    [
        ("acpi-cpufreq", "warning"),
        ("intel_pstate", "note"),
        ("amd-pstate-epp", "note"),
        ("amd-pstate", "warning"),
    ],
)
def test_powersave_is_grave_only_where_it_keeps_the_lowest_clock(
    tmp_path: Path, driver: str, severity: str
) -> None:
    path = "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver"
    finding = only(made_sick(tmp_path, "x86-64", {path: driver}), "governor")
    assert finding.severity == severity
    assert finding.mend.startswith("echo performance | sudo tee ")


@pytest.mark.parametrize(
    ("mode", "largest"), [("0000", "MAXN_SUPER"), ("0001", "MAXN_SUPER"), ("0002", None)]
)
def test_a_power_mode_below_the_largest_is_a_warning_with_the_command(
    tmp_path: Path, mode: str, largest: str | None
) -> None:
    status = {"var/lib/nvpmodel/status": f"NVPM WARN: fan mode is not set!\npmode:{mode} fmode:quiet\n"}
    patient = made_sick(tmp_path, "jetson-orin-nano-super", status)
    found = examine(patient, ["power-mode"])
    assert [each.mend for each in found] == ([] if largest is None else ["sudo nvpmodel -m 2"])
    assert all(str(largest) in each.what for each in found)


def test_modes_without_a_maxn_are_ordered_by_watts_and_then_by_cores(tmp_path: Path) -> None:
    conf = "\n".join(
        f"< POWER_MODEL ID={number} NAME={name} >"
        for number, name in enumerate(
            ["MODE_15W_2CORE", "MODE_20W_2CORE", "MODE_20W_6CORE", "MODE_10W_4CORE"]
        )
    )
    files = {"etc/nvpmodel.conf": f"NVPM WARN: x\n{conf}", "var/lib/nvpmodel/status": "pmode:0001"}
    patient = made_sick(tmp_path, "jetson-xavier-nx", files)
    assert power_modes(patient.root)[3] == "MODE_10W_4CORE"
    assert only(patient, "power-mode").mend == "sudo nvpmodel -m 2"


def test_a_mode_that_nobody_lists_and_a_missing_status_are_unknown(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "jetson-orin-nano", {"var/lib/nvpmodel/status": "pmode:0009"})
    assert only(patient, "power-mode").severity == "unknown"
    write(patient.root.path, {"var/lib/nvpmodel/status": None})
    assert "no /var/lib/nvpmodel/status" in only(patient, "power-mode").what


def test_pinned_clocks_of_a_jetson_are_no_finding() -> None:
    assert examine(board("jetson-orin-nano-super"), ["pinned-clocks"]) == ()
    assert only(board("jetson-agx-orin"), "pinned-clocks").mend == "sudo jetson_clocks"


# --- memory


def meminfo(name: str, total_kib: int, free_kib: int) -> dict[str, str | None]:
    text = (BOARDS / name / "proc/meminfo").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("Swap")]
    return {"proc/meminfo": "\n".join([*lines, f"SwapTotal: {total_kib} kB", f"SwapFree: {free_kib} kB", ""])}


@pytest.mark.parametrize(("used_kib", "severity"), [(200_000, "warning"), (1_000, "note")])
def test_swap_in_use_is_a_warning_from_a_hundredth_of_ram(
    tmp_path: Path, used_kib: int, severity: str
) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-4", meminfo("raspberry-pi-4", 524_272, 524_272 - used_kib))
    finding = only(patient, "swap")
    assert finding.severity == severity
    assert "swapoff -a" in finding.mend


def test_zram_is_named_in_use_and_empty(tmp_path: Path) -> None:
    swaps = "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0  partition  524272  0  100\n"
    files: dict[str, str | None] = {"proc/swaps": swaps, "sys/block/zram0/disksize": "536854528\n"}
    patient = made_sick(tmp_path, "raspberry-pi-5", files)
    assert (only(patient, "swap").severity, only(patient, "swap").what) == (
        "note",
        "zram is set up, and empty now",
    )
    write(patient.root.path, meminfo("raspberry-pi-5", 2_000_000, 1_000_000))
    assert only(patient, "swap").what == "1.02 GB are in zram (compressed RAM)"


def test_the_mend_of_a_pis_memory_cgroup_names_the_file_that_is_there(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-4", {"boot/cmdline.txt": "root=/dev/mmcblk0p2\n"})
    finding = only(patient, "memory-cgroup")
    assert finding.mend.startswith("sudo sed -i '1 s/$/ cgroup_enable=memory")
    assert " /boot/cmdline.txt && sudo reboot" in finding.mend
    write(patient.root.path, {"boot/firmware/cmdline.txt": ""})
    assert " /boot/firmware/cmdline.txt " in only(patient, "memory-cgroup").mend


@pytest.mark.parametrize(
    ("cmdline", "is_off"),
    [
        ("cgroup_disable=memory root=x", True),
        ("cgroup_disable=memory root=x cgroup_enable=memory", False),
    ],
)
def test_the_last_word_on_the_kernels_command_line_decides(
    tmp_path: Path, cmdline: str, is_off: bool
) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-zero-2-w", {"proc/cmdline": cmdline})
    assert only(patient, "memory-cgroup").severity == ("warning" if is_off else "unknown")


def test_cgroup_v2_without_the_memory_controller_is_found_on_a_pc(tmp_path: Path) -> None:
    files = {"proc/cgroups": None, "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n"}
    finding = only(made_sick(tmp_path, "x86-64", files), "memory-cgroup")
    assert (finding.severity, "/etc/default/grub" in finding.mend) == ("warning", True)


# --- the board


def test_every_caution_of_detection_has_a_severity_and_a_reason() -> None:
    source = Path(sys.modules[cautions_of.__module__].__file__ or "").read_text(encoding="utf-8")
    assert set(re.findall(r'yield Caution\(\s*"([a-z0-9-]+)"', source)) == set(CAUTIONS)


def test_cautions_of_all_boards_become_findings_without_loss() -> None:
    for name in sorted(path.name for path in BOARDS.iterdir() if path.is_dir()):
        found = examine(board(name), ["board", "userland", "dot-product"])
        cautions = detect(SysRoot(BOARDS / name)).cautions
        assert sorted(each.what for each in found) == sorted(caution.what for caution in cautions)


# --- time


@pytest.mark.parametrize(("source", "mend"), [("hpet", "echo tsc | sudo tee "), ("jiffies", "echo tsc ")])
def test_a_slow_or_coarse_clock_source_is_a_warning(tmp_path: Path, source: str, mend: str) -> None:
    path = "sys/devices/system/clocksource/clocksource0/current_clocksource"
    finding = only(made_sick(tmp_path, "x86-64", {path: source}), "clock")
    assert (finding.severity, finding.mend.startswith(mend)) == ("warning", True)


def test_a_board_that_wakes_up_in_1970_is_told_so() -> None:
    finding = only(replace(board("raspberry-pi-5"), now_s=100.0), "date")
    assert (finding.severity, finding.what) == (
        "warning",
        "the date is in the past: this machine takes it for 1970",
    )
    assert examine(replace(board("raspberry-pi-5"), now_s=1.8e9), ["date"]) == ()


def test_a_time_that_nobody_has_set_is_a_note(tmp_path: Path) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-5", {})
    (patient.root.path / "run/systemd/timesync").mkdir(parents=True)
    assert only(patient, "date").severity == "note"
    (patient.root.path / "run/systemd/timesync/synchronized").touch()
    assert examine(patient, ["date"]) == ()


# --- storage

ROOT = "28 1 179:2 / / rw,noatime - ext4 /dev/mmcblk0p2 rw\n"
MOUNTINFO = "proc/self/mountinfo"


@pytest.mark.parametrize(
    ("mounts_", "told"),
    [
        (ROOT, None),
        (ROOT + "40 28 0:30 / /var rw - tmpfs tmpfs rw,size=1k\n", "on a tmpfs, which is RAM"),
        (ROOT + "40 28 0:30 / /var/lib rw - ramfs none rw\n", "on a ramfs, which is RAM"),
        (ROOT + "40 28 0:30 / /var/lib/edge rw - tmpfs tmpfs rw\n", None),  # another folder's beginning
        (ROOT.replace("rw,noatime", "ro,noatime"), "mounted read-only"),
        # overlayroot: the upper layer's mount can be seen, on RAM or on a disk of its own
        (
            "29 1 0:20 / / rw - overlay overlay rw,lowerdir=/ro,upperdir=/media/root-rw/o,workdir=/w\n"
            "30 29 0:21 / /media/root-rw rw - tmpfs tmpfs-root rw\n",
            "on an overlay whose upper layer is in RAM",
        ),
        (
            "29 1 0:20 / / rw - overlay overlay rw,lowerdir=/ro,upperdir=/media/root-rw/o,workdir=/w\n"
            "30 29 8:1 / /media/root-rw rw - ext4 /dev/sda1 rw\n",
            None,
        ),
        (
            "29 1 0:20 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/var/lib/docker/overlay2/1/diff\n",
            "on the overlay of a container",
        ),
        ("29 1 0:20 / / rw - overlay overlay ro,lowerdir=/l\n", "on an overlay that cannot be written"),
        # a later mount covers an earlier one; a volume in a container
        (ROOT + "41 28 0:31 / / rw - tmpfs tmpfs rw\n", "on a tmpfs, which is RAM"),
        (
            "29 1 0:20 / / rw - overlay overlay rw,upperdir=/u\n"
            "30 29 8:1 /v /var/lib/edgeai rw - ext4 /dev/sda1 rw\n",
            None,
        ),
    ],
)
def test_the_store_is_looked_up_among_the_mounts(tmp_path: Path, mounts_: str, told: str | None) -> None:
    found = examine(made_sick(tmp_path, "raspberry-pi-5", {MOUNTINFO: mounts_}), ["store"])
    assert [each.severity for each in found] == ([] if told is None else ["warning"])
    assert told is None or told in found[0].what


def test_raspi_configs_overlay_is_known_by_the_kernels_command_line(tmp_path: Path) -> None:
    overlay = (
        "29 1 0:20 / / rw - overlay overlay rw,lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work\n"
    )
    files = {MOUNTINFO: overlay, "proc/cmdline": "boot=overlay console=tty1"}
    finding = only(made_sick(tmp_path, "raspberry-pi-5", files), "store")
    assert "whose upper layer is in RAM" in finding.what
    assert "raspi-config nonint do_overlayfs 1" in finding.mend


def test_a_mount_point_with_a_space_is_read(tmp_path: Path) -> None:
    write(tmp_path, {MOUNTINFO: r"36 35 8:1 / /mnt/my\040disk rw - ext4 /dev/sda1 rw"})
    assert str(mounts(SysRoot(tmp_path))[0].point) == "/mnt/my disk"


@pytest.mark.parametrize(
    ("free_bytes", "severity"),
    [(50e6, "broken"), (1.0e9, "warning"), (1.7e9, None)],
)
def test_a_nearly_full_card_is_found(tmp_path: Path, free_bytes: float, severity: str | None) -> None:
    patient = made_sick(tmp_path, "raspberry-pi-5", {})
    patient = replace(patient, disk=Disk(total_bytes=32 * 10**9, free_bytes=int(free_bytes)))
    found = examine(patient, ["disk"])
    assert [each.severity for each in found] == ([] if severity is None else [severity])
    assert all(each.what.startswith("the SD card of the store is nearly full") for each in found)


def test_a_user_without_a_home_is_told_to_name_a_folder() -> None:
    assert only(replace(board("raspberry-pi-5"), store=None), "store").mend == "set EDGEAI_HOME to a folder"


# --- permissions


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user, who may not open a file")
def test_a_device_node_that_this_user_may_not_open_names_the_group() -> None:
    with tempfile.TemporaryDirectory() as tree:  # pytest's own folders are closed to other users
        Path(tree).chmod(0o755)
        write(Path(tree), {"dev/nvmap": ""})
        (Path(tree) / "dev/nvmap").chmod(0o600)
        code = (
            "import os\nfrom pathlib import Path\nfrom edgeai.doctor import examine, patient_of_tree\n"
            f"patient = patient_of_tree(Path({tree!r}))\n"
            "assert examine(patient, ['permissions']) == ()\n"
            f"node = {tree!r} + '/dev/nvmap'\n"
            "os.chown(node, 0, 44)\n"
            "pid = os.fork()\n"
            "if pid == 0:\n    os.setuid(65534)\n"
            "else:\n    os.waitpid(pid, 0)\n    os.chown(node, 0, 0)\n    os.setuid(65534)\n"
            "print(examine(patient, ['permissions'])[0], flush=True)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    of_video, of_root = done.stdout.splitlines()
    assert "the Jetson's GPU is there (/dev/nvmap), and this user may not use it" in of_video
    assert "mend='sudo usermod -aG video $USER; then log in again'" in of_video  # Debian's group 44
    assert "sudo chgrp video /dev/nvmap" in of_root


# --- this machine


def test_this_machine_can_be_examined_and_nothing_is_beyond_looking() -> None:
    found = examine(patient_here())
    assert [each.what for each in found if each.what.startswith("could not look")] == []
    assert [each.what for each in found if each.severity == "broken"] == []
