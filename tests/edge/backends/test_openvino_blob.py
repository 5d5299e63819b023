"""What OpenVINO has compiled, kept in a file: the same numbers, or a clear refusal."""

from __future__ import annotations

import gc
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeai.backends import Runner, RunOptions, is_installed, load_backend
from edgeai.backends.forms import make_form
from edgeai.backends.tuning import Tuning
from edgeai.bundle.bare import bare_variant
from edgeai.errors import ModelError
from edgeai.measure.inputs import candidate_shapes, synthetic_inputs
from tests.tiny_models import linear_onnx, linear_tflite

if not is_installed("openvino"):
    pytest.skip("OpenVINO is not installed: pip install 'edgeai[openvino]'", allow_module_level=True)

X = np.arange(8, dtype=np.float32).reshape(2, 4)


def opened(path: Path, blob: Path | None = None) -> Runner:
    return load_backend("openvino").open(bare_variant(path), RunOptions(cache=blob))


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    return linear_onnx(tmp_path / "linear.onnx")


@pytest.fixture
def blob(linear: Path, tmp_path: Path) -> Path:
    return make_form("openvino-blob", bare_variant(linear), RunOptions(), tmp_path)


@pytest.mark.parametrize(
    ("model", "shapes"),
    [
        ("ppocr-cls", [{"x": (1, 3, 48, 192)}, {"x": (2, 3, 48, 96)}]),
        ("face-tflite", [{}]),
        ("magika", [{"bytes": (1, 2048)}]),
    ],
)
def test_a_public_model_is_the_same_from_the_blob(
    model: str,
    shapes: list[dict[str, tuple[int, ...]]],
    public_model: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    path = public_model(model)
    made = make_form("openvino-blob", bare_variant(path), RunOptions(), tmp_path)
    original, form = opened(path), opened(path, made)
    assert (form.inputs, form.outputs) == (original.inputs, original.outputs)
    gc.collect()  # what the blob is mapped by has to outlive this
    for sizes in shapes:
        feed = synthetic_inputs(form.inputs, next(iter(candidate_shapes(form.inputs, sizes, None))), {}, 0)
        expected, got = original.run(feed), form.run(feed)
        for name, array in expected.items():
            np.testing.assert_allclose(got[name], array, rtol=1e-5, atol=1e-6)


def test_the_model_file_is_not_read_again(linear: Path, blob: Path) -> None:
    variant = bare_variant(linear)
    linear.unlink()
    runner = load_backend("openvino").open(variant, RunOptions(cache=blob))
    np.testing.assert_array_equal(runner.run({"x": X})["y"], 2 * X + 1)


def test_names_of_a_tflite_signature_are_kept(tmp_path: Path) -> None:
    path = linear_tflite(tmp_path / "linear.tflite")
    made = make_form("openvino-blob", bare_variant(path), RunOptions(), tmp_path)
    np.testing.assert_array_equal(opened(path, made).run({"x": X})["y"], 2 * X + 1)


def test_fixed_sizes_stay_fixed(linear: Path, tmp_path: Path) -> None:
    options = RunOptions(tuning=Tuning(sizes={"N": 2}))
    made = make_form("openvino-blob", bare_variant(linear), options, tmp_path)
    runner = opened(linear, made)
    assert runner.inputs[0].shape == (2, 4)
    np.testing.assert_array_equal(runner.run({"x": X})["y"], 2 * X + 1)


def test_a_blob_that_is_cut_off_anywhere_is_refused(linear: Path, blob: Path) -> None:
    whole = blob.read_bytes()
    for length in (0, 1, 18, 27, 100, 16383, 16384, 16400, len(whole) // 2, len(whole) - 1):
        blob.write_bytes(whole[:length])
        with pytest.raises(ModelError, match="is damaged or no compiled model; prepare again"):
            opened(linear, blob)
    blob.unlink()
    with pytest.raises(ModelError, match=r"compiled\.openvino cannot be read: No such file.*prepare again"):
        opened(linear, blob)


def test_a_blob_with_one_bit_changed_is_refused(linear: Path, blob: Path) -> None:
    whole, chance = blob.read_bytes(), random.Random(0)
    for _ in range(50):
        bad = bytearray(whole)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        blob.write_bytes(bad)
        with pytest.raises(ModelError, match="is damaged or no compiled model; prepare again"):
            opened(linear, blob)


def test_a_blob_of_another_openvino_is_refused(linear: Path, blob: Path) -> None:
    version = load_backend("openvino").version()
    first, rest = blob.read_bytes().split(b"\n", 1)
    other = rest.replace(version.encode(), version.encode()[:-1] + b"9", 1)
    blob.write_bytes(first[:-8] + b"%08x\n" % zlib.crc32(other) + other)
    with pytest.raises(ModelError, match=rf"was made by OpenVINO .*9, and this is {version}; prepare again"):
        opened(linear, blob)


def test_a_model_that_openvino_refuses_has_no_blob(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="several signatures"):
        make_form(
            "openvino-blob",
            bare_variant(linear_tflite(tmp_path / "two.tflite", ("one", "two"))),
            RunOptions(),
            tmp_path,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["two.tflite"]
