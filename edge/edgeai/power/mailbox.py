"""The Raspberry Pi firmware's command interface (what `vcgencmd` uses), asked in this process.

with open_mailbox(root) as mailbox:
    mailbox.ask("get_throttled")            "throttled=0x50000"

The layout of the buffer is that of the mailbox property interface
(https://github.com/raspberrypi/firmware/wiki/Mailbox-property-interface), which the kernel's
drivers/char/broadcom/vcio.c passes on. Starting `vcgencmd` for each sample would disturb what is measured.
"""

from __future__ import annotations

import fcntl
import os
import struct
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..sysroot import SysRoot

DEVICES = ("/dev/vcio_gencmd", "/dev/vcio")
"""The first, of newer kernels, takes this one tag only; the second every property. Both: group `video`."""

# _IOWR(100, 0, char *): a pointer's size is part of the number, so a 32-bit Python asks with another one.
_IOCTL = 0xC0046400 if struct.calcsize("P") == 4 else 0xC0086400
_GET_GENCMD_RESULT = 0x00030080
_SUCCESS = 0x80000000
# The value of the tag: one word for the command's error code, then text. vcgencmd gives 4 KiB too.
_VALUE_BYTES = 4096
_HEADER = struct.Struct("=6I")  # size, status, tag, size of the value, length of it, the command's error code
_END_TAG = struct.pack("=I", 0)
_TOTAL_BYTES = _HEADER.size - 4 + _VALUE_BYTES + len(_END_TAG)


class MailboxError(OSError):
    """The firmware refused a command, or did not answer it."""


class Mailbox(Protocol):
    """Asks the firmware; a context manager."""

    def ask(self, command: str) -> str:
        """The firmware's answer as text. Raises OSError where there is none."""

    def close(self) -> None:
        """Free the device; a second time does nothing."""

    def __enter__(self) -> Mailbox: ...

    def __exit__(self, *_: object) -> None: ...


def open_mailbox(root: SysRoot) -> Mailbox:
    """Open the firmware's device, or a tree's folder `dev/vcio_gencmd`: a file for each command's answer.

    Raises PermissionError where a device is there and may not be opened, else FileNotFoundError.
    """
    barred: PermissionError | None = None
    for path in DEVICES:
        found = _open(root.at(path))
        if isinstance(found, PermissionError):
            barred = barred or found
        elif not isinstance(found, OSError):
            return found
    raise barred or FileNotFoundError(f"no {' or '.join(DEVICES)}")


def _open(place: Path) -> Mailbox | OSError:
    try:
        if place.is_dir():
            return _Tree(place)
        return Device(os.open(place, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return error


class Device:
    """The character device. ioctl: `fcntl.ioctl`, or what stands for it in a test."""

    def __init__(self, fd: int, ioctl: Callable[[int, int, bytearray], object] = fcntl.ioctl) -> None:
        self._fd: int | None = fd
        self._ioctl = ioctl

    def ask(self, command: str) -> str:
        """See `Mailbox.ask`."""
        if self._fd is None:
            raise MailboxError("the mailbox is closed")
        buffer = request(command)
        self._ioctl(self._fd, _IOCTL, buffer)
        return response(buffer, command)

    def close(self) -> None:
        """See `Mailbox.close`."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Tree:
    """Answers of a captured board, read afresh at each question."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, command: str) -> str:
        return (self._folder / command).read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        pass

    def __enter__(self) -> _Tree:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def request(command: str) -> bytearray:
    """The buffer that asks: one tag whose value is the command, then the end tag."""
    text = command.encode("ascii")
    header = _HEADER.pack(_TOTAL_BYTES, 0, _GET_GENCMD_RESULT, _VALUE_BYTES, 0, 0)
    buffer = bytearray(_TOTAL_BYTES)
    buffer[: _HEADER.size] = header
    buffer[_HEADER.size : _HEADER.size + len(text)] = text
    return buffer


def response(buffer: bytearray, command: str) -> str:
    """The text that the firmware left in the buffer. Raises MailboxError where it refused."""
    _, status, _, _, _, error = _HEADER.unpack_from(buffer)
    if status != _SUCCESS:
        raise MailboxError(f"the firmware's mailbox gave status 0x{status:08x} for {command!r}")
    text = bytes(buffer[_HEADER.size :]).split(b"\0", 1)[0].decode("utf-8", "replace")
    if text == command:  # left as it was sent
        raise MailboxError(f"the firmware did not answer {command!r}")
    if error or text.startswith("error="):
        raise MailboxError(f"the firmware refused {command!r} (error {error}): {text.strip()[:100]}")
    return text
