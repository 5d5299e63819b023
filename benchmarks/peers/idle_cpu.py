"""Must show 5: CPU that a loaded session burns between paced calls, bare ONNX Runtime against edgeai.

    python benchmarks/peers/idle_cpu.py
    python benchmarks/peers/idle_cpu.py --models magika --threads 2 --processes 3 --json idle.json

Fresh processes of each side run in turn, A B C C B A. Each opens the model, runs it back to back for a second
(p50), waits, and then runs it on a schedule. `between calls` is CPU time of all the process's threads from
the end of one call to the start of the next, as a share of one core; it holds what Python itself spends to
sleep and to take the time.

Sides: ONNX Runtime's own defaults; `edgeai.load` as it is; and edgeai with the longest spinning that a
prepared model may have. Medians over processes; ratios of the back-to-back p50 to the bare library's with
Student's t intervals over pairs of processes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

import edgeai
from edgeai.backends.tuning import Tuning
from edgeai.errors import RunError, one_line
from edgeai.measure.inputs import candidate_shapes, synthetic_inputs
from edgeai.measure.statistics import compare
from edgeai.opening import open_choice
from edgeai.prepared.choice import Choice
from edgeai.quantities import time_text
from edgeai.whole_file import write_whole
from edgeai_bench import options
from edgeai_bench.fetch import fetch
from edgeai_bench.peers.tables import table
from edgeai_bench.progress import Progress
from edgeai_bench.standalone import run_standalone
from edgeai_bench.suites import load_suite

MODELS = ("magika", "face-onnx", "ppocr-rec")
BARE, LOADED, SPINNING = SIDES = ("bare", "edgeai", "edgeai, spinning")
LIMIT = 0.01
"""The target: of a core, between calls at 10 a second."""
Call = Callable[[], object]


@click.command(help=__doc__.splitlines()[0])
@click.option("--models", type=options.names, default="", metavar="ID[,ID]", help="Of the suite `public`.")
@click.option("--threads", default="1,2", metavar="N[,N]", help="Thread counts. [default: 1,2]")
@click.option("--rate", default=10.0, metavar="HZ", help="Calls a second, e.g. --rate 5. [default: 10]")
@click.option("--seconds", default=3.0, help="Of paced calls in each process. [default: 3]")
@click.option("--processes", type=click.IntRange(2), default=5, help="Of each side. [default: 5]")
@click.option("--json", "json_file", type=options.FILE, metavar="FILE", help="Also write all figures here.")
def main(
    models: tuple[str, ...], threads: str, rate: float, seconds: float, processes: int, json_file: Path | None
) -> None:
    rows: list[dict[str, Any]] = []
    tables = []
    counts = [int(each) for each in threads.split(",")]
    wanted = [(model, count) for model in models or MODELS for count in counts]
    with Progress(len(wanted) * processes, quiet=False) as progress:
        for model, count in wanted:
            found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
            for turn in range(processes):
                for side in SIDES if turn % 2 == 0 else reversed(SIDES):
                    found[side].append(run_child(model, count, side, rate, seconds))
                    rows.append({"model": model, "threads": count, "side": side, **found[side][-1]})
                progress.job_done(f"{model}, {count} threads: {turn + 1}/{processes}")
            tables.append(told(model, count, found))
    click.echo("\n".join(tables))
    if json_file is not None:
        write_whole(json_file, json.dumps({"rate_hz": rate, "processes": rows}, indent=2).encode())


def told(model: str, threads: int, found: dict[str, list[dict[str, float]]]) -> str:
    """One model's sides as a table."""
    lines = []
    for side, processes in found.items():
        middle = {key: statistics.median(each[key] for each in processes) for key in processes[0]}
        ratio = compare(
            [each["closed_s"] for each in found[BARE]], [each["closed_s"] for each in processes], paired=True
        )
        idle = f"{middle['between']:.2%}"
        lines.append(
            [
                f"{model}, {threads} thread{'s' if threads > 1 else ''}: {side}",
                time_text(middle["closed_s"]),
                "-" if side == BARE else f"{ratio.ratio:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]",
                time_text(middle["closed_cpu_s"]),
                time_text(middle["paced_s"]),
                f"{middle['inside']:.1%}",
                idle if side == BARE else f"{idle} {'ok' if middle['between'] < LIMIT else 'TOO MUCH'}",
            ]
        )
    columns = ["", "p50 back to back", "to bare", "CPU a call", "p50 paced", "in calls", "between calls"]
    return table(columns, lines) + "\n"


def run_child(model: str, threads: int, side: str, rate: float, seconds: float) -> dict[str, float]:
    """One process's figures. Raises RunError."""
    command = [sys.executable, __file__, "--one", model, str(threads), side, str(rate), str(seconds)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode:
        raise RunError(f"{model}, {side}: the measuring process failed: {one_line(child.stderr[-300:])}")
    figures: dict[str, float] = json.loads(child.stdout)
    return figures


def one_process(model: str, threads: int, side: str, rate: float, seconds: float) -> dict[str, float]:
    call = opened(model, threads, side)
    for _ in range(20):
        call()
    closed_s, closed_cpu_s = back_to_back(call, 1.0)
    time.sleep(0.3)
    return {
        "closed_s": closed_s,
        "closed_cpu_s": closed_cpu_s,
        **paced(call, 1 / rate, round(seconds * rate)),
    }


def opened(model: str, threads: int, side: str) -> Call:
    entry = next(each for each in load_suite("public").models if each.id == model)
    path = str(fetch(entry, say=lambda text: None))
    if side == SPINNING:
        tuning = Tuning(spinning=True)
        session = open_choice(path, Choice("bare", "onnxruntime", threads, tuning=tuning))
    else:
        session = edgeai.load(path, backend="onnxruntime", threads=threads, prepared=False)
    given = {name: tuple(shape) for name, shape in entry.shapes.items()}
    shapes = next(iter(candidate_shapes(session.raw_inputs, given, None)))
    feed = synthetic_inputs(session.raw_inputs, shapes, entry.values, seed=0)
    if side != BARE:
        return lambda: session.run(feed, raw=True)
    session.close()
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 4
    bare = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    return lambda: bare.run(None, feed)


def back_to_back(call: Call, seconds: float) -> tuple[float, float]:
    """The p50 of a closed loop, and CPU time a call."""
    latencies = []
    cpu_s, end_s = time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        start_s = time.perf_counter()
        call()
        latencies.append(time.perf_counter() - start_s)
    return float(np.median(latencies)), (time.process_time() - cpu_s) / len(latencies)


def paced(call: Call, period_s: float, calls: int) -> dict[str, float]:
    """p50 of calls on a schedule, and the share of a core inside and between them."""
    inside_s = between_s = 0.0
    latencies = []
    start_s, cpu_s = time.perf_counter(), time.process_time()
    for number in range(calls + 1):
        time.sleep(max(0.0, start_s + number * period_s - time.perf_counter()))
        now_s = time.process_time()
        between_s += now_s - cpu_s
        cpu_s = now_s
        if number < calls:
            began_s = time.perf_counter()
            call()
            latencies.append(time.perf_counter() - began_s)
            now_s = time.process_time()
            inside_s += now_s - cpu_s
            cpu_s = now_s
    took_s = time.perf_counter() - start_s
    return {
        "paced_s": float(np.median(latencies)),
        "inside": inside_s / took_s,
        "between": between_s / took_s,
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        name, number, which, hertz, length = sys.argv[2:]
        print(json.dumps(one_process(name, int(number), which, float(hertz), float(length))), flush=True)
        os._exit(0)  # a library's end is not measured
    run_standalone(main, "benchmarks/peers/idle_cpu.py", "nothing is kept")
