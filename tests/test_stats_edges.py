"""Where a constant or a limit of a formula counts: against the formula written out by hand."""

import math

import numpy as np
import pytest

from vibrator.errors import BadInput
from vibrator.stats.adjusted import lin
from vibrator.stats.aggregates import Sample, aggregate
from vibrator.stats.bayes import beta_belief, normal_belief
from vibrator.stats.bootstrap import percentile_interval, resampled_means
from vibrator.stats.intervals import quantile_sample, wilson, z_of
from vibrator.stats.multiplicity import OnlineFdr, adjust
from vibrator.stats.order import auc
from vibrator.stats.power import (
    days_for,
    detectable,
    power_left,
    power_of_means,
    units_for_means,
    units_for_shares,
)
from vibrator.stats.ranks import cliffs_delta, friedman, rank_biserial
from vibrator.stats.ratios import sample_ratio
from vibrator.stats.schedule import SMALLEST, Schedule
from vibrator.stats.sequential import (
    best_rho2,
    empirical_bernstein,
    msprt_half_width,
    msprt_log_ratio,
    obrien_fleming,
)
from vibrator.stats.shrinkage import Population, given_significant, population
from vibrator.stats.tests import mann_whitney, mcnemar, paired, superiority


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


ODD, FEW = [math.nan, 1.0], [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: Sample.of(ODD), "values"),
        (lambda: lin((ODD, FEW), (FEW, FEW)), "metric"),
        (lambda: lin((FEW, ODD), (FEW, FEW)), "covariate"),
        (lambda: beta_belief((1, 2), (1, 2), prior=(-1.0, 1.0)), "prior"),
        (lambda: normal_belief(1.0, 0.0), "se"),
        (lambda: normal_belief(1.0, 1.0, prior_sd=0.0), "prior_sd"),
        (lambda: normal_belief(math.nan, 1.0), "difference"),
        (lambda: resampled_means([[1.0]], resamples=0, rng=np.random.default_rng(0)), "resamples"),
        (lambda: percentile_interval(FEW, level=math.nan), "level"),
        (lambda: z_of(2.0), "level"),
        (lambda: wilson(1, 2, level=math.nan), "level"),
        (lambda: quantile_sample(FEW, 2.0), "quantile"),
        (lambda: quantile_sample(ODD, 0.5), "values"),
        (lambda: adjust(ODD), "pvalues"),
        (lambda: OnlineFdr(2.0), "alpha"),
        (lambda: OnlineFdr().learn(2.0), "pvalue"),
        (lambda: power_of_means(math.nan, 9), "effect"),
        (lambda: power_of_means(1.0, 9, sd=0.0), "sd"),
        (lambda: power_of_means(1.0, 9, alpha=2.0), "alpha and power"),
        (lambda: units_for_means(math.nan), "effect"),
        (lambda: units_for_means(1.0, sd=0.0), "sd"),
        (lambda: units_for_shares(2.0, 0.5), "control"),
        (lambda: units_for_shares(0.5, 2.0), "treatment"),
        (lambda: detectable(9, sd=0.0), "sd"),
        (lambda: detectable(0), "count"),
        (lambda: power_left(math.nan, 0.5, critical=2.0), "z"),
        (lambda: power_left(1.0, 2.0, critical=2.0), "fraction"),
        (lambda: days_for(9, units_a_day=0), "units_a_day"),
        (lambda: rank_biserial(ODD, FEW), "first"),
        (lambda: rank_biserial(FEW[:2], ODD), "second"),
        (lambda: cliffs_delta(ODD, FEW), "first"),
        (lambda: cliffs_delta(FEW, ODD), "second"),
        (lambda: friedman([ODD]), "values"),
        (lambda: sample_ratio([5, 5], looks=0), "looks"),
        (lambda: msprt_log_ratio(1.0, 1.0, tau2=0.0), "tau2"),
        (lambda: msprt_half_width(1.0, alpha=2.0), "alpha"),
        (lambda: best_rho2(0), "count"),
        (lambda: empirical_bernstein(ODD), "values"),
        (lambda: obrien_fleming(2, alpha=2.0), "alpha"),
        (lambda: Population(0.0, 1.0).shrink(1.0, 0.0), "se"),
        (lambda: population(ODD, FEW[:2]), "differences"),
        (lambda: population(FEW[:2], ODD), "errors"),
        (lambda: given_significant(1.0, 0.0), "se"),
        (lambda: paired(ODD, FEW), "control"),
        (lambda: paired(FEW, ODD), "treatment"),
        (lambda: mann_whitney(ODD, FEW), "control"),
        (lambda: mann_whitney(FEW, ODD), "treatment"),
        (lambda: superiority(ODD, FEW), "control"),
        (lambda: superiority(FEW, ODD), "treatment"),
    ],
)
def test_what_is_no_such_number_is_refused_with_its_name_first(call, name):
    with pytest.raises(BadInput, match=f"^{name} must "):
        call()


def test_tests_are_called_what_they_are():
    found = [paired(FEW, FEW[::-1]), superiority(FEW, FEW), mann_whitney(FEW, FEW), mcnemar(1, 2)]
    names = ["paired", "mann-whitney", "mann-whitney", "mcnemar"]
    assert [one.method for one in found] == names


@pytest.mark.parametrize("table", [[[1.0]], [1.0, 2.0], np.empty((0, 3)), np.ones((1, 2, 2))])
def test_ranks_want_subjects_and_two_treatments_at_least(table):
    with pytest.raises(BadInput, match=r"^values must have a row a subject, two columns or more"):
        friedman(table)
    assert friedman([[1.0, 2.0]]).n == 1


def test_groups_come_in_order_of_their_names_and_unknown_columns_are_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"arm": ["z", "a", "m", "a"], "y": [1.0, 2.0, 3.0, 4.0]})
    groups = aggregate(frame, by="arm", columns=["y"])
    assert {arm: (group.count, group.mean("y")) for arm, group in groups.items()} == {
        "a": (2, 3.0), "m": (1, 3.0), "z": (1, 1.0)
    }  # fmt: skip
    assert list(groups) == ["a", "m", "z"]
