"""What waits along a stream."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.steps.backlog import Backlog

STEPS = st.lists(st.tuples(st.sampled_from(["append", "skip"]), st.integers(0, 300)), max_size=60)


@given(STEPS)
@settings(max_examples=200)
def test_a_backlog_holds_what_a_plain_list_would(steps: list[tuple[str, int]]) -> None:
    backlog = Backlog()
    came = skipped = 0
    for action, count in steps:
        if action == "append":
            backlog.append(np.arange(came, came + count, dtype=np.float32))
            came += count
        else:
            backlog.skip(count)
            skipped += count
        np.testing.assert_array_equal(backlog.waiting(), range(skipped, came))


def test_a_backlog_that_is_emptied_does_not_grow() -> None:
    backlog = Backlog()
    for _ in range(1000):
        backlog.append(np.zeros(160, np.float32))
        backlog.skip(160)
    assert len(backlog._data) <= 2 * 160
