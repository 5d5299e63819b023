"""The power chip of a Raspberry Pi 5 or CM5: amperes and volts of twelve rails, through the firmware."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..unavailable import Barred, Unavailable
from .mailbox import open_mailbox
from .meter import GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed
from .permission import rules_file

if TYPE_CHECKING:
    from .mailbox import Mailbox
    from .meter import Site

COMMAND = "pmic_read_adc"
# `  VDD_CORE_A current(7)=10.87674000A`; a line that ends before its unit was cut short and is no reading.
_CHANNEL = re.compile(
    r"^\s*(\S+)_([AV])\s+(?:current|volt)\(\d+\)\s*=\s*(-?\d+(?:\.\d+)?)\2\s*$", re.MULTILINE
)
_LARGEST = "VDD_CORE"

WALL_GAIN, WALL_OFFSET_W = 1.1451, 0.5879
"""Wall watts of one Pi 5 from this meter's: a fit with a USB-C meter (https://github.com/jfikar/RPi5-power)."""

_ERROR = ErrorModel(
    gain=0.02,
    offset_w=0.03,
    lsb=0.009,
    source="nobody publishes the chip's accuracy. gain, offset: two fits to a wall meter "
    "(https://github.com/jfikar/RPi5-power) agree within 2 %, their offsets differ by 0.06 W. lsb: the "
    "currents of public samples come in steps of 8.93 mA (VDD_CORE) and 0.98 mA (3V3_SYS, 1V8_SYS)",
)
_NOTES: tuple[str, ...] = (
    "the sum of the power chip's rails: without USB, HATs, NVMe, the fan and the converters' losses",
    f"printed as read; a published fit of one board to the wall is x {WALL_GAIN} + {WALL_OFFSET_W} W",
)


def probe(site: Site) -> PmicMeter | Unavailable:
    """Ask the firmware once; the rails that answer with current and voltage are the meter's."""
    try:
        mailbox = open_mailbox(site.root)
    except PermissionError as error:
        return _barred(error)
    except OSError:
        return Unavailable(
            "the Raspberry Pi firmware's command interface (/dev/vcio_gencmd, /dev/vcio) is not here",
            "only a Raspberry Pi 5 or CM5 has this sensor; in a container, pass the device in",
        )
    try:
        watts, lonely = _ask_whole(mailbox)
    except PermissionError as error:
        mailbox.close()
        return _barred(error)
    except OSError as error:
        mailbox.close()
        return Unavailable(
            f"the firmware does not read a power chip ({error})",
            "only a Raspberry Pi 5 or CM5 has this sensor; there, update the firmware: sudo apt full-upgrade",
        )
    if _LARGEST not in watts:
        mailbox.close()
        return Unavailable(
            f"the firmware's {COMMAND} gave no current and voltage of {_LARGEST}",
            f"look at what `vcgencmd {COMMAND}` prints, and update the firmware: sudo apt full-upgrade",
        )
    return PmicMeter(mailbox, tuple(watts), lonely)


class PmicMeter:
    """See `Meter`. A read takes the firmware about 23 ms, nearly all of it the chip's own conversions
    (measured by Zeus's authors on a Pi 5: https://github.com/ml-energy/zeus, device/machine/rpi.py)."""

    def __init__(self, mailbox: Mailbox, rails: tuple[str, ...], lonely: tuple[str, ...] = ()) -> None:
        self._mailbox = mailbox
        self._rails = rails
        notes = _NOTES
        if lonely:
            notes += (f"left out, as their voltage was not given: {', '.join(lonely)}",)
        self.info = MeterInfo(
            name="pmic",
            scope="board rails (PMIC)",
            kind=GAUGE_W,
            rails=tuple(Rail(name) for name in rails),
            update_s=None,  # each read converts anew
            error=_ERROR,
            notes=notes,
        )

    def read(self) -> tuple[float, ...]:
        """Watts of each rail. A rail that was there at first and is missing now fails the read.

        Without it the sum would be too small, and nobody would see.
        """
        try:
            watts, _ = parse(self._mailbox.ask(COMMAND))
        except OSError as error:
            raise ReadFailed(str(error)) from error
        missing = [rail for rail in self._rails if rail not in watts]
        if missing:
            raise ReadFailed(f"{COMMAND} came without {', '.join(missing)}")
        return tuple(watts[rail] for rail in self._rails)

    def close(self) -> None:
        """See `Meter.close`."""
        self._mailbox.close()


def parse(text: str) -> tuple[dict[str, float], tuple[str, ...]]:
    """Watts of each rail that has both channels, in the order of its current, and those without a voltage.

    Paired by name: the numbers of the two channels of a rail differ. EXT5V and BATT have no current.
    """
    channels: dict[str, dict[str, float]] = {"A": {}, "V": {}}
    for rail, kind, number in _CHANNEL.findall(text):
        channels[kind][rail] = float(number)
    amperes, volts = channels["A"], channels["V"]
    watts = {rail: current * volts[rail] for rail, current in amperes.items() if rail in volts}
    return watts, tuple(rail for rail in amperes if rail not in volts)


def _ask_whole(mailbox: Mailbox) -> tuple[dict[str, float], tuple[str, ...]]:
    """Up to three times, since an answer that was cut short would leave rails out for good."""
    answers = []
    for _ in range(3):
        answers.append(parse(mailbox.ask(COMMAND)))
        if answers[-1][0] and not answers[-1][1]:
            break
    return max(answers, key=lambda answer: len(answer[0]))


def _barred(error: PermissionError) -> Barred:
    return Barred(
        f"the Raspberry Pi firmware's command interface may not be opened ({error.filename or '/dev/vcio'}: "
        "permission denied)",
        "join the group `video`: sudo usermod -aG video $USER, then log in again; where the device is root's "
        f"alone, install the udev rule too: sudo cp {rules_file()} /etc/udev/rules.d/ && "
        "sudo udevadm control --reload && sudo udevadm trigger --action=add --sysname-match='vcio*'",
    )
