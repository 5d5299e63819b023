"""The plan of moves, against brute force, and what trials make of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
import pytest

from edgeai_exporters.search.choose import Move, Option, apply, plan, shortest_prefix, take_back


def _float(losses: Mapping[str, float], costs: Mapping[str, float]) -> dict[str, list[Option]]:
    return {name: [Option("float", 0.0, costs[name])] for name in losses}


def test_what_saves_most_loss_for_its_cost_comes_first_whatever_loses_most() -> None:
    losses = {"dear": 0.03, "cheap": 0.02, "fine": 0.001}
    moves = plan(losses, _float(losses, {"dear": 30.0, "cheap": 2.0, "fine": 1.0}), floor=0.1)
    assert [move.layer for move in moves] == ["cheap", "dear", "fine"]


def test_moves_that_are_worth_the_same_go_in_the_order_of_the_graph() -> None:
    losses = dict.fromkeys("zyx", 0.01)
    moves = plan(losses, _float(losses, dict.fromkeys("zyx", 1.0)), floor=0.1)
    assert [move.layer for move in moves] == ["z", "y", "x"]


def test_a_cost_below_the_floor_and_a_negative_one_count_as_the_floor() -> None:
    losses = {"a": 0.01, "b": 0.02, "c": 0.03}
    moves = plan(losses, _float(losses, {"a": -5.0, "b": 0.0, "c": 0.05}), floor=0.1)
    assert [(move.layer, move.cost) for move in moves] == [("c", 0.1), ("b", 0.1), ("a", 0.1)]


def test_a_layer_that_loses_nothing_does_not_move() -> None:
    losses = {"a": 0.0, "b": -0.001}
    assert plan(losses, _float(losses, {"a": 1.0, "b": 1.0}), floor=0.1) == []


def test_a_layer_goes_by_way_of_the_cheaper_level_to_float() -> None:
    options = {"a": [Option("float", 0.0, 10.0), Option("dynamic", 0.002, 1.0)]}
    first, second = plan({"a": 0.02}, options, floor=0.1)
    assert (first.before, first.level, first.cost) == (None, "dynamic", 1.0)
    assert (second.before, second.level, second.cost) == ("dynamic", "float", 9.0)
    assert first.saved_loss == pytest.approx(0.018)


def test_a_level_that_a_mixture_of_its_neighbours_beats_is_left_out() -> None:
    # float saves 0.02 for 10; half of that for 9 would be a bad bargain.
    options = {"a": [Option("float", 0.0, 10.0), Option("dynamic", 0.01, 9.0)]}
    assert [move.level for move in plan({"a": 0.02}, options, floor=0.1)] == ["float"]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_chosen_costs_at_most_one_move_more_than_the_best_of_all_subsets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"l{n}" for n in range(10)]
    losses = dict(zip(names, rng.exponential(0.01, 10).tolist(), strict=True))
    costs = dict(zip(names, rng.uniform(0.5, 3, 10).tolist(), strict=True))
    allowed = rng.uniform(0.1, 0.6) * sum(losses.values())

    def is_within(levels: Mapping[str, str]) -> bool:
        return sum(loss for name, loss in losses.items() if name not in levels) <= allowed

    moves = plan(losses, _float(losses, costs), floor=0.1)
    length = shortest_prefix(moves, {}, is_within)
    assert length is not None
    chosen = take_back(moves[:length], {}, is_within)
    subsets = (keep for size in range(11) for keep in itertools.combinations(names, size))
    best = min(sum(costs[name] for name in keep) for keep in subsets if is_within(dict.fromkeys(keep, "")))
    assert is_within(apply(chosen, {}))
    # The bound of the greedy rule for the fractional knapsack (Dantzig 1957).
    assert sum(move.cost for move in chosen) <= best + moves[length - 1].cost


def test_the_shortest_prefix_takes_a_logarithm_of_trials() -> None:
    moves = [Move(f"l{n}", None, "float", 1.0, 1.0) for n in range(100)]
    trials = []

    def is_within(levels: Mapping[str, str]) -> bool:
        trials.append(len(levels))
        return len(levels) >= 37

    assert shortest_prefix(moves, {}, is_within) == 37
    assert len(trials) <= 1 + math.ceil(math.log2(100))


def test_there_is_no_prefix_where_all_moves_are_not_enough() -> None:
    assert shortest_prefix([Move("a", None, "float", 1.0, 1.0)], {}, lambda _: False) is None


def test_what_is_not_needed_is_taken_back_the_dearest_first() -> None:
    moves = [
        Move("a", None, "float", 3.0, 1.0),
        Move("b", None, "float", 2.0, 5.0),
        Move("c", None, "float", 1.0, 2.0),
    ]
    tried = []

    def is_within(levels: Mapping[str, str]) -> bool:
        tried.append("".join(sorted(levels)))
        return {"a"} <= set(levels)

    assert [move.layer for move in take_back(moves, {}, is_within)] == ["a"]
    assert tried == ["ac", "a", ""]


def test_what_goes_on_from_a_move_is_taken_back_with_it() -> None:
    moves = [Move("a", None, "dynamic", 3.0, 5.0), Move("a", "dynamic", "float", 1.0, 1.0)]
    assert take_back(moves, {}, lambda levels: True) == []


def test_of_moves_of_one_cost_the_others_are_not_tried_once_two_were_needed() -> None:
    moves = [Move(f"l{n}", None, "float", 10.0 - n, 1.0) for n in range(10)]
    tried = []

    def is_within(levels: Mapping[str, str]) -> bool:
        tried.append(set(levels))
        return False

    assert take_back(moves, {}, is_within) == moves
    assert [({f"l{n}" for n in range(10)} - left).pop() for left in tried] == ["l9", "l8"]
