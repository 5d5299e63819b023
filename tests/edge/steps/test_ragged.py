"""Rows of different lengths laid end to end."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.steps.ragged import first_of_groups, ranges


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 5)), max_size=8))
@settings(max_examples=50)
def test_ranges_count_up_from_each_start(pairs: list[tuple[int, int]]) -> None:
    starts, counts = np.array(pairs, np.int64).reshape(-1, 2).T
    expected = [start + place for start, count in pairs for place in range(count)]
    assert ranges(starts, counts).tolist() == expected


@given(st.lists(st.integers(0, 5), max_size=10).map(sorted))
@settings(max_examples=50)
def test_groups_begin_where_the_number_changes(groups: list[int]) -> None:
    expected = [place for place, group in enumerate(groups) if place == 0 or groups[place - 1] != group]
    assert first_of_groups(np.array(groups, np.int64)).tolist() == expected
