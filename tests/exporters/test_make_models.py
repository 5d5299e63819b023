"""`make models` gives the models that ship."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeai.included import included_path
from edgeai.open_bundle import open_bundle

pytest.importorskip("torch")
pytest.importorskip("litert_quantizer")

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks/models/make_models.py"


def test_the_models_that_ship_are_those_that_the_script_makes(tmp_path: Path) -> None:
    """Up to what another CPU's sums change: the bytes are the same only on one kind of machine."""
    command = [sys.executable, str(SCRIPT), "motions", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made, here = (open_bundle(path)[0] for path in (tmp_path / "motions.edge", included_path("motions")))
    assert made.manifest.keys() == here.manifest.keys()
    assert made.manifest["provenance"] == here.manifest["provenance"]
    assert made.manifest["pipeline"] == here.manifest["pipeline"]
    # Which int8 variants win depends on the CPU, too; those that both have are the same.
    costs = [{each.id: each.cost for each in bundle.models[0].variants} for bundle in (made, here)]
    common = costs[0].keys() & costs[1].keys()
    assert {"onnx-f32", "tflite-f32", "tflite-int8-static"} <= common
    assert {name: costs[0][name] for name in common} == {name: costs[1][name] for name in common}
    samples = [
        np.load(path.with_name("motions.samples.npz")) for path in (made.path, included_path("motions"))
    ]
    with samples[0] as one, samples[1] as other:
        assert sorted(one) == sorted(other) == ["x", "y"]
        for name in one:
            assert np.array_equal(one[name], other[name])
