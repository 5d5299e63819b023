"""The stage that gives each thing found what later models said of it: attach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import InputError, one_line
from ..values import Detections, Label, Labels, Ref, Text
from .detect import take


def attach(
    value: Detections,
    *,
    with_: dict[str, Ref],
    drop_empty: bool = False,
    min_score: float | None = None,
) -> Detections:
    """`attach@1`: results of other stages, row by row, under names of their own.

    with: by the name under which it is attached the value that holds it: a list with an entry for each thing
    found. A shorter list belongs to the first ones (`crop@1` with `max`), the others get None.
    drop_empty: leave out what has an empty Text or Labels, or None. min_score: leave out what has a result
    that scores less, or nothing that scores.
    """
    attached = {name: _rows(result, name, len(value)) for name, result in with_.items()}
    found = replace(value, attached={**value.attached, **attached})
    rows = [
        row
        for row, results in enumerate(zip(*attached.values(), strict=True))
        if not (drop_empty and any(_is_empty(result) for result in results))
        and (min_score is None or all(_reaches(result, min_score) for result in results))
    ]
    return found if len(rows) == len(value) or not attached else take(found, np.array(rows, np.int64))


def _rows(result: Any, name: str, count: int) -> tuple[Any, ...]:
    # A batch of one comes out of a model's steps without its list.
    rows = tuple(result) if isinstance(result, (list, tuple)) else (result,)
    if len(rows) > count:
        raise InputError(one_line(f"with.{name} has {len(rows)} results, and {count} things were found"))
    return rows + (None,) * (count - len(rows))


def _is_empty(result: Any) -> bool:
    if isinstance(result, Text):
        return not result.text.strip()
    return result is None or (isinstance(result, Labels) and not result.top)


def _reaches(result: Any, least: float) -> bool:
    """Whether the score of a result is known and high enough."""
    if isinstance(result, Labels):
        result = result.top[0] if result.top else None
    if isinstance(result, (Label, Text)):
        result = result.score
    return isinstance(result, (int, float)) and result >= least
