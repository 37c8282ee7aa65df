"""Where a constant or a limit of a formula counts: against the formula written out by hand."""

import math

import numpy as np
import pytest

from vibrator.stats.order import auc
from vibrator.stats.schedule import SMALLEST, Schedule
from vibrator.stats.sequential import empirical_bernstein


def bernstein_by_hand(values, alpha):
    """Waudby-Smith and Ramdas (2024), theorem 2 for the lower side, one value after another."""
    total, squares, staked, gained, cost, rows = 0.5, 0.25, 0.0, 0.0, 0.0, []
    for t, x in enumerate(values, start=1):
        variance, seen = squares / t, (total - 0.5) / max(t - 1, 1)
        bet = min(math.sqrt(2 * math.log(2 / alpha) / (variance * t * math.log1p(t))), 0.5)
        cost += (x - seen) ** 2 * (-math.log1p(-bet) - bet)
        staked, gained = staked + bet, gained + bet * x
        rows.append((gained - math.log(2 / alpha) - cost) / staked)
        total += x
        squares += (x - total / (t + 1)) ** 2
    return np.array(rows)


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_empirical_bernstein_is_the_published_formula(alpha):
    values = np.random.default_rng(0).beta(2, 5, 800)
    low, high = empirical_bernstein(values, alpha=alpha)
    np.testing.assert_allclose(low, bernstein_by_hand(values, alpha), rtol=1e-9)
    np.testing.assert_allclose(high, 1 - bernstein_by_hand(1 - values, alpha), rtol=1e-9)
    assert high[-1] - low[-1] < 0.2  # bets below their cap count, too


def test_empirical_bernstein_of_nothing_is_nothing():
    low, high = empirical_bernstein([])
    assert len(low) == len(high) == 0


@pytest.mark.parametrize("outcomes", [[0, 0, 0], [1, 1, 1]])
def test_an_auc_without_a_yes_or_without_a_no_is_unknown(outcomes):
    assert math.isnan(auc(outcomes, [0.1, 0.2, 0.3]))


@pytest.mark.parametrize("schedule", [Schedule((0.25,), 4), Schedule((0.2,), 4)])
def test_a_p_value_is_told_down_to_the_smallest_and_up_to_one(schedule):
    assert schedule.pvalue(60.0) == SMALLEST < 1e-9
    assert schedule.pvalue(0.0) == 1.0
    assert SMALLEST < schedule.pvalue(schedule.bound(0.05)) == pytest.approx(0.05, rel=1e-3)
