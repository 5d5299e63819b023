"""The RAM that a process with a model needs, with the error of the prediction, against what a board has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..device.free_memory import FreeMemory
from ..graph.runtime_memory import PEAK_ERROR

if TYPE_CHECKING:
    from ..device import DeviceProfile

YES, TIGHT, NO, UNKNOWN = "yes", "tight", "no", "unknown"
"""tight: whether it fits lies within the error of the prediction."""

PROCESS_BYTES = 63_000_000
"""Python, numpy and a runtime before any model: 50 to 63 MB resident, measured on x86-64 with Python 3.10 and
3.11, onnxruntime 1.23.2 and 1.32.0, ai-edge-litert 2.3.0; the largest is taken. About half of it are pages of
libraries, which the kernel can drop."""


@dataclass(frozen=True)
class Need:
    """Bytes that a process with the model is likely to hold at its peak, and the ends of the estimate.

    likely_bytes, most_bytes: None where the activations are unknown; least_bytes then counts weights alone.
    """

    likely_bytes: int | None
    least_bytes: int
    most_bytes: int | None


@dataclass(frozen=True)
class Room:
    """Bytes that a process may take on a board; None where nobody says. why: how they come about."""

    bytes: int | None
    why: str
    is_all: bool = False
    """Whether the system's own part is not known, and so not taken off."""
    ram_bytes: int | None = None
    """The size of RAM that is judged; a board that is sold in several is judged by its smallest."""


def need(weight_bytes: int, peak_memory_bytes: int | None) -> Need:
    """Of a process that loads and runs a model. peak_memory_bytes: as `graph.costs` predicts it."""
    if peak_memory_bytes is None:
        return Need(None, PROCESS_BYTES + weight_bytes, None)
    error = round(PEAK_ERROR * peak_memory_bytes)
    likely = PROCESS_BYTES + peak_memory_bytes
    return Need(likely, max(likely - error, PROCESS_BYTES + weight_bytes), likely + error)


def verdict(need: Need, room: Room) -> str:
    """YES, TIGHT, NO or UNKNOWN."""
    if room.bytes is None:
        return UNKNOWN
    if need.least_bytes > room.bytes:
        return NO
    if need.most_bytes is None:
        return UNKNOWN
    return YES if need.most_bytes <= room.bytes else TIGHT


def rooms(profile: DeviceProfile) -> tuple[Room, ...]:
    """Of each size of RAM that a board is sold with, rising; one of unknown size where none is listed."""
    taken = profile.memory_taken_bytes
    if taken is None:
        why = "the whole RAM: what its system takes is not known"
    else:
        why = "RAM less what firmware and system take at rest without a desktop"
    left = 0 if taken is None else int(taken.value)
    sizes = tuple(Room(size - left, why, taken is None, size) for size in profile.memory_bytes)
    return sizes or (Room(None, "the profile lists no size of RAM"),)


def room_here(free: FreeMemory | None) -> Room:
    """Of this machine, now."""
    return (
        Room(None, "neither /proc/meminfo nor a control group can be read")
        if free is None
        else Room(free.bytes, f"free now by {free.why}")
    )
