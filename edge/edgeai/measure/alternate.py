"""Two programs that are alive at once and run in short turns, A B B A: the launcher's side of `turns`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from ..wire import build
from .launch import DEFAULT_SILENCE_S, Conversation, talking_to
from .protocol import Request, Turn, Turned

TURN_S = 0.01
"""Least duration of a turn: long against the clock and a switch of processes, short against drift. On a busy
VM of two cores, pairs of 0.6 s of a model of 0.6 ms were off by 1.4 % with turns of 20 ms, by 0.9 % with 10
and 5 ms, and by 1.2 % with 2.5 ms (root mean square of 14 pairs of a model with itself)."""


@dataclass(frozen=True)
class Arm:
    """What one of the two processes did. turns: in order; turn i of both ran next to each other."""

    turns: tuple[Turn, ...]
    told: Turned


@dataclass(frozen=True)
class PairRule:
    """How long a pair takes turns: at least `min_turns` an arm and `seconds` in all.

    freeze: stop each process while the other has its turn. Threads of one that spin for tens of milliseconds
    after its last call would else slow down the other one's turn, and only where that has several threads.
    """

    min_turns: int = 9
    seconds: float = 1.0
    turn_s: float = TURN_S
    freeze: bool = False


def run_pair(
    a: Request,
    b: Request,
    rule: PairRule,
    *,
    b_first: bool = False,
    on_event: Callable[[dict[str, object]], None] = lambda event: None,
    silence_s: float = DEFAULT_SILENCE_S,
) -> tuple[Arm, Arm]:
    """Start both, load one after the other, and let them take turns. Raises as `launch.run_worker`.

    b_first: B loads first and begins the turns; whoever runs several pairs changes it from one to the next,
    so that the loads go A B B A too.
    """
    with ExitStack() as stack:
        both = [
            stack.enter_context(talking_to(replace(each, turns=True), on_event=on_event, silence_s=silence_s))
            for each in (a, b)
        ]
        for worker in both:  # imports of both at once: they are not compared
            worker.wait_for("ready")
        first, second = reversed(both) if b_first else both
        for worker in (first, second):
            worker.say("load")
            worker.wait_for("warm")
            if rule.freeze:
                worker.freeze()
        turns = alternate(first, second, rule)
        for worker in both:
            worker.thaw()
            worker.say("end")
        told = [build(Turned, worker.wait_for("result")["result"]) for worker in both]
        arms = [
            Arm(tuple(own), end) for own, end in zip(reversed(turns) if b_first else turns, told, strict=True)
        ]
        return arms[0], arms[1]


def alternate(first: Conversation, second: Conversation, rule: PairRule) -> tuple[list[Turn], list[Turn]]:
    """Turns in the order 1 2 2 1 1 2 2 1 ... of two that are warm, and frozen where the rule says so."""
    one: list[Turn] = []
    two: list[Turn] = []
    order = ((first, one), (second, two))
    spent_s = 0.0
    while len(two) < rule.min_turns or spent_s < rule.seconds:
        for worker, turns in order:
            if rule.freeze:
                worker.thaw()
            worker.say(f"turn {rule.turn_s}")
            turns.append(
                build(Turn, {key: value for key, value in worker.wait_for("turn").items() if key != "event"})
            )
            spent_s += turns[-1].duration_s
            if rule.freeze:
                worker.freeze()
        order = (order[1], order[0])
    return one, two
