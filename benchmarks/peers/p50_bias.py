"""Whether our p50 is the p50 of the loops that others write: all three in turns, in the same processes.

    python benchmarks/peers/p50_bias.py

Each of PROCESSES fresh processes opens a model once and times it, one thread, by three loops in the order
A B C C B A. All three call the same instance, because where two instances lie in memory moves a model by some
percent, which is no property of a loop:

- ours: `edgeai.measure.timing.measure_steady` around `Session.run`, as every worker of `edgeai bench` does;
- bare: the library's own call, below the session, between two readings of the clock, in a list;
- app: as OpenVINO's benchmark_app measures a synchronous request: start and end of each taken from the clock
  inside the request, the time limit looked at before each, latencies in milliseconds.

Turns are short, because the clock of a shared machine changes within seconds: of each round the p50 of two
turns of each loop are held against each other, and a process's figure is the median over rounds. Intervals
are Student's t over processes. Aim: no interval beyond 2 % from 1.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from session_overhead import calls_of

import edgeai
from edgeai.measure.inputs import candidate_shapes, synthetic_inputs
from edgeai.measure.recorder import Recorder
from edgeai.measure.statistics import compare
from edgeai.measure.timing import StopRule, measure_steady
from edgeai_bench.fetch import fetch
from edgeai_bench.suites import load_suite

MODELS = ("face-onnx", "face-tflite", "ppocr-cls")
PROCESSES = 9
ROUNDS = 60
TURN_S = 0.05
TURN_RUNS = 5
"""Calls that a turn has room for, of models that take longer than a hundredth of a second."""
Call = Callable[[], object]


class Request:
    """A synchronous request as benchmark_app keeps it: it knows when it began and how long it took."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.latency_ms = 0.0

    def infer(self) -> None:
        """Run it once."""
        start = time.perf_counter()
        self._call()
        self.latency_ms = (time.perf_counter() - start) * 1e3


def ours_s(call: Call, turn_s: float) -> float:
    """p50 of a turn by our own loop."""
    rule = StopRule(min_runs=1, min_s=turn_s, max_s=turn_s, precision=None)
    return float(np.median(measure_steady(call, rule, Recorder(100_000)).samples_ns)) / 1e9


def bare_s(call: Call, turn_s: float) -> float:
    """p50 of a turn by the loop of a notebook."""
    latencies = []
    end = time.perf_counter() + turn_s
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        latencies.append(time.perf_counter() - start)
    return statistics.median(latencies)


def app_s(call: Call, turn_s: float) -> float:
    """p50 of a turn by the loop of benchmark_app."""
    request, latencies_ms = Request(call), []
    start = time.perf_counter()
    while time.perf_counter() - start < turn_s:
        request.infer()
        latencies_ms.append(request.latency_ms)
    return float(np.percentile(latencies_ms, 50)) / 1e3


def below(session: edgeai.Session) -> Callable[[dict[str, np.ndarray]], object]:
    """The library's own call of the instance that a session holds, as one writes it by hand."""
    runner: Any = session._runner  # noqa: SLF001 - the same instance, see above
    if runner is not None and hasattr(runner, "_session"):
        library, names = runner._session, [spec.name for spec in runner.outputs]  # noqa: SLF001
        return lambda feed: library.run(names, feed)
    return calls_of(runner._invoke.__self__._interpreter)  # noqa: SLF001


def one_process(model_id: str) -> dict[str, float]:
    """The p50 of the bare loop in seconds, and how much larger ours is than either other one's."""
    entry = next(model for model in load_suite("public").models if model.id == model_id)
    path = str(fetch(entry, say=lambda text: None))
    with edgeai.load(path, threads=1) as session:
        bare = below(session)
        given = {name: tuple(shape) for name, shape in entry.shapes.items()}
        shapes = next(candidate_shapes(session.raw_inputs, given, None))
        feed = synthetic_inputs(session.raw_inputs, shapes, entry.values, seed=0)
        turn_s = max(TURN_S, TURN_RUNS * bare_s(lambda: bare(feed), 0.5))
        loops = {
            "ours": lambda: ours_s(lambda: session.run(feed, raw=True), turn_s),
            "bare": lambda: bare_s(lambda: bare(feed), turn_s),
            "app": lambda: app_s(lambda: bare(feed), turn_s),
        }
        rounds = []
        for turn in range(-5, ROUNDS):
            took = dict.fromkeys(loops, 0.0)
            for name in (*loops, *reversed(loops)):
                took[name] += loops[name]() / 2
            if turn >= 0:  # those before warm up
                rounds.append(took)
    return {
        "bare": statistics.median(each["bare"] for each in rounds),
        "over bare": statistics.median(each["ours"] / each["bare"] for each in rounds),
        "over app": statistics.median(each["ours"] / each["app"] for each in rounds),
    }


def main() -> None:
    """Print the table in Markdown."""
    print("| model | bare p50, ms | ours over bare | ours over app |\n|---|---|---|---|")
    for model_id in MODELS:
        results = []
        for turn in range(PROCESSES):
            print(f"\r{model_id} {turn + 1}/{PROCESSES}   ", end="", file=sys.stderr, flush=True)
            command = [sys.executable, __file__, "--one", model_id]
            results.append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
        cells = [f"{statistics.median(result['bare'] for result in results) * 1e3:.3f}"]
        for name in ("over bare", "over app"):
            found = compare([1.0] * PROCESSES, [result[name] for result in results], paired=True)
            cells.append(f"{found.ratio:.4f} [{found.low:.4f}, {found.high:.4f}]")
        print(f"\r| {model_id} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if "--one" in sys.argv:
        print(json.dumps(one_process(sys.argv[2])))
    else:
        main()
