"""What `Session.run` adds to the bare library's call, both sides interleaved in the same processes.

    python benchmarks/peers/session_overhead.py [--json]

Each of PROCESSES fresh processes opens a model twice, bare and through edgeai.load, one thread each, and
times blocks of calls in the order A B B A. Its figure is the median block of each side; the ratio and the
difference come with Student's t intervals over processes.

Bare means what a careful user writes by hand: ONNX Runtime's `run(names, feed)`, and for LiteRT `set_tensor`,
`invoke`, `get_tensor`, methods looked up once. Targets: at most 1.02 of the bare call; where the model takes
microseconds, at most 2 µs more on raw tensors, 15 µs where real values are quantized and back.
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

import edgeai
from edgeai.measure.inputs import candidate_shapes, synthetic_inputs
from edgeai.measure.statistics import compare, mean_over_processes
from edgeai_bench.fetch import fetch
from edgeai_bench.suites import load_suite

PROCESSES = 9
ROUNDS = 30
BLOCK_S = 0.01
Bare = Callable[[dict[str, np.ndarray]], object]


def bare_onnx(path: str) -> Bare:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda feed: session.run(names, feed)


def bare_tflite(path: str) -> Bare:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    return calls_of(interpreter)


def calls_of(interpreter: Any) -> Bare:
    """An interpreter's calls as one writes them by hand."""
    inputs = [detail["index"] for detail in interpreter.get_input_details()]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor

    def call(feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        for index, array in zip(inputs, feed.values(), strict=True):
            set_tensor(index, array)
        invoke()
        return [get_tensor(index) for index in outputs]

    return call


def block_s(call: Bare, feed: dict[str, np.ndarray], runs: int) -> float:
    """Seconds a call, over a block."""
    start = time.perf_counter_ns()
    for _ in range(runs):
        call(feed)
    return (time.perf_counter_ns() - start) / 1e9 / runs


def one_process(model_id: str, raw: bool, bare_first: bool) -> dict[str, float]:
    entry = next(model for model in load_suite("public").models if model.id == model_id)
    path = str(fetch(entry, say=lambda text: None))
    make_bare = bare_tflite if path.endswith(".tflite") else bare_onnx
    # Where an instance lies in memory moves a model by some percent, and the order decides: both in turn.
    bare = make_bare(path) if bare_first else None
    with edgeai.load(path, threads=1) as session:
        given = {name: tuple(shape) for name, shape in entry.shapes.items()}
        shapes = next(candidate_shapes(session.raw_inputs, given, None))
        raw_feed = synthetic_inputs(session.raw_inputs, shapes, entry.values, seed=0)
        feed = raw_feed if raw else synthetic_inputs(session.inputs, shapes, entry.values, seed=0)
        bare = bare or make_bare(path)
        run = session.run

        def ours(given: dict[str, np.ndarray]) -> object:
            return run(given, raw=raw)

        sides = {"bare": (bare, raw_feed), "ours": (ours, feed)}
        runs = max(1, round(BLOCK_S / block_s(*sides["bare"], runs=20)))
        for side in sides.values():
            block_s(*side, runs=runs)
        times: dict[str, list[float]] = {"bare": [], "ours": []}
        for _ in range(ROUNDS):
            for name in ("bare", "ours", "ours", "bare"):
                times[name].append(block_s(*sides[name], runs=runs))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    cases = [
        ("okay-nabu", True, "raw tensors"),
        ("okay-nabu", False, "real values"),
        ("silero-vad", True, ""),
        ("face-tflite", True, ""),
        ("ppocr-cls", True, ""),
        ("magika", True, ""),
    ]
    rows = []
    for model_id, raw, note in cases:
        results = []
        for turn in range(PROCESSES):
            print(f"\r{model_id} {note} {turn + 1}/{PROCESSES}   ", end="", file=sys.stderr, flush=True)
            command = [sys.executable, __file__, "--one", model_id, "raw" if raw else "real", str(turn % 2)]
            results.append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
        bare, ours = [r["bare"] for r in results], [r["ours"] for r in results]
        ratio = compare(bare, ours, paired=True)
        more = mean_over_processes([np.array([b - a]) for a, b in zip(bare, ours, strict=True)])
        rows.append(
            {
                "model": model_id,
                "values": note,
                "bare_us": statistics.median(bare) * 1e6,
                "ours_us": statistics.median(ours) * 1e6,
                "ratio": [ratio.ratio, ratio.low, ratio.high],
                "more_us": [1e6 * value for value in (more.value, more.low or 0.0, more.high or 0.0)],
            }
        )
    print(file=sys.stderr)
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=2))
        return
    print("| model | bare µs | Session.run µs | ratio | more, µs |\n|---|---|---|---|---|")
    for row in rows:
        name = row["model"] + (f" ({row['values']})" if row["values"] else "")
        ratio, low, high = row["ratio"]
        more, more_low, more_high = row["more_us"]
        print(
            f"| {name} | {row['bare_us']:.1f} | {row['ours_us']:.1f} | {ratio:.3f} [{low:.3f}, {high:.3f}] "
            f"| {more:.2f} [{more_low:.2f}, {more_high:.2f}] |"
        )


if __name__ == "__main__":
    if "--one" in sys.argv:
        print(json.dumps(one_process(sys.argv[2], sys.argv[3] == "raw", sys.argv[4] == "0")))
    else:
        main()
