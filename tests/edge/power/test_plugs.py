"""Smart plugs over HTTP, read from a real server on loopback; see plugs.py."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from edgeai.errors import UsageError
from edgeai.power import GAUGE_W, ReadFailed
from edgeai.power.web import Address, Plug, WebError, parse_address
from edgeai.unavailable import Unavailable

from .named import find, meter, reason
from .plugs import FakePlug, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

# https://shelly-api-docs.shelly.cloud/gen2/General/CommonDeviceTraits#http-endpoint-shelly
GEN3 = {
    "name": None,
    "id": "shellyplugsg3-x",
    "mac": "X",
    "model": "S3PL-00112EU",
    "gen": 3,
    "auth_en": False,
}
# .../gen2/ComponentsAndServices/Switch#status
SWITCH = {
    "id": 0,
    "source": "HTTP_in",
    "output": True,
    "apower": 25.7,
    "voltage": 239.7,
    "freq": 50.2,
    "current": 0.188,
    "aenergy": {"total": 913.252, "by_minute": [404.631, 404.631, 404.631], "minute_ts": 1782936360},
    "temperature": {"tC": 68.1, "tF": 154.6},
}
# .../gen1/#shelly-plug-plugs-status
GEN1 = {"type": "SHPLG-S", "mac": "X", "auth": False, "fw": "20221108-153925/v1.12.1", "num_outputs": 1}
STATUS = {
    "relays": [{"ison": True, "overpower": False, "source": "http"}],
    "meters": [
        {"power": 4.71, "overpower": 0.0, "is_valid": True, "timestamp": 1676138370, "total": 6472513}
    ],
}
# https://tasmota.github.io/docs/JSON-Status-Responses/#status-8
TASMOTA = {
    "StatusSNS": {
        "Time": "2024-06-26T16:19:59",
        "ENERGY": {
            "TotalStartTime": "2022-09-03T13:02:25",
            "Total": 167.743,
            "Yesterday": 0.779,
            "Today": 0.045,
            "Power": 3,
            "ApparentPower": 30,
            "ReactivePower": 30,
            "Factor": 0.11,
            "Voltage": 232,
            "Current": 0.131,
        },
    }
}
STATUS_8 = "/cm?cmnd=Status%208"


def tasmota(power: Any) -> dict[str, Any]:
    return {STATUS_8: {"StatusSNS": {"Time": "2024-06-26T16:19:59", "ENERGY": {"Power": power}}}}


@pytest.fixture
def switch() -> Iterator[FakePlug]:
    with serving(FakePlug({"/shelly": GEN3, "/rpc/Switch.GetStatus?id=0": SWITCH})) as plug:
        yield plug


# --- Shelly


def test_a_later_shelly_gives_its_watts_over_one_connection(switch: FakePlug) -> None:
    found = meter(f"shelly={switch.url}")
    assert [found.read() for _ in range(3)] == [(25.7,)] * 3
    assert (found.info.scope, found.info.kind, found.info.name) == ("wall", GAUGE_W, f"shelly={switch.url}")
    assert switch.connections == 1
    found.close()
    found.close()


def test_the_scheme_may_be_left_out(switch: FakePlug) -> None:
    found = meter(f"shelly={switch.url.removeprefix('http://')}")
    assert found.read() == (25.7,)
    found.close()


def test_a_shelly_that_only_measures_has_another_component() -> None:
    answers = {"/shelly": GEN3, "/rpc/PM1.GetStatus?id=0": {"id": 0, "voltage": 230.1, "apower": 7.3}}
    with serving(FakePlug(answers)) as plug:
        found = meter(f"shelly={plug.url}")
        assert found.read() == (7.3,)
        found.close()


def test_the_second_outlet_is_chosen_by_its_id() -> None:
    answers = {"/shelly": GEN3, "/rpc/Switch.GetStatus?id=1": SWITCH | {"id": 1, "apower": 1.5}}
    with serving(FakePlug(answers)) as plug:
        found = meter(f"shelly={plug.url}/?id=1")
        assert found.read() == (1.5,)
        assert found.info.name == f"shelly={plug.url}/?id=1"
        found.close()
        assert "no outlet 0 with a power meter" in reason(f"shelly={plug.url}")


def test_a_first_shelly_gives_its_watts_and_says_when_they_are_invalid() -> None:
    with serving(FakePlug({"/shelly": GEN1, "/status": STATUS})) as plug:
        found = meter(f"shelly={plug.url}")
        assert found.read() == (4.71,)
        plug.answers["/status"] = {"meters": [{"power": 0.0, "is_valid": False, "total": 0}]}
        with pytest.raises(ReadFailed, match="invalid"):
            found.read()
        found.close()
        assert "gives no power of outlet 1" in reason(f"shelly={plug.url}/?id=1")


def test_a_first_shelly_is_signed_in_to_and_the_password_is_not_shown() -> None:
    with serving(FakePlug({"/shelly": GEN1, "/status": STATUS})) as plug:
        found = meter("shelly=" + plug.url.replace("//", "//admin:s%40cret@"))
        assert plug.signed_in == [None, "Basic YWRtaW46c0BjcmV0"]
        assert "cret" not in repr(found.info)
        found.close()


def test_a_shelly_without_a_meter_says_so() -> None:
    relay = {key: value for key, value in SWITCH.items() if key != "apower"}
    with serving(FakePlug({"/shelly": GEN3, "/rpc/Switch.GetStatus?id=0": relay})) as plug:
        assert "it has no power meter" in reason(f"shelly={plug.url}")


def test_a_shelly_that_wants_a_password_says_so() -> None:
    with serving(FakePlug({"/shelly": GEN3, "/rpc/Switch.GetStatus?id=0": (401, b"")})) as plug:
        assert reason(f"shelly={plug.url}") == f"the Shelly at {plug.url} wants a password"


# --- Tasmota


def test_tasmota_gives_whole_watts_unless_told_otherwise() -> None:
    with serving(FakePlug({STATUS_8: TASMOTA})) as plug:
        found = meter(f"tasmota={plug.url}")
        assert (found.read(), found.info.error.lsb, found.info.scope) == ((3.0,), 1.0, "wall")
        assert "WattRes" in found.info.notes[-1]
        found.close()


@pytest.mark.parametrize(
    ("power", "query", "watts", "lsb"),
    [(3.5, "", 3.5, 0.1), ([5.0, 7.25], "/?id=1", 7.25, 0.1), ([5, 7], "", 5.0, 1.0)],
)
def test_tasmotas_digits_and_outlets(power: Any, query: str, watts: float, lsb: float) -> None:
    with serving(FakePlug(tasmota(power))) as plug:
        found = meter(f"tasmota={plug.url}{query}")
        assert (found.read(), found.info.error.lsb) == ((watts,), lsb)
        found.close()


def test_tasmota_is_signed_in_to_in_the_query_and_the_password_is_not_shown() -> None:
    path = "/cm?user=admin&password=s%40cret&cmnd=Status%208"
    with serving(FakePlug({path: TASMOTA})) as plug:
        found = meter("tasmota=" + plug.url.replace("//", "//admin:s%40cret@"))
        assert found.read() == (3.0,)
        assert "cret" not in repr(found.info)
        found.close()
    warning = {"WARNING": "Need user=<username>&password=<password>"}
    with serving(FakePlug({STATUS_8: warning})) as plug:
        assert "wants a password" in reason(f"tasmota={plug.url}")


@pytest.mark.parametrize(
    "answers", [tasmota(None), tasmota("3"), tasmota(True), tasmota([]), {STATUS_8: {"StatusSNS": {}}}]
)
def test_tasmota_without_a_power_says_so(answers: dict[str, Any]) -> None:
    with serving(FakePlug(answers)) as plug:
        assert "gives no power of outlet 0" in reason(f"tasmota={plug.url}")


# --- What goes wrong in a network


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, b"{}"), "HTTP 500"),
        ((200, b"<html>no json</html>"), "JSON object: .*<html>"),
        ((200, b"[1, 2]"), "JSON object"),
        ((200, b'{"apower": 25'), "JSON object"),
        ((200, b'{"apower": "25.7"}'), "gives no power"),
        ((200, b"[" * 100_000), "JSON object"),
        ((200, b" " * 300_000), "more than 262144 bytes"),
        ((302, b""), "HTTP 302"),
    ],
)
def test_an_answer_that_is_none_is_a_failed_read_and_the_next_one_counts(
    switch: FakePlug, answer: tuple[int, bytes], message: str
) -> None:
    found = meter(f"shelly={switch.url}")
    switch.answers["/rpc/Switch.GetStatus?id=0"] = answer
    with pytest.raises(ReadFailed, match=message):
        found.read()
    switch.answers["/rpc/Switch.GetStatus?id=0"] = SWITCH
    assert found.read() == (25.7,)
    found.close()


def test_a_plug_that_hangs_up_after_each_answer_is_asked_again_at_once(switch: FakePlug) -> None:
    switch.hang_up_after_each = True
    found = meter(f"shelly={switch.url}")
    assert [found.read() for _ in range(3)] == [(25.7,)] * 3
    assert switch.connections == 5
    found.close()


def test_a_slow_answer_is_a_failed_read_and_is_not_taken_for_the_next(switch: FakePlug) -> None:
    address = parse_address("shelly", switch.url)
    plug = Plug(address, timeout_s=0.15)
    path = "/rpc/Switch.GetStatus?id=0"
    assert plug.get(path)["apower"] == 25.7
    switch.delay_s, switch.answers[path] = 0.4, SWITCH | {"apower": 99.0}
    with pytest.raises(WebError, match=r"did not answer within 0\.15 s"):
        plug.get(path)
    switch.delay_s, switch.answers[path] = 0.0, SWITCH
    assert plug.get(path)["apower"] == 25.7
    plug.close()


def test_an_answer_drop_by_drop_is_given_up(switch: FakePlug) -> None:
    switch.drop_by_drop = True  # 20 ms a byte: no single wait is long
    plug = Plug(parse_address("shelly", switch.url), timeout_s=0.15)
    begin_s = time.monotonic()
    with pytest.raises(WebError, match="did not answer within"):
        plug.get("/rpc/Switch.GetStatus?id=0")
    assert time.monotonic() - begin_s < 3.0, "the whole answer takes over 4 s"
    plug.close()


@pytest.mark.parametrize("name", ["shelly", "tasmota"])
def test_a_plug_that_is_not_there_is_one_clear_reason(name: str) -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert reason(f"{name}={url}") == f"{url} cannot be read: [Errno 111] Connection refused"


def test_a_name_that_does_not_resolve_is_one_clear_reason() -> None:
    assert reason("tasmota=plug.invalid").startswith("http://plug.invalid cannot be read: ")


def test_a_plug_that_dies_in_the_run_gives_failed_reads(switch: FakePlug) -> None:
    with serving(FakePlug({STATUS_8: TASMOTA})) as plug:
        found = meter(f"tasmota={plug.url}")
        plug.hang_up_after_each = True
        assert found.read() == (3.0,)
    with pytest.raises(ReadFailed, match="cannot be read"):
        found.read()
    found.close()


@pytest.mark.parametrize("name", ["shelly", "tasmota"])
def test_without_an_address_a_plug_is_not_looked_for(name: str) -> None:
    found = find(name)
    assert isinstance(found, Unavailable)
    assert "used only when named" in found.unavailable
    assert found.advice == f"give its address: --meter {name}=http://10.0.0.7"


# --- Addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.7", Address("10.0.0.7", 80)),
        ("http://10.0.0.7/", Address("10.0.0.7", 80)),
        ("plug.local:8080", Address("plug.local", 8080)),
        ("http://[fe80::1]:81/?id=2", Address("fe80::1", 81, channel=2)),
        ("http://u:p%2Fw@h", Address("h", 80, user="u", password="p/w")),  # noqa: S106 - made up
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address("shelly", text) == address


@pytest.mark.parametrize("address", [Address("h", 80), Address("fe80::1", 81, channel=2)])
def test_an_address_as_shown_can_be_given_again(address: Address) -> None:
    assert parse_address("shelly", address.url) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "ftp://h",
        "https://h",
        "h:port",
        "h:99999",
        "h/status",
        "h/?id=-1",
        "h/?id=x",
        "h/?x=1",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"not an address of a plug; for example shelly=http://10\.0\.0\.7"):
        parse_address("shelly", text)


@pytest.mark.parametrize("text", ["http://admin:secret@h/status", "admin:secret@h/status"])
def test_an_error_does_not_show_the_password(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_address("shelly", text)
    assert "secret" not in str(raised.value)


def test_looking_for_a_meter_loads_no_client_of_a_network() -> None:
    program = (
        "import sys; from edgeai.device import detect; from edgeai.power import Site, survey; "
        "from edgeai.sysroot import SysRoot; survey(Site(SysRoot(), detect(SysRoot()))); "
        "sys.exit('http.client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_headers_that_come_drop_by_drop_end_at_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200:
                        connection.sendall(bytes([byte]))
                        time.sleep(0.02)
                except OSError:
                    pass

        thread = threading.Thread(target=drip)
        thread.start()
        plug = Plug(Address("127.0.0.1", server.getsockname()[1]), timeout_s=0.3)
        begin_s = time.monotonic()
        with pytest.raises(WebError, match=r"did not answer within 0\.3 s"):
            plug.get("/shelly")
        assert time.monotonic() - begin_s < 1.5
        plug.close()
        thread.join()
