"""Shelly plugs and relays with a power meter, over HTTP: `--meter shelly=http://10.0.0.7`.

Generation 2 and later: https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Switch#status (and PM1
of those that only measure); the first: https://shelly-api-docs.shelly.cloud/gen1/#shelly-plug-plugs-status
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..unavailable import Unavailable
from .meter import GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed
from .web import Plug, WebError, number, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .meter import Site

_ERROR = ErrorModel(
    gain=0.02,
    offset_w=0.1,
    lsb=0.1,
    source="an assumption: Shelly publishes no accuracy; a metering chip of such plugs, the BL0937, is "
    "linear to 0.5 % by its data sheet, and the calibration adds its own error. Watts come with one decimal",
)
_NOTES = ("at the wall: the power supply's losses and all that hangs on it are inside",)


def probe(site: Site) -> ShellyMeter | Unavailable:
    """Ask which generation it is, then for its power once."""
    assert site.address is not None
    plug = Plug(parse_address("shelly", site.address))
    try:
        return ShellyMeter(plug, *_find(plug))
    except ReadFailed as error:
        plug.close()
        if isinstance(error, WebError) and error.status == 401:
            return Unavailable(
                f"the Shelly at {plug.address.url} wants a password",
                "of the first generation give it as http://USER:PASSWORD@ADDRESS; later ones are read "
                "without a password only: switch the plug's authentication off for the measurement",
            )
        return Unavailable(
            str(error), f"open {plug.address.url}/shelly in a browser: a Shelly says there what it is"
        )


class ShellyMeter:
    """See `Meter`. power: takes the watts out of an answer, and raises ReadFailed where it holds none."""

    def __init__(self, plug: Plug, path: str, power: Callable[[dict[str, Any]], float]) -> None:
        self._plug, self._path, self._power = plug, path, power
        self.info = MeterInfo(
            name=f"shelly={plug.address.url}",
            scope="wall",
            kind=GAUGE_W,
            rails=(Rail("wall"),),
            # Nobody publishes it; this asks twice a second, which a plug's small processor bears.
            update_s=1.0,
            error=_ERROR,
            notes=_NOTES,
        )

    def read(self) -> tuple[float, ...]:
        """Watts at the wall."""
        return (self._power(self._plug.get(self._path)),)

    def close(self) -> None:
        """See `Meter.close`."""
        self._plug.close()


def _find(plug: Plug) -> tuple[str, Callable[[dict[str, Any]], float]]:
    """The path that gives the power, and how to take it out of the answer; asked once."""
    identity = plug.get("/shelly")
    channel = plug.address.channel
    if (number(identity, "gen") or 1) < 2:
        if plug.address.user is not None:
            plug.sign_in()
        power = _first_generation(channel)
        power(plug.get("/status"))
        return "/status", power
    for component in ("Switch", "PM1"):
        path = f"/rpc/{component}.GetStatus?id={channel}"
        try:
            _later_generation(plug.get(path))
        except WebError as error:
            if error.status in (
                404,
                500,
            ):  # no such component: 404 by the documentation, 500 of early firmware
                continue
            raise
        return path, _later_generation
    raise ReadFailed(f"the Shelly at {plug.address.url} has no outlet {channel} with a power meter")


def _later_generation(answer: dict[str, Any]) -> float:
    watts = number(answer, "apower")
    if watts is None:
        raise ReadFailed(
            "the Shelly gives no power (`apower`): it has no power meter, or its meter is faulty"
        )
    return watts


def _first_generation(channel: int) -> Callable[[dict[str, Any]], float]:
    def power(answer: dict[str, Any]) -> float:
        watts = number(answer, "meters", channel, "power")
        if watts is None:
            raise ReadFailed(f"the Shelly gives no power of outlet {channel} (`meters[{channel}].power`)")
        if answer["meters"][channel].get("is_valid") is False:
            raise ReadFailed("the Shelly calls its own reading invalid (`is_valid`)")
        return watts

    return power
