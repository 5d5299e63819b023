"""That a layer which is kept in float computes in float once ONNX Runtime has loaded the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir")

import onnx

import edgeai
from edgeai.device import cpu_flags
from edgeai.sysroot import SysRoot
from edgeai_exporters.metrics.vectors import cosine
from edgeai_exporters.schemes import SCHEMES
from edgeai_exporters.schemes.targets import VNNI
from edgeai_exporters.search.kept_float import shield, shielded
from tests.exporters.search.planted import Planted, plant

# Without VNNI the sums of weights of 8 bits saturate, and those of 7 are rounded twice as much.
HAS_VNNI = VNNI in (cpu_flags(SysRoot()) or ())
STATIC = replace(
    next(each for each in SCHEMES if (each.format, each.name) == ("onnx", "int8-static")),
    options={"reduce_range": not HAS_VNNI},
)


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    """Convolutions, of which one in the middle, between two that are quantized, has to be in float."""
    return plant(tmp_path, 7)


def _mean_cosine(planted: Planted, variant: Path) -> float:
    with edgeai.load(planted.model, threads=1) as source, edgeai.load(variant, threads=1) as other:
        pairs = [(other.run(feed), source.run(feed)) for feed in planted.feeds[:8]]
    return float(np.mean(cosine([got for got, _ in pairs], None, [want for _, want in pairs])))


def test_behind_a_clip_a_kept_layer_is_as_good_as_float(planted: Planted, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    STATIC.load_prepare()(planted.model, planted.feeds).write(out, keep=planted.sensitive)
    before = onnx.load(out)
    shield(out, planted.sensitive)
    assert _mean_cosine(planted, out) > (0.999 if HAS_VNNI else 0.998)
    added = [
        node for node in onnx.load(out).graph.node if node not in before.graph.node and node.op_type == "Clip"
    ]
    assert 1 <= len(added) <= len(planted.sensitive)


def test_the_clip_changes_no_value(planted: Planted, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    STATIC.load_prepare()(planted.model, planted.feeds).write(out, keep=planted.sensitive)
    shield(out, planted.sensitive)
    model = onnx.load(out)
    for node in [node for node in model.graph.node if node.name.endswith("/clip")]:
        for name in (node.input[0], node.output[0]):
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    onnx.save(model, out)
    with edgeai.load(out, threads=1) as session:
        results = session.run({"x": planted.feeds[0]["x"] * np.float32(10)})
    before = [name for name in results if f"{name}/clip" in results]
    assert before
    for name in before:
        np.testing.assert_array_equal(results[name], results[f"{name}/clip"])


def test_a_file_without_kept_layers_is_left_as_it_is(planted: Planted, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    STATIC.load_prepare()(planted.model, planted.feeds).write(out)
    written = out.read_bytes()
    shield(out, set())
    assert out.read_bytes() == written


def test_only_layers_whose_weights_onnx_runtime_would_quantize_need_it(tmp_path: Path) -> None:
    dense = plant(tmp_path, 0)
    assert shielded(dense.model, ["layer0", "layer1"]) == frozenset()
    convolutional = plant(tmp_path, 1)
    assert shielded(convolutional.model, ["layer0", "relu0"]) == {"layer0"}
