"""How often a gate raises a false alarm on this machine, and how often it catches a model 10 % slower.

    python benchmarks/peers/gate_false_alarms.py [--json runs.jsonl] [--same 200] [--slower 100]

Every comparison is that of `edgeai bench A.onnx --against B.onnx --quick --threads 1 --fail-if-slower N%`:
the same processes, turns, intervals and judgement, by the same functions; the two probes alone are run once
for all. A is a chain of LAYERS equal matrix products; the slower B has a tenth more of them, so that it does
a tenth more arithmetic. Both kinds are spread over the whole run. With --json each comparison is kept as it
ends, and a run that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeai.measure.protocol import InputRequest, ModelRequest
from edgeai_bench.comparing.gate import FAILED, Limits, judge
from edgeai_bench.comparing.live import QUICK_LIVE, Contender, compare_arms, probed_arms
from edgeai_bench.comparing.outcome import KINDS, SLOWER, Compared

LAYERS, SLOWER_LAYERS = 40, 44
ROWS, WIDTH = 32, 128
LIMITS = (0.0, 0.03, 0.05)
"""0 %: whether the interval leaves 1 out at all. 3 and 5 %: what a project would set."""


def write_chain(path: Path, layers: int) -> Path:
    """x [ROWS, WIDTH] -> (MatMul -> Relu) * layers -> y; orthogonal weights, so that values stay in range."""
    random = np.random.default_rng(0)
    weights, _ = np.linalg.qr(random.standard_normal((WIDTH, WIDTH)))
    nodes, at = [], "x"
    for layer in range(layers):
        last = layer == layers - 1
        nodes += [
            helper.make_node("MatMul", [at, "w"], [f"m{layer}"]),
            helper.make_node("Relu", [f"m{layer}"], ["y" if last else f"r{layer}"]),
        ]
        at = f"r{layer}"
    shape = [ROWS, WIDTH]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights.astype(np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def record(kind: str, compared: Compared, seconds: float) -> dict[str, Any]:
    """What is kept of a comparison: the gates' answers, and the figures that they were given for."""
    failed = {
        f"{limit:g}": [
            each.figure for each in judge([compared], Limits(slower=limit)) if each.outcome == FAILED
        ]
        for limit in LIMITS
    }
    figures = {each.figure: [each.ratio, each.low, each.high] for each in compared.changes}
    turns = [[list(each.a_ns), list(each.b_ns)] for each in compared.turns]
    return {"kind": kind, "failed": failed, "figures": figures, "turns": turns, "seconds": seconds}


def run(path: Path | None, same: int, slower: int) -> list[dict[str, Any]]:
    """All comparisons, those of an earlier run included."""
    done = [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []
    left = {"same": same, "slower": slower}
    for each in done:
        left[each["kind"]] -= 1
    # Spread evenly, so that both kinds meet the same weather.
    order = sorted(
        [(place / max(left[kind], 1), kind) for kind in left for place in range(max(left[kind], 0))]
    )
    with tempfile.TemporaryDirectory() as folder:
        a = write_chain(Path(folder) / "a.onnx", LAYERS)
        b = write_chain(Path(folder) / "b.onnx", SLOWER_LAYERS)
        contenders = [Contender(ModelRequest(str(model), threads=1), InputRequest()) for model in (a, b)]
        with probed_arms(contenders[0], contenders[1], QUICK_LIVE) as (one, two):
            for turn, (_, kind) in enumerate(order):
                started = time.monotonic()
                compared = compare_arms(one, one if kind == "same" else two, QUICK_LIVE)
                done.append(record(kind, compared, time.monotonic() - started))
                if path:
                    with path.open("a") as file:
                        file.write(json.dumps(done[-1], separators=(",", ":")) + "\n")
                print(f"\r{turn + 1}/{len(order)} {kind} {done[-1]['failed']}   ", end="", file=sys.stderr)
    print(file=sys.stderr)
    return done


def markdown(done: list[dict[str, Any]]) -> str:
    """The table: of each limit how many comparisons the gate failed, and by which figure."""
    figures = [kind for kind in KINDS if kind.gate == SLOWER]
    header = ["B", "limit", "comparisons", "gate failed", "bound", *(kind.label for kind in figures)]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for kind, name in (("same", "A itself"), ("slower", f"{SLOWER_LAYERS / LAYERS - 1:.0%} more layers")):
        runs = [each for each in done if each["kind"] == kind]
        for limit in LIMITS:
            failed = [each["failed"][f"{limit:g}"] for each in runs]
            count = sum(map(bool, failed))
            most = math.floor(len(runs) * (0.05 + 2 * math.sqrt(0.05 * 0.95 / max(len(runs), 1))))
            bound = f"at most {most}" if kind == "same" else f"at least {math.ceil(0.95 * len(runs))}"
            own = [str(sum(figure.name in each for each in failed)) for figure in figures]
            cells = [name, f"{limit:.0%}", str(len(runs)), str(count), bound, *own]
            lines.append("| " + " | ".join(cells) + " |")
    for kind, name in (("same", "A itself"), ("slower", "the slower model")):
        runs = [each["figures"]["latency_p50"] for each in done if each["kind"] == kind]
        if runs:
            ratio = statistics.median(each[0] for each in runs)
            half = statistics.median(math.sqrt(each[2] / each[1]) - 1 for each in runs)
            lines.append(f"\nLatency of {name}: median ratio {ratio:.4f}, median half width {half:.2%}.")
    lines.append(f"Median time of a comparison: {statistics.median(each['seconds'] for each in done):.1f} s.")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="keep each comparison here, and go on from it")
    parser.add_argument("--same", type=int, default=200)
    parser.add_argument("--slower", type=int, default=100)
    given = parser.parse_args()
    print(markdown(run(given.json, given.same, given.slower)))


if __name__ == "__main__":
    main()
