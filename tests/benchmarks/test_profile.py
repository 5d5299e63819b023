"""`edgeai bench --profile`: what the report, the page and the trace say of each operator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import edgeai_bench
from edgeai.errors import UsageError
from edgeai.testing import write_fake_model
from edgeai.unavailable import Unavailable
from edgeai_bench.plan import Plan
from edgeai_bench.profiling import check_profile, off_accelerator
from edgeai_bench.render.profile import profile_lines
from edgeai_bench.render.table import page
from edgeai_bench.report import document
from edgeai_bench.targets import opened_target
from edgeai_bench.trace import trace_of, write_trace
from tests.benchmarks.made_up import PROFILE, report

SCHEMA = json.loads((Path(edgeai_bench.__file__).parent / "report.schema.json").read_text(encoding="utf-8"))
SHORT = ["--quick", "--processes", "1", "--min-time", "100ms", "--min-runs", "5", "--warm-up", "100ms"]


def bench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgeai", "bench", *arguments, *SHORT, "--threads", "1", "-q"]
    # From an empty folder: what a runtime leaves behind would lie there.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("model", "method"), [("magika", "onnxruntime-profiler"), ("face-tflite", "litert-profiler")]
)
def test_a_profiled_run_writes_a_valid_report_and_a_trace_and_nothing_else(
    public_model: Callable[[str], Path], tmp_path: Path, model: str, method: str
) -> None:
    work, trace = tmp_path / "work", tmp_path / "trace.json"
    work.mkdir()
    done = bench(str(public_model(model)), "--profile", "--trace", str(trace), "--json", cwd=work)
    assert done.returncode == 0, done.stderr
    assert list(work.iterdir()) == []
    assert [file.name for file in tmp_path.iterdir() if file.name != "work"] == ["trace.json"]
    made = json.loads(done.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(made)

    profile = made["runs"][0]["profile"]
    assert profile["method"] == method
    operators = profile["operators"]
    assert sum(each["share"] for each in operators) == pytest.approx(1)
    assert sum(each["mean_s"] for each in operators) == pytest.approx(profile["sum_s"])
    assert sum(each["operators"] for each in profile["by_type"]) == len(operators)
    assert profile["unaccounted_share"] == pytest.approx(1 - profile["sum_s"] / profile["latency_s"])
    assert profile["ratio"] == pytest.approx(profile["sum_s"] / profile["plain_s"])

    events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    shown = [event for event in events if event["ph"] == "X"]
    assert {event["name"] for event in shown} >= {operators[0]["name"], operators[-1]["name"], "run 1"}
    assert all(event["dur"] >= 0 and event["ts"] >= 0 for event in shown)


def test_one_model_of_a_bundle_is_profiled(tmp_path: Path) -> None:
    done = bench("digits", "--model", "digits", "--variant", "onnx-f32", "--profile", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert run["model"]["bundle"]["models"][0]["variant"] == "onnx-f32"
    assert {each["operator"] for each in run["profile"]["by_type"]} & {"Conv", "FusedConv"}


def test_a_pipeline_is_refused_with_the_names_of_its_models() -> None:
    from edgeai.included import included_path

    with opened_target(included_path("digits"), None) as target:
        check_profile(target, Plan())  # nobody asked
        with pytest.raises(
            UsageError, match=r"digits\.edge is a pipeline, .*--model NAME \(it has: digits\)$"
        ):
            check_profile(target, Plan(profile=True))
    with opened_target(included_path("digits"), "digits") as target:
        check_profile(target, Plan(profile=True))


def test_a_trace_without_a_profile_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    done = bench("digits", "--trace", "trace.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "edgeai: --trace trace.json needs --profile, which the trace is of\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_is_not_profiled(tmp_path: Path) -> None:
    done = bench("a.onnx", "--against", "b.onnx", "--profile", cwd=tmp_path)
    assert done.returncode == 2
    assert "--profile looks into one model, not into a comparison" in done.stderr


def test_a_board_elsewhere_writes_no_trace_here(tmp_path: Path) -> None:
    done = bench("a.onnx", "--on", "ssh://pi@nowhere.invalid", "--profile", "--trace", "t.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "--trace is written where the model runs" in done.stderr


def test_a_backend_that_has_no_profiler_spoils_no_measurement(tmp_path: Path) -> None:
    model, trace = write_fake_model(tmp_path / "fake.onnx"), tmp_path / "trace.json"
    fake = ["--backend", "edgeai.testing:FakeBackend"]
    done = bench(str(model), *fake, "--profile", "--trace", str(trace), "--json", cwd=tmp_path)
    (run,) = json.loads(done.stdout)["runs"]
    assert run["profile"]["unavailable"].startswith("no profile: edgeai.testing:FakeBackend has no profiler")
    assert run["latency"]["p50"] is not None
    assert done.returncode == 2  # of the trace, which was asked for and is not there
    assert done.stderr == f"edgeai: {trace} is not written: nothing was profiled\n"
    assert not trace.exists()


def test_a_trace_that_has_no_place_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    done = bench("digits", "--model", "digits", "--profile", "--trace", "none/trace.json", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("edgeai: none/trace.json: there is no folder none")


def test_where_nothing_was_profiled_no_trace_is_written(tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    unavailable = report(profile=Unavailable("no profile: it has none", "name another"))
    with pytest.raises(UsageError, match="nothing was profiled"):
        write_trace(out, [report(), unavailable])
    assert not out.exists()


def test_a_run_that_was_not_profiled_has_no_such_key() -> None:
    (run,) = document([report()], [])["runs"]
    assert "profile" not in run


def test_the_document_holds_no_trace() -> None:
    (run,) = document([report(profile=PROFILE)], [])["runs"]
    assert "traces" not in run["profile"]
    assert len(run["profile"]["operators"]) == 3


def test_a_profile_is_grouped_by_type_and_by_provider() -> None:
    assert [(each.operator, each.operators) for each in PROFILE.by_type] == [("Conv", 2), ("Resize", 1)]
    assert [each.share for each in PROFILE.by_type] == [pytest.approx(7 / 9), pytest.approx(2 / 9)]
    assert [(each.provider, each.operators) for each in PROFILE.by_provider] == [("cuda", 2), ("cpu", 1)]
    assert PROFILE.unaccounted_share == pytest.approx(0.1)


def test_operators_that_fall_off_the_accelerator_are_found() -> None:
    assert [each.name for each in off_accelerator(PROFILE)] == ["/resize/Resize"]
    assert off_accelerator(replace(PROFILE, accelerator=None)) == []


def test_the_page_shows_the_dearest_operators_and_what_falls_off() -> None:
    text = page(report(profile=PROFILE))
    assert "operators 9.00 ms in runs of 10.0 ms under the profiler, 9.50 ms without" in text
    assert "1 of 3 operators fall off cuda, with 22.2 % of the time: 1 Resize" in text
    lines = text.splitlines()
    order = [
        next(n for n, line in enumerate(lines) if name in line) for name in ("/conv1/", "/resize/", "/conv2/")
    ]
    assert order == sorted(order)
    assert "under the profiler" not in page(report())


def test_the_page_says_that_all_run_on_the_accelerator_and_nothing_of_one_that_is_not_there() -> None:
    all_there = replace(PROFILE, operators=PROFILE.operators[:1])
    assert any("all 1 operators run on cuda" in line for line in profile_lines(all_there))
    assert not any("fall off" in line for line in profile_lines(replace(PROFILE, accelerator=None)))


def test_the_page_warns_of_operators_that_the_profiler_disturbs() -> None:
    lines = " ".join(profile_lines(replace(PROFILE, ratio=2.0)))
    assert "2.00 times as long under the profiler: read the shares, not the times" in lines
    assert "read the shares" not in " ".join(profile_lines(PROFILE))


def test_no_more_than_fifteen_operators_are_shown_and_the_rest_is_summed_up() -> None:
    many = tuple(replace(PROFILE.operators[0], name=f"/layer{n}", share=0.05) for n in range(20))
    text = "\n".join(profile_lines(replace(PROFILE, operators=many)))
    assert text.count("/layer") == 15
    assert "and 5 more with 25.0 %" in text


def test_long_names_keep_lines_within_a_terminal() -> None:
    long = replace(PROFILE.operators[0], name="/a" * 100 + "/end", operator="BatchNormalization")
    lines = list(profile_lines(replace(PROFILE, operators=(long,))))
    assert max(map(len, lines)) <= 110
    assert any("/end" in line for line in lines)


def test_a_profile_that_cannot_be_had_says_why() -> None:
    lines = " ".join(profile_lines(Unavailable("no profile: it has none", "name another --backend")))
    assert "unavailable: no profile: it has none; name another --backend" in lines


def events_of(made: dict[str, Any], phase: str) -> list[dict[str, Any]]:
    return [event for event in made["traceEvents"] if event["ph"] == phase]


def test_a_trace_has_a_process_a_model_and_a_thread_a_provider() -> None:
    made = trace_of([report(profile=PROFILE), report(), report(profile=PROFILE)])
    json.dumps(made, allow_nan=False)
    names = [(event["name"], event["args"]["name"]) for event in events_of(made, "M") if event["pid"] == 1]
    assert [name for kind, name in names if kind == "thread_name"] == ["runs", "cuda", "cpu"]
    assert {event["pid"] for event in made["traceEvents"]} == {1, 3}
    run, conv, resize, placed = (event for event in events_of(made, "X") if event["pid"] == 1)
    assert (run["name"], run["tid"], run["dur"]) == ("run 1", 0, 10_000.0)
    assert (conv["ts"], conv["dur"], conv["args"]["operator"]) == (100.0, 6000.0, "Conv")
    assert conv["tid"] != resize["tid"]
    assert "only the duration was measured" in placed["args"]["start"]
