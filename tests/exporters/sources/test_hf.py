"""Hugging Face folders: MiniLM within 1e-4 of transformers; what is wrong with a folder in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnxruntime", minversion="1.31")

import edgeai  # noqa: E402
from edgeai.errors import ExportError, ModelError, ModelNotFound, UsageError  # noqa: E402
from edgeai_bench.suites import PackageSource  # noqa: E402
from edgeai_exporters.exported import Exported  # noqa: E402
from edgeai_exporters.sources import SourceOptions, open_source  # noqa: E402
from tests.exporters.minilm import minilm_folder  # noqa: E402
from tests.exporters.sources.tiny_bert import tiny  # noqa: E402

# transformers and torch warn of their own insides.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

PackageFile = Callable[[PackageSource, str, str], Path]


@pytest.fixture(scope="module")
def minilm(package_file: PackageFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm_folder(package_file, tmp_path_factory.mktemp("all-MiniLM-L6-v2"))


@pytest.fixture(scope="module")
def exported(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return open_source(str(minilm), tmp_path_factory.mktemp("minilm-onnx"))


def padded(batch: int, length: int) -> dict[str, Any]:
    """Ids of random words, each row shorter than the one before it, padding of id 0 behind them."""
    ids = np.random.default_rng(batch * 1000 + length).integers(1000, 30000, (batch, length))
    lengths = np.maximum(1, length - np.arange(batch) * (length // batch))
    mask = (np.arange(length) < lengths[:, None]).astype(np.int64)
    return {"input_ids": ids * mask, "attention_mask": mask, "token_type_ids": np.zeros_like(mask)}


@pytest.mark.long
def test_minilm_is_within_1e_4_of_transformers_on_padded_and_odd_batches(
    minilm: Path, exported: Exported
) -> None:
    # Loaded as users do, with its default attention; the exported file was made of the eager one.
    original = transformers.AutoModel.from_pretrained(minilm).eval()
    assert original.config._attn_implementation == "sdpa"
    with edgeai.load(exported.path) as session:
        assert [(spec.name, spec.dtype, spec.shape) for spec in session.inputs] == [
            ("input_ids", "i64", ("batch", "sequence")),
            ("attention_mask", "i64", ("batch", "sequence")),
            ("token_type_ids", "i64", ("batch", "sequence")),
        ]
        assert [(spec.name, spec.shape) for spec in session.outputs] == [
            ("last_hidden_state", ("batch", "sequence", 384))
        ]
        for batch, length in ((1, 1), (1, 2), (3, 7), (5, 33), (7, 128), (2, 512)):
            feed = padded(batch, length)
            with torch.no_grad():
                want = original(**{name: torch.from_numpy(array) for name, array in feed.items()})
            got = session.run(feed)["last_hidden_state"]
            assert np.abs(got - want.last_hidden_state.numpy()).max() <= 1e-4, (batch, length)


@pytest.mark.long
def test_the_reference_is_the_model_itself(exported: Exported) -> None:
    feed = padded(3, 9)
    assert exported.reference is not None
    want = exported.reference(feed)
    with edgeai.load(exported.path) as session:
        assert np.abs(session.run(feed)["last_hidden_state"] - want["last_hidden_state"]).max() <= 1e-5


@pytest.mark.long
def test_the_provenance_says_what_was_exported_by_what(minilm: Path, exported: Exported) -> None:
    provenance = json.loads(json.dumps(exported.provenance))
    assert provenance["task"] == "feature-extraction"
    assert provenance["architecture"] == "BertModel"
    assert provenance["sha256"]["model.safetensors"].startswith("53aa51172d14")
    assert provenance["versions"]["transformers"] == transformers.__version__
    assert Path(provenance["assets"]["tokenizer.json"]) == (minilm / "tokenizer.json").resolve()


@pytest.mark.parametrize(
    ("architecture", "task", "outputs"),
    [
        ("BertForSequenceClassification", "text-classification", {"logits": ("batch", 3)}),
        ("BertForTokenClassification", "token-classification", {"logits": ("batch", "sequence", 3)}),
        (
            "BertForQuestionAnswering",
            "question-answering",
            {"start_logits": ("batch", "sequence"), "end_logits": ("batch", "sequence")},
        ),
        ("BertForMaskedLM", "fill-mask", {"logits": ("batch", "sequence", 50)}),
    ],
)
def test_the_configuration_tells_the_task(
    tmp_path: Path, architecture: str, task: str, outputs: dict[str, tuple[int | str, ...]]
) -> None:
    labels = {} if task == "question-answering" else {"num_labels": 3}
    exported = open_source(str(tiny(tmp_path / "tiny", architecture, **labels)), tmp_path / "out")
    assert exported.provenance["task"] == task
    with edgeai.load(exported.path) as session:
        assert {spec.name: spec.shape for spec in session.outputs} == outputs


def test_sizes_that_the_user_fixes_are_fixed_and_ranges_are_kept(tmp_path: Path) -> None:
    folder = str(tiny(tmp_path / "tiny", "BertModel"))
    options = SourceOptions(shapes={"": ("batch", 12)}, dims={"batch": (1, 4)})
    with edgeai.load(open_source(folder, tmp_path / "out", options).path) as session:
        assert {spec.shape for spec in session.inputs} == {("batch", 12)}
    with pytest.raises(UsageError, match="dimension 'height' has no place; open here: batch, sequence"):
        open_source(folder, tmp_path / "out", SourceOptions(dims={"height": (1, 4)}))
    with pytest.raises(UsageError, match="no input is called 'ids'; inputs: input_ids, attention_mask"):
        open_source(folder, tmp_path / "out", SourceOptions(shapes={"ids": (1, 12)}))


def test_pictures_have_the_size_of_the_configuration(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        num_labels=5,
    )
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    exported = open_source(str(tmp_path / "vit"), tmp_path / "out")
    assert exported.provenance["task"] == "image-classification"
    with edgeai.load(exported.path) as session:
        assert [(spec.name, spec.shape) for spec in session.inputs] == [
            ("pixel_values", ("batch", 3, 32, 32))
        ]
        assert [(spec.name, spec.shape) for spec in session.outputs] == [("logits", ("batch", 5))]


def test_weights_that_are_cut_short_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "tiny")
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate((folder / "model.safetensors").stat().st_size // 2)
    with pytest.raises(
        ModelError, match=r"tiny: its weights are damaged or cut short .*; download the folder again"
    ):
        open_source(str(folder), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_weights_that_are_not_there_are_named_and_not_made_up(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "tiny", "BertModel")
    with pytest.raises(
        ModelError, match=r"tiny lacks the weights classifier\.bias, classifier\.weight; give a --task"
    ):
        open_source(str(folder), tmp_path / "out", SourceOptions(task="text-classification"))
    (folder / "model.safetensors").rename(folder / "weights.safetensors.old")
    with pytest.raises(ModelError, match=r"tiny has no weights \(model\.safetensors\)"):
        open_source(str(folder), tmp_path / "out")
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ExportError, match="has its weights pickled"):
        open_source(str(folder), tmp_path / "out")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "one.safetensors"}}))
    shutil.copy(folder / "weights.safetensors.old", folder / "two.safetensors")
    with pytest.raises(ModelError, match=r"tiny lacks one\.safetensors; download the folder again"):
        open_source(str(folder), tmp_path / "out")


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ("{", ModelError, r"config\.json cannot be read: .*; copy the folder again"),
        ("[]", ModelError, r"config\.json holds no object"),
        (
            '{"architectures": ["GPT2LMHeadModel"]}',
            ExportError,
            "GPT2LMHeadModel, which writes text token by token",
        ),
        (
            '{"architectures": ["Odd"]}',
            ExportError,
            r"no task is known for its architecture \(Odd\); give --task",
        ),
        ("{}", ExportError, r"no task is known for its architecture \(none\)"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(
    tmp_path: Path, config: str, error: type[Exception], message: str
) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(error, match=message):
        open_source(str(tmp_path), tmp_path / "out")


def test_code_that_comes_with_a_model_does_not_run(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "tiny", "BertModel")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(ExportError, match="brings Python code of its own, which is not run"):
        open_source(str(folder), tmp_path / "out")


def test_a_hub_id_without_network_is_one_error_that_names_the_folder_to_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # read when it was imported
    with pytest.raises(
        ModelNotFound,
        match=r"HF_HUB_OFFLINE is set.*`hf download acme/none --local-dir FOLDER`, and give FOLDER",
    ):
        open_source("acme/none", tmp_path / "out")
