"""What stages took is kept with the call's own latency, and by the same lot."""

from __future__ import annotations

import numpy as np

from edgeai.measure.recorder import Recorder
from edgeai.measure.stage_recorder import StageRecorder
from edgeai.pipeline.result import StageTime


def times(call: int) -> tuple[StageTime, ...]:
    return StageTime("a", call / 1e9, 2 * call / 1e9, 3 * call / 1e9, 1), StageTime("b", runs=call % 2)


def recorded(calls: int, capacity: int) -> StageRecorder:
    now = [0]
    recorder = StageRecorder(("a", "b"), lambda: times(now[0]), capacity)
    for call in range(calls):
        now[0] = call
        recorder.add(10 * call)
    return recorder


def test_every_call_has_its_stages_in_nanoseconds() -> None:
    first, second = recorded(5, 10).samples()
    assert (first.name, first.pre_ns, first.run_ns) == ("a", (0, 1, 2, 3, 4), (0, 2, 4, 6, 8))
    assert (first.post_ns, first.runs) == ((0, 3, 6, 9, 12), (1,) * 5)
    assert (second.name, second.pre_ns, second.runs) == ("b", (0,) * 5, (0, 1, 0, 1, 0))


def test_latencies_and_stages_of_one_call_stay_together_when_the_buffer_halves() -> None:
    recorder = recorded(10_000, 100)
    assert recorder.keep_every == 128
    assert recorder.runs == 10_000
    first, _ = recorder.samples()
    assert np.array_equal(np.asarray(first.pre_ns) * 10, recorder.samples_ns)
    assert len(first.pre_ns) == len(recorder.samples_ns) > 50


def test_the_lot_is_the_one_of_a_plain_recorder() -> None:
    plain = Recorder(100)
    for call in range(10_000):
        plain.add(10 * call)
    assert np.array_equal(recorded(10_000, 100).samples_ns, plain.samples_ns)


def test_stages_that_a_call_did_not_get_to_took_nothing() -> None:
    recorder = StageRecorder(("a", "b"), lambda: (), 10)
    recorder.add(5)
    assert [(stage.pre_ns, stage.runs) for stage in recorder.samples()] == [((0,), (0,))] * 2


def test_clearing_forgets_the_calls() -> None:
    recorder = recorded(5, 10)
    recorder.clear()
    assert [stage.pre_ns for stage in recorder.samples()] == [(), ()]
