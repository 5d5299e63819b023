"""What is timed of a pipeline: one `Session.predict` an item, or one push of a hop into a stream."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from ..bundle import Bundle
from ..errors import RunError
from ..pipeline.flow import Flow
from ..pipeline.model import ModelPort
from ..pipeline.pipeline import bind_stages
from ..pipeline.result import Result, StageTime
from ..pipeline.stream import Stream
from .protocol import Hops
from .real_time import Pushed
from .subject import Alive

if TYPE_CHECKING:
    from ..backends import Array
    from ..session import Session

_COMPARED_S = 3.0
"""Of a stream, so much is run to compare its answers; at least three hops."""


@dataclass(frozen=True)
class Fed:
    """What a pipeline is given, ready to be handed over.

    value: the item, or the whole recording, f32 [n]. hops, chunks: a stream's, else None.
    """

    value: Any
    rate_hz: int | None
    hops: Chunks | None = None
    chunks: Chunks | None = None


def fed(value: Any, rate_hz: int | None, hops: Hops | None) -> Fed:
    """Cut a recording beforehand, so that no call pays for it; an item stays as it is."""
    if hops is None:
        return Fed(value, rate_hz)
    assert rate_hz is not None
    return Fed(value, rate_hz, Chunks(value, hops.hop_s * rate_hz), Chunks(value, hops.chunk_s * rate_hz))


def calls_of(bundle: Bundle, session: Session, given: Fed) -> Calls:
    """How a pipeline is asked: hop by hop where it is a stream, else item by item."""
    return ItemCalls(session, given) if given.hops is None else HopCalls(bundle, session, given)


class Calls(Protocol):
    """A pipeline as it is asked over and over."""

    @property
    def times(self) -> Sequence[StageTime]:
        """What the stages took in the last call."""

    def first(self) -> None:
        """Ask until a model has run for the first time."""

    def call(self) -> object:
        """Ask once more: what is timed."""

    def answers(self, alive: Alive) -> Iterator[Result]:
        """Answers from fresh state, to compare; after `first`, the first call's where that gave them."""


class ItemCalls:
    """See `Calls`: the same item again and again, each time from fresh state."""

    def __init__(self, session: Session, given: Fed) -> None:
        self._session, self._value, self._rate_hz = session, given.value, given.rate_hz
        self._first: Result | None = None
        self.times: Sequence[StageTime] = ()

    def first(self) -> None:
        """Ask once and keep the answer."""
        self._first = self.call()

    def call(self) -> Result:
        """One answer."""
        result = self._session.predict(self._value, rate=self._rate_hz)
        self.times = result.stages
        return result

    def answers(self, alive: Alive) -> Iterator[Result]:
        """The first answer, once; then another."""
        result, self._first = self._first or self.call(), None
        yield result


class HopCalls:
    """See `Calls`: the recording hop by hop into a stream that never ends, round and round."""

    def __init__(self, bundle: Bundle, session: Session, given: Fed) -> None:
        assert given.rate_hz is not None
        assert given.hops is not None
        assert given.chunks is not None
        self._bundle, self._rate_hz = bundle, given.rate_hz
        self._hops, self._chunks = given.hops, given.chunks
        ports = {model.name: ModelPort(model, session.models[model.name], _refuse) for model in bundle.models}
        self._stages = bind_stages(bundle, ports)
        self._start()

    @property
    def times(self) -> Sequence[StageTime]:
        """What the stages took for the last chunk."""
        return self._flow.times

    def first(self) -> None:
        """Push hops until a model has run."""
        while not any(spent.runs for spent in self.times):
            self.call()

    def call(self) -> object:
        """Push one hop."""
        chunk = self._hops[self._turn]
        self._turn += 1
        return self._stream.push(chunk)

    def answers(self, alive: Alive) -> Iterator[Result]:
        """Of the first seconds of the recording. The stream that was open before is ended."""
        self._restart()
        for turn in range(self._hops.within(_COMPARED_S * self._rate_hz, at_least=3)):
            yield from self._stream.push(self._hops[turn])
            alive()
        yield from self._stream.finish()
        self._restart()

    def start_real_time(self, duration_s: float) -> tuple[int, Callable[[int], float]]:
        """A fresh stream; how many chunks make up a duration, and when the last sample of each is there."""
        self._restart()
        chunks = self._chunks
        return chunks.within(duration_s * self._rate_hz), lambda turn: chunks.end(turn) / self._rate_hz

    def push(self, turn: int) -> Pushed:
        """Push one chunk in real time."""
        self._stream.push(self._chunks[turn])
        answered = any(spent.runs for spent in self.times)
        return Pushed(answered, [tick.end_s for tick in self._flow.ticks])

    def _restart(self) -> None:
        self._stream.close()  # first: it gives back a model that keeps its state inside
        self._start()

    def _start(self) -> None:
        """A stream with fresh state, as `Session.stream` opens it, whose flow can be asked what it did."""
        self._turn = 0
        assert self._bundle.source is not None
        assert self._bundle.result is not None
        self._flow = Flow(self._stages, self._bundle.result)
        self._stream = Stream(
            flow=self._flow,
            source=self._bundle.source,
            open_value=_refuse,
            rate_hz=self._rate_hz,
            overrun="block",
            queue=1,
        )


class Chunks:
    """A recording cut into pieces of a size that need not be a whole number, over and over."""

    def __init__(self, samples: Array, size: float) -> None:
        self._size = size
        count = max(1, int(len(samples) / size))
        edges = [round(turn * size) for turn in range(count + 1)]
        self._pieces = [samples[start:end] for start, end in itertools.pairwise(edges)]
        self._round = min(edges[-1], len(samples))

    def __getitem__(self, turn: int) -> Array:
        """The piece of a number, f32 [n]; behind the last comes the first."""
        return self._pieces[turn % len(self._pieces)]

    def end(self, turn: int) -> int:
        """How many samples there are when a piece has come in."""
        rounds, place = divmod(turn + 1, len(self._pieces))
        return rounds * self._round + round(place * self._size)

    def within(self, samples: float, at_least: int = 1) -> int:
        """How many pieces make up so many samples."""
        return max(at_least, math.ceil(samples / self._size))


def _refuse(*_: object) -> NoReturn:
    raise RunError("the bench runs one stream at a time")
