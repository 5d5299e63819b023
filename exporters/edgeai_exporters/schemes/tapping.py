"""What tensors inside a model hold, seen on calibration feeds."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper

import edgeai
from edgeai.errors import EdgeError, ExportError, one_line

from ..arrays import Array, Feed
from .remembered import remembered

SAMPLES = 32
"""At most so many feeds are looked at, evenly chosen; what is kept of them stays in memory."""
ROWS = 256
"""At most so many rows of a tensor, evenly chosen, are kept of each sample."""


def tap(model: ModelProto, names: Collection[str], feeds: Sequence[Feed]) -> dict[str, list[Array]]:
    """Of each float tensor, one f32 [rows, channels] a sample; channels are its last axis.

    Raises ExportError where a feed does not run.
    """
    return remembered(sorted(names), model, feeds, lambda: _tapped(model, names, feeds))


def _tapped(model: ModelProto, names: Collection[str], feeds: Sequence[Feed]) -> dict[str, list[Array]]:
    tapped = ModelProto()
    tapped.CopyFrom(model)
    del tapped.graph.output[:]
    tapped.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in sorted(names)
    )
    found: dict[str, list[Array]] = {name: [] for name in sorted(names)}
    if not names:
        return found
    with tempfile.TemporaryDirectory(prefix="edgeai-") as folder:
        path = Path(folder) / "tapped.onnx"
        onnx.save(tapped, path)
        try:
            with edgeai.load(path, prepared=False) as session:
                for feed in feeds[:: max(1, len(feeds) // SAMPLES)][:SAMPLES]:
                    for name, array in session.run(feed).items():
                        found[name].append(_rows(array))
        except EdgeError as error:
            raise ExportError(f"a calibration sample does not run: {one_line(error)}") from error
    return found


def _rows(array: Array) -> Array:
    rows = np.reshape(array, (-1, np.shape(array)[-1]))
    return np.array(rows[:: max(1, len(rows) // ROWS)], np.float32)
