"""Must show 4: a fresh process from nothing to the first result, edgeai with a prepared model against bare
ONNX Runtime.

    python benchmarks/peers/import_to_first.py --model minilm=minilm.onnx
    python benchmarks/peers/import_to_first.py --quick --models ppocr-cls --threads 1 --objective load

Both sides are the shortest script that one writes by hand; they run in turns A B B A, one at a time.
`first result`: from before the process is started until the outputs are there; `whole process`: until it has
ended. Ratios with Student's t intervals over pairs. Input arrays are read from .npy files by both sides.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import click
import numpy as np

from edgeai.errors import EdgeError, RunError, one_line
from edgeai.measure.statistics import compare
from edgeai.quantities import time_text
from edgeai_bench.peers.case import OpenCase, opened_case
from edgeai_bench.peers.driver import Run, run_options, show
from edgeai_bench.peers.lineup import NAMES, Peer
from edgeai_bench.peers.outcome import SCHEMA, Outcome, this_machine
from edgeai_bench.peers.preparing import Way, prepared_peer
from edgeai_bench.peers.table import BASE, PEERS
from edgeai_bench.peers.tables import machine_text, ratio_text, table, threads_text
from edgeai_bench.progress import Progress
from edgeai_bench.standalone import run_standalone

READ = """
import json, sys, time
import numpy as np
path, folder, threads = sys.argv[1:4]
names = json.load(open(f"{folder}/inputs.json"))
feed = {name: np.load(f"{folder}/inputs-{at}.npy") for at, name in enumerate(names)}
"""
BARE_ONNX = """
import onnxruntime as ort
options = ort.SessionOptions()
options.log_severity_level = 3
if threads != "all":
    options.intra_op_num_threads = int(threads)
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
outputs = session.run(None, feed)
print(time.perf_counter_ns())
"""
BARE_TFLITE = """
import os
from ai_edge_litert.interpreter import Interpreter
count = len(os.sched_getaffinity(0)) if threads == "all" else int(threads)
interpreter = Interpreter(path, num_threads=count)
interpreter.allocate_tensors()
for detail, array in zip(interpreter.get_input_details(), feed.values()):
    interpreter.set_tensor(detail["index"], array)
interpreter.invoke()
outputs = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
print(time.perf_counter_ns())
"""
EDGEAI = """
import edgeai
session = edgeai.load(path, threads=None if threads == "all" else int(threads))
outputs = session.run(feed, raw=True)
print(time.perf_counter_ns())
"""
SCRIPTS = {"onnx": BARE_ONNX, "tflite": BARE_TFLITE}
QUICK_PAIRS = 6


@click.command(help=__doc__.splitlines()[0])
@run_options(rounds=30)
@click.option(
    "--objective",
    type=click.Choice(("latency", "load", "ram")),
    default="latency",
    help="What models are prepared for. [default: latency]",
)
@click.option("--raw", is_flag=True, help="edgeai with the file as it is, not prepared.")
def main(run: Run, objective: str, raw: bool) -> None:
    pairs = QUICK_PAIRS if run.quick else run.rule.rounds
    rows: dict[int | None, list[list[str]]] = {threads: [] for threads in run.threads}
    with Progress(0, quiet=False) as first:
        cases = run.cases(first.say)
    with Progress(len(cases) * len(run.threads), quiet=False) as progress:
        for case in cases:
            for threads in run.threads:
                try:
                    with opened_case(case, warm_up=run.rule.warm_up, silence_s=run.rule.silence_s) as opened:
                        way = Way(f"prepared for {objective}", objective, budget_s=run.budget_s)
                        peer = (
                            Peer("raw", "edgeai", {"home": str(run.home / "empty")})
                            if raw
                            else prepared_peer(opened, way, threads, run.home, lambda what: None)
                        )
                        rows[threads].append(compare_case(opened, peer, threads, pairs))
                except EdgeError as error:
                    rows[threads].append([case.id, f"not measured: {one_line(error)}", *["-"] * 6])
                progress.job_done(f"{case.id}, {threads_text(threads)}")
    show(run, text_of(run, rows, objective if not raw else "nothing: raw"))


def compare_case(case: OpenCase, peer: Peer, threads: int | None, pairs: int) -> list[str]:
    if "unavailable" in peer.settings:
        return [case.identity.id, peer.settings["unavailable"], *["-"] * 6]
    if case.is_bundle:
        return [case.identity.id, "a bundle, whose variants take other inputs than the bare file", *["-"] * 6]
    environment = {**os.environ, "EDGEAI_HOME": peer.settings["home"], "ORT_DISABLE_TELEMETRY": "1"}
    # As installed: pip compiles what it installs, a checkout is compiled by the first run of each side.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    sides = {"bare": SCRIPTS[case.format], "ours": EDGEAI}
    took: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
    for script in sides.values():  # once for the page cache and for compiled Python files
        started(READ + script, case, threads, environment)
    for pair in range(pairs):
        for name in ("bare", "ours") if pair % 2 == 0 else ("ours", "bare"):
            took[name].append(started(READ + sides[name], case, threads, environment))
    cells = [case.identity.id, NAMES[BASE[case.format]]]
    for at in (0, 1):
        bare, ours = ([each[at] for each in took[name]] for name in ("bare", "ours"))
        found = compare(bare, ours, paired=True)
        cells += [time_text(float(np.median(bare))), time_text(float(np.median(ours))), ratio_text(found)]
    return cells


def started(
    script: str, case: OpenCase, threads: int | None, environment: dict[str, str]
) -> tuple[float, float]:
    """Seconds to the first result, and to the end of the process. Raises RunError."""
    asked = "all" if threads is None else str(threads)
    command = [sys.executable, "-c", script, str(case.file), case.base.folder, asked]
    before = time.perf_counter_ns()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    after = time.perf_counter_ns()
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RunError(one_line(lines[-1], 300))
    return (int(done.stdout.split()[-1]) - before) / 1e9, (after - before) / 1e9


def text_of(run: Run, rows: dict[int | None, list[list[str]]], objective: str) -> str:
    started_utc = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    outcome = Outcome(SCHEMA, this_machine(), started_utc, ("python", *sys.argv), run.quick, run.seed, ())
    versions = ", ".join(f"{kind} {PEERS[kind].version}" for kind in ("onnxruntime", "litert", "openvino"))
    parts = [f"# Import to first result, prepared for {objective}", machine_text(outcome), versions]
    for threads, found in rows.items():
        columns = ["model", "bare", "first result: bare", "edgeai", "ratio"]
        columns += ["whole process: bare", "edgeai", "ratio"]
        parts += [f"## {threads_text(threads)}", table(columns, found)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    run_standalone(main, "benchmarks/peers/import_to_first.py", "nothing was kept")
