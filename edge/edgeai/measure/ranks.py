"""The test of Mann and Whitney: whether figures of one arm tend to be larger, by their ranks alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_EXACT_UP_TO = 50
"""Figures an arm up to which the exact distribution is counted; the normal one is as good from 20 on."""


@dataclass(frozen=True)
class RankTest:
    """u: pairs (one of A, one of B) in which B's figure is larger, of all `len(a) * len(b)`; equal ones count
    half. p_value: two-sided, that neither arm tends to be larger. exact: no ties and few enough figures."""

    u: float
    p_value: float
    exact: bool


def mann_whitney(a: Sequence[float], b: Sequence[float]) -> RankTest:
    """Compare independent figures. Exact without ties (Mann and Whitney 1947), else by the normal
    approximation with correction for ties and continuity. ValueError where an arm is empty."""
    if not a or not b:
        raise ValueError("a rank test needs a figure in each arm")
    one, two = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    u = float(np.sum(two[:, None] > one) + 0.5 * np.sum(two[:, None] == one))
    larger = max(u, len(a) * len(b) - u)
    _, counts = np.unique(np.concatenate([one, two]), return_counts=True)
    exact = bool(counts.max() == 1) and max(len(a), len(b)) <= _EXACT_UP_TO
    tail = (
        _exact_tail(round(larger), len(a), len(b)) if exact else _normal_tail(larger, counts, len(a), len(b))
    )
    return RankTest(u, min(1.0, 2 * tail), exact)


def _exact_tail(u: int, n: int, m: int) -> float:
    """P(U >= u). The numbers of orders with each U are the coefficients of the Gaussian binomial."""
    orders = [1] + [0] * (n * m)
    for i in range(1, m + 1):
        for at in range(n * m, n + i - 1, -1):  # times 1 - q^(n + i)
            orders[at] -= orders[at - n - i]
        for at in range(i, n * m + 1):  # by 1 - q^i
            orders[at] += orders[at - i]
    return sum(orders[u:]) / math.comb(n + m, m)


def _normal_tail(u: float, counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]], n: int, m: int) -> float:
    total = n + m
    ties = float(np.sum(counts.astype(float) ** 3 - counts)) / (total * (total - 1)) if total > 1 else 0.0
    spread = math.sqrt(n * m / 12 * (total + 1 - ties))
    if spread == 0:  # all are equal
        return 1.0
    return 0.5 * math.erfc((u - n * m / 2 - 0.5) / spread / math.sqrt(2))
