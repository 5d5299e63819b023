"""Measures a simulated board with edgeai's own sampler and arithmetic: the bridge to `simulated_power.py`."""

from __future__ import annotations

import random
from dataclasses import dataclass

from edgeai.measure.energy import Energy, LoadWindow
from edgeai.measure.energy_of import energy_of
from edgeai.power import COUNTER_J, GAUGE_W, ErrorModel, MeterInfo, Rail, ReadFailed, Span, Trace
from edgeai.power.sampler import Sampler

from .simulated_power import Board, draw_board


class SimulatedMeter:
    """A board's sensor as a Meter."""

    def __init__(self, board: Board) -> None:
        self._board = board
        sensor = board.sensor
        self.info = MeterInfo(
            "simulated",
            "all of it",
            COUNTER_J if sensor.is_counter else GAUGE_W,
            (Rail("board", wrap_j=sensor.wrap_j),),
            sensor.update_s,
            ErrorModel(sensor.gain_sigma, sensor.offset_sigma_w, sensor.lsb, "drawn"),
            averages_s=sensor.averages_s,
        )

    def read(self) -> tuple[float, ...]:
        value = self._board.read()
        if value is None:
            raise ReadFailed
        return (value,)

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Measured:
    """What edgeai says of a board, beside what is true."""

    board: Board
    trace: Trace
    energy: Energy


def measured(family: str, kind: str, seed: str, *, right: bool = False) -> Measured:
    """Draw a board, play it through, and measure it. right: see `draw_board`."""
    board = draw_board(family, kind, random.Random(seed), right=right)
    trace = sampled(board, random.Random(seed + "/sampler"))
    windows = [LoadWindow(*window) for window in board.windows]
    energy = energy_of(trace, Span(*board.idle_before), windows, Span(*board.idle_after), slowdown=None)
    assert isinstance(energy, Energy), energy
    return Measured(board, trace, energy)


def sampled(board: Board, lots: random.Random, period_s: float | None = None) -> Trace:
    """All of a board's time through the sampler."""
    sampler = Sampler(SimulatedMeter(board), period_s, clock=board.now, sleep=board.sleep, lot=lots.random)
    sampler.run_until(board.end_s)
    return sampler.trace()
