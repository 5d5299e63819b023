"""The cheapest way of giving each of many things one of two labels: a minimum cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable

_ENDLESS = 1 << 62


class MinCut:
    """Costs that are added up, then the cheapest labels, 0 or 1, of all nodes."""

    def __init__(self) -> None:
        self._room: dict[Hashable, dict[Hashable, int]] = {_ZERO: {}, _ONE: {}}
        self._helpers = 0

    def cost_of_zero(self, node: Hashable, cost: int) -> None:
        """Paid if the node gets 0."""
        self._edge(node, _ONE, cost)

    def cost_of_one(self, node: Hashable, cost: int) -> None:
        """Paid if the node gets 1."""
        self._edge(_ZERO, node, cost)

    def cost_if_split(self, zero: Hashable | None, ones: Iterable[Hashable], cost: int) -> None:
        """Paid once if `zero` gets 0 and any of `ones` gets 1. Without `zero`: if any of them gets 1."""
        helper = self._helper()
        self._edge(_ZERO if zero is None else zero, helper, cost)
        for node in ones:
            self._edge(helper, node, _ENDLESS)

    def cost_if_split_back(self, one: Hashable | None, zeros: Iterable[Hashable], cost: int) -> None:
        """Paid once if `one` gets 1 and any of `zeros` gets 0. Without `one`: if any of them gets 0."""
        helper = self._helper()
        self._edge(helper, _ONE if one is None else one, cost)
        for node in zeros:
            self._edge(node, helper, _ENDLESS)

    def ones(self) -> set[Hashable]:
        """The nodes that get 1 in the cheapest labelling; 0 where both are as cheap."""
        while path := self._path():
            spare = min(self._room[a][b] for a, b in path)
            for a, b in path:
                self._room[a][b] -= spare
                self._room[b][a] += spare
        return self._leading_to_one() - {_ONE}

    def _edge(self, a: Hashable, b: Hashable, cost: int) -> None:
        forth = self._room.setdefault(a, {})
        forth[b] = min(forth.get(b, 0) + cost, _ENDLESS)
        self._room.setdefault(b, {}).setdefault(a, 0)

    def _helper(self) -> Hashable:
        self._helpers += 1
        return (_HELPER, self._helpers)

    def _path(self) -> list[tuple[Hashable, Hashable]]:
        """Edges of a shortest way with room from end to end (Edmonds and Karp); none: the cut is found."""
        came: dict[Hashable, Hashable] = {_ZERO: _ZERO}
        queue: deque[Hashable] = deque([_ZERO])
        while queue and _ONE not in came:
            here = queue.popleft()
            for there, room in self._room[here].items():
                if room and there not in came:
                    came[there] = here
                    queue.append(there)
        path: list[tuple[Hashable, Hashable]] = []
        node: Hashable = _ONE
        while node in came and node != _ZERO:
            path.append((came[node], node))
            node = came[node]
        return path

    def _leading_to_one(self) -> set[Hashable]:
        found: set[Hashable] = {_ONE}
        queue: deque[Hashable] = deque([_ONE])
        while queue:
            here = queue.popleft()
            for there in self._room[here]:
                if there not in found and self._room[there].get(here, 0):
                    found.add(there)
                    queue.append(there)
        return found


_ZERO, _ONE, _HELPER = "all that is 0", "all that is 1", "helper"
