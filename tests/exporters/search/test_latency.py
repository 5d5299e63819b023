"""Models that take turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime.quantization")

from edgeai_exporters.outcome import Ratio
from edgeai_exporters.search import LocalMeter
from edgeai_exporters.search.latency import MIN_TURNS, timings
from tests.exporters.search.planted import plant


def test_a_drift_that_both_share_does_not_touch_the_ratio() -> None:
    drift = np.linspace(1, 3, 12)
    first, second = timings([(0.010 * drift).tolist(), (0.005 * drift).tolist()])
    assert first.ratio == Ratio(1, 1, 1)
    assert second.ratio is not None
    assert (second.ratio.value, second.ratio.low, second.ratio.high) == pytest.approx((0.5, 0.5, 0.5))
    assert (first.latency_s, second.latency_s) == (pytest.approx(0.020), pytest.approx(0.010))


def test_one_turn_gives_no_ratio() -> None:
    assert timings([[0.1], [0.2]])[1].ratio is None


def test_models_take_turns_in_one_process(tmp_path: Path) -> None:
    planted = plant(tmp_path, 0)
    results = LocalMeter(seconds=0.1).time([planted.model] * 3, planted.feeds[:2])
    assert [result.turns >= MIN_TURNS for result in results] == [True] * 3
    assert len({result.turns for result in results}) == 1
    for result in results[1:]:
        assert result.ratio is not None
        assert 0 < result.ratio.low <= result.ratio.value <= result.ratio.high
