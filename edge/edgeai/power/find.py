"""Which meters there are: one table in order of trust, and what of it works on a machine."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import UsageError, one_line
from ..unavailable import Barred, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .meter import Meter, Site

    Probe = Callable[[Site], Meter | Unavailable]

METERS: dict[str, str] = {
    "joulescope": "edgeai.power.joulescope:probe",
    "otii": "edgeai.power.otii:probe",
    "csv": "edgeai.power.csv_live:probe",
    "shelly": "edgeai.power.shelly:probe",
    "tasmota": "edgeai.power.tasmota:probe",
    "thor": "edgeai.power.thor:probe",
    "hwmon": "edgeai.power.board_input:probe",
    "iio-ina2xx": "edgeai.power.iio_ina2xx:probe",
    "ina3221": "edgeai.power.ina3221:probe",
    "ina3221-iio": "edgeai.power.ina3221_iio:probe",
    "pmic": "edgeai.power.pmic:probe",
    "rapl-psys": "edgeai.power.rapl:probe_psys",
    "rapl": "edgeai.power.rapl:probe",
    "perf": "edgeai.power.perf_energy:probe",
    "battery": "edgeai.power.battery:probe",
    "estimate": "edgeai.power.estimate:probe",
}
"""Name to `module:probe`, the most trusted first. A probe gives the meter, open, or why there is none."""

NAMED_ONLY = {
    "joulescope": ("a Joulescope", "usb"),
    "otii": ("an Otii", "localhost"),
    "csv": ("an instrument's CSV log", "FILE"),
    "shelly": ("a Shelly plug", "http://10.0.0.7"),
    "tasmota": ("a Tasmota plug", "http://10.0.0.7"),
}
"""Meters that need an address (`--meter shelly=http://10.0.0.7`): what each is, and such an address.
Without one they are not even imported; their probes are given a site that has one."""

_WITH_CHIP = ("hwmon", "iio-ina2xx")
"""Meters that take the name of a chip, where a board has several."""

NO_SENSOR = Unavailable(
    "this machine has no power sensor that edgeai can read",
    "measure the supply with an external meter (`--meter shelly=http://ADDRESS`), or fit this unit's watts "
    "with `edgeai calibrate`",
)


@dataclass(frozen=True)
class Survey:
    """What of the table works here, in its order; the meters are closed again."""

    available: tuple[str, ...]
    missing: dict[str, Unavailable]


def find_meter(site: Site, name: str | None = None) -> Meter | Unavailable:
    """The meter of a name (`NAME` or `NAME=ADDRESS`), or the first of the table that works here.

    Raises UsageError for a name that is not in the table. Where nothing works, the reason that
    matters most for this machine.
    """
    if name is not None:
        known, _, address = name.partition("=")
        if address and known in METERS and known not in (*NAMED_ONLY, *_WITH_CHIP):
            raise UsageError(f"--meter {one_line(name)}: {known} takes no address; write --meter {known}")
        return _try(known, replace(site, address=address or None))
    missing: dict[str, Unavailable] = {}
    for each in METERS:
        found = _try(each, site)
        if not isinstance(found, Unavailable):
            barred = next((each for each, why in missing.items() if isinstance(why, Barred)), None)
            return found if barred is None else _Second(found, barred, missing[barred])
        missing[each] = found
    return _foremost(missing)


class _Second:
    """A meter that was taken because a more trusted one is there and may not be read: its notes say so."""

    def __init__(self, meter: Meter, first: str, why: Unavailable) -> None:
        note = f"The more trusted meter {first} is here, but {why.unavailable}; {why.advice}."
        self.info = replace(meter.info, notes=(note, *meter.info.notes))
        self.read, self.close = meter.read, meter.close


def survey(site: Site) -> Survey:
    """Try every meter of the table once."""
    available, missing = [], {}
    for name in METERS:
        found = _try(name, site)
        if isinstance(found, Unavailable):
            missing[name] = found
        else:
            available.append(name)
            found.close()
    return Survey(tuple(available), missing)


def _try(name: str, site: Site) -> Meter | Unavailable:
    if name in NAMED_ONLY and site.address is None:
        what, example = NAMED_ONLY[name]
        return Unavailable(f"{what} is used only when named", f"give its address: --meter {name}={example}")
    return _probe(name)(site)


def _probe(name: str) -> Probe:
    if name not in METERS:
        near = difflib.get_close_matches(name, METERS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"no meter is called {one_line(name)!r}; {hint}the meters are: {', '.join(METERS)}")
    import importlib

    module, _, function = METERS[name].partition(":")
    probe: Probe = getattr(importlib.import_module(module), function)
    return probe


def _foremost(missing: dict[str, Unavailable]) -> Unavailable:
    """The reason to print: a sensor that is there and may not be read comes before none at all."""
    return next((why for why in missing.values() if isinstance(why, Barred)), NO_SENSOR)
