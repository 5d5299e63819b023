"""Ranges of tensors over feeds of several sizes."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("onnxruntime.quantization")
if sys.version_info < (3, 11):
    pytest.skip("the exporters run on Python 3.11 and later", allow_module_level=True)

from edgeai.errors import ExportError
from edgeai_exporters.schemes.calibrating import METHODS, calibrate
from tests.exporters.schemes import small_models


def test_minmax_is_the_least_and_greatest_value_of_all_feeds_of_all_sizes() -> None:
    feeds = [*small_models.images(2, size=(16, 16)), *small_models.images(2, seed=7, size=(8, 24))]
    low, high = calibrate(small_models.cnn(), feeds, "minmax", ["Conv"])["x"].range_value
    assert float(np.squeeze(low)) == min(feed["x"].min() for feed in feeds)
    assert float(np.squeeze(high)) == max(feed["x"].max() for feed in feeds)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "minmax"])
def test_the_others_lie_within_it(method: str) -> None:
    feeds = [*small_models.images(6), *small_models.images(2, seed=7, size=(8, 24))]
    whole = calibrate(small_models.cnn(), feeds, "minmax", ["Conv"])
    for name, data in calibrate(small_models.cnn(), feeds, method, ["Conv"]).items():
        low, high = (float(np.squeeze(value)) for value in data.range_value)
        least, greatest = (float(np.squeeze(value)) for value in whole[name].range_value)
        assert low < high
        assert low >= -max(abs(least), abs(greatest)) - 1e-5
        assert high <= max(abs(least), abs(greatest)) + 1e-5


def test_the_method_that_is_silently_wrong_is_not_offered() -> None:
    with pytest.raises(ExportError, match="no calibration method 'distribution'"):
        calibrate(small_models.cnn(), small_models.images(1), "distribution", ["Conv"])
