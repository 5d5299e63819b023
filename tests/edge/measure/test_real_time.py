"""Streams in real time, on a clock that moves only when told: every figure is exact."""

from __future__ import annotations

import pytest

from edgeai.measure.real_time import Pushed, RealTime, measure_real_time
from edgeai.measure.recorder import Recorder
from edgeai.testing import FakeClock

HOP_S = 0.01


class FakeStream:
    """Chunks of 10 ms; a window ends with each of them. What a push takes is told by its number."""

    def __init__(self, takes_s: list[float], *, window_every: int = 1, behind_s: float = 0.0) -> None:
        self.clock, self.cpu = FakeClock(), FakeClock()
        self.pushed_at_s: list[float] = []
        self.slept_s: list[float] = []
        self._takes_s, self._every, self._behind_s = takes_s, window_every, behind_s

    def push(self, turn: int) -> Pushed:
        self.pushed_at_s.append(self.clock.now_ns / 1e9)
        self.clock.advance(self._takes_s[turn])
        self.cpu.advance(2 * self._takes_s[turn])
        if (turn + 1) % self._every:
            return Pushed(False, ())
        return Pushed(True, [(turn + 1) * HOP_S - self._behind_s])

    def there_s(self, turn: int) -> float:
        return (turn + 1) * HOP_S

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.clock.advance(seconds)

    def measure(self, deadline_s: float = HOP_S) -> RealTime:
        return measure_real_time(
            self.push,
            self.there_s,
            len(self._takes_s),
            deadline_s,
            Recorder(100),
            clock=self.clock,
            cpu_clock=self.cpu,
            sleep=self.sleep,
        )


def test_a_chunk_is_pushed_when_its_last_sample_is_there() -> None:
    stream = FakeStream([0.002, 0.002, 0.002])
    found = stream.measure()
    assert stream.pushed_at_s == pytest.approx([0.01, 0.02, 0.03])
    assert found.samples_ns.tolist() == [2_000_000] * 3
    assert (found.chunks, found.answered, found.late, found.windows) == (3, 3, 0, 3)
    assert (found.stream_s, found.duration_s) == (0.03, 0.032)
    assert (found.busy_s, found.cpu_s) == (0.006, 0.012)


def test_an_answer_is_late_from_one_nanosecond_over_the_deadline_on() -> None:
    assert FakeStream([0.01]).measure().late == 0
    assert FakeStream([0.010000001]).measure().late == 1
    assert FakeStream([0.010000001]).measure(deadline_s=0.02).late == 0


def test_one_slow_push_delays_those_behind_it_until_the_stream_has_caught_up() -> None:
    stream = FakeStream([0.002, 0.025, 0.002, 0.002, 0.002, 0.002])
    found = stream.measure()
    # The second is out at 45 ms instead of 22, the third at 47 of 30 at best, the fourth at 49 of 40.
    assert [round(ns / 1e6) for ns in found.samples_ns] == [2, 25, 17, 9, 2, 2]
    assert (found.answered, found.late) == (6, 2)
    assert stream.pushed_at_s == pytest.approx([0.01, 0.02, 0.045, 0.047, 0.05, 0.06])
    assert found.min_ns == 2_000_000
    assert found.max_ns == 25_000_000
    assert found.sum_ns == 57_000_000


def test_chunks_without_a_window_bring_no_answer_and_cannot_be_late() -> None:
    found = FakeStream([0.02, 0.002, 0.002, 0.002], window_every=2).measure()
    assert (found.chunks, found.answered, found.windows) == (4, 2, 2)
    # The first chunk's push took two hops; the answer of the second is out at 32 ms, its last sample was
    # there at 20.
    assert found.samples_ns.tolist() == [12_000_000, 2_000_000]
    assert found.late == 1


def test_capture_to_result_counts_from_the_windows_own_last_sample() -> None:
    found = FakeStream([0.002, 0.002], behind_s=0.004).measure()
    assert found.samples_ns.tolist() == [6_000_000, 6_000_000]
    assert found.late == 0, "the deadline counts from the chunk's"


def test_a_stream_that_is_too_slow_is_given_up_after_three_times_its_length() -> None:
    stream = FakeStream([0.1] * 10)
    found = stream.measure()
    assert found.chunks == 3
    assert found.stream_s == 0.03
    assert (found.busy_s / found.stream_s, found.late) == (pytest.approx(10.0), 3)


def test_a_stream_without_windows_has_no_latency() -> None:
    found = FakeStream([0.002, 0.002], window_every=9).measure()
    assert (found.windows, found.min_ns, found.max_ns) == (0, 0, 0)
    assert found.samples_ns.tolist() == []


def test_the_launcher_hears_of_it_twice_a_second_in_waits_that_leave_room() -> None:
    clock = FakeClock()
    heard: list[float] = []

    def push(turn: int) -> Pushed:
        clock.advance(0.001)
        return Pushed(True, ())

    measure_real_time(
        push,
        lambda turn: 0.1 * (turn + 1),
        20,
        0.1,
        Recorder(10),
        clock=clock,
        cpu_clock=FakeClock(),
        sleep=clock.advance,
        on_progress=lambda: heard.append(clock.now_ns / 1e9),
    )
    # Before each chunk that is due more than half a second after the last word.
    assert heard == pytest.approx([0.501, 1.001, 1.501])


def test_a_stream_that_is_behind_says_a_word_every_ten_seconds() -> None:
    clock = FakeClock()
    heard: list[float] = []

    def push(turn: int) -> Pushed:
        clock.advance(4.0)
        return Pushed(True, ())

    measure_real_time(
        push,
        lambda turn: 2.0 * (turn + 1),
        9,
        0.1,
        Recorder(10),
        clock=clock,
        cpu_clock=FakeClock(),
        sleep=clock.advance,
        on_progress=lambda: heard.append(clock.now_ns / 1e9),
    )
    assert heard == pytest.approx([14.0, 26.0])
