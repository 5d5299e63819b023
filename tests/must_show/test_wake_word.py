"""The wake word, out of raw 16 kHz sound, fires where its own package fires, and on nothing else.

The package runs the model with TensorFlow Lite's plain kernels. With the same kernels the bundle fires at the
same 10 ms; LiteRT as edgeai opens it, with XNNPACK, rounds elsewhere and may be a window of 30 ms off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import edgeai
from edgeai.pipeline.result import Result
from edgeai.session import Session
from tests.recordings import RATE_HZ, VOICES, phrase, recording

pytest.importorskip("pymicro_wakeword", reason="pymicro-wakeword is not installed")

from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

WAKE = (
    "okay nabu",
    "okay naboo",
    "oh kay nah boo",
    "hey okay nabu, turn on the light",
    "okay nabu okay nabu",
)
OTHERS = (
    "okay google",
    "hello there",
    "alexa",
    "hey jarvis",
    "turn on the kitchen light",
    "the night shift is over",
    "okay Nebraska",
)
NEAR = ("okay banana",)  # on which one voice wakes the package, too
TALK = (
    "sounds/en_US_f_Allison/demo-echotest.g722",
    "sounds/en_US_f_Allison/vm-instructions.g722",
    "sounds/en_US_f_Allison/tt-monkeys.g722",
)
CHUNK = RATE_HZ // 100

Samples = NDArray[np.int16]


def said(text: str, voice: str) -> Samples:
    """With half a second of silence around it."""
    silence = np.zeros(RATE_HZ // 2, np.int16)
    return np.concatenate([silence, phrase(text, voice), silence])


def packages_detections(samples: Samples) -> list[int]:
    """Which chunks of 10 ms woke the package, the first of each row of windows above its cutoff."""
    word, features = MicroWakeWord.from_builtin(Model.OKAY_NABU), MicroWakeWordFeatures()
    found, was_above = [], False
    for index in range(len(samples) // CHUNK):
        for row in features.process_streaming(samples[index * CHUNK : (index + 1) * CHUNK].tobytes()):
            is_above = bool(word.process_streaming(row))
            if not word._features:  # it ran: a window of three rows was complete
                found += [index] if is_above and not was_above else []
                was_above = is_above
    return found


def detections(results: list[Result]) -> list[int]:
    """The same of ours: the chunk whose samples completed the window that fired."""
    return [round((result.end_s or 0) * RATE_HZ / CHUNK) - 1 for result in results]


def push(session: Session, samples: Samples, size: int) -> list[Result]:
    with session.stream() as stream:
        found = []
        for at in range(0, len(samples), size):
            found += stream.push(samples[at : at + size])
        return found + stream.finish()


@pytest.fixture(scope="module")
def plain(public_bundle: Callable[[str], Path]) -> Iterator[Session]:
    """Opened with the package's kernels."""
    with edgeai.load(
        public_bundle("okay-nabu"), threads=1, backend="tests.plain_litert:PlainLiteRt"
    ) as session:
        yield session


@pytest.fixture(scope="module")
def session(public_bundle: Callable[[str], Path]) -> Iterator[Session]:
    """Opened as edgeai opens it."""
    with edgeai.load(public_bundle("okay-nabu"), threads=1) as opened:
        yield opened


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("text", [*WAKE, *OTHERS, *NEAR])
def test_it_fires_at_the_packages_chunk_of_10_ms(plain: Session, text: str, voice: str) -> None:
    samples = said(text, voice)
    assert detections(push(plain, samples, CHUNK)) == packages_detections(samples)


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("text", [*WAKE, *OTHERS, *NEAR])
def test_with_xnnpack_it_fires_as_often_and_within_a_window(session: Session, text: str, voice: str) -> None:
    samples = said(text, voice)
    found, wanted = detections(push(session, samples, CHUNK)), packages_detections(samples)
    assert len(found) == len(wanted)
    assert all(abs(one - other) <= 3 for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("voice", VOICES)
def test_it_fires_on_the_wake_word(session: Session, voice: str) -> None:
    assert len(push(session, said("okay nabu", voice), CHUNK)) == 1


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("text", OTHERS)
def test_it_does_not_fire_on_other_phrases(session: Session, text: str, voice: str) -> None:
    assert push(session, said(text, voice), CHUNK) == []


@pytest.mark.parametrize("path", TALK, ids=lambda path: Path(path).stem)
def test_it_does_not_fire_on_people_and_monkeys_who_talk_of_something_else(
    session: Session, path: str
) -> None:
    samples = recording(path)
    assert push(session, samples, 8000) == []
    assert packages_detections(samples) == []


@pytest.mark.parametrize("size", [1, 160, 511, 512, 8000])
def test_chunks_of_any_size_fire_alike(session: Session, size: int) -> None:
    samples = said("okay nabu", "slt")
    whole = session.predict(samples).parts
    found = push(session, samples, size)
    assert [(result.value, result.start_s, result.end_s) for result in found] == [
        (result.value, result.start_s, result.end_s) for result in whole
    ]


def test_two_streams_that_take_turns_do_not_hear_each_other(plain: Session) -> None:
    pair = said("okay nabu", "rms"), said("okay naboo", "kal")
    found: tuple[list[Result], list[Result]] = ([], [])
    with plain.stream() as first, plain.stream() as second:
        for at in range(0, max(map(len, pair)), CHUNK):
            for stream, samples, results in zip((first, second), pair, found, strict=True):
                results.extend(stream.push(samples[at : at + CHUNK]))
    assert [detections(results) for results in found] == [packages_detections(samples) for samples in pair]
