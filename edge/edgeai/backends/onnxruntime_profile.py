"""ONNX Runtime's profiler: kernel times of every node, from the JSON that it writes at the end."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .onnxruntime import OnnxRuntimeRunner, short_name
from .profiling import OperatorRun, ProfiledRun, own_times

if TYPE_CHECKING:
    from ..bundle import Variant
    from . import Array, RunOptions

_KERNEL = "_kernel_time"
"""How the events of a node's kernel end; older versions also have `_fence_before` and `_fence_after`."""
_RUN = "model_run"


class OnnxRuntimeProfiler:
    """See `profiling.Profiler`."""

    method = "onnxruntime-profiler"
    scope = (
        "kernel times of every node that is left after ONNX Runtime's own optimization; what lies between "
        "nodes, most of it the profiler's own work, is unaccounted for. Of nodes on a GPU or NPU it may be "
        "no more than the time to hand the work over"
    )
    resolution_s = 1e-6  # the events hold whole microseconds

    def __init__(self, variant: Variant, options: RunOptions, folder: Path) -> None:
        self._runner = OnnxRuntimeRunner(variant.path, options, profile=folder)

    @property
    def accelerator(self) -> str | None:
        """See `Profiler.accelerator`."""
        return next((name for name in self._runner.wanted if name != "cpu"), None)

    def run(self, inputs: Mapping[str, Array]) -> None:
        """See `Profiler.run`."""
        self._runner.run(inputs)

    def finish(self) -> Sequence[ProfiledRun]:
        """See `Profiler.finish`."""
        events = self._runner.end_profile()
        self._runner.close()
        return runs_of(events)


def runs_of(events: Iterable[Mapping[str, Any]]) -> list[ProfiledRun]:
    """The runs that a profile of ONNX Runtime holds. Its times are microseconds."""
    runs, nodes = [], []
    for event in events:
        if event.get("name") == _RUN:
            runs.append(event)
        elif event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            nodes.append(event)
    runs.sort(key=lambda event: event["ts"])
    # The outer node first where a node of its body starts in the same microsecond.
    nodes.sort(key=lambda event: (event["ts"], -event["dur"]))
    starts = [node["ts"] for node in nodes]
    found = []
    for run in runs:
        first, last = bisect.bisect_left(starts, run["ts"]), bisect.bisect(starts, run["ts"] + run["dur"])
        found.append(ProfiledRun(_operators(nodes[first:last], run["ts"]), run["dur"] * 1e-6))
    return found


def _operators(nodes: Sequence[Mapping[str, Any]], run_us: float) -> tuple[OperatorRun, ...]:
    own = own_times([(node["ts"], node["dur"]) for node in nodes])
    return tuple(_operator(node, own_us, run_us) for node, own_us in zip(nodes, own, strict=True))


def _operator(node: Mapping[str, Any], own_us: float, run_us: float) -> OperatorRun:
    args = node["args"]
    operator, place = args.get("op_name", "unknown"), int(args.get("node_index", -1))
    provider = args.get("provider")
    return OperatorRun(
        place=place,
        name=node["name"].removesuffix(_KERNEL) or f"{operator} {place}",
        operator=operator,
        provider=short_name(provider) if provider else None,
        start_s=(node["ts"] - run_us) * 1e-6,
        duration_s=node["dur"] * 1e-6,
        own_s=own_us * 1e-6,
    )
