"""Jetperch's Joulescope JS220 and JS110 on USB, through their maker's driver: `--meter joulescope=usb`.

The instrument sums its two million samples a second to joules itself and tells the sum every so often; no
stream of samples is asked for, which would load the machine. The driver is the package pyjoulescope_driver
(extra `joulescope`): https://github.com/jetperch/joulescope_driver.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, one_line
from ..extras import require
from ..unavailable import Unavailable
from .meter import COUNTER_J, ErrorModel, MeterInfo, Rail, ReadFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .meter import Site

_ONLY = "usb"  # the address that names no instrument: the only one there
_OPEN_S = 5.0  # the driver's own limit is 1 s, in which a JS220 that was just plugged in may not be ready
_STALE_PERIODS = 5
_ADVICE = (
    "plug the Joulescope into USB and let this user open it (the driver's 99-joulescope.rules in "
    "/etc/udev/rules.d), end other programs that use it, and name one of several: --meter joulescope=SERIAL"
)
_NOTES = ("what flows through the Joulescope, without what the board draws from elsewhere",)


@dataclass(frozen=True)
class _Model:
    """One model's topics, as the driver's own commands `measure` and `statistics` use them.

    begin, end: what is published after opening and before closing. value: where its statistics appear,
    one each period_s.
    """

    begin: tuple[tuple[str, str | int], ...]
    end: tuple[tuple[str, str | int], ...]
    value: str
    period_s: float


_MODELS = {
    # scnt counts samples at 1 MHz: 10 Hz.
    "js220": _Model(
        begin=(("s/i/range/mode", "auto"), ("s/stats/scnt", 100_000), ("s/stats/ctrl", 1)),
        end=(("s/stats/ctrl", 0),),
        value="s/stats/value",
        period_s=0.1,
    ),
    # `sstats` is what the instrument sums, at 2 Hz always; `stats` of a JS110 is summed on this machine.
    "js110": _Model(begin=(("s/i/range/select", "auto"),), end=(), value="s/sstats/value", period_s=0.5),
}


def probe(site: Site) -> JoulescopeMeter | Unavailable:
    """Open it and wait for its first sum. Raises ExtraMissing where the driver is not installed."""
    assert site.address is not None
    wanted = _wanted(site.address)
    require("pyjoulescope_driver", "joulescope", "reading a Joulescope")
    try:
        return JoulescopeMeter(wanted)
    except ReadFailed as error:
        return Unavailable(str(error), _ADVICE)


class JoulescopeMeter:
    """See `Meter`. wanted: a serial number or the driver's path; None for the only one.

    Raises ReadFailed where not exactly one fits, it does not open, or it sends no statistics.
    """

    def __init__(self, wanted: str | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        module = require("pyjoulescope_driver", "joulescope", "reading a Joulescope")
        self._clock = clock
        self._latest: tuple[float, float] | None = None  # (when, joules), replaced as a whole
        self._first = threading.Event()
        self._path = ""
        self._driver: Any = None
        # The driver keeps this very object, and unsubscribes no other.
        self._subscriber = self._take
        try:
            self._driver = module.Driver()
            self._path = _choose(self._driver.device_paths(), wanted)
            self._model = _MODELS[_model(self._path)]
            self._driver.open(self._path, timeout=_OPEN_S)
            self._driver.subscribe(f"{self._path}/{self._model.value}", "pub", self._subscriber)
            for topic, value in self._model.begin:
                self._driver.publish(f"{self._path}/{topic}", value)
            # One period passes before the first; a second and more for what opening left to be done.
            if not self._first.wait(2 * self._model.period_s + 2):
                raise ReadFailed(f"the Joulescope {self._path} is open and sends no statistics")
        except ReadFailed:
            self.close()
            raise
        except (RuntimeError, TimeoutError) as error:  # what the driver raises
            self.close()
            where = self._path or "driver"
            raise ReadFailed(f"the Joulescope {where}: {one_line(error)}") from error
        self.info = MeterInfo(
            name=f"joulescope={self._path}",
            scope="what is wired to the Joulescope",
            kind=COUNTER_J,
            rails=(Rail("main"),),
            update_s=self._model.period_s,
            error=ErrorModel(
                gain=0.01,
                offset_w=0.0,
                lsb=0.0,
                source="an assumption for both models; Jetperch's own figures were not at hand",
            ),
            notes=_NOTES,
        )

    def read(self) -> tuple[float, ...]:
        """Joules since the instrument's sum began."""
        latest = self._latest
        if self._driver is None or latest is None:
            raise ReadFailed(f"the Joulescope {self._path} is closed")
        when_s, joules = latest
        age_s = self._clock() - when_s
        if age_s > _STALE_PERIODS * self._model.period_s:
            raise ReadFailed(f"the Joulescope {self._path} has sent nothing for {age_s:.1f} s")
        return (joules,)

    def close(self) -> None:
        """See `Meter.close`. Nothing sent here switches the current off."""
        driver, self._driver = self._driver, None
        if driver is None:
            return
        if self._path:
            # Driver.close of 2.2 leaves flags of its message unset; this is the message that it means.
            for topic, value in (*self._model.end, ("@/!close", 0)):
                with contextlib.suppress(RuntimeError, TimeoutError):  # it may be gone
                    driver.publish(f"{self._path}/{topic}", value)
        driver.finalize()

    def _take(self, _topic: str, value: Any) -> None:
        """Called in the driver's thread. A message without a sum leaves the last one to grow old."""
        try:
            joules = float(value["accumulators"]["energy"]["value"])
        except (KeyError, TypeError, ValueError):
            return
        if math.isfinite(joules):
            self._latest = (self._clock(), joules)
            self._first.set()


def _choose(paths: list[str], wanted: str | None) -> str:
    """The one path (`u/js220/002557`) that fits. Raises ReadFailed where none or several do."""
    known = [path for path in paths if _model(path) in _MODELS]
    found = [path for path in known if wanted in (None, path, path.rpartition("/")[2])]
    if len(found) == 1:
        return found[0]
    if not paths:
        raise ReadFailed("the driver finds no Joulescope on USB")
    names = ", ".join(one_line(path) for path in paths)
    raise ReadFailed(
        f"{len(found)} Joulescopes (JS110, JS220) fit, and one is needed (the driver finds: {names})"
    )


def _model(path: str) -> str:
    """`js220` of `u/js220/002557`; `&js220` is one whose firmware is being updated."""
    return path.split("/")[1] if path.count("/") == 2 else ""


def _wanted(address: str) -> str | None:
    """A serial number or a path; None for `usb`."""
    if address == _ONLY:
        return None
    parts = address.split("/")
    if len(parts) not in (1, 3) or not all(part.isascii() and part.isalnum() for part in parts):
        raise UsageError(
            f"--meter joulescope={one_line(address)}: not a Joulescope; joulescope=usb is the only one "
            "plugged in, joulescope=002557 the one with that serial number"
        )
    return address
