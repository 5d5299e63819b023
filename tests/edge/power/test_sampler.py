"""The sampler: when it reads, what it keeps, and how it ends."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field

import pytest

from edgeai.power import COUNTER_J, GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed, Span
from edgeai.power.sampler import Sampler, usual_period_s


def info(kind: str = GAUGE_W, update_s: float | None = None, rails: int = 1) -> MeterInfo:
    names = tuple(Rail(f"r{i}") for i in range(rails))
    return MeterInfo("fake", "board", kind, names, update_s, ErrorModel(0.0, 0.0, 0.0, "none"))


@dataclass
class PlayedMeter:
    """A clock of its own, on which each read takes a while."""

    time_s: float = 100.0
    read_s: float = 0.004
    fails: tuple[int, ...] = ()
    odd: dict[int, tuple[float, ...]] = field(default_factory=dict)
    info: MeterInfo = field(default_factory=info)
    reads: int = 0

    def now(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds

    def read(self) -> tuple[float, ...]:
        self.reads += 1
        self.time_s += self.read_s
        if self.reads in self.fails:
            raise ReadFailed
        return self.odd.get(self.reads, (float(self.reads),) * len(self.info.rails))

    def close(self) -> None:
        pass

    def sampler(self, period_s: float | None = 0.1, lot: float = 0.5, **options: int) -> Sampler:
        return Sampler(self, period_s, clock=self.now, sleep=self.sleep, lot=lambda: lot, **options)


def test_usual_periods() -> None:
    assert usual_period_s(info(COUNTER_J, 0.001)) == 0.1
    assert usual_period_s(info(GAUGE_W, None)) == 0.1
    assert usual_period_s(info(GAUGE_W, 0.068)) == 0.034
    assert usual_period_s(info(GAUGE_W, 0.002)) == 0.01


def test_a_read_is_when_its_middle_was() -> None:
    meter = PlayedMeter()
    sampler = meter.sampler()
    sampler.sample_once()
    trace = sampler.trace()
    assert trace.times_s == pytest.approx((100.002,))
    assert trace.values == ((1.0,),)
    assert trace.read_s == pytest.approx(0.004)
    assert trace.period_s == 0.1


def test_one_read_in_every_period_at_a_moment_drawn_by_lot() -> None:
    meter = PlayedMeter(read_s=0.0)
    lots = iter([0.0, 0.9, 0.5, 0.1, 0.5])
    sampler = Sampler(meter, 0.1, clock=meter.now, sleep=meter.sleep, lot=lambda: next(lots, 0.5))
    sampler.run_until(100.5)
    assert sampler.trace().times_s == pytest.approx((100.0, 100.19, 100.25, 100.31, 100.45))
    assert meter.now() == pytest.approx(100.5)


def test_periods_that_reads_took_up_are_left_out() -> None:
    meter = PlayedMeter(read_s=0.35)
    sampler = meter.sampler()
    sampler.run_until(102.0)
    gaps = [b - a for a, b in zip(sampler.trace().times_s, sampler.trace().times_s[1:], strict=False)]
    assert min(gaps) >= 0.35
    assert max(gaps) < 0.35 + 2 * 0.1


def test_a_failed_read_is_a_gap_and_never_a_value() -> None:
    meter = PlayedMeter(fails=(2,), odd={3: (math.nan,), 4: (), 5: (math.inf,)})
    sampler = meter.sampler()
    for _ in range(6):
        sampler.sample_once()
    trace = sampler.trace()
    assert trace.values == ((1.0,), (6.0,))
    assert trace.failed_s == pytest.approx((100.006, 100.01, 100.014, 100.018))


def test_a_trace_may_begin_late() -> None:
    sampler = PlayedMeter(read_s=0.0, fails=(1, 4)).sampler()
    sampler.run_until(100.6)
    trace = sampler.trace(since_s=100.3)
    assert trace.values == ((5.0,), (6.0,))
    assert trace.failed_s == pytest.approx((100.35,))


def test_a_pause_is_kept_and_nothing_is_read_in_it() -> None:
    meter = PlayedMeter(read_s=0.0)
    sampler = meter.sampler()
    sampler.sample_once()
    sampler.pause()
    sampler.pause()
    meter.sleep(5.0)
    sampler.sample_once()
    assert sampler.trace().pauses == (Span(100.0, 105.0),)
    sampler.resume()
    sampler.resume()
    meter.sleep(1.0)
    sampler.sample_once()
    trace = sampler.trace()
    assert trace.pauses == (Span(100.0, 105.0),)
    assert trace.times_s == (100.0, 106.0)
    assert meter.reads == 2


def test_memory_is_bounded_by_dropping_every_second_read() -> None:
    meter = PlayedMeter(read_s=0.0)
    sampler = meter.sampler(period_s=0.1, most_numbers=30)  # three numbers a read: ten reads
    sampler.run_until(100.0 + 1.0)
    trace = sampler.trace()
    assert [value for (value,) in trace.values] == [1.0, 3.0, 5.0, 7.0, 9.0]
    assert trace.period_s == 0.2
    sampler.run_until(1_000.0)
    assert len(sampler.trace().times_s) < 10
    assert sampler.trace().period_s > 50


class RealMeter:
    """Read by the thread, in real time."""

    def __init__(self) -> None:
        self.info = info()
        self.reads = 0
        self.closed = False
        self.read_now = threading.Event()
        self.let_go = threading.Event()
        self.let_go.set()

    def read(self) -> tuple[float, ...]:
        self.reads += 1
        self.read_now.set()
        self.let_go.wait()
        return (float(self.reads),)

    def close(self) -> None:
        self.closed = True


def test_a_thread_reads_until_the_end_and_leaves_the_meter_open() -> None:
    meter = RealMeter()
    with Sampler(meter, 0.001) as sampler:
        while meter.reads < 5:
            meter.read_now.wait()
    reads = meter.reads
    trace = sampler.trace()
    assert [value for (value,) in trace.values] == [float(i + 1) for i in range(reads)]
    assert list(trace.times_s) == sorted(set(trace.times_s))
    assert not sampler.hung
    assert not meter.closed
    assert "power sampler" not in {thread.name for thread in threading.enumerate()}


def test_a_paused_thread_does_not_read() -> None:
    meter = RealMeter()
    with Sampler(meter, 0.001) as sampler:
        meter.read_now.wait()
        sampler.pause()
        reads = meter.reads
        time.sleep(0.05)
        assert meter.reads == reads
        meter.read_now.clear()
        sampler.resume()
        assert meter.read_now.wait(10)
    assert len(sampler.trace().pauses) == 1


def test_a_read_that_hangs_is_a_gap_and_ends_with_the_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeai.power.sampler.ENDS_WITHIN_S", 0.05)
    meter = RealMeter()
    meter.let_go.clear()
    sampler = Sampler(meter, 0.001)
    sampler.start()
    assert meter.read_now.wait(10)
    sampler.close()
    assert sampler.hung
    before = sampler.trace()
    assert before.values == ()
    assert len(before.failed_s) == 1
    meter.let_go.set()  # it comes back after all
    for thread in threading.enumerate():
        if thread.name == "power sampler":
            thread.join(10)
    assert sampler.trace() == before


def test_what_a_meters_code_stumbles_over_is_raised_with_the_trace() -> None:
    class Broken(RealMeter):
        def read(self) -> tuple[float, ...]:
            self.read_now.set()
            raise KeyError("rail")

    meter = Broken()
    with Sampler(meter, 0.001) as sampler:
        assert meter.read_now.wait(10)
    with pytest.raises(KeyError, match="rail"):
        sampler.trace()
