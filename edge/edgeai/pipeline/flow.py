"""One run of a pipeline over one source: an image at once, or a recording or a stream chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InputError
from .result import Result, StageTime
from .stage import BoundStage, StageRun, Tick
from .values import Event, Signal
from .window import end_of

SOURCE = "source"


class Flow:
    """The stages with the state of one stream."""

    def __init__(self, stages: tuple[BoundStage, ...], result: str) -> None:
        self._runs = [StageRun(stage) for stage in stages]
        self._result = result
        self._end_s = 0.0
        self._untold: dict[str, StageTime] = {}  # what stages took since the last answer
        self.spent: dict[str, StageTime] = {}
        """What each stage took so far, also where no answer came of it."""
        self.times: tuple[StageTime, ...] = ()
        """What each stage took for the last chunk."""
        self.ticks: tuple[Tick, ...] = ()
        """The values of the answering stage that the last chunk completed, also where they are no answer."""

    def once(self, source: Any) -> Result:
        """The answer to one source that is there as a whole."""
        values: dict[str, Any] = {SOURCE: source}
        for run in self._runs:
            values[run.stage.name] = run.once(values)
        return Result(values[self._result], values, stages=self._take_times())

    def push(self, signal: Signal) -> list[Result]:
        """The answers that are complete with this chunk."""
        self._end_s = max(self._end_s, end_of(signal))
        values: dict[str, Any] = {SOURCE: signal}
        for run in self._runs:
            values[run.stage.name] = self._step(run, values[run.stage.from_], values)
            self._tell_gates(run.stage.name, values[run.stage.name])
        return self._results(values[self._result])

    def finish(self) -> list[Result]:
        """The answers that were waiting for more. Nothing may be pushed afterwards."""
        # What each stage still gives, for the stages behind it: chunks and values, in order.
        left: dict[str, list[Signal | list[Tick]]] = {SOURCE: []}
        for run in self._runs:
            name = run.stage.name
            found: list[Signal | list[Tick]] = []
            for piece in left[run.stage.from_]:
                values = {
                    SOURCE: piece,
                    **dict.fromkeys(r.stage.name for r in self._runs),
                    run.stage.from_: piece,
                }
                found.append(self._step(run, piece, values))
            signals, ticks = run.finish({}, self._end_s)
            left[name] = [*found, *signals, ticks]
            for piece in left[name]:
                self._tell_gates(name, piece)
        return self._results(
            [tick for piece in left[self._result] if isinstance(piece, list) for tick in piece]
        )

    def forget(self) -> None:
        """Forget everything, as at the beginning; the next chunk says where in source time it goes on."""
        for run in self._runs:
            run.forget()
            run.renew_gate()

    def close(self) -> None:
        """Give models back."""
        for run in self._runs:
            run.close()

    def _step(self, run: StageRun, value: Any, values: Mapping[str, Any]) -> Signal | list[Tick]:
        if isinstance(value, Signal):
            return run.on_signal(value, values)
        return run.on_ticks(value, values)

    def _tell_gates(self, name: str, found: Signal | list[Tick]) -> None:
        if isinstance(found, Signal):
            return
        for run in self._runs:
            condition = run.stage.only_if
            if condition is not None and condition.from_ == name and run.gate is not None:
                for tick in found:
                    run.gate.decide(tick.start_s, tick.end_s, tick.value)

    def _results(self, found: Signal | list[Tick]) -> list[Result]:
        self._take_times()
        if isinstance(found, Signal):
            raise InputError("the pipeline ends in a signal; name a stage that runs a model as its `result`")
        self.ticks = tuple(found)
        untold = added(self._untold, self.times)
        results = _results(found, tuple(untold.values()))
        self._untold = {} if results else untold
        return results

    def _take_times(self) -> tuple[StageTime, ...]:
        self.times = tuple(run.take_time() for run in self._runs)
        self.spent = added(self.spent, self.times)
        return self.times


def added(before: Mapping[str, StageTime], times: Iterable[StageTime]) -> dict[str, StageTime]:
    """What stages took, by name, with more of it."""
    total = dict(before)
    for stage in times:
        total[stage.name] = total[stage.name] + stage if stage.name in total else stage
    return total


def _results(ticks: list[Tick], times: tuple[StageTime, ...]) -> list[Result]:
    """A result for each value; for each event of a value that is a list of them; none for an empty list."""
    results = []
    for tick in ticks:
        if isinstance(tick.value, list) and all(isinstance(each, Event) for each in tick.value):
            results += [Result(event, {}, event.start_s, event.end_s, times) for event in tick.value]
        elif tick.value is not None:
            results.append(Result(tick.value, {}, tick.start_s, tick.end_s, times))
    return results
