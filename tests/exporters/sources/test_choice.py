"""Which source reads what a user writes, and what is said of what none reads."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from edgeai.errors import EdgeError, ExportError, ModelError, ModelNotFound, UsageError
from edgeai_exporters.sources import SOURCES, SourceOptions, open_source
from edgeai_exporters.sources.choice import choose
from tests.tiny_models import linear_onnx


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return path


@pytest.mark.parametrize(
    ("spec", "row"),
    [
        ("net.py:build", "python"),
        ("some/folder/net.py:build", "python"),
        ("package.module:build", "python"),
        ("sentence-transformers/all-MiniLM-L6-v2", "hf"),
        ("google/vit-base-patch16-224.v2", "hf"),
    ],
)
def test_a_spec_that_is_no_path_tells_its_row(spec: str, row: str) -> None:
    assert choose(spec) == row


def test_a_file_tells_its_row_by_content_and_not_by_its_name(tmp_path: Path) -> None:
    assert choose(str(linear_onnx(tmp_path / "model.bin"))) == "onnx"
    (tmp_path / "some.onnx").write_bytes(b"\x1c\0\0\0TFL3 and more")
    assert choose(str(tmp_path / "some.onnx")) == "tflite"
    assert choose(str(zipped(tmp_path / "a", "config.json", "metadata.json", "model.weights.h5"))) == "keras"
    assert choose(str(zipped(tmp_path / "b", "b/archive_format", "b/models/model.json"))) == "torch"


def test_a_folder_with_a_configuration_is_a_hugging_face_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert choose(str(tmp_path)) == "hf"


@pytest.mark.parametrize(
    "spec", ["absent.onnx", "absent/model.onnx", "models/net.pt2", "bert", "", "a\0b", "/no/such"]
)
def test_what_is_not_there_is_named(spec: str) -> None:
    with pytest.raises(ModelNotFound, match=r"no such file or folder; give a path, file\.py:factory"):
        choose(spec)


@pytest.mark.parametrize(
    ("content", "name", "error", "message"),
    [
        (b"", "model.onnx", ModelError, "model.onnx is empty; give a .onnx, .tflite"),
        (b"hello, world", "model.onnx", ModelError, "starts with b'hello, w', which no model does"),
        (b"\x89HDF\r\n\x1a\n", "model.h5", ExportError, "is an HDF5 file; save the Keras model as .keras"),
        (b"GGUF\x03\0\0\0", "model.gguf", ExportError, "GGUF language model"),
        (
            b"\x80\x02}q\0.",
            "weights.pth",
            ExportError,
            "is a pickle, which can run any code and so is not opened",
        ),
        (b"\x10\0\0\0\0\0\0\0{}", "w.safetensors", ExportError, "weights without a model; give the folder"),
        (b"import torch", "net.py", ExportError, "say which function builds the model: net.py:FUNCTION"),
        (b"PK\x03\x04 and no more", "model.pt2", ModelError, "is damaged"),
    ],
)
def test_a_file_that_is_no_model_says_what_to_give(
    tmp_path: Path, content: bytes, name: str, error: type[EdgeError], message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=re.escape(message)):
        choose(str(tmp_path / name))


def test_pickled_pytorch_is_never_opened(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"pickled PyTorch.*save it with torch\.export\.save"):
        choose(str(zipped(tmp_path / "model.pt", "model/data.pkl", "model/version")))


def test_zip_files_of_other_kinds_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is a bundle; give the source"):
        choose(str(zipped(tmp_path / "m.edge", "manifest.json")))
    with pytest.raises(ModelError, match=r"is a zip file, but no \.pt2 or \.keras model"):
        choose(str(zipped(tmp_path / "m.zip", "readme.txt")))


def test_a_folder_without_configuration_says_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"folder without config\.json, so no Hugging Face model; give a model"
    ):
        choose(str(tmp_path))
    linear_onnx(tmp_path / "one.onnx")
    with pytest.raises(ModelError, match=r"it holds one\.onnx: give one of them"):
        choose(str(tmp_path))
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ExportError, match="TensorFlow SavedModel"):
        choose(str(tmp_path))


def test_a_row_that_is_not_in_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no source is called 'tensorrt'; give one of: onnx, tflite, python"):
        open_source("model.onnx", tmp_path, SourceOptions(via="tensorrt"))


def test_every_row_says_what_it_reads_in_one_line() -> None:
    assert all(source.help and "\n" not in source.help for source in SOURCES.values())
