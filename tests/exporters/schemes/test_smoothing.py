"""Evening out activations changes nothing in float, and much in 8 bits where a few channels are large."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeai

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnxscript")
if sys.version_info < (3, 11):
    pytest.skip("the exporters run on Python 3.11 and later", allow_module_level=True)

import onnx

from edgeai_exporters.schemes import onnx_dynamic
from edgeai_exporters.schemes.smoothing import Smoothing, plan, smooth
from tests.exporters.schemes import small_models

WIDTH = 64


def run(path: Path, feeds: list[dict[str, Any]]) -> Any:
    with edgeai.load(path, threads=1) as session:
        return np.concatenate([np.ravel(session.run(feed)["y"]) for feed in feeds])


def matmul(bias: bool) -> Any:
    """y = x W (+ b), x[N,T,64]."""
    rng = np.random.default_rng(0)
    weights = {"w": (rng.standard_normal((WIDTH, WIDTH)) / 8).astype(np.float32)}
    node = onnx.helper.make_node
    nodes = [node("MatMul", ["x", "w"], ["p" if bias else "y"], "product")]
    if bias:
        weights["b"] = rng.standard_normal(WIDTH).astype(np.float32)
        nodes.append(node("Add", ["p", "b"], ["y"], "bias"))
    return small_models.model_of(nodes, {"x": ["N", "T", WIDTH]}, {"y": ["N", "T", WIDTH]}, weights)


def uneven(count: int, seed: int) -> list[dict[str, Any]]:
    """Sequences in which channel 5 is 40 times as large as the others and channel 9 lies at 20."""
    feeds = small_models.sequences(count, WIDTH, seed)
    for feed in feeds:
        feed["x"][..., 5] *= 40
        feed["x"][..., 9] += 20
    return feeds


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("apart", [[], [5, 9]])
@pytest.mark.parametrize("shifted", [True, False])
def test_in_float_the_outputs_stay_the_same(
    bias: bool, apart: list[int], shifted: bool, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    model = matmul(bias)
    shift = rng.standard_normal(WIDTH).astype(np.float32) * shifted
    divisor = rng.uniform(0.5, 2, WIDTH).astype(np.float32)
    shift[apart], divisor[apart] = 0, 1
    feeds = uneven(3, seed=2)
    before = run(small_models.save(model, tmp_path / "before.onnx"), feeds)
    smooth(model, {"x": Smoothing(shift, divisor, np.array(apart, np.int64))}, ["product"])
    after = run(small_models.save(model, tmp_path / "after.onnx"), feeds)
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def test_the_large_channels_are_found_and_even_ones_left_alone() -> None:
    rows = [feed["x"][0] for feed in uneven(20, seed=3)]
    found = plan(matmul(bias=True), ["product"], {"x": rows})["x"]
    assert {5, 9} & set(found.apart.tolist()) or found.divisor[5] > 4 * np.median(found.divisor)
    even = [feed["x"][0] for feed in small_models.sequences(20, WIDTH, seed=3)]
    assert plan(matmul(bias=True), ["product"], {"x": even}) == {}


def test_int8_with_uneven_channels_is_ten_times_as_exact(tmp_path: Path) -> None:
    source = small_models.save(matmul(bias=True), tmp_path / "source.onnx")
    plain, smoothed = tmp_path / "plain.onnx", tmp_path / "smoothed.onnx"
    onnx_dynamic.prepare(source).write(plain)
    onnx_dynamic.prepare(source, uneven(20, seed=4), smoothed=True).write(smoothed)
    feeds = uneven(10, seed=5)
    want = run(source, feeds)
    error, better = (np.square(run(path, feeds) - want).mean() for path in (plain, smoothed))
    assert better < 0.1 * error
