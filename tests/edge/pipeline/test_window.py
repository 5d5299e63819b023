"""Windows are the same however the elements arrive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeai.bundle.declared import Window
from edgeai.pipeline.values import Signal
from edgeai.pipeline.window import Cutter, end_of


def cut(
    window: Window, count: int, chunks: list[int], finish: bool = True
) -> list[tuple[float, list[float]]]:
    """All windows of `count` elements 1, 2, ... pushed in chunks of the given sizes, over and over."""
    elements = np.arange(1, count + 1, dtype=np.float32)
    cutter, found, at, turn = Cutter(window), [], 0, 0
    while at < count:
        size = chunks[turn % len(chunks)]
        signal = Signal(elements[at : at + size], window.rate_hz, 5.0 + at / window.rate_hz)
        found += list(cutter.push(signal))
        at, turn = at + size, turn + 1
    if finish:
        found += list(cutter.finish())
    return [(part.start_s, part.values.tolist()) for part in found]


def by_definition(window: Window, count: int) -> list[tuple[float, list[float]]]:
    """Every whole window of the elements behind the lead, by slicing."""
    elements = [0.0] * window.lead + [float(value) for value in range(1, count + 1)]
    starts = range(0, len(elements) - window.size + 1, window.hop) if count else range(0)
    first_s = 5.0 - window.lead / window.rate_hz
    return [(first_s + start / window.rate_hz, elements[start : start + window.size]) for start in starts]


@settings(max_examples=200, deadline=None)
@given(
    size=st.integers(1, 9),
    hop=st.integers(1, 12),
    lead=st.integers(0, 4),
    count=st.integers(0, 60),
    chunks=st.lists(st.integers(1, 20), min_size=1, max_size=5),
)
def test_chunks_of_any_size_give_the_windows_of_the_definition(
    size: int, hop: int, lead: int, count: int, chunks: list[int]
) -> None:
    window = Window("x", size, hop, 4.0, lead)
    found = cut(window, count, chunks)
    wanted = by_definition(window, count)
    assert [values for _, values in found] == [values for _, values in wanted]
    np.testing.assert_allclose([at for at, _ in found], [at for at, _ in wanted], rtol=0, atol=1e-9)


def test_the_last_window_is_filled_up_where_the_manifest_says_with_what() -> None:
    assert cut(Window("x", 4, 4, 4.0, pad=-1.0), 6, [6])[-1] == (6.0, [5.0, 6.0, -1.0, -1.0])
    assert cut(Window("x", 4, 4, 4.0, pad=-1.0), 8, [3])[-1] == (6.0, [5.0, 6.0, 7.0, 8.0])
    assert len(cut(Window("x", 4, 4, 4.0), 6, [6])) == 1


def test_nothing_is_filled_up_where_nothing_came() -> None:
    assert cut(Window("x", 4, 4, 4.0, lead=2, pad=0.0), 0, [1]) == []


def test_overlapping_windows_end_with_the_one_that_has_seen_everything() -> None:
    # 6 elements, size 4, hop 2: [1..4] and [3..6] have seen all.
    assert len(cut(Window("x", 4, 2, 4.0, pad=0.0), 6, [1])) == 2
    assert cut(Window("x", 4, 2, 4.0, pad=0.0), 7, [1])[-1][1] == [5.0, 6.0, 7.0, 0.0]


def test_a_model_with_a_lead_gets_as_much_behind_the_end() -> None:
    # What a window says of its last 2 elements is not used, so every element has to lie before those once.
    window = Window("x", 8, 4, 4.0, lead=2, pad=0.0)
    for count in range(1, 20):
        covered = [start * 4 - 2 + 8 - 2 for start in range(len(cut(window, count, [3])))]
        assert covered[-1] >= count
        assert len(covered) == 1 or covered[-2] < count


@pytest.mark.parametrize(("width_s", "end_s"), [(0.0, 2.5), (0.75, 3.0)])
def test_the_end_of_a_signal_counts_the_width_of_its_last_element(width_s: float, end_s: float) -> None:
    assert end_of(Signal(np.zeros(2, np.float32), 4.0, 2.0, width_s)) == end_s
    assert end_of(Signal(np.zeros(0, np.float32), 4.0, 2.0, width_s)) == 2.0
