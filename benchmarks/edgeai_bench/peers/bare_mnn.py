"""MNN as one writes it by hand, on the file that its own converter made of the model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import MNN
import numpy as np

from .loaded import Feed, Loaded

_TYPES = {"float32": "float", "int32": "int", "int64": "int64", "uint8": "uint8", "int8": "int8"}
_FORMATS = {".onnx": "ONNX", ".tflite": "TFLITE"}


def convert(model: Path, folder: Path) -> Path:
    """The model in MNN's format, beside nothing else in the folder. Raises RuntimeError.

    Not by the package's `mnnconvert`: that installs another package by pip, and reports home.
    """
    import _tools

    out = folder / f"{model.stem}.mnn"
    asked = ["-f", _FORMATS[model.suffix], "--modelFile", str(model), "--MNNModel", str(out)]
    _tools.mnnconvert(["mnnconvert", *asked, "--bizCode", "peer"])
    if not out.exists():
        raise RuntimeError("MNN's converter wrote nothing")
    return out


def load(path: str, threads: int | None, settings: Mapping[str, str]) -> Loaded:
    """Open and give the call. threads: None takes every CPU; MNN itself would take 4 threads.

    settings: `inputs` and `outputs`, names joined by a line break: MNN wants to be told.
    """
    # Precision "high" is fp32; MNN's own choice may be less.
    how = {"backend": "CPU", "numThread": threads or len(os.sched_getaffinity(0)), "precision": "high"}
    manager = MNN.nn.create_runtime_manager((how,))
    names = (settings["inputs"].split("\n"), settings["outputs"].split("\n"))
    network = MNN.nn.load_module_from_file(path, *names, runtime_manager=manager)

    def call(feed: Feed) -> list[Any]:
        # read() waits for the values and gives them as an array of MNN's memory.
        return [value.read() for value in network.forward([_variable(array) for array in feed.values()])]

    return Loaded(call, lambda result: [np.array(value) for value in result])


def _variable(array: Any) -> Any:
    kind = getattr(MNN.expr, _TYPES[array.dtype.name])
    return MNN.expr.const(np.ascontiguousarray(array), list(array.shape), MNN.expr.NCHW, kind)
