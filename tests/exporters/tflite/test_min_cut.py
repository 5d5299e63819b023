"""The minimum cut against trying everything."""

from __future__ import annotations

import itertools
import random

import pytest

pytest.importorskip("onnx")
pytest.importorskip("ai_edge_litert")

from edgeai_exporters.tflite.rewrites.min_cut import MinCut

NODES = list("abcdef")


@pytest.mark.parametrize("seed", range(40))
def test_the_labels_are_the_cheapest(seed: int) -> None:
    rng = random.Random(seed)
    singles = [(rng.choice(NODES), rng.randint(0, 9), rng.randint(0, 9)) for _ in range(5)]
    splits = [
        (rng.random() < 0.5, rng.choice([None, *NODES]), rng.sample(NODES, 2), rng.randint(1, 9))
        for _ in range(8)
    ]
    problem = MinCut()
    for node, zero, one in singles:
        problem.cost_of_zero(node, zero)
        problem.cost_of_one(node, one)
    for is_back, alone, group, cost in splits:
        (problem.cost_if_split_back if is_back else problem.cost_if_split)(alone, group, cost)

    def cost(ones: set[str]) -> int:
        total = sum(one if node in ones else zero for node, zero, one in singles)
        for is_back, alone, group, price in splits:
            if is_back:
                paid = (alone is None or alone in ones) and not ones.issuperset(group)
            else:
                paid = (alone is None or alone not in ones) and not ones.isdisjoint(group)
            total += price if paid else 0
        return total

    every = [set(c) for n in range(len(NODES) + 1) for c in itertools.combinations(NODES, n)]
    found = {node for node in problem.ones() if isinstance(node, str)}
    assert cost(found) == min(map(cost, every))
