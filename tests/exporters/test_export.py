"""The whole way from a source to a bundle, on the digits student and real digits."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

pytest.importorskip("onnxruntime.quantization")
pytest.importorskip("onnx_ir")
pytest.importorskip("litert_quantizer")

import edgeai
from edgeai.errors import (
    ExportError,
    ExtraMissing,
    ManifestError,
    ModelError,
    ModelNotFound,
    UnknownDevice,
    UsageError,
)
from edgeai.open_bundle import open_bundle
from edgeai_exporters.export import export, name_of
from edgeai_exporters.outcome import Outcome
from edgeai_exporters.request import Request
from tests.command import call

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "exporters" / "recipes" / "trained" / "digits.onnx"
SAMPLES = ROOT / "benchmarks" / "models" / "digits.samples.npz"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 digits with their labels, 0 to 1 as the model was trained."""
    found = np.load(SAMPLES)
    file = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(file, x=found["x"].astype(np.float32) / 255, y=found["y"].astype(np.int64))
    return file


@pytest.fixture(scope="module")
def request_(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Request:
    """Two schemes, built for a board that is not here, so that nothing depends on the clock."""
    return Request(
        source=str(DIGITS),
        out=tmp_path_factory.mktemp("out") / "digits.edge",
        data=str(data),
        schemes=("int8-static", "int8-dynamic"),
        max_drop=0.05,
        target="raspberry-pi-5",
    )


@pytest.fixture(scope="module")
def outcome(request_: Request) -> Outcome:
    return export(request_)


def _manifest(path: str | Path) -> dict[str, Any]:
    bundle, held = open_bundle(path)
    if held is not None:
        held.close()
    return dict(bundle.manifest)


def test_both_formats_are_in_the_bundle_and_each_has_its_float_file(outcome: Outcome) -> None:
    manifest = _manifest(outcome.bundle)
    variants = manifest["models"]["digits"]["variants"]
    ids = [each["id"] for each in variants]
    assert {"onnx-f32", "tflite-f32", "onnx-int8-static"} < set(ids)
    assert "int8" in {each["precision"] for each in variants if each["format"] == "onnx"}
    assert {"int8", "int8-dynamic"} & {each["precision"] for each in variants if each["format"] == "tflite"}
    assert {ids.index("onnx-f32"), ids.index("tflite-f32")} == {len(ids) - 2, len(ids) - 1}
    assert {each["format"] for each in variants} == {"onnx", "tflite"}


def test_every_variant_tells_digits_apart(outcome: Outcome, data: Path) -> None:
    found = np.load(data)
    for each in outcome.tried:
        if not each.is_shipped:
            continue
        with edgeai.load(outcome.bundle, variant=each.id) as session:
            outputs = [session.run({"input": x[None]}) for x in found["x"]]
        classes = [int(next(iter(out.values())).argmax()) for out in outputs]
        assert np.mean(classes == found["y"]) > 0.9, each.id


def test_what_was_proven_is_in_the_bundle(outcome: Outcome) -> None:
    manifest = _manifest(outcome.bundle)
    shipped = {each.id for each in outcome.tried if each.is_shipped}
    assert {each["variant"] for each in manifest["quality"]} == shipped
    for each in manifest["quality"]:
        assert each["metric"]["name"] == "top1"
        assert each["passes"] is True
        assert each["samples"] == 60
        assert {probe["name"] for probe in each["probes"]} >= {"low end", "high end", "zeros", "10 times"}
        assert "latency" not in each  # which is not the same twice
    for variant in manifest["models"]["digits"]["variants"]:
        assert variant["cost"]["multiply_accumulates"] > 1000
        assert 0.9 < variant["tolerance"]["cosine"] < 1
    provenance = manifest["provenance"]
    assert provenance["calibration"] == "data"
    assert provenance["target"] == "raspberry-pi-5"
    assert len(provenance["sha256"]) == 64


def test_the_same_request_gives_the_same_bytes(outcome: Outcome, request_: Request, tmp_path: Path) -> None:
    again = export(replace(request_, out=tmp_path / "again.edge"))
    assert again.identity == outcome.identity
    assert Path(again.bundle).read_bytes() == Path(outcome.bundle).read_bytes()


def test_its_golden_samples_hold(outcome: Outcome) -> None:
    done = call("check", outcome.bundle, "--json")
    assert done.code == 0, done.out + done.err
    golden = [check for check in done.document["checks"] if "sample-0" in check["what"]]
    assert len(golden) >= 2
    assert {check["outcome"] for check in golden} == {"ok"}


def test_latency_of_a_board_that_is_not_here_is_unavailable_and_removes_nothing(outcome: Outcome) -> None:
    assert all(each.latency_s is None and each.ratio is None for each in outcome.tried)
    assert "--measure-on" in outcome.machine
    assert all(each.latency_reason for each in outcome.tried)


def test_without_data_only_float_variants_are_made(tmp_path: Path) -> None:
    outcome = export(Request(source=str(DIGITS), out=tmp_path / "m.edge", target="raspberry-pi-5"))
    assert [each.id for each in outcome.tried] == ["onnx-f32", "tflite-f32"]
    assert outcome.calibration == "none"
    assert "no data" in outcome.data
    assert _manifest(outcome.bundle)["provenance"]["calibration"] == "none"


def test_random_calibration_marks_the_bundle(tmp_path: Path) -> None:
    request = Request(
        source=str(DIGITS),
        out=tmp_path / "m.edge",
        formats=("onnx",),
        schemes=("int8-static",),
        random=True,
        min_cosine=0.5,
        target="raspberry-pi-5",
    )
    outcome = export(request)
    manifest = _manifest(outcome.bundle)
    assert outcome.calibration == manifest["provenance"]["calibration"] == "random"
    assert all(each["kind"] == "random" for each in manifest["quality"])
    assert "WARNING   calibrated with random numbers" in call("show", outcome.bundle).out


def test_what_misses_the_budget_is_not_shipped_unless_it_is_allowed(
    request_: Request, tmp_path: Path
) -> None:
    strict = replace(
        request_,
        out=tmp_path / "m.edge",
        formats=("onnx",),
        schemes=("int8-static",),
        max_drop=None,
        min_cosine=1.0,
    )
    outcome = export(strict)
    shipped = {each.id for each in outcome.tried if each.is_shipped}
    left = [each for each in outcome.tried if not each.is_shipped]
    assert "onnx-f32" in shipped
    assert all(each.why for each in left)
    allowed = export(replace(strict, allow_drop=True, force=True))
    assert {each.id for each in allowed.tried if each.is_shipped} == {"onnx-f32", "onnx-int8-static"}
    quality = {each["variant"]: each for each in _manifest(allowed.bundle)["quality"]}
    assert quality["onnx-int8-static"]["passes"] is False
    assert any("1 is the least" in why for why in quality["onnx-int8-static"]["problems"])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"source": "absent.onnx"}, ModelNotFound, "no such file"),
        ({"schemes": ("int9",)}, UsageError, "unknown; known: none, int8-static"),
        ({"target": "raspberry-pi-55"}, UnknownDevice, "did you mean"),
        ({"data": None, "schemes": ("int8-static",)}, UsageError, "--data or --random-calibration"),
        ({"metric": "unheard"}, ExportError, "no metric is called"),
        ({"data": "absent.npz"}, ExportError, "absent.npz cannot be read"),
        ({"random": True}, UsageError, "leave it or the data out"),
        ({"out": Path("absent/m.edge")}, UsageError, "is no folder"),
        ({"steps": DIGITS}, ManifestError, "is not UTF-8"),
    ],
)
def test_bad_requests_are_one_clear_error_and_no_bundle(
    request_: Request, change: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    request = replace(request_, **({"out": tmp_path / "m.edge"} | change))
    with pytest.raises(error, match=words) as caught:
        export(request)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_model_is_told_in_one_line(request_: Request, tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(b"no model at all")
    with pytest.raises(ModelError, match="no model does"):
        export(replace(request_, source=str(tmp_path / "noise.onnx"), out=tmp_path / "m.edge"))
    assert not (tmp_path / "m.edge").exists()


def test_labels_and_shapes_that_do_not_fit_are_told(request_: Request, data: Path, tmp_path: Path) -> None:
    found = np.load(data)
    np.savez(tmp_path / "wide.npz", x=np.zeros((4, 1, 32, 32), np.float32), y=np.arange(4))
    with pytest.raises(ExportError, match=r"32"):
        export(replace(request_, data=str(tmp_path / "wide.npz"), out=tmp_path / "m.edge"))
    np.savez(tmp_path / "short.npz", x=found["x"], y=found["y"][:7])
    with pytest.raises(ExportError, match="7"):
        export(replace(request_, data=str(tmp_path / "short.npz"), out=tmp_path / "m.edge"))
    assert not (tmp_path / "m.edge").exists()


def test_what_is_there_is_replaced_only_by_force(request_: Request, tmp_path: Path) -> None:
    (tmp_path / "m.edge").write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        export(replace(request_, out=tmp_path / "m.edge"))
    assert (tmp_path / "m.edge").read_text() == "mine"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a/b/model.onnx", "model"),
        ("net.py:build", "net"),
        ("package.nets:build", "build"),
        ("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
    ],
)
def test_a_bundle_is_called_as_its_source(source: str, name: str) -> None:
    assert name_of(source) == name


def test_the_command_writes_json_by_its_schema_and_a_page(data: Path, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    words = ["--data", str(data), "--format", "onnx", "--scheme", "int8-static", "--max-drop", "5%"]
    words += ["-o", str(tmp_path / "m.edge"), "--report", str(tmp_path / "m.html"), "--json"]
    done = call("export", str(DIGITS), *words)
    assert done.code == 0, done.err
    document = json.loads(done.out)
    schema = ROOT / "exporters" / "edgeai_exporters" / "report" / "export.schema.json"
    jsonschema.validate(document, json.loads(schema.read_text()))
    assert document["settings"]["max_drop"] == 0.05
    page = (tmp_path / "m.html").read_text()
    assert "onnx-int8-static" in page
    shown = call("show", str(tmp_path / "m.edge"), "--json")
    variants = json.loads(shown.out)["variants"]
    assert {each["precision"] for each in variants} <= {"int8", "f32"}
    assert all(each["format"] == "onnx" for each in variants)


@pytest.fixture
def slow(tmp_path: Path, data: Path) -> list[str]:
    """An export that takes long enough to be stopped: its metric sleeps."""
    (tmp_path / "slow.py").write_text(
        "import time\nimport numpy as np\n\n"
        "def score(outputs, labels, reference):\n    time.sleep(0.3)\n    return np.ones(len(outputs))\n"
    )
    words = ["export", str(DIGITS), "--data", str(data), "--format", "onnx"]
    words += ["--scheme", "int8-static", "--metric", f"{tmp_path / 'slow.py'}:score", "--max-drop", "0.1"]
    return [*words, "-o", str(tmp_path / "m.edge"), "--work", str(tmp_path / "work")]


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_stopped_midway_it_leaves_no_bundle_and_goes_on(
    slow: list[str], signal_: signal.Signals, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        # A shell may have made its background jobs ignore SIGINT.
        ["env", "--default-signal=INT", sys.executable, "-m", "edgeai", *slow],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _wait_for(lambda: bool(list((tmp_path / "work").glob("onnx/*.jsonl"))))
    process.send_signal(signal_)
    _, stderr = process.communicate(timeout=60)
    assert not (tmp_path / "m.edge").exists()
    if signal_ is signal.SIGINT:
        assert process.returncode == 130
        assert "Traceback" not in stderr
    done = call(*slow)
    assert done.code == 0, done.err
    assert "onnx-int8-static" in done.out


def _wait_for(is_there: Any) -> None:
    end = time.monotonic() + 60
    while not is_there():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("no tmpfs can be mounted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_in_one_line(data: Path, small_disk: Path, tmp_path: Path) -> None:
    words = ["export", str(DIGITS), "--data", str(data), "--format", "onnx", "--scheme", "int8-static"]
    done = call(*words, "-o", str(tmp_path / "m.edge"), "--work", str(small_disk / "work"))
    assert done.code == 2
    assert len(done.err.strip().splitlines()[-1]) < 400
    assert "Traceback" not in done.err
    assert "room" in done.err
    assert not (tmp_path / "m.edge").exists()
    shutil.rmtree(small_disk / "work")
    done = call(*words, "-o", str(small_disk / "m.edge"), "--work", str(tmp_path / "work"))
    assert done.code == 2, done.out
    assert "Traceback" not in done.err
    assert os.listdir(small_disk) == []  # noqa: PTH208 - with hidden ones


@pytest.mark.skipif(
    not (ROOT / ".venv-jetpack6" / "bin" / "python").exists(),
    reason="no .venv-jetpack6; `make check-jetpack6`",
)
def test_on_jetpack_6_every_variant_loads_and_agrees(outcome: Outcome) -> None:
    """Python 3.10 with onnxruntime 1.23.2, its last: golden samples of what was exported here."""
    python = ROOT / ".venv-jetpack6" / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "edgeai", "check", outcome.bundle, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [check for check in json.loads(done.stdout)["checks"] if "sample-0" in check["what"]]
    assert len(ran) == sum(each.is_shipped for each in outcome.tried)
    assert {check["outcome"] for check in ran} == {"ok"}


def test_a_library_that_is_missing_is_named_with_its_extra(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx_ir", None)
    with pytest.raises(ExtraMissing, match=r"edgeai\[quant\]"):
        export(replace(request_, out=tmp_path / "m.edge", formats=("onnx",)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("are_shares", [False, True])
def test_class_folders_give_a_pipeline_that_names_what_is_in_a_picture(
    are_shares: bool, data: Path, tmp_path: Path
) -> None:
    found = np.load(data)
    names = [f"digit {number}" for number in range(10)]
    for row, (picture, number) in enumerate(zip(found["x"], found["y"], strict=True)):
        place = tmp_path / "photos" / names[number] / f"{row}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((picture[0] * 255).round().astype(np.uint8)).save(place)
    source = DIGITS
    if are_shares:
        source = tmp_path / "digits.onnx"
        model = onnx.load(DIGITS)
        (scores,) = model.graph.output
        model.graph.node.append(onnx.helper.make_node("Softmax", [scores.name], ["shares"]))
        scores.name = "shares"
        onnx.save(model, source)
    request = Request(
        source=str(source), out=tmp_path / "d.edge", data=str(tmp_path / "photos"), schemes=("none",)
    )
    stage = _manifest(export(request).bundle)["pipeline"][0]
    wanted = ["top_k@1"] if are_shares else ["softmax@1", "top_k@1"]
    assert [step["op"] for step in stage["post"]] == wanted
    with edgeai.load(request.out) as session:
        best, *others = session.predict(next((tmp_path / "photos" / "digit 7").iterdir())).value.top
    assert (best.name, len(others)) == ("digit 7", 4)
    assert sum(each.score for each in (best, *others)) == pytest.approx(1, abs=1e-2)


def test_one_model_of_a_packed_bundle_is_exported_and_the_others_stay(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("digits", "other"):
        shutil.copy(DIGITS, folder / f"{name}.onnx")
    (folder / "labels.txt").write_text("".join(f"{number}\n" for number in range(10)))
    variants = [{"id": "f32", "format": "onnx", "precision": "f32"}]
    manifest = {
        "schema": 1,
        "id": "local/two",
        "version": "1.0.0",
        "requires": ["pipeline"],
        "source": {"kind": "tensors"},
        "assets": {"labels.txt": ""},
        "models": {
            name: {"variants": [{**variants[0], "files": {f"{name}.onnx": ""}}]}
            for name in ("digits", "other")
        },
        "pipeline": [
            {"run": "digits", "post": [{"op": "top_k@1", "labels": "labels.txt"}], "as": "one"},
            {"run": "other", "from": "source", "post": [{"op": "top_k@1"}], "as": "two"},
        ],
        "quality": [{"model": "other", "variant": "f32", "samples": 3, "cosine": {"mean": 1.0, "min": 1.0}}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    packed = tmp_path / "two.edge"
    assert call("bundle", "--manifest", str(folder / "manifest.json"), "-o", str(packed)).code == 0
    out = tmp_path / "out.edge"
    request = Request(source=str(DIGITS), out=out, data=str(data), steps=packed, schemes=("none",))
    export(request)
    made = _manifest(out)
    assert {each["id"] for each in made["models"]["digits"]["variants"]} == {"onnx-f32", "tflite-f32"}
    assert [each["id"] for each in made["models"]["other"]["variants"]] == ["f32"]
    assert {each["model"] for each in made["quality"]} == {"digits", "other"}
    assert set(made["assets"]) >= {"labels.txt"}
    assert not {"other.onnx", "digits.onnx"} & set(made["assets"])
    with edgeai.load(out) as session:
        assert session.predict({"input": np.load(data)["x"][:1]}).value.top
