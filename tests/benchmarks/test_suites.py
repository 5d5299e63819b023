"""Suites are read from TOML; what is wrong in one is refused by file and dotted key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from edgeai.errors import ConfigError
from edgeai_bench.suites import PackageSource, load_suite, suite_names

if TYPE_CHECKING:
    from pathlib import Path

SHA256 = "0123456789abcdef" * 4
FETCHED = f"""
name = "Mine"
[[models]]
id = "one"
task = "faces"
licence = "MIT"
source = {{ kind = "pypi", package = "some-package", version = "1.2.3" }}
file = "some_package/one.onnx"
sha256 = "{SHA256}"
shapes = {{ x = [1, 3, 48, 320], flag = [] }}
values = {{ sr = 16000, gain = 0.5 }}
loops = {{ state = "stateN" }}
"""
LOCAL = 'name = "Mine"\n[[models]]\nid = "one"\npath = "model.onnx"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(tmp_path: Path, text: str) -> str:
    """What load_suite says against a file, without the file's name, which it must begin with."""
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_suite(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def test_the_public_suite_is_found_by_its_name() -> None:
    assert suite_names() == ("public",)
    suite = load_suite("public")
    assert suite.id == "public"
    assert [model.id for model in suite.models] == [
        "silero-vad",
        "ppocr-det",
        "ppocr-rec",
        "ppocr-cls",
        "magika",
        "basic-pitch-onnx",
        "basic-pitch-tflite",
        "face-tflite",
        "face-onnx",
        "okay-nabu",
    ]


def test_every_public_model_states_its_task_its_licence_and_its_package() -> None:
    for model in load_suite("public").models:
        assert model.task
        assert model.licence in {"MIT", "Apache-2.0"}
        assert model.source
        assert model.path is None


def test_every_key_of_a_fetched_model_arrives(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, FETCHED))
    (model,) = suite.models
    assert (suite.id, suite.name) == ("mine", "Mine")
    assert (model.id, model.task, model.licence) == ("one", "faces", "MIT")
    assert model.source == PackageSource("pypi", "some-package", "1.2.3")
    assert (model.file, model.sha256) == ("some_package/one.onnx", SHA256)
    assert model.shapes == {"x": (1, 3, 48, 320), "flag": ()}
    assert model.values == {"sr": 16000, "gain": 0.5}
    assert model.loops == {"state": "stateN"}


def test_a_local_model_is_found_beside_its_suite_wherever_it_is_loaded_from(tmp_path: Path) -> None:
    (model,) = load_suite(write(tmp_path, LOCAL)).models
    assert model.path == tmp_path / "model.onnx"
    assert (model.source, model.file, model.sha256) == (None, None, None)
    assert (model.task, model.licence) == (None, None)
    assert (model.shapes, model.values, model.loops) == ({}, {}, {})


def test_a_path_may_be_a_string(tmp_path: Path) -> None:
    assert load_suite(str(write(tmp_path, LOCAL))).id == "mine"


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no suite is called 'publik'; known: public;.*path of a \.toml"):
        load_suite("publik")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "none.toml"))):
        load_suite(tmp_path / "none.toml")


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"name = 'a'\nname = 'b'"])
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"mine\.toml is not valid TOML"):
        load_suite(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_suite(tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('name = "Mine"', "", "name"),
        ('name = "Mine"', 'name = "Mine"\ncolour = "red"', "colour"),
        ('id = "one"', "", "models[0].id"),
        ('id = "one"', 'id = "One!"', "models[0].id"),
        ('task = "faces"', 'task = ""', "models[0].task"),
        ('licence = "MIT"', "licence = 1", "models[0].licence"),
        ('licence = "MIT"', 'license = "MIT"', "models[0].license"),
        ('kind = "pypi"', 'kind = "conda"', "models[0].source.kind"),
        ('package = "some-package"', 'package = "--index-url=x"', "models[0].source.package"),
        ('package = "some-package"', 'package = "https://x/y.whl"', "models[0].source.package"),
        ('version = "1.2.3"', 'version = "latest"', "models[0].source.version"),
        ('version = "1.2.3" }', 'version = "1.2.3", extra = 1 }', "models[0].source.extra"),
        ('file = "some_package/one.onnx"', "", "models[0].file"),
        ('file = "some_package/one.onnx"', 'file = "../one.onnx"', "models[0].file"),
        ('file = "some_package/one.onnx"', 'file = "/one.onnx"', "models[0].file"),
        (SHA256, SHA256[1:], "models[0].sha256"),
        ("[1, 3, 48, 320]", "[1, 3, 48, 0]", "models[0].shapes.x"),
        ("[1, 3, 48, 320]", "[1, 3, 48, true]", "models[0].shapes.x"),
        ("[1, 3, 48, 320]", "3", "models[0].shapes.x"),
        ("sr = 16000", "sr = true", "models[0].values.sr"),
        ("sr = 16000", 'sr = "16k"', "models[0].values.sr"),
        ("sr = 16000", "state = 1", "models[0].values.state"),
        ('state = "stateN"', "state = 1", "models[0].loops.state"),
        ('loops = { state = "stateN" }', "loops = []", "models[0].loops"),
        ('loops = { state = "stateN" }', 'path = "model.onnx"', "models[0].source"),
    ],
)
def test_a_wrong_key_is_named_with_its_place(tmp_path: Path, before: str, after: str, key: str) -> None:
    assert before in FETCHED
    said = refusal(tmp_path, FETCHED.replace(before, after))
    assert re.match(rf": {re.escape(key)}\b", said)


def test_a_suite_without_models_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, 'name = "Mine"').startswith(": models")
    assert refusal(tmp_path, 'name = "Mine"\nmodels = []').startswith(": models")
    assert refusal(tmp_path, 'name = "Mine"\nmodels = 3').startswith(": models")


def test_two_models_of_one_id_are_refused(tmp_path: Path) -> None:
    second = LOCAL + LOCAL.partition("\n")[2]
    assert refusal(tmp_path, second).startswith(": models[1].id")


def test_a_scoped_npm_package_is_accepted(tmp_path: Path) -> None:
    text = FETCHED.replace('"pypi", package = "some-package"', '"npm", package = "@scope/some-package"')
    (model,) = load_suite(write(tmp_path, text)).models
    assert model.source == PackageSource("npm", "@scope/some-package", "1.2.3")
