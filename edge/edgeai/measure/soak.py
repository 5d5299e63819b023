"""A long steady phase: how the rate, the latency, RAM, clock and heat go over half an hour.

Kept are blocks and glances in buffers that are allocated before the start, not raw samples: memory is
bounded, and what the harness itself keeps must not look like a model that leaks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .recorder import Recorder
from .timing import SECOND, Call, Clock

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCKS = (60, 3600)
"""Least and most: blocks of a second from one minute to one hour, shorter and longer ones outside."""
_GLANCES = 360
"""As many looks at RAM, clock and heat: every 5 s of half an hour. One takes a few milliseconds."""
_SPARE = 8


@dataclass(frozen=True)
class Block:
    """Calls in a row. start_s: since the start. p50_ns: of up to 2,000 of its latencies."""

    start_s: float
    duration_s: float
    runs: int
    p50_ns: int
    max_ns: int


@dataclass(frozen=True)
class Glance:
    """One look. clock_hz: mean over the cores; temperature_c: of the hottest zone. None where unknown."""

    time_s: float
    anonymous_bytes: int | None
    clock_hz: float | None
    temperature_c: float | None


def block_length_s(duration_s: float) -> float:
    """How long a block is."""
    return min(max(1.0, duration_s / _BLOCKS[1]), duration_s / _BLOCKS[0])


class SoakBuffer:
    """Room for all blocks and glances of a run, already in memory."""

    def __init__(self, duration_s: float) -> None:
        self.block_s = block_length_s(duration_s)
        self.duration_s = duration_s
        # Ones, as in Recorder: zeros are mapped only when they are written.
        self._blocks: NDArray[np.float64] = np.ones((math.ceil(duration_s / self.block_s) + _SPARE, 5))
        self._glances: NDArray[np.float64] = np.ones((_GLANCES + _SPARE, 4))
        self._block = self._glance = 0

    def add_block(self, block: Block) -> None:
        """Keep a block."""
        self._blocks[self._block] = (
            block.start_s, block.duration_s, block.runs, block.p50_ns, block.max_ns
        )  # fmt: skip
        self._block += 1

    def wants_glance(self, now_s: float) -> bool:
        """Whether it is time for the next look."""
        return self._glance < len(self._glances) and now_s * _GLANCES >= self._glance * self.duration_s

    def add_glance(self, glance: Glance) -> None:
        """Keep a look."""
        row = (glance.time_s, glance.anonymous_bytes, glance.clock_hz, glance.temperature_c)
        self._glances[self._glance] = [math.nan if each is None else each for each in row]
        self._glance += 1

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What was kept."""
        rows = self._blocks[: self._block].tolist()
        return tuple(Block(s, d, int(runs), int(p50), int(most)) for s, d, runs, p50, most in rows)

    @property
    def glances(self) -> tuple[Glance, ...]:
        """What was kept; what was unknown is None again."""
        return tuple(
            Glance(
                now_s,
                None if math.isnan(size) else int(size),
                None if math.isnan(clock) else clock,
                None if math.isnan(heat) else heat,
            )
            for now_s, size, clock, heat in self._glances[: self._glance].tolist()
        )


def soak(
    call: Call,
    buffer: SoakBuffer,
    look: Callable[[float], Glance],
    *,
    clock: Clock = time.perf_counter_ns,
    tell: Callable[[float], object] = lambda share: None,
) -> None:
    """Call back to back for the buffer's length. Looks are between blocks, in no block's time.

    look: gets the seconds since the start. tell: gets the share that is done, about twice a second.
    """
    block_ns, most_ns = round(buffer.block_s * SECOND), round(buffer.duration_s * SECOND)
    recorder = Recorder(2_000)
    start = told = clock()
    while True:
        recorder.clear()
        begun = before = clock()
        while True:
            call()
            after = clock()
            recorder.add(after - before)
            before = after
            if after - begun >= block_ns:
                break
        buffer.add_block(
            Block(
                (begun - start) / SECOND,
                (after - begun) / SECOND,
                recorder.runs,
                int(np.median(recorder.samples_ns)),
                recorder.max_ns,
            )
        )
        if after - start >= most_ns:
            return
        if buffer.wants_glance((after - start) / SECOND):
            buffer.add_glance(look((after - start) / SECOND))
        if after - told >= SECOND // 2:
            told = after
            tell((after - start) / most_ns)
