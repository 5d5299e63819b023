"""MiniLM, exported by PyTorch with open sizes, as TFLite: padded batches, and a batch that is resized."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from edgeai_bench.suites import PackageSource
from edgeai_exporters.sources import open_source
from edgeai_exporters.tflite import write_tflite
from tests.exporters.minilm import minilm_folder
from tests.exporters.tflite.running import Array, LiteRT, run_onnx

pytestmark = [
    pytest.mark.long,
    # transformers and torch warn of their own insides.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]
NAMES = ("input_ids", "attention_mask", "token_type_ids")
LENGTH = 32


@pytest.fixture(scope="module")
def model(
    package_file: Callable[[PackageSource, str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = minilm_folder(package_file, tmp_path_factory.mktemp("all-MiniLM-L6-v2"))
    return open_source(str(folder), tmp_path_factory.mktemp("minilm-onnx")).path


def _padded(batch: int) -> dict[str, Array]:
    """Texts of 5, 14, 23 ... tokens, padded."""
    rng = np.random.default_rng(batch)
    mask = (np.arange(LENGTH) < 5 + 9 * np.arange(batch)[:, None]).astype(np.int64)
    ids = rng.integers(1000, 30000, (batch, LENGTH)) * mask
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


@pytest.mark.parametrize("batch", [1, 3])
def test_minilm_equals_onnx_runtime_on_padded_batches(model: Path, tmp_path: Path, batch: int) -> None:
    out = tmp_path / "minilm.tflite"
    written = write_tflite(model, out, shapes=dict.fromkeys(NAMES, (batch, LENGTH)))
    feeds = _padded(batch)
    got, want = LiteRT(out).run(feeds), run_onnx(model, feeds)
    for name, array in want.items():
        np.testing.assert_allclose(got[name], array, rtol=0, atol=1e-4)
    assert (written.operators["GELU"], written.operators["EMBEDDING_LOOKUP"]) == (6, 2)
    assert written.operators["FULLY_CONNECTED"] >= 36  # six layers: query, key, value, output, up and down


def test_minilm_takes_any_batch(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "minilm.tflite"
    write_tflite(model, out, shapes=dict.fromkeys(NAMES, (1, LENGTH)), resizable_batch=True)
    for batch in (1, 3):
        feeds = _padded(batch)
        got = LiteRT(out, dict.fromkeys(NAMES, (batch, LENGTH))).run(feeds)
        for name, array in run_onnx(model, feeds).items():
            np.testing.assert_allclose(got[name], array, rtol=0, atol=1e-4)
