"""`make peers`: bare ONNX Runtime, bare LiteRT, OpenVINO, MNN, and edgeai raw and prepared, in one run.

    python benchmarks/peers/suite.py --json out/peers.json --markdown benchmarks/results/peers-x86-64-vm.md \\
        --svg benchmarks/results/peers-x86-64-vm.svg
    python benchmarks/peers/suite.py --quick --models ppocr-cls --threads 1
    python benchmarks/peers/suite.py --json out/peers.json --models magika    # a piece, joined to the others

Each round starts a fresh process for every peer; all are alive at once and take short turns in an order that
is drawn anew each time, so that whatever slows one slows its neighbours. Bare means the shortest use of the
library that one writes by hand (`edgeai_bench/peers/bare_*.py`), with nothing of ours inside what is timed.
"""

from __future__ import annotations

from pathlib import Path

import click

from edgeai.whole_file import write_whole
from edgeai_bench import options
from edgeai_bench.peers.case import OpenCase
from edgeai_bench.peers.driver import OnStep, Run, measure, run_options, show
from edgeai_bench.peers.lineup import PREPARED, Peer, again_of, base_of, by_edgeai, others_of
from edgeai_bench.peers.plot import svg
from edgeai_bench.peers.preparing import Way, prepared_peer
from edgeai_bench.peers.tables import document
from edgeai_bench.standalone import run_standalone


@click.command(help=__doc__.splitlines()[0])
@run_options(rounds=5)
@click.option(
    "--svg", "svg_file", type=options.FILE, metavar="FILE", help="Also draw the ratios of p50 here."
)
@click.option("--raw-only", is_flag=True, help="Leave `edgeai prepare` out, which takes --budget a model.")
def main(run: Run, svg_file: Path | None, raw_only: bool) -> None:
    def line_up(case: OpenCase, threads: int | None, on_step: OnStep) -> list[Peer]:
        peers = [base_of(case), again_of(case), *others_of(case), by_edgeai(case)]
        if not raw_only:
            way = Way(PREPARED, budget_s=run.budget_s)
            peers.append(prepared_peer(case, way, threads, run.home, on_step))
        return peers

    outcome = measure(run, line_up)
    show(run, document(outcome))
    if svg_file is not None:
        write_whole(svg_file, svg(outcome).encode())


if __name__ == "__main__":
    run_standalone(main, "benchmarks/peers/suite.py", "what --json holds is kept")
