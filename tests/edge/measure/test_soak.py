"""A soak's blocks and looks, on a clock of our own."""

from __future__ import annotations

import math
import tracemalloc

import pytest

from edgeai.measure.soak import Glance, SoakBuffer, block_length_s, soak

MS = 1_000_000


@pytest.mark.parametrize(("asked_s", "block_s"), [(6, 0.1), (60, 1), (1_800, 1), (3_600, 1), (36_000, 10)])
def test_blocks_are_a_second_but_few_of_a_long_soak_and_many_of_a_short_one(
    asked_s: float, block_s: float
) -> None:
    assert block_length_s(asked_s) == pytest.approx(block_s)


class World:
    """Calls of 10 ms, from 30 s on of 20 ms; looks of 50 ms."""

    def __init__(self) -> None:
        self.now = 0

    def clock(self) -> int:
        return self.now

    def call(self) -> None:
        self.now += (10 if self.now < 30_000 * MS else 20) * MS

    def look(self, now_s: float) -> Glance:
        self.now += 50 * MS
        return Glance(now_s, 1_000, None, 48.5)


def test_blocks_hold_what_was_called_and_no_look() -> None:
    world, buffer, shares = World(), SoakBuffer(60.0), list[float]()
    soak(world.call, buffer, world.look, clock=world.clock, tell=shares.append)
    first, last = buffer.blocks[0], buffer.blocks[-1]
    assert (first.start_s, first.duration_s, first.runs) == (0.0, 1.0, 100)
    assert (first.p50_ns, first.max_ns) == (10 * MS, 10 * MS)
    assert (last.duration_s, last.runs, last.p50_ns) == (1.0, 50, 20 * MS)
    assert last.start_s + last.duration_s >= 60.0
    looks = sum(
        b.start_s - a.start_s - a.duration_s for a, b in zip(buffer.blocks, buffer.blocks[1:], strict=False)
    )
    assert looks == pytest.approx(0.05 * len(buffer.glances))
    assert buffer.glances[0] == Glance(1.0, 1_000, None, 48.5)
    assert shares == sorted(shares)
    assert shares[-1] < 1


def test_a_call_longer_than_a_block_is_a_block() -> None:
    world, buffer = World(), SoakBuffer(60.0)

    def slow() -> None:
        world.now += 7_000 * MS

    soak(slow, buffer, world.look, clock=world.clock)
    assert {(block.runs, block.duration_s) for block in buffer.blocks} == {(1, 7.0)}
    assert len(buffer.blocks) == 9


def test_looks_are_few_however_long_it_goes() -> None:
    buffer = SoakBuffer(3_600.0)
    taken = 0
    for second in range(3_600):
        if buffer.wants_glance(float(second)):
            buffer.add_glance(Glance(float(second), None, None, None))
            taken += 1
    assert taken == len(buffer.glances) == 360
    assert buffer.glances[5] == Glance(50.0, None, None, None)


def test_keeping_takes_no_memory_while_it_runs() -> None:
    """What grows in the harness would look like a model that leaks."""
    buffer = SoakBuffer(1_800.0)
    world = World()

    def second() -> None:
        world.now += 1_000 * MS

    soak(second, buffer, world.look, clock=world.clock)  # whatever is made once
    buffer = SoakBuffer(1_800.0)
    world.now = 0
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    soak(second, buffer, world.look, clock=world.clock)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(buffer.blocks) >= 1_700
    assert grown < 20_000
    assert not math.isnan(buffer.blocks[-1].start_s)
