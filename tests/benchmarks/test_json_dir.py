"""`--json-dir`: a whole file a run under a safe name, and nothing is measured twice but what has changed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import edgeai_bench
from edgeai.errors import ModelError, UsageError
from edgeai.measure.protocol import InputRequest, ModelRequest
from edgeai.measure.timing import StopRule, WarmUpRule
from edgeai_bench.json_dir import asked_for, file_stem, open_json_dir, safe_name
from edgeai_bench.plan import QUICK, Plan
from edgeai_bench.progress import Progress
from edgeai_bench.sweep import Job, run_jobs
from tests.benchmarks.made_up import report
from tests.command import Done, call
from tests.damaged_models import onnx_model

if TYPE_CHECKING:
    from edgeai_bench.json_dir import JsonDir
    from edgeai_bench.report import Report

SCHEMA = json.loads((Path(edgeai_bench.__file__).parent / "report.schema.json").read_text("utf-8"))
SHORT = ("--quick", "--processes", 1, "--min-runs", 5, "--min-time", 0.02, "--warm-up", 0.05, "--threads", 1)
A, B = "a" * 64, "b" * 64


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """y = relu(x) with x: f32[3]."""
    from onnx import helper

    path = tmp_path / "relu.onnx"
    path.write_bytes(onnx_model([helper.make_node("Relu", ["x"], ["y"])], [3]))
    return path


def opened(folder: Path, *, again: bool = False) -> JsonDir:
    found = open_json_dir(folder, again=again)
    assert found is not None
    return found


def found_in(folder: Path, asked: str) -> tuple[Path | None, list[str]]:
    """Where a run of the digest is, and what was said."""
    said: list[str] = []
    found = opened(folder).find(asked, said.append)
    return None if found is None else found[0], said


def bench(*words: object) -> Done:
    done = call("bench", *words, *SHORT)
    assert done.code in (0, 1), done.err
    return done


def test_a_run_is_measured_once(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    first = bench(model, "--json-dir", out)
    (file,) = out.iterdir()
    assert file.name == "relu.onnx.onnxruntime.1-threads.json"
    made = json.loads(file.read_text("utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    assert "not measured again" not in first.err
    before = file.stat().st_mtime_ns

    second = bench(model, "--json-dir", out, "--json")
    assert second.err.count("\n") == 1, "one line a run"
    assert f"not measured again: {file} is there" in second.err
    assert second.document["runs"] == made["runs"]
    assert file.stat().st_mtime_ns == before

    again = bench(model, "--json-dir", out, "--again")
    assert "not measured again" not in again.err
    assert json.loads(file.read_text("utf-8"))["runs"] != made["runs"]
    assert list(out.iterdir()) == [file], "nothing is left beside it"


def test_other_settings_and_another_file_are_measured(model: Path, tmp_path: Path) -> None:
    from onnx import helper

    out = tmp_path / "out"
    bench(model, "--json-dir", out)
    assert "not measured again" not in bench(model, "--json-dir", out, "--seed", 7).err
    model.write_bytes(onnx_model([helper.make_node("Neg", ["x"], ["y"])], [3]))
    assert "not measured again" not in bench(model, "--json-dir", out, "--seed", 7).err
    assert "not measured again" in bench(model, "--json-dir", out, "--seed", 7).err


def test_what_was_done_before_a_failure_is_kept(model: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"\x08\x07" + b"\xff" * 50)
    out = tmp_path / "out"
    done = call("bench", model, damaged, *SHORT, "--json-dir", out)
    assert done.code == 2
    assert [path.name for path in out.iterdir()] == ["relu.onnx.onnxruntime.1-threads.json"]


def test_a_run_is_written_before_the_next_begins(model: Path, tmp_path: Path) -> None:
    seen = []

    def locate(say: object) -> Path:
        seen.append([path.name for path in tmp_path.glob("out/*")])
        return model

    warm_up, stop = WarmUpRule(max_s=0.05, min_s=0.05), StopRule(5, 0.02, 1.0, None)
    plan = Plan(processes=1, warm_up=warm_up, stop=stop)
    jobs = [
        Job(f"job {threads}", locate, None, ModelRequest("", threads=threads), InputRequest())
        for threads in (1, 2)
    ]
    kept = open_json_dir(tmp_path / "out", again=False)
    run_jobs(jobs, plan, Progress(2, quiet=True), stop_at_error=True, kept=kept)
    assert seen == [[], ["relu.onnx.onnxruntime.1-threads.json"]]


def digest(model: Path, *, plan: Plan = QUICK, model_id: str | None = None, **changes: Any) -> str:
    fields = {key: changes.pop(key) for key in ("backend", "threads", "variant") if key in changes}
    return asked_for(ModelRequest(str(model), **fields), InputRequest(**changes), plan, model_id=model_id)


def test_the_digest_is_of_contents_and_not_of_places(model: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / model.name
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(model.read_bytes())
    assert digest(model) == digest(elsewhere)
    assert re.fullmatch("[0-9a-f]{64}", digest(model))


def test_everything_that_a_figure_depends_on_is_in_the_digest(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = tmp_path / "x.npy"
    inputs.write_bytes(b"one")
    found = [
        digest(model),
        digest(model, plan=Plan()),
        digest(model, plan=replace(QUICK, rate_hz=10.0)),
        digest(model, plan=replace(QUICK, soak_s=10.0)),
        digest(model, model_id="mine"),
        digest(model, backend="onnxruntime"),
        digest(model, threads=2),
        digest(model, seed=1),
        digest(model, shapes={"x": (1, 2)}),
        digest(model, values={"x": 1.0}),
        digest(model, file=str(inputs)),
    ]
    inputs.write_bytes(b"two")
    found.append(digest(model, file=str(inputs)))
    monkeypatch.setattr("edgeai.__version__", "99.0")
    found.append(digest(model))
    assert len(set(found)) == len(found)


def test_a_bundle_that_was_changed_is_no_bundle_that_was_measured(tmp_path: Path) -> None:
    from edgeai.included import included_path
    from edgeai.open_bundle import open_bundle

    bundle, held = open_bundle(included_path("digits"))
    assert bundle.folder is not None
    folder = tmp_path / "digits"
    folder.mkdir()
    for file in bundle.folder.rglob("*"):
        if file.is_file():
            place = folder / file.relative_to(bundle.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
    if held is not None:
        held.close()
    assert digest(folder) == digest(folder)
    weights = next(folder.glob("*.onnx"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    with pytest.raises(ModelError, match="is not the file that the manifest names"):
        digest(folder)


def test_a_kept_run_is_found_by_its_digest_whatever_its_file_is_called(tmp_path: Path) -> None:
    path = opened(tmp_path).keep(report(), A)
    assert found_in(tmp_path, A) == (path, [])
    renamed = path.rename(tmp_path / "renamed.json")
    assert found_in(tmp_path, A) == (renamed, [])
    assert found_in(tmp_path, B) == (None, [])
    assert opened(tmp_path, again=True).find(A, lambda text: None) is None


def test_a_file_that_is_cut_short_is_told_and_passed_over(tmp_path: Path) -> None:
    path = opened(tmp_path).keep(report(), A)
    path.write_bytes(path.read_bytes()[:-100])
    found, said = found_in(tmp_path, A)
    assert found is None
    assert len(said) == 1
    assert said[0].startswith(f"{path}: ")


def test_a_file_with_a_key_that_is_wrong_is_told_and_passed_over(tmp_path: Path) -> None:
    path = opened(tmp_path).keep(report(), A)
    made = json.loads(path.read_bytes())
    del made["runs"][0]["latency"]["p50"]
    path.write_text(json.dumps(made), "utf-8")
    found, said = found_in(tmp_path, A)
    assert found is None
    assert "runs[0].latency.p50 is missing" in said[0]


def test_other_files_of_the_folder_are_nobodys_business(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"kind": "edgeai.comparison"}', "utf-8")
    (tmp_path / "list.json").write_text("[1, 2]", "utf-8")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "notes.txt").write_text("{", "utf-8")
    path = opened(tmp_path).keep(report(), A)
    found, said = found_in(tmp_path, A)
    assert found == path
    assert [text for text in said if "folder.json" not in text] == []


def test_an_invalid_run_is_measured_again(tmp_path: Path) -> None:
    opened(tmp_path).keep(report(verdict="INVALID"), A)
    assert found_in(tmp_path, A) == (None, [])


def test_two_runs_of_one_name_in_one_command_get_a_file_each(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    other = _with_sha(report(), "f" * 64)
    paths = [
        kept.keep(report(), A),
        kept.keep(other, B),
        kept.keep(report(), "c" * 64),
        kept.keep(report(), A),
    ]
    assert [path.name for path in paths] == [
        "mobilenet.onnx.onnxruntime.4-threads.json",
        "mobilenet.onnx.onnxruntime.4-threads.ffffffff.json",
        "mobilenet.onnx.onnxruntime.4-threads.01234567.json",
        "mobilenet.onnx.onnxruntime.4-threads.json",
    ]
    assert [found_in(tmp_path, asked)[0] for asked in (A, B, "c" * 64)] == paths[:3]


def test_a_later_command_replaces_an_older_file_of_its_name(tmp_path: Path) -> None:
    assert opened(tmp_path).keep(report(), A) == opened(tmp_path).keep(report(), B)
    assert found_in(tmp_path, A) == (None, [])


def _with_sha(made: Report, sha256: str) -> Report:
    return replace(made, model=replace(made.model, sha256=sha256))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("digits", "digits"),
        ("door.edge:det/s8", "door.edge-det-s8"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("a b\nc\x00d", "a-b-c-d"),
        ("modèle.onnx", "mod-le.onnx"),
        ("模型", "model"),
        ("...", "model"),
        ("x" * 300, "x" * 80),
    ],
)
def test_names_are_safe_on_any_file_system(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_an_id_of_a_suite_and_a_backend_of_ones_own_are_in_the_name() -> None:
    made = report()
    made = replace(
        made, model=replace(made.model, id="face"), identity=replace(made.identity, backend="my.module:Own")
    )
    assert file_stem(made) == "face.my.module-Own.4-threads"


def test_a_place_that_is_no_folder_is_refused_before_anything_is_measured(
    model: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"relu\.onnx cannot be made: .*; name another folder"):
        open_json_dir(model, again=False)
    done = call("bench", model, *SHORT, "--json-dir", model)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1


def test_again_without_a_folder_and_a_comparison_are_refused(model: Path, tmp_path: Path) -> None:
    done = call("bench", model, "--again")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "--json-dir" in done.err
    done = call("bench", model, "--against", model, "--json-dir", tmp_path / "out")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert not (tmp_path / "out").exists()
