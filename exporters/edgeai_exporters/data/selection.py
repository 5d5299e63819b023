"""Parts of data: at most so many samples, and the split into calibration and held-out samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgeai.errors import ExportError

from ..arrays import Feed, Outputs
from . import Data


def subset(data: Data, rows: Sequence[int]) -> Data:
    """The samples of these rows, in this order."""
    chosen = [int(row) for row in rows]

    def feed(row: int) -> Feed:
        return data.feed(chosen[row])

    whole_label, whole_batch, whole_answer = data.label, data.batch, data.answer

    def label(row: int) -> Any:
        assert whole_label is not None
        return whole_label(chosen[row])

    def batch(several: Sequence[int]) -> Feed:
        assert whole_batch is not None
        return whole_batch([chosen[row] for row in several])

    def answer(row: int, outputs: Outputs) -> Outputs:
        assert whole_answer is not None
        return whole_answer(chosen[row], outputs)

    return replace(
        data,
        count=len(chosen),
        feed=feed,
        label=None if whole_label is None else label,
        names=[data.names[row] for row in chosen] if data.names else (),
        groups=[data.groups[row] for row in chosen] if data.groups else (),
        batch=None if whole_batch is None else batch,
        answer=None if whole_answer is None else answer,
    )


def limited(data: Data, limit: int | None, seed: int) -> Data:
    """At most `limit` samples, drawn by the seed, in their order; of each class its share."""
    if limit is None or limit >= data.count:
        return data
    return subset(data, _drawn(data, list(range(data.count)), limit, np.random.default_rng(seed)))


def split(data: Data, share: float, seed: int) -> tuple[Data, Data]:
    """(calibration, held out): disjoint, together all samples, each in its order; the same for the same seed.

    share: of the samples that the first gets, 0 to 1. Each class is divided in that share, as near as whole
    groups allow, so that both parts have all classes; without labels, or where labels are texts or arrays,
    samples are drawn from all. Both get one sample at least. Raises ExportError for fewer than 2 groups.
    """
    groups = _grouped(data)
    if len(groups) < 2:
        raise ExportError(
            f"{data.told}: {len(groups)} sample or recording cannot be divided into calibration and "
            "held-out; give more, or two places with --calibrate and --evaluate"
        )
    representatives = [rows[0] for rows in groups]
    wanted = min(max(round(share * len(groups)), 1), len(groups) - 1)
    first = set(_drawn(data, representatives, wanted, np.random.default_rng(seed)))
    parts: tuple[list[int], list[int]] = ([], [])
    for rows in groups:
        parts[0 if rows[0] in first else 1].extend(rows)
    return subset(data, sorted(parts[0])), subset(data, sorted(parts[1]))


def _grouped(data: Data) -> list[list[int]]:
    if not data.groups:
        return [[row] for row in range(data.count)]
    rows: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(data.groups):
        rows[group].append(row)
    return list(rows.values())


def _drawn(data: Data, rows: list[int], wanted: int, random: np.random.Generator) -> list[int]:
    """`wanted` of the rows, sorted, of each class nearly its share: the largest remainders get one more."""
    classes: dict[Hashable, list[int]] = defaultdict(list)
    for row in rows:
        classes[_class(data, row)].append(row)
    shares = {key: wanted * len(members) / len(rows) for key, members in classes.items()}
    counts = {key: int(share) for key, share in shares.items()}
    order = random.permutation(len(shares))  # classes of equal remainders get theirs by chance
    keys = [list(shares)[place] for place in order]
    by_remainder = sorted(keys, key=lambda key: counts[key] - shares[key])
    for key in by_remainder[: wanted - sum(counts.values())]:
        counts[key] += 1
    drawn: list[int] = []
    for key, members in classes.items():
        drawn += [members[place] for place in random.permutation(len(members))[: counts[key]]]
    return sorted(drawn)


def _class(data: Data, row: int) -> Hashable:
    """A class's number; None for all labels that are no classes."""
    if data.label is None:
        return None
    label = data.label(row)
    return int(label) if isinstance(label, (int, np.integer)) else None
