"""Plugs with the Tasmota firmware, over HTTP: `--meter tasmota=http://10.0.0.7`.

https://tasmota.github.io/docs/Commands/#with-web-requests and https://tasmota.github.io/docs/JSON-Status-Responses
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from ..unavailable import Unavailable
from .meter import GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed
from .web import Plug, parse_address

if TYPE_CHECKING:
    from typing import Any

    from .meter import Site

_NOTES = ("at the wall: the power supply's losses and all that hangs on it are inside",)
_WHOLE_WATTS = "this plug gives whole watts; `WattRes 3` in its console gives more digits"


def probe(site: Site) -> TasmotaMeter | Unavailable:
    """Ask for the power once."""
    assert site.address is not None
    plug = Plug(parse_address("tasmota", site.address))
    try:
        return TasmotaMeter(plug)
    except ReadFailed as error:
        plug.close()
        return Unavailable(
            str(error),
            f"open {plug.address.url}/cm?cmnd=Status%208 in a browser: StatusSNS.ENERGY.Power must be there",
        )


class TasmotaMeter:
    """See `Meter`. Reads once when made, to learn in which steps the plug gives its watts."""

    def __init__(self, plug: Plug) -> None:
        self._plug = plug
        self._path = _path(plug)
        whole = isinstance(self._ask(), int)
        self.info = MeterInfo(
            name=f"tasmota={plug.address.url}",
            scope="wall",
            kind=GAUGE_W,
            rails=(Rail("wall"),),
            update_s=1.0,  # Tasmota's drivers of metering chips work on its event of every second
            error=ErrorModel(
                gain=0.02,
                offset_w=0.1,
                lsb=1.0 if whole else 0.1,
                source="an assumption: such plugs are of many makers, and calibrated by their owners "
                "(https://tasmota.github.io/docs/Power-Monitoring-Calibration). lsb: as numbers are printed",
            ),
            notes=(*_NOTES, *((_WHOLE_WATTS,) if whole else ())),
        )

    def read(self) -> tuple[float, ...]:
        """Watts at the wall."""
        return (float(self._ask()),)

    def close(self) -> None:
        """See `Meter.close`."""
        self._plug.close()

    def _ask(self) -> int | float:
        answer = self._plug.get(self._path)
        if "WARNING" in answer:  # {"WARNING":"Need user=<username>&password=<password>"}
            raise ReadFailed(
                f"the Tasmota plug at {self._plug.address.url} wants a password: http://USER:PASSWORD@ADDRESS"
            )
        return _power(answer, self._plug.address.channel)


def _path(plug: Plug) -> str:
    address = plug.address
    if address.user is None:
        return "/cm?cmnd=Status%208"
    sign_in = f"user={quote(address.user, safe='')}&password={quote(address.password or '', safe='')}"
    return f"/cm?{sign_in}&cmnd=Status%208"


def _power(answer: dict[str, Any], channel: int) -> int | float:
    """Plugs with several outlets give a list."""
    try:
        value = answer["StatusSNS"]["ENERGY"]["Power"]
        value = value[channel] if isinstance(value, list) else value if channel == 0 else None
    except (KeyError, IndexError, TypeError):
        value = None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ReadFailed(f"the plug gives no power of outlet {channel} (StatusSNS.ENERGY.Power)")
    return value
