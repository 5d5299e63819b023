"""A suite's limits are judged by the whole interval; its settings stand below what the user says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from scipy import stats

import edgeai_bench
from edgeai.errors import ConfigError
from edgeai.measure.statistics import Estimate, student_t_interval
from edgeai.unavailable import Unavailable
from edgeai_bench.judging import any_failed, judge, judge_all
from edgeai_bench.limits import LIMITED, Limit
from edgeai_bench.render.limits import limits_table
from edgeai_bench.report import Doubt, Failure, document
from edgeai_bench.suite_settings import SuiteSettings, settled
from edgeai_bench.suites import load_suite
from tests.benchmarks.made_up import ENERGY, RECORD, report
from tests.command import call

if TYPE_CHECKING:
    from edgeai_bench.report import Report

MODEL = '[[models]]\nid = "one"\npath = "model.onnx"\n'


def suite(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text('name = "Mine"\n' + text, encoding="utf-8")
    return path


def refusal(tmp_path: Path, text: str) -> str:
    """What is said against a suite, behind the name of the file."""
    path = suite(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_suite(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def of_p95(value: float, low: float | None, high: float | None, **changes: Any) -> Report:
    made = report(**changes)
    return replace(made, latency=replace(made.latency, p95=Estimate(value, low, high)))


def of_processes(count: int, made: Report) -> Report:
    settings = replace(made.settings, processes=count, intervals="95 %" if count > 2 else "range")
    return replace(made, settings=settings, processes=(RECORD,) * count)


def test_a_limit_is_a_number_or_a_text(tmp_path: Path) -> None:
    text = '[limits]\np95_ms = 20\npeak_mb = "<= 64"\nthroughput_hz = ">=30.5"\n' + MODEL
    (model,) = load_suite(suite(tmp_path, text)).models
    assert model.limits == (Limit("p95_ms", 20.0), Limit("peak_mb", 64.0), Limit("throughput_hz", 30.5))
    assert list(map(str, model.limits)) == ["p95_ms <= 20", "peak_mb <= 64", "throughput_hz >= 30.5"]


def test_a_models_own_limit_goes_before_the_suites(tmp_path: Path) -> None:
    two = MODEL + "[models.limits]\np95_ms = 5\nload_ms = 100\n" + MODEL.replace("one", "two")
    found = load_suite(suite(tmp_path, "[limits]\np95_ms = 20\nsize_mb = 1\n" + two)).limits
    assert found == {
        "one": (Limit("p95_ms", 5.0), Limit("load_ms", 100.0), Limit("size_mb", 1.0)),
        "two": (Limit("p95_ms", 20.0), Limit("size_mb", 1.0)),
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p96_ms = 20", "limits.p96_ms: cannot be limited; what can be: p50_ms, "),
        ("p95_ms = 0", "limits.p95_ms: is 0; give a number above 0"),
        ("p95_ms = -1", "limits.p95_ms: is -1;"),
        ("p95_ms = nan", "limits.p95_ms: is nan;"),
        ("p95_ms = inf", "limits.p95_ms: is inf;"),
        ("p95_ms = true", "limits.p95_ms: is True;"),
        ("p95_ms = [20]", "limits.p95_ms: is [20];"),
        ('p95_ms = "20 ms"', "limits.p95_ms: is '20 ms';"),
        ('p95_ms = "< 20"', "limits.p95_ms: is '< 20';"),
        ('p95_ms = ">= 20"', "limits.p95_ms: is '>= 20', but p95_ms has a largest value;"),
        ('throughput_hz = "<= 20"', "limits.throughput_hz: is '<= 20', but throughput_hz has a least value;"),
        ('p95_ms = "<= 0"', "limits.p95_ms: is 0.0;"),
    ],
)
def test_a_wrong_limit_is_named_with_its_place(tmp_path: Path, line: str, said: str) -> None:
    assert refusal(tmp_path, f"[limits]\n{line}\n{MODEL}").startswith(said)
    assert refusal(tmp_path, f"{MODEL}[models.limits]\n{line}\n").startswith(f"models[0].{said}")


def test_settings_are_read_in_the_words_of_the_command_line(tmp_path: Path) -> None:
    text = """[settings]
quick = true
processes = 3
min_runs = 50
min_time = "500ms"
max_time = 20
warm_up = 1.5
threads = [1, 2]
backends = "onnxruntime,litert"
"""
    assert load_suite(suite(tmp_path, text + MODEL)).settings == SuiteSettings(
        quick=True,
        processes=3,
        min_runs=50,
        min_time_s=0.5,
        max_time_s=20.0,
        warm_up_s=1.5,
        threads=(1, 2),
        backends=("onnxruntime", "litert"),
    )


def test_a_suite_without_settings_has_none(tmp_path: Path) -> None:
    assert load_suite(suite(tmp_path, MODEL)).settings == SuiteSettings()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("quik = true", "settings.quik: is not a key"),
        ('quick = "yes"', "settings.quick: is a text"),
        ("processes = 0", "settings.processes: is 0;"),
        ('min_time = "soon"', "settings.min_time: is wrong: 'soon' is no duration"),
        ("min_time = true", "settings.min_time: is True; give a duration"),
        ("min_time = -1", "settings.min_time: is wrong: '-1.000000' is no duration"),
        ('max_time = "1s"', "settings.max_time: is 1 s, shorter than min_time, which is 10 s"),
        ('min_time = "2s"\nmax_time = "1s"', "settings.max_time: is 1 s, shorter than min_time"),
        ("threads = [0]", "settings.threads: is wrong: '0' is no list of whole numbers"),
        ("threads = true", "settings.threads: is None; give one"),
        ("threads = []", "settings.threads: is wrong"),
        ("backends = []", "settings.backends: is empty"),
        ('backends = ["litter"]', "settings.backends: holds 'litter', which is no backend; known: onnx"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path, line: str, said: str) -> None:
    assert refusal(tmp_path, f"[settings]\n{line}\n{MODEL}").startswith(said)


def test_what_the_user_says_goes_before_the_suite() -> None:
    asked = SuiteSettings(processes=9, min_time_s=0.0, threads=(4,))
    stated = SuiteSettings(
        processes=3, min_runs=7, min_time_s=5.0, warm_up_s=1.0, threads=(1,), backends=("x",)
    )
    assert settled(asked, None) == asked
    assert settled(asked, stated) == SuiteSettings(
        processes=9, min_runs=7, min_time_s=0.0, warm_up_s=1.0, threads=(4,), backends=("x",)
    )


def test_the_users_quick_is_not_slowed_down_by_a_suites_times() -> None:
    stated = SuiteSettings(processes=5, min_runs=1000, min_time_s=60.0, threads=(1,), backends=("litert",))
    found = settled(SuiteSettings(quick=True), stated)
    assert found == SuiteSettings(quick=True, threads=(1,), backends=("litert",))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.018, 0.0199, "passed"),
        (0.018, 0.0200, "passed"),
        (0.018, 0.0201, "undecided"),
        (0.0200, 0.022, "undecided"),
        (0.0201, 0.022, "failed"),
    ],
)
def test_only_the_whole_interval_decides(low: float, high: float, verdict: str) -> None:
    found = judge(of_p95(0.5 * (low + high), low, high), Limit("p95_ms", 20.0))
    assert found.verdict == verdict
    assert (found.low, found.high) == (pytest.approx(1e3 * low), pytest.approx(1e3 * high))
    assert (found.reason is not None) == (verdict == "undecided")
    assert any_failed([found]) == (verdict == "failed")


@pytest.mark.parametrize(("bound", "verdict"), [(70.0, "passed"), (81.2, "undecided"), (95.0, "failed")])
def test_throughput_has_a_least_value(bound: float, verdict: str) -> None:
    made = report(throughput_hz=Estimate(81.2, 75.0, 90.0))
    assert judge(made, Limit("throughput_hz", bound)).verdict == verdict


def test_the_units_are_decimal() -> None:
    made = report(energy=ENERGY)
    figures = {name: judge(made, Limit(name, 1.0)).value for name in LIMITED}
    assert figures == {
        name: pytest.approx(value)
        for name, value in {
            "p50_ms": 1e3 * _value(made.latency.p50),
            "p90_ms": 1e3 * _value(made.latency.p90),
            "p95_ms": 1e3 * _value(made.latency.p95),
            "p99_ms": 1e3 * _value(made.latency.p99),
            "mean_ms": 1e3 * made.latency.mean.value,
            "cpu_ms": 1e3 * made.cpu_s_per_inference.value,
            "load_ms": 65.4,
            "first_result_ms": 97.5,
            "peak_mb": 91.3,
            "incremental_mb": 40.1,
            "size_mb": 13.964571,
            "energy_mj": 71.2,
            "throughput_hz": 81.2,
        }.items()
    }


def _value(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


def test_energy_is_judged_by_its_own_interval_and_an_estimate_only_where_it_was_asked_for() -> None:
    made = of_processes(1, report(energy=ENERGY))  # 71.2 mJ [69.9, 72.5], of a process of its own
    assert [judge(made, Limit("energy_mj", bound)).verdict for bound in (72.5, 71.0, 69.8)] == [
        "passed",
        "undecided",
        "failed",
    ]
    assert "another meter" in str(judge(made, Limit("energy_mj", 71.0)).reason)
    estimated = report(energy=replace(ENERGY, is_estimate=True))
    found = judge(estimated, Limit("energy_mj", 1.0))
    assert (found.verdict, found.reason) == (
        "unavailable",
        "it is an estimate, which limits judge only with --meter estimate",
    )
    assert judge(estimated, Limit("energy_mj", 1.0), estimates=True).verdict == "failed"
    nowhere = judge(report(energy=Unavailable("no sensor", "use a meter")), Limit("energy_mj", 1.0))
    assert (nowhere.verdict, nowhere.reason) == ("unavailable", "no sensor; use a meter")


def test_a_size_is_counted_so_that_it_always_decides() -> None:
    made = of_processes(1, report(verdict="INVALID"))
    assert judge(made, Limit("size_mb", 13.964571)).verdict == "passed"
    assert judge(made, Limit("size_mb", 13.96)).verdict == "failed"


@pytest.mark.parametrize(("name", "least"), [("p50", 5), ("p90", 29), ("p95", 59), ("p99", 299)])
def test_a_percentile_of_too_few_samples_is_unavailable(name: str, least: int) -> None:
    made = report()
    made = replace(made, latency=replace(made.latency, samples=4, **{name: None}))
    found = judge(made, Limit(f"{name}_ms", 0.001))
    assert (found.verdict, found.value) == ("unavailable", None)
    assert found.reason == f"too few samples: 4, and {name} needs {least}; raise --min-runs"
    assert not any_failed([found])


def test_unknown_ram_is_unavailable() -> None:
    made = report()
    found = judge(replace(made, memory=replace(made.memory, peak=None)), Limit("peak_mb", 1.0))
    assert (found.verdict, found.reason) == ("unavailable", "the kernel does not tell it of every process")


def test_an_invalid_run_decides_nothing() -> None:
    doubt = Doubt("throttled", "invalid", "the supply sagged", "use a better one")
    found = judge(report(verdict="INVALID", warnings=(doubt,)), Limit("p95_ms", 0.001))
    assert (found.verdict, found.reason) == (
        "unavailable",
        "the run is INVALID (throttled); measure it again",
    )


def test_one_process_decides_nothing() -> None:
    found = judge(of_processes(1, of_p95(0.01, 0.009, 0.011)), Limit("p95_ms", 1000.0))
    assert found.verdict == "unavailable"
    assert "--processes 3" in str(found.reason)


def test_students_t_over_two_processes_is_scipys() -> None:
    for figures in ([30.0, 31.0], [1.0, 2.0, 4.0, 8.0]):
        low, high = stats.t.interval(0.95, len(figures) - 1, loc=np.mean(figures), scale=stats.sem(figures))
        found = student_t_interval(figures)
        assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_the_range_of_two_processes_does_not_pass_for_an_interval() -> None:
    made = of_processes(2, report(throughput_hz=Estimate(81.0, 80.0, 82.0)))
    # 81 - 12.706 * 1 = 68.3: a limit of 75 is below both processes, and still not certain.
    assert judge(made, Limit("throughput_hz", 75.0)).verdict == "undecided"
    assert judge(made, Limit("throughput_hz", 68.0)).verdict == "passed"
    assert judge(made, Limit("throughput_hz", 94.0)).verdict == "failed"


def test_a_percentile_of_two_processes_is_judged_by_students_t_on_their_logarithms() -> None:
    fast, slow = (
        replace(RECORD, samples_ns=tuple(int(factor * ns) for ns in RECORD.samples_ns))
        for factor in (1.0, 1.1)
    )
    made = of_processes(2, of_p95(0.0105, 0.0100, 0.0111))
    made = replace(made, processes=(fast, slow))
    own = [np.log(np.quantile(process.samples_ns, 0.95) / 1e6) for process in (fast, slow)]
    low, high = np.exp(stats.t.interval(0.95, 1, loc=np.mean(own), scale=stats.sem(own)))
    found = judge(made, Limit("p95_ms", 12.0))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.verdict == "undecided"
    assert judge(made, Limit("p95_ms", float(high) + 0.1)).verdict == "passed"


def test_a_model_that_was_not_measured_is_told_and_fails_no_limit() -> None:
    failure = Failure("one", "litert", "BackendMissing", "pip install 'edgeai[tflite]'", skipped=True)
    verdicts = judge_all([], [failure], {"one": (Limit("p95_ms", 20.0),), "two": (Limit("p95_ms", 20.0),)})
    assert [(each.model, each.verdict, each.reason) for each in verdicts] == [
        ("one", "unavailable", "skipped: pip install 'edgeai[tflite]'"),
        ("two", "unavailable", "skipped: none of the backends asked for reads it"),
    ]
    assert not any_failed(verdicts)


def test_the_table_tells_each_limit_and_each_reason_once() -> None:
    made = [of_p95(0.02, 0.019, 0.021), of_p95(0.03, 0.029, 0.031)]
    verdicts = [judge(each, Limit("p95_ms", 20.0)) for each in made] + [judge(made[0], Limit("p95_ms", 19.5))]
    lines = limits_table(verdicts).splitlines()
    assert re.split(r"\s{2,}", lines[1]) == [
        "mobilenet.onnx", "onnxruntime", "4", "p95_ms <= 20", "20.0", "[19.0, 21.0]", "undecided",
    ]  # fmt: skip
    assert lines[2].endswith("FAILED")
    assert "".join(lines[4:]).count("the limit lies in the 95 % interval") == 1
    assert limits_table([]) == ""


def test_verdicts_are_written_as_the_schema_says() -> None:
    schema = json.loads((Path(edgeai_bench.__file__).parent / "report.schema.json").read_text("utf-8"))
    made = replace(report(), model=replace(report().model, id="mobile"))
    unknown = replace(made, latency=replace(made.latency, p99=None))
    failure = Failure("one", None, "ModelError", "damaged", skipped=False)
    verdicts = judge_all(
        [made, unknown], [failure], {"mobile": (Limit("p99_ms", 30.0),), "one": (Limit("p99_ms", 1),)}
    )
    assert len(verdicts) == 3
    whole = json.loads(json.dumps(document([made, unknown], [failure], limits=verdicts), allow_nan=False))
    jsonschema.Draft202012Validator(schema).validate(whole)
    assert [each["verdict"] for each in whole["limits"]] == ["passed", "unavailable", "unavailable"]
    assert "limits" not in document([made], [])


def test_a_suite_measures_judges_and_fails(tmp_path: Path) -> None:
    text = """[settings]
quick = true
processes = 2
min_runs = 70
min_time = 0.05
warm_up = 0.05
threads = 1
backends = "onnxruntime"
[limits]
size_mb = 1
p95_ms = 60000
p99_ms = 60000
[[models]]
id = "digits"
path = "digits"
"""
    done = call("bench", "--suite", suite(tmp_path, text), "--json", "-q")
    assert done.code in (0, 1), done.err  # 1 where the machine throttled
    run, limits = done.document["runs"][0], done.document["limits"]
    assert (run["settings"]["quick"], run["settings"]["min_runs"], run["identity"]["threads"]) == (
        True,
        70,
        1,
    )
    assert [each["name"] for each in limits] == ["p95_ms", "p99_ms", "size_mb"]
    assert (limits[2]["verdict"], limits[2]["value"]) == ("passed", run["model"]["size_bytes"] / 1e6)

    missed = suite(tmp_path, text.replace("size_mb = 1", "size_mb = 0.001"))
    done = call("bench", "--suite", missed, "-q", "--min-runs", 60)
    assert done.code == 1
    assert re.search(r"digits +onnxruntime +1 +size_mb <= 0.001 .*FAILED", done.out)
