"""Made-up measurements and reports, beyond any doubt; tests change what they are about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgeai.backends.profiling import OperatorRun, ProfiledRun
from edgeai.measure.conditions import Change, Conditions
from edgeai.measure.energy import Energy, EnergyWindow, IdleSpan, PowerTrace, Sampling
from edgeai.measure.memory import Memory
from edgeai.measure.profiled import Profiled, ProfiledOperator
from edgeai.measure.protocol import (
    Hops,
    Measured,
    Opened,
    Phase,
    PipelineMeasured,
    Probed,
    ProbedPipeline,
    Source,
    StageSamples,
    Streamed,
    Tensor,
    Timed,
)
from edgeai.measure.soak import Block, Glance
from edgeai.measure.statistics import Comparison, Estimate
from edgeai.unavailable import Unavailable
from edgeai_bench.mlperf import ACCURACY, MlperfResult, QueryTimes, ServerLimit
from edgeai_bench.mlperf_energy import QueryEnergy
from edgeai_bench.pipeline_report import (
    BundleIdentity,
    BundleModel,
    PipelineResult,
    StageResult,
    StreamResult,
)
from edgeai_bench.profiling import result_of
from edgeai_bench.report import (
    Doubt,
    Identity,
    Latency,
    MemoryUse,
    ModelIdentity,
    PacedResult,
    PhaseRecord,
    ProcessRecord,
    Report,
    Settings,
    Start,
)
from edgeai_bench.soak_report import SoakCourse, SoakMinute, SoakResult

MEMORY = Memory(
    peak_bytes=91_000_000,
    resident_bytes=88_000_000,
    anonymous_bytes=52_000_000,
    file_bytes=36_000_000,
    shared_bytes=0,
    swap_bytes=0,
    pss_bytes=70_000_000,
)
CONDITIONS = Conditions(
    time_s=100.0,
    frequencies_hz=(2_400_000_000, 2_400_000_000, None, 1_500_000_000),
    governors=("performance",),
    temperatures_c={"cpu-thermal": 48.75},
    load_1min=0.1,
    memory_available_bytes=3_000_000_000,
    swap_used_bytes=0,
    zram=False,
    throttle_counts={"throttled since boot": 0},
    throttle_now=(),
    cpu_busy_s=1000.0,
    cpu_stolen_s=0.0,
    own_cpu_s=2.0,
    cgroup_throttled_s=None,
    power_mode=None,
    clocks_pinned=True,
)
QUIET = Change(
    throttle_events={},
    foreign_load=0.02,
    stolen_share=0.0,
    cgroup_throttled_s=0.0,
    slowest_clock_share=1.0,
)
PHASES = ("interpreter", "imports", "baseline", "load", "first inference", "warm-up", "steady")


def samples_ns(median_ns: int = 10_000_000, count: int = 300) -> tuple[int, ...]:
    """Latencies within half a percent, in no order that would drift."""
    random = np.random.default_rng(1)
    return tuple(int(value) for value in median_ns * random.uniform(0.995, 1.005, count))


def timed(samples: tuple[int, ...] | None = None, **changes: Any) -> Timed:
    """A loop that kept every sample and met its rule; keywords are fields of Timed to change."""
    samples = samples_ns() if samples is None else samples
    wall_s = sum(samples) / 1e9
    loop = Timed(
        samples,
        keep_every=1,
        runs=len(samples),
        duration_s=wall_s,
        cpu_s=2 * wall_s,
        sum_ns=sum(samples),
        min_ns=min(samples),
        max_ns=max(samples),
        met_rule=True,
        half_width=0.004,
    )
    return replace(loop, **changes)


def measured(**changes: Any) -> Measured:
    """A process that gives no reason for doubt; keywords are fields of Measured to change."""
    process = Measured(
        phases=tuple(Phase(name, 0.1, MEMORY, 4096) for name in PHASES),
        peak_resets=True,
        first_inference_s=0.02,
        warm_up_runs=80,
        converged=True,
        steady=timed(),
        paced=None,
        before=CONDITIONS,
        after=CONDITIONS,
        change=QUIET,
        paced_change=None,
        loop_s=1e-6,
        affinity=(0, 1, 2, 3),
        output_error=None,
        provider="cpu",
        provider_share={"cpu": 1.0},
    )
    return replace(process, **changes)


def probed(**changes: Any) -> Probed:
    """A model without open dimensions whose outputs are finite."""
    model = Probed(
        inputs=(Tensor("x", "f32", (1, 3, 224, 224)),),
        outputs=(Tensor("y", "f32", (1, 1000)),),
        open_dimensions=(),
        not_finite=(),
        samples_per_call=1,
        backend="onnxruntime",
        library_version="1.23.2",
        threads=4,
        provider="cpu",
        provider_share={"cpu": 1.0},
    )
    return replace(model, **changes)


SOURCE = Source("image", "bytes", "door.jpg", "file", None, "door.jpg", "89abcdef01234567" * 4)
"""A picture of the user's own."""
STAGES = (
    StageSamples("boxes", (200_000,) * 3, (6_000_000,) * 3, (300_000,) * 3, (1, 1, 1)),
    StageSamples("crops", (100_000,) * 3, (0,) * 3, (0,) * 3, (0, 0, 0)),
    StageSamples("labels", (50_000,) * 3, (2_000_000,) * 3, (10_000,) * 3, (2, 0, 1)),
)
"""Detect, crop, classify, in three calls."""
STREAMED = Streamed(
    samples_ns=(800_000, 900_000, 1_000_000) * 52,
    keep_every=1,
    windows=156,
    sum_ns=156 * 900_000,
    min_ns=800_000,
    max_ns=1_000_000,
    chunks=157,
    answered=156,
    late=0,
    busy_s=0.1,
    stream_s=5.0,
    duration_s=5.01,
    cpu_s=0.2,
    change=QUIET,
)
"""A stream that keeps up with ease."""
OPENED = Opened("det", "s8", "onnxruntime", "1.23.2", "cpu", ("det: s8 on onnxruntime: as was asked for",))


def of_pipeline(
    stages: tuple[StageSamples, ...] = STAGES, stream: Streamed | None = None, **changes: Any
) -> Measured:
    """A process that measured a pipeline in three calls of 10 ms."""
    made = measured(steady=timed((10_000_000,) * 3), pipeline=PipelineMeasured(stages, stream))
    return replace(made, **changes)


def probed_pipeline(source: Source = SOURCE, hops: Hops | None = None) -> Probed:
    """A bundle's pipeline: detect, crop, classify."""
    found = ProbedPipeline(("boxes", "crops", "labels"), ("det", "", "cls"), source, hops, ("PIL",))
    return probed(inputs=(), outputs=(), samples_per_call=None, models=(OPENED,), pipeline=found)


def around(value: float) -> Estimate:
    return Estimate(value, value * 0.99, value * 1.01)


LATENCY = Latency(
    min=0.0119,
    max=0.0345,
    mean=around(0.0125),
    p50=around(0.0123),
    p90=around(0.0131),
    p95=around(0.0142),
    p99=around(0.0207),
    runs=4_065,
    samples=1500,
)
PACED = PacedResult(
    rate_hz=10.0,
    reached_hz=9.87,
    late=2,
    latency=replace(LATENCY, p50=around(0.0456)),
    cpu_s_per_inference=around(0.0789),
)
BUNDLE = BundleIdentity(
    identity="fedcba9876543210" * 4,
    id="acme/door",
    version="1.4.0",
    model=None,
    variant=None,
    models=(
        BundleModel(
            name="det",
            variant="s8",
            precision="int8-sym",
            format="onnx",
            backend="onnxruntime",
            library_version="1.23.2",
            provider="cpu",
            file="det/s8.onnx",
            sha256="0123456789abcdef" * 4,
            size_bytes=3_964_571,
            why=OPENED.why,
        ),
    ),
)


def taking(p50_s: float) -> Latency:
    """Some latency with that median."""
    return replace(LATENCY, p50=around(p50_s))


PIPELINE = PipelineResult(
    source_kind="image",
    call="item",
    models=taking(0.0081),
    steps=taking(0.0021),
    rest=taking(0.0011),
    stages=(
        StageResult(
            name="boxes",
            model="det",
            calls=1500,
            total=taking(0.0072),
            pre=taking(0.0012),
            run=taking(0.0055),
            post=taking(0.0005),
            runs_per_call=around(1.0),
        ),
        StageResult("crops", None, 1500, taking(0.0002), taking(0.0002), None, None, around(0.0)),
        StageResult("cls", "cls", 0, None, None, None, None, around(0.0)),
    ),
    stream=None,
)
STREAM = StreamResult(
    hop_s=0.032,
    chunk_s=0.032,
    deadline_s=0.032,
    chunks=785,
    answered=780,
    late=2,
    capture_to_result=replace(LATENCY, p50=around(0.00091), max=0.0345),
    real_time_factor=around(0.0271),
    cpu_s_per_s=around(0.0543),
)
MLPERF = MlperfResult(
    scenario="Server",
    by_the_rules=True,
    reasons=(),
    percentile="0.99",
    estimate_s=0.0123,
    samples_per_s=49.9,
    queries=29_940,
    samples=29_940,
    duration_s=600.0,
    samples_per_query=1,
    batch=1,
    min_s=600.0,
    min_queries=662,
    seed=7,
    samples_from="64 of samples.npz",
    pool=64,
    warm_up_runs=80,
    converged=True,
    latency=QueryTimes(
        min=0.0051,
        mean=0.0061,
        max=0.0234,
        quantiles={"0.5": 0.006, "0.9": 0.0081, "0.99": 0.0121},
        stopped_early={"0.9": 0.0082, "0.99": 0.0123},
        dropped={"0.9": 2_870, "0.99": 258},
        resolution=0.0,
    ),
    server=ServerLimit(rate_hz=50.0, arrived_hz=49.9, limit_s=0.015, over=101, holds=True),
    change=QUIET,
    output_error=None,
    accuracy=ACCURACY,
    energy=QueryEnergy(
        meter="pmic",
        scope="board rails (PMIC)",
        is_estimate=False,
        power_w=around(3.9),
        energy_per_query_j=around(0.0782),
        energy_per_sample_j=around(0.0782),
        reads=5_970,
        failed_reads=2,
        coverage=1.0,
    ),
)
"""A Server run by the rules that keeps its limit."""
PROFILE = result_of(
    Profiled(
        method="onnxruntime-profiler",
        scope="kernel times",
        resolution_s=1e-6,
        runs=10,
        sum_s=0.009,
        latency_s=0.010,
        plain_s=0.0095,
        accelerator="cuda",
        operators=(
            ProfiledOperator("/conv1/Conv", "Conv", "cuda", 0.006, 1.0),
            ProfiledOperator("/resize/Resize", "Resize", "cpu", 0.002, 1.0),
            ProfiledOperator("/conv2/Conv", "Conv", "cuda", 0.001, 1.0),
        ),
        traces=(
            ProfiledRun(
                (
                    OperatorRun(0, "/conv1/Conv", "Conv", "cuda", 0.0001, 0.006, 0.006),
                    OperatorRun(1, "/resize/Resize", "Resize", "cpu", 0.0062, 0.002, 0.002),
                    OperatorRun(2, "/conv2/Conv", "Conv", "cuda", 0.0082, 0.001, 0.001, is_placed=True),
                ),
                0.010,
            ),
        ),
    )
)
SOAK = SoakResult(
    asked_s=1800.0,
    duration_s=1800.2,
    runs=144_010,
    first_s=60.0,
    last_s=600.1,
    first_hz=100.0,
    sustained_hz=71.0,
    sustained=Comparison(0.71, 0.70, 0.72, 1e-9),
    drift=Estimate(-0.35, -0.36, -0.34),
    minutes=(SoakMinute(0.0, 6_000, 100.0, 0.01, 0.02), SoakMinute(60.0, 4_260, 71.0, 0.014, 0.03)),
    growth_bytes_per_hour=Estimate(2e3, -1e3, 5e3),
    grown_bytes=1024.0,
    peak_bytes=91_000_000,
    clock_hz=SoakCourse(2.4e9, 1.5e9, 1.5e9, 2.4e9),
    temperature_c=SoakCourse(48.8, 84.9, 48.0, 85.0),
    throttling=("throttled (3)",),
    change=QUIET,
    output_error=None,
    block_s=1.0,
    blocks=(Block(0.0, 1.001, 100, 10_000_000, 20_000_000),),
    glances=(Glance(5.0, 52_000_000, 2.4e9, 48.75),),
)
"""Half an hour after which a board without a fan is a third slower."""
ENERGY = Energy(
    meter="pi5-pmic",
    scope="board without USB, HATs and NVMe",
    method="PMIC of a Raspberry Pi 5, power integrated over 5 windows of 10 s",
    is_estimate=False,
    gross_j=Estimate(0.0712, 0.0699, 0.0725),
    net_j=Estimate(0.0391, 0.0377, 0.0405),
    power_w=Estimate(5.79, 5.68, 5.9),
    idle_w=2.61,
    idle_drift_w=0.02,
    inferences_per_j=Estimate(14.04, 13.79, 14.31),
    windows=tuple(EnergyWindow(14.0 + 12 * at, 24.0 + 12 * at, 813, 57.9, 0.21) for at in range(5)),
    idle=(IdleSpan(1.0, 11.0, 2.6), IdleSpan(75.0, 85.0, 2.62)),
    sampling=Sampling(
        reads=820,
        failed_reads=1,
        period_s=0.1,
        read_s=0.0011,
        update_s=0.1,
        updates_per_window=100.0,
        coverage=0.999,
        longest_gap_s=0.21,
        slowdown=Estimate(1.003, 0.998, 1.008),
    ),
    sigmas_j={
        "gain": 0.0005,
        "offset": 0.0002,
        "resolution": 0.00001,
        "end points": 0.0001,
        "windows": 0.0003,
    },
    trace=PowerTrace(
        times_s=tuple(at * 0.5 for at in range(170)),
        power_w=tuple(None if at == 60 else 2.6 if at < 24 or at > 148 else 5.8 for at in range(170)),
        rails_w={"VDD_CORE": 3.9, "DDR_VDD2": 0.6, "3V3_SYS": 1.29},
        inside=(),
        began_s=1234.5,
    ),
    notes=("USB, HATs and NVMe are not in it.",),
    doubts={},
)
"""A Pi 5 that was seen well."""
DOUBT = Doubt(
    "high_variation",
    "noisy",
    "latencies vary by 8.1% (standard deviation over mean) in one process",
    "stop other programs, fix the clock (governor performance), measure longer",
)
RECORD = ProcessRecord(
    samples_ns=samples_ns(),
    keep_every=1,
    runs=300,
    duration_s=3.7,
    cpu_s=7.4,
    warm_up_runs=80,
    converged=True,
    met_rule=True,
    half_width=0.004,
    loop_s=1e-6,
    phases=tuple(PhaseRecord(name, 0.1, MEMORY, 4096) for name in PHASES),
    before=CONDITIONS,
    after=CONDITIONS,
    change=QUIET,
    paced_change=None,
    output_error=None,
    paced_samples_ns=(),
    paced_keep_every=None,
)


def report(**changes: Any) -> Report:
    """A VALID report from a Raspberry Pi 5; keywords are fields of Report to change."""
    made = Report(
        verdict="VALID",
        warnings=(),
        model=ModelIdentity(
            path="/home/pi/models/mobilenet.onnx",
            sha256="0123456789abcdef" * 4,
            size_bytes=13_964_571,
            format="onnx",
            inputs=(Tensor("x", "f32", (1, 3, 224, 224)),),
            outputs=(Tensor("y", "f32", (1, 1000)),),
        ),
        identity=Identity(
            edgeai_version="0.1.0",
            python_version="3.11.2",
            backend="onnxruntime",
            library_version="1.23.2",
            provider="cpu",
            provider_share={"cpu": 1.0},
            threads=4,
            affinity=(0, 1, 2, 3),
            device_profile="raspberry-pi-5",
            device_model="Raspberry Pi 5 Model B Rev 1.0",
            matched_by="compatible",
            cpu_features=("asimd", "asimddp"),
            cores=4,
            memory_bytes=8_443_277_312,
            kernel="6.6.62+rpt-rpi-2712",
            machine="aarch64",
            governors=("performance",),
            power_mode=None,
            page_cache="warm: the probe had just read the file",
            command=("edgeai", "bench", "mobilenet.onnx"),
            started_utc="2025-01-01T12:00:00+00:00",
        ),
        settings=Settings(
            quick=False,
            processes=5,
            warm_up_min_s=1.0,
            warm_up_max_s=30.0,
            min_runs=300,
            min_s=10.0,
            max_s=120.0,
            precision=0.01,
            batch=None,
            rate_hz=None,
            inputs="synthetic: floats uniform in [0, 1), integers 0, strings empty; see values",
            input_sha256=None,
            values={},
            loops={},
            seed=0,
            intervals="95 %",
        ),
        latency=LATENCY,
        start=Start(
            interpreter=around(0.021),
            imports=around(0.432),
            load=around(0.0654),
            first_inference=around(0.0321),
            load_to_first_result=around(0.0975),
        ),
        memory=MemoryUse(
            baseline=around(51.2e6),
            peak=around(91.3e6),
            incremental=around(40.1e6),
            anonymous=around(61.7e6),
            incremental_anonymous=around(33.8e6),
            pss=around(72.9e6),
        ),
        cpu_s_per_inference=around(0.0456),
        throughput_hz=around(81.2),
        samples_per_s=around(81.2),
        paced=None,
        disk_read_bytes=around(14.1e6),
        energy=Unavailable("edgeai reads no power sensor yet", "measure the supply with an external meter"),
        processes=(RECORD,) * 5,
    )
    return replace(made, **changes)
