"""Voice activity over real recordings equals what the model's own package says, however the sound is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import edgeai
from edgeai.session import Session
from tests.recordings import RATE_HZ, recording
from tests.references.data import read

RECORDINGS: list[dict[str, Any]] = read("silero.json")["recordings"]
SHORT = [row for row in RECORDINGS if row["samples"] < 3 * RATE_HZ]
LONG = [row for row in RECORDINGS if row["samples"] > 4 * RATE_HZ]


def named(row: Any) -> str:
    return Path(row["path"]).stem


@pytest.fixture(scope="module")
def session(public_bundle: Callable[[str], Path]) -> Iterator[Session]:
    with edgeai.load(public_bundle("silero-vad"), threads=1) as opened:
        yield opened


def samples(row: dict[str, Any]) -> NDArray[np.int16]:
    """The recording's samples of which the package spoke; skips where they are not on this machine."""
    return recording(row["path"], row["sha256"])[: row["samples"]]


def chunks(row: dict[str, Any], size: int) -> list[NDArray[np.int16]]:
    whole = samples(row)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def check(row: dict[str, Any], probabilities: list[float]) -> None:
    """Frame by frame within 1e-5, and no frame more or less."""
    assert len(probabilities) == len(row["probabilities"])
    np.testing.assert_allclose(probabilities, row["probabilities"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [160, 511, 512, 8000])
@pytest.mark.parametrize("row", RECORDINGS, ids=named)
def test_every_frame_has_the_packages_probability_in_chunks(
    session: Session, row: dict[str, Any], size: int
) -> None:
    found = []
    with session.stream(result="probability") as stream:
        for chunk in chunks(row, size):
            found += stream.push(chunk)
        found += stream.finish()
    check(row, [result.value for result in found])
    starts_s = [result.start_s for result in found]
    np.testing.assert_allclose(starts_s, np.arange(len(found)) * 512 / RATE_HZ, rtol=0, atol=1e-9)
    assert found[-1].end_s == pytest.approx(row["samples"] / RATE_HZ)


@pytest.mark.parametrize("row", SHORT, ids=named)
def test_every_frame_has_the_packages_probability_in_chunks_of_one_sample(
    session: Session, row: dict[str, Any]
) -> None:
    found = []
    with session.stream(result="probability") as stream:
        for sample in samples(row):
            found += stream.push(np.array([sample]))
        found += stream.finish()
    check(row, [result.value for result in found])


def test_two_streams_that_take_turns_do_not_hear_each_other(session: Session) -> None:
    one, other = LONG[0], LONG[1]
    with session.stream(result="probability") as first, session.stream(result="probability") as second:
        # Of different sizes, so that windows of the two end at different moments.
        pairs = [(first, chunks(one, 511)), (second, chunks(other, 700))]
        found: tuple[list[Any], list[Any]] = ([], [])
        for turn in range(max(len(parts) for _, parts in pairs)):
            for (stream, parts), results in zip(pairs, found, strict=True):
                results.extend(stream.push(parts[turn]) if turn < len(parts) else ())
        found[0].extend(first.finish())
        found[1].extend(second.finish())
    check(one, [result.value for result in found[0]])
    check(other, [result.value for result in found[1]])


@pytest.mark.parametrize("row", RECORDINGS, ids=named)
def test_speech_begins_and_ends_at_the_packages_sample(session: Session, row: dict[str, Any]) -> None:
    found = session.predict(samples(row)).value
    times = [[event.start_s * RATE_HZ, event.end_s * RATE_HZ] for event in found]
    assert np.shape(times) == np.shape(row["speech"])
    np.testing.assert_allclose(times, row["speech"], rtol=0, atol=1)
