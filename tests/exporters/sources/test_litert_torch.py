"""PyTorch straight to TFLite by litert-torch: factories, programs, Hugging Face, and what it does not do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("litert_torch")

import edgeai  # noqa: E402
from edgeai.errors import ExportError, UsageError  # noqa: E402
from edgeai_exporters.exported import Exported  # noqa: E402
from edgeai_exporters.sources import SourceOptions, open_source  # noqa: E402
from tests.exporters.sources.tiny_bert import tiny  # noqa: E402
from tests.tiny_models import linear_onnx  # noqa: E402

# torch and transformers warn of their own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

NET = Path(__file__).with_name("own_net.py")
VIA = SourceOptions(via="litert-torch")


def names_and_shapes(exported: Exported) -> list[tuple[str, tuple[int | str, ...]]]:
    with edgeai.load(exported.path) as session:
        return [(spec.name, spec.shape) for spec in (*session.inputs, *session.outputs)]


def worst(exported: Exported, feed: dict[str, np.ndarray]) -> float:
    assert exported.reference is not None
    want = exported.reference(feed)
    with edgeai.load(exported.path) as session:
        got = session.run(feed)
    return max(float(np.abs(got[name] - want[name]).max()) for name in want)


def test_a_module_keeps_the_names_of_its_inputs_and_outputs(tmp_path: Path) -> None:
    exported = open_source(f"{NET}:with_examples", tmp_path, VIA)
    assert (exported.format, exported.path.name) == ("tflite", "own_net.tflite")
    assert sorted(names_and_shapes(exported)) == [
        ("image", (1, 3, 9, 8)),
        ("pooled", (1, 4)),
        ("scale", (1, 4)),
        ("scores", (1, 5)),
    ]
    random = np.random.default_rng(1)
    feed = {
        name: random.normal(size=array.shape).astype("f4") for name, array in exported.examples[0].items()
    }
    assert worst(exported, feed) < 1e-5
    assert exported.provenance["versions"]["litert-torch"].startswith("0.10")
    assert [path.name for path in tmp_path.iterdir()] == ["own_net.tflite"]


def test_a_saved_program(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh()).eval()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 4),)), tmp_path / "net.pt2")
    exported = open_source(str(tmp_path / "net.pt2"), tmp_path / "out", VIA)
    assert names_and_shapes(exported) == [("input", (1, 4)), ("output", (1, 3))]
    assert worst(exported, {"input": np.full((1, 4), 0.3, np.float32)}) < 1e-6


def test_a_transformer_with_fixed_sizes(tmp_path: Path) -> None:
    folder = str(tiny(tmp_path / "tiny", num_labels=3))
    with pytest.raises(UsageError, match=r"are open; give them, such as --shape input_ids:1x"):
        open_source(folder, tmp_path / "out", VIA)
    shapes = dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), (1, 12))
    exported = open_source(folder, tmp_path / "out", SourceOptions(via="litert-torch", shapes=shapes))
    ids = np.random.default_rng(0).integers(0, 50, (1, 12), np.int32)
    mask = (np.arange(12) < 7).astype(np.int32)[None]
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    assert worst(exported, feed) < 1e-4


def test_what_it_does_not_read_is_refused(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "model.onnx")
    with pytest.raises(UsageError, match=r"reads PyTorch: .* leave it out for .*model\.onnx"):
        open_source(str(model), tmp_path / "out", VIA)
    open_batch = SourceOptions(via="litert-torch", dims={"batch": (1, 8)})
    with pytest.raises(UsageError, match="fixed sizes; give numbers for batch"):
        open_source(f"{NET}:with_examples", tmp_path / "out", open_batch)


def test_what_cannot_be_converted_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="own_net cannot be converted by litert-torch: ") as caught:
        open_source(f"{NET}:svd", tmp_path / "out", VIA)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []
