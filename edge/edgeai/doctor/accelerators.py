"""Whether backends load and listed accelerators run anything: tried, each in a process of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ..backends import is_installed, missing
from ..backends.probe import probe_backends, try_apart
from ..device import DeviceProfile
from ..errors import one_line
from .finding import BROKEN, WARNING, Finding, unknown
from .packages import has_cpu_build_on_jetson
from .patient import Patient

# These run nothing faster here: `azure` is a client of a remote service, and stock wheels list it.
_NO_ACCELERATOR = ("cpu", "azure")
_FROM = "from edgeai.doctor.provider_child import "
# Of ONNX Runtime's messages the piece that says which library is missing, else the line that tells most.
_TELLING = (
    re.compile(r"lib\S+\.so[.\d]*: [^\n]+"),
    re.compile(r"[^\n]*(?:Failed to load|cannot open|CUDA failure|not found)[^\n]*"),
)


def backends(patient: Patient) -> Iterator[Finding]:
    """Backends that are installed and do not load, and a Python without any."""
    if not patient.runs_here:
        yield _captured()
        return
    probes = probe_backends()
    for probe in probes:
        if probe.problem is not None and is_installed(probe.name):
            what, _, mend = probe.problem.rpartition("; ")
            yield Finding(BROKEN, f"{probe.name} {what}", "no model runs on this backend", mend)
    if not any(is_installed(probe.name) for probe in probes):
        hints = " or ".join(missing(format_).partition("; ")[2] for format_ in ("onnx", "tflite"))
        yield Finding(BROKEN, "no backend is installed", "no model can be run", hints)


def accelerators(patient: Patient) -> Iterator[Finding]:
    """Runs a tiny model through every accelerator that ONNX Runtime lists."""
    if not patient.runs_here:
        yield _captured()
        return
    if not is_installed("onnxruntime"):
        return
    listed = try_apart(f"{_FROM}list_providers; list_providers()")
    if listed.problem is not None:
        yield unknown(
            f"ONNX Runtime does not load ({one_line(listed.problem)})", "edgeai doctor --only backends,wheel"
        )
        return
    providers = [name for name in json.loads(listed.output) if name not in _NO_ACCELERATOR]
    failed = {name: why for name in providers if (why := _failure(name)) is not None}
    for name, why in failed.items():
        # Where another one works, as CUDA without TensorRT does, models have an accelerator.
        yield Finding(
            BROKEN if len(failed) == len(providers) else WARNING,
            f"the provider {name} is listed by ONNX Runtime and {why}",
            f"whoever asks for {name} gets the CPU's speed, or an error",
            f"install the libraries and the driver that {name} needs, or leave it out: --providers cpu",
        )
    wanted = _expected(patient.device.profile)
    if wanted and not set(wanted) & set(providers) and not has_cpu_build_on_jetson(patient):
        yield Finding(
            WARNING,
            f"{patient.device.profile.name} has an accelerator, and this ONNX Runtime lists no provider for "
            f"it ({' or '.join(wanted)})",
            "models run on the CPU only",
            "edgeai doctor --only wheel,owners; install the build that carries it",
        )


def _failure(name: str) -> str | None:
    """What became of the tiny model on a provider; None where nodes ran there."""
    tried = try_apart(f"{_FROM}run_on; run_on({name!r})")
    told = next(filter(None, (pattern.search(tried.messages) for pattern in _TELLING)), None)
    reason = one_line(told[0] if told else tried.problem or "it gives no reason")
    if tried.problem is not None:
        return f"does not open a model: {reason}"
    return None if name in json.loads(tried.output) else f"runs no node of a tiny model: {reason}"


def _expected(profile: DeviceProfile) -> tuple[str, ...]:
    """The profile's providers beside the CPU, of a board that has an accelerator."""
    if not profile.accelerators:
        return ()
    return tuple(name for name in profile.preferred_providers if name not in _NO_ACCELERATOR)


def _captured() -> Finding:
    return unknown("not tried: a captured tree cannot be run on", "run edgeai doctor on the board itself")
