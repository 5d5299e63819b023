"""`edgeai device`: this machine, and the boards that edgeai knows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from ..backends.probe import Probe, probe_backends
from ..device import Device, DeviceProfile, Figure, detect, load_profile, profile_ids
from ..errors import UsageError
from ..sysroot import SysRoot
from .options import complete_devices
from .output import json_option, table, verbosity_options, write_json

_SCHEMA = 1
_SOURCE = "  ["  # between a figure and its source


@click.group(invoke_without_command=True)
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Read a captured tree (proc, sys, etc) instead of this machine.",
)
@json_option
@verbosity_options
@click.pass_context
def device(context: click.Context, root: Path | None, as_json: bool, verbosity: int) -> None:
    """Show this machine: board, cores, RAM, usable backends, and what to be aware of.

    \b
    Examples:
      edgeai device                                 this machine
      edgeai device --json                          the same for a program
      edgeai device --root tests/boards/jetson-tx2  a captured board
      edgeai device list                            every board that edgeai knows
      edgeai device show raspberry-pi-5             what is known of one
    """
    if context.invoked_subcommand is not None:
        _refuse_before_subcommand(context.invoked_subcommand, root, as_json, verbosity)
        return
    found = detect(SysRoot(root)) if root else detect()
    probes = None if root else probe_backends()
    if as_json:
        write_json(_device_document(found, probes))
    else:
        _print_device(found, probes, verbosity)


@device.command("list")
@json_option
@verbosity_options
def list_devices(as_json: bool, verbosity: int) -> None:
    """List every board that edgeai knows; -q prints ids only, -v adds the SoC.

    \b
    Examples:
      edgeai device list
      edgeai device list -q
      edgeai device list --json
    """
    profiles = [load_profile(id_) for id_ in profile_ids()]
    if as_json:
        write_json(_document("edgeai.device.list", profiles=[dataclasses.asdict(p) for p in profiles]))
    elif verbosity < 0:
        click.echo("\n".join(profile.id for profile in profiles))
    else:
        header = ["id", "name", "cores", "RAM", "support"]
        rows = [[p.id, p.name, _cores_of(p), _sizes(p.memory_bytes), p.support] for p in profiles]
        if verbosity > 0:
            header.append("SoC")
            rows = [[*row, profile.soc] for row, profile in zip(rows, profiles, strict=True)]
        click.echo(table(rows, header))


@device.command()
@click.argument("id_", metavar="ID", shell_complete=complete_devices)
@json_option
@verbosity_options
def show(id_: str, as_json: bool, verbosity: int) -> None:
    """Show what is known of one board, with the source of each figure; -q leaves the sources out, -v adds
    what the board is recognised by.

    \b
    Examples:
      edgeai device show raspberry-pi-5
      edgeai device show jetson-orin-nano --json
    """
    profile = load_profile(id_)
    if as_json:
        write_json(_document("edgeai.device.profile", profile=dataclasses.asdict(profile)))
        return
    click.echo(f"{profile.id}  {profile.name}")
    lines = _profile_lines(profile)
    if verbosity < 0:
        lines = [(name, value.partition(_SOURCE)[0]) for name, value in lines]
    if verbosity > 0:
        lines += [(f"match {rule}", _words(value)) for rule, value in _match_rules(profile)]
    _print_lines(lines)


def _refuse_before_subcommand(name: str, root: Path | None, as_json: bool, verbosity: int) -> None:
    """`edgeai device --json list` would drop the option without a word."""
    if root or as_json or verbosity:
        raise UsageError(
            f"options before {name!r} are not passed on to it; write them after it, "
            f"as in `edgeai device {name} --json` (--root, -q and -v do not apply there)"
        )


def _device_document(found: Device, probes: tuple[Probe, ...] | None) -> dict[str, object]:
    backends = None if probes is None else [dataclasses.asdict(probe) for probe in probes]
    described = dataclasses.asdict(found)
    del described["cautions"]
    described["warnings"] = found.warnings
    return _document("edgeai.device", device=described, backends=backends)


def _document(kind: str, **content: object) -> dict[str, object]:
    return {"schema": _SCHEMA, "kind": kind, **content}


def _match_rules(profile: DeviceProfile) -> list[tuple[str, tuple[object, ...]]]:
    rules = dataclasses.asdict(profile.match).items()
    return [(rule.replace("_", " "), tuple(value)) for rule, value in rules if value]


def _words(values: tuple[object, ...]) -> str:
    return ", ".join(hex(value) if isinstance(value, int) else str(value) for value in values)


def _print_device(found: Device, probes: tuple[Probe, ...] | None, verbosity: int) -> None:
    click.echo(f"{found.profile.id}  {found.profile.name}")
    _print_lines(_device_lines(found))
    if verbosity > 0:
        click.echo("profile")
        _print_lines(_profile_lines(found.profile))
    click.echo("backends")
    if probes is None:
        click.echo("  not tried: a captured tree cannot be run on")
    for probe in probes or ():
        click.echo(f"  {probe.name:12}  {probe.problem or f'usable {probe.version}'}")
    if verbosity >= 0:
        for warning in found.warnings:
            click.echo(f"warning: {warning}")


def _device_lines(found: Device) -> list[tuple[str, str]]:
    physical = "" if found.physical_cores is None else f", {found.physical_cores} physical"
    bits = "" if found.userland_bits is None else f", {found.userland_bits}-bit userland"
    lines = [
        ("matched by", found.matched_by),
        ("model", found.model or "unknown"),
        ("system", f"{found.os or 'unknown'}; kernel {found.kernel or 'unknown'}"),
        ("architecture", f"{found.machine}{bits}"),
        ("cores", f"{found.cores} online{physical}"),
        ("features", " ".join(found.features) or "none seen that matter to int8 or half floats"),
        ("RAM", "unknown" if found.memory_bytes is None else _size(found.memory_bytes)),
    ]
    return [*lines, ("L4T", found.l4t)] if found.l4t else lines


def _profile_lines(profile: DeviceProfile) -> list[tuple[str, str]]:
    lines = [
        ("support", profile.support),
        ("system", profile.default_os),
        ("SoC", profile.soc),
        ("cores", f"{_cores_of(profile)}{_from(profile.cpu_source)}"),
        ("features", f"{' '.join(profile.features) or '-'}{_from(profile.cpu_source)}"),
        ("RAM", f"{_sizes(profile.memory_bytes)}{_from(profile.memory_source)}"),
        ("bandwidth", _figure(profile.memory_bandwidth_bytes_per_s, 1e9, "GB/s")),
    ]
    lines += [("RAM taken", _figure(profile.memory_taken_bytes, 1e6, "MB at rest"))]
    for cluster in profile.clusters:
        lines.append((cluster.name, _figure(cluster.max_clock_hz, 1e9, "GHz")))
        lines += [
            (f"peak {dtype}", f"{cluster.name}, {_figure(each, 1, 'multiply-accumulates a cycle')}")
            for dtype, each in cluster.macs_per_cycle.items()
        ]
    for part in profile.accelerators:
        peak = _figure(part.peak_ops_per_s, 1e12, "TOPS peak")
        lines.append(("accelerator", f"{part.name} ({part.kind}), {peak}"))
        lines += [
            (f"peak {dtype}", f"{part.name}, {_figure(each, 1e12, 'T multiply-accumulates/s, dense')}")
            for dtype, each in part.macs_per_s.items()
        ]
    lines += [
        ("backends", ", ".join(profile.preferred_backends)),
        ("providers", ", ".join(profile.preferred_providers)),
        ("threads", str(profile.threads or "as many as usable performance cores")),
        ("sensors", ", ".join((*profile.sensors.power, *profile.sensors.throttle)) or "-"),
        ("idle", _figure(profile.idle_w, 1, "W")),
        ("load", _figure(profile.load_w, 1, "W")),
    ]
    return lines + [(f"budget {b.name}", _figure(b.power_w, 1, "W")) for b in profile.power_budgets]


def _print_lines(lines: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        click.echo(f"  {name.ljust(width)}  {value}")


def _figure(figure: Figure | None, unit_value: float, unit: str) -> str:
    """A figure with its source; what nobody published is said to be unknown."""
    if figure is None:
        return "unknown"
    return f"{figure.value / unit_value:.4g} {unit}{_from(figure.source)}"


def _from(source: str | None) -> str:
    return f"{_SOURCE}{source}]" if source else ""


def _cores_of(profile: DeviceProfile) -> str:
    return " + ".join(f"{cluster.count}x{cluster.name}" for cluster in profile.clusters) or "-"


def _sizes(sizes: tuple[int, ...]) -> str:
    return ", ".join(_size(size) for size in sizes) or "-"


def _size(size_bytes: int) -> str:
    gib = size_bytes / 2**30
    return f"{size_bytes / 2**20:.0f} MiB" if gib < 1 else f"{gib:.3g} GiB"
