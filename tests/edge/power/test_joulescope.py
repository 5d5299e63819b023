"""A Joulescope through its maker's real driver: what a device sends goes through all of it but the USB."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from typing import TYPE_CHECKING

import pytest

from edgeai.errors import ExtraMissing, UsageError
from edgeai.power import COUNTER_J, Meter, ReadFailed
from edgeai.power.joulescope import JoulescopeMeter
from edgeai.unavailable import Unavailable

from .joulescope_device import PluggedJoulescope
from .named import find, meter

if TYPE_CHECKING:
    from collections.abc import Callable

    Plug = Callable[..., PluggedJoulescope]

pytest.importorskip("pyjoulescope_driver", reason="the driver of the extra `joulescope` is not installed")

TRIED = {"1.6.0", "1.10.0", "2.2.12", "2.5.4"}
"""Drivers in whose objects `joulescope_device` was seen to find its way; in another it might crash."""
JS220, JS110 = "u/js220/002557", "u/js110/000415"


def reason(name: str) -> str:
    found = find(name)
    assert isinstance(found, Unavailable), found
    assert "99-joulescope.rules" in found.advice
    return found.unavailable


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Plug:
    """Every driver that is opened finds these instruments."""

    def plugged(*paths: str) -> PluggedJoulescope:
        module = importlib.import_module("pyjoulescope_driver")
        installed = importlib.metadata.version("pyjoulescope_driver")
        if installed not in TRIED:
            pytest.skip(f"pyjoulescope_driver {installed} was not tried; look at joulescope_device.py")
        device, real = PluggedJoulescope(*paths), module.Driver

        def driver() -> object:
            opened = real()
            device.plug(opened)
            return opened

        monkeypatch.setattr(module, "Driver", driver)
        return device

    return plugged


def sent(found: Meter, device: PluggedJoulescope, watts: float) -> float:
    """What the meter reads once the message came through the driver's thread."""
    device.send(watts)
    # That thread empties the device's queue, then ours: it may be between the two at the first question.
    for _ in range(2):
        device.drivers[-1].query("@/list")
    return found.read()[0]


def asked(device: PluggedJoulescope) -> list[tuple[str, object]]:
    """What reached it, once each: the driver of 2.5 closes again what it opened."""
    return list(dict.fromkeys(device.asked))


def test_without_an_instrument_the_real_driver_finds_none() -> None:
    assert reason("joulescope=usb") == "the driver finds no Joulescope on USB"


def test_a_js220_gives_the_joules_that_it_sums(plug: Plug) -> None:
    device = plug(JS220)
    found = meter("joulescope=usb")
    assert (found.info.name, found.info.kind) == (f"joulescope={JS220}", COUNTER_J)
    assert (found.info.scope, found.info.update_s) == ("what is wired to the Joulescope", 0.1)
    assert found.read()[0] == pytest.approx(0.425)
    assert sent(found, device, 10.0) == pytest.approx(1.425)
    assert sent(found, device, -5.0) == pytest.approx(0.925)
    found.close()
    found.close()
    assert asked(device) == [
        ("@/!open", 0),
        ("s/i/range/mode", "auto"),
        ("s/stats/scnt", 100_000),
        ("s/stats/ctrl", 1),
        ("s/stats/ctrl", 0),
        ("@/!close", 0),
    ]


def test_a_js110_sums_by_itself_at_2_hz(plug: Plug) -> None:
    device = plug(JS110)
    found = meter("joulescope=000415")
    assert found.info.update_s == 0.5
    assert found.read()[0] == pytest.approx(0.425)
    found.close()
    assert asked(device) == [("@/!open", 0), ("s/i/range/select", "auto"), ("@/!close", 0)]


def test_one_of_several_is_named_by_serial_number_or_path(plug: Plug) -> None:
    plug(JS220, JS110, "u/&js220/000001")
    assert reason("joulescope=usb") == (
        "2 Joulescopes (JS110, JS220) fit, and one is needed (the driver finds: "
        f"u/&js220/000001, {JS110}, {JS220})"
    )
    assert reason("joulescope=9").startswith("0 Joulescopes")
    for address in ("000415", JS110):
        found = meter(f"joulescope={address}")
        assert found.info.name == f"joulescope={JS110}"
        found.close()


def test_what_the_driver_refuses_is_one_clear_reason(plug: Plug) -> None:
    device = plug(JS220)
    device.codes["@/!open"] = 18  # PERMISSIONS
    assert reason("joulescope=usb").startswith(f"the Joulescope {JS220}: jsdrv_open failed")
    assert reason("joulescope=usb").count("18") == 1


def test_an_instrument_that_sends_nothing_is_not_a_meter(plug: Plug) -> None:
    plug(JS220).watts = None
    assert reason("joulescope=usb") == f"the Joulescope {JS220} is open and sends no statistics"


def test_a_sum_that_grew_old_is_a_failed_read_and_comes_back(plug: Plug) -> None:
    device, now_s = plug(JS220), [100.0]
    found = JoulescopeMeter(clock=lambda: now_s[0])
    now_s[0] += 0.4
    assert found.read()[0] == pytest.approx(0.425)
    now_s[0] += 0.3
    with pytest.raises(ReadFailed, match=r"has sent nothing for 0\.7 s"):
        found.read()
    assert sent(found, device, 1.0) == pytest.approx(0.525)
    found.close()
    with pytest.raises(ReadFailed, match="is closed"):
        found.read()


def test_a_message_without_a_sum_is_passed_over(plug: Plug) -> None:
    device = plug(JS220)
    found = meter("joulescope=usb")
    device.drivers[-1].publish(f"{JS220}/s/stats/value", b"\x01\x02", timeout=0)
    device.drivers[-1].query("@/list")
    assert found.read()[0] == pytest.approx(0.425)
    found.close()


def test_without_an_address_it_is_not_looked_for() -> None:
    found = find("joulescope")
    assert isinstance(found, Unavailable)
    assert found.advice == "give its address: --meter joulescope=usb"


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyjoulescope_driver", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'edgeai\[joulescope\]'"):
        find("joulescope=usb")


@pytest.mark.parametrize("text", ["/dev/usb1", "u/js220", "js220:1", "a b"])
def test_what_is_no_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="joulescope=usb is the only one"):
        find(f"joulescope={text}")
