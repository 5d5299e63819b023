"""RAPL of Intel and AMD through powercap: counters in µJ of whole processors, memory and, on some, the board.

Zones nest, and some show one thing twice: `core` and `uncore` are inside of their package, `intel-rapl-mmio`
repeats the package through other registers, and `psys` holds the packages. So two meters, each with one
total: `psys`, and the packages with their `dram`. Everything else is shown and not added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..unavailable import Unavailable
from .meter import COUNTER_J, ErrorModel, MeterInfo, Rail, ReadFailed
from .permission import rules_advice
from .rapl_accuracy import PSYS_ERROR, UPDATE_S, error_of_packages
from .sysfs import MICRO, Channel, SysfsMeter, read_number, that_answer, tried

if TYPE_CHECKING:
    from pathlib import Path

    from ..sysroot import SysRoot
    from .meter import Meter, Site

_POWERCAP = "/sys/class/powercap"


@dataclass(frozen=True)
class _Zone:
    """`intel-rapl:0` is a zone, `intel-rapl:0:1` is inside of it."""

    id: str
    name: str
    energy: Path
    wrap_j: float | None

    @property
    def is_package(self) -> bool:
        return self.name.startswith("package")

    @property
    def parent(self) -> str:
        return self.id.rpartition(":")[0]


def probe(site: Site) -> Meter | Unavailable:
    """The packages with their memory: what is nearest to the whole where there is no psys."""
    zones = _zones(site.root)
    packages = [zone for zone in zones if zone.is_package]
    if not packages:
        return _no_zone("package")
    inside = {zone.id for zone in packages}
    counted = [zone for zone in zones if zone.is_package or (zone.name == "dram" and zone.parent in inside)]
    shown = [zone for zone in zones if zone.parent in inside and zone not in counted]
    has_memory = len(counted) > len(packages)
    several = f"{len(packages)} packages" if len(packages) > 1 else "package"
    memory = "" if has_memory else "this processor reports no dram domain, so memory is not counted"
    return _meter(
        "rapl",
        f"{several} + dram" if has_memory else several,
        counted,
        shown,
        error_of_packages(site.root),
        tuple(note for note in (memory, "drives, fans and the supply's losses are not counted") if note),
    )


def probe_psys(site: Site) -> Meter | Unavailable:
    """The platform domain, where the board's maker wired its sensor."""
    zones = _zones(site.root)
    platforms = [zone for zone in zones if zone.name == "psys"]
    if not platforms:
        return _no_zone("psys")
    if len(platforms) > 1:  # some servers have one a socket; whether they repeat each other is not documented
        return Unavailable(
            f"there are {len(platforms)} psys domains, and nobody says whether they add up",
            "measure with `--meter rapl`, or at the supply",
        )
    others = [zone for zone in zones if zone not in platforms]
    note = "psys covers what the board's maker wired to it: compare it once with a meter at the supply"
    return _meter("rapl-psys", "platform (psys)", platforms, others, PSYS_ERROR, (note,))


def _zones(root: SysRoot) -> list[_Zone]:
    """All zones once, sorted by number. The kernel lists inner ones beside their parents as links too."""
    paths = [*root.glob(f"{_POWERCAP}/intel-rapl:*"), *root.glob(f"{_POWERCAP}/intel-rapl:*/intel-rapl:*")]
    by_id = {path.rpartition("/")[2]: path for path in paths}
    zones = []
    for id_, path in sorted(by_id.items(), key=lambda item: [int(n) for n in item[0].split(":")[1:]]):
        name = root.read_text(f"{path}/name")
        if name and root.exists(f"{path}/energy_uj"):
            zones.append(_Zone(id_, name, root.at(f"{path}/energy_uj"), _wrap_j(root, path)))
    return zones


def _wrap_j(root: SysRoot, zone: str) -> float | None:
    try:
        return read_number(root.at(f"{zone}/max_energy_range_uj")) / 1e6
    except ReadFailed:
        return None


def _meter(
    name: str,
    scope: str,
    counted: list[_Zone],
    shown: list[_Zone],
    error: ErrorModel,
    notes: tuple[str, ...],
) -> Meter | Unavailable:
    names = {zone.id: zone.name for zone in (*counted, *shown)}
    channels = []
    for zone in (*counted, *shown):
        outer = names.get(zone.parent)
        label = f"{outer} {zone.name}" if outer else zone.name
        rail = Rail(label, counted=zone in counted, wrap_j=zone.wrap_j)
        channels.append(Channel(rail, (zone.energy,), MICRO))
    channels = that_answer(channels)
    rails = tuple(channel.rail for channel in channels)
    info = MeterInfo(name, scope, COUNTER_J, rails, UPDATE_S, error, notes=notes)
    return tried(SysfsMeter(info, channels), rules_advice("powercap"))


def _no_zone(name: str) -> Unavailable:
    return Unavailable(
        f"{_POWERCAP} has no {name} domain of RAPL",
        "on an Intel or AMD machine `sudo modprobe intel_rapl_msr` may bring it; virtual machines and "
        "containers do not show it",
    )
