"""Cuts windows out of elements that arrive in chunks of any size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from .values import Signal

if TYPE_CHECKING:
    from ..bundle.declared import Window
    from .values import Array


class Cutter:
    """One stream's windows. Chunks of any size give the same ones."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._parts: list[Array] = []
        self._count = 0
        self._first = 0  # index of the first element that is kept, the lead included
        self._origin_s = 0.0
        self._width_s = 0.0
        self._skip = 0  # elements still to come that lie between windows
        self._started = False

    def push(self, signal: Signal) -> Iterator[Signal]:
        """The windows that are complete with these elements."""
        if not len(signal.values):
            return
        if not self._started:
            self._start(signal)
        skipped = min(self._skip, len(signal.values))
        self._skip -= skipped
        self._parts.append(signal.values[skipped:])
        self._count += len(signal.values) - skipped
        yield from self._cut()

    def finish(self) -> Iterator[Signal]:
        """The last windows, filled up, where the manifest says with what; else what is left is dropped."""
        window = self._window
        while window.pad is not None and self._count > self._covered():
            kept = np.concatenate(self._parts)
            missing = max(0, window.size - len(kept))
            self._parts = [kept, np.full((missing, *kept.shape[1:]), window.pad, kept.dtype)]
            yield self._at(np.concatenate(self._parts)[: window.size])
            self._parts = [kept[window.hop :]]
            self._count = len(self._parts[0])
            self._first += window.hop

    def _covered(self) -> int:
        """Of the elements that are kept, those that need no window of their own.

        A model that takes a lead takes the same at its windows' ends; windows that overlap have seen them.
        """
        if self._window.lead:
            return self._window.lead
        return max(0, self._window.size - self._window.hop) if self._first else 0

    def _start(self, signal: Signal) -> None:
        self._started = True
        lead = self._window.lead
        self._origin_s = signal.start_s - lead / self._window.rate_hz
        self._width_s = signal.width_s
        if lead:
            self._parts.append(np.zeros((lead, *signal.values.shape[1:]), signal.values.dtype))
            self._count += lead

    def _cut(self) -> Iterator[Signal]:
        size, hop = self._window.size, self._window.hop
        if self._count < size:
            return
        kept = np.concatenate(self._parts) if len(self._parts) > 1 else self._parts[0]
        start = 0
        while len(kept) - start >= size:
            yield self._at(kept[start : start + size])
            start += hop
            self._first += hop
        self._skip = max(0, start - len(kept))
        # A copy, so that a small rest does not keep a large chunk alive.
        self._parts = [kept[start:].copy()]
        self._count = len(self._parts[0])

    def _at(self, values: Array) -> Signal:
        start_s = self._origin_s + self._first / self._window.rate_hz
        return Signal(values, self._window.rate_hz, start_s, self._width_s)


def end_of(signal: Signal) -> float:
    """Source time at which the last element of a signal ends."""
    count = len(signal.values)
    if not count:
        return signal.start_s
    width_s = signal.width_s or 1 / signal.rate_hz
    return signal.start_s + (count - 1) / signal.rate_hz + width_s
