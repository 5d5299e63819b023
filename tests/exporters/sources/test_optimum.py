"""Hugging Face folders by optimum's exporter, offline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("optimum.exporters.onnx")

import edgeai  # noqa: E402
from edgeai.errors import ExportError  # noqa: E402
from edgeai_bench.suites import PackageSource  # noqa: E402
from edgeai_exporters.sources import SourceOptions, open_source  # noqa: E402
from tests.exporters.minilm import minilm_folder  # noqa: E402

# optimum and transformers warn of their own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.mark.long
def test_minilm_is_within_1e_4_of_transformers_on_a_padded_odd_batch(
    package_file: Callable[[PackageSource, str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "minilm").mkdir()
    folder = minilm_folder(package_file, tmp_path / "minilm")
    exported = open_source(str(folder), tmp_path / "out", SourceOptions(via="optimum"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["minilm.onnx"]
    assert exported.provenance["source"] == "optimum"
    original = transformers.AutoModel.from_pretrained(folder).eval()
    mask = (np.arange(11) < np.array([[11], [6], [1]])).astype(np.int64)
    ids = np.random.default_rng(0).integers(1000, 30000, (3, 11)) * mask
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    with torch.no_grad():
        want = original(**{name: torch.from_numpy(array) for name, array in feed.items()}).last_hidden_state
    with edgeai.load(exported.path) as session:
        assert np.abs(session.run(feed)["last_hidden_state"] - want.numpy()).max() <= 1e-4


def test_sizes_are_not_the_users_to_choose(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="leave --shape and --dim out, or take --via hf"):
        open_source("owner/name", tmp_path, SourceOptions(via="optimum", dims={"batch": (1, 4)}))
