"""What must be the same for a prepared model to be used: the device, and the library that runs it.

The fingerprint tells kinds of device apart, not units: a prepared model serves all boards of one kind. It is
text, `cpu=Cortex-A76; cpus=4; ...`, so that a record can say what differs.
"""

from __future__ import annotations

import platform
import struct

from ..backends import BACKENDS, load_backend
from ..device.cpus import THIS_MACHINE, is_this_machine, online_cpus, parse_cpu_list
from ..sysroot import SysRoot

_FLAG_STARTS = (
    *("sse", "ssse", "pni", "avx", "fma", "f16c", "amx", "bmi", "abm", "popcnt", "gfni", "xop"),
    *("fp", "asimd", "neon", "vfp", "half", "sve", "sme", "bf16", "i8mm", "idiv", "atomics", "dot"),
    *("lsx", "lasx"),
)
"""What the names of flags start with by which numeric kernels are chosen (x86, Arm, LoongArch; of RISC-V the
whole `isa` counts). Others are left out: a new kernel invents some at each update, for its own use."""

_MODEL_KEYS = ("vendor_id", "cpu family", "model", "model name", "stepping")
_PART_KEYS = (
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
    "isa",
    "uarch",
)
_PRESENT = "/sys/devices/system/cpu/present"


def fingerprint(root: SysRoot = THIS_MACHINE) -> str:
    """The kind of device: machine, board, CPU, the CPU's flags, how many CPUs it has. About 0.3 ms.

    Independent of what this process may use of it: affinity and quotas are matters of each load.
    """
    cpus = _cpus_of(root)
    first = cpus[0] if cpus else {}
    parts = {
        "machine": _machine(root, first),
        "board": _board(root),
        "cpu": " ".join(first[key] for key in _MODEL_KEYS if key in first),
        "cores": ", ".join(_kinds_of_cores(cpus)),
        "cpus": str(_how_many(root, len(cpus))),
        "flags": " ".join(_flags(first)),
        "l4t": (root.read_text("/etc/nv_tegra_release") or "").partition(", GCID")[0],
    }
    return "; ".join(f"{key}={value.replace(';', ',')}" for key, value in parts.items() if value)


def difference(made_for: str, here: str) -> str:
    """In words what differs between two fingerprints; empty where nothing does."""
    if made_for == here:
        return ""
    old, new = _parts(made_for), _parts(here)
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    for key in keys:
        if key != "flags":
            return f"{key} {old.get(key, 'unknown')}, here is {new.get(key, 'unknown')}"
    lost = sorted(set(old.get("flags", "").split()) ^ set(new.get("flags", "").split()))
    return f"a CPU that differs in {' '.join(lost[:8])}" if lost else "another device"


def versions(backend: str) -> dict[str, str]:
    """The version of a backend's library, by its package's name; loads the library.

    Loading it costs nothing to those that open a model with it anyway, while `importlib.metadata` would cost
    25 to 120 ms and tells what was installed, not what is loaded. Raises UnknownBackend, BackendMissing.
    """
    entry = BACKENDS.get(backend)
    return {entry.module if entry else backend: load_backend(backend).version()}


def _parts(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (part.partition("=") for part in text.split("; "))}


def _cpus_of(root: SysRoot) -> list[dict[str, str]]:
    """The blocks of /proc/cpuinfo that are of a CPU each; what stands behind them (Raspberry Pi) is not."""
    text = root.read_text("/proc/cpuinfo") or ""
    blocks = [
        {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        for block in text.split("\n\n")
    ]
    return [block for block in blocks if "processor" in block or "CPU part" in block]


def _kinds_of_cores(cpus: list[dict[str, str]]) -> list[str]:
    """`0x41 8 0x4 0xd0b 1` for each kind of core; not how many, since some may be offline just now."""
    kinds = [" ".join(cpu[key] for key in _PART_KEYS if key in cpu) for cpu in cpus]
    return sorted({kind for kind in kinds if kind})


def _flags(cpu: dict[str, str]) -> list[str]:
    flags = (cpu.get("Features") or cpu.get("flags") or "").split()
    return sorted({flag for flag in flags if flag.startswith(_FLAG_STARTS)})


def _machine(root: SysRoot, cpu: dict[str, str]) -> str:
    """With the bits of this Python: the kernel of a 32-bit Raspberry Pi OS says aarch64."""
    if is_this_machine(root):
        return f"{platform.machine()} {struct.calcsize('P') * 8} bit"
    return "x86_64" if "vendor_id" in cpu else "other"


def _board(root: SysRoot) -> str:
    """A board's own names: the most specific of the device tree says revision and all; or what DMI says."""
    compatible = root.read_strings("/proc/device-tree/compatible")
    return " ".join(compatible) or root.read_text("/sys/class/dmi/id/product_name") or ""


def _how_many(root: SysRoot, listed: int) -> int:
    """CPUs of the machine, those included that are offline just now."""
    return len(parse_cpu_list(root.read_text(_PRESENT) or "")) or len(online_cpus(root)) or listed
