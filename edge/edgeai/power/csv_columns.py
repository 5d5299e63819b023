"""Which columns of an instrument's CSV log are time and power, and in which units, by its header."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

_PREFIXES = {"k": 1e3, "": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9}
_UNITS = {
    f"{prefix}{unit}": (quantity, scale)
    for quantity, unit in (("time", "s"), ("power", "W"), ("current", "A"), ("voltage", "V"))
    for prefix, scale in _PREFIXES.items()
}
# Words for a quantity, which are also the names of columns without a unit.
_WORDS = {
    "time": ("time", "timestamp", "t", "elapsed", "seconds", "sec", "datetime", "date"),
    "power": ("power", "p", "watt", "watts"),
    "current": ("current", "i", "amp", "amps", "ampere", "amperes"),
    "voltage": ("voltage", "u", "v", "volt", "volts"),
}
# Columns of energy or charge, which are none of these, though "power" may be in their names.
_OTHERS = {"wh", "mwh", "kwh", "ah", "mah", "uah", "j", "mj", "uj", "joule", "joules", "energy", "charge"}
# `Main power (W)`, `Current[mA]`, `t / s`; else the end after an underscore: `power_mw`.
_WITH_UNIT = re.compile(r"^(.*?)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\]|/\s*(\S+))\s*$")


Reader = Callable[[Sequence[str]], "tuple[float, float] | None"]


@dataclass(frozen=True)
class Column:
    """One column. scale: what its unit is in seconds, W, A or V. is_guessed: the header names no unit."""

    index: int
    title: str
    quantity: str
    scale: float
    is_guessed: bool


@dataclass(frozen=True)
class Columns:
    """Columns of a log: power, or volts and amperes to be multiplied."""

    time: Column
    factors: tuple[Column, ...]
    delimiter: str

    def reader(self) -> Reader:
        """What gives seconds and watts of a row's cells, and None of one that holds no such numbers."""
        when, when_s = self.time.index, self.time.scale
        number = _comma_number if self.delimiter != "," else float
        (first, scale), *others = ((column.index, column.scale) for column in self.factors)

        def read(cells: Sequence[str]) -> tuple[float, float] | None:
            try:
                try:
                    time_s = number(cells[when]) * when_s
                except ValueError:
                    time_s = _iso(cells[when])
                watts = number(cells[first]) * scale
                for index, other_scale in others:
                    watts *= number(cells[index]) * other_scale
            except (ValueError, IndexError):
                return None
            return (time_s, watts) if math.isfinite(time_s) and math.isfinite(watts) else None

        return read


def find_columns(cells: Sequence[str], delimiter: str) -> Columns | str | None:
    """The columns by a header's cells; None where it is no header, a sentence where it will not do."""
    columns = [column for index, cell in enumerate(cells) if (column := _column(index, cell))]
    times, powers, amperes, volts = (
        [column for column in columns if column.quantity == quantity]
        for quantity in ("time", "power", "current", "voltage")
    )
    if not times or not (powers or amperes or volts):
        return None
    chosen: list[Sequence[Column]] = [powers] if powers else [amperes, volts]
    for found, what in zip(chosen, ("power",) if powers else ("current", "voltage"), strict=True):
        if not found:
            return f"it has no column of {what}, and none of power"
        if len(found) > 1:
            titles = " and ".join(repr(column.title) for column in found)
            return f"it has several columns of {what} ({titles}); keep the one that is meant"
    time = next((column for column in times if not column.is_guessed), times[0])
    return Columns(time, tuple(found[0] for found in chosen), delimiter)


def _column(index: int, cell: str) -> Column | None:
    title = cell.strip().lstrip("#").strip().strip('"').strip()
    name, unit = title, None
    if matched := _WITH_UNIT.match(title):
        name, unit = matched[1], next(group for group in matched.groups()[1:] if group is not None).strip()
    elif "_" in title:
        name, _, unit = title.rpartition("_")
        if _unit(unit) is None:
            name, unit = title, None
    words = set(re.split(r"[^a-z]+", name.lower()))
    if words & _OTHERS or (unit or "").lower() in _OTHERS:
        return None
    words = {word for word in words if len(word) > 1} | {
        name.strip().lower()
    }  # a letter only where it is alone
    quantity = next((key for key, names in _WORDS.items() if words & set(names)), None)
    if unit is not None:
        known = _unit(unit)
        if known and quantity in (None, known[0]):
            return Column(index, title, *known, is_guessed=False)
        return None  # a unit that is unknown, such as Wh, or that does not fit the name
    if quantity is None:
        known = _unit(title) if title in _UNITS else None
        return Column(index, title, *known, is_guessed=False) if known else None
    says = bool(
        words & {"seconds", "sec", "watt", "watts", "amp", "amps", "ampere", "amperes", "volt", "volts"}
    )
    return Column(index, title, quantity, 1.0, is_guessed=not says)


def _unit(text: str) -> tuple[str, float] | None:
    """The quantity and the scale of a unit. Case tells nothing here: nobody logs a board in megawatts."""
    for spelled in (text, text.lower(), text.lower()[:-1] + text[-1:].upper()):
        if spelled in _UNITS:
            return _UNITS[spelled]
    lower = text.lower()
    return next(((key, 1.0) for key, names in _WORDS.items() if lower in names and len(lower) > 2), None)


def _comma_number(text: str) -> float:
    """A number that may have a decimal comma, as where another sign parts the columns."""
    return float(text.replace(",", "."))


def _iso(text: str) -> float:
    """Python 3.10 takes fractions of three or six digits only, and no Z."""
    matched = re.match(r"^(.*?\d\d:\d\d:\d\d)(?:[.,](\d+))?\s*(Z|[+-]\d\d:?\d\d)?$", text.strip())
    if matched is None:
        raise ValueError(text)
    zone = (matched[3] or "+00:00").replace("Z", "+00:00")
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    whole = datetime.fromisoformat(matched[1].replace("/", "-") + zone)
    return whole.astimezone(timezone.utc).timestamp() + float(f"0.{matched[2] or 0}")
