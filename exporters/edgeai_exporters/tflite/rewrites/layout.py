"""Takes transposes away: each operator that can runs in the order of axes that needs the fewest of them.

TFLite's convolutions want channels last, the ONNX model between them has channels first. What every operator
in between runs in is chosen by a minimum cut, a connected group of operators at a time: the price of a cut
edge is that of the transpose it needs, shared by all who read the same tensor in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from ..graph import Graph, Op, Tensor, constant
from .agnostic import Order, can_run_in, change, inverse, ordered, then
from .min_cut import MinCut
from .reads import Reads, moves_nothing, same_order


def choose_layout(graph: Graph) -> bool:
    """Set every operator to its order. Run once: the orders that are there count as the starting point."""
    layout = Reads(graph)
    order: dict[Op, Order] = {}
    for group in layout.groups():
        _settle(layout, group, order)
    before = sum(op.code == "TRANSPOSE" for op in graph)
    _apply(layout, order)
    return bool(order) or before != sum(op.code == "TRANSPOSE" for op in graph)


def _settle(layout: Reads, group: list[Op], order: dict[Op, Order]) -> None:
    """Offer a group each order that its surroundings suggest, and let each operator take it or not."""
    roots = layout.touched(group)
    tried: set[tuple[tuple[int, Order], ...]] = set()
    price = layout.price(roots, order)
    for seed, suggestion in list(_suggestions(layout, group, order)):
        if not price:
            break
        offer = _spread(layout, set(group), seed, suggestion)
        key = tuple(sorted((id(op), own) for op, own in offer.items()))
        if key in tried or not offer:
            continue
        tried.add(key)
        taken = _cut(layout, roots, order, offer)
        changed = order | {op: offer[op] for op in taken}
        if (new := layout.price(roots, changed)) < price:
            order.clear()
            order.update(changed)
            price = new


def _suggestions(layout: Reads, group: list[Op], order: Mapping[Op, Order]) -> Iterator[tuple[Op, Order]]:
    """Orders in which an operator of the group would agree with a neighbour as it is now."""
    found: set[tuple[Op, Order]] = set()
    for op in group:
        same = tuple(range(op.output.rank))
        for neighbour, view, is_reader in layout.links(op):
            theirs = order.get(neighbour) if neighbour is not None else None
            mine = _agreeing(view, theirs or tuple(range(len(view))), is_reader)
            if len(mine) == len(same) and mine != order.get(op, same) and (op, mine) not in found:
                found.add((op, mine))
                yield op, mine


def _agreeing(view: Order, theirs: Order, is_reader: bool) -> Order:
    """The order of an operator that needs no transpose between it and a neighbour in this order."""
    return then(view, theirs) if is_reader else then(inverse(view), theirs)


def _spread(layout: Reads, inside: set[Op], seed: Op, suggestion: Order) -> dict[Op, Order]:
    """What the others of the group would have to run in to go along without a transpose."""
    offer: dict[Op, Order] = {}
    stack = [(seed, suggestion)]
    while stack:
        op, own = stack.pop()
        if op in offer or not can_run_in(op, own):
            continue
        offer[op] = own
        for neighbour, view, is_reader in layout.links(op):
            if neighbour in inside and neighbour not in offer:
                assert neighbour is not None
                stack.append((neighbour, _agreeing(view, own, not is_reader)))
    return offer


def _cut(
    layout: Reads, roots: Iterable[Tensor], order: Mapping[Op, Order], offer: Mapping[Op, Order]
) -> set[Op]:
    """The operators that take the offer where all together are cheapest."""
    problem = MinCut()
    changed = {**order, **offer}
    for root in roots:
        reads = layout.reads_of[root]
        orders = {layout.wanted(read, now) for read in reads for now in (order, changed)}
        for wanted in sorted(orders):
            _price_of(problem, layout, root, wanted, order, changed)
    return {op for op in problem.ones() if isinstance(op, Op)}


def _price_of(
    problem: MinCut,
    layout: Reads,
    root: Tensor,
    wanted: Order,
    old: Mapping[Op, Order],
    new: Mapping[Op, Order],
) -> None:
    """Of one order of one tensor: paid where it is stored otherwise and anybody wants it."""
    maker = layout.graph.maker(root)
    prices = [layout.price_of_one(root, layout.stored(root, now), wanted) for now in (old, new)]
    zeros, ones, always = [], [], False
    for read in layout.reads_of[root]:
        wants = [layout.wanted(read, now) == wanted for now in (old, new)]
        always |= all(wants)
        if wants == [True, False]:
            zeros.append(read.reader)
        if wants == [False, True]:
            ones.append(read.reader)
    if always:
        zeros, ones = [], []
        if prices[0] != prices[1]:
            problem.cost_of_zero(maker, prices[0])
            problem.cost_of_one(maker, prices[1])
        return
    # Whatever the maker does costs at least the smaller price; the rest depends on it.
    least = min(prices)
    if ones:
        problem.cost_if_split(None, ones, least)
        problem.cost_if_split(maker, ones, prices[0] - least)
    if zeros:
        problem.cost_if_split_back(None, zeros, least)
        problem.cost_if_split_back(maker, zeros, prices[1] - least)


def _apply(layout: Reads, order: Mapping[Op, Order]) -> None:
    graph = layout.graph
    ops = [op for op in graph if op.code != "TRANSPOSE"]
    places = {
        op: [(index, layout.seen(t)) for index, t in enumerate(op.inputs) if t is not None and _is_moved(t)]
        for op in ops
    }
    given = {name: layout.seen(tensor) for name, tensor in graph.outputs.items()}
    kept = {name: layout.seen(tensor) for name, (_, tensor) in graph.states.items()}
    turned = _Turned(graph, {root: layout.stored(root, order) for root in layout.reads_of})
    for op, own in order.items():
        change(graph, op, own)
        for index, tensor in enumerate(op.outputs):
            turned.moved[tensor] = Tensor(tensor.name, ordered(tensor.shape, own), tensor.dtype)
            graph.set_output(op, turned.moved[tensor], index)
    for op in ops:
        for index, (root, view) in places[op]:
            wanted = then(view, order[op]) if op in order else view
            graph.set_input(op, index, turned.get(root, wanted, op.node))
    for name, (root, view) in given.items():
        graph.outputs[name] = turned.get(root, view, f"output {name!r}")
    for name, (root, view) in kept.items():
        graph.states[name] = (graph.states[name][0], turned.get(root, view, f"output {name!r}"))
    graph.drop_dead()


def _is_moved(tensor: Tensor) -> bool:
    return tensor.data is None and tensor.rank > 0


class _Turned:
    """Tensors in the orders that are asked for, each made once. moved: new tensors for old ones."""

    def __init__(self, graph: Graph, stored: Mapping[Tensor, Order]) -> None:
        self.graph = graph
        self.stored = stored
        self.moved: dict[Tensor, Tensor] = {}
        self._made: dict[tuple[Tensor, Order], Tensor] = {}

    def get(self, root: Tensor, wanted: Order, node: str) -> Tensor:
        """The tensor as this order of the root's axes."""
        if (root, wanted) not in self._made:
            turn = then(inverse(self.stored[root]), wanted)
            self._made[root, wanted] = self._turn(self.moved.get(root, root), turn, node)
        return self._made[root, wanted]

    def _turn(self, tensor: Tensor, turn: Order, node: str) -> Tensor:
        if turn == same_order(tensor):
            return tensor
        out = Tensor(f"{tensor.name}/transpose", ordered(tensor.shape, turn), tensor.dtype)
        if moves_nothing(tensor.shape, same_order(tensor), turn):
            self.graph.add("RESHAPE", [tensor, constant(out.shape, np.int32)], [out], node=node)
        else:
            self.graph.add("TRANSPOSE", [tensor, constant(turn, np.int32)], [out], node=node)
        return out
