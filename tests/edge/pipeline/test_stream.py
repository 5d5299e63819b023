"""Streams give the same whatever the chunks are, keep their states apart, and count what is lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeai
from edgeai.errors import InputError, RunError, SessionClosed
from edgeai.pipeline.result import Result
from edgeai.pipeline.values import Signal
from edgeai.session import Session
from tests.edge.pipeline.stream_bundle import number, write_folder

SAMPLES = np.arange(1, 31, dtype=np.float32)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = write_folder(tmp_path_factory.mktemp("b") / "counter.edge")
    with edgeai.load(folder, steps={"test.number@1": number}) as session:
        yield session


def by_definition(samples: Any = SAMPLES, counted: int = 5) -> list[tuple[float, float, float]]:
    """(start, end, sum of 4 samples and the 2 before them plus 1000 times what was counted before)."""
    padded = [0.0, 0.0, *samples]
    return [
        (at / 8, (at + 4) / 8, sum(padded[at : at + 6]) + 1000 * (counted + at // 4))
        for at in range(0, len(samples) - 3, 4)
    ]


def told(results: list[Result]) -> list[tuple[float, float, float]]:
    return [(float(r.start_s or 0), float(r.end_s or 0), r.value) for r in results]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_chunks_of_any_size_give_the_same(session: Session, sizes: list[int]) -> None:
    results, at, turn = [], 0, 0
    with session.stream() as stream:
        while at < len(SAMPLES):
            size = sizes[turn % len(sizes)]
            results += stream.push(SAMPLES[at : at + size])
            at, turn = at + size, turn + 1
        results += stream.finish()
    assert told(results) == by_definition()


def test_a_recording_is_a_stream_from_its_beginning_to_its_end(session: Session) -> None:
    result = session.predict(SAMPLES)
    assert result.value == [number for _, _, number in by_definition()]
    assert told(list(result.parts)) == by_definition()
    assert [stage.name for stage in result.stages] == ["number"]
    assert result.stages[0].runs == 7
    assert result.stages[0].run_s > 0


def test_what_fills_up_the_last_window_is_no_part_of_the_source(tmp_path: Path) -> None:
    def pad(manifest: dict[str, Any]) -> dict[str, Any]:
        counter = manifest["models"]["counter"]
        return {"counter": {**counter, "window": {**counter["window"], "pad": 0}}}

    plain = json.loads((write_folder(tmp_path / "plain") / "manifest.json").read_text())
    folder = write_folder(tmp_path / "padded", models=pad(plain))
    with edgeai.load(folder, steps={"test.number@1": number}) as session:
        last = session.predict(SAMPLES).parts[-1]
    assert (last.start_s, last.end_s) == (28 / 8, 30 / 8)
    assert last.value == 27 + 28 + 29 + 30 + 1000 * 12


def test_streams_side_by_side_keep_their_states_apart(session: Session) -> None:
    first, second = session.stream(), session.stream()
    found: tuple[list[Result], list[Result]] = ([], [])
    for at in range(0, 28, 7):
        found[0].extend(first.push(SAMPLES[at : at + 7]))
        found[1].extend(second.push(-SAMPLES[at : at + 7]))
    assert told(found[0]) == by_definition(SAMPLES[:28])
    assert told(found[1]) == by_definition(-SAMPLES[:28])
    first.close()
    second.close()


def test_a_reset_starts_from_the_beginning(session: Session) -> None:
    with session.stream() as stream:
        stream.push(SAMPLES[:10])
        stream.reset()
        assert told(stream.push(SAMPLES, 3.0)) == [(3 + a, 3 + b, c) for a, b, c in by_definition()]


def test_time_stamps_are_those_of_the_source(session: Session) -> None:
    with session.stream() as stream:
        results = stream.push(SAMPLES[:5], 100.0) + stream.push(SAMPLES[5:10], 100.0 + 5 / 8)
    assert [(r.start_s, r.end_s) for r in results] == [(100.0, 100.5), (100.5, 101.0)]


def test_jitter_of_time_stamps_changes_nothing_and_a_gap_starts_afresh(session: Session) -> None:
    with session.stream() as stream:
        results = stream.push(SAMPLES[:4], 0.0) + stream.push(SAMPLES[4:10], 0.5 + 0.05)
        assert stream.counts.gaps == 0
        results += stream.push(SAMPLES[10:18], 60.0)
        assert stream.counts.gaps == 1
    after = [(60 + a, 60 + b, c) for a, b, c in by_definition(SAMPLES[10:18])]
    assert told(results) == [*by_definition(SAMPLES[:8]), *after]


def test_integers_and_channels_are_taken_as_they_come(session: Session) -> None:
    as_integers = np.array([[16384, 0], [8192, 8192]] * 4, np.int16)
    assert [r.value for r in session.stream().push(as_integers)] == [5001.0, 6001.5]
    with pytest.raises(InputError, match="samples are int32; give float32 in -1 to 1, or int16"):
        session.stream().push(np.zeros(4, np.int32))
    with pytest.raises(InputError, match=r"samples have the shape \[1, 1, 4\]"):
        session.stream().push(np.zeros((1, 1, 4), np.float32))


def test_an_empty_chunk_and_an_empty_recording_give_nothing(session: Session) -> None:
    with session.stream() as stream:
        assert stream.push(SAMPLES[:0]) == []
        assert stream.finish() == []
    assert session.predict(SAMPLES[:0]).value == []


def test_a_stream_that_has_ended_says_so(session: Session) -> None:
    stream = session.stream()
    stream.finish()
    for call in (lambda: stream.push(SAMPLES), stream.finish, stream.reset):
        with pytest.raises(SessionClosed, match=r"open another with session.stream\(\)"):
            call()
    stream.close()


@pytest.mark.parametrize(("options", "message"), [
    ({"overrun": "wait"}, "overrun is 'wait'; give one of: block, latest, drop"),
    ({"queue": 0}, "queue is 0; give a whole number from 1"),
    ({"queue": True}, "queue is True"),
])  # fmt: skip
def test_options_that_do_not_exist_are_named(session: Session, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        session.stream(**options)


class Held:
    """A step that waits in its first call until it is let go: a model that has fallen behind."""

    def __init__(self) -> None:
        self.entered, self.go = threading.Event(), threading.Event()

    def __call__(self, outputs: Any) -> float:
        self.entered.set()
        assert self.go.wait(20)
        return number(outputs)


Opened = tuple[Session, Held]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Opened]:
    step = Held()
    with edgeai.load(write_folder(tmp_path / "b.edge"), steps={"test.number@1": step}) as session:
        yield session, step
        step.go.set()


WINDOWS = [np.full(4, value, np.float32) for value in range(1, 8)]


def overrun(held: Opened, policy: str, queue: int) -> tuple[list[float], edgeai.pipeline.stream.Stream]:  # type: ignore[name-defined]
    """Seven windows pushed while the first one is held; the sums of the last 4 samples of what was run."""
    session, step = held
    stream = session.stream(overrun=policy, queue=queue)
    assert stream.push(WINDOWS[0]) == []
    assert step.entered.wait(20)
    for window in WINDOWS[1:]:
        stream.push(window)
    step.go.set()
    return [result.value for result in stream.finish()], stream


def test_latest_drops_the_oldest_and_counts_them(held: Opened) -> None:
    values, stream = overrun(held, "latest", 2)
    # 1 was under way; of the rest the last two were kept: 6 and 7, the first of them behind a gap.
    assert values == [5004.0, 5024.0, 6028.0 + 12]
    assert (stream.dropped, stream.counts.dropped_s, stream.counts.gaps) == (4, 2.0, 1)


def test_drop_refuses_the_new_ones_and_counts_them(held: Opened) -> None:
    values, stream = overrun(held, "drop", 2)
    assert values == [5004.0, 6008.0 + 2, 7012.0 + 4]
    assert (stream.dropped, stream.counts.dropped_s, stream.counts.gaps) == (4, 2.0, 0)


def test_what_comes_after_a_drop_starts_afresh(held: Opened) -> None:
    session, step = held
    stream = session.stream(overrun="drop", queue=1)
    stream.push(WINDOWS[0])
    assert step.entered.wait(20)
    for window in WINDOWS[1:4]:
        stream.push(window)
    step.go.set()
    results = stream._worker.drain() if stream._worker else []
    stream.push(WINDOWS[4])
    results += stream.finish()
    assert told(results) == [(0.0, 0.5, 5004.0), (0.5, 1.0, 6010.0), (2.0, 2.5, 5020.0)]
    assert (stream.dropped, stream.counts.gaps) == (2, 1)


def test_an_error_in_the_thread_reaches_who_pushes(tmp_path: Path) -> None:
    def fails(value: object) -> None:
        raise ValueError("broken")

    with edgeai.load(write_folder(tmp_path / "b.edge"), steps={"test.number@1": fails}) as session:
        stream = session.stream(overrun="drop")
        stream.push(WINDOWS[0])
        with pytest.raises(
            RunError, match=r"pipeline\[0\].post\[0\] \(test.number@1\) failed: broken \(ValueError\)"
        ):
            stream.finish()
        stream.close()


def test_closing_a_stream_ends_its_thread(held: Opened) -> None:
    session, step = held
    before = threading.active_count()
    step.go.set()
    stream = session.stream(overrun="latest")
    stream.push(WINDOWS[0])
    stream.close()
    assert threading.active_count() == before


def gate_pipeline(condition: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"run": "counter", "post": [{"op": "test.loud@1"}], "as": "loud"},
        {
            "run": "counter",
            "from": "source",
            "post": [{"op": "test.number@1"}],
            "only_if": condition,
            "as": "number",
        },
    ]


@pytest.mark.parametrize("size", [1, 3, 4, 30])
def test_a_cheap_stage_gates_a_dear_one(tmp_path: Path, size: int) -> None:
    """The second run sees only the stretch that the first one finds loud, and starts afresh with it."""
    pipeline = gate_pipeline({"from": "loud", "above": 0.5, "lead_s": 0.5})
    steps: dict[str, Callable[..., Any]] = {
        "test.number@1": number,
        "test.loud@1": lambda outputs: float(outputs.tensors["y"].item() % 1000 > 20),
    }
    quiet, loud = np.ones(12, np.float32), np.full(8, 10, np.float32)
    samples = np.concatenate([quiet, loud, quiet])
    with edgeai.load(write_folder(tmp_path / "b.edge", pipeline=pipeline), steps=steps) as session:
        stream = session.stream()
        results = [r for at in range(0, len(samples), size) for r in stream.push(samples[at : at + size])]
        results += stream.finish()
    # Loud are the windows from 1.5 to 2.5 s and, by its context, the one behind; half a second lies before.
    assert told(results) == [(1.0, 1.5, 5004.0), (1.5, 2.0, 6042.0), (2.0, 2.5, 7060.0), (2.5, 3.0, 8024.0)]


def test_another_stages_values_can_be_asked_for(tmp_path: Path) -> None:
    pipeline = [
        {"run": "counter", "post": [{"op": "test.number@1"}], "as": "number"},
        {"op": "test.half@1", "from": "number", "as": "half"},
    ]
    steps: dict[str, Callable[..., Any]] = {"test.number@1": number, "test.half@1": lambda value: value / 2}
    folder = write_folder(tmp_path / "b.edge", pipeline=pipeline)
    with edgeai.load(folder, steps=steps) as session:
        wanted = [value for _, _, value in by_definition()]
        assert session.predict(SAMPLES).value == [value / 2 for value in wanted]
        assert session.predict(SAMPLES, result="number").value == wanted
        assert [r.value for r in session.stream(result="number").push(SAMPLES)] == wanted
        with pytest.raises(InputError, match="no stage's value is called 'x'; there are: number, half"):
            session.predict(SAMPLES, result="x")


# Loud stretches as events; a window is loud where its samples and those before them sum to over 20.
SEGMENTS = [
    {
        "run": "counter",
        "as": "found",
        "post": [
            {"op": "test.loud@1"},
            {"op": "segments@1", "name": "loud", "start_above": 0.5, "end_below": 0.5},
        ],
    }
]
LOUD: dict[str, Callable[..., Any]] = {
    "test.loud@1": lambda outputs: float(outputs.tensors["y"].item() % 1000 > 20)
}


def test_what_is_open_at_a_gap_and_at_the_end_is_told(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "b.edge", pipeline=SEGMENTS)
    quiet, loud = np.zeros(4, np.float32), np.full(8, 10, np.float32)
    with edgeai.load(folder, steps=LOUD) as session, session.stream() as stream:
        results = stream.push(np.concatenate([quiet, loud]), 0.0)
        results += stream.push(np.concatenate([quiet, loud]), 50.0)
        results += stream.finish()
    assert [(r.value.name, r.start_s, r.end_s) for r in results] == [("loud", 0.5, 1.5), ("loud", 50.5, 51.5)]


def test_what_a_model_refuses_names_the_stage(session: Session) -> None:
    samples = np.zeros((4, 1, 2), np.float32)
    with (
        session.stream() as stream,
        pytest.raises(InputError, match=r"^pipeline\[0\]: .*input x: f32\[1, 6\]"),
    ):
        stream._flow.push(Signal(samples, 8.0))
