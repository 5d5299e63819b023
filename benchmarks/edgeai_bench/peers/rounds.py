"""Rounds: a fresh process for every peer, all alive at once, in short turns whose order is drawn each time.

A round gives each peer one figure of load, of RAM, and a row of turns of which turn i of all peers ran within
the same fraction of a second. Rounds are the units of every interval.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from edgeai.errors import EdgeError, one_line
from edgeai.measure.alternate import Arm
from edgeai.measure.launch import DEFAULT_SILENCE_S, Conversation, talking_to
from edgeai.measure.pinning import shared_cpus
from edgeai.measure.protocol import Phase, Request, Turn, Turned
from edgeai.measure.timing import WarmUpRule
from edgeai.sysroot import SysRoot
from edgeai.wire import build

from ..figures import less
from ..runner import peak_of
from .outcome import PeerRound


@dataclass(frozen=True)
class RoundRule:
    """rounds: how many. turns: of each peer in a round, at least; seconds: of turns a peer, at least."""

    rounds: int = 5
    turns: int = 11
    seconds: float = 0.4
    turn_s: float = 0.01
    warm_up: WarmUpRule = WarmUpRule(min_s=0.2, max_s=1.5)
    silence_s: float = DEFAULT_SILENCE_S


QUICK_ROUNDS = RoundRule(
    rounds=3, turns=5, seconds=0.1, warm_up=WarmUpRule(min_s=0.05, max_s=0.3, block_s=0.02)
)


@dataclass(frozen=True)
class Lost:
    """A peer that is out. reason: in one line. wrong: whether it ran, but gave other outputs."""

    reason: str


def run_round(
    requests: Mapping[str, Request],
    rule: RoundRule,
    *,
    threads: int | None,
    number: int,
    seed: int,
    on_step: Callable[[str], None] = lambda what: None,
    before_load: Callable[[str], None] = lambda label: None,
) -> dict[str, Arm | Lost]:
    """One round of all requests. number: which round, from 0; whoever loads first goes round with it.

    before_load: gets the label of who loads next, when everybody has imported its libraries.
    A peer that is missing, rejects the model, crashes or hangs is lost, and the others go on.
    """
    drawn = random.Random(f"{seed} {number}")  # noqa: S311 - an order, no secret
    cpus = () if threads is None else shared_cpus(threads, number, os.sched_getaffinity(0), SysRoot())
    with ExitStack() as stack:
        workers: dict[str, _Worker] = {}
        for label, request in requests.items():
            asked = replace(request, turns=True, cpus=cpus, warm_up=rule.warm_up)
            talk = stack.enter_context(
                talking_to(asked, on_event=lambda event: None, silence_s=rule.silence_s)
            )
            workers[label] = _Worker(talk)
        for worker in workers.values():  # imports of all at once: they are not compared
            worker.hear("ready")
        order = _turned(list(workers), number)
        for label in order:
            on_step(f"{label} loads")
            before_load(label)
            workers[label].ask("load", "warm")
            workers[label].freeze()
        on_step("turns")
        _take_turns(workers, order, rule, drawn)
        return {label: worker.end() for label, worker in workers.items()}


class _Worker:
    """One conversation, until it is lost."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self.turns: list[Turn] = []
        self.lost: Lost | None = None

    def hear(self, event: str) -> dict[str, object] | None:
        """The next event of that name; None of a worker that is lost."""
        if self.lost is not None:
            return None
        try:
            return self._talk.wait_for(event)
        except EdgeError as error:
            self.lost = Lost(one_line(error, 400))
            return None

    def ask(self, order: str, event: str) -> dict[str, object] | None:
        """Say a line and wait for its answer."""
        if self.lost is None:
            self._talk.say(order)
        return self.hear(event)

    def turn(self, turn_s: float) -> None:
        """One turn, the worker frozen before and after.

        Idle threads of ONNX Runtime spin for 30 ms after a run (1.32 on x86, by its CPU time while it waits),
        and would take a core from whoever comes next.
        """
        self._talk.thaw()
        told = self.ask(f"turn {turn_s}", "turn")
        if told is not None:
            self.turns.append(build(Turn, {key: value for key, value in told.items() if key != "event"}))
        self.freeze()

    def freeze(self) -> None:
        """Stop it where it waits."""
        self._talk.freeze()

    def end(self) -> Arm | Lost:
        """What it did."""
        self._talk.thaw()
        told = self.ask("end", "result")
        if told is None or self.lost is not None:
            assert self.lost is not None
            return self.lost
        return Arm(tuple(self.turns), build(Turned, told["result"]))


def _take_turns(
    workers: Mapping[str, _Worker], labels: Sequence[str], rule: RoundRule, drawn: random.Random
) -> None:
    """Everyone once, in a new order, until all have had enough."""
    order = list(labels)
    spent_s, cycles = 0.0, 0
    while cycles < rule.turns or spent_s < rule.seconds * len(order):
        order = [label for label in order if workers[label].lost is None]
        if not order:
            return
        drawn.shuffle(order)
        for label in order:
            workers[label].turn(rule.turn_s)
            spent_s += workers[label].turns[-1].duration_s if workers[label].turns else 0.0
        cycles += 1


def peer_round(arm: Arm) -> PeerRound:
    """The figures of one process."""
    phases = arm.told.phases
    baseline, turns = _phase(phases, "baseline").memory, _phase(phases, "turns").memory
    peak = peak_of(phases)
    return PeerRound(
        medians_ns=tuple(turn.median_ns for turn in arm.turns),
        cpu_s=tuple(turn.cpu_s / turn.runs for turn in arm.turns),
        load_s=_phase(phases, "load").duration_s,
        first_s=_phase(phases, "first inference").duration_s,
        ram_bytes=less(peak, baseline.resident_bytes),
        anonymous_bytes=less(turns.anonymous_bytes, baseline.anonymous_bytes),
        peak_bytes=peak,
    )


def _phase(phases: Sequence[Phase], name: str) -> Phase:
    return next(phase for phase in phases if phase.name == name)


def _turned(labels: list[str], by: int) -> list[str]:
    start = by % len(labels) if labels else 0
    return labels[start:] + labels[:start]
