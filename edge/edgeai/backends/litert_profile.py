"""LiteRT's profiler: every operator, those inside XNNPACK too. Where it cannot be used, nodes are timed.

LiteRT's profiler belongs to its `CompiledModel`, not to the `Interpreter` that the backend opens: the same
library's kernels, another way in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_edge_litert.interpreter import Interpreter

from ..errors import EdgeError
from .litert_c_api import OPERATOR, SCOPE, XNNPACK_OPERATOR, CompiledModel, Event
from .profiling import OperatorRun, ProfiledRun, own_times
from .tflite_nodes import NodeProfiler, operators_of

if TYPE_CHECKING:
    from ..bundle import Variant
    from . import Array, RunOptions

_INVOKE = "Invoke"
"""The scope around the operators of a graph."""
_SEEN_SHARE = 0.5
"""Below it the profiler is of no use: it counts whole microseconds, and an operator of less reads 0."""

_MOST_TRIALS, _TRIAL_S = 20, 0.2


class LiteRtProfiler:
    """See `profiling.Profiler`; how, is only known after the first runs."""

    resolution_s = 1e-6
    accelerator = "xnnpack"

    def __init__(self, variant: Variant, options: RunOptions, folder: Path) -> None:
        self._variant, self._options = variant, options
        self._chosen: _CompiledProfiler | NodeProfiler | None = None

    @property
    def method(self) -> str:
        """See `Profiler.method`."""
        return self._profiler().method

    @property
    def scope(self) -> str:
        """See `Profiler.scope`."""
        return self._profiler().scope

    def run(self, inputs: Mapping[str, Array]) -> None:
        """See `Profiler.run`."""
        if self._chosen is None:
            self._chosen = self._choose(inputs)
            self.resolution_s = self._chosen.resolution_s
        self._chosen.run(inputs)

    def finish(self) -> Sequence[ProfiledRun]:
        """See `Profiler.finish`."""
        return self._profiler().finish()

    def _profiler(self) -> _CompiledProfiler | NodeProfiler:
        assert self._chosen is not None
        return self._chosen

    def _choose(self, inputs: Mapping[str, Array]) -> _CompiledProfiler | NodeProfiler:
        compiled = None
        try:
            compiled = _CompiledProfiler(self._variant, self._options)
            # Twice: outputs whose size is computed while the model runs let the second run fail (LiteRT 2.3).
            # More often where that costs nothing: a single run of a small model says little.
            begin_s = time.monotonic()
            for turn in range(_MOST_TRIALS):
                compiled.run(inputs)
                if turn and time.monotonic() - begin_s > _TRIAL_S:
                    break
        except EdgeError as error:
            why = f"LiteRT's own profiler cannot run this model ({error})"
        else:
            if compiled.seen_share() >= _SEEN_SHARE:
                return compiled
            why = "LiteRT's own profiler counts whole microseconds, too coarse for this model"
        if compiled is not None:
            compiled.close()
        threads = self._options.threads

        def interpreter() -> Any:
            return Interpreter(str(self._variant.path), num_threads=threads)

        return NodeProfiler(self._variant.path, interpreter, self._options, why)


class _CompiledProfiler:
    """The profiler of a compiled model."""

    method = "litert-profiler"
    scope = (
        "times of LiteRT's own profiler, in a compiled model: of every operator that XNNPACK runs, which has "
        "no name there, and of every node that falls off it; operators of less than 1 µs read 0"
    )
    resolution_s = 1e-6

    def __init__(self, variant: Variant, options: RunOptions) -> None:
        self._names = operators_of(variant.path)
        self._model = CompiledModel(variant.path, options.threads, options.signature)
        self._runs: list[list[Event]] = []

    def run(self, inputs: Mapping[str, Array]) -> None:
        self._runs.append(self._model.run(inputs))

    def seen_share(self) -> float:
        """How much of the runs but the first their operators make up."""
        runs = [run_of(events, self._names) for events in self._runs[1:]]
        seen_s = sum(each.own_s for run in runs for each in run.operators)
        whole_s = sum(run.latency_s for run in runs)
        return seen_s / whole_s if whole_s else 0.0

    def finish(self) -> Sequence[ProfiledRun]:
        self.close()
        return [run_of(events, self._names) for events in self._runs]

    def close(self) -> None:
        self._model.close()


def run_of(events: Sequence[Event], names: Sequence[Sequence[tuple[str, str]]]) -> ProfiledRun:
    """The run that LiteRT's events tell of. names: see `operators_of`.

    Operators inside XNNPACK come without a start, after those before their part and before those behind it:
    they are placed one after the other.
    """
    scopes = [event for event in events if event.kind == SCOPE and event.tag == _INVOKE]
    begin_us = min((event.start_us for event in scopes), default=0)
    nodes = [event for event in events if event.kind == OPERATOR]
    own = dict(zip(map(id, nodes), _own_us(nodes, scopes), strict=True))
    found, at_us, part = [], begin_us, 0
    for place, event in enumerate(events):
        if event.kind == OPERATOR:
            operator, name = _name_of(event, names)
            start_us, at_us = event.start_us, max(at_us, event.start_us + event.elapsed_us)
            own_us, provider = own[id(event)], "cpu"
        elif event.kind == XNNPACK_OPERATOR:
            part += event.index == 0
            operator, name = event.tag, f"xnnpack part {part}, operator {event.index}"
            start_us, at_us = at_us, at_us + event.elapsed_us
            own_us, provider = event.elapsed_us, "xnnpack"
        else:
            continue
        found.append(
            OperatorRun(
                place=place,
                name=name,
                operator=operator,
                provider=provider,
                start_s=(start_us - begin_us) * 1e-6,
                duration_s=event.elapsed_us * 1e-6,
                own_s=own_us * 1e-6,
                is_placed=event.kind == XNNPACK_OPERATOR,
            )
        )
    return ProfiledRun(tuple(found), max((event.elapsed_us for event in scopes), default=0) * 1e-6)


def _own_us(nodes: Sequence[Event], scopes: Sequence[Event]) -> Iterator[float]:
    """Of each node what it took less the graphs that it ran (IF, WHILE), whose operators are told apart."""
    spans = [(event, True) for event in nodes] + [(event, False) for event in scopes]
    # The outer one first where both start in the same microsecond, which a graph inside a node is not.
    spans.sort(key=lambda span: (span[0].start_us, -span[0].elapsed_us, not span[1]))
    own = own_times([(event.start_us, event.elapsed_us) for event, _ in spans])
    by_event = {id(event): own_us for (event, is_node), own_us in zip(spans, own, strict=True) if is_node}
    return (by_event[id(event)] for event in nodes)


def _name_of(event: Event, names: Sequence[Sequence[tuple[str, str]]]) -> tuple[str, str]:
    """Type and name of a node."""
    try:
        return event.tag, names[event.graph][event.index][1]
    except IndexError:  # a node that a delegate made
        return event.tag, f"{event.tag} {event.index}"
