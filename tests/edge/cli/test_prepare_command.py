"""`edgeai prepare` as a user calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeai.cli.prepare import prepare as command
from tests.command import Done, call
from tests.tiny_models import linear_onnx


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of this test alone."""
    monkeypatch.setenv("EDGEAI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return linear_onnx(tmp_path / "m.onnx")


def run(*words: object) -> Done:
    return call("prepare", *words, "--budget", "500ms", "--threads", "1")


def test_a_table_shows_raw_against_prepared_and_why(tmp_path: Path, home: Path) -> None:
    done = run(linear_onnx(tmp_path / "m.onnx", ("N", "M")), "-v")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("onnxruntime, 1 thread")
    assert lines[2].split() == ["raw", "prepared", "ratio", "(95", "%", "interval)"]
    assert [line.split("  ")[0] for line in lines[3:10]] == [
        "latency p50",
        "load",
        "load to first result",
        "RAM, anonymous",
        "RAM, peak",
        "on disk",
        "written",
    ]
    assert "ways tried in" in done.out
    assert "chosen" in done.out
    assert "kept: edgeai.load uses it from now on" in lines[-1]
    assert done.err.splitlines()[0] == "m: reference, 0 s left of the budget"
    assert done.err.splitlines()[-1] == (
        "edgeai: warning: the model leaves x[1] (M) open, and it was measured with x 1x1: "
        "give real sizes with --input-shape"
    )
    assert len(list((home / "prepared").glob("[0-9a-f]*"))) == 1


def test_json_has_every_candidate_with_its_reason(model: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    done = run(model, "--json", "-q", "--dry-run", "--save-plan", plan, "--input-shape", "2x4")
    document = done.document
    assert done.err == ""
    assert (document["schema"], document["kind"], document["dry_run"]) == (1, "edgeai.prepare", True)
    (found,) = document["models"]
    assert (found["model"], found["inputs"], found["open_dimensions"]) == ("", {"x": [2, 4]}, [])
    assert not found["kept"]
    assert found["raw"]["figures"]["latency_ratio"] == pytest.approx(found["noise"])
    assert {each["left"] is None for each in found["tried"]} == {True, False}
    assert any(each["pareto"] for each in found["tried"])
    assert found["prepared"]["threads"] == 1
    again = call("prepare", model, "--plan", plan, "--json", "-q").document["models"][0]
    assert (again["why"], again["kept"]) == ("as the plan says", True)
    assert again["prepared"]["label"] == found["prepared"]["label"]


def test_a_plan_for_another_board_or_version_is_refused(model: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    assert run(model, "-q", "--dry-run", "--save-plan", plan).code == 0
    text = plan.read_text()
    for change, said in (
        ('device = "', "device: is other-"),
        ('onnxruntime" = "', "versions: are onnxruntime 0."),
        ("threads = 1", "threads: is missing"),
    ):
        assert change in text
        other = "other-" if change.startswith("device") else "0."
        new = text.replace(change, "" if change.startswith("threads") else change + other, 1)
        plan.write_text(new)
        done = call("prepare", model, "--plan", plan)
        assert done.code == 2, new
        assert said in done.err


def test_limits_that_nothing_keeps_to_end_with_1(model: Path) -> None:
    done = run(model, "--max-ram", "1kB", "-q")
    assert done.code == 1
    assert "no way keeps to the limits; the nearest is" in done.err


def test_a_name_that_holds_anything_stays_on_its_line(tmp_path: Path) -> None:
    done = run(linear_onnx(tmp_path / "new\nli\x1bne.onnx"), "--dry-run")
    assert done.code == 0, done.err
    assert "\x1b" not in done.err
    assert all(line.startswith(("new", "edgeai: ")) for line in done.err.splitlines())


def test_a_damaged_model_and_senseless_words_end_with_2(model: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x09 nothing")
    assert run(tmp_path / "bad.onnx", "-q").code == 2
    assert run(model, "--max-ram", "0", "-q").code == 2
    assert "a RAM of nothing makes no sense" in run(model, "--max-ram", "0B").err
    assert "--meter is read for --objective energy alone" in run(model, "--meter", "pmic").err
    assert "no size like 64MB" in run(model, "--max-ram", "64 apples").err
    assert "--fix-sizes fixes the sizes that are given" in run(model, "--fix-sizes").err
    assert "is not like x:1x3x640x640" in run(model, "--input-shape", "x:1by3").err
    assert "--plan says everything itself; leave --threads out" in run(model, "--plan", "p.toml").err


def test_a_missing_meter_is_said_before_the_search_and_ends_with_3(model: Path) -> None:
    done = run(model, "--objective", "energy", "--meter", "pmic", "-q")
    assert done.code == 3
    assert done.err.startswith("edgeai: the objective energy needs a power meter: ")


def test_a_backend_that_is_not_installed_ends_with_3_or_2(model: Path) -> None:
    done = run(model, "--backend", "tflite-runtime", "-q")
    assert done.code == 2  # it does not read ONNX
    assert "does not read" in done.err


def test_every_option_says_what_it_is_for() -> None:
    assert all(getattr(option, "help", None) or option.name == "path" for option in command.params)
