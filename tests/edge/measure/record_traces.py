"""Records the latency traces that test_recorded_traces.py judges the statistics by.

    python tests/edge/measure/record_traces.py [PROCESSES]

Each trace is SAMPLES latencies, in nanoseconds, evenly picked from STEADY_S of steady state in one fresh
worker process; processes of all models take turns, so that the drift of the machine is in all traces. Written
to traces.npz beside this file: int32[processes, samples] by model, in the order of recording.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edgeai.measure.launch import model_folder, run_measure, run_probe
from edgeai.measure.protocol import InputRequest, ModelRequest, Request
from edgeai.measure.timing import StopRule, WarmUpRule
from edgeai_bench.fetch import fetch
from edgeai_bench.suites import load_suite

MODELS = ("silero-vad", "ppocr-cls", "face-tflite", "face-onnx")
SAMPLES = 100
STEADY_S = 1.0


def main() -> None:
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    requests = {}
    folders = [model_folder() for _ in MODELS]
    for name, folder in zip(MODELS, folders, strict=True):
        entry = next(model for model in load_suite("public").models if model.id == name)
        path = str(fetch(entry, say=print))
        inputs = InputRequest(shapes=dict(entry.shapes), values=dict(entry.values), loops=dict(entry.loops))
        model = ModelRequest(path, backend="litert" if path.endswith(".tflite") else "onnxruntime", threads=1)
        requests[name] = Request(
            model,
            inputs,
            folder.name,
            warm_up=WarmUpRule(min_s=0.2, max_s=0.5),
            stop=StopRule(min_runs=SAMPLES, min_s=STEADY_S, max_s=5.0, precision=None),
        )
        run_probe(requests[name])
    traces: dict[str, list[np.ndarray]] = {name: [] for name in MODELS}
    for turn in range(processes):
        for name, request in requests.items():
            samples = np.array(run_measure(request).steady.samples_ns, dtype=np.int32)
            traces[name].append(samples[np.linspace(0, len(samples) - 1, SAMPLES).astype(int)])
        sys.stderr.write(f"{turn + 1}/{processes}\r")
    for folder in folders:
        folder.cleanup()
    arrays = {name: np.stack(rows) for name, rows in traces.items()}
    np.savez_compressed(Path(__file__).with_name("traces.npz"), **arrays)


if __name__ == "__main__":
    main()
