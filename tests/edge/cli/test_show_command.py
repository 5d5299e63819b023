"""`edgeai show` as a user calls it: what is in a bundle or a model, without any backend."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeai.quantities import bytes_text
from tests import real_bundles
from tests.command import call


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def shown(*words: object) -> list[str]:
    done = call("show", *words)
    assert (done.code, done.err) == (0, "")
    return done.out.splitlines()


def test_a_bundle_is_shown_from_its_licence_to_its_operators(tmp_path: Path) -> None:
    folder = real_bundles.loudness(tmp_path / "loudness")
    identity = call("show", folder, "-q").out.split()[2]
    model_bytes = (folder / "loud.onnx").stat().st_size
    assert shown(folder) == [
        "tiny/loud 1.0.0",
        "  size      13.1 kB, 2 files, in a folder",
        f"  identity  {identity}",
        "  licence   Apache-2.0",
        "  takes     audio at 16,000 Hz",
        "pipeline, answers with events",
        '  events: source > model loud > score@1(tensor="y") > trigger@1(above=0.25, name="loud")',
        "model loud",
        "  input   x: f32[1, 160]",
        "  input   count: f32[1, 1]",
        "  output  y: f32[1, 1]",
        "  output  next: f32[1, 1]",
        "  state   next goes back into count, 0 at first",
        "  window  x of 160, every 160 at 16000 a second (10 ms); the rest is dropped",
        f"  variant f32: onnx, {model_bytes} B",
        "    IR 8, opset ai.onnx 13",
        "    3 operators: Abs 1, ReduceMean 1, Add 1",
        "    weights f32 4 B",
        "assets",
        "  golden/loud.wav  12.8 kB",
        "golden[0]: golden/loud.wav through the pipeline",
    ]


def test_a_packed_bundle_is_shown_as_in_its_folder_and_the_store_stays_empty(
    tmp_path: Path, home: Path
) -> None:
    folder = real_bundles.linear(tmp_path / "linear")
    packed = real_bundles.pack(folder, tmp_path / "linear.edge")
    of_folder, of_packed = shown(folder), shown(packed)
    assert [line for line in of_packed if "size" not in line] == [
        line for line in of_folder if "size" not in line
    ]
    assert of_packed[1] == f"  size      {bytes_text(packed.stat().st_size)}, 4 files, packed"
    assert not home.exists()


def test_a_bare_model_is_shown_with_its_own_signature(tmp_path: Path) -> None:
    folder = real_bundles.linear(tmp_path / "linear")
    assert shown(folder / "linear.onnx") == [
        "linear.onnx  a bare onnx model",
        f"  size      {(folder / 'linear.onnx').stat().st_size} B",
        "model linear",
        "  input   x: f32[N, 4]",
        "  output  y: f32[N, 4]",
        "  IR 8, opset ai.onnx 13",
        "  2 operators: Mul 1, Add 1",
        "  weights f32 8 B",
    ]


def test_verbose_adds_hashes_and_what_is_said_of_quality(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["quality"] = [{"metric": "AUC", "value": 0.99}]
        manifest["provenance"] = {"from": "somewhere"}

    folder = real_bundles.loudness(tmp_path / "loudness", change)
    lines = shown(folder, "-v")
    assert f"  sha256 {real_bundles.sha256(folder / 'loud.onnx')[7:]}" in "".join(lines)
    assert lines[-4:] == ["quality", '  {"metric": "AUC", "value": 0.99}', "provenance", "  from: somewhere"]
    assert 'provenance: {"from": "somewhere"}' in shown(folder)


def test_conditions_batches_needs_and_ranges_are_said(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        model = manifest["models"]["color"]
        model["inputs"]["x"]["shape"] = ["N", 3, 8, 8]
        model["inputs"]["x"]["dims"] = {"N": {"min": 1, "max": 8, "step": 2}}
        model["variants"][0]["needs"] = {"ort": ">=1.20", "ir": 8, "cpu": ["asimddp"], "npu": "x"}
        again = {"run": "color", "as": "again", "batch": True, "only_if": {"from": "color", "above": 0.5}}
        manifest["pipeline"].append(again)

    lines = shown(real_bundles.classifier(tmp_path / "color", change))
    assert "  again: source > model color in batches of up to 8, only if color > 0.5" in lines
    assert "  input   x: f32[N, 3, 8, 8], NCHW, RGB, N 1 to 8 by 2" in lines
    (variant,) = [line for line in lines if line.startswith("  variant f32: onnx, f32, ")]
    assert variant.endswith(" B, needs onnxruntime >=1.20, IR 8, asimddp, npu not known here")


def test_unknown_keys_and_formats_are_noted(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["licenze"] = "MIT"
        manifest["models"]["loud"]["variants"][0]["format"] = "hef"

    lines = shown(real_bundles.loudness(tmp_path / "loudness", change))
    assert "    the format hef is not known here" in lines
    assert lines[-1] == "note: licenze is not read by this edgeai: newer than it, or misspelt"


def test_json_has_the_manifest_and_what_the_files_hold(tmp_path: Path) -> None:
    folder = real_bundles.linear(tmp_path / "linear")
    document = call("show", folder, "--json").document
    assert (document["schema"], document["kind"], document["form"]) == (1, "edgeai.show", "folder")
    assert document["manifest"] == json.loads((folder / "manifest.json").read_text())
    assert document["files"]["linear.onnx"] == {
        "size_bytes": (folder / "linear.onnx").stat().st_size,
        "sha256": real_bundles.sha256(folder / "linear.onnx")[7:],
    }
    first, second = document["graphs"]
    assert (first["model"], first["variant"], first["graph"]["opsets"]) == ("linear", "f32", {"ai.onnx": 13})
    assert second["graph"]["operators"] == {"MUL": 1, "ADD": 1}


METRIC = {
    "name": "top1",
    "value": 0.98,
    "interval": [0.95, 0.99],
    "drop": 0.005,
    "drop_interval": [-0.01, 0.02],
}


def proven(manifest: dict[str, Any]) -> None:
    """As `edgeai export` writes it, and something that a later one might add."""
    f32, lite = manifest["models"]["linear"]["variants"]
    f32["cost"] = {
        "inputs": {"x": [1, 4]},
        "multiply_accumulates": 300_774_272,
        "peak_memory_bytes": 54_688_576,
    }
    lite["precision"] = "int8"
    of = {"model": "linear", "backend": "onnxruntime", "size_bytes": 141, "passes": True, "problems": []}
    manifest["quality"] = [
        {**of, "variant": "f32", "metric": METRIC, "cosine": 0.99991, "worst_cosine": 0.991, "samples": 200,
         "data": "held-out.npz", "probes": [{"name": "batch 3"}]},
        {**of, "variant": "lite", "metric": {"name": "top1", "value": 0.7}, "problems": ["NaN for batch 3"],
         "novel": {"a": 1}, "max_error": 0.25},
    ]  # fmt: skip
    manifest["provenance"] = {"source": {"kind": "onnx"}, "calibration": "data"}


def test_variants_stand_in_a_table_with_quality_and_cost(tmp_path: Path) -> None:
    lines = shown(real_bundles.linear(tmp_path / "linear", proven))
    start = next(place for place, line in enumerate(lines) if line.startswith("  variant  format"))
    cells = [re.split("  +", line.strip()) for line in lines[start : start + 3]]
    assert cells == [
        ["variant", "format", "precision", "size", "cosine", "top1", "drop", "MACs", "activations", "RAM"],
        ["f32", "onnx", "f32", "141 B", "0.99991", "0.98 [0.95, 0.99]", "0.005 [-0.01, 0.02]", "301 M", "-",
         "54.7 MB"],
        ["lite", "tflite", "int8", "764 B", "-", "0.7", "-", "0", "32 B", "3.60 MB"],
    ]  # fmt: skip
    assert lines[start + 3 : start + 5] == [
        "  f32: worst cosine 0.991; on 200 samples of held-out.npz",
        '  lite: novel {"a": 1}; largest error 0.25; PROBLEMS: NaN for batch 3',
    ]
    assert not [line for line in lines if line.startswith(("quality", "WARNING"))]


def test_json_lists_variants_with_quality_cost_and_provenance(tmp_path: Path) -> None:
    document = call("show", real_bundles.linear(tmp_path / "linear", proven), "--json").document
    assert document["provenance"] == {"source": {"kind": "onnx"}, "calibration": "data"}
    f32, lite = document["variants"]
    assert {
        key: f32[key] for key in ("model", "id", "format", "precision", "size_bytes", "files", "needs")
    } == {
        "model": "linear",
        "id": "f32",
        "format": "onnx",
        "precision": "f32",
        "size_bytes": (tmp_path / "linear/linear.onnx").stat().st_size,
        "files": ["linear.onnx"],
        "needs": {},
    }
    assert f32["quality"] == [document["manifest"]["quality"][0]]
    assert f32["cost"]["multiply_accumulates"] == 300_774_272
    # What the manifest leaves out is counted on the file.
    assert (lite["cost"]["activation_bytes"], lite["calibration"]) == (32, "data")


@pytest.mark.parametrize("where", ["variant", "export"])
def test_random_calibration_is_loud(where: str, tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        proven(manifest)
        told = manifest["quality"][1] if where == "variant" else manifest["provenance"]
        told["calibration"] = {"kind": "random", "samples": 8} if where == "variant" else "random"

    lines = shown(real_bundles.linear(tmp_path / "linear", change))
    assert (
        "WARNING: calibrated on random data: linear/lite; how good that is on real data is not known" in lines
    )


def test_a_bare_model_is_one_variant_with_what_it_costs(
    public_model: Callable[[str], Path],
) -> None:
    path = public_model("face-tflite")
    assert (
        "  costs 30.8 M multiply-accumulates, activations 1.51 MB, about 6.85 MB of RAM beside the runtime, "
        "at input:1x128x128x3"
    ) in shown(path)
    (variant,) = call("show", path, "--json").document["variants"]
    assert (variant["id"], variant["precision"], variant["files"]) == ("bare", "f16", [path.name])
    assert variant["cost"]["multiply_accumulates"] == 30_760_960


@pytest.mark.parametrize(
    ("model", "precision"), [("okay-nabu", "int8"), ("ppocr-rec", "f32"), ("basic-pitch-tflite", "f32")]
)
def test_a_bare_models_precision_is_that_of_its_weights(
    public_model: Callable[[str], Path], model: str, precision: str
) -> None:
    (variant,) = call("show", public_model(model), "--json").document["variants"]
    assert variant["precision"] == precision


def test_why_costs_are_not_known_is_told_when_asked(public_model: Callable[[str], Path]) -> None:
    assert (
        "activation_bytes unknown: the shape of x is not in the file"
        in shown(public_model("ppocr-rec"), "-v")[-1]
    )


@pytest.mark.parametrize(
    "quality",
    [3, "good", {}, {"cosine": 1}, [], [3], [None], [{"variant": "f32"}], [{"variant": ["f32"]}],
     [{"variant": "f32", "cosine": "high", "metric": 7, "drop": [], "interval": [1], "problems": "bad"}],
     [{"variant": "f32", "metric": {"value": True, "interval": [0, "x"], "name": 3}}],
     [{"variant": "f32", "model": "other"}, {"variant": "f32", "calibration": 3}]],
)  # fmt: skip
def test_whatever_a_manifest_says_of_quality_is_borne(quality: object, tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["quality"] = quality
        manifest["models"]["linear"]["variants"][0]["cost"] = {
            "activation_bytes": "x",
            "inputs": 3,
            "notes": 4,
        }

    folder = real_bundles.linear(tmp_path / "linear", change)
    assert shown(folder)
    assert shown(folder, "-v")
    assert call("show", folder, "--json").document["manifest"]["quality"] == quality


def test_the_manifest_is_printed_as_json_that_a_terminal_can_show(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["provenance"] = {"by": "Zoë \x9b31m\x1b]0;\u202e"}

    folder = real_bundles.loudness(tmp_path / "loudness", change)
    text = call("show", folder, "--manifest").out
    assert json.loads(text) == json.loads((folder / "manifest.json").read_text())
    assert "Zoë" in text
    assert all(letter.isprintable() for letter in text.replace("\n", ""))


def test_nothing_that_a_manifest_says_reaches_the_terminal_raw(tmp_path: Path) -> None:
    bad = "a\x1b[31m\nb"

    def change(manifest: dict[str, Any]) -> None:
        manifest["licence"] = manifest["provenance"] = bad
        manifest["quality"] = [{bad: bad}]
        manifest["golden"][0]["id"] = bad
        model = manifest["models"]["loud"]
        model["variants"][0] |= {"precision": bad, "needs": {bad: 1, "cpu": [bad], "providers": [bad]}}
        manifest["pipeline"][0]["post"][1]["name"] = bad
        manifest[bad] = 1

    folder = real_bundles.loudness(tmp_path / "loudness", change)
    for words in ((), ("-v",), ("-q",)):
        for line in shown(folder, *words):
            assert line.isprintable(), line


@pytest.mark.parametrize("words", [(), ("--json",), ("--manifest",), ("-q",)])
def test_what_is_no_bundle_is_one_line_and_exit_code_2(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "text.edge").write_text("hello, this is no bundle")
    for path in (tmp_path / "text.edge", tmp_path / "nosuch.edge", tmp_path):
        done = call("show", path, *words)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"edgeai: {path}")
        assert done.err.count("\n") == 1


def test_a_bare_model_has_no_manifest_to_print(tmp_path: Path) -> None:
    model = real_bundles.linear(tmp_path / "linear") / "linear.onnx"
    done = call("show", model, "--manifest")
    assert done.code == 2
    assert "which has no manifest" in done.err


def test_no_backend_and_no_numpy_are_loaded(tmp_path: Path) -> None:
    packed = real_bundles.pack(real_bundles.linear(tmp_path / "linear"), tmp_path / "linear.edge")
    code = (
        f"import sys; sys.argv = ['edgeai', 'show', {str(packed)!r}, '-v']\n"
        "from edgeai.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'numpy', 'onnxruntime', 'ai_edge_litert', 'PIL'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
