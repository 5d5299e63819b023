"""`edgeai check` as a user calls it: the lines, the answer, the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeai.backends import BACKENDS
from tests import real_bundles
from tests.command import call


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))


def test_a_sound_bundle_is_a_yes(tmp_path: Path) -> None:
    packed = real_bundles.pack(real_bundles.linear(tmp_path / "linear"), tmp_path / "linear.edge")
    done = call("check", packed)
    assert done.code == 0
    assert done.out.splitlines() == [
        "ok      files         4 files, each with the sha256 that the manifest states",
        "ok      manifest      tiny/linear 1.0.0, schema 1",
        "ok      linear/f32    opens on onnxruntime, with the inputs and outputs of the manifest",
        "ok      golden ramp   linear/f32 on onnxruntime: the same",
        "ok      linear/lite   opens on litert, with the inputs and outputs of the manifest",
        "ok      golden ramp   linear/lite on litert: the same",
        "yes: it is sound and runs here",
    ]
    assert call("check", packed, "-q").out == "yes: it is sound and runs here\n"
    hash_ = real_bundles.sha256(tmp_path / "linear/linear.onnx")[7:]
    assert f"ok      file          linear.onnx has the sha256 {hash_}\n" in call("check", packed, "-v").out


def test_a_sample_that_comes_out_wrong_is_a_no(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["golden"][0]["result"][0]["start_s"] = 0.3

    done = call("check", real_bundles.loudness(tmp_path / "loudness", change), "-q")
    assert done.code == 1
    assert done.out.splitlines() == [
        "FAIL    golden[0]     f32 on onnxruntime: [0].start_s is 0.1 instead of 0.3 (allowed: 0.05 s)",
        "no: not here",
    ]


def test_a_damaged_bundle_is_exit_code_2_and_nothing_of_it_is_opened(tmp_path: Path) -> None:
    folder = real_bundles.linear(tmp_path / "linear")
    (folder / "linear.onnx").write_bytes(b"\x08\x09 something else")
    done = call("check", folder)
    assert done.code == 2
    first, answer = done.out.splitlines()
    assert first.startswith(f"FAIL    file          {folder}: linear.onnx has the sha256 ")
    assert answer == "no: it is damaged or wrongly made"


def test_what_no_library_here_reads_is_a_no_and_a_missing_library_exit_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["models"]["loud"]["variants"][0]["format"] = "hef"

    done = call("check", real_bundles.loudness(tmp_path / "hef", change))
    assert done.code == 1
    assert "skipped loud/f32      no backend here reads the format hef" in done.out
    assert "FAIL    loud          no variant runs here" in done.out

    absent = BACKENDS["onnxruntime"]._replace(module="edgeai_no_such_library")
    monkeypatch.setitem(BACKENDS, "onnxruntime", absent)
    done = call("check", real_bundles.loudness(tmp_path / "loudness"))
    assert done.code == 3
    assert "skipped loud/f32      onnxruntime: not installed: pip install 'edgeai[onnx]'" in done.out
    assert done.out.endswith("not yet here: something is missing\n")


def test_another_board_is_judged_by_its_profile(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["models"]["linear"]["variants"][0]["needs"] = {"cpu": ["asimddp"]}

    folder = real_bundles.linear(tmp_path / "linear", change)
    pi5 = call("check", folder, "--device", "raspberry-pi-5")
    assert "ok      linear/f32    runs on raspberry-pi-5 with onnxruntime" in pi5.out
    assert pi5.out.endswith("yes: it should run on raspberry-pi-5\n")
    pi4 = call("check", folder, "--device", "raspberry-pi-4")
    assert pi4.code == 0
    assert "skipped linear/f32    needs asimddp, which raspberry-pi-4 lacks" in pi4.out


def test_json_lists_the_checks(tmp_path: Path) -> None:
    folder = real_bundles.linear(tmp_path / "linear")
    document = call("check", folder / "linear.onnx", "--json").document
    assert document == {
        "schema": 1,
        "kind": "edgeai.check",
        "path": str(folder / "linear.onnx"),
        "device": None,
        "passed": True,
        "fault": None,
        "checks": [
            {"what": "file", "outcome": "ok", "why": "onnx, 2 operators", "fault": None},
            {"what": "model", "outcome": "ok", "why": "opens on onnxruntime", "fault": None},
        ],
    }


def test_a_path_that_leads_nowhere_and_an_unknown_board_are_one_line(tmp_path: Path) -> None:
    model = real_bundles.linear(tmp_path / "linear") / "linear.onnx"
    for words in (["nosuch.edge"], [model, "--device", "nosuch"]):
        done = call("check", *words)
        assert (done.code, done.out) == (2, "")
        assert done.err.count("\n") == 1
