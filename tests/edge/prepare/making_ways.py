"""Ways of a tiny model to try: good ones, and such as crash, hang or give other outputs; all of them real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from edgeai.prepare.ways import Base, Way, way_of
from tests.tiny_models import linear_onnx

BACKENDS = """
import os, signal, time
from edgeai.backends.onnxruntime import OnnxRuntime


class Crashes(OnnxRuntime):
    def open(self, variant, options):
        os.kill(os.getpid(), signal.SIGSEGV)


class Hangs(OnnxRuntime):
    def open(self, variant, options):
        time.sleep(600)
"""
"""An application's own backends, which processes of the search find on PYTHONPATH."""


def write_backends(folder: Path) -> None:
    """A module `faulty` in a folder."""
    (folder / "faulty.py").write_text(BACKENDS)


def other_onnx(path: Path) -> Path:
    """y = 2 x + 5 with the same signature as `linear_onnx`."""
    model = onnx.load(linear_onnx(path))
    one = next(each for each in model.graph.initializer if each.name == "one")
    one.CopyFrom(numpy_helper.from_array(np.array(5, np.float32), "one"))
    onnx.save(model, path)
    return path


def way(backend: str = "onnxruntime", threads: int = 1) -> Way:
    """Of a bare file."""
    return way_of(Base("bare", backend, ()), threads)
