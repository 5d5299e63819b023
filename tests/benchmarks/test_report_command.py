"""`edgeai report` and the options of bench that write files: every format of old and new results."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from edgeai.measure.protocol import PipelineMeasured
from edgeai_bench.reading import from_json, read_documents
from edgeai_bench.render.csv_rows import csv_text
from edgeai_bench.render.html.page import html_page
from edgeai_bench.render.markdown import markdown_text
from edgeai_bench.render.names import labels
from edgeai_bench.report import Failure, document
from tests.benchmarks.made_up import (
    BUNDLE,
    DOUBT,
    LATENCY,
    MLPERF,
    PACED,
    PIPELINE,
    PROFILE,
    RECORD,
    SOAK,
    STAGES,
    STREAM,
    report,
)
from tests.command import call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.conftest import Run

FAILED = Failure("broken.onnx", "onnxruntime", "ModelError", "broken.onnx: no protobuf", skipped=False)
SKIPPED = Failure("later.tflite", None, "BackendMissing", "pip install 'edgeai[tflite]'", skipped=True)


def _written(folder: Path, name: str, *reports: Any, failures: tuple[Failure, ...] = ()) -> Path:
    path = folder / name
    path.write_text(json.dumps(document(list(reports), list(failures))), "utf-8")
    return path


# Round trip


def test_a_real_document_is_read_back_as_it_was_written(real: Run) -> None:
    reports, failures = from_json(json.dumps(real.document).encode(), "a.json")
    assert json.loads(json.dumps(document(reports, failures))) == real.document


def test_a_document_with_every_part_is_read_back_as_it_was_written() -> None:
    made = report(
        warnings=(DOUBT,),
        paced=PACED,
        pipeline=replace(PIPELINE, stream=STREAM),
        model=replace(report().model, bundle=BUNDLE),
        processes=(replace(RECORD, pipeline=PipelineMeasured(STAGES, None)), RECORD),
        mlperf=MLPERF,
        soak=SOAK,
        profile=PROFILE,
    )
    text = json.dumps(document([made], [FAILED, SKIPPED]))
    reports, failures = from_json(text.encode(), "a.json")
    assert json.dumps(document(reports, failures)) == text
    assert replace(reports[0], profile=None) == replace(made, profile=None)


def test_what_a_later_version_adds_is_passed_over() -> None:
    later = document([report()], [])
    later["more"] = later["runs"][0]["more"] = later["runs"][0]["processes"][0]["before"]["more"] = 1
    assert from_json(json.dumps(later).encode(), "a.json") == ([report()], [])


# Errors name the file and the key


def _broken(change: Callable[[Any], None]) -> bytes:
    whole = json.loads(json.dumps(document([report()], [])))
    change(whole)
    return json.dumps(whole).encode()


def _without_p99(whole: Any) -> None:
    del whole["runs"][0]["latency"]["p99"]


def _text_for_a_number(whole: Any) -> None:
    whole["runs"][0]["latency"]["p50"]["value"] = "fast"


def _sample_of_half_a_nanosecond(whole: Any) -> None:
    whole["runs"][0]["processes"][3]["samples_ns"][7] = 0.5


def _true_for_a_count(whole: Any) -> None:
    whole["runs"][0]["identity"]["threads"] = True


def _runs_by_name(whole: Any) -> None:
    whole["runs"] = {"a": 1}


def _number_beyond_all(whole: Any) -> None:
    whole["runs"][0]["latency"]["max"] = 10**400


def _number_for_a_list(whole: Any) -> None:
    whole["runs"][0]["warnings"] = 3


def _another_schema(whole: Any) -> None:
    whole["schema"] = 2


def _another_kind(whole: Any) -> None:
    whole["kind"] = "edgeai.export"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_broken(_without_p99), "runs[0].latency.p99 is missing"),
        (_broken(_text_for_a_number), 'runs[0].latency.p50.value must be a number, not "fast"'),
        (
            _broken(_sample_of_half_a_nanosecond),
            "runs[0].processes[3].samples_ns[7] must be a whole number, not 0.5",
        ),
        (_broken(_true_for_a_count), "runs[0].identity.threads must be a whole number, not true"),
        (_broken(_runs_by_name), "runs must be a list, not an object"),
        (_broken(_number_beyond_all), "runs[0].latency.max must be a finite number, not 1000"),
        (_broken(_number_for_a_list), "runs[0].warnings must be a list, not 3"),
        (_broken(_another_schema), "schema is 2; this edgeai reads schema 1; update edgeai"),
        (_broken(_another_kind), 'no document of edgeai bench (no "kind": "edgeai.bench")'),
        (b"[]", "no document of edgeai bench"),
        (b"", "is no JSON: it is empty"),
        (b"\xff\xfe", "is no JSON"),
        (b'{"schema": NaN}', "NaN is no number"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"kind": "edgeai.bench", "schema": 1, "runs": []}', "failures must be a list, not null"),
    ],
)
def test_a_wrong_document_is_one_line_that_names_file_and_key(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(text)
    out = tmp_path / "r.html"
    done = call("report", path, "-o", out)
    assert done.code == 2
    assert str(path) in done.err
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not out.exists()


# The command


def test_documents_are_rendered_by_the_ending_of_the_file(tmp_path: Path) -> None:
    one = _written(tmp_path, "a.json", report())
    two = _written(tmp_path, "b.json", report(verdict="NOISY", warnings=(DOUBT,)), failures=(FAILED,))
    reports, failures = read_documents([str(one), str(two)])
    assert len(reports) == 2
    for name, render in (("r.html", html_page), ("r.csv", csv_text), ("r.md", markdown_text)):
        out = tmp_path / name
        done = call("report", one, two, "-o", out)
        assert (done.code, done.out, done.err) == (0, "", f"wrote {out}\n")
        assert out.read_text("utf-8") == render(reports, failures)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json", "r.csv", "r.html", "r.md"]


def test_format_goes_before_the_ending_and_to_standard_output(tmp_path: Path) -> None:
    one, out = _written(tmp_path, "a.json", report()), tmp_path / "page"
    assert call("report", one, "-q", "--format", "html", "-o", out).err == ""
    assert out.read_text().startswith("<!DOCTYPE html>")
    assert call("report", one, "--format", "csv").out == csv_text([report()], [])


def test_without_a_file_it_is_the_table_of_bench(tmp_path: Path) -> None:
    one = _written(tmp_path, "a.json", report())
    assert "mobilenet.onnx on onnxruntime 1.23.2 (cpu, 4 threads): VALID" in call("report", one).out
    both = call("report", one, one).out
    assert both.count("mobilenet.onnx") == 2
    assert "verdict" in both


def test_results_can_be_piped_in(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(document([report()], [])).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert call("report", "-", "--format", "csv").out == csv_text([report()], [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["a.json", "-o", "r.pdf"],
            "r.pdf: which format? end its name in .html, .csv or .md, or give --format",
        ),
        (["a.json", "-o", "gone/r.html"], "there is no folder gone; make it first"),
        (["a.json", "-o", "folder.html"], "folder.html is a folder"),
        (["gone.json"], "gone.json: no such file; check the path"),
        (["folder.html"], "folder.html is a folder; give a file"),
        (["-", "-"], "standard input (-) can be read once only"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    _written(tmp_path, "a.json", report())
    (tmp_path / "folder.html").mkdir()
    done = call("report", *words)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_bench_writes_every_format_of_one_run(real: Run) -> None:
    reports, failures = from_json(json.dumps(real.document).encode(), "a.json")
    assert real.csv == csv_text(reports, failures)
    assert real.markdown == markdown_text(reports, failures)
    assert sorted(path.name for path in real.html_path.parent.iterdir()) == ["r.csv", "r.html", "r.md"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--html", "gone/r.html"], "gone/r.html: there is no folder gone; make it first"),
        (["--csv", "."], ". is a folder; name a file for --csv"),
        (["--csv", "r", "--markdown", "./r"], "r is named for --csv and --markdown; give each its own file"),
    ],
)
def test_bench_refuses_a_wrong_place_before_it_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("bench", "digits", *words)
    assert done.code == 2
    assert said in done.err
    assert "p50" not in done.err


# CSV and Markdown


def test_csv_has_a_row_a_run_with_numbers_as_they_are(real: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(real.csv)))
    for row, run in zip(rows, real.document["runs"], strict=True):
        assert float(row["p50_s"]) == run["latency"]["p50"]["value"]
        assert float(row["p50_s_high"]) == run["latency"]["p50"]["high"]
        assert float(row["ram_peak_bytes"]) == run["memory"]["peak"]["value"]
        assert row["sha256"] == run["model"]["sha256"]
        assert row["warnings"].split() == [doubt["name"] for doubt in run["warnings"]]


def test_csv_leaves_empty_what_is_unknown_and_tells_failures() -> None:
    made = report(latency=replace(LATENCY, p99=None), disk_read_bytes=None)
    run, failed, skipped = csv.DictReader(io.StringIO(csv_text([made], [FAILED, SKIPPED])))
    assert [run["p99_s"], run["p99_s_low"], run["disk_read_bytes"], run["paced_p50_s"]] == [""] * 4
    assert (failed["verdict"], failed["error"], failed["p50_s"]) == ("failed", FAILED.message, "")
    assert (skipped["verdict"], skipped["backend"]) == ("skipped", "")


def test_csv_holds_no_formula_and_no_second_line_whatever_a_model_is_called() -> None:
    name = '=HYPERLINK("http://x")\nsecond, \u202ethird'
    made = report(model=replace(report().model, path=name, id=name))
    (row,) = csv.DictReader(io.StringIO(csv_text([made], [])))
    assert row["run"].startswith("'=HYPERLINK")
    assert "\n" not in row["model"]
    assert len(csv_text([made], []).splitlines()) == 2


def test_markdown_is_a_table_with_intervals_then_warnings_and_failures() -> None:
    text = markdown_text([report(verdict="NOISY", warnings=(DOUBT,))], [FAILED])
    lines = text.splitlines()
    assert lines[0].startswith("| run | verdict | p50 |")
    assert lines[2].startswith(
        "| mobilenet.onnx | **NOISY** | **12.3 ms** \\[12.2 ms, 12.4 ms\\] | 13.1 ms |"
    )
    assert f"- noisy, **high\\_variation**: {DOUBT.message}; {DOUBT.advice}" in lines
    assert "- **broken.onnx** on onnxruntime failed: broken.onnx: no protobuf" in lines
    assert "Nothing was measured." in markdown_text([], [])


def test_markdown_tells_a_doubt_of_several_runs_once() -> None:
    noisy = report(warnings=(DOUBT,), verdict="NOISY")
    text = markdown_text([noisy, noisy, report()], [])
    assert text.count(DOUBT.advice) == 1
    assert f"**high\\_variation** (mobilenet.onnx \\#1, mobilenet.onnx \\#2): {DOUBT.advice}" in text


def test_no_name_breaks_out_of_markdown() -> None:
    name = "a|b\n| **c** [d](http://e) <script> `f` @g #h www.i"
    text = markdown_text([report(model=replace(report().model, id=name))], [])
    row = text.splitlines()[2]
    assert len(re.findall(r"(?<!\\)\|", row)) == len(re.findall(r"\|", text.splitlines()[0]))
    cell = re.split(r"(?<!\\)\|", row)[1]
    assert not re.search(r"(?<!\\)[*\[\]<>`@#]", cell)
    assert "http\\://e" in cell


# Names


def test_runs_are_named_by_what_tells_them_apart() -> None:
    one = report()
    threads = replace(one, identity=replace(one.identity, threads=1))
    backend = replace(one, identity=replace(one.identity, backend="litert"))
    board = replace(one, identity=replace(one.identity, device_profile="jetson-nano"))
    other = replace(one, model=replace(one.model, path="other.onnx"))
    assert labels([one]) == ["mobilenet.onnx"]
    assert labels([one, other]) == ["mobilenet.onnx", "other.onnx"]
    assert labels([one, threads]) == ["mobilenet.onnx 4 thr", "mobilenet.onnx 1 thr"]
    assert labels([one, backend]) == ["mobilenet.onnx onnxruntime", "mobilenet.onnx litert"]
    assert labels([one, board]) == ["mobilenet.onnx raspberry-pi-5", "mobilenet.onnx jetson-nano"]
    assert labels([one, one]) == ["mobilenet.onnx #1", "mobilenet.onnx #2"]
    assert labels([]) == []
