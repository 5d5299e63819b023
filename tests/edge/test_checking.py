"""What `check` finds: damage, steps, libraries, variants, samples; and what it means."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeai.backends import BACKENDS
from edgeai.checking import DAMAGED, FAIL, MISSING, NO, NOTE, OK, SKIPPED, Check, run_checks, worst_fault
from edgeai.errors import ModelNotFound, UnknownDevice
from edgeai.pipeline import libraries
from tests import real_bundles
from tests.tiny_models import linear_onnx, linear_tflite


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def outcomes(path: Path, device: str | None = None) -> list[tuple[str, str]]:
    """Without the details."""
    return [(check.what, check.outcome) for check in run_checks(path, device) if not check.is_detail]


def failures(path: Path) -> list[Check]:
    return [check for check in run_checks(path) if check.outcome == FAIL]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("make", [real_bundles.classifier, real_bundles.loudness, real_bundles.mood])
def test_a_sound_bundle_passes_in_a_folder_and_packed(
    make: Callable[[Path], Path], packed: bool, tmp_path: Path
) -> None:
    path = make(tmp_path / "bundle")
    if packed:
        path = real_bundles.pack(path, tmp_path / "bundle.edge")
    checks = list(run_checks(path))
    assert {check.outcome for check in checks} == {OK}
    assert worst_fault(checks) is None


def test_samples_run_on_every_variant_that_runs_here(tmp_path: Path) -> None:
    assert outcomes(real_bundles.linear(tmp_path / "linear")) == [
        ("files", OK),
        ("manifest", OK),
        ("linear/f32", OK),
        ("golden ramp", OK),
        ("linear/lite", OK),
        ("golden ramp", OK),
    ]


def test_the_pipelines_samples_run_on_every_variant_too(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["golden"] = [{"source": "golden/in.npz", "result": {"y": [[1, 3, 5, 7.004]]}}]

    folder = real_bundles.linear(tmp_path / "linear", change, pipeline=True)
    samples = [check for check in run_checks(folder) if check.what == "golden[0]"]
    assert [(check.outcome, check.why) for check in samples] == [
        (OK, "f32 on onnxruntime: off by at most 0.004"),
        (OK, "lite on litert: off by at most 0.004"),
    ]


def test_a_variants_own_tolerance_goes_before_the_samples(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["golden"][0]["tolerance"] = {"abs": 0.5}
        manifest["models"]["linear"]["variants"][1]["tolerance"] = {"cosine": 0.9}

    folder = real_bundles.linear(tmp_path / "linear", change)
    np.savez(folder / "golden/out.npz", y=np.array([[2, 4, 6, 8]], np.float32))  # each off by 1
    manifest = folder / "manifest.json"
    text = manifest.read_text()
    wrong = real_bundles.sha256(real_bundles.linear(tmp_path / "again") / "golden/out.npz")
    manifest.write_text(text.replace(wrong, real_bundles.sha256(folder / "golden/out.npz")))
    first, second = [check for check in run_checks(folder) if check.what == "golden ramp"]
    assert (first.outcome, first.fault) == (FAIL, NO)
    assert "y is off at 4 of 4 places, first at [0, 0]: 1 instead of 2 (allowed: abs 0.5)" in first.why
    assert second.outcome == OK
    assert "cosine 0.99" in second.why


# Damage.


def test_a_changed_byte_ends_the_check_before_anything_is_opened(tmp_path: Path, home: Path) -> None:
    packed = real_bundles.pack(real_bundles.linear(tmp_path / "linear"), tmp_path / "linear.edge")
    content = bytearray(packed.read_bytes())
    content[content.index(b"doubled")] ^= 1  # a name inside the ONNX file
    packed.write_bytes(content)
    checks = list(run_checks(packed))
    assert worst_fault(checks) == DAMAGED
    assert [check.outcome for check in checks if not check.is_detail] == [FAIL]
    assert not home.exists()


def test_a_manifest_that_is_wrong_names_the_place(tmp_path: Path) -> None:
    folder = real_bundles.linear(tmp_path / "linear", lambda m: m.update(version=1.0))
    (check,) = run_checks(folder)
    assert (check.outcome, check.fault) == (FAIL, DAMAGED)
    assert f"{folder}: version: is a number, 1.0; give a text" in check.why


def test_a_requirement_that_is_not_known_is_a_failure_by_name(tmp_path: Path) -> None:
    (check,) = run_checks(real_bundles.linear(tmp_path / "linear", lambda m: m.update(requires=["warp"])))
    assert check.fault == DAMAGED
    assert "requires warp" in check.why


def test_a_step_that_is_not_there_is_a_failure_by_name(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["pipeline"][0]["post"][0]["op"] = "score@9"

    checks = list(run_checks(real_bundles.loudness(tmp_path / "loudness", change)))
    assert [check.outcome for check in checks if not check.is_detail] == [OK, OK, FAIL]
    assert checks[-1].fault == DAMAGED
    assert "pipeline[0].post[0]: calls the step score@9" in checks[-1].why


def test_a_file_that_is_not_what_the_manifest_declares_is_a_failure(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["models"]["linear"]["inputs"]["x"]["dtype"] = "u8"

    first, second = failures(real_bundles.linear(tmp_path / "linear", change))
    assert first.fault == second.fault == DAMAGED
    assert "models.linear.inputs.x is declared as x: u8[N, 4]; the file has x: f32[N, 4]" in first.why


def test_nothing_there_and_an_unknown_board_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        list(run_checks(tmp_path / "nosuch.edge"))
    with pytest.raises(UnknownDevice):
        list(run_checks(linear_onnx(tmp_path / "x.onnx"), "nosuch"))


# What is only noted, and what is missing.


def test_unknown_keys_are_notes_and_fail_nothing(tmp_path: Path) -> None:
    checks = list(run_checks(real_bundles.linear(tmp_path / "linear", lambda m: m.update(licenze="MIT"))))
    assert worst_fault(checks) is None
    why = "licenze is not read by this edgeai: newer than it, or misspelt"
    assert Check("manifest", NOTE, why) in checks


def test_an_applications_own_step_is_noted_and_its_samples_are_skipped(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["pipeline"][0]["post"].insert(0, {"op": "acme.mark@1", "loud": True})

    checks = {
        (check.what, check.outcome): check.why
        for check in run_checks(real_bundles.loudness(tmp_path / "loudness", change))
    }
    assert "acme.mark@1 is the application's own" in checks["steps", NOTE]
    assert checks["golden[0]", SKIPPED] == "needs the application's own acme.mark@1"
    assert checks["loud/f32", OK]


def test_a_sample_without_a_result_is_skipped(tmp_path: Path) -> None:
    folder = real_bundles.loudness(tmp_path / "loudness", lambda m: m["golden"][0].pop("result"))
    assert outcomes(folder)[-1] == ("golden[0]", SKIPPED)


def test_a_library_that_steps_need_is_missing_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = libraries.Library("tokenizers", "edgeai_no_such_library", "text")
    monkeypatch.setitem(libraries.LIBRARIES, "tokenize@1", absent)
    (check,) = failures(real_bundles.mood(tmp_path / "mood"))
    assert check == Check("steps", FAIL, "tokenize@1 needs tokenizers: pip install 'edgeai[text]'", MISSING)


def test_a_variant_that_cannot_run_here_is_skipped_with_the_reason(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        f32, lite = manifest["models"]["linear"]["variants"]
        f32["needs"] = {"cpu": ["no_such_feature"]}
        lite["needs"] = {"litert": ">=99"}

    folder = real_bundles.linear(tmp_path / "linear", change)
    checks = list(run_checks(folder))
    skipped = {check.what: check.why for check in checks if check.outcome == SKIPPED}
    assert skipped["linear/f32"] == "needs no_such_feature, which this CPU lacks"
    assert "litert: needs version >=99, here is " in skipped["linear/lite"]
    assert checks[-1].what == "linear"
    assert checks[-1].outcome == FAIL


def test_a_no_stays_one_whatever_is_installed() -> None:
    no, missing, damaged = (Check("x", FAIL, "", fault) for fault in (NO, MISSING, DAMAGED))
    fine = Check("x", OK, "")
    assert worst_fault([fine]) is None
    assert worst_fault([fine, missing]) == MISSING
    assert worst_fault([missing, no]) == NO
    assert worst_fault([no, missing, damaged]) == DAMAGED


def test_a_store_that_cannot_be_written_is_missing_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = real_bundles.pack(real_bundles.linear(tmp_path / "linear"), tmp_path / "linear.edge")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "file/home"))
    (check,) = failures(packed)
    assert (check.what, check.fault) == ("store", MISSING)


# Bare models.


def test_a_bare_model_is_read_and_opened(tmp_path: Path) -> None:
    for path in (linear_onnx(tmp_path / "x.onnx"), linear_tflite(tmp_path / "x.tflite")):
        assert outcomes(path) == [("file", OK), ("model", OK)]


def test_each_signature_of_a_bare_model_is_opened(tmp_path: Path) -> None:
    path = linear_tflite(tmp_path / "x.tflite", ("one", "two"))
    assert outcomes(path) == [("file", OK), ("signature one", OK), ("signature two", OK)]


def test_a_bare_model_that_is_damaged_or_has_no_backend_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = linear_onnx(tmp_path / "x.onnx")
    half = tmp_path / "half.onnx"
    half.write_bytes(path.read_bytes()[:60])
    assert [(check.what, check.fault) for check in failures(half)] == [("file", DAMAGED)]
    absent = BACKENDS["onnxruntime"]._replace(module="edgeai_no_such_library")
    monkeypatch.setitem(BACKENDS, "onnxruntime", absent)
    assert [(check.what, check.fault) for check in failures(path)] == [("model", MISSING)]


# Other boards.


@pytest.mark.parametrize(
    ("needs", "device", "outcome", "why"),
    [
        ({}, "raspberry-pi-5", OK, "runs on raspberry-pi-5 with onnxruntime"),
        ({"ort": ">=1.20"}, "raspberry-pi-5", OK, "runs on raspberry-pi-5 with onnxruntime >=1.20"),
        ({"cpu": ["asimddp"]}, "raspberry-pi-5", OK, "runs on raspberry-pi-5"),
        ({"cpu": ["asimddp"]}, "raspberry-pi-4", SKIPPED, "needs asimddp, which raspberry-pi-4 lacks"),
        ({"cpu": ["asimddp"]}, "arm64", SKIPPED, "needs asimddp, of which the profile arm64 says nothing"),
        ({"cpu": ["sve2"]}, "raspberry-pi-5", SKIPPED, "needs sve2, of which the profile raspberry-pi-5"),
        ({"providers": ["cuda"]}, "jetson-orin-nano", OK, "runs on jetson-orin-nano"),
        ({"providers": ["cuda"]}, "raspberry-pi-5", SKIPPED, "needs cuda; raspberry-pi-5 is known for cpu"),
        ({"providers": ["cuda", "cpu"]}, "raspberry-pi-5", OK, "runs on raspberry-pi-5"),
        ({"npu": "hailo"}, "raspberry-pi-5", SKIPPED, "needs npu, which this edgeai cannot judge"),
    ],
)
def test_another_board_is_judged_by_what_its_profile_says(
    needs: dict[str, Any], device: str, outcome: str, why: str, tmp_path: Path
) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["models"]["loud"]["variants"][0]["needs"] = needs

    checks = list(run_checks(real_bundles.loudness(tmp_path / "loudness", change), device))
    check = next(each for each in checks if each.what == "loud/f32")
    assert check.outcome == outcome
    assert check.why.startswith(why)
    assert worst_fault(checks) == (None if outcome == OK else NO)


def test_another_board_needs_no_backend_and_no_store_here(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = real_bundles.pack(real_bundles.linear(tmp_path / "linear"), tmp_path / "linear.edge")
    shutil.rmtree(tmp_path / "linear")
    for name, entry in list(BACKENDS.items()):
        monkeypatch.setitem(BACKENDS, name, entry._replace(module="edgeai_no_such_library"))
    assert worst_fault(run_checks(packed, "raspberry-pi-zero-2-w")) is None
    assert not home.exists()


def test_another_boards_libraries_are_noted(tmp_path: Path) -> None:
    checks = run_checks(real_bundles.mood(tmp_path / "mood"), "raspberry-pi-5")
    notes = [check.why for check in checks if check.outcome == NOTE]
    assert notes == ["tokenize@1 needs tokenizers on the board: pip install 'edgeai[text]'"]


# The table of libraries.


def test_the_table_of_libraries_names_what_the_code_requires() -> None:
    import re

    import edgeai

    root = Path(edgeai.__file__).parent
    asked = set()
    for path in [*(root / "steps").glob("*.py"), *(root / "pipeline").rglob("*.py")]:
        asked |= set(re.findall(r'require\(\s*"([^"]+)", "([^"]+)"', path.read_text()))
    tabled = {(library.module, library.extra) for library in libraries.LIBRARIES.values()}
    assert {(module.partition(".")[0], extra) for module, extra in asked} == tabled
