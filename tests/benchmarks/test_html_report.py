"""The report as one HTML file: what is on it, that names stay text, and that it stays small."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgeai.markup import escaped
from edgeai.measure.protocol import Tensor
from edgeai.measure.soak import Block, Glance
from edgeai.quantities import percent_text, time_text
from edgeai_bench.profiling import OperatorShare, off_accelerator
from edgeai_bench.reading import from_json
from edgeai_bench.render.charts.over_time import NO_CLOCK, NO_HEAT, throttle_words
from edgeai_bench.render.charts.samples import Scale, at_shares, bulk
from edgeai_bench.render.html.page import html_page
from edgeai_bench.report import Failure, Report, Unavailable, document
from tests.benchmarks.made_up import (
    BUNDLE,
    CONDITIONS,
    DOUBT,
    LATENCY,
    MEMORY,
    MLPERF,
    PACED,
    PIPELINE,
    PROFILE,
    QUIET,
    RECORD,
    SOAK,
    STREAM,
    report,
)

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Run

ONE_MB = 1_000_000
HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror='alert(2)'>\"&\u202e\x1b[2J\ud800"
FAILED = Failure("broken.onnx", "onnxruntime", "ModelError", "broken.onnx: no protobuf", skipped=False)
SKIPPED = Failure("later.tflite", None, "BackendMissing", "pip install 'edgeai[tflite]'", skipped=True)


class Tags(HTMLParser):
    """Every tag with its attributes, whether all are closed in their order, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str, class_: str = "") -> int:
        return sum(
            name == tag and (not class_ or class_ in (attributes.get("class") or "").split())
            for name, attributes in self.tags
        )


def page_of(*reports: Report, failures: tuple[Failure, ...] = ()) -> Tags:
    return Tags(html_page(reports, failures))


def test_the_page_of_a_real_run_has_verdicts_figures_charts_warnings_and_identity(real: Run) -> None:
    page = Tags(real.html)
    for run in real.document["runs"]:
        p50 = run["latency"]["p50"]
        assert run["verdict"] in page.text
        assert f"{time_text(p50['value'])}[{time_text(p50['low'])}, {time_text(p50['high'])}]" in page.text
        assert run["model"]["sha256"] in page.text
        for doubt in run["warnings"]:
            assert doubt["message"] in page.text
            assert doubt["advice"] in page.text
    runs = len(real.document["runs"])
    assert page.count("article") == runs
    # Distribution, ECDF and time of each run, and one ECDF of all where there are several.
    lanes = page.count("figure", "lane")
    assert page.count("figure", "chart") - lanes == 3 * runs + (runs > 1)
    assert len(real.html.encode()) < ONE_MB


def test_the_page_of_a_document_is_that_of_the_run_itself(real: Run) -> None:
    reports, failures = from_json(json.dumps(real.document).encode(), "a.json")
    assert html_page(reports, failures) == real.html


def test_the_verdict_and_the_figures_come_before_all_charts() -> None:
    page = html_page([report(warnings=(DOUBT,), verdict="NOISY")], [])
    places = [page.index(text) for text in ("> NOISY<", "latency p50", "12.3 ms", "<figure", DOUBT.advice)]
    assert places == sorted(places)


def test_nothing_in_a_page_runs_or_is_fetched(real: Run) -> None:
    for page in (Tags(real.html), page_of(report(pipeline=PIPELINE), failures=(FAILED,))):
        assert {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object", "base"} == set()
        for _, attributes in page.tags:
            assert not {"src", "srcset", "action", "style"} & attributes.keys()
            assert attributes.get("href", "#").startswith("#")  # type: ignore[union-attr]
            assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in real.html
    assert "default-src &#x27;none&#x27;" in real.html


def _hostile() -> Report:
    good = report(warnings=(replace(DOUBT, name=HOSTILE, effect=HOSTILE, message=HOSTILE, advice=HOSTILE),))
    tensor = Tensor(HOSTILE, HOSTILE, (1,))
    model = replace(BUNDLE.models[0], name=HOSTILE, variant=HOSTILE, backend=HOSTILE, provider=HOSTILE)
    change = replace(QUIET, throttle_events={HOSTILE: 1})
    look = replace(CONDITIONS, governors=(HOSTILE,), temperatures_c={HOSTILE: 50.0}, power_mode=HOSTILE)
    phase = replace(RECORD.phases[0], name=HOSTILE)
    process = replace(RECORD, change=change, before=look, after=look, phases=(phase,), output_error=HOSTILE)
    return replace(
        good,
        verdict=HOSTILE,
        model=replace(
            good.model,
            path=f"models/{HOSTILE}",
            id=HOSTILE,
            format=HOSTILE,
            inputs=(tensor,),
            outputs=(tensor,),
            bundle=replace(BUNDLE, id=HOSTILE, version=HOSTILE, models=(model,)),
        ),
        identity=replace(
            good.identity,
            backend=HOSTILE,
            library_version=HOSTILE,
            provider=HOSTILE,
            provider_share={HOSTILE: 1.0},
            device_model=HOSTILE,
            device_profile=HOSTILE,
            kernel=HOSTILE,
            board=HOSTILE,
            cpu_features=(HOSTILE,),
            command=("edgeai", HOSTILE),
            started_utc=HOSTILE,
        ),
        settings=replace(
            good.settings, inputs=HOSTILE, values={HOSTILE: 1.0}, loops={HOSTILE: HOSTILE}, intervals=HOSTILE
        ),
        energy=Unavailable(HOSTILE, HOSTILE),
        processes=(process,) * 2,
        pipeline=replace(PIPELINE, stages=(replace(PIPELINE.stages[0], name=HOSTILE),)),
    )


def test_hostile_names_are_text() -> None:
    failure = Failure(HOSTILE, HOSTILE, HOSTILE, HOSTILE, skipped=False)
    page = page_of(_hostile(), _hostile(), failures=(failure,))
    plain = page_of(*[report(pipeline=PIPELINE, processes=(RECORD,) * 2)] * 2, failures=(FAILED,))
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in plain.tags} | {"rect"}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "alert(1)" in page.text
    whole = html_page([_hostile()], [failure])
    assert str(escaped(HOSTILE)) in whole
    assert not {"\u202e", "\x1b", "\ud800"} & set(whole)
    whole.encode("utf-8")


def test_very_long_names_do_not_make_it_large() -> None:
    long = replace(report().model, path="x" * 3_000_000, id=None)
    assert len(html_page([report(model=long)] * 2, [])) < ONE_MB


def test_without_any_run_it_says_so() -> None:
    page = page_of()
    assert "Nothing was measured." in page.text
    page = page_of(failures=(FAILED, SKIPPED))
    for text in ("1 failed", "1 skipped", "broken.onnx: no protobuf", "pip install 'edgeai[tflite]'"):
        assert text in page.text
    assert page.count("article") == 0


@pytest.mark.parametrize(
    "samples", [(), (10,), (10,) * 300, (0,) * 5, (-5, 5, 0), (1, 10**18), tuple(range(1, 400))]
)
def test_any_samples_are_drawn_or_said_to_be_missing(samples: tuple[int, ...]) -> None:
    page = page_of(report(processes=(replace(RECORD, samples_ns=samples),) * 2))
    assert page.count("figure", "chart") >= 2
    assert ("the document holds no latencies" in page.text) == (not samples)
    for _, attributes in page.tags:
        assert not re.search("nan|inf", attributes.get("d") or "")


@pytest.mark.parametrize("duration_s", [0.0, -1.0, 5e-324, 1e308])
def test_any_duration_is_drawn_or_left_out(duration_s: float) -> None:
    process = replace(RECORD, duration_s=duration_s)
    page = page_of(report(processes=(process,), soak=replace(SOAK, duration_s=duration_s)))
    assert ("Latency over time" in page.text) == ("Latency over the soak" in page.text) == (duration_s > 1)


def test_a_run_without_processes_still_has_its_figures() -> None:
    page = page_of(report(processes=()))
    assert "12.3 ms" in page.text
    assert "unavailable: the kernel told no process's RAM" in page.text


def test_what_is_unknown_is_said_to_be_with_the_reason() -> None:
    nothing = replace(
        CONDITIONS, frequencies_hz=(), temperatures_c={}, governors=(), load_1min=None, throttle_counts={}
    )
    change = replace(
        QUIET, foreign_load=None, stolen_share=None, cgroup_throttled_s=None, slowest_clock_share=None
    )
    unknown = dict.fromkeys(vars(MEMORY))
    phases = tuple(replace(phase, memory=replace(MEMORY, **unknown)) for phase in RECORD.phases)
    process = replace(RECORD, before=nothing, after=nothing, change=change, phases=phases)
    made = report(
        latency=replace(LATENCY, p99=None),
        memory=replace(report().memory, peak=None, incremental=None),
        disk_read_bytes=None,
        processes=(process,),
    )
    text = page_of(made).text
    for said in (
        NO_CLOCK,
        NO_HEAT,
        "foreign load: unavailable: the kernel told no CPU times (/proc/stat)",
        "held back by a quota: unavailable: no control group with CPU accounting was found",
        "clock after / before: unavailable",
        "this machine shows no counter of it",
        "latency p99\u2013too few samples",
        "RAM above baselineunknownpeak unknown",
        "diskunknown",
        "unavailable: the kernel told no process's RAM",
        "edgeai reads no power sensor yet",
    ):
        assert said in text


def test_clock_heat_and_throttling_are_drawn_where_they_are_known() -> None:
    hot = replace(
        RECORD,
        after=replace(CONDITIONS, temperatures_c={"cpu-thermal": 84.0}),
        change=replace(QUIET, throttle_events={"frequency capped": 2}),
    )
    page = page_of(report(processes=(RECORD, hot)))
    assert page.count("figure", "lane") == 2
    # The second process is shaded in the plot of latency and in both below it.
    assert page.count("rect", "throttled") == 3
    assert throttle_words((RECORD, hot)) == "throttling: seen in process 2: frequency capped (shaded above)"
    assert page_of(report()).count("rect", "throttled") == 0


def test_pipeline_stream_and_paced_calls_have_their_place() -> None:
    text = page_of(report(pipeline=replace(PIPELINE, stream=STREAM), paced=PACED)).text
    for said in ("boxes", "In real time", "910 µs", "2 of 780 answers", "9.87/s of 10.0/s asked"):
        assert said in text


def test_operators_of_a_profile_are_a_table_with_the_dearest_first() -> None:
    made = tuple(OperatorShare(f"layer{n}", "Conv", "cpu", n * 1e-3, n / 52_650, 1.0) for n in range(325))
    html = html_page([report(profile=replace(PROFILE, operators=made, accelerator=None))], [])
    page = Tags(html)
    assert "325 operators, together" in page.text
    assert page.text.index("layer324") < page.text.index("layer323") < page.text.index("layer100")
    assert ">layer25<" in html
    assert ">layer24<" not in html  # the cheapest are in the JSON
    assert "275 more" in page.text
    assert "25 further ones are in the JSON." in page.text
    assert page.text.count(percent_text(324 / 52_650)) == 1
    assert "Operators" not in page_of(report()).text


def test_operators_that_fall_off_the_accelerator_are_marked() -> None:
    fallen = off_accelerator(PROFILE)
    assert fallen
    page = page_of(report(profile=PROFILE))
    assert page.count("tr", "marked") == len(fallen)
    assert f"fall off {PROFILE.accelerator}" in page.text


def test_a_profile_that_is_unavailable_says_why() -> None:
    text = page_of(report(profile=Unavailable("no profile: too old", "update it"))).text
    assert "unavailable: no profile: too old; update it" in text


def test_an_mlperf_scenario_and_a_soak_have_their_place() -> None:
    page = page_of(report(mlperf=MLPERF, soak=SOAK))
    assert f"MLPerf {MLPERF.scenario}" in page.text
    for reason in MLPERF.reasons:
        assert reason in page.text
    assert SOAK.sustained is not None
    assert f"{100 * SOAK.sustained.ratio:.1f} %" in page.text
    assert "Latency over the soak" in page.text
    plain = page_of(report()).text
    assert "MLPerf" not in plain
    assert "Soak" not in plain


def test_a_long_soak_with_clock_and_heat_is_drawn_and_stays_small() -> None:
    blocks = tuple(Block(float(at), 1.0, 80, 12_000_000 + at, 14_000_000) for at in range(3600))
    glances = tuple(Glance(10.0 * at, 50_000_000, 2.4e9 - at * 1e6, 50.0 + at / 20) for at in range(360))
    page = html_page([report(soak=replace(SOAK, blocks=blocks, glances=glances, duration_s=3600.0))], [])
    soak = page[page.index("Latency over the soak") :]
    for lane in ("Clock, mean of the cores, GHz", "Temperature of the hottest zone", "Anonymous RAM, MB"):
        assert lane in soak
    assert len(page) < ONE_MB / 10


def test_a_board_elsewhere_is_named() -> None:
    page = page_of(report(identity=replace(report().identity, board="pi@kitchen")))
    assert page.text.count("pi@kitchen") == 2  # below the title and in the identity


def test_runs_stand_side_by_side_and_are_told_apart() -> None:
    other = report(identity=replace(report().identity, threads=1))
    page = page_of(report(), other, report())
    for name in ("mobilenet.onnx 4 thr #1", "mobilenet.onnx 1 thr #2", "mobilenet.onnx 4 thr #3"):
        assert page.text.count(name) >= 3  # the table, the legend, the run
    assert {a.get("href") for tag, a in page.tags if tag == "a"} == {"#run-1", "#run-2", "#run-3"}
    assert {a.get("id") for tag, a in page.tags if tag == "article"} == {"run-1", "run-2", "run-3"}


def test_ten_runs_of_a_hundred_thousand_calls_stay_below_a_megabyte() -> None:
    random = np.random.default_rng(0)
    runs = []
    for _ in range(10):
        processes = tuple(
            replace(RECORD, samples_ns=tuple(random.lognormal(16, 0.8, 20_000).astype(int).tolist()))
            for _ in range(5)
        )
        runs.append(report(processes=processes, warnings=(DOUBT,) * 10, pipeline=PIPELINE))
    assert len(html_page(runs, []).encode()) < ONE_MB


def test_the_same_document_gives_the_same_page() -> None:
    runs, failures = from_json(json.dumps(document([report()], [FAILED])).encode(), "a.json")
    assert html_page(runs, failures) == html_page([report()], [FAILED])


def test_a_far_outlier_does_not_press_the_others_together() -> None:
    ordered = np.sort(np.append(np.linspace(0.010, 0.012, 999), 5.0))
    scale = bulk(ordered)
    assert scale.low == 0.010
    assert 0.012 <= scale.high < 0.014
    assert bulk(np.linspace(0.010, 0.012, 1000)) == Scale(0.010, 0.012)


@pytest.mark.parametrize(
    "scale", [Scale(0.001, 0.002), Scale(0.001, 0.9), Scale(0.003, 0.003), Scale(0.0, 0.0)]
)
def test_every_shown_call_is_in_one_bar(scale: Scale) -> None:
    values = np.linspace(scale.low, scale.high, 97)
    counts, _ = np.histogram(values, scale.edges(13))
    assert counts.sum() == 97


def test_a_thinned_ecdf_goes_through_the_ends_and_says_the_truth_between() -> None:
    ordered = np.arange(1.0, 10_001.0)
    points = at_shares(ordered, 100)
    assert len(points) == 100
    assert points[0] == (1.0, 0.0001)
    assert points[-1] == (10_000.0, 1.0)
    assert all(share == value / 10_000 for value, share in points)
    assert at_shares(np.asarray([3.0]), 100) == [(3.0, 1.0)]
