"""Qoitech's Otii Arc and Ace, through the Otii application's TCP server: `--meter otii=localhost`.

The application must run (on this machine or another) and be logged in, with a licence for automation. Its
client is the package otii-tcp-client (extra `otii`): https://github.com/qoitech/otii-tcp-client-python.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..errors import UsageError, one_line
from ..extras import require
from ..unavailable import Unavailable
from .meter import GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed

if TYPE_CHECKING:
    from .meter import Site

_PORT = 1905  # otii_client.DEFAULT_PORT
_POWER, _CURRENT, _VOLTAGE = "mp", "mc", "mv"  # arc.Arc.enable_channel lists the channels
_NOTES = ("at the Otii's output: what it supplies, without what the board draws from elsewhere",)


def probe(site: Site) -> OtiiMeter | Unavailable:
    """Connect and read once. Raises ExtraMissing where the client is not installed."""
    assert site.address is not None
    host, port, name = _address(site.address)
    require("otii_tcp_client.otii_client", "otii", "reading an Otii")
    meter = OtiiMeter(host, port, name)
    try:
        meter.read()
    except ReadFailed as error:
        meter.close()
        return Unavailable(
            str(error),
            "start the Otii application's TCP server, log in with a licence for automation, and connect one "
            "device (or name it: --meter otii=localhost/NAME)",
        )
    return meter


class OtiiMeter:
    """See `Meter`. Connects at the first read, and again where a read failed.

    name: of the device; None where only one is connected.
    """

    def __init__(self, host: str, port: int, name: str | None = None) -> None:
        self._host, self._port, self._name = host, port, name
        self._client: Any = None
        self._device: Any = None
        self._licence: int | None = None
        self._channels: tuple[str, ...] = ()
        where = host if port == _PORT else f"{host}:{port}"
        self.info = MeterInfo(
            name=f"otii={where}" + ("" if name is None else f"/{name}"),
            scope="board input (Otii)",
            kind=GAUGE_W,
            rails=(Rail("main"),),
            update_s=None,  # 1 ms and less; each question is answered with the present value
            error=ErrorModel(
                gain=0.01,
                offset_w=0.0,
                lsb=0.0,
                source="an assumption, above what Qoitech states for either device in the ranges of a board",
            ),
            notes=_NOTES,
        )

    def read(self) -> tuple[float, ...]:
        """Watts at the output."""
        try:
            if self._device is None:
                self._connect()
            watts = 1.0
            for channel in self._channels:
                watts *= float(self._device.get_value(channel))
        except ReadFailed:
            self.close()
            raise
        # The client raises bare Exceptions too. After any, a late answer may be on its way: connect afresh.
        except Exception as error:
            self.close()
            raise ReadFailed(f"the Otii at {self._host}:{self._port}: {_why(error)}") from error
        return (watts,)

    def close(self) -> None:
        """See `Meter.close`; gives back a licence that was reserved by this."""
        client, self._client, self._device = self._client, None, None
        licence, self._licence = self._licence, None
        if client is not None:
            with contextlib.suppress(Exception):  # the application may be gone
                if licence is not None:
                    client.return_license(licence)
            client.connection.close_connection()

    def _connect(self) -> None:
        module = require("otii_tcp_client.otii_client", "otii", "reading an Otii")
        # "auto" would print, and leave its connection open, where there is no licence.
        self._client = module.OtiiClient().connect(
            host=self._host, port=self._port, try_for_seconds=1, licensing=module.LicensingMode.MANUAL
        )
        self._reserve(module.LICENSE_MAP)
        devices = self._client.get_devices(timeout=1)
        found = [device for device in devices if self._name in (None, device.name)]
        if len(found) != 1:
            names = ", ".join(one_line(device.name) for device in devices) or "none"
            raise ReadFailed(
                f"the Otii application at {self._host}:{self._port} has {len(found)} devices that fit, and "
                f"one is needed (it has: {names})"
            )
        self._device = found[0]
        self._channels = self._pick_channels()

    def _reserve(self, covers: dict[str, list[str]]) -> None:
        """A licence for automation, unless the application holds one. covers: what each type is for."""
        if not self._client.is_logged_in():
            raise ReadFailed(f"nobody is logged in to the Otii application at {self._host}:{self._port}")
        licences = [
            each
            for each in self._client.get_licenses()
            if each["available"] and "Automation" in covers.get(each["type"], ())
        ]
        if any(each["reserved_to"] for each in licences):
            return
        if not licences:
            raise ReadFailed(
                f"the Otii application at {self._host}:{self._port} has no licence for automation free"
            )
        self._client.reserve_license(licences[0]["id"])
        self._licence = licences[0]["id"]

    def _pick_channels(self) -> tuple[str, ...]:
        """Power, or current and voltage of a device that does not give it."""
        module = require("otii_tcp_client.otii_exception", "otii", "reading an Otii")
        try:
            self._device.get_value(_POWER)
        except module.Otii_Exception:
            return _CURRENT, _VOLTAGE
        return (_POWER,)


def _why(error: Exception) -> str:
    return one_line(getattr(error, "message", None) or error) or type(error).__name__


def _address(text: str) -> tuple[str, int, str | None]:
    """`localhost`, `10.0.0.9:1905`, `localhost/Arc 1`."""
    try:
        parts = urlsplit(f"otii://{text}")
        port = parts.port or _PORT
    except ValueError:
        parts, port = urlsplit(""), 0
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise UsageError(
            f"--meter otii={one_line(text)}: not where an Otii application runs; for example otii=localhost, "
            "and otii=localhost/NAME for one of several devices"
        )
    return parts.hostname, port, unquote(parts.path.strip("/")) or None
