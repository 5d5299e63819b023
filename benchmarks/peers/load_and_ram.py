"""Must show 3: what `--objective load` and `--objective ram` gain over bare ONNX Runtime, and if it is real.

    python benchmarks/peers/load_and_ram.py --json out/load-ram.json --model minilm=minilm.onnx
    python benchmarks/peers/load_and_ram.py --cold --json out/load-cold.json
    python benchmarks/peers/load_and_ram.py --quick --models ppocr-cls --threads 1

First load, RAM and p50 of models prepared for load, RAM and latency, and how much of the first two gains the
last one keeps. With --cold each peer's files are dropped from the page cache before it loads. Then, unless
--no-limit: the same in a control group that gives a process 0.8 of what the original needed (VmHWM of bare
ONNX Runtime without a limit): p50, p99 and bytes read from storage a call. Needs root.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from edgeai.errors import EdgeError, one_line
from edgeai.measure.launch import run_measure
from edgeai.measure.protocol import Measured
from edgeai.measure.statistics import percentile
from edgeai.measure.timing import StopRule
from edgeai.quantities import bytes_text, time_text
from edgeai_bench.identity import drop_from_page_cache
from edgeai_bench.peers.case import OpenCase
from edgeai_bench.peers.driver import OnStep, Run, measure, run_options, show
from edgeai_bench.peers.lineup import Peer, again_of, base_of
from edgeai_bench.peers.memory_limit import memory_group
from edgeai_bench.peers.outcome import CaseResult, Outcome
from edgeai_bench.peers.preparing import Way, prepared_peer
from edgeai_bench.peers.ratios import ANONYMOUS, FIRST, LATENCY, RAM, Mean, geometric_mean
from edgeai_bench.peers.rounds import QUICK_ROUNDS
from edgeai_bench.peers.run import file_of, files_read, request_of, run_case
from edgeai_bench.peers.tables import (
    LEGEND,
    machine_text,
    not_measured,
    ratio_text,
    ratios_of,
    table,
    threads_text,
)
from edgeai_bench.render.intervals import interval_text
from edgeai_bench.standalone import run_standalone

LOAD, SMALL, FAST = "prepared for load", "prepared for ram", "prepared for latency"
SHARE = 0.8
LIMITED = StopRule(min_runs=100, min_s=2.0, max_s=20.0, precision=None)
REPEATS = 3
"""Processes; of 100 calls or more each, since a p99 with an upper bound needs 299."""


@click.command(help=__doc__.splitlines()[0])
@run_options(rounds=7)
@click.option("--cold", is_flag=True, help="Drop each peer's files from the page cache before it loads.")
@click.option("--no-limit", is_flag=True, help="Leave the memory limit out, which needs root.")
def main(run: Run, cold: bool, no_limit: bool) -> None:
    run = replace(run, cold=cold)
    limited: dict[int | None, list[list[str]]] = {}

    def line_up(case: OpenCase, threads: int | None, on_step: OnStep) -> list[Peer]:
        ways = [
            Way(LOAD, "load", budget_s=run.budget_s),
            Way(SMALL, "ram", budget_s=run.budget_s),
            Way(FAST, "latency", budget_s=run.budget_s),
        ]
        ours = [prepared_peer(case, way, threads, run.home, on_step) for way in ways]
        if not no_limit:
            asked = [base_of(case), *ours]
            limited.setdefault(threads, []).extend(under_limit(run, case, asked, threads, on_step))
        return [base_of(case), again_of(case), *ours]

    outcome = measure(run, line_up)
    show(run, text_of(outcome, limited, cold=cold))


def text_of(outcome: Outcome, limited: dict[int | None, list[list[str]]], *, cold: bool) -> str:
    warmth = "cold page cache" if cold else "warm page cache"
    parts = [f"# Load and RAM of prepared models, {warmth}", machine_text(outcome)]
    for threads in dict.fromkeys(result.threads for result in outcome.results):
        results = [each for each in outcome.results if each.threads == threads]
        parts += [f"## {threads_text(threads)}", models(results), means(results)]
        parts += ["\n".join(not_measured(results))]
        if threads in limited:
            columns = [
                "model",
                "form",
                "limit",
                "p50",
                "p99",
                "read a call",
                "without: p50",
                "p99",
                "read a call",
            ]
            parts += [
                f"Under a limit of {SHARE} of bare ONNX Runtime's VmHWM ({REPEATS} processes each; medians "
                "with their range, and of all their calls the p99 with its interval):",
                table(columns, limited[threads]),
            ]
    return "\n\n".join([*parts, LEGEND]) + "\n"


def models(results: Sequence[CaseResult]) -> str:
    figures = (FIRST, ANONYMOUS, RAM, LATENCY)
    rows = []
    for result in results:
        for label in (LOAD, SMALL, FAST):
            found = [ratios_of([result], label, name) for name in figures]
            rows.append([result.case.id, label, *(ratio_text(each[0] if each else None) for each in found)])
    return table(["model", "form", *figures], rows)


def means(results: Sequence[CaseResult]) -> str:
    """Geometric means, the largest ratio, and how much of a gain stays where latency was the objective."""
    rows = []
    for name, label in ((FIRST, LOAD), (ANONYMOUS, SMALL), (RAM, SMALL)):
        best, kept = (geometric_mean(ratios_of(results, each, name)) for each in (label, FAST))
        largest = max((each.ratio for each in ratios_of(results, label, name)), default=None)
        rows.append(
            [
                f"{name}, {label}",
                ratio_text(best),
                "-" if largest is None else f"{largest:.3f}",
                ratio_text(kept),
                share_kept(best, kept),
            ]
        )
    return "Geometric means over models:\n\n" + table(
        ["figure", "ratio", "largest", f"the same, {FAST}", "share of the gain"], rows
    )


def share_kept(best: Mean | None, kept: Mean | None) -> str:
    if best is None or kept is None or best.value >= 1:
        return "-"
    return f"{(1 - kept.value) / (1 - best.value):.2f}"


def under_limit(
    run: Run, case: OpenCase, peers: Sequence[Peer], threads: int | None, on_step: OnStep
) -> Iterator[list[str]]:
    """A row a peer: how it runs with 0.8 of the memory that the original took, and without a limit."""
    on_step("what the original takes")
    alone = run_case(case, peers[:1], replace(QUICK_ROUNDS, rounds=2), threads=threads, seed=run.seed)
    peaks = [one.peak_bytes for one in alone.peers[0].rounds]
    if not peaks or None in peaks:
        return
    limit = round(SHARE * float(np.median([peak for peak in peaks if peak is not None])))
    with tempfile.TemporaryDirectory(prefix="edgeai-peers-") as folder:
        for peer in peers:
            if "unavailable" in peer.settings:
                yield [case.identity.id, peer.label, "-", peer.settings["unavailable"], *["-"] * 5]
                continue
            path = file_of(case, peer, Path(folder))
            if isinstance(path, str):
                continue
            on_step(f"{peer.label} under a limit")
            yield [
                case.identity.id,
                peer.label,
                bytes_text(limit),
                *measured_under(run, case, peer, threads, path, limit),
                *measured_under(run, case, peer, threads, path, None),
            ]


def measured_under(
    run: Run, case: OpenCase, peer: Peer, threads: int | None, path: Path, limit: int | None
) -> list[str]:
    """p50, p99 and bytes read a call, or how it died."""
    stop = LIMITED if not run.quick else replace(LIMITED, min_s=0.5, min_runs=50)
    done: list[Measured] = []
    for _ in range(REPEATS):
        for file in files_read(peer, path):  # else their pages are charged to whoever read them before
            drop_from_page_cache(file)
        with memory_group() as group:
            more = {"group": group} if limit is None else {"group": group, "limit_bytes": str(limit)}
            request = request_of(case, peer, threads, path, **more)
            try:
                done.append(run_measure(replace(request, stop=stop, warm_up=run.rule.warm_up), silence_s=120))
            except EdgeError as error:
                reason = "memory ran out" if "memory ran out" in str(error) else one_line(error, 200)
                return [reason, "-", "-"]
    wrong = [each.output_error for each in done if each.output_error]
    if wrong:
        return [f"wrong outputs: {wrong[0]}", "-", "-"]
    p50s = [float(np.median(each.steady.samples_ns)) / 1e9 for each in done]
    p99 = percentile(np.concatenate([each.steady.samples_ns for each in done]) / 1e9, 0.99)
    reads = [read_a_call(each) for each in done]
    return [
        spread([*p50s], time_text),
        "unavailable: too few calls" if p99 is None else f"{time_text(p99.value)} {interval_text(p99)}",
        spread([each for each in reads if each is not None], bytes_text),
    ]


def read_a_call(measured: Measured) -> float | None:
    phase = next(each for each in measured.phases if each.name == "steady")
    return None if phase.disk_bytes is None else phase.disk_bytes / measured.steady.runs


def spread(values: Sequence[float], write: object) -> str:
    if not values:
        return "unavailable"
    assert callable(write)
    return f"{write(float(np.median(values)))} [{write(min(values))}, {write(max(values))}]"


if __name__ == "__main__":
    run_standalone(main, "benchmarks/peers/load_and_ram.py", "what --json holds is kept")
