"""A JS220 or JS110 inside the maker's real driver: its messages go the way that a device's go.

The driver's own functions convert what a JS220 sends over USB (`js220_stats_convert`), carry it from the
backend's queue through the publish and subscribe thread, and decode it for Python. Only the USB is not there:
this answers the driver's commands with return codes, as the driver's part for a device does.
"""

from __future__ import annotations

import ctypes
import importlib
import struct
from typing import Any

# jsdrv/union.h: struct jsdrv_union_s, and the kinds used here (also of jsdrv.h, enum jsdrv_payload_type_e).
_BIN, _I32, _STATISTICS = 3, 14, 2
_STATISTICS_BYTES = 200  # jsdrv.h: struct jsdrv_statistics_s, its time map at 176
_TIME_MAP_AT = 176
_FREQUENCY_HZ = 2_000_000
_LAST_SETTING = ("s/stats/ctrl", "s/i/range/select")  # of a JS220, of a JS110


class _Union(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint8),
        ("flags", ctypes.c_uint8),
        ("op", ctypes.c_uint8),
        ("app", ctypes.c_uint8),
        ("size", ctypes.c_uint32),
        ("value", ctypes.c_void_p),
    )


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(importlib.import_module("pyjoulescope_driver.binding").__file__)
    library.js220_stats_convert.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    library.jsdrvp_msg_alloc_value.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(_Union)]
    library.jsdrvp_msg_alloc_value.restype = ctypes.c_void_p
    library.jsdrvp_backend_send.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    library.jsdrvp_backend_send.restype = None
    return library


class PluggedJoulescope:
    """paths: what the driver lists. codes: return codes by subtopic, 0 for those that are not there.

    watts: what one message reports that it sends when it was set up; None sends nothing.
    asked: what reached it, as (subtopic, value).
    """

    def __init__(self, *paths: str) -> None:
        self.paths = list(paths)
        self.codes: dict[str, int] = {}
        self.watts: float | None = 4.25
        self.asked: list[tuple[str, Any]] = []
        self.drivers: list[Any] = []
        self._library = _library()
        self._samples = 0
        self._joules = 0.0

    def plug(self, driver: Any) -> None:
        """Into a driver that was just opened."""
        self.drivers.append(driver)
        driver.publish("@/list", ",".join(self.paths), timeout=0)
        for path in self.paths:
            driver.subscribe(path, "pub", self._answer)

    def _answer(self, topic: str, value: Any) -> None:
        path = "/".join(topic.split("/")[:3])
        subtopic = topic[len(path) + 1 :]
        if subtopic.endswith("stats/value"):
            return
        self.asked.append((subtopic, value))
        self._post(f"{topic}#", _Union(type=_I32, value=self.codes.get(subtopic, 0)))
        if value and subtopic in _LAST_SETTING and self.watts is not None:
            self.send(self.watts, path)

    def send(self, watts: float, path: str | None = None, period_s: float = 0.1) -> None:
        """One message of statistics: `watts` for one more period."""
        path = path or self.paths[0]
        count = round(period_s * _FREQUENCY_HZ / 2)
        self._samples += count
        self._joules += watts * period_s
        statistics = self._converted(watts, count)
        buffer = ctypes.create_string_buffer(statistics, len(statistics))
        pointer = ctypes.cast(buffer, ctypes.c_void_p).value
        topic = "s/sstats/value" if "js110" in path else "s/stats/value"
        self._post(
            f"{path}/{topic}",
            _Union(type=_BIN, app=_STATISTICS, size=len(statistics), value=pointer),
        )

    def _post(self, topic: str, value: _Union) -> None:
        """As a backend does. The driver's context is its object's first field, or behind Cython's table."""
        driver = self.drivers[-1]
        table = ctypes.sizeof(ctypes.c_void_p) if hasattr(type(driver), "__pyx_vtable__") else 0
        context = ctypes.c_void_p.from_address(id(driver) + object.__basicsize__ + table)
        message = self._library.jsdrvp_msg_alloc_value(context, topic.encode(), ctypes.byref(value))
        self._library.jsdrvp_backend_send(context, message)

    def _converted(self, watts: float, count: int) -> bytes:
        """What the driver makes of struct js220_statistics_raw_s (js220_api.h), at 5 V."""
        amperes = watts / 5
        raw = struct.pack("<IIQQ", 0x92 << 24 | count, _FREQUENCY_HZ, 2 * (self._samples - count), 0)
        for mean, bits in ((amperes, 31), (5.0, 31), (watts, 27)):
            one = round(mean * 2**bits)
            raw += struct.pack("<qqq", one * count, one, one)
        sums = (
            round(amperes * 2**31) ** 2 * count,
            0,
            round(5.0 * 2**31) ** 2 * count,
            0,
            round(watts * 2**27) ** 2 * count,
            round(self._joules * 1e6 * 2**31),  # of samples at 1 MHz
        )
        raw += b"".join(each.to_bytes(16, "little", signed=True) for each in sums)
        made = ctypes.create_string_buffer(512)
        assert self._library.js220_stats_convert(raw, made) == 0
        struct.pack_into("<qQd", made, _TIME_MAP_AT, 0, 0, float(_FREQUENCY_HZ))
        return made.raw[:_STATISTICS_BYTES]
