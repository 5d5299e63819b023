"""Which board a root is: by the device tree's compatible, else a Pi's revision code, else the model text."""

from __future__ import annotations

import os
import platform
import re
import struct
from typing import TYPE_CHECKING

from ..sysroot import whole_number
from .cpus import THIS_MACHINE, is_this_machine, online_cpus, physical_cores, topology_is_known
from .profile import FEATURES, DeviceProfile, profiles_naming

if TYPE_CHECKING:
    from ..sysroot import SysRoot
    from .machine import Device

_DEVICE_TREE = "/proc/device-tree"

# The device tree's model again, where the kernel fills it in; containers hide the device tree and show this.
_SOC_MACHINE = "/sys/devices/soc0/machine"

# DMI names that boards carry when their maker filled nothing in; they say less than the CPU's name.
_DMI_PLACEHOLDERS = frozenset({"", "default string", "system product name", "to be filled by o.e.m."})

_UNKNOWN_MACHINE_PROFILE = "aarch64"
"""Architectures without a profile of their own borrow this one's defaults, with a warning."""


def detect(root: SysRoot = THIS_MACHINE, machine: str | None = None) -> Device:
    """Describe the machine at a root. Never fails for what a container or a foreign board hides.

    machine: `uname -m` to assume; by default this machine's, or for a captured tree what its files show.
    """
    from .machine import Device  # loading a model does without these
    from .warnings import Facts, cautions_of

    machine = machine or _machine(root)
    profile, matched_by = _match(root, machine)
    cpus = online_cpus(root)
    flags = cpu_flags(root)
    facts = Facts(
        root=str(root.path),
        machine=machine,
        is_generic=bool(profile.match.machines),
        is_pi=bool(profile.match.pi_revision_types),
        has_dmi=_dmi_product(root) is not None,
        compatible=_compatible(root),
        flags=flags,
        cores_known=bool(cpus),
        memory_bytes=_memory_bytes(root),
        userland_bits=_userland_bits(root),
        l4t=_l4t(root),
    )
    return Device(
        profile=profile,
        matched_by=matched_by,
        model=_model(root),
        machine=machine,
        userland_bits=facts.userland_bits,
        cores=len(cpus) or os.cpu_count() or 1,
        physical_cores=physical_cores(root, cpus) if topology_is_known(root, cpus) else None,
        features=tuple(name for name in FEATURES if name in (flags or ())),
        memory_bytes=facts.memory_bytes,
        os=_os_name(root),
        kernel=root.read_text("/proc/sys/kernel/osrelease"),
        l4t=facts.l4t,
        cautions=cautions_of(profile, facts),
    )


def detect_profile(root: SysRoot = THIS_MACHINE) -> DeviceProfile:
    """Only the profile, as cheaply as it can be had: `edgeai.load` asks each time."""
    return _match(root, _machine(root))[0]


def _match(root: SysRoot, machine: str) -> tuple[DeviceProfile, str]:
    return _by_compatible(root) or _by_revision(root) or _by_model_text(root) or _by_architecture(machine)


def _by_compatible(root: SysRoot) -> tuple[DeviceProfile, str] | None:
    """The first entry that any profile claims: the kernel lists the most specific first."""
    compatible = _compatible(root)
    is_tegra = any(re.fullmatch(r"nvidia,tegra\d+", entry) for entry in compatible)
    for entry in compatible:
        modules = _module_names(entry, is_tegra)
        for profile in profiles_naming((entry, *modules)):
            if entry in profile.match.compatible or modules & set(profile.match.modules):
                return profile, f"compatible {entry}"
    return None


def _by_revision(root: SysRoot) -> tuple[DeviceProfile, str] | None:
    code = _revision_code(root)
    # Bit 23 marks the new style; older codes number boards in order and none of those is listed.
    if code is None or not code >> 23 & 1:
        return None
    kind = code >> 4 & 0xFF
    for profile in profiles_naming((f"0x{kind:02x}",)):
        if kind in profile.match.pi_revision_types:
            return profile, f"revision code {code:x} type 0x{kind:02x}"
    return None


def _by_model_text(root: SysRoot) -> tuple[DeviceProfile, str] | None:
    """The longest text of a profile that stands in the model as whole words."""
    model = (
        root.read_text(f"{_DEVICE_TREE}/model")
        or root.read_text(_SOC_MACHINE)
        or root.read_fields("/proc/cpuinfo").get("Model")
    )
    words = (model or "").split()
    spans = {" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)}
    found = [
        (len(text), text, profile)
        for profile in profiles_naming(spans)
        for text in profile.match.model_text
        if text in spans
    ]
    if not found:
        return None
    _, text, profile = max(found, key=lambda hit: hit[0])
    return profile, f"model text {text!r}"


def _by_architecture(machine: str) -> tuple[DeviceProfile, str]:
    for name in (machine, _UNKNOWN_MACHINE_PROFILE):
        for profile in profiles_naming((name,)):
            if name in profile.match.machines:
                return profile, f"architecture {machine}"
    raise AssertionError("no generic profile lists aarch64 among its machines")


def _module_names(entry: str, is_tegra: bool) -> set[str]:
    """Of `nvidia,p3768-0000+p3767-0005-super` p3767, p3767-0005 and p3767-0005-super; empty if not a Jetson.

    `-super` is the same module with higher clocks, as `-b00` is another revision. Newer device trees name the
    module also in an entry of its own, `nvidia,p3767-0005`. On a Tegra the part after `+` counts under any
    vendor: the maker of a carrier board puts its own name first.
    """
    vendor, _, names = entry.partition(",")
    _, plus, module = names.rpartition("+")
    parts = module.split("-") if vendor == "nvidia" or (plus and is_tegra) else []
    return {"-".join(parts[:count]) for count in range(1, len(parts) + 1)}


def _compatible(root: SysRoot) -> tuple[str, ...]:
    return root.read_strings(f"{_DEVICE_TREE}/compatible")


def _revision_code(root: SysRoot) -> int | None:
    """A Raspberry Pi's revision code, from the device tree or from cpuinfo, which containers still show."""
    raw = root.read_bytes(f"{_DEVICE_TREE}/system/linux,revision")
    if raw is not None and len(raw) == 4:
        (code,) = struct.unpack(">I", raw)
        return int(code)
    text = root.read_fields("/proc/cpuinfo").get("Revision", "")
    return int(text, 16) if re.fullmatch(r"[0-9a-fA-F]{4,8}", text) else None


def _model(root: SysRoot) -> str | None:
    cpu = root.read_fields("/proc/cpuinfo")
    return (
        root.read_text(f"{_DEVICE_TREE}/model")
        or _dmi_product(root)
        or root.read_text(_SOC_MACHINE)
        or cpu.get("Model")
        or cpu.get("model name")
    )


def _dmi_product(root: SysRoot) -> str | None:
    product = (root.read_text("/sys/class/dmi/id/product_name") or "").strip()
    return None if product.lower() in _DMI_PLACEHOLDERS else product


def _machine(root: SysRoot) -> str:
    if is_this_machine(root):
        return platform.machine()
    cpu = root.read_fields("/proc/cpuinfo")
    if "vendor_id" in cpu:
        return "x86_64" if "lm" in cpu.get("flags", "").split() else "i686"
    if "isa" in cpu:
        return "riscv64"
    if "CPU implementer" in cpu or root.exists(f"{_DEVICE_TREE}/compatible"):
        return "armv7l" if cpu.get("CPU architecture") == "7" else "aarch64"
    return platform.machine()


def cpu_flags(root: SysRoot) -> frozenset[str] | None:
    """Flags of the first CPU (Linux shows only what all CPUs share); None where cpuinfo does not tell."""
    cpu = root.read_fields("/proc/cpuinfo")
    text = cpu.get("Features") or cpu.get("flags")
    return None if text is None else frozenset(text.split())


def _memory_bytes(root: SysRoot) -> int | None:
    words = root.read_fields("/proc/meminfo").get("MemTotal", "").split()
    kib = whole_number(words[0]) if words else None
    return None if kib is None else kib * 1024


def _userland_bits(root: SysRoot) -> int | None:
    """Of the interpreter, since the kernel of a 32-bit Raspberry Pi OS is 64-bit; of a tree by its loader."""
    if is_this_machine(root):
        return struct.calcsize("P") * 8
    if root.exists("/lib/ld-linux-aarch64.so.1") or root.exists("/lib64/ld-linux-x86-64.so.2"):
        return 64
    return 32 if root.exists("/lib/ld-linux-armhf.so.3") or root.exists("/lib/ld-linux.so.2") else None


def _os_name(root: SysRoot) -> str | None:
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', root.read_text("/etc/os-release") or "", re.MULTILINE)
    return found.group(1) if found else None


def _l4t(root: SysRoot) -> str | None:
    """`# R36 (release), REVISION: 4.3, GCID: ...` as `36.4.3`."""
    text = root.read_text("/etc/nv_tegra_release") or ""
    found = re.match(r"# R(\d{1,4}) \(release\), REVISION: ([\d.]+)", text)
    return f"{found.group(1)}.{found.group(2)}" if found else None
