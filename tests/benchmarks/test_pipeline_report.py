"""A pipeline's report from what its workers measured: calls taken apart exactly, streams over processes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeai.measure.protocol import Hops, StageSamples
from edgeai_bench.pipeline_report import PipelineResult, StageResult, pipeline_result
from tests.benchmarks.made_up import (
    STAGES,
    STREAMED,
    measured,
    of_pipeline,
    probed,
    probed_pipeline,
    timed,
)


def result(*processes: object, hops: Hops | None = None) -> PipelineResult:
    found = pipeline_result(probed_pipeline(hops=hops), list(processes))  # type: ignore[arg-type]
    assert found is not None
    return found


def stage(found: PipelineResult, name: str) -> StageResult:
    return next(each for each in found.stages if each.name == name)


def test_a_model_on_tensors_has_no_such_part() -> None:
    assert pipeline_result(probed(), [measured()]) is None


def test_a_call_is_models_steps_and_the_rest() -> None:
    found = result(of_pipeline(), of_pipeline())
    # 10 ms: 6 and 2 in models, 0.2 + 0.3, 0.1, 0.05 + 0.01 in steps.
    assert (found.models.min, found.models.max) == pytest.approx((0.008, 0.008))
    assert (found.steps.min, found.steps.max) == pytest.approx((0.00066, 0.00066))
    assert (found.rest.min, found.rest.max) == pytest.approx((0.00134, 0.00134))
    assert found.models.mean.value + found.steps.mean.value + found.rest.mean.value == pytest.approx(0.01)
    assert (found.models.runs, found.models.samples) == (6, 6)
    assert (found.source_kind, found.call, found.stream) == ("image", "item", None)


def test_the_parts_are_taken_apart_call_by_call_and_not_figure_by_figure() -> None:
    # Each call takes 10 ms: the slower the model, the faster the steps.
    stages = (StageSamples("boxes", (8, 5, 2), (1, 4, 7), (0, 0, 0), (1, 1, 1)), *STAGES[1:])
    stages = (
        stages[0],
        *(replace(each, pre_ns=(0,) * 3, run_ns=(0,) * 3, post_ns=(0,) * 3) for each in stages[1:]),
    )
    found = result(of_pipeline(stages=stages, steady=timed((10, 10, 10))))
    assert (found.rest.min, found.rest.max) == pytest.approx((1e-9, 1e-9))
    assert (found.models.min, found.models.max) == pytest.approx((1e-9, 7e-9))


def test_a_stage_is_told_over_the_calls_in_which_it_had_something_to_do() -> None:
    gated = StageSamples("labels", (50_000, 0, 0), (2_000_000, 0, 0), (10_000, 0, 0), (2, 0, 0))
    found = stage(result(of_pipeline(stages=(*STAGES[:2], gated))), "labels")
    assert found.calls == 1
    assert found.total is not None
    assert found.total.mean.value == pytest.approx(0.00206)
    assert found.runs_per_call.value == pytest.approx(2 / 3), "but its runs are told for every call"


def test_the_model_is_told_over_the_calls_in_which_it_ran() -> None:
    labels = stage(result(of_pipeline()), "labels")
    assert (labels.calls, labels.model) == (3, "cls")
    assert labels.run is not None
    assert labels.run.samples == 2, "one call of the three had no run"


def test_a_step_of_its_own_has_neither_model_nor_steps_behind_it() -> None:
    crops = stage(result(of_pipeline()), "crops")
    assert (crops.model, crops.run, crops.post) == (None, None, None)
    assert crops.total is not None
    assert crops.total == crops.pre


def test_a_stage_that_never_had_anything_to_do_has_no_figures() -> None:
    idle = StageSamples("labels", (0,) * 3, (0,) * 3, (0,) * 3, (0,) * 3)
    found = stage(result(of_pipeline(stages=(*STAGES[:2], idle))), "labels")
    assert (found.calls, found.total, found.pre, found.run, found.post) == (0, None, None, None, None)
    assert found.runs_per_call.value == 0


def test_a_stream_is_summed_over_processes_and_its_rates_are_means_of_them() -> None:
    hops = Hops(0.032, 0.02)
    fast = replace(STREAMED, busy_s=0.05, cpu_s=0.1, late=0)
    slow = replace(STREAMED, busy_s=0.15, cpu_s=0.3, late=3, max_ns=70_000_000)
    found = result(of_pipeline(stream=fast), of_pipeline(stream=slow), hops=hops)
    stream = found.stream
    assert found.call == "hop"
    assert stream is not None
    assert (stream.hop_s, stream.chunk_s, stream.deadline_s) == (0.032, 0.02, 0.032)
    assert (stream.chunks, stream.answered, stream.late) == (314, 312, 3)
    assert (stream.real_time_factor.value, stream.real_time_factor.low) == pytest.approx((0.02, 0.01))
    assert (stream.cpu_s_per_s.value, stream.cpu_s_per_s.high) == pytest.approx((0.04, 0.06))
    assert stream.capture_to_result is not None
    assert (stream.capture_to_result.runs, stream.capture_to_result.max) == (312, 0.07)
    assert stream.capture_to_result.p50 is not None
    assert stream.capture_to_result.p50.value == pytest.approx(0.0009)


def test_the_deadline_of_chunks_longer_than_the_hop_is_a_chunk() -> None:
    stream = result(of_pipeline(stream=STREAMED), hops=Hops(0.032, 0.1)).stream
    assert stream is not None
    assert stream.deadline_s == 0.1


def test_a_stream_whose_windows_never_came_to_an_answer_has_no_latency() -> None:
    none = replace(STREAMED, samples_ns=(), windows=0, sum_ns=0, min_ns=0, max_ns=0)
    stream = result(of_pipeline(stream=none), of_pipeline(stream=none), hops=Hops(0.032, 0.032)).stream
    assert stream is not None
    assert stream.capture_to_result is None
    one = result(of_pipeline(stream=none), of_pipeline(stream=STREAMED), hops=Hops(0.032, 0.032)).stream
    assert one is not None
    assert one.capture_to_result is not None
    assert one.capture_to_result.runs == 156
