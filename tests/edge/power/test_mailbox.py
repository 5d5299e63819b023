"""The firmware's mailbox: what is sent, byte by byte, and what comes back."""

from __future__ import annotations

import errno
import os
import struct
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeai.power.mailbox import Device, MailboxError, open_mailbox
from edgeai.sysroot import SysRoot

if TYPE_CHECKING:
    from collections.abc import Callable

BOARDS = Path(__file__).parents[2] / "boards"

# _IOWR(type, nr, size) of include/uapi/asm-generic/ioctl.h: direction 3, size << 16, type << 8, number.
IOWR_100_0_POINTER = 3 << 30 | struct.calcsize("P") << 16 | 100 << 8 | 0


class Firmware:
    """Stands for the kernel's vcio driver and the firmware behind it, by their documentation.

    It checks what drivers/char/broadcom/vcio.c checks (size, room for each tag, permitted tags, end tag),
    then answers as the mailbox property interface says: status 0x80000000, the value's length with bit 31,
    the value.
    """

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def ioctl(self, fd: int, number: int, buffer: bytearray) -> int:
        os.fstat(fd)  # a closed one raises, as the real call does
        if number != IOWR_100_0_POINTER:
            raise OSError(errno.EINVAL, "unknown ioctl")
        size, status, tag, room, length = struct.unpack_from("=5I", buffer)
        assert (status, length) == (0, 0), "a request, and no length of a response yet"
        if size < 12 or size > len(buffer) or room > size - 8 - 12 or room % 4:
            raise OSError(errno.EINVAL, "sizes")
        if tag != 0x00030080:
            raise OSError(errno.EPERM, "tag not permitted")
        (end,) = struct.unpack_from("=I", buffer, 8 + 12 + room)
        assert end == 0, "the list of tags ends"
        assert size == 8 + 12 + room + 4, "and nothing is behind it"
        value = bytes(buffer[20 : 20 + room])
        command = value[4:].split(b"\0")[0].decode("ascii")
        self.asked.append(command)
        error = 0 if command in self.answers else 1
        text = self.answers.get(command, 'error=1 error_msg="Command not registered"')
        reply = struct.pack("=I", error) + text.encode() + b"\0"
        struct.pack_into("=I", buffer, 4, 0x80000000)
        struct.pack_into("=I", buffer, 16, 0x80000000 | len(reply))
        buffer[20 : 20 + len(reply)] = reply
        return 0


def device(ioctl: Callable[[int, int, bytearray], object]) -> Device:
    return Device(os.open(os.devnull, os.O_RDWR), ioctl)


def test_a_command_goes_out_as_the_property_interface_says_and_its_text_comes_back() -> None:
    firmware = Firmware(
        {"measure_clock arm": "frequency(0)=2400023808", "get_throttled": "throttled=0x50000"}
    )
    with device(firmware.ioctl) as mailbox:
        assert mailbox.ask("measure_clock arm") == "frequency(0)=2400023808"
        assert mailbox.ask("get_throttled") == "throttled=0x50000"
    assert firmware.asked == ["measure_clock arm", "get_throttled"]


def test_an_answer_longer_than_the_command_arrives_whole() -> None:
    sample = (BOARDS / "raspberry-pi-5/dev/vcio_gencmd/pmic_read_adc").read_text()
    with device(Firmware({"pmic_read_adc": sample}).ioctl) as mailbox:
        assert mailbox.ask("pmic_read_adc") == sample


def test_a_command_that_the_firmware_does_not_know_is_an_error() -> None:
    with (
        device(Firmware({}).ioctl) as mailbox,
        pytest.raises(MailboxError, match=r"refused 'pmic_read_adc'.*not registered"),
    ):
        mailbox.ask("pmic_read_adc")


def test_a_request_that_comes_back_as_it_went_is_no_answer() -> None:
    def only_status(_fd: int, _number: int, buffer: bytearray) -> None:
        struct.pack_into("=I", buffer, 4, 0x80000000)

    with device(only_status) as mailbox, pytest.raises(MailboxError, match="did not answer"):
        mailbox.ask("get_throttled")


def test_a_status_other_than_success_is_an_error() -> None:
    def failure(_fd: int, _number: int, buffer: bytearray) -> None:
        struct.pack_into("=I", buffer, 4, 0x80000001)

    with device(failure) as mailbox, pytest.raises(MailboxError, match="status 0x80000001"):
        mailbox.ask("get_throttled")


def test_the_real_call_on_what_is_no_mailbox_fails_in_the_kernel() -> None:
    with (
        closing(Device(os.open(os.devnull, os.O_RDWR))) as mailbox,
        pytest.raises(OSError, match=r"ioctl|Invalid"),
    ):
        mailbox.ask("get_throttled")


def test_closing_twice_does_nothing_and_a_closed_one_answers_nothing() -> None:
    mailbox = device(Firmware({}).ioctl)
    mailbox.close()
    mailbox.close()
    with pytest.raises(MailboxError, match="closed"):
        mailbox.ask("get_throttled")


def test_a_tree_answers_from_its_files_afresh_each_time(tmp_path: Path) -> None:
    folder = tmp_path / "dev/vcio_gencmd"
    folder.mkdir(parents=True)
    with open_mailbox(SysRoot(tmp_path)) as mailbox:
        with pytest.raises(FileNotFoundError):
            mailbox.ask("get_throttled")
        for flags in ("throttled=0x0\n", "throttled=0x50005\n"):
            (folder / "get_throttled").write_text(flags)
            assert mailbox.ask("get_throttled") == flags


def test_the_tree_of_a_pi_5_tells_its_clock() -> None:
    with open_mailbox(SysRoot(BOARDS / "raspberry-pi-5")) as mailbox:
        assert mailbox.ask("measure_clock arm") == "frequency(0)=2400023808\n"


def test_without_a_device_nothing_is_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="/dev/vcio_gencmd or /dev/vcio"):
        open_mailbox(SysRoot(tmp_path))
