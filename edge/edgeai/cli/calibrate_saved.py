"""What is saved of a calibration: shown, removed, and where it lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ..device import detect
from ..errors import OtherUnit, StoreError, one_line
from ..power.unit import Unit, file_to_save, read_unit, save_unit, unit_file, unit_of_this_machine
from ..sysroot import SysRoot
from .calibrate_shown import document, unit_lines
from .output import write_json

_ROOT = SysRoot()


def saved_text(file: Path | None) -> str:
    """Where a new overlay lies, and when it counts."""
    if file is None:
        return "not saved (--dry-run)"
    used = unit_file(_ROOT)
    if used is not None and used.absolute() == file.absolute():
        return f"saved to {one_line(file)}"
    return f"saved to {one_line(file)}; it is used where EDGEAI_UNIT={one_line(file)} is set"


def show_saved(as_json: bool) -> None:
    """Print it. Raises OtherUnit after that where it is another unit's."""
    file = _saved_file()
    unit = None if file is None else read_unit(file)
    if as_json:
        write_json(document(unit, file))
    elif unit is None:
        click.echo(f"nothing is saved for this unit; {one_line(file_to_save(_ROOT))} would hold it")
    else:
        click.echo(unit_lines(unit))
    if unit is not None:
        unit_of_this_machine(_ROOT, detect())


def remove_saved(as_json: bool) -> None:
    """Take the watts out, and remove the file where nothing else is in it."""
    file = _saved_file()
    kept = None
    if file is not None:
        kept = _without_watts()
        if kept is None:
            _unlink(file)
        else:
            save_unit(kept, file)
    if as_json:
        write_json(document(kept, file if kept else None))
    elif file is None:
        click.echo("nothing is saved for this unit")
    else:
        left = " (its shunts stay)" if kept else ""
        click.echo(f"removed the watts of {one_line(file)}{left}" if kept else f"removed {one_line(file)}")


def _saved_file() -> Path | None:
    """The overlay that counts; None also where EDGEAI_UNIT names one that is yet to be made."""
    file = unit_file(_ROOT)
    return file if file is not None and file.exists() else None


def _without_watts() -> Unit | None:
    """What stays of an overlay: shunts of this unit; None where nothing does."""
    try:
        unit = unit_of_this_machine(_ROOT, detect())
    except OtherUnit:
        return None
    unit = replace(unit, idle_w=None, core_active_w=None, calibration=None)
    return unit if unit.shunts_ohm else None


def _unlink(file: Path) -> None:
    try:
        file.unlink()
    except OSError as error:
        raise StoreError(f"{one_line(file)} cannot be removed: {error.strerror or error}") from None
