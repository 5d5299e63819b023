"""Streams and pipelines in hostile hands: reused buffers, streams that are dropped, values that cannot be."""

from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai
from edgeai.bundle.declared import Internal
from edgeai.bundle.types import Model
from edgeai.errors import InputError, ManifestError, SessionClosed
from edgeai.pipeline.model import ModelPort
from edgeai.pipeline.values import Outputs
from edgeai.session import Session
from tests.edge.pipeline.stream_bundle import counter_manifest, number, write_folder

SAMPLES = np.arange(1, 31, dtype=np.float32)
NUMBERS = {"test.number@1": number}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return edgeai.load(write_folder(tmp_path / "counter.edge"), steps=NUMBERS)


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A bundle whose manifest was changed in place."""
    write_folder(folder)
    manifest = counter_manifest(folder / "counter.onnx")
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize("overrun", ["block", "latest"])
def test_a_buffer_may_be_written_again_as_soon_as_push_returns(session: Session, overrun: str) -> None:
    buffer = np.zeros(3, np.float32)
    with session, session.stream(overrun=overrun, queue=100) as stream:
        results = []
        for at in range(0, len(SAMPLES), 3):
            buffer[:] = SAMPLES[at : at + 3]
            results += stream.push(buffer)
        results += stream.finish()
        assert [result.value for result in results] == session.predict(SAMPLES).value


def test_arrays_that_wait_in_a_queue_may_be_written_again(tmp_path: Path) -> None:
    free = threading.Event()

    def wait(value: Any) -> Any:
        free.wait(10)
        return value

    folder = write_folder(
        tmp_path / "b.edge",
        source={"kind": "tensors"},
        pipeline=[{"run": "counter", "pre": [{"op": "test.wait@1"}], "post": [{"op": "test.number@1"}]}],
    )
    buffer = np.ones((1, 4), np.float32)
    steps = {"test.wait@1": wait, **NUMBERS}
    with edgeai.load(folder, steps=steps) as session, session.stream(overrun="latest") as stream:
        stream.push({"x": buffer})
        buffer[:] = 100
        free.set()
        assert [result.value for result in stream.finish()] == [5004.0]


def test_a_stream_that_is_dropped_leaves_no_thread_behind(session: Session) -> None:
    before = threading.active_count()
    with session:
        stream = session.stream(overrun="latest")
        gone = weakref.ref(stream)
        worker = stream._worker
        assert worker is not None
        del stream
        gc.collect()
        worker._thread.join(5)
        assert gone() is None
        assert threading.active_count() == before


@pytest.mark.parametrize("rate", [0, -1, True, 1.5, "8", 10**30])
def test_a_rate_that_cannot_be_is_refused(session: Session, rate: Any) -> None:
    with session:
        for ask in (session.stream, lambda rate: session.predict(SAMPLES, rate=rate)):
            with pytest.raises(InputError, match=r"rate is .*; give samples a second"):
                ask(rate=rate)


@pytest.mark.parametrize("timestamp_s", [math.nan, math.inf, "now", [1]])
def test_a_time_that_cannot_be_is_refused_and_changes_nothing(session: Session, timestamp_s: Any) -> None:
    with session, session.stream() as stream:
        with pytest.raises(InputError, match=r"timestamp_s is .*; give seconds of source time"):
            stream.push(SAMPLES, timestamp_s)
        assert stream.counts.pushed == 0
        assert stream.push(SAMPLES[:4])[0].start_s == 0


@pytest.mark.parametrize(
    "samples", [np.float32(1) * np.ones(()), np.ones((4, 0), np.float32), [[1.0], [1.0, 2.0]]]
)
def test_samples_of_no_shape_are_refused(session: Session, samples: Any) -> None:
    with session, session.stream() as stream, pytest.raises(InputError, match=r"give \[n\]"):
        stream.push(samples)


def test_a_recording_of_no_dimension_is_refused(session: Session) -> None:
    with session, pytest.raises(InputError, match=r"give \[n\]"):
        session.predict(np.array(1, np.float32))


def test_lists_of_different_lengths_are_no_array(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "b.edge", source={"kind": "tensors"})
    with edgeai.load(folder, steps=NUMBERS) as session, pytest.raises(InputError, match="no array"):
        session.predict({"x": [[1.0], [1.0, 2.0]]})


def test_a_window_of_another_rate_than_its_elements_is_refused(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["models"]["counter"]["window"]["rate"] = 16

    folder = changed(tmp_path / "b.edge", change)
    with edgeai.load(folder, steps=NUMBERS) as session, pytest.raises(InputError, match="takes 16 elements"):
        session.predict(SAMPLES)


def test_a_stage_behind_a_step_that_gave_nothing_gives_nothing(tmp_path: Path) -> None:
    def nothing(_: Outputs) -> None:
        return None

    folder = write_folder(
        tmp_path / "b.edge",
        pipeline=[
            {"run": "counter", "post": [{"op": "test.nothing@1"}], "as": "a"},
            {"run": "counter", "from": "a", "as": "b"},
        ],
    )
    with edgeai.load(folder, steps={"test.nothing@1": nothing}) as session:
        assert session.predict(SAMPLES).value == []


def test_a_step_of_a_stream_cannot_name_other_values(tmp_path: Path) -> None:
    attach = {"op": "attach@1", "from": "a", "with": {"q": "a"}, "as": "b"}
    folder = write_folder(tmp_path / "b.edge", pipeline=[{"run": "counter", "as": "a"}, attach])
    with pytest.raises(ManifestError, match=r"pipeline\[1\] \(attach@1\) names other values"):
        edgeai.load(folder)


def test_a_model_with_state_takes_no_batches(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "b.edge", pipeline=[{"run": "counter", "batch": True}])
    with pytest.raises(ManifestError, match=r"pipeline\[0\].batch: cannot be: 'counter' keeps state"):
        edgeai.load(folder)


@pytest.mark.parametrize("steps", [["test.number@1"], {"test.number@1": 3}])
def test_steps_that_are_no_functions_are_refused(tmp_path: Path, steps: Any) -> None:
    with pytest.raises(InputError, match=r"give (functions by name|a function)"):
        edgeai.load(write_folder(tmp_path / "counter.edge"), steps=steps)


def test_a_program_may_end_while_a_stream_is_busy(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "counter.edge", pipeline=[{"run": "counter", "as": "a"}])
    program = (
        "import sys, numpy, edgeai\n"
        "stream = edgeai.load(sys.argv[1]).stream(overrun='latest', queue=100)\n"
        "for _ in range(100):\n"
        "    stream.push(numpy.zeros(4000, numpy.float32))\n"
        "print('ended')"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def test_no_stream_runs_once_its_session_is_closed() -> None:
    """Also where state lies inside the model, and each stream has one of its own."""
    model = Model("wake", (), state=(Internal(),))
    opened = [Opened(), Opened()]
    port = ModelPort(model, opened[0], lambda: opened[1])
    first, second = port.take(), port.take()
    port.give_back(first)
    port.close()
    assert second is opened[1]
    assert [each.is_closed for each in opened] == [False, True]  # the first one is the session's own
    port.give_back(second)
    with pytest.raises(SessionClosed, match="open it again"):
        port.take()


class Opened:
    """An opened model that only knows whether it was closed."""

    inputs = ()
    is_closed = False

    def run(self, inputs: Any) -> dict[str, Any]:
        return dict(inputs)

    def reset(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True
