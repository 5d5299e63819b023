"""Ranges of a model's float tensors over calibration feeds, one feed at a time."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import create_calibrator

from edgeai.errors import ExportError, one_line

from ..arrays import Feed
from .remembered import remembered

METHODS: Mapping[str, CalibrationMethod] = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
"""Distribution is left out: with int8 it takes whole ranges for standard deviations, silently (.106 of
.97)."""
PERCENTILE = 99.999
"""Share of values, in percent, that `percentile` keeps within the range; onnxruntime's own default."""
BINS = 2048
"""Of `percentile`'s histograms. onnxruntime's default of 128 is too few for a tail of 0.001 %: it cuts at the
edge of a bin, and one of 128 bins is 2 levels of int8 wide."""


def calibrate(
    model: ModelProto, feeds: Sequence[Feed], method: str, operators: Collection[str]
) -> dict[str, Any]:
    """(tensor name -> onnxruntime.quantization.calibrate.TensorData) of the operators' inputs and outputs.

    The feeds may differ in their sizes, since each is run and counted by itself. Raises ExportError for an
    unknown method, where a feed does not run, and where a tensor is infinite or NaN.
    """
    if method not in METHODS:
        raise ExportError(f"no calibration method {one_line(method)!r}; there are: {', '.join(METHODS)}")
    asked = (method, sorted(operators))
    return remembered(asked, model, feeds, lambda: _ranges(model, feeds, method, operators))


def _ranges(
    model: ModelProto, feeds: Sequence[Feed], method: str, operators: Collection[str]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="edgeai-") as folder, contextlib.redirect_stdout(io.StringIO()):
        calibrator = _calibrator(model, Path(folder), method, operators)
        for index, feed in enumerate(feeds):
            _collect(calibrator, feed, index)
        ranges = dict(calibrator.compute_data().items())
    _check(ranges)
    return ranges


def _calibrator(model: ModelProto, folder: Path, method: str, operators: Collection[str]) -> Any:
    plain = folder / "model.onnx"
    onnx.save(model, plain)
    options: dict[str, Any] = {"percentile": PERCENTILE, "num_bins": BINS} if method == "percentile" else {}
    return create_calibrator(
        plain,
        sorted(operators),
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=METHODS[method],
        extra_options=options,
    )


def _collect(calibrator: Any, feed: Feed, index: int) -> None:
    try:
        calibrator.collect_data(_OneFeed(feed))
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise ExportError(f"calibration sample {index} does not run: {one_line(error)}") from error


class _OneFeed(CalibrationDataReader):  # type: ignore[misc]  # the library has no types
    """One feed and the end. The library stacks what one reader gives, which fails where sizes differ."""

    def __init__(self, feed: Feed) -> None:
        self._left: list[dict[str, Any]] = [dict(feed)]

    def get_next(self) -> dict[str, Any] | None:
        """The feed, then None."""
        return self._left.pop() if self._left else None


def _check(ranges: Mapping[str, Any]) -> None:
    for name, data in ranges.items():
        if not np.all(np.isfinite([*np.ravel(data.lowest), *np.ravel(data.highest)])):
            raise ExportError(
                f"the tensor {one_line(name)!r} is infinite or NaN on the calibration data, so has no range; "
                "look at the data, or keep the layer in float"
            )
