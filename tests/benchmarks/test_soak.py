"""`edgeai bench --soak`: real soaks of seconds, and what half an hour would show."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest

import edgeai_bench
from edgeai.measure.launch import model_folder, run_probe, run_worker
from edgeai.measure.long_runs import SoakMeasured
from edgeai.measure.protocol import InputRequest, ModelRequest, Request
from edgeai.measure.soak import Block, Glance
from edgeai.measure.timing import WarmUpRule
from edgeai.testing import write_fake_model
from edgeai.unavailable import Unavailable
from edgeai_bench.long_run_doubts import about_soak
from edgeai_bench.reading import from_json
from edgeai_bench.render.table import overview, page
from edgeai_bench.report import document
from edgeai_bench.soak_report import SoakCourse, soak_result
from tests.benchmarks.made_up import CONDITIONS, MLPERF, QUIET, SOAK, report
from tests.benchmarks.worn import write_worn_backend
from tests.command import call

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = json.loads((Path(edgeai_bench.__file__).parent / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SHORT = ["--quick", "--processes", 1, "--threads", 1, "--warm-up", "0.2"]
MIB = 1 << 20


# --- real soaks


def test_a_soak_of_digits_is_a_valid_document_and_a_page() -> None:
    words = ["bench", "digits", "--backend", "onnxruntime", "--soak", "3s", *SHORT, "-q"]
    done = call(*words, "--json")
    assert done.code == 0, done.out + done.err
    VALIDATOR.validate(done.document)
    run = done.document["runs"][0]
    soak = run["soak"]
    assert soak["asked_s"] == 3
    assert 3 <= soak["duration_s"] < 10
    assert soak["runs"] == sum(block["runs"] for block in soak["blocks"])
    assert 20 <= len(soak["blocks"]) <= 60
    assert soak["minutes"][0]["runs"] == soak["runs"]
    assert soak["first_s"] == pytest.approx(soak["duration_s"] / 4)
    assert 0 < soak["sustained"]["low"] <= soak["sustained"]["ratio"] <= soak["sustained"]["high"]
    assert soak["sustained"]["ratio"] == pytest.approx(soak["sustained_hz"] / soak["first_hz"], rel=0.5)
    assert soak["growth_bytes_per_hour"].keys() == {"value", "low", "high"}
    assert soak["peak_bytes"] > 10 * MIB
    assert soak["output_error"] is None
    assert "mlperf" not in run


def soaked(path: Path, soak_s: float, backend: str, sysroot: str = "/") -> SoakMeasured:
    with model_folder() as folder:
        model = ModelRequest(str(path), backend=backend, threads=1)
        request = Request(model, InputRequest(), folder, warm_up=WarmUpRule(min_s=0.0, max_s=0.2))
        run_probe(request)
        request = replace(request, soak_s=soak_s, sysroot=sysroot)
        return run_worker(SoakMeasured, request, on_event=lambda event: None, silence_s=60.0)


def test_a_backend_that_leaks_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.syspath_prepend(str(tmp_path))
    model = write_fake_model(tmp_path / "model.onnx", busy_s=0.001)
    leaking = write_worn_backend(tmp_path, "HELD.append(b'1' * 20_000)")
    result = soak_result(3.0, soaked(model, 3.0, leaking))
    assert result.grown_bytes is not None
    assert result.grown_bytes > 5 * MIB
    doubts = {doubt.name: doubt for doubt in about_soak(result)}
    assert "soak_growth" in doubts
    assert "leaks" in doubts["soak_growth"].advice


def test_a_backend_that_does_not_leak_is_not_told_of(tmp_path: Path) -> None:
    model = write_fake_model(tmp_path / "model.onnx", busy_s=0.001)
    result = soak_result(3.0, soaked(model, 3.0, "edgeai.testing:FakeBackend"))
    assert result.grown_bytes is not None
    assert abs(result.grown_bytes) < 256 * 1024
    assert "soak_growth" not in {doubt.name for doubt in about_soak(result)}


def test_a_backend_that_gets_slower_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.syspath_prepend(str(tmp_path))
    model = write_fake_model(tmp_path / "model.onnx")
    tiring = write_worn_backend(tmp_path, "time.sleep(0.001 + min(RUNS, 500) / 50_000)")
    result = soak_result(6.0, soaked(model, 6.0, tiring))
    assert result.sustained is not None
    assert result.sustained.ratio < 0.8
    assert result.drift is not None
    assert result.drift.value < 0
    assert "soak_slower" in {doubt.name for doubt in about_soak(result)}


def test_clock_heat_and_throttling_are_read_where_the_machine_shows_them(tmp_path: Path) -> None:
    files = {
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000",
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "2400000",
        "sys/class/thermal/thermal_zone0/temp": "71500",
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "4",
    }
    for name, content in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(content)
    model = write_fake_model(tmp_path / "model.onnx", busy_s=0.001)
    measured = soaked(model, 1.0, "edgeai.testing:FakeBackend", str(tmp_path / "root"))
    result = soak_result(1.0, measured)
    assert result.clock_hz == SoakCourse(1.95e9, 1.95e9, 1.95e9, 1.95e9)
    assert result.temperature_c == SoakCourse(71.5, 71.5, 71.5, 71.5)
    assert result.throttling == ("throttled (1)",)
    assert result.growth_bytes_per_hour == Unavailable(
        "this kernel does not say RssAnon", "use Linux 4.5 or newer"
    )
    assert result.grown_bytes is result.peak_bytes is None
    assert "soak_throttled" in {doubt.name for doubt in about_soak(result)}


def test_a_soak_of_a_stream_goes_hop_by_hop(public_bundle: Callable[[str], Path]) -> None:
    done = call("bench", public_bundle("okay-nabu"), "--soak", "1s", *SHORT, "--json", "-q")
    assert done.code == 0, done.out + done.err
    VALIDATOR.validate(done.document)
    assert done.document["runs"][0]["soak"]["runs"] > 10


def test_a_soak_too_short_is_refused() -> None:
    done = call("bench", "digits", "--soak", "500ms", "-q")
    assert done.code == 2
    assert "--soak 0.5s is too short" in done.err


# --- half an hour that was not waited for


def half_an_hour(
    rate: Callable[[float], float], anonymous: Callable[[float], float], **changes: Any
) -> SoakMeasured:
    """Blocks of a second at a rate with 1 % of noise, and looks every 5 s."""
    random = np.random.default_rng(2)
    blocks = [
        Block(
            float(s),
            1.0,
            round(rate(s) * (1 + 0.01 * random.standard_normal())),
            round(1e9 / rate(s)),
            20_000_000,
        )
        for s in range(1_800)
    ]
    glances = [Glance(float(s), round(anonymous(s)), None, None) for s in range(0, 1_800, 5)]
    made = SoakMeasured(
        block_s=1.0,
        blocks=tuple(blocks),
        glances=tuple(glances),
        peak_bytes=100 * MIB,
        phases=(),
        before=CONDITIONS,
        after=CONDITIONS,
        change=QUIET,
        output_error=None,
        provider="cpu",
    )
    return replace(made, **changes)


def steady_ram(seconds: float) -> float:
    """Pages that come and go."""
    return 50.0 * MIB + 40_000 * math.sin(seconds)


def names(measured: SoakMeasured) -> set[str]:
    return {doubt.name for doubt in about_soak(soak_result(1_800.0, measured))}


def test_a_board_that_gets_hot_after_five_minutes() -> None:
    measured = half_an_hour(lambda s: 1_000 if s < 300 else 700, steady_ram)
    result = soak_result(1_800.0, measured)
    assert (result.first_s, result.last_s) == (60.0, 600.0)
    assert result.sustained is not None
    assert result.sustained.ratio == pytest.approx(0.7, rel=0.01)
    assert result.sustained.low < 0.7 < result.sustained.high
    assert len(result.minutes) == 30
    assert [round(minute.p50_s * 1e3, 2) for minute in result.minutes[4:6]] == [1.0, 1.43]
    assert names(measured) == {"soak_slower"}


def test_a_board_that_stays_as_it_is_raises_no_doubt() -> None:
    result = soak_result(1_800.0, half_an_hour(lambda s: 1_000, steady_ram))
    assert result.sustained is not None
    assert result.sustained.low < 1 < result.sustained.high
    assert result.drift is not None
    assert abs(result.drift.value) < 0.01
    assert list(about_soak(result)) == []


def test_a_leak_of_two_megabytes_an_hour_is_found_and_half_a_megabyte_passes() -> None:
    def growing(mib_per_hour: float) -> SoakMeasured:
        return half_an_hour(lambda s: 1_000, lambda s: steady_ram(s) + mib_per_hour * MIB * s / 3_600)

    result = soak_result(1_800.0, growing(2.0))
    growth = result.growth_bytes_per_hour
    assert not isinstance(growth, Unavailable)
    assert growth.low is not None
    assert growth.high is not None
    assert growth.low <= 2 * MIB <= growth.high
    assert names(growing(2.0)) == {"soak_growth"}
    assert names(growing(0.5)) == set(), "1 % of the peak is the limit"


def test_pools_that_fill_in_the_first_minutes_are_no_leak() -> None:
    measured = half_an_hour(lambda s: 1_000, lambda s: steady_ram(s) + min(s, 120.0) * 100_000)
    assert names(measured) == set()


def test_what_the_machine_does_not_show_is_unavailable_with_a_reason() -> None:
    silent = replace(CONDITIONS, throttle_counts={}, temperatures_c={})
    result = soak_result(1_800.0, half_an_hour(lambda s: 1_000, steady_ram, after=silent))
    for reading in (result.clock_hz, result.temperature_c, result.throttling):
        assert isinstance(reading, Unavailable)
        assert reading.unavailable
        assert reading.advice
    told = replace(SOAK, throttling=())
    assert "throttling: none seen" in page(report(soak=told))


@pytest.mark.parametrize(
    ("changes", "name", "effect"),
    [
        ({"output_error": "y differs by 1"}, "soak_wrong_output", "invalid"),
        ({"change": replace(QUIET, stolen_share=0.2)}, "soak_disturbed", "noisy"),
        ({"change": replace(QUIET, throttle_events={"throttled": 2})}, "soak_throttled", "note"),
    ],
)
def test_each_doubt_has_a_name(changes: dict[str, Any], name: str, effect: str) -> None:
    found = {doubt.name: doubt.effect for doubt in about_soak(replace(SOAK, **changes))}
    assert found == {"soak_slower": "noisy", name: effect}


def test_a_page_shows_how_it_went() -> None:
    text = page(report(soak=SOAK))
    assert "sustained 71.0/s, which is 71.0% [70.0%, 72.0%] of the first 60.0 s's 100/s" in text
    assert "144,010 runs in 1,800 s; rate from beginning to end -35.0% [-36.0%, -34.0%]" in text
    assert "anonymous RAM grew by 1.02 kB: 2.00 kB an hour [-1.00 kB, 5.00 kB], peak 91.0 MB" in text
    assert "clock 2.40 GHz at first, 1.50 GHz at last" in text
    assert "temperature 48.8 °C at first, 84.9 °C at last" in text
    assert "throttling: throttled (3)" in text
    assert [line.split() for line in text.splitlines() if line.split()[:1] in (["1"], ["2"])] == [
        ["1", "10.0", "ms", "20.0", "ms", "100/s"],
        ["2", "14.0", "ms", "30.0", "ms", "71.0/s"],
    ]


def test_an_overview_has_the_sustained_share() -> None:
    text = overview([report(soak=SOAK), report()], [])
    assert "sustained" in text.splitlines()[0]
    assert "71.0%" in text.splitlines()[1]
    assert "sustained" not in overview([report(), report()], [])


def test_what_is_written_is_read_back() -> None:
    made = report(soak=replace(SOAK, throttling=Unavailable("nobody tells", "ask the board")), mlperf=MLPERF)
    (read,), failures = from_json(json.dumps(document([made], [])).encode(), "r.json")
    assert (read.soak, read.mlperf, failures) == (made.soak, made.mlperf, [])
