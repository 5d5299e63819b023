"""What ran where: the machine before and after each process, and everything needed to repeat the run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from edgeai.markup import Markup, element
from edgeai.measure.conditions import Conditions
from edgeai.measure.protocol import Tensor
from edgeai.quantities import bytes_text, digits, share_text, time_text

from ...report import ProcessRecord, Report
from .parts import UNKNOWN, facts, section, table

_UNAVAILABLE = {
    "foreign load": "the kernel told no CPU times (/proc/stat)",
    "stolen time": "the kernel told no CPU times (/proc/stat)",
    "held back by a quota": "no control group with CPU accounting was found",
    "clock after / before": "the kernel shows no clock (cpufreq)",
}


def conditions_section(report: Report) -> Markup:
    """What happened to the machine while each process measured."""
    if not report.processes:
        return Markup()
    header = [
        ("process", ""), ("calls", "number"), ("warm-up", "number"), ("foreign load", "number"),
        ("stolen time", "number"), ("held back by a quota", "number"), ("clock after / before", "number"),
        ("throttling", "told"), ("answers", "told"),
    ]  # fmt: skip
    rows = [_row(number, process) for number, process in enumerate(report.processes, 1)]
    throttled = frozenset(
        at
        for at, process in enumerate(report.processes)
        if process.change.throttle_events or process.output_error is not None
    )
    missing = [
        f"{name}: unavailable: {why}"
        for name, why in _UNAVAILABLE.items()
        if all(row[[title for title, _ in header].index(name)] == "-" for row in rows)
    ]
    return section(
        "Conditions",
        table("Each process", header, rows, marked=throttled),
        *(element("p", text, class_="missing") for text in missing),
        facts(_looks(report.processes)),
    )


def identity_section(report: Report) -> Markup:
    """Model, software, machine and settings."""
    return section(
        "Identity",
        element("pre", shlex.join(report.identity.command)),
        element(
            "div", facts(_model(report)), facts(_software(report)), facts(_settings(report)), class_="columns"
        ),
    )


def _row(number: int, process: ProcessRecord) -> list[str]:
    change = process.change
    foreign, quota = change.foreign_load, change.cgroup_throttled_s
    return [
        str(number),
        f"{process.runs:,}" + ("" if process.met_rule else ", stopped early"),
        f"{process.warm_up_runs:,}" + ("" if process.converged else ", unsettled"),
        "-" if foreign is None else f"{digits(foreign)} CPUs",
        "-" if change.stolen_share is None else f"{share_text(100 * change.stolen_share)} %",
        "-" if quota is None else time_text(quota) if quota else "none",
        "-" if change.slowest_clock_share is None else f"{100 * change.slowest_clock_share:.1f} %",
        ", ".join(f"{name} ({count})" for name, count in change.throttle_events.items()) or "none seen",
        process.output_error or "agree",
    ]


def _looks(processes: Sequence[ProcessRecord]) -> dict[str, str]:
    """From before the first process to after the last."""
    before, after = processes[0].before, processes[-1].after
    return {
        "load (1 min)": _both(before.load_1min, after.load_1min, digits),
        "RAM available": _both(before.memory_available_bytes, after.memory_available_bytes, bytes_text),
        "swap used": _both(before.swap_used_bytes, after.swap_used_bytes, bytes_text)
        + (", zram present" if after.zram else ""),
        "clock": _clocks(before, after),
        "temperature": _heat(before, after),
        "governor": ", ".join(after.governors) or "unavailable: no cpufreq",
        "power mode": after.power_mode or "unavailable: no nvpmodel",
    }


def _both(before: float | None, after: float | None, write: Callable[[float], str]) -> str:
    if before is None or after is None:
        return "unavailable: the kernel does not tell it"
    return f"{write(before)} before, {write(after)} after"


def _clocks(before: Conditions, after: Conditions) -> str:
    told = []
    for look in (before, after):
        known = [hz / 1e9 for hz in look.frequencies_hz if hz is not None]
        if not known:
            return "unavailable: no cpufreq"
        told.append(f"{min(known):.2f} to {max(known):.2f} GHz")
    pinned = (
        {True: ", fixed", False: ", not fixed"}.get(after.clocks_pinned, "")
        if after.clocks_pinned is not None
        else ""
    )
    return f"{told[0]} before, {told[1]} after{pinned}"


def _heat(before: Conditions, after: Conditions) -> str:
    zones = [zone for zone in before.temperatures_c if zone in after.temperatures_c]
    if not zones:
        return "unavailable: no thermal zone"
    return "; ".join(
        f"{zone} {before.temperatures_c[zone]:.1f} to {after.temperatures_c[zone]:.1f} °C" for zone in zones
    )


def _model(report: Report) -> dict[str, str]:
    model = report.model
    told = {
        "model": model.path,
        "sha256": model.sha256,
        "size": f"{bytes_text(model.size_bytes)}, {model.format}",
    }
    if model.inputs:
        told["inputs"] = _tensors(model.inputs)
    if model.outputs:
        told["outputs"] = _tensors(model.outputs)
    if model.bundle is not None:
        told["bundle"] = " ".join(filter(None, (model.bundle.id, model.bundle.version))) or UNKNOWN
        for part in model.bundle.models:
            told[f"runs {part.name}"] = (
                f"{part.variant} on {part.backend} {part.library_version} "
                f"({part.provider or 'provider unknown'}), {bytes_text(part.size_bytes)}"
            )
    return told


def _software(report: Report) -> dict[str, str]:
    identity = report.identity
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in identity.provider_share.items())
    features = " ".join(identity.cpu_features) or "no features known"
    memory = UNKNOWN if identity.memory_bytes is None else bytes_text(identity.memory_bytes)
    return {
        "edgeai": f"{identity.edgeai_version}, Python {identity.python_version}",
        "backend": f"{identity.backend} {identity.library_version}",
        "provider": f"{identity.provider or UNKNOWN}" + (f"; nodes: {shares}" if shares else ""),
        "threads": f"{identity.threads}, on CPUs {', '.join(map(str, identity.affinity))}",
        **({} if identity.prepared is None else {"prepared": identity.prepared}),
        **({} if identity.board is None else {"board": identity.board}),
        "machine": identity.device_model or UNKNOWN,
        "profile": f"{identity.device_profile}, matched by {identity.matched_by}",
        "CPU": f"{identity.cores} cores, {identity.machine}: {features}",
        "RAM": memory,
        "kernel": identity.kernel,
        "page cache": identity.page_cache,
        "started": identity.started_utc,
    }


def _settings(report: Report) -> dict[str, str]:
    settings = report.settings
    told = {
        "processes": str(settings.processes) + (" (quick)" if settings.quick else ""),
        "each at least": f"{settings.min_runs} calls and {time_text(settings.min_s)}",
        "each at most": time_text(settings.max_s),
        "warm-up": f"{time_text(settings.warm_up_min_s)} to {time_text(settings.warm_up_max_s)}",
        "until p50 is within": "no rule"
        if settings.precision is None
        else f"\u00b1{100 * settings.precision:g} %",
        "inputs": settings.inputs,
        "seed": str(settings.seed),
        "[low, high] are": "95 % intervals"
        if settings.intervals == "95 %"
        else f"the {settings.intervals} of the processes",
    }
    if settings.batch is not None:
        told["batch"] = str(settings.batch)
    if settings.input_sha256 is not None:
        told["inputs' sha256"] = settings.input_sha256
    if settings.values:
        told["values"] = ", ".join(f"{name} = {value:g}" for name, value in settings.values.items())
    if settings.loops:
        told["loops"] = ", ".join(f"{name} from {output}" for name, output in settings.loops.items())
    return told


def _tensors(tensors: Sequence[Tensor]) -> str:
    return ", ".join(f"{each.name} {each.dtype} [{', '.join(map(str, each.shape))}]" for each in tensors)
