"""Records the latencies that test_recorded_traces.py judges the statistics by, on the machine it runs on.

    python tests/edge/measure/record_traces.py

Writes traces.npz beside this file, nanoseconds as int32:

- `processes/MODEL`, [PROCESSES, SAMPLES]: one row for each fresh worker process, latencies evenly picked from
  STEADY_S of steady state; processes of all models take turns, so that the machine's drift is in all of them.
- `run/MODEL`, [runs]: every latency of RUN_S without a pause, one after the other.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import edgeai
from edgeai.measure.inputs import candidate_shapes, synthetic_inputs
from edgeai.measure.launch import model_folder, run_measure, run_probe
from edgeai.measure.protocol import InputRequest, ModelRequest, Request
from edgeai.measure.timing import StopRule, WarmUpRule
from edgeai_bench.fetch import fetch
from edgeai_bench.suites import SuiteModel, load_suite

MODELS = ("ppocr-cls", "face-tflite", "face-onnx")
PROCESSES, SAMPLES, STEADY_S, RUN_S = 72, 100, 1.0, 45.0


def main() -> None:
    entries = [model for model in load_suite("public").models if model.id in MODELS]
    traces = {f"run/{entry.id}": one_run(entry) for entry in entries}
    for entry, rows in zip(entries, many_processes(entries), strict=True):
        traces[f"processes/{entry.id}"] = rows
    np.savez_compressed(Path(__file__).with_name("traces.npz"), **traces)


def one_run(entry: SuiteModel) -> np.ndarray:
    with edgeai.load(fetch(entry, say=print), threads=1) as session:
        shapes = next(candidate_shapes(session.raw_inputs, dict(entry.shapes), None))
        feed = synthetic_inputs(session.raw_inputs, shapes, entry.values, seed=0)
        latencies, start, run = [], time.perf_counter(), session.run
        while time.perf_counter() - start < RUN_S:
            before = time.perf_counter_ns()
            run(feed, raw=True)
            latencies.append(time.perf_counter_ns() - before)
    return np.array(latencies[100:], dtype=np.int32)  # without the warm-up


def many_processes(entries: list[SuiteModel]) -> list[np.ndarray]:
    rows: list[list[np.ndarray]] = [[] for _ in entries]
    with model_folder() as parent:
        requests = [probed(entry, Path(parent)) for entry in entries]
        for turn in range(PROCESSES):
            for row, request in zip(rows, requests, strict=True):
                samples = np.array(run_measure(request).steady.samples_ns, dtype=np.int32)
                row.append(samples[np.linspace(0, len(samples) - 1, SAMPLES).astype(int)])
            sys.stderr.write(f"{turn + 1}/{PROCESSES}\r")
    return [np.stack(row) for row in rows]


def probed(entry: SuiteModel, parent: Path) -> Request:
    path, folder = str(fetch(entry, say=print)), parent / entry.id
    folder.mkdir()
    request = Request(
        ModelRequest(path, backend="litert" if path.endswith(".tflite") else "onnxruntime", threads=1),
        InputRequest(shapes=dict(entry.shapes), values=dict(entry.values)),
        str(folder),
        warm_up=WarmUpRule(min_s=0.2, max_s=0.5),
        stop=StopRule(min_runs=SAMPLES, min_s=STEADY_S, max_s=5.0, precision=None),
    )
    run_probe(request)
    return request


if __name__ == "__main__":
    main()
