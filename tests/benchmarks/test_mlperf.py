"""`edgeai bench --mlperf`: the four scenarios on real models, what is by the rules, and what goes wrong."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest

import edgeai_bench
from edgeai.errors import UsageError
from edgeai.measure.early_stopping import slowest_to_drop
from edgeai.measure.long_runs import QueryLatencies, ScenarioMeasured
from edgeai.measure.scenarios import Loop
from edgeai_bench.long_run_doubts import about_mlperf
from edgeai_bench.mlperf import MIN_OFFLINE_SAMPLES, mlperf_result, scenario_of
from edgeai_bench.render.table import overview, page
from tests.benchmarks.made_up import CONDITIONS, MLPERF, QUIET, report
from tests.benchmarks.worn import write_worn_backend
from tests.command import call
from tests.tiny_models import linear_onnx

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = json.loads((Path(edgeai_bench.__file__).parent / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SHORT = ["--quick", "--processes", 1, "--threads", 1, "--warm-up", "0.2"]


def run_of(*words: object) -> dict[str, Any]:
    """The one run of a valid document."""
    done = call("bench", *words, *SHORT, "--json", "-q")
    assert done.code == 0, done.out + done.err
    VALIDATOR.validate(done.document)
    run: dict[str, Any] = done.document["runs"][0]
    return run


def of_digits(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = run_of("digits", "--model", "digits", "--backend", "onnxruntime", *words)[
        "mlperf"
    ]
    return found


def doubts_in(run: dict[str, Any]) -> set[str]:
    return {doubt["name"] for doubt in run["warnings"]}


# --- real runs


def test_single_stream_of_digits() -> None:
    run = run_of(
        "digits", "--model", "digits", "--backend", "litert", "--mlperf", "singlestream", "--min-time", 1
    )
    found = run["mlperf"]
    assert found["scenario"] == "SingleStream"
    assert found["samples"] == found["queries"] >= 64
    assert found["duration_s"] >= 1
    assert (found["percentile"], found["samples_per_query"], found["batch"]) == ("0.9", 1, 1)
    latency = found["latency"]
    assert latency["dropped"]["0.9"] == slowest_to_drop(found["queries"], 0.9)
    assert found["estimate_s"] == latency["stopped_early"]["0.9"]
    assert latency["quantiles"]["0.9"] <= found["estimate_s"] <= latency["max"]
    assert latency["min"] <= latency["quantiles"]["0.5"] <= latency["quantiles"]["0.99"] <= latency["max"]
    assert latency["resolution"] == 0
    assert found["server"] is None
    assert found["output_error"] is None
    assert found["samples_from"].startswith("64 synthetic: floats uniform in [0, 1) from seed 0")
    assert "a run of its own" in found["accuracy"]["unavailable"]
    assert not found["by_the_rules"]
    assert found["reasons"] == [f"it lasted {found['duration_s']:.2f} s of 600 s"]
    assert "mlperf_not_by_the_rules" in doubts_in(run)
    assert "soak" not in run


def test_multi_stream_of_digits_is_eight_samples_a_query() -> None:
    found = of_digits("--mlperf", "multistream", "--min-time", "0.5", "--min-runs", 700, "--seed", 4)
    assert found["queries"] >= 700
    assert found["samples"] == 8 * found["queries"]
    assert (found["percentile"], found["samples_per_query"], found["min_queries"]) == ("0.99", 8, 700)
    assert found["latency"]["dropped"]["0.99"] == slowest_to_drop(found["queries"], 0.99)
    assert found["seed"] == 4
    assert [reason for reason in found["reasons"] if "queries" in reason] == []


def test_offline_of_digits_is_one_query() -> None:
    found = of_digits("--mlperf", "offline", "--min-time", "0.5", "--min-runs", 300)
    assert found["queries"] == 1
    assert found["samples"] >= 300
    assert found["samples_per_s"] == pytest.approx(found["samples"] / found["duration_s"])
    assert found["percentile"] is found["estimate_s"] is found["latency"] is None
    if found["samples"] < MIN_OFFLINE_SAMPLES:
        assert f"its query had {found['samples']:,} of 24,576 samples" in found["reasons"]


def test_server_of_digits_keeps_a_limit_that_is_wide() -> None:
    words = ["--server-rate", "500/s", "--server-limit", "5s"]
    found = of_digits("--mlperf", "server", "--min-time", 1, "--min-runs", 662, *words)
    server = found["server"]
    assert (server["rate_hz"], server["limit_s"], server["over"], server["holds"]) == (500, 5, 0, True)
    assert found["queries"] >= 662
    assert found["duration_s"] >= 1
    assert 350 < server["arrived_hz"] < 650  # 662 or more arrivals: over five standard errors


def test_a_server_that_misses_its_limit_ends_with_the_exit_code_for_no() -> None:
    words = ["--server-rate", "2000/s", "--server-limit", "0.001ms", "--min-time", "0.3"]
    chosen = ["digits", "--model", "digits", "--backend", "litert", "--mlperf", "server"]
    done = call("bench", *chosen, *words, *SHORT, "-q")
    assert done.code == 1, done.out
    assert "limit p99 <= 1.00 µs at 2,000/s: NOT kept" in done.out
    assert "note: mlperf_limit_missed" in done.out


def test_samples_come_from_a_file_and_make_batches(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "linear.onnx", ("N", 4))
    np.savez(tmp_path / "samples.npz", x=np.arange(40, dtype=np.float32).reshape(10, 4))
    words = [
        model,
        "--input",
        tmp_path / "samples.npz",
        "--batch",
        16,
        "--mlperf",
        "offline",
        "--min-runs",
        40,
    ]
    run = run_of(*words, "--min-time", "0.2")
    found = run["mlperf"]
    assert found["samples_from"] == f"10 of {tmp_path / 'samples.npz'}"
    assert (found["pool"], found["batch"]) == (10, 16)
    assert found["samples"] % 16 == 0
    assert not any("samples" in reason for reason in found["reasons"]), "more than the whole data set"
    assert run["model"]["inputs"][0]["shape"] == [16, 4], "elsewhere the first batch is fed"
    assert run["samples_per_s"]["value"] == pytest.approx(16 * run["throughput_hz"]["value"])


def test_a_query_of_multi_stream_is_one_batch_where_that_is_open(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "linear.onnx", ("N", 4))
    run = run_of(model, "--batch", 32, "--mlperf", "multistream", "--min-time", "0.2", "--min-runs", 10)
    assert run["mlperf"]["batch"] == 8


def test_a_shorter_run_of_enough_queries_says_only_that_it_was_short(
    public_model: Callable[[str], Path],
) -> None:
    run = run_of(public_model("okay-nabu"), "--mlperf", "singlestream", "--min-time", "300ms")
    assert len(run["mlperf"]["reasons"]) == 1
    assert run["mlperf"]["reasons"][0].startswith("it lasted ")


# --- what goes wrong


def refused(*words: object) -> str:
    done = call("bench", *words, *SHORT, "-q")
    assert done.code == 2, done.out + done.err
    assert "Traceback" not in done.err
    return done.err


def test_a_pipeline_is_refused_with_what_to_do() -> None:
    told = refused("digits", "--backend", "litert", "--mlperf", "offline")
    assert "is a pipeline" in told
    assert "--model NAME" in told


def test_options_that_do_not_fit_are_refused() -> None:
    model = ["digits", "--model", "digits"]
    assert "--server-rate 50/s --server-limit 15ms" in refused(*model, "--mlperf", "server")
    assert "go with --mlperf server" in refused(*model, "--mlperf", "offline", "--server-rate", "5/s")
    assert "go with --mlperf server" in refused(*model, "--server-limit", "5ms")
    assert "leave --batch out" in refused(*model, "--mlperf", "singlestream", "--batch", 4)
    assert "'fast' is not one of" in refused(*model, "--mlperf", "fast")


def test_a_model_with_a_fixed_batch_is_not_given_another(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "linear.onnx", (4, 4))
    assert "has a fixed batch" in refused(model, "--batch", 4, "--mlperf", "offline", "--min-time", "0.1")


def test_a_file_of_samples_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    model = linear_onnx(tmp_path / "linear.onnx", ("N", 4))
    np.savez(tmp_path / "samples.npz", x=np.zeros((10, 5), np.float32))
    told = refused(model, "--input", tmp_path / "samples.npz", "--mlperf", "offline")
    assert "holds x as [10, 5], which is no list of samples for input x" in told


def worn(tmp_path: Path, patch: pytest.MonkeyPatch, wear: str, *words: object) -> tuple[int, str]:
    patch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    patch.syspath_prepend(str(tmp_path))
    from edgeai.testing import write_fake_model

    model = write_fake_model(tmp_path / "worn.onnx", busy_s=0.001)
    backend = write_worn_backend(tmp_path, wear)
    scenario = ["--mlperf", "singlestream", "--min-time", "1", "--min-runs", 3_000, "--backend", backend]
    done = call("bench", model, *SHORT, "-q", *scenario, *words)
    return done.code, done.err


def test_a_crash_in_the_run_is_an_error_with_its_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The usual process ends after half a second of runs of 1 ms; the scenario has 3,000 before it.
    wear = "RUNS > 1_500 and os.kill(os.getpid(), signal.SIGSEGV)"
    code, told = worn(tmp_path, monkeypatch, wear)
    assert code == 2
    assert "crashed with SIGSEGV in the phase 'singlestream'" in told


def test_a_hang_in_the_run_is_an_error_with_its_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, told = worn(tmp_path, monkeypatch, "RUNS > 1_500 and time.sleep(600)", "--timeout", "2s")
    assert code == 2
    assert "said nothing for 2 s in the phase 'singlestream'" in told


# --- the rules


def a_run(kind: str, queries: int, samples: int, duration_s: float, **changes: Any) -> ScenarioMeasured:
    latencies = QueryLatencies(
        min_ns=1_000_000,
        mean_ns=2e6,
        max_ns=9_000_000,
        quantiles={"0.9": 3_000_000, "0.99": 5_000_000},
        stopped_early={"0.9": 3_100_000, "0.99": 5_100_000},
        dropped={"0.9": 1, "0.99": 1},
        over_limit=changes.pop("over", None),
        resolution=0.0,
    )
    loop = Loop(queries, samples, duration_s, changes.pop("arrivals_s", None), changes.pop("gave_up", False))
    made = ScenarioMeasured(
        loop=loop,
        latencies=None if kind == "offline" else latencies,
        pool=64,
        pool_told="64 of samples.npz",
        pool_origin="file",
        warm_up_runs=50,
        converged=True,
        phases=(),
        before=CONDITIONS,
        after=CONDITIONS,
        change=QUIET,
        output_error=None,
        provider="cpu",
    )
    return replace(made, **changes)


def asked(kind: str, **changes: Any) -> Any:
    words: dict[str, Any] = {
        "min_s": None,
        "min_queries": None,
        "batch": None,
        "rate_hz": None,
        "limit_s": None,
    }
    if kind == "server":
        words |= {"rate_hz": 50.0, "limit_s": 0.015}
    return scenario_of(kind, seed=0, **(words | changes))


def test_the_defaults_are_the_rules() -> None:
    single, multi, offline, server = (asked(k) for k in ("singlestream", "multistream", "offline", "server"))
    assert {each.min_s for each in (single, multi, offline, server)} == {600.0}
    assert (single.percentile, single.min_queries, single.samples_per_query) == (0.9, 64, 1)
    assert (multi.percentile, multi.min_queries, multi.samples_per_query) == (0.99, 662, 8)
    assert (offline.percentile, offline.min_queries) == (None, 24_576)
    assert (server.percentile, server.min_queries, server.samples_per_query) == (0.99, 662, 1)


@pytest.mark.parametrize(
    ("kind", "queries", "samples", "duration_s", "reasons"),
    [
        ("singlestream", 64, 64, 600.0, ()),
        ("singlestream", 63, 63, 600.0, ("it had 63 of 64 queries",)),
        ("singlestream", 9_999, 9_999, 599.0, ("it lasted 599 s of 600 s",)),
        ("multistream", 662, 5_296, 600.1, ()),
        ("multistream", 661, 5_288, 600.1, ("it had 661 of 662 queries",)),
        ("offline", 1, 24_576, 612.0, ()),
        ("offline", 1, 64, 612.0, ()),  # the whole data set
        ("offline", 1, 63, 612.0, ("its query had 63 of 64 samples",)),
        ("server", 30_000, 30_000, 600.2, ()),
        ("server", 100, 100, 60.0, ("it lasted 60.0 s of 600 s", "it had 100 of 662 queries")),
    ],
)
def test_what_is_by_the_rules(
    kind: str, queries: int, samples: int, duration_s: float, reasons: tuple[str, ...]
) -> None:
    result = mlperf_result(asked(kind), a_run(kind, queries, samples, duration_s, over=0))
    assert result.reasons == reasons
    assert result.by_the_rules == (not reasons)


def test_offlines_made_up_samples_are_no_data_set() -> None:
    result = mlperf_result(asked("offline"), a_run("offline", 1, 64, 612.0, pool_origin="synthetic"))
    assert result.reasons == ("its query had 64 of 24,576 samples",)


@pytest.mark.parametrize(
    ("queries", "over", "holds"),
    [
        (662, 1, True),
        (662, 2, False),
        (459, 0, True),
        (458, 0, None),  # too few to say anything
        (300, 30, False),
        (30_000, 250, True),
        (30_000, 290, False),  # under 1 %, but that is not shown
        (30_000, 400, False),
    ],
)
def test_the_limit_is_judged_by_early_stopping(queries: int, over: int, holds: bool | None) -> None:
    result = mlperf_result(asked("server"), a_run("server", queries, queries, 600.0, over=over))
    assert result.server is not None
    assert result.server.holds is holds


def test_a_queue_that_was_given_up_keeps_no_limit() -> None:
    made = a_run("server", 5_000, 5_000, 1_800.0, over=0, gave_up=True)
    result = mlperf_result(asked("server"), made)
    assert result.server is not None
    assert result.server.holds is False
    assert result.reasons == ("the queue only grew, so it was given up after 1,800 s",)


def test_a_server_without_its_options_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a rate and a limit"):
        asked("server", limit_s=None)


@pytest.mark.parametrize(
    ("changes", "name", "effect"),
    [
        ({"output_error": "y differs by 1"}, "mlperf_wrong_output", "invalid"),
        ({"change": replace(QUIET, throttle_events={"throttled": 2})}, "mlperf_throttled", "invalid"),
        ({"change": replace(QUIET, foreign_load=0.5)}, "mlperf_disturbed", "noisy"),
        ({"by_the_rules": False, "reasons": ("it was short",)}, "mlperf_not_by_the_rules", "note"),
        ({"server": replace(MLPERF.server, holds=False)}, "mlperf_limit_missed", "note"),  # type: ignore[type-var]
        ({"server": replace(MLPERF.server, holds=None)}, "mlperf_limit_undecided", "note"),  # type: ignore[type-var]
    ],
)
def test_each_doubt_has_a_name(changes: dict[str, Any], name: str, effect: str) -> None:
    assert list(about_mlperf(MLPERF)) == []
    (doubt,) = about_mlperf(replace(MLPERF, **changes))
    assert (doubt.name, doubt.effect) == (name, effect)
    assert doubt.advice


def test_an_offline_query_that_was_sized_too_small_is_to_be_repeated() -> None:
    short = mlperf_result(asked("offline"), a_run("offline", 1, 66_000, 480.0))
    (doubt,) = about_mlperf(short)
    assert (doubt.name, "repeat it" in doubt.advice) == ("mlperf_not_by_the_rules", True)
    (doubt,) = about_mlperf(mlperf_result(asked("offline", min_s=5.0), a_run("offline", 1, 66_000, 6.0)))
    assert "leave --min-time and --min-runs out" in doubt.advice


# --- how it is shown


def test_a_page_has_the_figure_the_limit_and_the_judgement() -> None:
    text = page(report(mlperf=MLPERF))
    assert "Server p99 12.3 ms by early stopping, 258 slowest dropped; p99 itself 12.1 ms" in text
    assert "29,940 queries of 1 sample in 600 s, 49.9/s samples; by the rules" in text
    assert "limit p99 <= 15.0 ms at 50.0/s: kept; 101 queries over it" in text
    assert "samples: 64 of samples.npz; drawn from seed 7" in text
    assert "accuracy unavailable" in text


def test_an_overview_marks_what_is_not_by_the_rules() -> None:
    short = replace(MLPERF, by_the_rules=False, reasons=("it lasted 2.00 s of 600 s",))
    offline = replace(MLPERF, scenario="Offline", percentile=None, latency=None, samples_per_s=1234.0)
    text = overview([report(mlperf=MLPERF), report(mlperf=short), report(mlperf=offline), report()], [])
    cells = [line.split() for line in text.splitlines()[:5]]
    assert "MLPerf" in cells[0]
    assert "12.3ms*" not in text
    assert [" 12.3 ms " in line for line in text.splitlines()[1:3]] == [True, True]
    assert "12.3 ms*" in text.splitlines()[2]
    assert "1,230/s" in text.splitlines()[3]
    assert "* = not by the rules" in text
    assert "MLPerf" not in overview([report(), report()], [])
