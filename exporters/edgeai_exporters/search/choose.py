"""Chooses levels of layers: the most quality for the least latency first, and every step run for real.

Losses of layers are measured one by one and do not add up exactly, so their order is only a plan. What is
within the budget is found out by running real combinations: bisection along the plan, then taking back what
was not needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Levels = dict[str, str]
GIVEN_UP = 2
"""So many failures among moves of one cost say that the others, which saved more, are needed too."""
IsWithin = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True)
class Option:
    """A level that a layer could be at.

    loss: of quality there. cost: what it takes more than the scheme's own level, in seconds of latency, or in
    bytes where size is what counts.
    """

    level: str
    loss: float
    cost: float


@dataclass(frozen=True)
class Move:
    """One layer goes from a level to a better one. before: None where that is the scheme's own."""

    layer: str
    before: str | None
    level: str
    saved_loss: float
    cost: float


def plan(losses: Mapping[str, float], options: Mapping[str, Sequence[Option]], floor: float) -> list[Move]:
    """Moves in the order of what they save of loss per cost, the best first.

    losses: by layer, at the scheme's own level. options: by layer. floor: above 0; costs below it, also
    negative ones, count as this much, since they cannot be told apart. Of one layer, levels come in the
    order of their cost, and one that a mixture of its neighbours beats is left out, as in the
    multiple-choice knapsack. Ties go in the order of the graph.
    """
    ranked = []
    for place, (layer, loss) in enumerate(losses.items()):
        before: str | None = None
        spent, left = 0.0, loss
        while step := _steepest(options[layer], spent, left, floor):
            cost = max(step.cost - spent, floor)
            move = Move(layer, before, step.level, left - step.loss, cost)
            ranked.append((-move.saved_loss / cost, place, move))
            before, spent, left = step.level, max(step.cost, spent), step.loss
    ranked.sort(key=lambda each: each[:2])
    return [move for _, _, move in ranked]


def _steepest(options: Sequence[Option], spent: float, left: float, floor: float) -> Option | None:
    """The option that saves most loss per cost from here; None where none saves any."""
    better = [option for option in options if option.loss < left]
    return max(
        better,
        key=lambda option: (left - option.loss) / max(option.cost - spent, floor),
        default=None,
    )


def apply(moves: Sequence[Move], start: Mapping[str, str]) -> Levels:
    """Levels after moves; those of one layer in their order."""
    levels = dict(start)
    for move in moves:
        levels[move.layer] = move.level
    return levels


def shortest_prefix(moves: Sequence[Move], start: Mapping[str, str], is_within: IsWithin) -> int | None:
    """How many moves it takes, by bisection, which supposes that more are better; None: all fail."""
    low, high = 0, len(moves)
    if not is_within(apply(moves, start)):
        return None
    while low < high:
        middle = (low + high) // 2
        if is_within(apply(moves[:middle], start)):
            high = middle
        else:
            low = middle + 1
    return high


def take_back(moves: Sequence[Move], start: Mapping[str, str], is_within: IsWithin) -> list[Move]:
    """The moves without those that are not needed after all, one by one, the dearest first.

    Among those of one cost the one that saved least goes first, and GIVEN_UP failures end the attempts.
    """
    kept = list(moves)
    failures: Counter[float] = Counter()
    for move in sorted(moves, key=lambda move: (-move.cost, move.saved_loss)):
        left = _without(kept, move)
        if failures[move.cost] < GIVEN_UP and len(left) < len(kept):
            if is_within(apply(left, start)):
                kept = left
            else:
                failures[move.cost] += 1
    return kept


def _without(moves: Sequence[Move], gone: Move) -> list[Move]:
    """The moves before one, and those behind it that do not go on from where it would have led."""
    if gone not in moves:
        return list(moves)
    place = moves.index(gone)
    return [*moves[:place], *(move for move in moves[place + 1 :] if move.layer != gone.layer)]
