"""One model on one board: whether it fits, and how fast it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..device.cpus import THIS_MACHINE
from ..device.free_memory import free_memory
from .memory import Need, Room, need, room_here, rooms, verdict
from .roofline import Speed, accelerator_peaks, cpu_peak, speed

if TYPE_CHECKING:
    from ..device import DeviceProfile
    from ..graph.demand import Demand
    from ..sysroot import SysRoot


@dataclass(frozen=True)
class Fit:
    """Estimates. board: a profile's id. fits: YES, TIGHT, NO or UNKNOWN, of the smallest size of RAM.

    fits_from_bytes: the smallest size of RAM that it fits for certain, where the board is sold in several.
    speeds: of the CPU with one thread and with as many as it runs with by default, then of accelerators.
    """

    board: str
    need: Need
    room: Room
    fits: str
    speeds: tuple[Speed, ...]
    fits_from_bytes: int | None = None


def fit_board(demand: Demand, profile: DeviceProfile, threads: int | None = None) -> Fit:
    """Judge by a profile alone. threads: instead of those that the board runs with by default."""
    needed = need(demand.costs.weight_bytes, demand.costs.peak_memory_bytes)
    sizes = rooms(profile)
    enough = [room.ram_bytes for room in sizes if verdict(needed, room) == "yes"]
    return Fit(
        board=profile.id,
        need=needed,
        room=sizes[0],
        fits=verdict(needed, sizes[0]),
        speeds=_speeds(demand, profile, threads),
        fits_from_bytes=enough[0] if enough else None,
    )


def fit_here(
    demand: Demand, profile: DeviceProfile, threads: int | None = None, root: SysRoot = THIS_MACHINE
) -> Fit:
    """Judge by the RAM that this machine has free now, within the limits of its control groups."""
    needed = need(demand.costs.weight_bytes, demand.costs.peak_memory_bytes)
    room = room_here(free_memory(root))
    return Fit(profile.id, needed, room, verdict(needed, room), _speeds(demand, profile, threads))


def _speeds(demand: Demand, profile: DeviceProfile, threads: int | None) -> tuple[Speed, ...]:
    peaks = {peak.threads: peak for peak in (cpu_peak(profile, 1), cpu_peak(profile, threads))}
    if threads is not None:
        peaks = {threads: cpu_peak(profile, threads)}
    return tuple(speed(demand, peak) for peak in (*peaks.values(), *accelerator_peaks(profile)))
