"""Gates: a figure fails only when its whole interval is past the limit, and JUnit says which."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edgeai.errors import UsageError
from edgeai.quantities import change_text, percent_text
from edgeai_bench.cli import bench
from edgeai_bench.comparing.floor import floor_of
from edgeai_bench.comparing.gate import FAILED, PASSED, UNJUDGED, Limits, judge
from edgeai_bench.comparing.junit import junit, write_junit
from edgeai_bench.comparing.options import percent
from edgeai_bench.comparing.outcome import KINDS, Compared
from edgeai_bench.render.comparison import comparisons_text
from edgeai_bench.report import document
from tests.benchmarks.made_up_comparison import SIDE, change, compared, run_of, unknown

FIVE = Limits(slower=0.05, bigger=0.05)


def outcomes(each: Compared, limits: Limits = FIVE) -> dict[str, str]:
    return {judged.figure: judged.outcome for judged in judge([each], limits)}


@pytest.mark.parametrize(
    ("ratio", "half", "outcome"),
    [
        (1.10, 0.03, FAILED),  # [1.067, 1.133]
        (1.10, 0.05, PASSED),  # from 1.045 on: not surely
        (1.00, 0.20, PASSED),
        (0.50, 0.01, PASSED),
        (1.05 / 0.99, 0.01, PASSED),  # exactly at the limit is not past it
        (1.0607, 0.01, FAILED),
    ],
)
def test_a_figure_fails_only_when_its_whole_interval_is_past(ratio: float, half: float, outcome: str) -> None:
    for kind in KINDS:
        found = outcomes(compared(change(kind.name, ratio, half)))
        assert found == {other.name: outcome if other is kind else PASSED for other in KINDS}


@given(st.floats(0.2, 5), st.floats(0, 0.5), st.floats(0, 1))
def test_a_gate_never_fails_below_its_limit(ratio: float, half: float, limit: float) -> None:
    made = change("load", ratio, half)
    assert made.low is not None
    failed = outcomes(compared(made), Limits(slower=limit))["load"] == FAILED
    assert failed == (made.low > 1 + limit)


def test_each_limit_holds_its_own_figures() -> None:
    assert list(outcomes(compared(), Limits(slower=0.05))) == ["latency_p50", "load", "cpu_s_per_inference"]
    assert list(outcomes(compared(), Limits(bigger=0.05))) == ["ram_peak", "ram_incremental"]
    assert outcomes(compared(), Limits()) == {}


def test_a_failure_names_the_model_the_figure_the_interval_and_the_limit() -> None:
    (judged,) = [
        each for each in judge([compared(change("ram_peak", 1.2, 0.01))], FIVE) if each.outcome == FAILED
    ]
    assert judged.text == (
        "mobilenet.onnx on onnxruntime, 4 threads: RAM peak changed by +20.0 % [+18.8 %, +21.2 %]: "
        "the whole interval is past the limit of 5.00 %"
    )


def test_two_different_models_are_both_named() -> None:
    b = replace(SIDE, name="mobilenet.tflite", backend="litert", threads=1)
    made = compared(change("load", 2.0), name=b.name, b=b)
    (judged,) = [each for each in judge([made], FIVE) if each.outcome == FAILED]
    assert judged.text.startswith(
        "mobilenet.tflite on litert against mobilenet.onnx on onnxruntime, 1 thread: load changed by +100 %"
    )


def test_what_has_no_interval_is_not_judged() -> None:
    (judged,) = [each for each in judge([compared(unknown("load", "why"))], FIVE) if each.outcome == UNJUDGED]
    assert judged.text.endswith("load is unknown: why")


# --- the command


def saved(path: Path, ns: int) -> str:
    reports = [run_of([ns, ns + 2000, ns - 2000, ns + 1000, ns])]
    path.write_text(json.dumps(document(reports, [])))
    return str(path)


@pytest.mark.parametrize(("ns", "code"), [(10_000_000, 0), (10_300_000, 0), (11_000_000, 1)])
def test_the_exit_code_is_1_where_a_gate_fails(tmp_path: Path, ns: int, code: int) -> None:
    files = [saved(tmp_path / "a.json", 10_000_000), saved(tmp_path / "b.json", ns)]
    out = tmp_path / "gates.xml"
    done = CliRunner().invoke(bench, ["--compare", *files, "--fail-if-slower", "5%", "--junit", str(out)])
    assert done.exit_code == code, done.output
    assert f"gates: {3 - code} of 3 passed" in done.stdout
    assert ("failed: mobilenet.onnx on onnxruntime, 4 threads: latency p50" in done.stdout) == bool(code)
    suite = ElementTree.parse(out).getroot()[0]  # noqa: S314 - our own file
    assert (suite.get("tests"), suite.get("failures")) == ("3", str(code))
    assert [path.name for path in tmp_path.glob(".gates*")] == []


def test_a_slower_b_without_a_limit_is_no_failure(tmp_path: Path) -> None:
    files = [saved(tmp_path / "a.json", 10_000_000), saved(tmp_path / "b.json", 20_000_000)]
    assert CliRunner().invoke(bench, ["--compare", *files]).exit_code == 0


def test_gates_that_can_judge_nothing_do_not_pass_for_a_success(tmp_path: Path) -> None:
    few = tmp_path / "few.json"
    few.write_text(json.dumps(document([run_of([10_000_000] * 2)], [])))
    done = CliRunner().invoke(bench, ["--compare", str(few), str(few), "--fail-if-slower", "5%"])
    assert done.exit_code == 2
    assert "gates: 0 of 3 passed, 3 could not be judged" in done.stdout
    assert CliRunner().invoke(bench, ["--compare", str(few), str(few)]).exit_code == 0


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0 %", 0.0), ("2.5%", 0.025), ("100%", 1.0)])
def test_percentages(text: str, share: float) -> None:
    assert percent(text) == share


# --- JUnit


def test_junit_has_a_test_case_for_each_figure_of_each_model() -> None:
    made = [
        compared(change("latency_p50", 1.2, 0.01), unknown("load", "why <not> & how")),
        compared(name="b\x1b[31m\n.onnx"),
    ]
    root = ElementTree.fromstring(junit(judge(made, FIVE)))  # noqa: S314 - our own text
    assert root.tag == "testsuites"
    (suite,) = root
    counted = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counted == ["10", "1", "0", "1"]
    cases = {(case.get("classname"), case.get("name")): case for case in suite}
    assert len(cases) == 10
    failure = cases["mobilenet.onnx", "latency_p50 not slower"].find("failure")
    assert failure is not None
    assert "the whole interval is past the limit of 5.00 %" in str(failure.get("message"))
    skipped = cases["mobilenet.onnx", "load not slower"].find("skipped")
    assert skipped is not None
    assert str(skipped.get("message")).endswith("load is unknown: why <not> & how")
    passed = cases["b\\x1b[31m\\n.onnx", "ram_peak not bigger"]
    assert passed.find("failure") is None
    assert "within the limit of 5.00 %" in str(passed.findtext("system-out"))


def test_a_junit_file_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"^--junit .* cannot be written: Is a directory$"):
        write_junit(tmp_path / "folder", [])


# --- the self-test's figures


def test_the_noise_floor_is_the_interval_of_a_model_against_itself() -> None:
    even = change("load", 1.0, 0.0)
    made = compared(replace(even, low=1 / 1.02, high=1.02), unknown("ram_peak", "why"))
    floor = {each.figure: each for each in floor_of(made)}
    assert "ram_peak" not in floor
    load = floor["load"]
    assert [load.visible, load.sure, load.safe_limit] == pytest.approx([0.02, 0.0404, 0.02])
    off = floor_of(compared(replace(even, low=1.01, high=1.03)))[1]
    assert off.visible == pytest.approx((1.03 / 1.01) ** 0.5 - 1)
    assert off.safe_limit == pytest.approx(0.03), "a gate must not fail by what the machine does to itself"


def test_the_table_of_the_self_test_names_what_can_be_seen() -> None:
    even = replace(change("load", 1.0, 0.0), low=1 / 1.02, high=1.02)
    made = compared(even)
    text = comparisons_text([made], floor=floor_of(made))
    row = next(line for line in text.splitlines()[10:] if line.startswith("load"))
    assert row.split() == ["load", "2.00", "%", "4.04", "%", "2.00", "%"]


# --- numbers


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.0523, "+5.23 %"),
        (0.5, "-50.0 %"),
        (1.0, "0 %"),
        (1.00001, "0 %"),
        (3.5, "+250 %"),
        (0.9999, "-0.01 %"),
    ],
)
def test_changes_have_a_sign(ratio: float, text: str) -> None:
    assert change_text(ratio) == text


def test_shares_in_percent() -> None:
    assert percent_text(0.05) == "5.00 %"
