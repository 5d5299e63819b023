"""What fits into the time that is left."""

from __future__ import annotations

from edgeai.prepare.budget import Budget


def test_time_is_spent_and_what_is_left_decides() -> None:
    now = [100.0]
    budget = Budget(30.0, clock=lambda: now[0])
    now[0] = 110.0
    assert (budget.spent_s, budget.left_s) == (10.0, 20.0)
    assert budget.fits(20.0)
    assert not budget.fits(20.1)
    assert budget.fits(2.0, until=0.4)
    assert not budget.fits(2.1, until=0.4)
    assert not budget.fits(2.0, reserve_s=18.5)
    now[0] = 140.0
    assert budget.left_s == 0.0


def test_a_pair_is_guessed_from_trials_until_one_was_seen() -> None:
    budget = Budget(30.0)
    budget.trial_took(1.0)
    budget.trial_took(2.0)
    assert budget.trial_s == 1.5
    assert budget.pair_s == 1.6 * 1.5
    budget.pair_took(4.0)
    assert budget.pair_s == 4.0
