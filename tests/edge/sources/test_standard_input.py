"""`-`: what is piped in, through real pipes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from edgeai.errors import InputError
from edgeai.sources import Item, open_source
from edgeai.sources.bounded import read_all, read_lines

RATE_HZ = 16000


class Pipe:
    """Standard input of this process as a pipe, and its other end."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        self.stdin = open(reader, encoding="utf-8")  # noqa: SIM115, PTH123 - closed by the fixture

    def write(self, data: bytes) -> None:
        os.write(self._writer, data)

    def end(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
        self._writer = -1


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    made = Pipe()
    monkeypatch.setattr(sys, "stdin", made.stdin)
    yield made
    made.end()
    made.stdin.close()


@pytest.fixture
def feed(pipe: Pipe) -> Callable[..., list[Item]]:
    """All items that come of some content."""

    def read(content: bytes, kind: str, **options: Any) -> list[Item]:
        pipe.write(content)
        pipe.end()
        with open_source("-", kind, **options) as source:
            return list(source)

    return read


# --- Sound -------------------------------------------------------------------------------------------------


def test_samples_are_little_endian_numbers_of_16_bits(feed: Callable[..., list[Item]]) -> None:
    values = np.array([0, 1, -1, 256, 32767, -32768], "<i2")
    items = feed(values.tobytes(), "audio", rate_hz=RATE_HZ)
    samples = np.concatenate([item.value for item in items])
    assert samples.dtype == np.float32
    assert samples.tolist() == [value / 32768 for value in values.tolist()]


@pytest.mark.parametrize("chunk_s", [1 / RATE_HZ, 0.001, 0.1])
def test_chunks_are_in_order_and_end_with_an_empty_one(
    feed: Callable[..., list[Item]], chunk_s: float
) -> None:
    values = np.random.default_rng(0).integers(-30000, 30000, 1001).astype("<i2")
    items = feed(values.tobytes(), "audio", rate_hz=RATE_HZ, chunk_s=chunk_s)
    assert [item.is_last for item in items] == [False] * (len(items) - 1) + [True]
    assert len(items[-1].value) == 0
    assert max(len(item.value) for item in items) <= max(2, round(chunk_s * RATE_HZ))
    before = np.cumsum([0, *(len(item.value) for item in items)])
    assert [item.start_s for item in items] == [count / RATE_HZ for count in before[:-1]]
    assert {(item.name, item.rate_hz) for item in items} == {("-", RATE_HZ)}
    np.testing.assert_array_equal(np.concatenate([item.value for item in items]), values / np.float32(32768))


def test_samples_are_handed_on_as_they_come(pipe: Pipe) -> None:
    source = open_source("-", "audio", rate_hz=RATE_HZ, chunk_s=10)
    for value in (1, 2, 3):
        pipe.write(np.full(2, value, "<i2").tobytes())
        assert next(source).value.tolist() == [value / 32768] * 2


def test_half_a_sample_waits_for_its_other_half(pipe: Pipe) -> None:
    source = open_source("-", "audio", rate_hz=RATE_HZ)
    pipe.write(b"\1\0\2\0")
    assert next(source).value.tolist() == [1 / 32768, 2 / 32768]
    pipe.write(b"\3\0\4")
    assert next(source).value.tolist() == [3 / 32768]
    pipe.write(b"\0\5")
    assert next(source).value.tolist() == [4 / 32768]
    pipe.end()  # a recorder that was stopped within a sample
    assert (len(next(source).value), next(source, None)) == (0, None)


def test_less_than_a_sample_is_an_empty_recording(feed: Callable[..., list[Item]]) -> None:
    assert [len(item.value) for item in feed(b"\1", "audio", rate_hz=RATE_HZ)] == [0]


def test_samples_without_a_rate_are_refused(pipe: Pipe) -> None:
    with pytest.raises(InputError, match="raw samples from standard input have no rate of their own"):
        open_source("-", "audio")


def test_a_wav_file_is_not_taken_for_samples(feed: Callable[..., list[Item]]) -> None:
    with pytest.raises(
        InputError, match=r"is a WAV file; give its path, or pipe in raw samples \(arecord -t raw\)"
    ):
        feed(b"RIFF\x24\0\0\0WAVEfmt ", "audio", rate_hz=RATE_HZ)


# --- Other kinds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "bytes"])
def test_everything_is_one_item(feed: Callable[..., list[Item]], kind: str) -> None:
    content = bytes(range(256)) * 100
    assert feed(content, kind) == [Item(content, "-")]


@pytest.mark.parametrize("kind", ["image", "bytes", "audio"])
def test_nothing_at_all_is_an_error(feed: Callable[..., list[Item]], kind: str) -> None:
    with pytest.raises(InputError, match="standard input is empty; pipe "):
        feed(b"", kind, rate_hz=RATE_HZ)


def test_each_line_is_a_text(feed: Callable[..., list[Item]]) -> None:
    items = feed("\ufeffone\n\n  \nzwei Übel\r\nthree".encode(), "text")
    assert [(item.value, item.name) for item in items] == [
        ("one", "-:1"),
        ("zwei Übel", "-:4"),
        ("three", "-:5"),
    ]


def test_a_text_is_handed_on_when_its_line_ends(pipe: Pipe) -> None:
    source = open_source("-", "text")
    for word in ("one", "two"):
        pipe.write(f"{word}\n".encode())
        assert next(source).value == word


def test_a_line_that_is_no_text_is_named(feed: Callable[..., list[Item]]) -> None:
    with pytest.raises(InputError, match=r"^-:2: byte 3 is not UTF-8; convert it \(iconv -t UTF-8\)$"):
        feed(b"one\ncaf\xe9\n", "text")


def test_each_line_is_a_set_of_tensors(feed: Callable[..., list[Item]]) -> None:
    lines = b'{"x": [1, 2]}\n\n{"x": {"data": "AQI=", "dtype": "u8", "shape": [2]}}\n'
    items = feed(lines, "tensors", dtypes={"x": "f32"})
    assert [item.name for item in items] == ["-:1", "-:3"]
    assert [(item.value["x"].dtype.name, item.value["x"].tolist()) for item in items] == [
        ("float32", [1, 2]),
        ("uint8", [1, 2]),
    ]


def test_a_broken_line_is_named_and_those_before_it_are_given(pipe: Pipe) -> None:
    pipe.write(b'{"x": [1]}\n{"x": [1}\n')
    source = open_source("-", "tensors")
    assert next(source).value["x"].tolist() == [1]
    with pytest.raises(InputError, match=r"^-:2: not JSON: "):
        next(source)


@pytest.mark.parametrize("kind", ["text", "tensors"])
def test_no_lines_give_no_items(feed: Callable[..., list[Item]], kind: str) -> None:
    assert feed(b"", kind) == []


def test_what_never_ends_is_given_up() -> None:
    with open("/dev/zero", "rb") as endless:  # noqa: PTH123 - it is a device
        with pytest.raises(
            InputError, match=r"^- is longer than 5,000,000 bytes or endless; give a part of it"
        ):
            read_all(endless, "-", 5_000_000)
        with pytest.raises(InputError, match=r"^-:1: the line is longer than 5,000,000 bytes or endless"):
            next(read_lines(endless, "-", 5_000_000))


# --- The whole ---------------------------------------------------------------------------------------------


def test_nothing_is_read_before_it_is_asked_for(pipe: Pipe) -> None:
    with open_source("-", "text") as source:
        assert (source.kind, source.is_live) == ("text", False)
    pipe.write(b"later\n")
    assert pipe.stdin.readline() == "later\n"  # and closing the source left it open


def test_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with open(theirs, encoding="utf-8") as terminal:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", terminal)
        for kind in ("image", "audio", "bytes"):
            with pytest.raises(InputError, match="standard input is a terminal; pipe something in"):
                open_source("-", kind, rate_hz=RATE_HZ)
        os.write(ours, b"typed\n")
        assert next(open_source("-", "text")).value == "typed"
    os.close(ours)


SCRIPT = """
import json, sys
from edgeai.errors import InputError
from edgeai.sources import open_source
try:
    with open_source("-", sys.argv[1], rate_hz=16000) as source:
        print(json.dumps([[len(item.value), item.start_s] for item in source]))
except InputError as error:
    print(json.dumps(str(error)))
"""


def run(kind: str, command: str, content: bytes = b"") -> Any:
    shell = f'"$0" -W error -c "$1" {kind} {command}'
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, SCRIPT],
        input=content,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_process_reads_its_own_standard_input() -> None:
    assert run("bytes", "", b"x" * 100_000) == [[100_000, 0]]
    assert sum(count for count, _ in run("audio", "", b"xy" * 5000)) == 5000


def test_a_closed_standard_input_is_an_error() -> None:
    assert run("text", "<&-") == (
        "standard input is closed; pipe something in, as in `edgeai run X - < file`"
    )
