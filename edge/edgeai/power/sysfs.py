"""Meters made of sysfs files: a rail is one file, or the product of two, times a scale."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import one_line
from ..unavailable import Barred, Unavailable
from .meter import ReadFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .meter import Meter, MeterInfo, Rail

MICRO, MILLI = 1e-6, 1e-3


class Denied(ReadFailed):
    """The file is there, and this user may not read it."""


def read_number(path: Path) -> int:
    """The whole number that a file holds. Raises Denied or ReadFailed with path and reason.

    Plain system calls: `Path.read_text` costs several times as much, beside what is measured.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(file, 64)
        finally:
            os.close(file)
        return int(text)
    except PermissionError:
        raise Denied(f"{one_line(path)} may not be read by this user") from None
    except OSError as error:
        raise ReadFailed(f"{one_line(path)} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ReadFailed(f"{one_line(path)} holds no whole number") from None


def is_denied(path: Path) -> bool:
    """Whether the file is there and this user may not read it."""
    try:
        read_number(path)
    except Denied:
        return True
    except ReadFailed:
        return False
    return False


@dataclass(frozen=True)
class Channel:
    """Where a rail's value comes from: the product of its files' numbers times `scale`, in W or J."""

    rail: Rail
    files: tuple[Path, ...]
    scale: float

    def read(self) -> float:
        """The value now. Raises ReadFailed."""
        number = 1
        for file in self.files:
            number *= read_number(file)
        # Divided, as 1 / 1e-6 is exact and 1e-6 is not: 4984 mV x 1856 mA is 9.250304 W to the last digit.
        return number / (1 / self.scale)


class SysfsMeter:
    """Channels read one after the other. Holds nothing open: a driver that was reloaded is found again."""

    def __init__(self, info: MeterInfo, channels: Sequence[Channel]) -> None:
        self.info = info
        self._channels = tuple(channels)

    def read(self) -> tuple[float, ...]:
        """A value of each rail. Raises ReadFailed where one gives nothing."""
        return tuple(channel.read() for channel in self._channels)

    def close(self) -> None:
        """Nothing is held."""


def that_answer(channels: Sequence[Channel]) -> list[Channel]:
    """The channels without those that are only shown and give nothing now: a total does not hang on them."""
    return [channel for channel in channels if channel.rail.counted or _answers(channel)]


def _answers(channel: Channel) -> bool:
    try:
        channel.read()
    except ReadFailed:
        return False
    return True


def tried(meter: Meter, advice: str) -> Meter | Unavailable:
    """The meter where a first read works, else why not. advice: what to do where this user may not read."""
    try:
        meter.read()
    except Denied as error:
        meter.close()
        return Barred(str(error), advice)
    except ReadFailed as error:
        meter.close()
        return Unavailable(str(error), "look into the kernel's log: `sudo dmesg | tail`")
    return meter
