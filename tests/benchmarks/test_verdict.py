"""Each doubt is raised by what it is about and by nothing else, and the worst decides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from edgeai.measure.protocol import Hops, InputRequest, ModelRequest, StageSamples, Tensor
from edgeai_bench.plan import QUICK, Plan
from edgeai_bench.report import Doubt
from edgeai_bench.verdict import doubts_about_request, doubts_of, verdict_of
from tests.benchmarks.made_up import (
    CONDITIONS,
    MEMORY,
    QUIET,
    SOURCE,
    STAGES,
    STREAMED,
    measured,
    of_pipeline,
    probed,
    probed_pipeline,
    samples_ns,
    timed,
)

if TYPE_CHECKING:
    from edgeai.measure.protocol import Measured, Probed


def judge(
    *processes: Measured, model: Probed | None = None, foreign: dict[str, float] | None = None
) -> list[Doubt]:
    """Doubts about these processes among four that are beyond doubt."""
    return doubts_of(model or probed(), [measured(), *processes, measured()], foreign or {})


def judge_request(
    *processes: Measured,
    model: Probed | None = None,
    inputs: InputRequest | None = None,
    providers: tuple[str, ...] | None = None,
    plan: Plan | None = None,
    sizes_from: str | None = None,
) -> list[Doubt]:
    """Doubts about how a run was asked for."""
    return doubts_about_request(
        ModelRequest("model.onnx", providers=providers),
        inputs or InputRequest(),
        plan or Plan(),
        model or probed(),
        processes or [measured()],
        sizes_from=sizes_from,
    )


def the_only(doubts: list[Doubt]) -> Doubt:
    assert [doubt.name for doubt in doubts] == [doubts[0].name]
    assert doubts[0].advice
    return doubts[0]


def test_a_quiet_run_is_beyond_doubt() -> None:
    assert judge() == []
    assert judge_request() == []
    assert verdict_of([]) == "VALID"


def test_one_process_is_enough_to_judge() -> None:
    assert doubts_of(probed(), [measured()], {}) == []


# --- INVALID


def test_other_outputs_for_the_same_inputs_make_it_invalid() -> None:
    doubt = the_only(judge(measured(output_error="y differs by 3 where its largest magnitude is 1")))
    assert (doubt.name, doubt.effect) == ("wrong_output", "invalid")
    assert "1 of 3 processes" in doubt.message
    assert "y differs by 3" in doubt.message


def test_throttling_makes_it_invalid_and_counts_over_all_processes() -> None:
    one = measured(change=replace(QUIET, throttle_events={"under-voltage": 1, "throttled": 1}))
    two = measured(change=replace(QUIET, throttle_events={"under-voltage": 2}))
    doubt = the_only(judge(one, two))
    assert (doubt.name, doubt.effect) == ("throttled", "invalid")
    assert doubt.message.endswith("under-voltage (3), throttled (1)")


def test_own_pages_in_swap_make_it_invalid() -> None:
    phases = (*measured().phases[:-1], replace(measured().phases[-1]))
    swapped = replace(phases[-1], memory=replace(MEMORY, swap_bytes=4_200_000))
    doubt = the_only(judge(measured(phases=(*phases[:-1], swapped))))
    assert (doubt.name, doubt.effect) == ("swapped", "invalid")
    assert doubt.message == "4.2 MB of the model's own process were in swap"


# --- NOISY


def spread(share: float) -> tuple[int, ...]:
    """Latencies in turn that share of the mean to either side, which is their coefficient of variation."""
    return tuple(round(10_000_000 * (1 + share * (-1) ** turn)) for turn in range(300))


def test_a_coefficient_of_variation_over_two_and_a_half_percent_is_noisy() -> None:
    assert judge(measured(steady=timed(spread(0.0249)))) == []
    doubt = the_only(judge(measured(steady=timed(spread(0.0256)))))
    assert (doubt.name, doubt.effect) == ("high_variation", "noisy")
    assert "2.6%" in doubt.message


@pytest.mark.parametrize(("end", "word"), [(10_210_000, "slower"), (9_790_000, "faster")])
def test_a_last_third_over_two_percent_from_the_first_is_noisy(end: int, word: str) -> None:
    thirds = (*(10_000_000,) * 100, *(10_000_000,) * 100, *(end,) * 100)
    doubt = the_only(judge(measured(steady=timed(thirds))))
    assert (doubt.name, doubt.effect) == ("drift", "noisy")
    assert f"2.1% {word}" in doubt.message


def test_a_last_third_within_two_percent_is_none() -> None:
    assert judge(measured(steady=timed((*(10_000_000,) * 200, *(10_190_000,) * 100)))) == []


def test_a_far_outlier_is_noisy() -> None:
    samples = (*samples_ns(count=999), 16_000_000)
    doubt = the_only(judge(measured(steady=timed(samples))))
    assert (doubt.name, doubt.effect) == ("outliers", "noisy")
    assert doubt.message.startswith("0.10% of the latencies")


def test_a_warm_up_that_did_not_settle_is_noisy() -> None:
    doubt = the_only(judge(measured(converged=False), measured(converged=False)))
    assert (doubt.name, doubt.effect) == ("unconverged", "noisy")
    assert doubt.message.startswith("2 of 4 processes")


def test_over_a_tenth_of_a_cpu_of_others_is_noisy_and_names_the_three_busiest() -> None:
    assert judge(measured(change=replace(QUIET, foreign_load=0.1))) == []
    others = {"chromium": 0.25, "idle": 0.001, "Xorg": 0.05, "rsync": 0.55, "bash": 0.011}
    doubt = the_only(judge(measured(change=replace(QUIET, foreign_load=0.87)), foreign=others))
    assert (doubt.name, doubt.effect) == ("foreign_load", "noisy")
    assert doubt.message == "other processes kept 0.87 CPUs busy (rsync 55%, chromium 25%, Xorg 5% of a CPU)"


def test_load_of_others_without_a_name_is_still_told() -> None:
    doubt = the_only(judge(measured(change=replace(QUIET, foreign_load=0.2))))
    assert doubt.message == "other processes kept 0.20 CPUs busy"


def test_over_one_percent_of_stolen_time_is_noisy() -> None:
    assert judge(measured(change=replace(QUIET, stolen_share=0.01))) == []
    doubt = the_only(judge(measured(change=replace(QUIET, stolen_share=0.034))))
    assert (doubt.name, doubt.effect) == ("stolen_time", "noisy")
    assert "3.4%" in doubt.message


def test_a_quota_that_held_the_process_back_is_noisy() -> None:
    held = measured(change=replace(QUIET, cgroup_throttled_s=0.6))
    doubt = the_only(judge(held, held))
    assert (doubt.name, doubt.effect) == ("cgroup_throttled", "noisy")
    assert "1.20 s" in doubt.message


@pytest.mark.parametrize("share", [0.975, 1.025])
def test_processes_whose_medians_are_over_two_percent_apart_are_noisy(share: float) -> None:
    assert judge(measured(steady=timed(samples_ns(10_150_000)))) == []
    doubt = the_only(judge(measured(steady=timed(samples_ns(round(10_000_000 * share))))))
    assert (doubt.name, doubt.effect) == ("processes_differ", "noisy")
    assert doubt.message.startswith("the medians of the processes differ by 2.")


def test_a_process_that_ended_at_its_limit_is_noisy_and_tells_the_widest_interval() -> None:
    wide = measured(steady=timed(samples_ns(count=200), met_rule=False, half_width=0.043))
    wider = measured(steady=timed(samples_ns(count=90), met_rule=False, half_width=0.051))
    doubt = the_only(judge(wide, wider))
    assert (doubt.name, doubt.effect) == ("stop_rule_not_met", "noisy")
    assert doubt.message == ("2 of 4 processes ended at the limit, after 90 runs; the p50 is known to ±5.1%")
    assert "--max-time" in doubt.advice


def test_too_few_runs_for_an_interval_are_said_to_be_so() -> None:
    steady = timed((10_000_000,) * 4, met_rule=False, half_width=None)
    doubt = the_only(judge(measured(steady=steady)))
    assert doubt.message == "1 of 3 processes ended at the limit, after 4 runs; too few for an interval"


def test_a_clock_that_is_meant_to_stay_and_lost_over_a_tenth_is_noisy() -> None:
    assert judge(measured(change=replace(QUIET, slowest_clock_share=0.9))) == []
    doubt = the_only(judge(measured(change=replace(QUIET, slowest_clock_share=0.62))))
    assert (doubt.name, doubt.effect) == ("clock_dropped", "noisy")
    assert doubt.message == "a core's clock fell to 62% of what it was"


@pytest.mark.parametrize(
    ("governors", "pinned", "doubted"),
    [
        (("performance",), False, True),
        (("performance",), None, True),
        (("ondemand",), True, True),
        (("ondemand",), False, False),
        (("performance", "schedutil"), False, False),
        ((), None, False),
    ],
)
def test_a_clock_that_may_sleep_is_not_doubted(
    governors: tuple[str, ...], pinned: bool | None, doubted: bool
) -> None:
    before = replace(CONDITIONS, governors=governors, clocks_pinned=pinned)
    process = measured(before=before, change=replace(QUIET, slowest_clock_share=0.3))
    assert [doubt.name for doubt in judge(process)] == ["clock_dropped"] * doubted


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"throttle_events": {"throttled": 1}}, "throttled"),
        ({"slowest_clock_share": 0.5}, "clock_dropped"),
        ({"foreign_load": 0.5}, "foreign_load"),
        ({"stolen_share": 0.5}, "stolen_time"),
        ({"cgroup_throttled_s": 0.5}, "cgroup_throttled"),
    ],
)
def test_what_happened_during_the_paced_calls_counts_too(changed: dict[str, Any], name: str) -> None:
    assert judge(measured(paced_change=QUIET)) == []
    assert the_only(judge(measured(paced_change=replace(QUIET, **changed)))).name == name


def paced(runs: int, duration_s: float, late: int = 0) -> Measured:
    return measured(paced=timed(samples_ns(count=runs), duration_s=duration_s, late=late))


def test_a_rate_that_was_not_reached_is_noisy() -> None:
    plan = Plan(rate_hz=10.0)
    assert judge_request(paced(100, 10.0), paced(99, 10.1), plan=plan) == []
    doubt = the_only(judge_request(paced(100, 10.0), paced(100, 12.5), plan=plan))
    assert (doubt.name, doubt.effect) == ("rate_not_reached", "noisy")
    assert doubt.message == "8.89 calls a second of 10 asked, 0 of them late"


def test_late_calls_are_noisy_at_the_full_rate_too() -> None:
    doubt = the_only(judge_request(paced(100, 10.0, late=2), paced(100, 10.0, 1), plan=Plan(rate_hz=10.0)))
    assert (doubt.name, doubt.effect) == ("rate_not_reached", "noisy")
    assert doubt.message == "10 calls a second of 10 asked, 3 of them late"


# --- notes


def test_sizes_that_were_chosen_are_noted_with_what_ran() -> None:
    doubt = the_only(judge_request(model=probed(open_dimensions=("x[2] (H)", "x[3] (W)"))))
    assert (doubt.name, doubt.effect) == ("symbolic_dimensions", "note")
    assert doubt.message == "sizes were chosen for x[2] (H), x[3] (W): ran x:1x3x224x224"
    assert "--input-shape" in doubt.advice


def test_sizes_that_are_all_1_say_little() -> None:
    ones = probed(inputs=(Tensor("x", "f32", (1, 1)),), open_dimensions=("x[1] (N)",))
    doubt = the_only(judge_request(model=ones))
    assert doubt.message.endswith("ran x:1x1; with 1 for every size the figures say little")


def test_sizes_of_a_suite_are_noted_unless_some_were_chosen() -> None:
    sized = InputRequest(shapes={"x": (1, 3, 224, 224)})
    doubt = the_only(judge_request(inputs=sized, sizes_from="suite"))
    assert (doubt.name, doubt.effect) == ("suite_sizes", "note")
    assert doubt.message == "the suite gives the sizes: ran x:1x3x224x224"
    assert judge_request(inputs=sized) == []
    assert judge_request(sizes_from="suite") == []
    chosen = probed(open_dimensions=("z[0]",))
    both = judge_request(model=chosen, inputs=sized, sizes_from="suite")
    assert the_only(both).name == "symbolic_dimensions"


def test_the_usual_sizes_of_a_bundle_are_noted() -> None:
    sized = InputRequest(shapes={"x": (1, 3, 224, 224)})
    doubt = the_only(judge_request(inputs=sized, sizes_from="bundle"))
    assert (doubt.name, doubt.effect) == ("bundle_sizes", "note")
    assert doubt.message == "the bundle gives the sizes: ran x:1x3x224x224"


# --- pipelines


def test_a_pipeline_on_the_users_own_source_is_beyond_doubt() -> None:
    assert judge_request(of_pipeline(), model=probed_pipeline()) == []


@pytest.mark.parametrize(
    ("origin", "name", "message"),
    [
        ("golden", "bundled_source", "ran on sample 'a' of the bundle"),
        ("synthetic", "synthetic_source", "ran on what was sample 'a' of the bundle"),
    ],
)
def test_a_source_that_is_not_the_users_is_noted(origin: str, name: str, message: str) -> None:
    source = replace(SOURCE, origin=origin, told="sample 'a' of the bundle")
    doubt = the_only(judge_request(of_pipeline(), model=probed_pipeline(source=source)))
    assert (doubt.name, doubt.effect, doubt.message) == (name, "note", message)
    assert "--source FILE" in doubt.advice


def test_a_model_that_never_ran_is_named() -> None:
    idle = StageSamples("labels", (0,) * 3, (0,) * 3, (0,) * 3, (0,) * 3)
    assert idle not in STAGES
    process = of_pipeline(stages=(*STAGES[:2], idle))
    doubt = the_only(judge_request(process, model=probed_pipeline()))
    assert (doubt.name, doubt.effect) == ("stages_idle", "note")
    assert doubt.message == "on this source no model ran in: labels"
    assert judge_request(process, of_pipeline(), model=probed_pipeline()) == [], "it ran in another process"


def test_answers_past_their_deadline_are_noted_with_the_share_of_the_time_that_they_took() -> None:
    hops = Hops(0.032, 0.032)
    kept_up = of_pipeline(stream=STREAMED)
    slow = of_pipeline(stream=replace(STREAMED, late=3, busy_s=4.5))
    assert judge_request(kept_up, model=probed_pipeline(hops=hops)) == []
    doubt = the_only(judge_request(kept_up, slow, model=probed_pipeline(hops=hops)))
    assert (doubt.name, doubt.effect) == ("deadlines_missed", "note")
    assert doubt.message == (
        "3 of 312 answers in real time came over 32.0 ms after their last sample; processing took 90% of the "
        "time"
    )
    assert "a faster variant" in doubt.advice
    few = of_pipeline(stream=replace(STREAMED, late=1))
    coarse = the_only(judge_request(few, model=probed_pipeline(hops=Hops(0.032, 0.1))))
    assert "over 100 ms after" in coarse.message, "the deadline of longer chunks is a chunk"
    assert coarse.advice.startswith("something interrupts")


def test_a_board_that_was_throttled_in_real_time_makes_the_run_invalid() -> None:
    throttled = replace(QUIET, throttle_events={"under-voltage": 1})
    process = of_pipeline(stream=replace(STREAMED, change=throttled))
    assert the_only(judge(process)).name == "throttled"


def test_a_provider_that_ran_nothing_is_noted() -> None:
    doubt = the_only(judge_request(providers=("tensorrt", "CUDA", "cpu")))
    assert (doubt.name, doubt.effect) == ("provider_unused", "note")
    assert doubt.message == "no node ran on tensorrt, cuda; all ran on cpu"


def test_a_provider_that_ran_a_node_or_that_nobody_knows_of_is_not_noted() -> None:
    shared = measured(provider="cuda", provider_share={"cuda": 0.9, "cpu": 0.1})
    for name in ("cuda", "CUDA", "CUDAExecutionProvider"):
        assert judge_request(shared, providers=(name, "CPUExecutionProvider")) == []
    assert judge_request(providers=("cpu",)) == []
    assert judge_request(measured(provider=None, provider_share={}), providers=("cuda", "cpu")) == []


def test_quick_is_noted() -> None:
    doubt = the_only(judge_request(plan=QUICK))
    assert (doubt.name, doubt.effect) == ("quick", "note")
    assert doubt.message == "a first look: 2 processes of 2 s; intervals are their range"


def test_outputs_with_nan_are_noted() -> None:
    doubt = the_only(judge(model=probed(not_finite=("scores", "boxes"))))
    assert (doubt.name, doubt.effect) == ("outputs_not_finite", "note")
    assert doubt.message == "NaN or infinity in scores, boxes"


def test_zram_is_noted() -> None:
    doubt = the_only(judge(measured(before=replace(CONDITIONS, zram=True))))
    assert (doubt.name, doubt.effect) == ("zram", "note")


def test_a_peak_that_could_not_be_reset_is_noted() -> None:
    doubt = the_only(judge(measured(peak_resets=False)))
    assert (doubt.name, doubt.effect) == ("peak_not_reset", "note")


def test_what_the_machine_does_not_tell_raises_no_doubt() -> None:
    unknown = replace(
        QUIET, foreign_load=None, stolen_share=None, cgroup_throttled_s=None, slowest_clock_share=None
    )
    phases = (
        *measured().phases[:-1],
        replace(measured().phases[-1], memory=replace(MEMORY, swap_bytes=None)),
    )
    assert judge(measured(change=unknown, phases=phases)) == []


# --- the verdict


def doubt(effect: str) -> Doubt:
    return Doubt("name", effect, "message", "advice")


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ((), "VALID"),
        (("note", "note"), "VALID"),
        (("note", "noisy"), "NOISY"),
        (("noisy", "invalid", "note"), "INVALID"),
        (("invalid",), "INVALID"),
    ],
)
def test_the_worst_effect_decides(effects: tuple[str, ...], verdict: str) -> None:
    assert verdict_of([doubt(effect) for effect in effects]) == verdict


def test_everything_at_once_names_every_doubt_once() -> None:
    steady = timed((*spread(0.01)[:150], *(11_000_000,) * 149, 99_000_000), met_rule=False)
    phase = replace(measured().phases[-1], memory=replace(MEMORY, swap_bytes=1))
    worst = measured(
        output_error="y differs",
        phases=(phase,),
        peak_resets=False,
        converged=False,
        steady=steady,
        before=replace(CONDITIONS, zram=True),
        change=replace(
            QUIET,
            throttle_events={"throttled": 1},
            foreign_load=1.0,
            stolen_share=0.5,
            cgroup_throttled_s=1.0,
            slowest_clock_share=0.5,
        ),
    )
    doubts = judge(worst, worst, model=probed(not_finite=("y",)))
    assert [doubt.name for doubt in doubts] == [
        "wrong_output",
        "outputs_not_finite",
        "throttled",
        "clock_dropped",
        "swapped",
        "zram",
        "peak_not_reset",
        "high_variation",
        "processes_differ",
        "drift",
        "outliers",
        "unconverged",
        "stop_rule_not_met",
        "foreign_load",
        "stolen_time",
        "cgroup_throttled",
    ]
    assert verdict_of(doubts) == "INVALID"
    assert all(doubt.message and doubt.advice for doubt in doubts)
    assert {doubt.effect for doubt in doubts} == {"invalid", "noisy", "note"}
