"""Two saved documents against each other: which runs are paired, and what of each is compared."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

import edgeai_bench
from edgeai_bench.cli import bench
from edgeai_bench.comparing import outcome
from edgeai_bench.comparing.saved import compare_reports, compare_saved
from edgeai_bench.render.comparison import comparisons_text
from edgeai_bench.report import Doubt, Report, document
from tests.benchmarks.made_up import DOUBT
from tests.benchmarks.made_up_comparison import change, compared, run_of, unknown

SCHEMA: dict[str, Any] = json.loads(
    (Path(edgeai_bench.__file__).parent / "comparison.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
MS = 1_000_000
A_NS = [10 * MS, 10 * MS + 100_000, 10 * MS - 100_000, 10 * MS + 50_000, 10 * MS - 50_000]
SLOWER_NS = [round(1.2 * ns) for ns in A_NS]


def saved(path: Path, *reports: Report) -> Path:
    path.write_text(json.dumps(document(list(reports), [])))
    return path


def called(*arguments: object) -> Result:
    return CliRunner().invoke(bench, list(map(str, arguments)))


def named(name: str, **identity: Any) -> Report:
    made = run_of(A_NS)
    return replace(
        made,
        model=replace(made.model, path=f"/models/{name}"),
        identity=replace(made.identity, **identity),
    )


# --- what is compared


def test_each_figure_is_taken_from_every_process() -> None:
    a, b = run_of(A_NS), run_of(SLOWER_NS, load_s=0.2, peak_bytes=95_000_000, cpu_s=0.03)
    by_name = {each.figure: each for each in compare_reports(a, b).changes}
    assert [kind.name for kind in outcome.KINDS] == list(by_name)
    latency = by_name["latency_p50"]
    assert latency.a_each == tuple(ns / 1e9 for ns in A_NS)
    assert (latency.a, latency.b) == (0.010, 0.012)
    assert latency.ratio == pytest.approx(1.2)
    assert latency.low is not None
    assert latency.high is not None
    assert 1.17 < latency.low < 1.2 < latency.high < 1.23
    assert latency.p_value == pytest.approx(2 / 252)  # all five of one arm are larger
    assert (by_name["load"].a, by_name["load"].ratio) == (0.1, 2.0)
    assert by_name["cpu_s_per_inference"].ratio == pytest.approx(1.5)
    assert by_name["ram_peak"].b == 95_000_000
    assert by_name["ram_incremental"].a_each == (3_000_000,) * 5
    assert by_name["ram_incremental"].ratio == pytest.approx(7 / 3)


def test_too_few_processes_give_no_ratio_and_say_so() -> None:
    found = compare_reports(run_of(A_NS[:3]), run_of(A_NS)).changes[0]
    assert (found.ratio, found.low, found.p_value) == (None, None, None)
    assert found.a == 0.01
    assert found.unavailable is not None
    assert "3 and 5 processes are too few" in found.unavailable
    assert "--processes 9" in found.unavailable


def test_a_figure_that_a_process_does_not_know_has_no_ratio() -> None:
    made = run_of(A_NS)
    first = made.processes[0]
    phases = tuple(replace(p, memory=replace(p.memory, peak_bytes=None)) for p in first.phases)
    broken = replace(made, processes=(replace(first, phases=phases), *made.processes[1:]))
    peak = compare_reports(broken, made).changes[3]
    assert (peak.figure, peak.a_each[0], peak.ratio) == ("ram_peak", None, None)
    assert peak.unavailable == "a process does not know its figure"


def test_no_ram_above_the_baseline_has_no_ratio() -> None:
    none = run_of(A_NS, peak_bytes=88_000_000)  # what is resident before the load
    found = compare_reports(none, run_of(A_NS)).changes[4]
    assert found.unavailable == "a process took nothing of it, so there is no ratio"


def test_other_conditions_and_invalid_runs_are_doubts() -> None:
    a = run_of(A_NS)
    b = replace(run_of(A_NS), identity=replace(a.identity, kernel="6.99", governors=("powersave",)))
    doubts = {doubt.name: doubt for doubt in compare_reports(a, b).warnings}
    assert list(doubts) == ["other_time", "other_conditions"]
    assert doubts["other_conditions"].message.endswith("kernel, governor")
    wrong = Doubt("wrong_output", "invalid", "m", "a")
    bad = replace(a, verdict="INVALID", warnings=(wrong, DOUBT))
    doubts = {doubt.name: doubt for doubt in compare_reports(a, bad).warnings}
    assert doubts["invalid_run"].message == "the run of B is INVALID: wrong_output"


# --- which runs are paired


def test_runs_are_paired_by_name_backend_and_threads_wherever_the_files_lie(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.json", named("x.onnx"), named("y.onnx", threads=1), named("y.onnx", threads=2))
    moved = [named("y.onnx", threads=2), named("x.onnx"), named("z.onnx")]
    b = saved(
        tmp_path / "b.json",
        *(
            replace(each, model=replace(each.model, path=each.model.path.replace("/models", "/new")))
            for each in moved
        ),
    )
    found, left = compare_saved(a, b)
    assert [(each.a.name, each.a.threads, each.b.path) for each in found] == [
        ("x.onnx", 4, "/new/x.onnx"),
        ("y.onnx", 2, "/new/y.onnx"),
    ]
    assert left == [
        "only in A: y.onnx on onnxruntime, 1 thread",
        "only in B: z.onnx on onnxruntime, 4 threads",
    ]


def test_an_id_of_a_suite_goes_before_the_file(tmp_path: Path) -> None:
    one, two = named("one.onnx"), named("two.onnx")
    a = saved(tmp_path / "a.json", replace(one, model=replace(one.model, id="face")), named("u.onnx"))
    b = saved(tmp_path / "b.json", replace(two, model=replace(two.model, id="face")), named("v.onnx"))
    found, left = compare_saved(a, b)
    assert [each.name for each in found] == ["face"]
    assert len(left) == 2


def test_one_run_in_each_is_compared_whatever_it_is_called(tmp_path: Path) -> None:
    a, b = saved(tmp_path / "a.json", named("x.onnx")), saved(tmp_path / "b.json", named("y.tflite"))
    found, left = compare_saved(a, b)
    assert [(each.a.name, each.b.name) for each in found] == [("x.onnx", "y.tflite")]
    assert left == []


# --- the command


def test_nothing_in_common_is_said_in_one_line(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.json", named("x.onnx"), named("y.onnx"))
    b = saved(tmp_path / "b.json", named("z.onnx"))
    done = called("--compare", a, b)
    assert type(done.exception).__name__ == "InputError"
    assert "share no run" in str(done.exception)
    assert "only in B: z.onnx" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--compare", "a", "b", "--against", "c.onnx"], "--compare and --against do not go together"),
        (["--compare", "a", "b", "--self-test"], "--compare and --self-test do not go together"),
        (["m.onnx", "--fail-if-slower", "5%"], "need something to compare"),
        (["--self-test", "--fail-if-slower", "5%"], "compares a model with itself"),
        (["m.onnx", "--against", "n.onnx", "--junit", "x.xml"], "--junit writes what gates found"),
        (["--compare", "a", "b", "--fail-if-slower", "5%", "--junit", "no/x.xml"], "there is no folder no"),
        (["m.onnx", "--compare", "a", "b"], "leave models out"),
        (["--against", "n.onnx"], "give one model to compare"),
        (["m.onnx", "n.onnx", "--against", "n.onnx"], "give one model to compare"),
        (["m.onnx", "--against", "n.onnx", "--rate", "9/s"], "--rate, --cold"),
        (["--against", "n.onnx", "--suite", "public"], "goes without --suite"),
        (["m.onnx", "--against", "n.onnx", "--html", "x.html"], "goes without --suite, --html"),
        (["m.onnx", "--against", "n.onnx", "--backend", "a,b,c"], "--backend takes one name for both"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(arguments: list[str], words: str) -> None:
    done = called(*arguments)
    assert type(done.exception).__name__ == "UsageError"
    assert words in str(done.exception)


def test_a_limit_without_percent_is_refused() -> None:
    done = called("--compare", "a", "b", "--fail-if-slower", "0.05")
    assert done.exit_code == 2
    assert "'0.05' is no percentage like 5%" in done.output


def test_a_document_that_is_none_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    done = called("--compare", tmp_path / "a.json", tmp_path / "a.json")
    assert type(done.exception).__name__ == "InputError"
    assert "a.json" in str(done.exception)


def test_the_table_shows_both_sides_the_change_and_what_has_no_partner(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.json", run_of(A_NS), named("y.onnx"))
    b = saved(tmp_path / "b.json", run_of(SLOWER_NS))
    done = called("--compare", a, b)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "mobilenet.onnx on onnxruntime, 4 threads (saved runs)"
    row = next(line for line in lines if line.startswith("latency p50"))
    assert row.split()[2:8] == ["10.0", "ms", "12.0", "ms", "+20.0", "%"]
    assert "only in A: y.onnx on onnxruntime, 4 threads" in lines


def test_json_is_by_the_schema(tmp_path: Path) -> None:
    a, b = saved(tmp_path / "a.json", run_of(A_NS)), saved(tmp_path / "b.json", run_of(SLOWER_NS))
    done = called("--compare", a, b, "--json", "--fail-if-slower", "5%", "--fail-if-bigger", "5%")
    # Before click 8.2 the failures on standard error stand behind the document in the same text.
    made, end = json.JSONDecoder().raw_decode(done.output)
    VALIDATOR.validate(made)
    assert made["comparisons"][0]["changes"][0]["ratio"] == pytest.approx(1.2)
    assert [(gate["figure"], gate["outcome"]) for gate in made["gates"]] == [
        ("latency_p50", "failed"),
        ("load", "passed"),
        ("cpu_s_per_inference", "passed"),
        ("ram_peak", "passed"),
        ("ram_incremental", "passed"),
    ]
    assert done.exit_code == 1
    assert "latency p50 changed by +20.0 %" in done.output[end:]


# --- the schema


DATACLASSES: dict[str, Any] = {
    "Compared": outcome.Compared,
    "Side": outcome.Side,
    "Change": outcome.Change,
    "Doubt": Doubt,
    "TurnRecord": outcome.TurnRecord,
    "Judged": outcome.Judged,
    "Floor": outcome.Floor,
}


@pytest.mark.parametrize("name", sorted(DATACLASSES))
def test_each_part_of_the_schema_has_the_fields_of_its_dataclass(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["$defs"]) == set(DATACLASSES)
    part = SCHEMA["$defs"][name]
    fields = [field.name for field in dataclasses.fields(DATACLASSES[name])]
    assert list(part["properties"]) == part["required"] == fields
    assert part["additionalProperties"] is False
    assert all(told["description"].endswith(".") for told in part["properties"].values())


def test_a_full_document_is_valid_and_a_field_more_is_not() -> None:
    each = compared(unknown("load", "why not"), change("ram_peak", 1.2), warnings=(DOUBT,))
    floor = outcome.Floor("load", 0.01, 0.02, 0.012)
    judged = outcome.Judged("m", "load", "slower", 0.05, "unjudged", "text")
    made = json.loads(json.dumps(outcome.document([each], [judged], ["only in A: x"], [floor])))
    VALIDATOR.validate(made)
    made["comparisons"][0]["turns"][0]["colour"] = "red"
    assert not VALIDATOR.is_valid(made)


def test_what_has_no_ratio_says_why_in_the_table() -> None:
    reason = "a process does not know its figure"
    text = comparisons_text([compared(unknown("ram_peak", reason), unknown("ram_incremental", reason))])
    assert f"no change of RAM peak, RAM above the baseline: {reason}" in text
