"""Installed wheels: two that own one library, one that does not match the machine, numpy 2 beside numpy 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..backends import BACKENDS
from ..sysroot import SysRoot
from ..toml_table import TomlTable
from .finding import BROKEN, WARNING, Finding, unknown
from .installed import Distribution, first_of_each
from .patient import Patient
from .versions import release, stays_below

WHEELS = Path(__file__).with_name("wheels.toml")
# On a Jetson only NVIDIA's own builds reach the GPU.
_JETSON_BUILDS = ("onnxruntime-gpu", "onnxruntime-jetson")
_CPU_BUILD = "onnxruntime"
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "ai-edge-litert", "tflite-runtime", "picamera2")
"""What does not work at all if numpy does not fit, beside our own code."""


@dataclass(frozen=True)
class KnownBad:
    """A wheel that pip installs on a machine on which it does not run; see wheels.toml."""

    distribution: str
    versions: tuple[str, ...]
    machine: str
    cpu_parts: tuple[str, ...]
    lacks: str
    what: str
    mend: str
    source: str


@dataclass(frozen=True)
class NumpyOne:
    """A distribution that was compiled for numpy 1 and does not say so."""

    distribution: str
    versions_up_to: str | None
    apt_only: bool
    source: str


def owners(patient: Patient) -> Iterator[Finding]:
    """Distributions that write into the same package: what was installed last has overwritten the other."""
    if patient.distributions is None:
        yield _no_packages()
        return
    for module in (entry.module for entry in BACKENDS.values()):
        by_folder: dict[Path, list[Distribution]] = {}
        for each in patient.distributions:
            if module in each.top_level:
                by_folder.setdefault(each.folder, []).append(each)
        for several in by_folder.values():
            if len(several) > 1:
                yield _shared(module, several, patient)


def wheel(patient: Patient) -> Iterator[Finding]:
    """Wheels that are known to fail on this CPU, and the CPU's onnxruntime on a Jetson."""
    if patient.distributions is None:
        yield _no_packages()
        return
    first = first_of_each(patient.distributions)
    for bad in known_wheels()[0]:
        found = first.get(bad.distribution)
        if (
            found
            and found.version.partition("+")[0] in bad.versions
            and patient.device.machine == bad.machine
        ):
            yield from _mismatch(patient, bad, found)
    if has_cpu_build_on_jetson(patient):
        yield Finding(
            WARNING,
            f"onnxruntime {first[_CPU_BUILD].version} is the build for CPUs, and this is a Jetson",
            "no model reaches the GPU: CUDA and TensorRT are not in that build",
            "pip uninstall onnxruntime, then install onnxruntime-gpu from NVIDIA's index for this JetPack, "
            "and plain edgeai (not 'edgeai[onnx]', which brings the other back)",
        )


def has_cpu_build_on_jetson(patient: Patient) -> bool:
    """Whether PyPI's onnxruntime is what a Jetson has, and none of NVIDIA's builds."""
    first = first_of_each(patient.distributions or ())
    return patient.is_jetson and _CPU_BUILD in first and not any(build in first for build in _JETSON_BUILDS)


def numpy(patient: Patient) -> Iterator[Finding]:
    """What says `numpy<2`, or is known to be built for numpy 1, where Python imports numpy 2."""
    if patient.distributions is None:
        yield _no_packages()
        return
    first = first_of_each(patient.distributions)
    found = first.get("numpy")
    if found is None or release(found.version)[:1] < (2,):
        return
    for each in first.values():
        reason = _built_for_numpy_1(each, found)
        if reason is not None:
            yield Finding(
                BROKEN if each.name in _RUNTIMES else WARNING,
                f"{each.name} {each.version} beside numpy {found.version}: {reason}",
                "a module compiled for numpy 1 fails on import, or crashes the process",
                "pip uninstall numpy (Debian's own is then found again)"
                if each.is_from_apt
                else "pip install 'numpy<2', or a newer " + each.name,
            )


@cache
def known_wheels() -> tuple[tuple[KnownBad, ...], tuple[NumpyOne, ...]]:
    """wheels.toml, parsed. Raises ConfigError with file and key."""
    top = TomlTable.open(WHEELS)
    bad = tuple(_known_bad(table) for table in top.tables("known_bad"))
    old = tuple(_numpy_one(table) for table in top.tables("numpy_1"))
    top.done()
    return bad, old


def _known_bad(table: TomlTable) -> KnownBad:
    made = KnownBad(
        distribution=table.text("distribution"),
        versions=table.texts("versions"),
        machine=table.text("machine"),
        cpu_parts=table.texts("cpu_parts"),
        lacks=table.text("lacks"),
        what=table.text("what"),
        mend=table.text("mend"),
        source=table.text("source"),
    )
    table.done()
    return made


def _numpy_one(table: TomlTable) -> NumpyOne:
    made = NumpyOne(
        distribution=table.text("distribution"),
        versions_up_to=table.optional_text("versions_up_to"),
        apt_only=table.flag("apt_only"),
        source=table.text("source"),
    )
    table.done()
    return made


def _shared(module: str, several: list[Distribution], patient: Patient) -> Finding:
    names = sorted(each.name for each in several)
    wanted = next((name for name in names if patient.is_jetson and name in _JETSON_BUILDS), None)
    keep = wanted or "the one that you want"
    again = f"pip install --no-deps {wanted or '<it>'}"
    return Finding(
        BROKEN,
        f"{' and '.join(f'{each.name} {each.version}' for each in several)} both own the folder {module}/",
        "the one that was installed last has overwritten files of the other: versions mix, and providers "
        "such as CUDA disappear",
        f"pip uninstall -y {' '.join(names)}; then install {keep} again: {again}",
    )


def _mismatch(patient: Patient, bad: KnownBad, found: Distribution) -> Iterator[Finding]:
    parts = _cpu_parts(patient.root)
    proven = bool(parts & set(bad.cpu_parts))
    # A cpuinfo that shows no flags says nothing of what the CPU lacks.
    suspected = bad.lacks not in patient.device.features and "unread-cpu" not in {
        caution.name for caution in patient.device.cautions
    }
    if proven or suspected:
        may = "" if proven else "may be one that "
        cpu = ", ".join(sorted(parts)) or "its part is not known"
        yield Finding(
            BROKEN if proven else WARNING,
            f"{found.name} {found.version} {may}{bad.what} on this CPU ({cpu})",
            "no ONNX model runs; the process is killed without a message",
            bad.mend,
        )


def _cpu_parts(root: SysRoot) -> frozenset[str]:
    """`CPU part` of every core, such as 0xd08 for a Cortex-A72."""
    lines = (root.read_text("/proc/cpuinfo") or "").splitlines()
    pairs = (line.partition(":") for line in lines)
    return frozenset(value.strip().lower() for key, _, value in pairs if key.strip() == "CPU part")


def _built_for_numpy_1(each: Distribution, numpy_found: Distribution) -> str | None:
    for line in each.requires:
        if specifier := stays_below(line, "numpy", 2):
            return f"it asks for numpy{specifier}"
    for old in known_wheels()[1]:
        if (
            each.name == old.distribution
            and (old.versions_up_to is None or release(each.version) <= release(old.versions_up_to))
            and (not old.apt_only or _has_numpy_of_its_own(each, numpy_found))
        ):
            return "it is compiled for numpy 1"
    return None


def _has_numpy_of_its_own(each: Distribution, numpy_found: Distribution) -> bool:
    """Whether apt installed it, and Debian's numpy 1 is hidden by the numpy that Python finds first."""
    if not each.is_from_apt or numpy_found.folder == each.folder:
        return False
    own = [info.name for info in each.folder.glob("numpy-*-info")]
    return any(name.startswith("numpy-1.") for name in own)


def _no_packages() -> Finding:
    return unknown(
        "no Python packages are in this tree", "run edgeai doctor on the board itself", "wheels may not match"
    )
