"""Lets through the stretches of a signal that a condition on another stage's values opens."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .values import Detections, Event, Label, Labels, Outputs, Signal, Text

if TYPE_CHECKING:
    from ..bundle.declared import Condition
    from .values import Array


def strength(value: Any) -> float:
    """The number that a condition compares: a score, the best score, or the number itself.

    Nothing found, nothing that happened and a value that never came are 0. Raises InputError.
    """
    if value is None:
        return 0.0
    if isinstance(value, (list, tuple)):
        return max(map(strength, value), default=0.0)
    if isinstance(value, Labels):
        return strength(value.top)
    if isinstance(value, (Label, Event, Text)):
        return value.score or 0.0
    scores = value.scores.max(initial=0.0) if isinstance(value, Detections) else _only_tensor(value)
    array = np.asarray(scores)
    if array.size == 1 and array.dtype.kind in "biuf":
        return float(array.reshape(()))
    raise InputError(
        f"a condition compares a number, and a {type(value).__name__} is none; add a step such as score@1"
    )


def _only_tensor(value: Any) -> Any:
    if isinstance(value, Outputs) and len(value.answers) == 1:
        return next(iter(value.answers.values()))
    return value


_SAME = 1e-6
"""Of an element's duration."""


class Gate:
    """One stream's gate. What passes depends on source time alone, never on how chunks fell."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._parts: list[Signal] = []
        self._open: list[tuple[float, float]] = []
        """Stretches of source time that are open, rising, merged."""
        self._decided_s = -math.inf
        self._passed_to_s: float | None = None

    def decide(self, start_s: float, end_s: float, value: Any) -> None:
        """A value of the stage that decides, and the stretch of source time that it is about."""
        condition = self._condition
        if strength(value) > condition.above:
            opens, closes = start_s - condition.lead_s, end_s + condition.hold_s
            if self._open and opens <= self._open[-1][1]:
                self._open[-1] = (self._open[-1][0], max(closes, self._open[-1][1]))
            else:
                self._open.append((opens, closes))
        # Whatever comes later starts at this end or after it, and reaches back by the lead at most.
        self._decided_s = max(self._decided_s, end_s - condition.lead_s)

    def push(self, signal: Signal) -> Iterator[tuple[bool, Signal]]:
        """What may pass by now, each with whether it follows on from what passed before."""
        if len(signal.values):
            self._parts.append(signal)
        yield from self.release()

    def passes(self, start_s: float, end_s: float) -> bool:
        """Whether any of a stretch of source time is open, by what is decided so far."""
        self._open = [stretch for stretch in self._open if stretch[1] > start_s]
        return any(opens_s < end_s for opens_s, _ in self._open)

    def release(self) -> Iterator[tuple[bool, Signal]]:
        """As `push`, with nothing new: what waited and is decided by now."""
        while self._parts:
            part = self._parts.pop(0)
            taken, passes = self._verdict(part)
            if not taken:
                self._parts.insert(0, part)
                return
            head, rest = _split(part, taken)
            if len(rest.values):
                self._parts.insert(0, rest)
            if passes:
                follows = (
                    self._passed_to_s is not None
                    and abs(head.start_s - self._passed_to_s) < 0.5 / head.rate_hz
                )
                self._passed_to_s = head.start_s + len(head.values) / head.rate_hz
                yield follows, head

    def _verdict(self, part: Signal) -> tuple[int, bool]:
        """How many of the first elements share one fate, and which; 0 while that is not known."""
        # Moments that differ by less than this are the same: sums of fractions do not come out exactly.
        same_s = _SAME / part.rate_hz
        start_s = part.start_s + same_s
        while self._open and self._open[0][1] <= min(start_s, self._decided_s + same_s):
            self._open.pop(0)
        opens_s, closes_s = self._open[0] if self._open else (math.inf, math.inf)
        if opens_s <= start_s < closes_s:
            return _count(closes_s, part), True
        known_s = min(opens_s, self._decided_s)
        return (_count(known_s, part), False) if known_s > start_s else (0, False)


def _count(until_s: float, part: Signal) -> int:
    """Elements of a signal that start before a moment."""
    if math.isinf(until_s):
        return len(part.values)
    count = math.ceil((until_s - part.start_s) * part.rate_hz - _SAME)
    return min(len(part.values), max(0, count))


def _split(signal: Signal, count: int) -> tuple[Signal, Signal]:
    rest: Array = signal.values[count:]
    return (
        replace(signal, values=signal.values[:count]),
        replace(signal, values=rest, start_s=signal.start_s + count / signal.rate_hz),
    )
