"""Runs in a process of its own: does a provider of ONNX Runtime open a model and run nodes of it?

python -c "from edgeai.doctor.provider_child import list_providers; list_providers()"
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TINY = Path(__file__).with_name("tiny.onnx")
"""A convolution and a matrix product of fp32, which every accelerator takes; made by
`tests/edge/doctor/make_tiny_model.py`."""


def list_providers() -> None:
    """Print the short names that this build of ONNX Runtime lists, as JSON."""
    from ..backends.onnxruntime import available_providers

    sys.stdout.write(json.dumps(available_providers()))


def run_on(provider: str) -> None:
    """Print the share of nodes by provider after one run of TINY, as JSON; the CPU takes what is left."""
    import numpy as np

    from ..backends import RunOptions
    from ..backends.onnxruntime import OnnxRuntimeRunner

    runner = OnnxRuntimeRunner(TINY, RunOptions(providers=(provider, "cpu")))
    (given,) = runner.inputs
    shape = tuple(size for size in given.shape if isinstance(size, int))
    runner.run({given.name: np.ones(shape, np.float32)})
    sys.stdout.write(json.dumps(dict(runner.provider_share)))
