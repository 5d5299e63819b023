"""What a user should know of the machine before trusting a number from it; each line says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .profile import DeviceProfile

# Half of the smallest board can go to the GPU (gpu_mem on a Pi) or to reserved regions, and the profile may
# lack a smaller size: only below that is something most likely wrong.
_SMALLEST_SHARE = 0.5

# Where a 32-bit userland gets tflite-runtime: it has wheels for armv7l, and for no other 32-bit CPU.
_LEGACY_MACHINES = ("aarch64", "arm64", "armv8l", "armv7l")


@dataclass(frozen=True)
class Caution:
    """One warning in its parts, so that `edgeai doctor` can say more of it than a line."""

    name: str
    what: str
    mend: str
    """What to do."""

    @property
    def text(self) -> str:
        """Both as one sentence."""
        return f"{self.what}{'; ' if ': ' in self.what else ': '}{self.mend}"


@dataclass(frozen=True)
class Facts:
    """What detection saw; None is unknown."""

    root: str
    machine: str
    is_generic: bool
    """No board matched, only an architecture."""
    is_pi: bool
    """A Raspberry Pi, whose firmware splits RAM with the GPU."""
    has_dmi: bool
    """DMI names the machine, as on PCs and Arm servers, which have no device tree."""
    compatible: tuple[str, ...]
    flags: frozenset[str] | None
    cores_known: bool
    memory_bytes: int | None
    userland_bits: int | None
    l4t: str | None


def cautions_of(profile: DeviceProfile, facts: Facts) -> tuple[Caution, ...]:
    """All cautions, the most consequential first."""
    return (
        *_of_match(profile, facts),
        *_of_support(profile, facts),
        *_of_userland(facts),
        *_of_cpu(facts),
        *_of_memory(profile, facts),
    )


def _of_match(profile: DeviceProfile, facts: Facts) -> Iterator[Caution]:
    if not facts.is_generic:
        return
    if facts.machine not in profile.match.machines:
        yield Caution(
            "unknown-architecture",
            f"the architecture {facts.machine} is not one that edgeai knows: the defaults of {profile.id} "
            "are used",
            "expect backends to be missing",
        )
    elif facts.l4t is not None:
        why = (
            f"no profile matches {facts.compatible[0]}"
            if facts.compatible
            else f"{facts.root} shows no device tree (containers hide it)"
        )
        yield Caution(
            "unknown-jetson",
            f"this is a Jetson (L4T {facts.l4t}), but which one cannot be told, because {why}: "
            f"{profile.id} is used, without figures for power and RAM",
            "name the module, as in edgeai.load(model, device='jetson-orin-nano') or "
            "--device jetson-orin-nano",
        )
    elif facts.compatible:
        yield Caution(
            "unknown-board",
            f"no profile matches this board ({facts.compatible[0]}): {profile.id} is used, without figures "
            "for power and RAM",
            "add devices/<id>.toml for it (devices/README.md)",
        )
    elif not facts.has_dmi and "x86" not in profile.id:
        yield Caution(
            "hidden-board",
            f"the board cannot be told, because {facts.root} shows no device tree (containers hide it): "
            f"{profile.id} is used",
            "name the board, as in edgeai.load(model, device='raspberry-pi-5')",
        )


def _of_support(profile: DeviceProfile, facts: Facts) -> Iterator[Caution]:
    release = int(facts.l4t.partition(".")[0]) if facts.l4t else None
    if release is not None and release < 36:
        jetpack, python = (4, "3.6") if release < 34 else (5, "3.8")
        update = "update to JetPack 6, or " if profile.support == "native" else ""
        yield Caution(
            "old-jetpack",
            f"L4T {facts.l4t} (JetPack {jetpack}) brings Python {python}, too old for edgeai",
            f"{update}run it in a container with Python 3.10 or later",
        )
    elif profile.support == "container":
        yield Caution(
            "old-system",
            f"the vendor's system for {profile.name} is too old for edgeai ({profile.default_os})",
            "unless this is another system, run it in a container with Python 3.10 or later",
        )
    elif profile.support == "detect-only":
        yield Caution(
            "untried-board",
            f"{profile.name} is recognised, and no more: edgeai is not tried on its system and does not use "
            "its accelerator",
            "measure before relying on it",
        )


def _of_userland(facts: Facts) -> Iterator[Caution]:
    if facts.userland_bits != 32:
        return
    # armv8l is a 64-bit kernel that was asked to look like a 32-bit one.
    bits = 64 if "64" in facts.machine or facts.machine == "armv8l" else 32
    legacy = (
        "run TFLite models with `pip install 'edgeai[tflite-legacy]'` on Python 3.11 or older, or "
        if facts.machine in _LEGACY_MACHINES
        else ""
    )
    yield Caution(
        "userland-32-bit",
        f"the userland is 32-bit under a {bits}-bit kernel, and onnxruntime and ai-edge-litert publish no "
        "32-bit wheels",
        f"{legacy}install a 64-bit system",
    )


def _of_cpu(facts: Facts) -> Iterator[Caution]:
    if facts.flags is None or not facts.cores_known:
        yield Caution(
            "unread-cpu",
            f"the CPU cannot be fully read under {facts.root} (no /proc/cpuinfo or /sys): the count of cores "
            "is the interpreter's and flags are unknown",
            "mount /proc and /sys",
        )
    elif facts.machine == "aarch64" and "asimddp" not in facts.flags:
        yield Caution(
            "no-dot-product",
            "the CPU has no dot-product instructions (asimddp), so int8 models may be slower than fp32",
            "measure both with `edgeai bench`",
        )


def _of_memory(profile: DeviceProfile, facts: Facts) -> Iterator[Caution]:
    if facts.memory_bytes is None:
        yield Caution(
            "unread-memory",
            f"how much RAM there is cannot be read (no /proc/meminfo under {facts.root})",
            "mount /proc",
        )
    elif profile.memory_bytes and facts.memory_bytes < _SMALLEST_SHARE * profile.memory_bytes[0]:
        split = "gpu_mem, " if facts.is_pi else ""
        yield Caution(
            "little-memory",
            f"RAM is {facts.memory_bytes / 2**20:.0f} MiB, less than half of the smallest {profile.name} "
            f"listed ({profile.memory_bytes[0] / 2**20:.0f} MiB)",
            f"check {split}mem= on the kernel's command line and the virtual machine's size, unless "
            f"devices/{profile.id}.toml lacks the size of this board",
        )
