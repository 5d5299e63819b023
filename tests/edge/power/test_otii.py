"""An Otii through its maker's own client, which talks to a server on loopback that speaks its protocol."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from edgeai.errors import UsageError
from edgeai.power import GAUGE_W, ReadFailed
from edgeai.unavailable import Unavailable

from .named import find, meter, reason
from .otii_server import FakeOtii, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("otii_tcp_client", reason="the client of the extra `otii` is not installed")


@pytest.fixture
def otii() -> Iterator[FakeOtii]:
    with serving(FakeOtii()) as server:
        yield server


def test_an_otii_gives_the_watts_of_its_output(otii: FakeOtii) -> None:
    found = meter(f"otii=127.0.0.1:{otii.port}")
    assert found.read() == (4.25,)
    otii.values["mp"] = -0.5
    assert found.read() == (-0.5,)
    assert (found.info.kind, found.info.scope) == (GAUGE_W, "board input (Otii)")
    assert otii.connections == 1
    assert otii.asked.count("otii_reserve_license") == 1
    found.close()
    found.close()
    assert otii.asked[-1] == "otii_return_license"


def test_a_device_without_power_gives_current_times_voltage(otii: FakeOtii) -> None:
    del otii.values["mp"]
    found = meter(f"otii=127.0.0.1:{otii.port}")
    assert found.read() == (pytest.approx(4.25),)
    found.close()


def test_one_of_several_devices_is_named(otii: FakeOtii) -> None:
    otii.devices = ["Arc", "Bench 2"]
    assert "has 2 devices that fit, and one is needed (it has: Arc, Bench 2)" in reason(
        f"otii=127.0.0.1:{otii.port}"
    )
    found = meter(f"otii=127.0.0.1:{otii.port}/Bench 2")
    assert found.info.name == f"otii=127.0.0.1:{otii.port}/Bench 2"
    found.close()
    otii.devices = []
    assert "(it has: none)" in reason(f"otii=127.0.0.1:{otii.port}")


def test_without_a_licence_or_a_login_it_says_so_and_prints_nothing(
    otii: FakeOtii, capsys: pytest.CaptureFixture[str]
) -> None:
    where = f"127.0.0.1:{otii.port}"
    otii.licences = 0
    assert reason(f"otii={where}") == f"the Otii application at {where} has no licence for automation free"
    otii.logged_in = False
    assert reason(f"otii={where}") == f"nobody is logged in to the Otii application at {where}"
    assert capsys.readouterr() == ("", "")


def test_a_licence_that_the_application_holds_is_left_to_it(otii: FakeOtii) -> None:
    otii.reserved_to = "joe"
    meter(f"otii=127.0.0.1:{otii.port}").close()
    assert not {"otii_reserve_license", "otii_return_license"} & set(otii.asked)


def test_after_a_failed_read_it_connects_afresh(otii: FakeOtii) -> None:
    found = meter(f"otii=127.0.0.1:{otii.port}")
    del otii.values["mp"]
    with pytest.raises(ReadFailed, match="not valid for device type"):
        found.read()
    otii.values["mp"] = 3.0
    assert found.read() == (3.0,)
    assert otii.connections == 2
    found.close()


def test_an_application_that_ends_gives_failed_reads() -> None:
    with serving(FakeOtii()) as server:
        found = meter(f"otii=127.0.0.1:{server.port}")
        found.close()
    with pytest.raises(ReadFailed, match="Connection refused"):
        found.read()


def test_no_application_is_one_clear_reason() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert (
            reason(f"otii=127.0.0.1:{port}")
            == f"the Otii at 127.0.0.1:{port}: [Errno 111] Connection refused"
        )


def test_without_an_address_it_is_not_looked_for() -> None:
    found = find("otii")
    assert isinstance(found, Unavailable)
    assert found.advice == "give its address: --meter otii=localhost"


@pytest.mark.parametrize("text", [":1905", "host:port", "host:99999", "user@host", "host?x=1"])
def test_what_is_no_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="for example otii=localhost"):
        find(f"otii={text}")
