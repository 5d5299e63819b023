"""Must show 1: prepared against bare ONNX Runtime, its defaults and the best of a grid of its own options.

    python benchmarks/peers/prepared_ratio.py --json out/prepared.json --model minilm=minilm.onnx
    python benchmarks/peers/prepared_ratio.py --suite none --model digits=benchmarks/models/digits.edge#digits
    python benchmarks/peers/prepared_ratio.py --quick --models ppocr-cls --threads 1

The same fp32 file, the same threads. Prepared twice: without OpenVINO, and with it allowed. The whole grid
takes part in SCREENED rounds first; its FINALISTS fastest are then measured anew with all others, so that the
best of the grid is not merely the luckiest. Of a bundle, prepare may choose any variant, and bare ONNX
Runtime runs the fp32 one: these models make the line "bundles, other variants allowed".

A model that OpenVINO rejects is prepared without it, and counts with the ratio that this gives; one that
cannot be prepared counts as 1.0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import click

from edgeai.measure.statistics import Comparison
from edgeai_bench.peers.case import OpenCase
from edgeai_bench.peers.driver import OnStep, Run, measure, run_options, show
from edgeai_bench.peers.lineup import Peer, again_of, base_of, grid_of_onnxruntime
from edgeai_bench.peers.outcome import CaseResult, Outcome
from edgeai_bench.peers.preparing import Way, prepared_peer
from edgeai_bench.peers.ratios import ANONYMOUS, LATENCY, RAM, Mean, geometric_mean, noise, ratio
from edgeai_bench.peers.run import run_case
from edgeai_bench.peers.tables import (
    LEGEND,
    machine_text,
    noise_text,
    not_measured,
    ratio_text,
    table,
    threads_text,
)
from edgeai_bench.standalone import run_standalone

OURS, WITH_OPENVINO = "prepared", "prepared, OpenVINO allowed"
BUNDLED = ("onnxruntime", "litert")
SCREENED, FINALISTS = 2, 3


@click.command(help=__doc__.splitlines()[0])
@run_options(rounds=9)
@click.option("--no-grid", is_flag=True, help="Leave the grid out, which takes a minute a model.")
def main(run: Run, no_grid: bool) -> None:
    def line_up(case: OpenCase, threads: int | None, on_step: OnStep) -> list[Peer]:
        ways = [
            Way(OURS, backends=BUNDLED, budget_s=run.budget_s),
            Way(WITH_OPENVINO, budget_s=run.budget_s),
        ]
        ours = [prepared_peer(case, way, threads, run.home, on_step) for way in ways]
        grid = [] if no_grid or case.format != "onnx" else finalists(run, case, threads, on_step)
        return [base_of(case), again_of(case), *ours, *grid]

    show(run, text_of(measure(run, line_up)))


def finalists(run: Run, case: OpenCase, threads: int | None, on_step: OnStep) -> list[Peer]:
    """The points of the grid that were fastest in a few rounds of their own."""
    grid = grid_of_onnxruntime()
    rule = replace(run.rule, rounds=SCREENED)
    screened = run_case(
        case,
        [base_of(case), *grid],
        rule,
        threads=threads,
        seed=run.seed + 1,
        on_step=lambda what: on_step(f"grid, {what}"),
    )
    found = {point.label: compared(screened, screened.base, point.label) for point in grid}
    known = {label: each.ratio for label, each in found.items() if each is not None}
    best = sorted(known, key=lambda label: known[label])[:FINALISTS]
    return [point for point in grid if point.label in best]


def text_of(outcome: Outcome) -> str:
    parts = ["# Prepared against bare ONNX Runtime", machine_text(outcome)]
    for threads in dict.fromkeys(result.threads for result in outcome.results):
        results = [each for each in outcome.results if each.threads == threads]
        parts += [f"## {threads_text(threads)}", models(results), means(results)]
        parts += ["\n".join(not_measured(results))]
    return "\n\n".join([*parts, LEGEND]) + "\n"


def models(results: Sequence[CaseResult]) -> str:
    columns = ["model", OURS, WITH_OPENVINO, "best of the grid", f"{OURS}, to the grid's best", "noise"]
    for label in (OURS, WITH_OPENVINO):
        columns += [f"{label}: RAM", f"{label}: anonymous"]
    rows = []
    for result in results:
        best = best_of_grid(result)
        row = [
            result.case.id,
            *(ratio_text(compared(result, result.base, label)) for label in (OURS, WITH_OPENVINO)),
            "-" if best is None else f"{best}: {ratio_text(compared(result, result.base, best))}",
            "-" if best is None else ratio_text(compared(result, best, OURS)),
            noise_text(noise(result)),
        ]
        for label in (OURS, WITH_OPENVINO):
            row += [ratio_text(compared(result, result.base, label, name)) for name in (RAM, ANONYMOUS)]
        rows.append(row)
    return "Ratios of p50, and of RAM, to bare ONNX Runtime (LiteRT of a TFLite file):\n\n" + table(
        columns, rows
    )


def means(results: Sequence[CaseResult]) -> str:
    """Geometric means: of models without other variants, and of bundles whose variants may be chosen."""
    plain = [each for each in results if not is_bundle(each)]
    bundles = [each for each in results if is_bundle(each)]
    rows = []
    for name, some in (("fp32 model files", plain), ("bundles, other variants allowed", bundles)):
        if not some:
            continue
        for label in (OURS, WITH_OPENVINO):
            found = [
                mean(some, lambda each, n=figure, w=label: compared(each, each.base, w, n))
                for figure in (LATENCY, RAM, ANONYMOUS)
            ]
            rows.append([f"{name}: {label}", str(len(some)), *map(ratio_text, found)])
        with_grid = [each for each in some if best_of_grid(each) is not None]
        if with_grid:
            best = mean(with_grid, lambda each: compared(each, each.base, best_of_grid(each) or ""))
            behind = mean(with_grid, lambda each: compared(each, best_of_grid(each) or "", OURS))
            rows.append([f"{name}: best of the grid", str(len(with_grid)), ratio_text(best), "-", "-"])
            rows.append(
                [f"{name}: {OURS}, to the grid's best", str(len(with_grid)), ratio_text(behind), "-", "-"]
            )
    return "Geometric means:\n\n" + table(["of", "models", LATENCY, RAM, ANONYMOUS], rows)


def mean(results: Sequence[CaseResult], of: Callable[[CaseResult], Comparison | None]) -> Mean | None:
    """One that is not known counts as 1.0."""
    return geometric_mean([of(each) or 1.0 for each in results])


def compared(result: CaseResult, one: str, other: str, name: str = LATENCY) -> Comparison | None:
    """None where either did not run, or ran wrong."""
    a, b = result.peer(one), result.peer(other)
    if a is None or b is None or a.wrong or b.wrong or not (a.rounds and b.rounds):
        return None
    return ratio(a, b, name)


def best_of_grid(result: CaseResult) -> str | None:
    """The fastest of the finalists and the defaults, which are a point of the grid too."""
    grid = {
        peer.label: found.ratio
        for peer in result.peers
        if peer.label.startswith("grid: ")
        if (found := compared(result, result.base, peer.label)) is not None
    }
    if not grid:
        return None
    best = min(grid, key=lambda label: grid[label])
    return best if grid[best] < 1 else result.base


def is_bundle(result: CaseResult) -> bool:
    """Whether edgeai was given a bundle, whose variants it may choose among."""
    return any(peer.settings.get("real") == "1" for peer in result.peers)


if __name__ == "__main__":
    run_standalone(main, "benchmarks/peers/prepared_ratio.py", "what --json holds is kept")
