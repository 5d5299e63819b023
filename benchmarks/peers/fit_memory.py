"""The predicted peak of RAM against what a measuring process took, on this machine.

    python benchmarks/peers/fit_memory.py [MODEL.onnx ...] >> benchmarks/results/fit-memory-x86-64-vm.md

The models of the suite `public`, at its shapes, and any others given. One thread, two processes; the peak is
VmHWM above the baseline, which has the runtime imported: see `graph/runtime_memory.py`.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from edgeai.fit import Sizes, sized_demands
from edgeai.graph.runtime_memory import PEAK_ERROR
from edgeai.measure.protocol import InputRequest, ModelRequest
from edgeai.measure.timing import StopRule, WarmUpRule
from edgeai_bench.fetch import fetch
from edgeai_bench.plan import Plan
from edgeai_bench.runner import run
from edgeai_bench.suites import load_suite

PLAN = Plan(2, WarmUpRule(min_s=0.05, max_s=0.2), StopRule(min_runs=5, min_s=0.1, max_s=2))
Shapes = dict[str, tuple[int, ...]]


def main(others: list[Path]) -> None:
    """Print a table for the installed releases."""
    names = ("onnxruntime", "ai-edge-litert")
    print(f"\n## {', '.join(f'{name} {version(name)}' for name in names)}\n")
    print("| model | predicted MB | measured MB | ratio | process before it, MB |\n|---|---|---|---|---|")
    ratios = []
    for name, path, request in (*_suite(), *((path.stem, path, InputRequest()) for path in others)):
        ratio = _row(name, path, request)
        ratios += [] if ratio is None else [ratio]
    print(
        f"\n{len(ratios)} models, ratio {min(ratios):.2f} to {max(ratios):.2f}; `edgeai fit` allows "
        f"{1 - PEAK_ERROR:.2f} to {1 + PEAK_ERROR:.2f}"
    )


def _suite() -> list[tuple[str, Path, InputRequest]]:
    found = []
    for model in load_suite("public").models:
        inputs = InputRequest(shapes=dict(model.shapes), values=dict(model.values), loops=dict(model.loops))
        found.append((model.id, fetch(model, say=lambda _: None), inputs))
    return found


def _row(name: str, path: Path, inputs: InputRequest) -> float | None:
    shapes: Shapes = dict(inputs.shapes) if path.suffix == ".onnx" else {}
    (sized,) = sized_demands(path, Sizes(shapes=shapes))
    assert sized.demand is not None
    predicted = sized.demand.costs.peak_memory_bytes
    memory = run(ModelRequest(str(path), threads=1), inputs, PLAN).memory
    assert memory.incremental is not None
    assert memory.baseline is not None
    measured = memory.incremental.value
    told = "unknown" if predicted is None else f"{predicted / 1e6:.1f}"
    ratio = None if predicted is None else predicted / measured
    print(
        f"| {name} | {told} | {measured / 1e6:.1f} | {'' if ratio is None else f'{ratio:.2f}'} "
        f"| {memory.baseline.value / 1e6:.0f} |"
    )
    return ratio


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]])
