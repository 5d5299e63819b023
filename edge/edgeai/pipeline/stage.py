"""One stage within one stream: `pre` steps, the model, `post` steps, or a step of its own."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..bundle.declared import Batch, Condition
from ..errors import InputError, RunError
from .bind import Running, Step
from .gate import Gate, strength
from .model import ModelPort, ModelState
from .result import StageTime
from .values import Event, Outputs, Signal
from .window import Cutter, end_of

if TYPE_CHECKING:
    from .values import Array


_SAME_RATE = 1e-3
"""Rates of frames are rounded in manifests: 86.13 for 22050 / 256."""


@dataclass(frozen=True)
class BoundStage:
    """A stage with its steps and model found. port: None for a stage without a model."""

    name: str
    """What its value is called: the stage's `as`."""
    from_: str
    pre: tuple[Step, ...]
    port: ModelPort | None
    post: tuple[Step, ...]
    batch: Batch | None
    only_if: Condition | None
    where: str


@dataclass(frozen=True)
class Tick:
    """A value of a stage in a stream, and the stretch of source time that it is about."""

    start_s: float
    end_s: float
    value: Any


class StageRun:
    """A stage with the state of one stream."""

    def __init__(self, stage: BoundStage) -> None:
        self.stage = stage
        self._state = None if stage.port is None else ModelState(stage.port)
        self._looped = () if stage.port is None else tuple(loop.output for loop in stage.port.loops)
        self.renew_gate()
        self._times: list[float] = [0.0, 0.0, 0.0]
        self._runs = 0
        self._end_s: float | None = None  # of what a gate let through
        self._start_steps()

    def forget(self) -> None:
        """Back to the state of a new stream; the gate stays as it is."""
        self._start_steps()
        if self._state is not None:
            self._state.forget()

    def renew_gate(self) -> None:
        """Forget what was decided, and what waits for a decision."""
        self.gate = None if self.stage.only_if is None else Gate(self.stage.only_if)

    def close(self) -> None:
        """The stream has ended."""
        if self._state is not None:
            self._state.close()

    def take_time(self) -> StageTime:
        """How long it took since this was last asked."""
        pre_s, run_s, post_s = self._times
        spent = StageTime(self.stage.name, pre_s, run_s, post_s, self._runs)
        self._times, self._runs = [0.0, 0.0, 0.0], 0
        return spent

    def once(self, values: Mapping[str, Any]) -> Any:
        """The stage's value for one whole source; None without input, or by its condition."""
        stage = self.stage
        value = values[stage.from_]
        if value is None:
            return None
        if stage.only_if is not None and not strength(values[stage.only_if.from_]) > stage.only_if.above:
            return None
        value = self._through(self._pre, value, values, 0)
        if stage.port is not None and value is not None:
            value = self._run_all(value) if isinstance(value, list) else self._run_one(value)
        return self._through(self._post, value, values, 2)

    def on_signal(self, signal: Signal, values: Mapping[str, Any]) -> Signal | list[Tick]:
        """What a chunk brings: a chunk again where there is no model, else a value for each window."""
        if self.gate is None:
            return self._on_signal(signal, values)
        return self._on_passed(self.gate.push(signal), values)

    def on_ticks(self, ticks: list[Tick], values: Mapping[str, Any]) -> list[Tick]:
        """A value for each value of an earlier stage."""
        found = []
        for tick in ticks:
            if self.gate is not None and not self.gate.passes(tick.start_s, tick.end_s):
                continue
            value = self._through(self._pre, tick.value, values, 0, tick)
            if self.stage.port is not None and value is not None:
                value = self._run_all(value) if isinstance(value, list) else self._run_one(value)
            value = self._through(self._post, value, values, 2, tick)
            found.append(Tick(tick.start_s, tick.end_s, value))
        return found

    def finish(self, values: Mapping[str, Any], end_s: float) -> tuple[list[Signal], list[Tick]]:
        """What is left when the source has ended: chunks (of a stage without a model), and values."""
        signals: list[Signal] = []
        ticks: list[Tick] = [] if self.gate is None else self._on_passed(self.gate.release(), values)
        for found in self._finish_pre(values):
            if isinstance(found, Signal):
                signals.append(found)
            else:
                ticks += found
        if self._cutter is not None:
            ticks += [self._on_window(window, values, end_s) for window in self._cutter.finish()]
        return signals, [*ticks, *self._finish_post(values, end_s)]

    def _on_passed(self, parts: Iterator[tuple[bool, Signal]], values: Mapping[str, Any]) -> list[Tick]:
        """Values of what a gate let through; where something was left out, everything starts afresh."""
        ticks: list[Tick] = []
        for follows, part in parts:
            if not follows:
                ticks += self._ended(values)
                self.forget()
            found = self._on_signal(part, values)
            self._end_s = end_of(part)
            assert isinstance(found, list)  # bind_stages refuses a condition on a step that passes sound on
            ticks += found
        return ticks

    def _ended(self, values: Mapping[str, Any]) -> list[Tick]:
        """What a stretch that a gate let through still gives, now that it is known to be over."""
        if self._end_s is None:
            return []
        ticks = [tick for found in self._finish_pre(values) if isinstance(found, list) for tick in found]
        if self._cutter is not None:
            ticks += [self._on_window(window, values, self._end_s) for window in self._cutter.finish()]
        return ticks + self._finish_post(values, self._end_s)

    def _finish_post(self, values: Mapping[str, Any], end_s: float) -> list[Tick]:
        """What the steps behind the model kept, through the steps behind them."""
        ticks = []
        for index, step in enumerate(self._post):
            left = step.finish()
            if left is not None:
                tick = Tick(end_s, end_s, left)
                value = self._through(self._post[index + 1 :], left, values, 2, tick)
                ticks.append(Tick(end_s, end_s, value))
        return ticks

    def _start_steps(self) -> None:
        self._pre = [step.start() for step in self.stage.pre]
        self._post = [step.start() for step in self.stage.post]
        port = self.stage.port
        window = None if port is None else port.model.window
        self._cutter = None if window is None else Cutter(window)
        self._gathered: list[Signal] = []
        self._end_s = None

    def _finish_pre(self, values: Mapping[str, Any]) -> Iterator[Signal | list[Tick]]:
        """The rest that each step kept, through the steps behind it."""
        for index, step in enumerate(self._pre):
            left = step.finish()
            if isinstance(left, Signal):
                yield self._behind_pre(self._through(self._pre[index + 1 :], left, values, 0), values)
            elif left is not None and self.stage.port is None:
                ends_s = max(
                    (each.end_s or each.start_s for each in left if isinstance(each, Event)), default=0.0
                )
                yield [Tick(ends_s, ends_s, left)]
        if self._gathered:  # a model without a window takes the whole recording
            whole = Signal(
                np.concatenate([part.values for part in self._gathered]),
                self._gathered[0].rate_hz,
                self._gathered[0].start_s,
                self._gathered[0].width_s,
            )
            self._gathered = []
            yield [self._on_window(whole, values)]

    def _on_signal(self, signal: Signal, values: Mapping[str, Any]) -> Signal | list[Tick]:
        return self._behind_pre(self._through(self._pre, signal, values, 0), values)

    def _behind_pre(self, value: Any, values: Mapping[str, Any]) -> Signal | list[Tick]:
        if not isinstance(value, Signal):
            raise RunError(f"{self.stage.where}: the steps gave a {type(value).__name__}, no signal")
        if self.stage.port is None:
            return value
        if self._cutter is None:
            if len(value.values):
                self._gathered.append(value)
            return []
        self._check_rate(value)
        return [self._on_window(window, values) for window in self._cutter.push(value)]

    def _check_rate(self, signal: Signal) -> None:
        """A model made for another rate would hear everything too slow or too fast."""
        assert self.stage.port is not None
        window = self.stage.port.model.window
        if window is not None and abs(signal.rate_hz - window.rate_hz) > _SAME_RATE * window.rate_hz:
            raise InputError(
                f"{self.stage.where}: model {self.stage.port.model.name!r} takes {window.rate_hz:g} elements "
                f"a second, the steps before it gave {signal.rate_hz:g}; add a step such as resample@1"
            )

    def _on_window(self, window: Signal, values: Mapping[str, Any], source_end_s: float = math.inf) -> Tick:
        """source_end_s: where the source has ended; what fills up the last window is no part of it."""
        tick = Tick(window.start_s, min(end_of(window), source_end_s), None)
        value = self._through(self._post, self._run_one(window), values, 2, tick)
        return Tick(tick.start_s, tick.end_s, value)

    def _through(
        self,
        steps: list[Running],
        value: Any,
        values: Mapping[str, Any],
        place: int,
        tick: Tick | None = None,
    ) -> Any:
        began = time.perf_counter()
        for step in steps:
            if value is None:
                break
            start_s, end_s = (None, None) if tick is None else (tick.start_s, tick.end_s)
            value = step(value, values, start_s, end_s)
        self._times[place] += time.perf_counter() - began
        return value

    def _run_one(self, value: Any) -> Outputs:
        return Outputs(self._run(self._feed(value)), value, self._looped)

    def _feed(self, value: Any) -> dict[str, Array]:
        assert self.stage.port is not None
        began = time.perf_counter()
        feed = self.stage.port.feed(value, self.stage.where)
        self._times[0] += time.perf_counter() - began
        return feed

    def _run(self, feed: dict[str, Array]) -> dict[str, Array]:
        assert self._state is not None
        began = time.perf_counter()
        try:
            outputs = self._state.run(feed, self.stage.where)
        except (InputError, RunError) as error:  # of several models, which?
            if self.stage.where in str(error):
                raise
            raise type(error)(f"{self.stage.where}: {error}") from error
        self._times[1] += time.perf_counter() - began
        self._runs += 1
        return outputs

    def _run_all(self, items: list[Any]) -> list[Outputs]:
        """A run for each item, or for as many at once as the manifest allows."""
        stage = self.stage
        if stage.batch is None or len(items) < 2:
            return [self._run_one(item) for item in items]
        feeds = [self._feed(item) for item in items]
        answers: list[Outputs | None] = [None] * len(items)
        for rows in batches([{n: a.shape for n, a in feed.items()} for feed in feeds], stage.batch):
            began = time.perf_counter()
            stacked = _stacked([feeds[row] for row in rows], stage.batch)
            self._times[0] += time.perf_counter() - began
            outputs = self._run(stacked)
            for place, row in enumerate(rows):
                row_outputs = _row(outputs, place, len(rows), stage.where)
                answers[row] = Outputs(row_outputs, items[row], self._looped)
        return [answer for answer in answers if answer is not None]


def batches(shapes: list[dict[str, tuple[int, ...]]], batch: Batch) -> Iterator[list[int]]:
    """Which items run together: of one shape, or, where they may be filled up, of sizes that are near."""
    order = sorted(range(len(shapes)), key=lambda row: [shapes[row][name] for name in sorted(shapes[row])])
    together: list[int] = []
    for row in order:
        fits = batch.pad is not None or not together or shapes[row] == shapes[together[0]]
        if together and (len(together) == batch.max or not fits):
            yield together
            together = []
        together.append(row)
    if together:
        yield together


def _stacked(feeds: list[dict[str, Array]], batch: Batch) -> dict[str, Array]:
    """One feed of several along the first axis; smaller ones are filled up at their ends."""
    stacked = {}
    for name, first in feeds[0].items():
        arrays = [feed[name] for feed in feeds]
        sizes = tuple(max(array.shape[axis] for array in arrays) for axis in range(1, first.ndim))
        if all(array.shape[1:] == sizes for array in arrays):
            stacked[name] = np.concatenate(arrays)
            continue
        whole = np.full((sum(len(array) for array in arrays), *sizes), batch.pad, first.dtype)
        row = 0
        for array in arrays:
            place = (slice(row, row + len(array)), *map(slice, array.shape[1:]))
            whole[place] = array
            row += len(array)
        stacked[name] = whole
    return stacked


def _row(outputs: dict[str, Array], place: int, count: int, where: str) -> dict[str, Array]:
    """One item's part of every output."""
    parts = {}
    for name, array in outputs.items():
        if array.ndim == 0 or len(array) % count:
            raise RunError(f"{where}: output {name!r} has the shape {list(array.shape)} for {count} items; "
                           "the model gives no row for each: leave `batch` out")  # fmt: skip
        each = len(array) // count
        parts[name] = array[place * each : (place + 1) * each]
    return parts
