"""Models that come with edgeai answer to their bare names, unless a file stands in front of them."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

import edgeai
from edgeai.cli import edgeai as command
from edgeai.errors import ModelNotFound
from edgeai.included import IncludedShadowed, find_model, included_names, included_path
from edgeai.open_bundle import open_bundle
from edgeai.showing import describe
from tests import real_bundles
from tests.command import call


@pytest.fixture
def included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the one with the models that come with edgeai."""
    folder = tmp_path / "included"
    folder.mkdir()
    monkeypatch.setattr("edgeai.included._folder", lambda: folder)
    return folder


@pytest.fixture
def models(included: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two included models, and an empty working directory."""
    real_bundles.pack(real_bundles.classifier(included / "color"), included / "color.edge")
    real_bundles.pack(real_bundles.linear(included / "linear"), included / "linear.edge")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return included


def test_names_are_those_of_the_packed_bundles(models: Path) -> None:
    (models / "color.samples.npz").write_bytes(b"")
    assert included_names() == ("color", "linear")
    assert included_path("linear") == models / "linear.edge"


def test_a_bare_name_opens_and_runs(models: Path) -> None:
    picture = models / "color/golden/red.png"
    with edgeai.load("color") as session:
        assert session.predict(picture).value.top[0].name == "red"
    with edgeai.load(Path("linear"), variant="lite") as session:
        assert session.backend == "litert"
    assert describe("color").bundle.id == "tiny/color"


def test_every_command_takes_a_bare_name(models: Path) -> None:
    picture = models / "color/golden/red.png"
    done = call("run", "color", picture)
    assert (done.code, done.err) == (0, "")
    assert done.lines[0]["result"][0]["label"] == "red"
    assert call("show", "color", "-q").out.startswith("tiny/color 1.0.0 ")
    assert call("show", "color", "--json").document["path"] == str(models / "color.edge")
    done = call("check", "color")
    assert (done.code, done.out.splitlines()[-1]) == (0, "yes: it is sound and runs here")
    assert call("check", "color", "--json").document["path"] == str(models / "color.edge")


@pytest.mark.parametrize("name", ["colour", "x", "COLOR"])
def test_an_unknown_bare_word_lists_the_names(models: Path, name: str) -> None:
    said = f"{name}: no such file, and no included model of that name; included are: color, linear"
    for open_ in (edgeai.load, open_bundle, describe):
        with pytest.raises(ModelNotFound) as error:
            open_(name)
        assert str(error.value) == said
    assert (call("show", name).code, call("show", name).err) == (2, f"edgeai: {said}\n")
    assert call("run", name, "x.png").err == f"edgeai: {said}\n"


@pytest.mark.parametrize("path", ["color.edge", "./color", "sub/color", "color/", "", ".", "..", "a b", "-"])
def test_what_is_no_bare_word_is_a_path_as_before(models: Path, path: str) -> None:
    assert find_model(path) in {Path(path), Path(path).absolute()}


def test_without_included_models_every_word_is_a_path(included: Path, tmp_path: Path) -> None:
    assert included_names() == ()
    assert find_model("color") == Path("color")
    with pytest.raises(ModelNotFound, match=r"^color: no such file; check the path$"):
        edgeai.load("color")


@pytest.mark.parametrize("make", [real_bundles.classifier, lambda path: path.symlink_to("nowhere")])
def test_a_file_or_folder_of_that_name_wins_and_it_is_said(
    models: Path, make: Callable[[Path], object]
) -> None:
    make(Path("linear"))
    with pytest.warns(IncludedShadowed, match="linear is taken, not the included model linear; rename it"):
        assert find_model("linear") == Path("linear").absolute()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_model("./linear") == Path("linear").absolute()
        assert find_model(Path("linear").absolute()) == Path("linear").absolute()


def test_the_commands_say_it_once(models: Path) -> None:
    real_bundles.classifier(Path("linear"))
    said = f"edgeai: warning: {Path('linear').absolute()} is taken, not the included model linear"
    for words in (("show", "linear"), ("check", "linear"), ("run", "linear", "linear/golden/red.png")):
        done = call(*words)
        assert done.code == 0
        assert done.err.count("\n") == 1
        assert done.err.startswith(said)
    assert call("show", "linear", "-q").out.startswith("tiny/color ")
    done = call("show", "./linear", "-q")
    assert (done.err, done.out[:11]) == ("", "tiny/color ")


def completions(words: str) -> list[str]:
    *before, incomplete = words.split(" ")
    found = BashComplete(command, {}, "edgeai", "_EDGEAI_COMPLETE").get_completions(before, incomplete)
    return [f"{item.type},{item.value}" for item in found]


def test_tab_offers_the_names_and_the_files_that_begin_so(models: Path) -> None:
    Path("cold.onnx").write_bytes(b"")
    Path("cellar").mkdir()
    assert completions("show c") == ["plain,color", "plain,cellar/", "plain,cold.onnx"]
    assert completions("run lin") == ["plain,linear"]
    assert completions("bench color l") == ["plain,linear"]
    assert completions("check m") == ["file,m"]
    assert completions("run color --variant ") == ["plain,f32"]


def test_a_wheels_models_are_found_beside_the_package(tmp_path: Path) -> None:
    code = (
        "import json, edgeai, sys; from pathlib import Path; from edgeai import datafiles, included\n"
        "folder = Path(sys.argv[1]) / '_data/models'; folder.mkdir(parents=True)\n"
        "(folder / 'toy.edge').touch(); datafiles.__file__ = str(folder.parents[1] / 'datafiles.py')\n"
        "print(json.dumps([included.included_names(), str(included.find_model('toy'))]))"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [["toy"], str(tmp_path.resolve() / "_data/models/toy.edge")]
