"""A log that grows while it is read."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeai.device import detect
from edgeai.power import Meter, ReadFailed, Site, csv_live, find_meter
from edgeai.power.csv_live import CsvMeter
from edgeai.sysroot import SysRoot
from edgeai.unavailable import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

NOWHERE = SysRoot(Path(__file__).parents[2] / "boards/container-without-sys")


def find(address: str) -> Meter | Unavailable:
    return find_meter(Site(NOWHERE, detect(NOWHERE)), address)


@contextmanager
def growing(path: Path, line: str) -> Iterator[None]:
    """A line every 10 ms."""
    done = threading.Event()

    def write() -> None:
        with path.open("a") as file:
            while not done.wait(0.01):
                file.write(line)
                file.flush()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text("time_s,power_mw\n0,9000\n1,9000\n")
    return path


def test_a_log_that_grows_is_a_meter(log: Path) -> None:
    with growing(log, "2,2500\n"):
        found = find(f"csv={log}")
        assert not isinstance(found, Unavailable), found
        assert found.read() == (2.5,), "rows from before are not of now"
        assert found.info.name == f"csv={log}"
        found.close()
        found.close()
        with pytest.raises(ReadFailed):
            found.read()


def test_rows_since_the_last_read_are_averaged_and_a_torn_one_waits(log: Path) -> None:
    meter = CsvMeter(log)
    append(log, "2,1000\n3,3000\n4,50")
    assert meter.read() == (2.0,)
    assert meter.read() == (2.0,), "nothing new: the last value stands"
    append(log, "00\nnoise\n\n# note\n")
    assert meter.read() == (5.0,)
    meter.close()


def test_a_line_that_was_half_written_at_first_is_left_out(log: Path) -> None:
    append(log, "2,10")
    meter = CsvMeter(log)
    append(log, "00\n3,4000\n")
    assert meter.read() == (4.0,)
    meter.close()


def test_a_log_that_does_not_grow_is_none(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_live, "GROWS_WITHIN_S", 0.1)
    found = find(f"csv={log}")
    assert isinstance(found, Unavailable)
    assert found.unavailable == f"{log}: the log has not grown for 0 s"
    assert "`edgeai bench`" in found.advice


def test_a_log_that_stops_growing_fails_reads(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_live, "GROWS_WITHIN_S", 0.2)
    with growing(log, "2,2500\n"):
        meter = CsvMeter(log)
        assert meter.read() == (2.5,)
    meter.read()
    time.sleep(0.25)
    with pytest.raises(ReadFailed, match="has not grown"):
        meter.read()
    append(log, "9,3000\n")
    assert meter.read() == (3.0,)
    meter.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1\n", "no line names a column of time"),
        ("time_s,current_a\n", "no column of voltage"),
        (None, "No such file"),
    ],
)
def test_a_file_that_will_not_do_says_why(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "log.csv"
    if text is not None:
        path.write_text(text)
    found = find(f"csv={path}")
    assert isinstance(found, Unavailable)
    assert message in found.unavailable


def test_without_a_file_it_is_not_looked_for() -> None:
    found = find("csv")
    assert isinstance(found, Unavailable)
    assert found.advice == "give its address: --meter csv=FILE"


def test_what_is_no_file_and_what_is_no_text_are_refused_at_once(tmp_path: Path) -> None:
    binary = tmp_path / "bin.csv"
    binary.write_bytes(b"\x00\xff,\r\x01,\n" * 20)
    for address in ("/dev/zero", str(tmp_path), str(binary)):
        found = find(f"csv={address}")
        assert isinstance(found, Unavailable)
        assert address in found.unavailable
