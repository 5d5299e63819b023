"""What is known of this very unit beyond its kind's profile: watts as calibrated, shunts as soldered.

A local overlay in TOML. The first of these that is there is taken as a whole; none is needed:

    EDGEAI_UNIT                             a file; that it is missing is an error
    $XDG_CONFIG_HOME/edgeai/unit.toml       the user's own, else ~/.config/edgeai/unit.toml
    /etc/edgeai/unit.toml                   the system's: of services, and of users without one

Of a captured tree only its own /etc/edgeai/unit.toml counts. An overlay that was made on another unit (an SD
card that moved to another board) is refused with OtherUnit. `devices/README.md` has the format.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..device.cpus import is_this_machine
from ..errors import OtherUnit, StoreError, one_line
from ..toml_table import TomlTable
from ..whole_file import write_whole
from .identity import KINDS, difference, serials

if TYPE_CHECKING:
    from ..device import Device
    from ..sysroot import SysRoot

SYSTEM_FILE = "/etc/edgeai/unit.toml"

CALIBRATED_ERROR = 0.10
"""Share by which watts that were fitted on this unit may be wrong: energy.md, Method. One standard deviation
(see `estimate`)."""

# The largest shunt of common boards is 0.1 ohm; a figure above this is in milliohm or microohm.
_LARGEST_SHUNT_OHM = 10.0


@dataclass(frozen=True)
class Reading:
    """What a meter showed. loaded: how many cores were given work. busy: how many cores' worth of time all
    cores together spent, by /proc/stat, with what else ran. power_w: of the whole board."""

    loaded: int
    busy: float
    power_w: float


@dataclass(frozen=True)
class Calibration:
    """How the watts of a unit were had. date: ISO. meter: in words. error: share, one standard deviation."""

    date: str
    meter: str
    error: float
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Unit:
    """One unit. profile, serials: of the board it was made on; None and empty where the file does not say.

    idle_w: the whole board at rest. core_active_w: what one busy core adds. Both, or neither with
    `calibration`. shunts_ohm: by hwmon chip, such as {"ina219": 0.1}.
    file: where it was read; None of one that was not saved yet.
    """

    profile: str | None = None
    serials: Mapping[str, str] = field(default_factory=dict)
    idle_w: float | None = None
    core_active_w: float | None = None
    shunts_ohm: Mapping[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None
    file: Path | None = None


def load_unit(root: SysRoot, device: Device) -> Unit | None:
    """The overlay of this unit, or None without one.

    Raises ConfigError with file and key for what is wrong in it, OtherUnit where it belongs to another unit.
    """
    file = unit_file(root)
    if file is None:
        return None
    unit = read_unit(file)
    if unit.profile not in (None, device.profile.id):
        _refuse(file, f"it is for a {unit.profile}, and this is a {device.profile.id}")
    if unit.serials and (reason := difference(unit.serials, serials(root))):
        _refuse(file, reason)
    return unit


def unit_of_this_machine(root: SysRoot, device: Device) -> Unit:
    """The overlay to add to: what is known of this unit, with its serial numbers as they can be read now.

    Raises as `load_unit`, but for a file that EDGEAI_UNIT names and that is yet to be made.
    """
    file = unit_file(root)
    known = (load_unit(root, device) if file and _is_there(file) else None) or Unit()
    return replace(known, profile=device.profile.id, serials=serials(root), file=None)


def unit_file(root: SysRoot) -> Path | None:
    """The overlay that counts, by the rule above; None where there is none."""
    system = root.at(SYSTEM_FILE)
    if not is_this_machine(root):
        return system if root.exists(SYSTEM_FILE) else None
    if named := os.environ.get("EDGEAI_UNIT"):
        return Path(named)
    user = user_file()
    return next((file for file in (user, system) if file is not None and _is_there(file)), None)


def _is_there(file: Path) -> bool:
    """False also in a home that this user may not enter, as where a service's HOME is another user's."""
    try:
        return file.exists()
    except OSError:
        return False


def user_file() -> Path | None:
    """Where the user's own overlay lies; None for a user without a home."""
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():  # a relative one is to be ignored: XDG Base Directory Specification
        try:
            base = Path.home() / ".config"
        except RuntimeError:  # a container's user id that no user has
            return None
    return base / "edgeai/unit.toml"


def file_to_save(root: SysRoot) -> Path:
    """Where a new overlay goes: EDGEAI_UNIT, a user's into the user's own, root's and a tree's into /etc.

    A file of root's own that is there already would win over that of /etc, so it is written again."""
    if is_this_machine(root):
        if named := os.environ.get("EDGEAI_UNIT"):
            return Path(named)
        user = user_file()
        if user and (os.geteuid() != 0 or _is_there(user)):
            return user
    return root.at(SYSTEM_FILE)


def read_unit(file: Path) -> Unit:
    """Parse one overlay. Raises ConfigError with file and key."""
    top = TomlTable.open(file)
    power = top.table("power")
    unit = Unit(
        profile=top.optional_text("profile"),
        serials=_serials(top.table("serial")),
        idle_w=power.positive("idle_w") if power.has("idle_w") else None,
        core_active_w=power.positive("core_active_w") if power.has("core_active_w") else None,
        shunts_ohm=_shunts(power.table("shunts_ohm")),
        calibration=_calibration(top.table("calibration")) if top.has("calibration") else None,
        file=file,
    )
    for table in (power, top):
        table.done()
    _check_whole(unit, top, power)
    return unit


def save_unit(unit: Unit, file: Path) -> None:
    """Write an overlay whole, with its folder. Raises StoreError where that is not possible."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, unit_text(unit).encode())
        with suppress(OSError):  # a file system without modes
            file.chmod(0o644)  # a service of another user reads it
    except OSError as error:
        raise StoreError(
            f"{one_line(file)} cannot be written: {error.strerror or error}; choose another file with -o"
        ) from None


def unit_text(unit: Unit) -> str:
    """The overlay as TOML."""
    lines = ["# This very unit, beyond its kind's profile. Read by edgeai; see devices/README.md."]
    lines += [f"profile = {_quoted(unit.profile)}"] if unit.profile else []
    if unit.serials:
        lines += ["", "[serial]", *(f"{kind} = {_quoted(text)}" for kind, text in unit.serials.items())]
    if unit.idle_w is not None and unit.core_active_w is not None:
        lines += ["", "[power]", f"idle_w = {unit.idle_w!r}", f"core_active_w = {unit.core_active_w!r}"]
    if unit.shunts_ohm:
        lines += ["", "[power.shunts_ohm]"]
        lines += [f"{_key(chip)} = {float(ohm)!r}" for chip, ohm in unit.shunts_ohm.items()]
    if unit.calibration:
        had = unit.calibration
        lines += ["", "[calibration]", f"date = {_quoted(had.date)}", f"meter = {_quoted(had.meter)}"]
        lines += [f"error = {had.error!r}", "readings = ["]
        lines += [
            f"  {{ loaded = {each.loaded}, busy = {each.busy!r}, power_w = {each.power_w!r} }},"
            for each in had.readings
        ]
        lines += ["]"]
    return "\n".join([*lines, ""])


def _serials(table: TomlTable) -> dict[str, str]:
    found = {kind: table.text(kind) for kind in KINDS if table.has(kind)}
    table.done()
    return found


def _shunts(table: TomlTable) -> dict[str, float]:
    shunts = {chip: table.positive(chip) for chip in table.names()}
    for chip, ohm in shunts.items():
        if ohm > _LARGEST_SHUNT_OHM:
            table.fail(chip, f"is {ohm:g}; give ohms, such as 0.1 for a shunt marked R100")
    return shunts


def _calibration(table: TomlTable) -> Calibration:
    had = Calibration(
        date=table.text("date"),
        meter=table.text("meter"),
        error=table.positive("error"),
        readings=tuple(_reading(each) for each in table.tables("readings")),
    )
    if had.error >= 1:
        table.fail("error", f"is {had.error:g}; give a share below 1, such as {CALIBRATED_ERROR:g}")
    table.done()
    return had


def _reading(table: TomlTable) -> Reading:
    reading = Reading(table.whole("loaded"), float(table.number("busy")), table.positive("power_w"))
    table.done()
    return reading


def _check_whole(unit: Unit, top: TomlTable, power: TomlTable) -> None:
    """Watts are figures of one unit: they come as a pair, with how they were had and whose they are."""
    if unit.idle_w is None and unit.core_active_w is None:
        if unit.calibration:
            power.fail("idle_w", "is missing; [calibration] says how it was had")
        return
    for key, value in (("idle_w", unit.idle_w), ("core_active_w", unit.core_active_w)):
        if value is None:
            power.fail(key, "is missing; idle_w and core_active_w belong together")
    if not unit.serials:
        top.fail("serial", "is missing; watts are of one unit: let `edgeai calibrate` write them")
    if unit.calibration is None:
        top.fail("calibration", "is missing; say how the watts were had: let `edgeai calibrate` write them")


def _refuse(file: Path, reason: str) -> None:
    raise OtherUnit(
        f"{one_line(file)} was made on another unit: {one_line(reason)}; run `edgeai calibrate` on this one, "
        "or `edgeai calibrate --remove`"
    )


def _key(text: str) -> str:
    return text if re.fullmatch("[A-Za-z0-9_-]+", text) else _quoted(text)


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's, but for DEL, which TOML wants escaped, and for lone surrogates."""
    sound = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(sound, ensure_ascii=False).replace("\x7f", "\\u007f")
