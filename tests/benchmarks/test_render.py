"""What people read on the terminal: exact figures, their units, and what is missing by name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeai.measure.statistics import Estimate
from edgeai.quantities import bytes_text, digits, rate_text, time_text
from edgeai.unavailable import Unavailable
from edgeai_bench.render.intervals import interval_text
from edgeai_bench.render.table import overview, page
from edgeai_bench.report import Doubt, Failure
from tests.benchmarks.made_up import BUNDLE, DOUBT, LATENCY, PACED, PIPELINE, STREAM, report

if TYPE_CHECKING:
    from edgeai_bench.report import Report

# --- quantities


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01234, "12.3 ms"),
        (0, "0 µs"),
        (4.2e-7, "0.42 µs"),
        (1e-6, "1.00 µs"),
        (9.994e-6, "9.99 µs"),
        (9.996e-6, "10.0 µs"),
        (0.0000996, "99.6 µs"),
        (0.0009994, "999 µs"),
        (0.0009996, "1.00 ms"),
        (0.001, "1.00 ms"),
        (0.09996, "100 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (1.5, "1.50 s"),
        (75.04, "75.0 s"),
        (1234.5, "1,230 s"),
        (-0.01234, "-12.3 ms"),
    ],
)
def test_times_have_three_digits_and_the_unit_that_fits(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (12_345_678, "12.3 MB"),
        (999_400, "999 kB"),
        (999_600, "1.00 MB"),
        (999_999_999, "1.00 GB"),
        (8_443_277_312, "8.44 GB"),
        (-2_500_000, "-2.50 MB"),
    ],
)
def test_sizes_are_decimal(size: float, text: str) -> None:
    assert bytes_text(size) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(8123.4, "8,120/s"), (9.87, "9.87/s"), (0.1, "0.1/s"), (999.7, "1,000/s"), (1_234_567, "1,230,000/s")],
)
def test_rates_are_per_second_with_thousands_grouped(rate: float, text: str) -> None:
    assert rate_text(rate) == text


@settings(deadline=None)  # machines are noisy
@given(st.floats(1e-6, 1e6))
def test_digits_are_three_and_within_half_a_percent(value: float) -> None:
    text = digits(value)
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.00501)
    if 1 <= value < 999.4:
        assert len(text.replace(".", "")) == 3


def test_an_interval_is_in_brackets_and_none_is_nothing() -> None:
    assert interval_text(Estimate(0.0123, 0.0121, 0.0126)) == "[12.1 ms, 12.6 ms]"
    assert interval_text(Estimate(81.2, 80.0, 83.0), rate_text) == "[80.0/s, 83.0/s]"
    assert interval_text(Estimate(0.0123, None, None)) == ""


# --- one run


def test_the_page_holds_the_headline_figures() -> None:
    assert page(report()).splitlines() == [
        "mobilenet.onnx on onnxruntime 1.23.2 (cpu, 4 threads): VALID",
        "",
        "latency    p50     12.3 ms  [12.2 ms, 12.4 ms]",
        "           p90     13.1 ms  [13.0 ms, 13.2 ms]",
        "           p95     14.2 ms  [14.1 ms, 14.3 ms]",
        "           p99     20.7 ms  [20.5 ms, 20.9 ms]",
        "           mean    12.5 ms  [12.4 ms, 12.6 ms]",
        "           min     11.9 ms  max 34.5 ms, over 4,065 runs in 5 processes, percentiles from 1,500 of "
        "them",
        "start      load 65.4 ms, first inference 32.1 ms; together 97.5 ms [96.5 ms, 98.5 ms]",
        "RAM        peak 91.3 MB, above the baseline 40.1 MB",
        "           anonymous 61.7 MB, above the baseline 33.8 MB; PSS 72.9 MB",
        "CPU        45.6 ms per inference, all threads",
        "rate       81.2/s back to back",
        "disk       14.1 MB read to load",
        "energy     unavailable: edgeai reads no power sensor yet; measure the supply with an external meter",
        "machine    raspberry-pi-5, Raspberry Pi 5 Model B Rev 1.0, kernel 6.6.62+rpt-rpi-2712",
        "conditions clock 1.50 to 2.40 GHz, governor performance, 49 to 49 °C, load 0.10 to 0.10",
    ]


def test_verbose_adds_the_start_of_the_interpreter() -> None:
    assert "interpreter 21.0 ms, imports 432 ms" in page(report(), verbose=True)


def test_a_percentile_without_enough_samples_says_so() -> None:
    lines = page(report(latency=replace(LATENCY, p50=None, p99=None))).splitlines()
    assert "latency    p50   too few samples" in lines
    assert "           p99   too few samples" in lines
    assert "           p90     13.1 ms  [13.0 ms, 13.2 ms]" in lines


def test_a_mean_of_one_process_has_no_interval() -> None:
    lines = page(report(latency=replace(LATENCY, mean=Estimate(0.0125, None, None)))).splitlines()
    assert "           mean    12.5 ms" in [line.rstrip() for line in lines]


def test_what_is_unknown_is_not_shown_as_0() -> None:
    made = report()
    memory = replace(made.memory, peak=None, incremental=None, pss=None)
    text = page(replace(made, memory=memory, disk_read_bytes=None))
    assert "RAM        peak unknown, above the baseline unknown" in text
    assert "PSS unknown" in text
    assert "disk       unknown" in text
    assert "0 B" not in text


def test_a_provider_that_is_not_known_is_said_to_be_so() -> None:
    made = report()
    identity = replace(made.identity, provider=None, threads=1)
    assert "(provider unknown, 1 thread): VALID" in page(replace(made, identity=identity))


def test_energy_that_is_not_measured_says_why_and_what_to_do() -> None:
    text = page(report(energy=Unavailable("no sensor on this board", "use an external meter")))
    assert "energy     unavailable: no sensor on this board; use an external meter" in text


def test_too_few_processes_call_their_interval_a_range() -> None:
    made = report()
    line = "           [low, high] are the range of the processes: too few for an interval"
    settings = replace(made.settings, processes=2, intervals="range")
    lines = page(replace(made, settings=settings)).splitlines()
    assert line in lines
    assert "over 4,065 runs in 2 processes" in lines[lines.index(line) - 1]
    assert line not in page(made)


def test_without_a_sample_left_out_the_percentiles_need_no_word() -> None:
    made = report(latency=replace(LATENCY, runs=1500))
    alone = replace(made, settings=replace(made.settings, processes=1))
    assert "max 34.5 ms, over 1,500 runs in 1 process\n" in page(alone)


def test_paced_calls_stand_beside_those_back_to_back() -> None:
    assert "paced      9.87/s of 10.0/s asked, p50 45.6 ms, CPU 78.9 ms per inference, 2 late" in page(
        report(paced=PACED)
    )
    few = replace(PACED, latency=replace(PACED.latency, p50=None))
    assert "p50 too few samples" in page(report(paced=few))


def test_a_batch_shows_samples_beside_calls() -> None:
    made = report()
    settings = replace(made.settings, batch=8)
    text = page(replace(made, settings=settings, samples_per_s=Estimate(649.6, 640.0, 660.0)))
    assert "rate       81.2/s back to back, 650/s samples" in text
    assert "rate       81.2/s back to back\n" in page(replace(made, samples_per_s=None))


def test_quick_is_marked_in_the_first_line() -> None:
    made = report()
    text = page(replace(made, settings=replace(made.settings, quick=True)))
    assert text.splitlines()[0].endswith(": VALID, quick")


def test_a_model_of_a_suite_goes_by_its_name_there() -> None:
    made = report()
    assert page(replace(made, model=replace(made.model, id="mobilenet-v1"))).startswith("mobilenet-v1 on ")


def test_doubts_follow_with_their_advice() -> None:
    lines = page(report(verdict="NOISY", warnings=(DOUBT,))).splitlines()
    assert lines[-2:] == [
        "noisy: high_variation: latencies vary by 8.1% (standard deviation over mean) in one process",
        "  stop other programs, fix the clock (governor performance), measure longer",
    ]


def test_no_line_of_a_page_is_longer_than_120_characters() -> None:
    made = report()
    identity = replace(
        made.identity,
        device_profile="jetson-orin-nano-super",
        device_model="NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        kernel="5.15.148-tegra-with-a-suffix",
    )
    names = ", ".join(f"x[{turn}] (dimension_{turn})" for turn in range(30))
    long = Doubt("symbolic_dimensions", "note", f"sizes were chosen for {names}", DOUBT.advice)
    text = page(replace(made, identity=identity, warnings=(long,), paced=PACED), verbose=True)
    assert max(len(line) for line in text.splitlines()) <= 120
    assert "dimension_29" in text


# --- a pipeline


def of_bundle(**changes: object) -> Report:
    made = report(pipeline=PIPELINE, **changes)
    return replace(made, model=replace(made.model, path="models/door.edge", format="edge", bundle=BUNDLE))


def test_a_pipelines_page_tells_the_models_apart_from_what_is_around_them() -> None:
    lines = page(of_bundle()).splitlines()
    assert lines[0] == "door.edge on onnxruntime 1.23.2 (cpu, 4 threads): VALID"
    at = next(place for place, line in enumerate(lines) if line.startswith("of which"))
    assert lines[at : at + 5] == [
        "of which   models 8.10 ms, steps 2.10 ms, decoding and the rest 1.10 ms (p50 of each)",
        "           stage            p50   before    model   after  runs per call",
        "           boxes (det)  7.20 ms  1.20 ms  5.50 ms  500 µs           1.00",
        "           crops         200 µs   200 µs        -       -",
        "           cls                -        -        -       -              0",
    ]
    assert "CPU        45.6 ms per item, all threads" in lines


def test_a_streams_page_tells_how_it_keeps_up() -> None:
    lines = page(replace(of_bundle(), pipeline=A_STREAM)).splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith("real time"))
    assert lines[at : at + 3] == [
        "real time  a hop every 32.0 ms; 2 of 780 answers later than 32.0 ms after their last sample",
        "           capture to result p50 910 µs [901 µs, 919 µs], p99 20.7 ms, max 34.5 ms",
        "           real-time factor 0.0271, CPU 54.3 ms per second of the stream",
    ]
    assert "CPU        45.6 ms per hop, all threads" in lines
    assert "rate       81.2/s back to back, 2.60 times real time" in lines
    assert not any("decoding" in line for line in lines)


A_STREAM = replace(PIPELINE, source_kind="audio", call="hop", stream=STREAM)


def test_chunks_of_another_size_than_the_hop_are_told() -> None:
    stream = replace(STREAM, chunk_s=0.1, deadline_s=0.1, late=0)
    text = page(replace(of_bundle(), pipeline=replace(A_STREAM, stream=stream)))
    assert "a hop every 32.0 ms, in chunks of 100 ms; 0 of 780 answers later than 100 ms after" in text


def test_a_stream_without_any_answer_says_so() -> None:
    stream = replace(STREAM, capture_to_result=None)
    text = page(replace(of_bundle(), pipeline=replace(A_STREAM, stream=stream)))
    assert "           capture to result unknown: no window came to an answer" in text


def test_one_model_of_a_bundle_goes_by_both_names_and_the_variant_that_was_asked_for() -> None:
    made = of_bundle()

    def title(model: str | None, variant: str | None) -> str:
        bundle = replace(BUNDLE, model=model, variant=variant)
        return page(replace(made, model=replace(made.model, bundle=bundle))).partition(" on ")[0]

    assert title("det", None) == "door.edge:det"
    assert title("det", "s8") == "door.edge:det/s8"
    assert title(None, "s8") == "door.edge/s8"


def test_backends_of_several_models_have_their_versions_beside_them() -> None:
    made = of_bundle()
    second = replace(BUNDLE.models[0], name="cls", backend="litert", library_version="2.3.0")
    models = (*BUNDLE.models, *BUNDLE.models, second)
    text = page(replace(made, model=replace(made.model, bundle=replace(BUNDLE, models=models))))
    assert text.startswith("door.edge on onnxruntime 1.23.2, litert 2.3.0 (cpu, 4 threads): ")


def test_the_overview_has_columns_of_pipelines_where_there_is_one() -> None:
    runs = [report(), of_bundle(), replace(of_bundle(), pipeline=A_STREAM)]
    lines = overview(runs, []).splitlines()
    ends = [line[lines[0].index("rate") - 2 :].split() for line in lines[:4]]
    assert ends == [
        ["rate", "in", "models", "RTF", "late", "verdict"],
        ["81.2/s", "VALID"],
        ["81.2/s", "8.10", "ms", "VALID"],
        ["81.2/s", "8.10", "ms", "0.0271", "2", "of", "780", "VALID"],
    ]
    assert "late = its answers past their deadline" in overview([of_bundle()], [])
    assert "late = " not in overview([report()], [])


# --- several runs


def test_the_overview_has_a_line_for_each_run() -> None:
    made = report()
    second = replace(
        made,
        verdict="NOISY",
        model=replace(made.model, id="tiny"),
        identity=replace(made.identity, backend="litert", threads=1),
        latency=replace(LATENCY, p99=None),
    )
    lines = overview([made, second], []).splitlines()
    assert [" ".join(line.split()) for line in lines[:3]] == [
        "model backend thr p50 [low, high] p90 p99 first result RAM peak above base CPU/inf rate verdict",
        "mobilenet.onnx onnxruntime 4 12.3 ms [12.2 ms, 12.4 ms] 13.1 ms 20.7 ms 97.5 ms 91.3 MB 40.1 MB "
        "45.6 ms 81.2/s VALID",
        "tiny litert 1 12.3 ms [12.2 ms, 12.4 ms] 13.1 ms - 97.5 ms 91.3 MB 40.1 MB 45.6 ms 81.2/s NOISY",
    ]
    assert lines[1].index("VALID") == lines[2].index("NOISY") == lines[0].index("verdict")


def test_a_median_without_enough_samples_is_a_dash() -> None:
    made = report(latency=replace(LATENCY, p50=None, p90=None, p99=None))
    assert overview([made], []).splitlines()[1].split()[3:6] == ["-", "-", "-"]


def test_models_that_failed_or_were_skipped_are_told_with_the_reason() -> None:
    failures = [
        Failure("broken.onnx", None, "ModelError", "broken.onnx is damaged", skipped=False),
        Failure("voice", "litert", "BackendMissing", "pip install 'edgeai[tflite]'", skipped=True),
    ]
    assert overview([], failures) == (
        "failed: broken.onnx: broken.onnx is damaged\n\n"
        "skipped: voice on litert: pip install 'edgeai[tflite]'"
    )


def test_each_kind_of_doubt_is_told_once_with_the_models_that_it_concerns() -> None:
    first = report(warnings=(DOUBT,))
    second = replace(first, model=replace(first.model, id="tiny"))
    third = replace(second, model=replace(first.model, id="large"), warnings=())
    both = overview([first, second, third], []).splitlines()
    assert [line for line in both if line.startswith("noisy")] == [
        "noisy: high_variation (mobilenet.onnx, tiny): stop other programs, fix the clock (governor "
        "performance),"
    ]
    assert both[-1] == "  measure longer"
    every = overview([first, second], [])
    assert "noisy: high_variation (every model): stop other programs" in every


def test_what_was_computed_or_chosen_wrongly_is_told_for_each_model() -> None:
    def with_doubt(model: str, effect: str, name: str) -> Report:
        made = report(warnings=(Doubt(name, effect, f"seen in {model}", "do this"),))
        return replace(made, model=replace(made.model, id=model))

    for effect, name in (
        ("invalid", "wrong_output"),
        ("note", "symbolic_dimensions"),
        ("note", "provider_unused"),
    ):
        text = overview([with_doubt("tiny", effect, name), with_doubt("large", effect, name)], [])
        assert text.splitlines()[-2:] == [
            f"{effect}: {name} (tiny): seen in tiny; do this",
            f"{effect}: {name} (large): seen in large; do this",
        ]
    # The same from each backend is told once.
    same = with_doubt("tiny", "note", "symbolic_dimensions")
    assert overview([same, same], []).count("seen in tiny") == 1


def test_the_overview_says_what_low_and_high_are() -> None:
    made = report()
    assert "[low, high] of 95 % confidence;" in overview([made], [])
    quick = replace(made, settings=replace(made.settings, intervals="range"))
    assert "[low, high] over the range of the processes;" in overview([quick], [])


# --- narrow terminals


def several() -> list[Report]:
    """A table as wide as the suite makes it."""
    made = report()
    names = ("moonshine-decoder", "mobilenet-v1", "yolo")
    return [
        replace(
            made,
            verdict=verdict,
            model=replace(made.model, id=name),
            latency=replace(LATENCY, p50=Estimate(0.123, 0.122, 0.124)),
            throughput_hz=Estimate(12_345.0, 12_000.0, 13_000.0),
        )
        for name, verdict in zip(names, ("INVALID", "NOISY", "VALID"), strict=True)
    ]


def table_of(width: int | None) -> list[str]:
    return overview(several(), [], width).splitlines()[:4]


@settings(deadline=None)
@given(st.integers(50, 200))
@example(80)
def test_no_line_of_the_table_is_wider_than_the_terminal(width: int) -> None:
    lines = table_of(width)
    assert max(map(len, lines)) <= width
    assert lines[0].split()[0] == "model"
    assert "p50" in lines[0].split()
    assert lines[0].endswith("verdict")
    for line, name, verdict in zip(
        lines[1:], ("moonshine-decoder", "mobilenet-v1", "yolo"), ("INVALID", "NOISY", "VALID"), strict=True
    ):
        assert line.startswith(name)
        assert " 123 ms " in line
        assert line.endswith(verdict)
        assert line.index(verdict) == lines[0].index("verdict")


def test_eighty_columns_lose_no_more_than_they_must() -> None:
    assert [" ".join(line.split()) for line in table_of(80)[:2]] == [
        "model backend p50 [low, high] above base verdict",
        "moonshine-decoder onnxruntime 123 ms [122 ms, 124 ms] 40.1 MB INVALID",
    ]
    assert table_of(10_000) == table_of(None), "nothing is left out where all of it fits"


def test_columns_that_are_kept_hold_the_same_values() -> None:
    whole = [dict(zip(COLUMNS, row, strict=True)) for row in map(cells, table_of(None)[1:])]
    for width in range(50, 180):
        header, *rows = table_of(width)
        kept = cells(header)
        assert [dict(zip(kept, cells(row), strict=True)) for row in rows] == [
            {column: row[column] for column in kept} for row in whole
        ]


COLUMNS = (
    "model", "backend", "thr", "p50", "[low, high]", "p90", "p99", "first result", "RAM peak",
    "above base", "CPU/inf", "rate", "verdict",
)  # fmt: skip


def cells(line: str) -> list[str]:
    """Columns are two spaces apart at least."""
    return re.split(r" {2,}", line)


def test_the_narrowest_table_is_shown_where_even_that_does_not_fit() -> None:
    assert cells(table_of(1)[0]) == ["model", "p50", "above base", "verdict"]
