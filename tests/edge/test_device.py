"""Board profiles, detection from the reconstructed trees in tests/boards, and counting usable cores."""

from __future__ import annotations

import os
import platform
import re
import struct
import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

import pytest

from edgeai.device import (
    DeviceProfile,
    Figure,
    PowerRails,
    default_threads,
    detect,
    detect_profile,
    load_profile,
    parse_profile,
    profile_ids,
    usable_cpus,
)
from edgeai.errors import ConfigError, UnknownDevice
from edgeai.sysroot import SysRoot

REPOSITORY = Path(__file__).parents[2]
BOARDS = REPOSITORY / "tests/boards"
PROFILES = REPOSITORY / "devices"
TREES = sorted(path.name for path in BOARDS.iterdir() if path.is_dir())
GIB = 2**30


@dataclass(frozen=True)
class Expected:
    """What detect() must say of a tree: its `expected.toml`. An absent key is None."""

    profile: str
    matched_by: str
    machine: str
    cores: int
    features: tuple[str, ...]
    memory_bytes: int
    warnings: tuple[str, ...]
    """A piece of each warning, in their order."""
    userland_bits: int | None = None
    physical_cores: int | None = None
    l4t: str | None = None


def expected(name: str) -> Expected:
    values = tomllib.loads((BOARDS / name / "expected.toml").read_text())
    lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    return Expected(**{**values, **lists})


# Every entry of devices.md alone. One that only names a SoC which several boards share names no board.
COMPATIBLES = {
    "raspberrypi,model-zero-2-w": "raspberry-pi-zero-2-w",
    "raspberrypi,3-model-b-plus": "raspberry-pi-3-b-plus",
    "brcm,bcm2837": "arm64",
    "raspberrypi,4-model-b": "raspberry-pi-4",
    "raspberrypi,4-compute-module": "raspberry-pi-cm4",
    "brcm,bcm2711": "arm64",
    "raspberrypi,5-model-b": "raspberry-pi-5",
    "raspberrypi,5-compute-module": "raspberry-pi-cm5",
    "brcm,bcm2712": "arm64",
    "nvidia,p3449-0000-b00+p3448-0000-b00": "jetson-nano",
    "nvidia,jetson-nano": "jetson-nano",
    "nvidia,p3450-0000": "jetson-nano",
    "nvidia,tegra210": "arm64",
    "nvidia,quill": "jetson-tx2",
    "nvidia,p2771-0000": "jetson-tx2",
    "nvidia,tegra186": "arm64",
    "nvidia,galen": "jetson-agx-xavier",
    "nvidia,jetson-xavier": "jetson-agx-xavier",
    "nvidia,p2822-0000+p2888-0001": "jetson-agx-xavier",
    "nvidia,p2822-0000+p2888-0004": "jetson-agx-xavier",
    "nvidia,p2888-0001": "jetson-agx-xavier",
    "nvidia,p3449-0000+p3668-0000": "jetson-xavier-nx",
    "nvidia,p3509-0000+p3668-0001": "jetson-xavier-nx",
    "nvidia,tegra194": "arm64",
    "nvidia,p3768-0000+p3767-0000": "jetson-orin-nx",
    "nvidia,p3768-0000+p3767-0001": "jetson-orin-nx",
    "nvidia,p3768-0000+p3767-0000-super": "jetson-orin-nx",
    "nvidia,p3768-0000+p3767-0001-super": "jetson-orin-nx",
    "nvidia,p3768-0000+p3767-0003": "jetson-orin-nano",
    "nvidia,p3768-0000+p3767-0004": "jetson-orin-nano",
    "nvidia,p3768-0000+p3767-0005": "jetson-orin-nano",
    "nvidia,p3768-0000+p3767-0003-super": "jetson-orin-nano",
    "nvidia,p3768-0000+p3767-0004-super": "jetson-orin-nano",
    "nvidia,p3768-0000+p3767-0005-super": "jetson-orin-nano",
    "nvidia,p3767-0005": "jetson-orin-nano",
    "nvidia,p3767-0002": "arm64",
    "acme,p3767-0005": "arm64",
    "nvidia,p3737-0000+p3701-0000": "jetson-agx-orin",
    "nvidia,p3737-0000+p3701-0001": "jetson-agx-orin",
    "nvidia,p3737-0000+p3701-0004": "jetson-agx-orin",
    "nvidia,p3737-0000+p3701-0005": "jetson-agx-orin",
    "nvidia,p4071-0000+p3834-0008": "jetson-thor",
    "nvidia,tegra264": "jetson-thor",
    "radxa,rock-5b": "rk3588",
    "rockchip,rk3588": "rk3588",
    "rockchip,rk3588s": "arm64",
    "beagle,j721e-beagleboneai64": "beaglebone-ai-64",
    "ti,j721e": "arm64",
    "google,imx8mq-phanbell": "coral-dev-board",
    "fsl,imx8mq": "arm64",
    "fsl,imx8mp-evk": "imx8m-plus",
    "fsl,imx8mp": "imx8m-plus",
}

MODELS = {
    "Raspberry Pi Zero 2 W Rev 1.0": "raspberry-pi-zero-2-w",
    "Raspberry Pi 3 Model B Plus Rev 1.3": "raspberry-pi-3-b-plus",
    "Raspberry Pi 3 Model B Rev 1.2": "arm64",
    "Raspberry Pi 4 Model B Rev 1.4": "raspberry-pi-4",
    "Raspberry Pi 400 Rev 1.0": "arm64",
    "Raspberry Pi Compute Module 4 Rev 1.0": "raspberry-pi-cm4",
    "Raspberry Pi Compute Module 4S Rev 1.0": "arm64",
    "Raspberry Pi 5 Model B Rev 1.0": "raspberry-pi-5",
    "Raspberry Pi 5 Model C Rev 1.0": "arm64",  # although a profile has the name "Raspberry Pi 5"
    "Raspberry Pi Compute Module 5 Lite Rev 1.0": "raspberry-pi-cm5",
    "NVIDIA Orin Nano Developer Kit": "jetson-orin-nano",
    "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super": "jetson-orin-nano",
    "NVIDIA Jetson Nano Developer Kit": "jetson-nano",
    "NVIDIA Orin NX Developer Kit": "jetson-orin-nx",
    "Jetson AGX Orin": "jetson-agx-orin",
    "Jetson-AGX": "jetson-agx-xavier",
    "NVIDIA Jetson Xavier NX Developer Kit": "jetson-xavier-nx",
    "NVIDIA Jetson AGX Thor Developer Kit": "jetson-thor",
}

REVISIONS = {
    0x902120: "raspberry-pi-zero-2-w",
    0xA020D3: "raspberry-pi-3-b-plus",
    0xC03114: "raspberry-pi-4",
    0xB03140: "raspberry-pi-cm4",
    0xC04170: "raspberry-pi-5",
    0xD04190: "raspberry-pi-5",  # a Pi 500
    0xC04180: "raspberry-pi-cm5",
    0xB041A0: "raspberry-pi-cm5",  # a CM5 Lite
    0x2C03114: "raspberry-pi-4",  # with the warranty bit
    0xC03130: "arm64",  # a Pi 400
    0x0110: "arm64",  # without bit 23 it is no new-style code, whatever bits 4..11 say
}

SMALLEST_PROFILE = """
id = "{id}"
name = "A board"
support = "native"
default_os = "Linux"
soc = "A chip"
[match]
compatible = ["a,board"]
[cpu]
features = ["asimddp"]
source = "its data sheet"
[[cpu.clusters]]
name = "Cortex-A76"
count = 4
kind = "performance"
[memory]
bytes = [1_073_741_824]
source = "its data sheet"
[run]
threads = 2
[power]
idle_w = {{ value = 2, source = "its data sheet" }}
"""


def board(name: str) -> SysRoot:
    return SysRoot(BOARDS / name)


def root_with(folder: Path, **files: bytes) -> SysRoot:
    """A root whose device tree has the files given; `__` in a name stands for a slash."""
    for name, content in files.items():
        path = folder / "proc/device-tree" / name.replace("__", "/").replace("linux_", "linux,")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return SysRoot(folder)


def write(folder: Path, path: str, text: str) -> None:
    target = folder / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def profile_file(folder: Path, old: str = "", new: str = "") -> Path:
    """The smallest profile, with one thing in it replaced."""
    text = SMALLEST_PROFILE.format(id="a-board")
    assert old in text
    path = folder / "a-board.toml"
    path.write_text(text.replace(old, new, 1) if old else text + new)
    return path


# Detection of the reconstructed trees.


def test_every_profile_has_a_tree_of_its_name() -> None:
    assert [id_ for id_ in profile_ids() if id_ not in TREES] == []


@pytest.mark.parametrize("name", TREES)
def test_a_board_is_recognised_from_its_tree(name: str) -> None:
    wanted, found = expected(name), detect(board(name))
    assert (found.profile.id, found.matched_by) == (wanted.profile, wanted.matched_by)
    assert (found.machine, found.userland_bits) == (wanted.machine, wanted.userland_bits)
    assert (found.cores, found.physical_cores) == (wanted.cores, wanted.physical_cores)
    assert found.features == wanted.features
    assert found.memory_bytes == wanted.memory_bytes
    assert found.l4t == wanted.l4t


@pytest.mark.parametrize("name", TREES)
def test_a_board_gets_exactly_the_warnings_it_deserves(name: str) -> None:
    wanted, found = expected(name).warnings, detect(board(name)).warnings
    assert len(found) == len(wanted), found
    for piece, warning in zip(wanted, found, strict=True):
        assert piece in warning


@pytest.mark.parametrize("name", TREES)
def test_the_light_detection_finds_the_same_profile(name: str) -> None:
    assert detect_profile(board(name)) == detect(board(name)).profile


@pytest.mark.parametrize("name", TREES)
def test_a_trees_features_are_those_that_its_profile_states(name: str) -> None:
    found = detect(board(name))
    assert found.features == found.profile.features or not found.profile.clusters


def test_the_models_text_is_shown_without_its_nul() -> None:
    assert detect(board("raspberry-pi-5")).model == "Raspberry Pi 5 Model B Rev 1.0"
    assert detect(board("jetson-agx-xavier")).model == "Jetson-AGX"
    assert detect(board("x86-64")).model == "NUC12WSHi3"
    assert detect(board("container-without-sys")).model == "Raspberry Pi 4 Model B Rev 1.4"


def test_system_and_kernel_are_those_of_the_tree() -> None:
    found = detect(board("jetson-orin-nano"))
    assert (found.os, found.kernel) == ("Ubuntu 22.04.5 LTS", "5.15.148-tegra")


# Matching rules.


@pytest.mark.parametrize(("entry", "id_"), COMPATIBLES.items())
def test_a_compatible_entry_alone_names_its_board_or_none(entry: str, id_: str, tmp_path: Path) -> None:
    root = root_with(tmp_path, compatible=entry.encode() + b"\0")
    assert detect(root).profile.id == id_


@pytest.mark.parametrize(("model", "id_"), MODELS.items())
def test_a_model_text_alone_names_its_board_or_none(model: str, id_: str, tmp_path: Path) -> None:
    root = root_with(tmp_path, model=model.encode() + b"\0")
    assert detect(root, machine="aarch64").profile.id == id_


@pytest.mark.parametrize(("code", "id_"), REVISIONS.items())
def test_a_revision_code_in_the_device_tree_names_its_pi_or_none(code: int, id_: str, tmp_path: Path) -> None:
    root = root_with(tmp_path, system__linux_revision=struct.pack(">I", code))
    assert detect(root, machine="aarch64").profile.id == id_


@pytest.mark.parametrize(("code", "id_"), REVISIONS.items())
def test_a_revision_code_in_cpuinfo_names_its_pi_or_none(code: int, id_: str, tmp_path: Path) -> None:
    write(tmp_path, "proc/cpuinfo", f"processor\t: 0\n\nHardware\t: BCM2835\nRevision\t: {code:04x}\n")
    assert detect(SysRoot(tmp_path), machine="aarch64").profile.id == id_


def test_the_compatible_is_trusted_more_than_the_revision_and_that_more_than_the_model(
    tmp_path: Path,
) -> None:
    model = b"Raspberry Pi 4 Model B Rev 1.4\0"
    revision = struct.pack(">I", 0xB03140)  # a CM4
    root = root_with(tmp_path, model=model, system__linux_revision=revision)
    assert detect(root, machine="aarch64").profile.id == "raspberry-pi-cm4"
    root_with(tmp_path, compatible=b"raspberrypi,5-model-b\0brcm,bcm2712\0")
    assert detect(root).profile.id == "raspberry-pi-5"


def test_the_longest_text_that_stands_in_the_model_is_reported(tmp_path: Path) -> None:
    root = root_with(tmp_path, model=b"Jetson AGX Orin\0")
    assert detect(root, machine="aarch64").matched_by == "model text 'Jetson AGX Orin'"


def test_the_first_entry_of_compatible_that_is_known_wins(tmp_path: Path) -> None:
    root = root_with(tmp_path, compatible=b"acme,carrier\0radxa,rock-5b\0fsl,imx8mp\0")
    assert detect(root).matched_by == "compatible radxa,rock-5b"


@pytest.mark.parametrize(
    ("compatible", "id_"),
    [
        (b"acme,robot+p3767-0003\0nvidia,tegra234\0", "jetson-orin-nano"),
        (b"acme,robot+p3701-0005-super\0nvidia,tegra234\0", "jetson-agx-orin"),
        (b"acme,robot+p3767-0003\0", "arm64"),  # nothing says that it is a Jetson
        (b"acme,robot+p3767-0003\0nvidia,tegra234-like\0", "arm64"),
        (b"acme,p3767-0003\0nvidia,tegra234\0", "arm64"),  # the carrier's name, not a module's
    ],
)
def test_a_jetsons_module_counts_behind_the_plus_of_a_carrier_of_any_maker(
    compatible: bytes, id_: str, tmp_path: Path
) -> None:
    assert detect(root_with(tmp_path, compatible=compatible)).profile.id == id_


def test_the_kernels_copy_of_the_model_counts_where_the_device_tree_is_hidden(tmp_path: Path) -> None:
    write(tmp_path, "sys/devices/soc0/machine", "NVIDIA Jetson Orin Nano Developer Kit\n")
    found = detect(SysRoot(tmp_path), machine="aarch64")
    assert (found.profile.id, found.matched_by) == ("jetson-orin-nano", "model text 'Orin Nano'")
    assert found.model == "NVIDIA Jetson Orin Nano Developer Kit"


def test_the_device_trees_model_is_trusted_more_than_the_kernels_copy(tmp_path: Path) -> None:
    write(tmp_path, "sys/devices/soc0/machine", "NVIDIA Jetson Orin Nano Developer Kit\n")
    root = root_with(tmp_path, model=b"NVIDIA Orin NX Developer Kit\0")
    assert detect(root, machine="aarch64").profile.id == "jetson-orin-nx"


def test_a_part_of_a_compatible_entry_is_no_match(tmp_path: Path) -> None:
    root = root_with(tmp_path, compatible=b"raspberrypi,5-model-b-clone\0xradxa,rock-5b\0")
    assert detect(root).profile.id == "arm64"


def test_no_two_profiles_claim_the_same_match() -> None:
    claims = [
        (field.name, value)
        for id_ in profile_ids()
        for field in fields(load_profile(id_).match)
        for value in getattr(load_profile(id_).match, field.name)
    ]
    assert len(claims) == len(set(claims))


def test_every_match_stands_in_its_file_in_double_quotes_where_detection_looks_for_it() -> None:
    for id_ in profile_ids():
        text = (PROFILES / f"{id_}.toml").read_text()
        match = load_profile(id_).match
        revisions = [f"0x{kind:02x}" for kind in match.pi_revision_types]
        for value in (*match.compatible, *match.modules, *match.model_text, *match.machines, *revisions):
            assert f'"{value}"' in text


def test_only_profiles_that_can_match_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgeai.device import profile

    parsed: list[str] = []

    def parse(path: Path) -> DeviceProfile:
        parsed.append(path.stem)
        return parse_profile(path)

    profile._parse_once.cache_clear()
    monkeypatch.setattr(profile, "parse_profile", parse)
    detect_profile(board("raspberry-pi-5"))
    assert parsed == ["raspberry-pi-5"]
    profile._parse_once.cache_clear()


# What is missing is said, and does not crash.


def test_an_empty_root_gives_the_generic_profile_and_says_what_is_unknown(tmp_path: Path) -> None:
    found = detect(SysRoot(tmp_path), machine="aarch64")
    assert (found.profile.id, found.matched_by) == ("arm64", "architecture aarch64")
    assert (found.model, found.os, found.kernel, found.l4t) == (None, None, None, None)
    assert (found.physical_cores, found.memory_bytes, found.userland_bits) == (None, None, None)
    assert found.features == ()
    assert found.cores == (os.cpu_count() or 1)
    assert [warning.partition(",")[0] for warning in found.warnings] == [
        "the board cannot be told",
        f"the CPU cannot be fully read under {tmp_path} (no /proc/cpuinfo or /sys): the count of cores is "
        "the interpreter's and flags are unknown; mount /proc and /sys",
        f"how much RAM there is cannot be read (no /proc/meminfo under {tmp_path}): mount /proc",
    ]


def test_an_empty_root_on_x86_does_not_ask_for_a_device_tree(tmp_path: Path) -> None:
    found = detect(SysRoot(tmp_path), machine="x86_64")
    assert found.profile.id == "x86-64"
    assert len(found.warnings) == 2


def test_an_unknown_architecture_borrows_a_profile_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, "proc/cpuinfo", "processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\n")
    found = detect(SysRoot(tmp_path))
    assert (found.profile.id, found.matched_by) == ("arm64", "architecture riscv64")
    assert found.warnings[0].startswith("the architecture riscv64 is not one that edgeai knows")


L4T = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n"


def test_a_jetson_that_cannot_be_told_asks_for_the_name_of_a_jetson(tmp_path: Path) -> None:
    write(tmp_path, "etc/nv_tegra_release", L4T)
    hidden = detect(SysRoot(tmp_path), machine="aarch64").warnings[0]
    root = root_with(tmp_path, compatible=b"acme,robot\0nvidia,tegra234\0")
    unlisted = detect(root, machine="aarch64").warnings[0]
    assert f"because {tmp_path} shows no device tree (containers hide it): arm64 is used" in hidden
    assert "because no profile matches acme,robot: arm64 is used" in unlisted
    for warning in (hidden, unlisted):
        assert warning.startswith("this is a Jetson (L4T 36.4.3)")
        assert warning.endswith("device='jetson-orin-nano') or --device jetson-orin-nano")


def test_a_jetson_that_cannot_be_told_still_prefers_its_gpu() -> None:
    assert detect_profile(board("jetson-container")).preferred_providers == ("cuda", "cpu")


def test_damaged_files_are_taken_as_unknown(tmp_path: Path) -> None:
    root = root_with(tmp_path, compatible=b"\0\0\xff\xfe\0", model=b"", system__linux_revision=b"\x00\xc0")
    write(tmp_path, "proc/meminfo", "MemTotal: lots\n")
    write(tmp_path, "sys/devices/system/cpu/online", "all\n")
    write(tmp_path, "etc/nv_tegra_release", "nonsense\n")
    found = detect(root, machine="aarch64")
    assert (found.profile.id, found.memory_bytes, found.l4t) == ("arm64", None, None)


def test_far_too_little_ram_for_the_board_is_a_warning(tmp_path: Path) -> None:
    root = root_with(tmp_path, compatible=b"raspberrypi,model-zero-2-w\0")
    write(tmp_path, "proc/meminfo", "MemTotal:         196608 kB\n")
    assert detect(root).warnings[-1] == (
        "RAM is 192 MiB, less than half of the smallest Raspberry Pi Zero 2 W listed (512 MiB): check "
        "gpu_mem, mem= on the kernel's command line and the virtual machine's size, unless "
        "devices/raspberry-pi-zero-2-w.toml lacks the size of this board"
    )


def test_only_a_raspberry_pi_is_told_to_check_gpu_mem(tmp_path: Path) -> None:
    root = root_with(tmp_path, compatible=b"nvidia,p3768-0000+p3767-0005\0")
    write(tmp_path, "proc/meminfo", "MemTotal:        1048576 kB\n")
    warning = detect(root).warnings[-1]
    assert "(4096 MiB): check mem= on the kernel's command line" in warning
    assert "gpu_mem" not in warning


@pytest.mark.parametrize(
    ("compatible", "total_kb"),
    [
        (b"nvidia,p2822-0000+p2888-0001\0", 15_900_000),  # the AGX Xavier of 16 GB
        (b"nvidia,p2822-0000+p2888-0006\0", 7_700_000),
        (b"nvidia,p4071-0000+p3834-0000\0", 64_300_000),  # the T4000
        (b"nvidia,quill\0", 3_900_000),  # the TX2 of 4 GB
    ],
)
def test_the_smaller_jetsons_get_no_warning_of_too_little_ram(
    compatible: bytes, total_kb: int, tmp_path: Path
) -> None:
    write(tmp_path, "proc/meminfo", f"MemTotal: {total_kb} kB\n")
    found = detect(root_with(tmp_path, compatible=compatible))
    assert found.profile.id.startswith("jetson-")
    assert [warning for warning in found.warnings if "RAM" in warning] == []


def test_a_32_bit_pc_is_not_sent_to_a_library_without_wheels_for_it(tmp_path: Path) -> None:
    write(tmp_path, "lib/ld-linux.so.2", "")
    warnings = detect(SysRoot(tmp_path), "i686").warnings
    assert [warning for warning in warnings if warning.startswith("the userland")] == [
        "the userland is 32-bit under a 32-bit kernel, and onnxruntime and ai-edge-litert publish no 32-bit "
        "wheels: install a 64-bit system"
    ]


def test_a_32_bit_kernel_is_told_from_a_32_bit_userland(tmp_path: Path) -> None:
    write(tmp_path, "lib/ld-linux-armhf.so.3", "")
    warnings = {machine: detect(SysRoot(tmp_path), machine).warnings[1] for machine in ("armv7l", "armv8l")}
    assert warnings["armv7l"].startswith("the userland is 32-bit under a 32-bit kernel")
    assert warnings["armv8l"].startswith("the userland is 32-bit under a 64-bit kernel")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64 machine")
def test_this_x86_machine_is_recognised() -> None:
    found = detect()
    assert (found.profile.id, found.matched_by) == ("x86-64", "architecture x86_64")
    assert (found.machine, found.userland_bits) == ("x86_64", struct.calcsize("P") * 8)
    assert found.memory_bytes is not None
    assert found.memory_bytes > 2**28
    assert 1 <= usable_cpus() <= found.cores


def test_an_installation_without_profiles_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgeai.device import profile

    monkeypatch.setattr(profile, "_folder", lambda: tmp_path)
    with pytest.raises(ConfigError, match=re.escape(f"no device profiles in {tmp_path}; reinstall edgeai")):
        detect_profile()


def test_a_profile_that_is_not_utf_8_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgeai.device import profile

    path = tmp_path / "a-board.toml"
    path.write_bytes(SMALLEST_PROFILE.format(id="a-board").replace("A board", "B\xe4r").encode("latin-1"))
    monkeypatch.setattr(profile, "_folder", lambda: tmp_path)
    with pytest.raises(ConfigError, match=re.escape(f"{path} is not UTF-8")):
        detect_profile()


# Profiles.


@pytest.mark.parametrize("id_", profile_ids())
def test_every_profile_parses_and_has_its_files_name(id_: str) -> None:
    assert parse_profile(PROFILES / f"{id_}.toml").id == id_


def test_the_boards_of_the_reference_are_there() -> None:
    named = {*COMPATIBLES.values(), *MODELS.values(), *REVISIONS.values()}
    assert named | {"x86-64"} <= set(profile_ids())
    assert len(named | {"x86-64"}) == 20


@pytest.mark.parametrize("id_", profile_ids())
def test_every_figure_of_a_profile_names_its_source(id_: str) -> None:
    profile = load_profile(id_)
    for figure in figures_in(profile):
        assert figure.value > 0
        assert figure.source.strip()
    assert not profile.clusters or profile.cpu_source
    assert not profile.memory_bytes or profile.memory_source


def figures_in(value: object) -> list[Figure]:
    if isinstance(value, Figure):
        return [value]
    if isinstance(value, tuple):
        return [figure for item in value for figure in figures_in(item)]
    if isinstance(value, dict):
        return figures_in(tuple(value.values()))
    if is_dataclass(value):
        return [figure for field in fields(value) for figure in figures_in(getattr(value, field.name))]
    return []


@pytest.mark.parametrize("id_", profile_ids())
def test_a_profile_prefers_only_backends_that_exist(id_: str) -> None:
    from edgeai.backends import BACKENDS

    assert set(load_profile(id_).preferred_backends) <= set(BACKENDS)


def test_figures_are_those_of_the_reference() -> None:
    pi = load_profile("raspberry-pi-5")
    assert pi.idle_w == Figure(3.0, "devices.md")
    assert pi.load_w == Figure(8.8, "devices.md")
    assert pi.memory_bytes == (GIB, 2 * GIB, 4 * GIB, 8 * GIB, 16 * GIB)
    assert load_profile("raspberry-pi-zero-2-w").memory_bytes == (GIB // 2,)
    assert load_profile("raspberry-pi-3-b-plus").idle_w is None
    assert [budget.power_w.value for budget in load_profile("jetson-agx-orin").power_budgets] == [40, 60]
    npu = load_profile("rk3588").accelerators[0].peak_ops_per_s
    assert npu == Figure(6e12, "devices.md: 6 TOPS NPU")


@pytest.mark.parametrize(
    ("id_", "support"),
    [
        ("jetson-nano", "container"),
        ("jetson-tx2", "container"),
        ("jetson-xavier-nx", "container"),
        ("jetson-agx-xavier", "container"),
        ("coral-dev-board", "detect-only"),
        ("jetson-orin-nano", "native"),
        ("raspberry-pi-zero-2-w", "native"),
    ],
)
def test_support_says_whether_the_boards_own_system_is_enough(id_: str, support: str) -> None:
    assert load_profile(id_).support == support


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(UnknownDevice, match="did you mean raspberry-pi-5 or ") as raised:
        load_profile("rasberry-pi-5")
    assert isinstance(raised.value, LookupError)


def test_an_id_that_is_like_no_other_points_to_the_list() -> None:
    with pytest.raises(UnknownDevice, match=r"no device is called .*x'; `edgeai device list` shows all"):
        load_profile("../x")


def test_the_smallest_profile_parses(tmp_path: Path) -> None:
    profile = parse_profile(profile_file(tmp_path))
    assert (profile.threads, profile.idle_w, profile.load_w) == (2, Figure(2.0, "its data sheet"), None)


def test_rails_and_shunts_are_parsed_and_optional(tmp_path: Path) -> None:
    profile = parse_profile(profile_file(tmp_path))
    assert (profile.rails, profile.shunts_ohm) == (None, {})
    more = """
[power.rails]
total = ["VDD_IN"]
inside = ["VDD_SOC"]
source = "its data sheet"
[power.shunts_ohm]
ina219 = { value = 0.1, source = "printed on it" }
"""
    profile = parse_profile(profile_file(tmp_path, new=more))
    assert profile.rails == PowerRails(("VDD_IN",), ("VDD_SOC",), "its data sheet")
    assert profile.shunts_ohm == {"ina219": Figure(0.1, "printed on it")}


RAIL_MISTAKES = {
    "[power.rails]\nsource = 'x'": "power.rails.total: is empty or missing",
    "[power.rails]\ntotal = ['A']": "power.rails.source: is missing",
    "[power.rails]\ntotal = ['A']\ninside = ['A']\nsource = 'x'": "power.rails: names 'A' twice",
    "[power.rails]\ntotal = 'A'\nsource = 'x'": "power.rails.total: is a text, 'A'; give a list",
    "[power.shunts_ohm]\nina219 = 0.1": "power.shunts_ohm.ina219: is a number, 0.1; give a table",
    "[power.shunts_ohm]\nina219 = { value = 0.1 }": "power.shunts_ohm.ina219.source: is missing",
}


@pytest.mark.parametrize(("more", "message"), RAIL_MISTAKES.items())
def test_a_mistake_in_rails_or_shunts_names_file_and_key(more: str, message: str, tmp_path: Path) -> None:
    path = profile_file(tmp_path, new=more)
    with pytest.raises(ConfigError, match=re.escape(f"{path}: {message}")):
        parse_profile(path)


MISTAKES = {
    'name = "A board"': ("", "name: is missing"),
    'soc = "A chip"': ("sock = 3", "soc: is missing"),
    "[match]": ("[mtach]", "match: is empty or missing"),
    'support = "native"': ('support = "maybe"', "support: is 'maybe'; give one of: native, container"),
    'id = "a-board"': ('id = "b"', "id: is 'b'; it must be the file's name, 'a-board'"),
    "compatible =": ("compatibel =", "match.compatibel: is not a key that is read here"),
    'compatible = ["a,board"]': (
        'compatible = ["a,board"]\nmodel = "A"',
        "match.model: is not a key that is read here",
    ),
    '["a,board"]': ('"a,board"', "match.compatible: is a text, 'a,board'; give a list"),
    '"a,board"': ("7", "match.compatible[0]: is a whole number, 7; give a text"),
    'compatible = ["a,board"]\n': (
        'pi_revision_types = ["17"]\n',
        "match.pi_revision_types[0]: is '17'; give two lower-case hexadecimal digits",
    ),
    '"asimddp"': ('"dotprod"', "cpu.features[0]: is 'dotprod'; give some of: asimddp"),
    'source = "its data sheet"\n[[cpu': ("[[cpu", "cpu.source: is missing"),
    "count = 4": ('count = "4"', "cpu.clusters[0].count: is a text, '4'; give a whole number"),
    "count = 4\n": ("count = 0\n", "cpu.clusters[0].count: is 0; give a whole number from 1"),
    'kind = "performance"': ('kind = "big"', "cpu.clusters[0].kind: is 'big'; give one of: performance"),
    'name = "Cortex-A76"\n': ("", "cpu.clusters[0].name: is missing"),
    "bytes = [1_073_741_824]": ("bytes = [2, 1]", "memory.bytes: must rise"),
    "[1_073_741_824]": ("[1.5]", "memory.bytes[0]: is a number, 1.5; give a whole number"),
    "threads = 2": ("threads = true", "run.threads: is true or false, True; give a whole number"),
    "threads = 2\n": ("thread = 2\n", "run.thread: is not a key that is read here"),
    "idle_w = { value = 2, ": ("idle_w = { ", "power.idle_w.value: is missing"),
    "value = 2,": ("value = 0,", "power.idle_w.value: is 0; give a number above 0"),
    "value = 2, ": ("value = nan, ", "power.idle_w.value: is nan; give a number above 0"),
    ', source = "its data sheet" }': (" }", "power.idle_w.source: is missing"),
    'source = "its data sheet" }': ('source = " " }', "power.idle_w.source: is empty"),
    '{ value = 2, source = "its data sheet" }': ("2", "power.idle_w: is a whole number, 2; give a table"),
}


@pytest.mark.parametrize(("old", "new", "message"), [(old, *rest) for old, rest in MISTAKES.items()])
def test_a_mistake_in_a_profile_names_file_and_key(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = profile_file(tmp_path, old, new)
    with pytest.raises(ConfigError, match=re.escape(f"{path}: {message}")):
        parse_profile(path)


QUOTING = {
    "compatible": "acme,x",
    "modules": "p9999",
    "pi_revision_types": "0x99",
    "model_text": "Acme X",
    "machines": "acme",
}


@pytest.mark.parametrize(("key", "entry"), QUOTING.items())
def test_a_match_that_detection_would_not_find_in_the_text_is_refused(
    key: str, entry: str, tmp_path: Path
) -> None:
    old = 'compatible = ["a,board"]'
    assert parse_profile(profile_file(tmp_path, old, f'{key} = ["{entry}"]'))
    path = profile_file(tmp_path, old, f"{key} = ['{entry}']")
    message = f"{path}: match.{key}: write '{entry}' in double quotes; detection searches the file's text for"
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_profile(path)


def test_an_unknown_key_at_the_top_is_refused(tmp_path: Path) -> None:
    path = profile_file(tmp_path, 'soc = "A chip"', 'soc = "A chip"\ncolour = "green"')
    with pytest.raises(ConfigError, match="colour: is not a key that is read here"):
        parse_profile(path)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = profile_file(tmp_path, "[match]", "[match")
    with pytest.raises(ConfigError, match=re.escape(f"{path} is not valid TOML")):
        parse_profile(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path / 'x.toml'} cannot be read: No such file")):
        parse_profile(tmp_path / "x.toml")


# Usable cores and threads.


@pytest.mark.parametrize(
    ("name", "cores"),
    [("raspberry-pi-5", 4), ("jetson-orin-nx", 4), ("rk3588", 8), ("x86-64", 6), ("beaglebone-ai-64", 2)],
)
def test_usable_cpus_are_the_online_ones_with_smt_siblings_counted_once(name: str, cores: int) -> None:
    assert usable_cpus(board(name)) == cores


def test_cores_are_counted_from_cpuinfo_where_sys_is_hidden() -> None:
    assert usable_cpus(board("container-without-sys")) == 4


def test_an_empty_root_has_one_usable_cpu(tmp_path: Path) -> None:
    assert usable_cpus(SysRoot(tmp_path)) == 1


CGROUPS = {
    "v2, the process's own group": (
        {"proc/self/cgroup": "0::/app.slice\n", "sys/fs/cgroup/app.slice/cpu.max": "150000 100000\n"},
        2,
    ),
    "v2, a tighter group above": (
        {
            "proc/self/cgroup": "0::/app.slice/a\n",
            "sys/fs/cgroup/app.slice/a/cpu.max": "300000 100000\n",
            "sys/fs/cgroup/app.slice/cpu.max": "50000 100000\n",
        },
        1,
    ),
    "v2, no limit": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 4),
    "v2, in a container that shows the host's path": (
        {"proc/self/cgroup": "0::/system.slice/docker-1f.scope\n", "sys/fs/cgroup/cpu.max": "300000 100000"},
        3,
    ),
    "v1": (
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/1f\n0::/\n",
            "sys/fs/cgroup/cpu/docker/1f/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/docker/1f/cpu.cfs_period_us": "100000\n",
        },
        2,
    ),
    "v1, mounted with cpuacct, the host's path": (
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/1f\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
        1,
    ),
    "v1, no limit": (
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        4,
    ),
    "cpuset is not taken for cpu": (
        {"proc/self/cgroup": "5:cpuset:/a\n", "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "100000\n"},
        4,
    ),
    "damaged": ({"proc/self/cgroup": "\n:\n0::\n", "sys/fs/cgroup/cpu.max": "100000 0\n"}, 4),
}


@pytest.mark.parametrize(("files", "cores"), CGROUPS.values(), ids=CGROUPS)
def test_a_cpu_quota_limits_the_usable_cores(files: dict[str, str], cores: int, tmp_path: Path) -> None:
    write(tmp_path, "sys/devices/system/cpu/online", "0-3\n")
    for path, text in files.items():
        write(tmp_path, path, text)
    assert usable_cpus(SysRoot(tmp_path)) == cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_affinity_limits_the_usable_cores_of_this_machine() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    ("profile", "tree", "threads"),
    [
        ("raspberry-pi-5", "raspberry-pi-5", 4),
        ("rk3588", "rk3588", 4),  # the performance cores alone
        ("jetson-orin-nx", "jetson-orin-nx", 4),  # eight, of which four are on
        ("jetson-thor", "raspberry-pi-4", 4),  # asked for on a smaller machine
        ("x86-64", "x86-64", 6),
    ],
)
def test_default_threads(profile: str, tree: str, threads: int) -> None:
    assert default_threads(load_profile(profile), board(tree)) == threads


def test_threads_of_a_profile_are_capped_at_the_usable_cores(tmp_path: Path) -> None:
    profile = parse_profile(profile_file(tmp_path))
    assert default_threads(profile, board("raspberry-pi-5")) == 2
    assert default_threads(profile, SysRoot(tmp_path / "empty")) == 1


def test_the_import_stays_light() -> None:
    heavy = "{'numpy', 'psutil', 'click', 'importlib.metadata'}"
    code = f"import sys, edgeai.device; edgeai.device.detect_profile(); print({heavy} & set(sys.modules))"
    paths = os.pathsep.join(path for path in sys.path if path)
    child = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert child.stdout.strip() == "set()"
