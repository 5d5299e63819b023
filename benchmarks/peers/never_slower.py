"""Must show 2: prepared is on no model slower than the best single peer that edgeai can use.

    python benchmarks/peers/never_slower.py --json out/never.json
    python benchmarks/peers/never_slower.py --quick --models ppocr-cls --threads 1

At least 30 rounds: in each, prepared and every peer are fresh processes that take turns. The best peer is the
one with the lowest ratio over all rounds, which if anything is unfair to us. `pass`: the upper bound of the
interval of prepared to the best is at most 1.05; `inconclusive`: the bare library differs from itself by more
than 3 % in the same rounds; `SLOWER`: neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click

from edgeai_bench.peers.case import OpenCase
from edgeai_bench.peers.driver import OnStep, Run, measure, run_options, show
from edgeai_bench.peers.lineup import NAMES, PREPARED, Peer, again_of, base_of
from edgeai_bench.peers.outcome import CaseResult, Outcome, PeerResult
from edgeai_bench.peers.preparing import Way, prepared_peer
from edgeai_bench.peers.ratios import INCONCLUSIVE, LATENCY, figure, noise, ratio
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

MOST = 1.05
ENOUGH_ROUNDS = 30


@click.command(help=__doc__.splitlines()[0])
@run_options(rounds=ENOUGH_ROUNDS)
def main(run: Run) -> None:
    if not run.quick:  # many short rounds rather than few long ones: rounds are what counts
        run = replace(run, rule=replace(run.rule, turns=9, seconds=0.15))

    def line_up(case: OpenCase, threads: int | None, on_step: OnStep) -> list[Peer]:
        ours = prepared_peer(case, Way(PREPARED, budget_s=run.budget_s), threads, run.home, on_step)
        return [base_of(case), again_of(case), Peer(NAMES["openvino"], "openvino"), ours]

    show(run, text_of(measure(run, line_up)))


def text_of(outcome: Outcome) -> str:
    parts = ["# Prepared against the best single peer", machine_text(outcome)]
    for threads in dict.fromkeys(result.threads for result in outcome.results):
        results = [each for each in outcome.results if each.threads == threads]
        rows = [row(result) for result in results]
        columns = ["model", "best peer", "its p50, ms", "prepared to it", "rounds", "noise", "answer"]
        parts += [f"## {threads_text(threads)}", table(columns, rows), "\n".join(not_measured(results))]
    return "\n\n".join([*parts, LEGEND]) + "\n"


def row(result: CaseResult) -> list[str]:
    ours, best = result.peer(PREPARED), best_peer(result)
    found = None if ours is None or best is None or not ours.rounds else ratio(best, ours, LATENCY)
    off = noise(result)
    if ours is None or best is None or found is None or off is None:
        return [result.case.id, "-", "-", "-", "-", noise_text(off), "not measured"]
    if ours.wrong:
        answer = "WRONG OUTPUTS"
    elif off > INCONCLUSIVE:
        answer = "inconclusive"
    elif len(ours.rounds) < ENOUGH_ROUNDS:
        answer = (
            f"{'within' if found.high <= MOST else 'past'} the limit, but fewer than {ENOUGH_ROUNDS} rounds"
        )
    else:
        answer = "pass" if found.high <= MOST else "SLOWER"
    p50_s = figure(best, LATENCY)
    return [
        result.case.id,
        best.label,
        "-" if p50_s is None else f"{1e3 * p50_s:.3f}",
        ratio_text(found),
        str(len(ours.rounds)),
        noise_text(off),
        answer,
    ]


def best_peer(result: CaseResult) -> PeerResult | None:
    """Of those that ran and were right; the base's double is no peer of its own."""
    base = result.peer(result.base)
    if base is None or not base.rounds:
        return None
    peers: Sequence[PeerResult] = [
        peer
        for peer in result.peers
        if peer.label not in {PREPARED, result.base, result.again} and peer.rounds and not peer.wrong
    ]
    found = [(ratio(base, peer, LATENCY), peer) for peer in peers]
    faster = [(one.ratio, peer) for one, peer in found if one is not None and one.ratio < 1]
    return min(faster, key=lambda pair: pair[0])[1] if faster else base


if __name__ == "__main__":
    run_standalone(main, "benchmarks/peers/never_slower.py", "what --json holds is kept")
