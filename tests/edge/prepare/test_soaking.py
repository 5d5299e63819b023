"""Whether a way keeps its pace."""

from __future__ import annotations

import pytest

from edgeai.measure.soak import Block
from edgeai.prepare.soaking import falls_behind, kept_pace


def blocks(rates: list[int]) -> list[Block]:
    return [Block(float(second), 1.0, rate, 1, 2) for second, rate in enumerate(rates)]


def test_the_last_third_is_held_against_the_first_tenth() -> None:
    assert kept_pace(blocks([100] * 3 + [95] * 17 + [80] * 10)) == pytest.approx(0.8)
    assert kept_pace(blocks([100] * 30)) == 1.0


def test_a_way_falls_behind_only_where_raw_keeps_its_own_pace() -> None:
    assert falls_behind(0.9, 1.0)
    assert not falls_behind(0.9, 0.9)
    assert not falls_behind(0.98, 1.0)
