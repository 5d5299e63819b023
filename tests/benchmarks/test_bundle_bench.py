"""`edgeai bench` on bundles, as a user calls it: reports, valid documents, and one line where it cannot."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import edgeai_bench
from edgeai.cli import main
from tests import real_bundles
from tests.bench_bundles import FAKE, fake_bundle, fake_stream, silero

SHORT = [
    *("--processes", "1", "--min-runs", "3", "--min-time", "0.05", "--max-time", "1"),
    *("--warm-up", "0.05", "--timeout", "30", "--threads", "1"),
]
VALIDATOR = jsonschema.Draft202012Validator(
    json.loads((Path(edgeai_bench.__file__).parent / "report.schema.json").read_text("utf-8"))
)

Bench = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Bench:
    """Calls the command as its entry point does; gives exit code, standard output and standard error."""
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))

    def call(*arguments: object, short: bool = True) -> tuple[int, str, str]:
        words = ["edgeai", "bench", *(SHORT if short else []), *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as stopped:
            main()
        assert isinstance(stopped.value.code, int)
        return (stopped.value.code, *capfd.readouterr())

    return call


@pytest.fixture
def document(bench: Bench) -> Callable[..., dict[str, Any]]:
    """The document of a run that went well; it is valid by the schema."""

    def call(*arguments: object) -> dict[str, Any]:
        code, out, err = bench(*arguments, "--json", "-q")
        assert (code, err) == (0, "")
        made: dict[str, Any] = json.loads(out)
        VALIDATOR.validate(made)
        return made

    return call


@pytest.fixture
def the_error(bench: Bench) -> Callable[..., tuple[int, str]]:
    """Exit code and the one line of a run that cannot be."""

    def call(*arguments: object) -> tuple[int, str]:
        code, out, err = bench(*arguments, "-q")
        assert out == ""
        assert err.startswith("edgeai: ")
        assert err.count("\n") == 1
        assert err[:-1].isprintable()
        return code, err[len("edgeai: ") : -1]

    return call


# --- pipelines


def test_a_pipeline_is_reported_with_its_bundle_its_stages_and_what_it_was_fed(
    document: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    folder = real_bundles.classifier(tmp_path / "color")
    packed = real_bundles.pack(folder, tmp_path / "color.edge")
    (run,) = document(packed)["runs"]
    model, bundle = run["model"], run["model"]["bundle"]
    assert (model["path"], model["format"], model["inputs"], model["outputs"]) == (
        str(packed),
        "edge",
        [],
        [],
    )
    assert model["sha256"] == bundle["identity"]
    assert model["size_bytes"] == (folder / "color.onnx").stat().st_size
    assert (bundle["id"], bundle["version"], bundle["model"], bundle["variant"]) == (
        "tiny/color",
        "1.0.0",
        None,
        None,
    )
    (opened,) = bundle["models"]
    assert {key: opened[key] for key in ("name", "variant", "precision", "format", "backend", "file")} == {
        "name": "color",
        "variant": "f32",
        "precision": "f32",
        "format": "onnx",
        "backend": "onnxruntime",
        "file": "color.onnx",
    }
    assert "sha256:" + opened["sha256"] == real_bundles.sha256(folder / "color.onnx")
    assert opened["why"] == ["color: f32 (f32) on onnxruntime: the only one that runs here"]
    assert run["settings"]["inputs"] == "sample 'red' of the bundle"
    assert "sha256:" + run["settings"]["input_sha256"] == real_bundles.sha256(folder / "golden/red.png")
    assert "bundled_source" in [doubt["name"] for doubt in run["warnings"]]
    assert run["samples_per_s"] is None

    pipeline = run["pipeline"]
    assert (pipeline["source_kind"], pipeline["call"], pipeline["stream"]) == ("image", "item", None)
    (stage,) = pipeline["stages"]
    assert (stage["name"], stage["model"], stage["runs_per_call"]["value"]) == ("color", "color", 1.0)
    parts = [stage[part]["mean"]["value"] for part in ("pre", "run", "post")]
    assert stage["total"]["mean"]["value"] == pytest.approx(sum(parts))
    whole = run["latency"]["mean"]["value"]
    told = sum(pipeline[part]["mean"]["value"] for part in ("models", "steps", "rest"))
    if run["processes"][0]["keep_every"] == 1:
        assert told == pytest.approx(whole)
    (process,) = run["processes"]
    assert len(process["pipeline"]["stages"][0]["run_ns"]) == len(process["samples_ns"])


def test_the_identity_is_the_same_packed_and_unpacked(
    document: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    folder = real_bundles.classifier(tmp_path / "color")
    packed = real_bundles.pack(folder, tmp_path / "color.edge")
    runs = document(folder, packed)["runs"]
    assert len({run["model"]["bundle"]["identity"] for run in runs}) == 1
    assert len({run["model"]["sha256"] for run in runs}) == 1


def test_a_page_tells_models_steps_and_the_rest_apart(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "mine.png"
    real_bundles.picture(file, "blue")
    code, out, _ = bench(real_bundles.classifier(tmp_path / "color"), "--source", file, "-q")
    assert code == 0
    assert re.search(
        r"^of which   models .*, steps .*, decoding and the rest .* \(p50 of each\)$", out, re.MULTILINE
    )
    assert re.search(r"^ +color .* 1\.00$", out, re.MULTILINE)
    assert " per item, all threads" in out
    assert "bundled_source" not in out
    assert "synthetic_source" not in out


def test_a_stream_is_reported_in_real_time(document: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    path = fake_stream(tmp_path / "hear", busy_s=0.001)
    (run,) = document(
        path, "--backend", FAKE, "--chunk", "20ms", "--rate", "50/s", "--quick", "--processes", "1"
    )["runs"]
    assert run["pipeline"]["call"] == "hop"
    stream = run["pipeline"]["stream"]
    assert (stream["hop_s"], stream["chunk_s"], stream["deadline_s"]) == (0.01, 0.02, 0.02)
    assert stream["chunks"] == 100, "two seconds in quick mode"
    assert 0.1 <= stream["real_time_factor"]["value"] < 1
    assert stream["cpu_s_per_s"]["value"] >= 0.1
    # Two windows a chunk: the first has waited for a hop, and both have taken a millisecond.
    assert stream["capture_to_result"]["min"] >= 0.001
    assert stream["capture_to_result"]["max"] >= 0.011
    assert stream["capture_to_result"]["runs"] == 200
    assert run["latency"]["min"] >= 0.001
    assert 40 < run["paced"]["reached_hz"] < 51
    phases = [phase["name"] for phase in run["processes"][0]["phases"]]
    assert phases[-2:] == ["paced", "real time"]


def test_a_stream_that_cannot_keep_up_says_so_and_is_no_failure(bench: Bench, tmp_path: Path) -> None:
    path = fake_stream(tmp_path / "hear", busy_s=0.015)
    code, out, _ = bench(path, "--backend", FAKE, "--quick", "--processes", "1", "-q")
    assert code == 0
    assert "note: deadlines_missed: " in out
    assert "times real time" in out
    factor = re.search(r"real-time factor ([\d.]+)", out)
    assert factor is not None
    assert float(factor[1]) >= 1.5


def test_a_public_model_as_a_stream_runs_in_real_time_with_its_own_source(
    bench: Bench, tmp_path: Path, public_model: Callable[[str], Path]
) -> None:
    path = silero(tmp_path / "vad", public_model("silero-vad"))
    speech = tmp_path / "speech.wav"
    real_bundles.sound(speech, loud_s=[(0.5, 1.0)], length_s=2.0, rate_hz=16000)
    code, out, err = bench(path, "--source", speech, "--quick", "--processes", "1", "-q")
    assert (code, err) == (0, "")
    assert "a hop every 32.0 ms; " in out
    assert re.search(r"speech \(vad\) .* 1\.00$", out, re.MULTILINE)


def test_a_stage_that_found_nothing_to_do_is_noted(bench: Bench, tmp_path: Path) -> None:
    never = {"from": "first", "above": 1e9}
    path = fake_bundle(
        tmp_path / "gated",
        {"m": {"shape": (1, 1)}},
        [{"run": "m", "as": "first"}, {"run": "m", "as": "second", "only_if": never}],
        result="first",
    )
    _, out, _ = bench(path, "--backend", FAKE, "-q")
    assert "note: stages_idle: on this source no model ran in: second" in out


def test_another_answer_than_the_probes_makes_a_run_invalid(bench: Bench, tmp_path: Path) -> None:
    path = fake_bundle(tmp_path / "random", {"m": {"noise": 100.0}}, [{"run": "m"}])
    for _ in range(3):  # a probe and its workers may have nearly the same noise
        code, out, _ = bench(path, "--backend", FAKE, "-q", "--processes", "2")
        if code:
            break
    assert code == 1
    assert "INVALID" in out.splitlines()[0]
    assert "invalid: wrong_output: " in out
    assert "answer[0].value.y[0][0] is " in " ".join(out.split())


# --- one model


def test_one_model_of_a_bundle_is_measured_as_a_bare_file_is(
    document: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    path = real_bundles.loudness(tmp_path / "loud")
    (run,) = document(path, "--model", "loud")["runs"]
    model = run["model"]
    assert (model["format"], model["bundle"]["model"]) == ("onnx", "loud")
    assert "sha256:" + model["sha256"] == real_bundles.sha256(path / "loud.onnx")
    assert [tensor["name"] for tensor in model["inputs"]] == ["x", "count"]
    assert run["settings"]["loops"] == {"count": "next"}
    assert "pipeline" not in run
    assert "pipeline" not in run["processes"][0]


def test_variants_are_measured_in_turn_and_named(bench: Bench, tmp_path: Path) -> None:
    path = real_bundles.linear(tmp_path / "linear.edge", pipeline=True)
    code, out, _ = bench(path, "--variant", "f32,lite", "-q")
    assert code == 0
    rows = [line.split()[:2] for line in out.splitlines()[1:3]]
    assert rows == [["linear.edge/f32", "onnxruntime"], ["linear.edge/lite", "litert"]]
    assert "in models" in out.splitlines()[0]
    _, out, _ = bench(path, "--variant", "f32,lite", "--model", "linear", "-q")
    assert out.splitlines()[2].split()[0] == "linear.edge:linear/lite"
    assert "in models" not in out.splitlines()[0]


def test_usual_sizes_are_run_and_noted(document: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    def ranged(manifest: dict[str, Any]) -> None:
        rows = manifest["models"]["linear"]["inputs"]["x"]
        rows["shape"] = ["N", 4]
        rows["dims"] = {"N": {"min": 1, "opt": 3, "max": 8}}

    (run,) = document(real_bundles.linear(tmp_path / "linear", ranged), "--variant", "f32")["runs"]
    assert run["model"]["inputs"][0]["shape"] == [3, 4]
    assert "bundle_sizes" in [doubt["name"] for doubt in run["warnings"]]


def test_a_bundle_of_one_model_takes_tensors_from_a_file(
    document: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    path = real_bundles.linear(tmp_path / "linear")
    (run,) = document(path, "--input", path / "golden/in.npz", "--variant", "f32")["runs"]
    assert run["settings"]["inputs"] == str(path / "golden/in.npz")
    assert run["model"]["inputs"][0]["shape"] == [1, 4]


def test_by_itself_each_backend_runs_the_variant_that_it_would_choose(
    document: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    runs = document(real_bundles.linear(tmp_path / "linear"))["runs"]
    chosen = [
        (model["backend"], model["variant"]) for run in runs for model in run["model"]["bundle"]["models"]
    ]
    assert chosen == [("onnxruntime", "f32"), ("litert", "lite")]


# --- models that come with edgeai


@pytest.fixture
def included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the one with the models that come with edgeai."""
    folder = tmp_path / "included"
    folder.mkdir()
    monkeypatch.setattr("edgeai.included._folder", lambda: folder)
    return folder


@pytest.fixture
def models(included: Path) -> Path:
    real_bundles.pack(real_bundles.classifier(included / "color"), included / "color.edge")
    real_bundles.pack(real_bundles.loudness(included / "loud"), included / "loud.edge")
    return included


def test_without_a_model_those_that_come_with_edgeai_are_measured(
    bench: Bench, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = bench("--json")
    assert code == 0
    assert err.splitlines()[0] == "no model is named; measuring those that come with edgeai: color, loud"
    runs = json.loads(out)["runs"]
    assert [run["model"]["path"] for run in runs] == [str(models / "color.edge"), str(models / "loud.edge")]


def test_an_included_model_answers_to_its_name(
    bench: Bench, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = bench("color", "--variant", "f32", "-q")
    assert (code, err) == (0, "")
    assert out.startswith("color.edge/f32 on onnxruntime ")


def test_without_included_models_it_says_what_to_give(
    the_error: Callable[..., tuple[int, str]], included: Path
) -> None:
    code, line = the_error()
    assert line == "give model files or --suite NAME; `edgeai bench --help` shows examples"
    assert code == 2


# --- what cannot be measured


def test_a_step_of_an_application_cannot_be_called_from_here(
    the_error: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    path = fake_bundle(tmp_path / "own", {"m": {}}, [{"run": "m", "post": [{"op": "acme.x@1"}]}])
    code, line = the_error(path, "--backend", FAKE)
    assert code == 2
    assert "calls the step acme.x@1, which is not built in" in line


def test_a_source_of_the_wrong_kind_is_named(
    the_error: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no picture, no sound")
    for write in (real_bundles.classifier, real_bundles.loudness):
        code, line = the_error(write(tmp_path / write.__name__), "--source", text)
        assert code == 2
        assert "image" in line or "sound" in line
    code, line = the_error(tmp_path / "classifier", "--source", tmp_path / "absent.png")
    assert (code, line) == (2, f"{tmp_path}/absent.png: no such file; check the path")


def test_a_changed_file_of_a_bundle_is_named(
    the_error: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    path = real_bundles.classifier(tmp_path / "color")
    (path / "labels.txt").write_text("rouge\nvert\nbleu\n")
    code, line = the_error(path)
    assert (code, line) == (
        2,
        f"{path}: labels.txt is not the file that the manifest names; copy the bundle again",
    )


def test_a_changed_model_that_does_not_even_open_is_named_as_that(
    the_error: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    path = real_bundles.classifier(tmp_path / "color")
    whole = (path / "color.onnx").read_bytes()
    (path / "color.onnx").write_bytes(whole[: len(whole) // 2])
    code, line = the_error(path)
    assert (code, line) == (
        2,
        f"{path}: color.onnx is not the file that the manifest names; copy the bundle again",
    )


def test_damaged_bundles_are_one_line(the_error: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    folder = real_bundles.classifier(tmp_path / "color")
    whole = real_bundles.pack(folder, tmp_path / "color.edge").read_bytes()
    cut = tmp_path / "cut.edge"
    cut.write_bytes(whole[: len(whole) // 2])
    flipped = tmp_path / "flipped.edge"
    middle = whole.index((folder / "labels.txt").read_bytes())
    flipped.write_bytes(whole[:middle] + b"X" + whole[middle + 1 :])
    for path in (cut, flipped):
        code, line = the_error(path)
        assert code == 2
        assert path.name in line
    (folder / "color.onnx").unlink()
    assert the_error(folder) == (2, f"{folder}: color.onnx is missing; copy the bundle again")
    (folder / "manifest.json").write_text("{")
    assert the_error(folder)[0] == 2


def test_a_missing_extra_is_missing_here(
    the_error: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/tokenizers.py").write_text("raise ImportError('not on this machine')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    code, line = the_error(real_bundles.mood(tmp_path / "mood"))
    assert code == 3
    assert "pip install 'edgeai[text]'" in line


def test_beside_others_a_missing_extra_is_skipped_and_the_others_run(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/tokenizers.py").write_text("raise ImportError('not on this machine')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    code, out, _ = bench(real_bundles.mood(tmp_path / "mood"), real_bundles.linear(tmp_path / "linear"), "-q")
    assert code == 0
    assert "skipped: mood: " in out
    assert "linear:linear" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "det"], "has no model 'det'; it has: color"),
        (["--model", "color", "--source", "a.png"], "--source and --chunk go with a bundle's whole pipeline"),
        (["--model", "color", "--variant", "s8"], "model 'color' has no variant 's8'; it has: f32"),
        (["--variant", "s8"], "model 'color' has no variant 's8'; it has: f32"),
        (["--chunk", "20ms"], "--chunk is for streams of sound"),
        (["--input", "x.npy"], "--input, --input-shape and --batch go with a model"),
        (["--batch", "2"], "--input, --input-shape and --batch go with a model"),
        (["--backend", "litert"], "none of the backends litert reads"),
        (["--signature", "main"], "is a bundle, whose manifest names signatures; leave it out"),
        (["--suite", "public"], "give either model files or --suite NAME"),
    ],
)
def test_words_that_do_not_go_with_a_bundle_are_named(
    words: list[str], said: str, the_error: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    code, line = the_error(real_bundles.classifier(tmp_path), *words)
    assert said in line
    assert code == 2


@pytest.mark.parametrize("words", ["--model m", "--variant a", "--source x.png", "--chunk 20ms"])
def test_a_suite_takes_no_words_of_bundles(words: str, the_error: Callable[..., tuple[int, str]]) -> None:
    code, line = the_error("--suite", "public", *words.split(" "))
    assert line == "--model, --variant, --source and --chunk go with a bundle, not with --suite"
    assert code == 2


def test_tensors_that_do_not_fit_are_named(the_error: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    path = real_bundles.linear(tmp_path / "linear", pipeline=True)
    np.savez(tmp_path / "z.npz", z=np.zeros((1, 4), np.float32))
    code, line = the_error(path, "--source", tmp_path / "z.npz", "--backend", "litert")
    assert code == 2
    assert "model 'linear' got z; it wants x: f32[N, 4]" in line
