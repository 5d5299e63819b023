"""When a challenger takes a place, with made-up intervals."""

from __future__ import annotations

from edgeai.measure.statistics import Comparison
from edgeai.prepare.deciding import LEAST_PAIRS, Decision, decide

PAIRS = LEAST_PAIRS


def decided(
    low: float, high: float, *, smaller: float = 1.0, may_be_equal: bool = True, margin: float = 0.0
) -> Decision:
    found = Comparison((low * high) ** 0.5, low, high, 0.01)
    return decide(found, PAIRS, smaller=smaller, may_be_equal=may_be_equal, margin=margin)


def test_against_raw_an_interval_below_1_is_enough() -> None:
    assert decided(0.9, 0.999).take
    assert not decided(0.9, 1.001).take


def test_against_an_earlier_choice_the_interval_must_leave_out_3_percent() -> None:
    assert not decided(0.9, 0.98, margin=0.03).take
    assert decided(0.9, 0.96, margin=0.03).take


def test_as_fast_and_much_smaller_is_taken_under_latency_only() -> None:
    assert decided(0.98, 1.02, smaller=0.6).take
    assert not decided(0.98, 1.02, smaller=0.95).take
    assert not decided(0.98, 1.04, smaller=0.6).take  # may be 4 % slower
    assert not decided(0.98, 1.02, smaller=0.6, may_be_equal=False).take
    assert not decided(0.98, 1.02, smaller=0.6, margin=0.03).take  # an earlier choice does not come and go


def test_too_few_pairs_prove_nothing() -> None:
    found = Comparison(0.5, 0.49, 0.51, 0.0)
    few = decide(found, PAIRS - 1, smaller=0.5, may_be_equal=True, margin=0.0)
    assert (few.take, few.final) == (False, False)
    assert not decide(None, 1, smaller=0.5, may_be_equal=True, margin=0.0).take


def test_more_pairs_are_run_only_while_they_may_decide() -> None:
    assert decided(0.5, 0.6).final
    assert not decided(0.9, 0.999).final  # one bad pair would turn it
    assert decided(1.05, 1.2).final
    assert not decided(0.95, 1.05).final


def test_the_reason_states_ratio_interval_and_pairs() -> None:
    assert decided(0.81, 0.9).why == f"better, 0.854 of it (0.810 to 0.900 over {PAIRS} pairs)"
    assert decided(1.2, 1.25).why.startswith("worse, 1.225 of it")
