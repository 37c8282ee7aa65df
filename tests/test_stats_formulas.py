"""Every figure of the statistics against its formula or another library, and at its limits."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from vibrator.errors import BadInput, UnknownName
from vibrator.stats.adjusted import cuped, lin
from vibrator.stats.aggregates import Aggregates, Sample, numbers
from vibrator.stats.bayes import beta_belief, normal_belief
from vibrator.stats.bootstrap import cluster_means, paired_gaps, percentile_interval, two_sided_p
from vibrator.stats.intervals import Interval, newcombe, quantile_sample, share_of, wilson, z_of
from vibrator.stats.multiplicity import HORIZON, OnlineFdr, _weight, adjust
from vibrator.stats.power import (
    days_for,
    detectable,
    power_left,
    power_of_means,
    units_for_means,
    units_for_shares,
)
from vibrator.stats.ranks import cliffs_delta, friedman, nemenyi, rank_biserial
from vibrator.stats.ratios import SampleRatio, log_bayes_factor, running_split, sample_ratio
from vibrator.stats.rows import Row, table
from vibrator.stats.schedule import Schedule
from vibrator.stats.sequential import (
    Looks,
    asymptotic_half_width,
    asymptotic_interval,
    best_rho2,
    empirical_bernstein,
    lan_demets,
    msprt,
    msprt_half_width,
    msprt_log_ratio,
    obrien_fleming,
    obrien_fleming_spending,
    pocock,
)
from vibrator.stats.shrinkage import Population, given_significant, population
from vibrator.stats.tests import (
    fisher,
    mann_whitney,
    mcnemar,
    paired,
    proportions,
    ratio,
    superiority,
    welch,
    z_test,
)

RNG = np.random.default_rng(0)
A, B = RNG.normal(5.0, 1.0, 30), RNG.normal(5.6, 2.0, 40)
ONE, OTHER = Sample.of(A), Sample.of(B)
Z90, Z95 = 1.6448536269514722, 1.959963984540054


def ends(interval):
    return [interval.low, interval.high]


# Samples and intervals


def test_an_interval_holds_its_ends_and_may_be_a_point():
    assert 1.0 in Interval(1.0, 2.0)
    assert 2.0 in Interval(1.0, 2.0)
    assert 2.1 not in Interval(1.0, 2.0)
    assert Interval(3.0, 3.0).width == 0.0
    assert ends(Interval(1.0, 3.0).shift(-1.0)) == [0.0, 2.0]
    with pytest.raises(BadInput, match="rises from low to high"):
        Interval(2.0, 1.0)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, math.nan])
def test_a_level_lies_within_its_bounds(level):
    with pytest.raises(BadInput, match="level"):
        z_of(level)
    with pytest.raises(BadInput, match="level"):
        percentile_interval([1.0, 2.0], level=level)


@pytest.mark.parametrize("hits", [3, 17])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_ends_of_wilson_solve_the_score_equation(hits, level):
    z = float(stats.norm.isf((1 - level) / 2))
    for end in ends(wilson(hits, 20, level=level)):
        assert (hits / 20 - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / 20)
    assert wilson(20, 20).high == 1.0
    assert wilson(20, 20).low == pytest.approx(1 - wilson(0, 20).high)


def test_shares_lie_from_none_to_all():
    assert [share_of(0, 4), share_of(4, 4)] == [0.0, 1.0]
    for hits, count in ((0, 0), (-1, 4), (5, 4)):
        with pytest.raises(BadInput, match="successes"):
            share_of(hits, count)


def test_newcombe_is_made_of_two_wilson_intervals():
    at_p, at_q = wilson(3, 30, level=0.9), wilson(12, 40, level=0.9)
    low = 0.3 - 0.1 - math.sqrt((0.3 - at_q.low) ** 2 + (at_p.high - 0.1) ** 2)
    high = 0.3 - 0.1 + math.sqrt((at_q.high - 0.3) ** 2 + (0.1 - at_p.low) ** 2)

    assert ends(newcombe((3, 30), (12, 40), level=0.9)) == pytest.approx([low, high])


def test_the_error_of_a_quantile_is_read_off_the_ranks_around_it():
    values = np.sort(np.random.default_rng(1).exponential(size=401))
    found = quantile_sample(values[::-1], 0.25, level=0.9)
    sd = math.sqrt(401 * 0.25 * 0.75)
    low, high = math.floor(401 * 0.25 - Z90 * sd), math.ceil(401 * 0.25 + Z90 * sd)
    se = (values[high - 1] - values[low - 1]) * sd / (high - low)

    assert found.mean == values[100]
    assert found.se2 == pytest.approx(se**2)
    assert found.count == 401


def test_a_quantile_needs_ranks_on_both_sides():
    assert quantile_sample(range(16), 0.8).count == 16  # reaches the last value and no further
    assert quantile_sample(range(11), 0.4).count == 11  # and the first
    for count, share in ((15, 0.8), (10, 0.4)):
        with pytest.raises(BadInput, match="needs more than"):
            quantile_sample(range(count), share)
    for share in (0.0, 1.0):
        with pytest.raises(BadInput, match="between 0 and 1"):
            quantile_sample(range(50), share)


def test_samples_and_columns_must_be_what_they_say():
    assert Sample(0.0, 0.0, 2).se2 == 0.0
    for wrong in ((0.0, 1.0, 1), (math.inf, 1.0, 3), (0.0, math.inf, 3), (0.0, -1.0, 3)):
        with pytest.raises(BadInput, match="a sample needs"):
            Sample(*wrong)
    with pytest.raises(BadInput, match="got inf in row 1"):
        numbers("x", [1.0, math.inf, math.nan])
    with pytest.raises(BadInput, match=r"shape \(1, 2\)"):
        numbers("x", [[1.0, 2.0]])
    for columns in ({}, {"y": []}):
        with pytest.raises(BadInput, match="at least one"):
            Aggregates.of(columns)
    single = Aggregates.of({"y": [4.0], "n": [0.0]})
    assert single.mean("y") == 4.0
    with pytest.raises(BadInput, match="at least 2 rows"):
        single.var("y")
    with pytest.raises(BadInput, match="mean of zero"):
        single.ratio_mean("y", "n")
    with pytest.raises(UnknownName, match="no column 'z'"):
        single.mean("z")


def test_a_ratio_has_the_variance_of_its_linearised_self():
    n = np.random.default_rng(2).integers(1, 9, 50).astype(float)
    y = n * 2 + np.random.default_rng(3).normal(size=50)
    arm = Aggregates.of({"y": y, "n": n})
    share = y.mean() / n.mean()
    linear = (y - share * n) / n.mean()

    found = arm.ratio("y", "n")
    assert (found.mean, found.count) == (pytest.approx(share), 50)
    assert found.var == pytest.approx(linear.var(ddof=1))
    assert arm.ratio_cov(("y", "n"), ("y", None)) == pytest.approx(np.cov(linear, y)[0, 1])
    assert arm.sample("y") == Sample(arm.mean("y"), arm.var("y"), 50)


# Tests of two arms


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_welch_agrees_with_scipy(level):
    theirs = stats.ttest_ind(B, A, equal_var=False)
    ours = welch(ONE, OTHER, level=level)

    assert (ours.statistic, ours.pvalue) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert ours.df == pytest.approx(theirs.df)
    assert ends(ours.interval) == pytest.approx(list(theirs.confidence_interval(level)))
    assert ends(ours.at(0.5)) == pytest.approx(list(theirs.confidence_interval(0.5)))
    quantile = stats.t.isf((1 - level) / 2, ours.df)
    spread = math.sqrt(ONE.se2 / ONE.mean**2 + OTHER.se2 / OTHER.mean**2)
    log_ratio = math.log(OTHER.mean / ONE.mean)
    relative = [math.exp(log_ratio + side * quantile * spread) - 1 for side in (-1, 1)]
    assert ends(ours.relative) == pytest.approx(relative)


def test_the_z_test_takes_the_normal_law():
    ours = z_test(ONE, OTHER, level=0.9)
    se = math.sqrt(ONE.se2 + OTHER.se2)
    z = (OTHER.mean - ONE.mean) / se

    assert (ours.statistic, ours.se, ours.df) == (pytest.approx(z), pytest.approx(se), math.inf)
    assert ours.pvalue == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert ours.interval.width == pytest.approx(2 * Z90 * se)
    assert (ours.control, ours.treatment) == (ONE.mean, OTHER.mean)


def test_a_relative_effect_needs_positive_means():
    for arms in ((Sample(0.0, 1.0, 9), ONE), (ONE, Sample(0.0, 1.0, 9)), (Sample(-1, 1, 9), ONE)):
        assert welch(*arms).relative is None


def test_one_arm_may_be_all_alike_but_not_both():
    assert welch(Sample(1.0, 0.0, 9), ONE).se == pytest.approx(math.sqrt(ONE.se2))
    assert z_test(ONE, Sample(1.0, 0.0, 9)).se == pytest.approx(math.sqrt(ONE.se2))
    with pytest.raises(BadInput, match="values that vary"):
        z_test(Sample(1.0, 0.0, 9), Sample(2.0, 0.0, 9))
    with pytest.raises(BadInput, match="values that vary"):
        paired([1.0, 2.0], [2.0, 3.0])


def test_pairs_agree_with_scipy():
    theirs, ours = stats.ttest_rel(B[:30], A), paired(A, B[:30], level=0.8)

    assert (ours.statistic, ours.pvalue) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert ends(ours.interval) == pytest.approx(list(theirs.confidence_interval(0.8)))
    assert (ours.control, ours.treatment) == pytest.approx((A.mean(), B[:30].mean()))
    assert (ours.difference, ours.df) == (pytest.approx((B[:30] - A).mean()), 29.0)
    assert ours.se == pytest.approx((B[:30] - A).std(ddof=1) / math.sqrt(30))


def test_two_shares_pooled_and_not():
    p, q, both = 10 / 50, 27 / 80, 37 / 130
    pooled = proportions((10, 50), (27, 80), level=0.9)
    apart = proportions((10, 50), (27, 80), pooled=False)

    assert pooled.se == pytest.approx(math.sqrt(both * (1 - both) * (1 / 50 + 1 / 80)))
    assert apart.se == pytest.approx(math.sqrt(p * (1 - p) / 50 + q * (1 - q) / 80))
    assert pooled.statistic == pytest.approx((q - p) / pooled.se)
    assert pooled.pvalue == pytest.approx(2 * stats.norm.sf((q - p) / pooled.se))
    assert ends(pooled.interval) == ends(newcombe((10, 50), (27, 80), level=0.9))
    spread = math.sqrt((1 - p) / (50 * p) + (1 - q) / (80 * q))
    relative = [math.exp(math.log(q / p) + side * Z90 * spread) - 1 for side in (-1, 1)]
    assert ends(pooled.relative) == pytest.approx(relative)
    assert apart.relative.width > pooled.relative.width


def test_arms_without_an_event_say_more_the_more_units_they_have():
    few, many = proportions((0, 50), (0, 50)), proportions((0, 5000), (0, 5000), level=0.9)

    assert few.se == pytest.approx(few.interval.width / (2 * Z95))
    assert many.se == pytest.approx(many.interval.width / (2 * Z90))
    assert many.se < few.se / 50


def test_a_ratio_is_welch_of_linearised_arms():
    arms = [
        Aggregates.of({"y": rng.normal(2, 1, 30), "n": rng.integers(1, 5, 30)})
        for rng in map(np.random.default_rng, (4, 5))
    ]
    expected = welch(*(arm.ratio("y", "n") for arm in arms), level=0.8)
    assert ratio(*arms, numerator="y", denominator="n", level=0.8) == expected


def test_exact_tests_of_counts_agree_with_scipy():
    odds, pvalue = stats.fisher_exact([[9, 11], [3, 17]])
    found = fisher((3, 20), (9, 20))
    assert (found.statistic, found.pvalue) == pytest.approx((odds, pvalue))
    assert mcnemar(4, 15).statistic == 11.0
    assert mcnemar(4, 15).pvalue == pytest.approx(stats.binomtest(4, 19).pvalue)
    assert mcnemar(0, 3).pvalue == mcnemar(3, 0).pvalue == pytest.approx(0.25)
    for pairs in ((-1, 3), (3, -1), (0, 0)):
        with pytest.raises(BadInput, match="pairs that disagree"):
            mcnemar(*pairs)


@pytest.mark.parametrize(("count", "method"), [(25, "exact"), (26, "asymptotic")])
def test_ranks_are_exact_up_to_twenty_five_units_an_arm(count, method):
    for a, b in ((A[:5], B[:count]), (B[:count], A[:5])):
        u, pvalue = stats.mannwhitneyu(b, a, method=method)
        found = mann_whitney(a, b)
        assert (found.statistic, found.pvalue) == (u, pvalue)
    for a, b in (([], [1.0]), ([1.0], [])):
        with pytest.raises(BadInput, match="both arms need values"):
            mann_whitney(a, b)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_superiority_has_the_error_of_its_placements(level):
    a, b = np.round(A[:12]), np.round(B[:9])
    wins = (b[:, None] > a) + (b[:, None] == a) / 2
    share = wins.mean()
    se = math.sqrt(wins.mean(axis=1).var(ddof=1) / 9 + wins.mean(axis=0).var(ddof=1) / 12)
    found = superiority(a, b, level=level)

    assert (found.treatment, found.control) == (pytest.approx(share), 0.5)
    assert found.se == pytest.approx(se)
    half = float(stats.norm.isf((1 - level) / 2)) * se
    assert ends(found.interval) == pytest.approx([share - 0.5 - half, share - 0.5 + half])


def test_arms_that_do_not_overlap_have_wilsons_interval():
    found = superiority([1.0, 2.0], [3.0, 4.0, 5.0], level=0.9)

    assert found.difference == 0.5
    assert ends(found.interval) == pytest.approx([wilson(2, 2, level=0.9).low - 0.5, 0.5])
    assert found.se == pytest.approx(found.interval.width / (2 * Z90))
    with pytest.raises(BadInput, match="both arms need 2 values"):
        superiority([1.0], [3.0, 4.0])


# Adjustment by a covariate


def covariates(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 1, count)
    return 2 * x + rng.normal(0, 1, count), x


def test_cuped_takes_out_what_the_covariate_explains():
    (y0, x0), (y1, x1) = covariates(40, 6), covariates(50, 7)
    y, x = np.concatenate([y0, y1]), np.concatenate([x0, x1])
    theta = np.cov(y, x)[0, 1] / x.var(ddof=1)
    by_hand = welch(
        *(Sample.of(ys - theta * (xs - x.mean())) for ys, xs in ((y0, x0), (y1, x1))), level=0.8
    )
    arms = [Aggregates.of({"y": ys, "x": xs}) for ys, xs in ((y0, x0), (y1, x1))]
    found = cuped(*arms, metric="y", covariate="x", level=0.8)

    assert found.theta == pytest.approx(theta)
    assert found.variance_reduction == pytest.approx(np.corrcoef(y, x)[0, 1] ** 2)
    for name in ("control", "treatment", "difference", "pvalue", "se", "df"):
        assert getattr(found.effect, name) == pytest.approx(getattr(by_hand, name))
    assert ends(found.effect.interval) == pytest.approx(ends(by_hand.interval))


def test_a_ratio_may_be_adjusted_by_a_ratio():
    rng = np.random.default_rng(8)
    arms = []
    for _ in range(2):
        n = rng.integers(1, 6, 60).astype(float)
        arms.append(Aggregates.of({"y": n * rng.normal(2, 1, 60), "x": n * 1.5, "n": n}))
    found = cuped(*arms, metric=("y", "n"), covariate="n")

    assert found.effect.difference == pytest.approx(
        arms[1].ratio_mean("y", "n") - arms[0].ratio_mean("y", "n")
        - found.theta * (arms[1].mean("n") - arms[0].mean("n"))
    )  # fmt: skip
    whole = arms[0] + arms[1]
    assert found.theta == pytest.approx(whole.ratio_cov(("y", "n"), ("n", None)) / whole.var("n"))


def test_lin_is_least_squares_with_arm_slopes_and_hc3_errors():
    (y0, x0), (y1, x1) = covariates(25, 9), covariates(30, 10)
    arm = np.repeat([0.0, 1.0], [25, 30])
    y, x = np.concatenate([y0, y1]), np.concatenate([x0, x1])
    X = np.column_stack([np.ones(55), arm, x - x.mean(), arm * (x - x.mean())])
    slopes = np.linalg.lstsq(X, y, rcond=None)[0]
    inverse = np.linalg.inv(X.T @ X)
    leverage = np.diag(X @ inverse @ X.T)
    loose = ((y - X @ slopes) / (1 - leverage)) ** 2
    se = math.sqrt((inverse @ (X.T * loose) @ X @ inverse)[1, 1])
    found = lin((y0, x0), (y1, x1), level=0.9)

    assert (found.difference, found.se) == pytest.approx((slopes[1], se))
    assert (found.control, found.treatment) == pytest.approx((slopes[0], slopes[0] + slopes[1]))
    assert found.pvalue == pytest.approx(2 * stats.norm.sf(abs(slopes[1] / se)))
    assert found.interval.width == pytest.approx(2 * Z90 * se)
    assert lin((y0[:3], x0[:3]), (y1, x1)).method == "lin"
    with pytest.raises(BadInput, match="need 3 rows"):
        lin((y0[:2], x0[:2]), (y1, x1))
    with pytest.raises(BadInput, match="need 3 rows"):
        lin((y0, x0[:9]), (y1, x1))


# Bayes


def test_losses_of_two_shares_differ_by_their_means():
    belief = beta_belief((3, 10), (8, 14), prior=(2.0, 3.0))
    a, b = stats.beta(5, 10), stats.beta(10, 9)

    assert belief.mean == pytest.approx(b.mean() - a.mean())
    assert belief.sd == pytest.approx(math.sqrt(a.var() + b.var()))
    assert belief.loss_control - belief.loss_treatment == pytest.approx(belief.mean)
    assert belief.better == pytest.approx(quad(lambda x: b.pdf(x) * a.cdf(x), 0, 1)[0])
    assert belief.loss_treatment == pytest.approx(quad(lambda x: b.cdf(x) * a.sf(x), 0, 1)[0])
    assert ends(belief.interval(0.9)) == pytest.approx(
        [belief.mean - Z90 * belief.sd, belief.mean + Z90 * belief.sd]
    )
    with pytest.raises(BadInput, match="prior"):
        beta_belief((3, 10), (8, 14), prior=(0.0, 1.0))


def test_a_normal_belief_weighs_prior_and_data_by_precision():
    belief = normal_belief(1.0, 0.5, prior_mean=-0.2, prior_sd=2.0)
    var = 1 / (1 / 0.25 + 1 / 4.0)
    law = stats.norm(var * (1.0 / 0.25 - 0.2 / 4.0), math.sqrt(var))

    assert (belief.mean, belief.sd) == pytest.approx((law.mean(), law.std()))
    assert belief.better == pytest.approx(law.sf(0.0))
    lost = quad(lambda x: -x * law.pdf(x), -9, 0)[0]
    assert belief.loss_treatment == pytest.approx(lost, abs=1e-9)
    assert belief.loss_control == pytest.approx(quad(lambda x: x * law.pdf(x), 0, 9)[0])


# Bootstrap


def test_percentiles_cut_the_same_from_both_ends():
    assert percentile_interval(np.arange(1001.0)).low == pytest.approx(25.0)
    assert percentile_interval(np.arange(1001.0)).high == pytest.approx(975.0)
    found = percentile_interval(np.arange(1001.0), level=0.8)
    assert (found.mean, found.low, found.high) == pytest.approx((500.0, 100.0, 900.0))


def test_a_drawn_cluster_brings_all_its_rows():
    values, users = [[1.0], [4.0], [4.0], [10.0]], ["a", "b", "b", "b"]
    means = cluster_means(values, users, resamples=200, rng=np.random.default_rng(0))

    assert means.shape == (200, 1)
    assert {round(float(mean), 9) for mean in means[:, 0]} == {1.0, 6.0, 4.75}
    one = cluster_means(values, users, resamples=1, rng=np.random.default_rng(0))
    assert one.tolist() == means[:1].tolist()


@pytest.mark.parametrize(
    ("gaps", "p"),
    [([-1, 1, 1, 1], 0.5), ([0, 0, 1, 1], 1.0), ([0, 0, 0], 1.0), ([-1, -1, -1, -1, 0], 0.4)],
)
def test_a_bootstrap_p_counts_ties_on_both_sides(gaps, p):
    assert two_sided_p(gaps) == pytest.approx(p)


def test_a_gap_is_rounding_only_in_proportion_to_its_values():
    assert paired_gaps([1.0], [1.0 + 1e-9])[0] == pytest.approx(-1e-9)
    assert paired_gaps([1e6], [1e6 + 1e-7])[0] == 0.0
    assert paired_gaps([0.5, 1.0], [0.5 + 9e-13, 1.0]).tolist() == [0.0, 0.0]
    assert paired_gaps([1e-15], [2e-15])[0] == pytest.approx(-1e-15)
    for first, second in (([1.0], [1.0, 2.0]), ([], []), ([[1.0]], [[1.0]])):
        with pytest.raises(BadInput, match="two equally long rows"):
            paired_gaps(first, second)


# The split of the units


@pytest.mark.parametrize(
    ("pvalue", "sequential", "looks", "severity"),
    [
        (0.0009, 1.0, 1, "alarm"), (0.001, 1.0, 1, "warning"), (0.0099, 1.0, 1, "warning"),
        (0.01, 1.0, 1, "fine"), (1.0, 0.0009, 1, "alarm"), (1.0, 0.005, 1, "warning"),
        (0.0009, 1.0, 2, "warning"), (0.0009, 1.0, 20, "fine"),
    ],
)  # fmt: skip
def test_a_split_is_judged_by_either_p_value(pvalue, sequential, looks, severity):
    assert SampleRatio(0.0, pvalue, sequential, looks).severity == severity


def test_a_split_agrees_with_scipy_and_counts_its_looks():
    found = sample_ratio([480, 530, 0], [0.4, 0.4, 0.2], looks=3)
    theirs = stats.chisquare([480, 530, 0], [404, 404, 202])

    assert (found.statistic, found.pvalue) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found.looks == 3
    assert sample_ratio([5, 5]).sequential_pvalue == 1.0


def test_the_factor_of_a_split_is_a_product_of_predictions():
    """Dirichlet(strength · weights): each unit is predicted from those before it."""
    shares, seen, log_factor = [0.25, 0.75], [0, 0], 0.0
    for arm in (0, 1, 1, 0, 0):
        chance = (12 * shares[arm] + seen[arm]) / (12 + sum(seen))
        log_factor += math.log(chance / shares[arm])
        seen[arm] += 1
    assert log_bayes_factor(seen, [1, 3], strength=12) == pytest.approx(log_factor)
    assert log_bayes_factor([300, 200]) == log_bayes_factor([300, 200], [2, 2], strength=1e4)


def test_a_split_that_cannot_be_read_is_refused():
    running = running_split([0, 1, 1, 1, 1])
    assert running.tolist() == running_split([0, 1, 1, 1, 1], [5, 5], strength=1e4).tolist()
    for arms in ([0.0, 1.0], [-1, 0], [2, 0], [[0, 1]]):
        with pytest.raises(BadInput, match="arms must be whole numbers from 0 to 1"):
            running_split(arms)
    wrong = {
        "2 arms": ([5], None),
        "a weight each": ([5, 5], [1, 1, 1]),
        "negative": ([5, -1], None),
        "not all zero": ([0, 0], None),
        "positive": ([5, 5], [1, math.inf]),
    }
    for words, given in wrong.items():
        with pytest.raises(BadInput, match=words):
            sample_ratio(*given)
    with pytest.raises(BadInput, match="looks"):
        sample_ratio([5, 5], looks=0)


# Many questions


def test_adjustments_keep_order_and_stay_within_one():
    p = [0.04, 0.001, 1.0, 0.0, 0.6]

    assert adjust(p, method="bonferroni") == pytest.approx([0.2, 0.005, 1.0, 0.0, 1.0])
    assert adjust(p) == pytest.approx([0.12, 0.004, 1.0, 0.0, 1.0])
    assert adjust(p, method="bh") == pytest.approx(stats.false_discovery_control(p))
    assert adjust(p, method="by") == pytest.approx(stats.false_discovery_control(p, method="by"))
    assert len(adjust([])) == 0
    with pytest.raises(UnknownName, match="no method 'sidak'"):
        adjust(p, method="sidak")
    for wrong in ([-0.1], [1.1]):
        with pytest.raises(BadInput, match="from 0 to 1"):
            adjust(wrong)


def lord(age):
    raw = [math.log(max(j, 2)) / (j * math.exp(math.sqrt(math.log(j)))) for j in range(1, 100_001)]
    return raw[age - 1] / sum(raw)


def test_the_levels_of_a_stream_are_those_of_lord():
    """Half of alpha to begin with; the first discovery earns the other half, later ones alpha."""
    state = OnlineFdr(alpha=0.1)
    assert state.level == pytest.approx(0.05 * lord(1))
    for p in (0.9, 0.0, 0.8, 0.0, 0.7):
        state = state.learn(p)

    assert (state.tests, state.discoveries) == (5, (2, 4))
    assert state.level == pytest.approx(0.05 * lord(6) + 0.05 * lord(4) + 0.1 * lord(2))
    at_level = OnlineFdr().learn(OnlineFdr().level)
    assert at_level.discoveries == (1,)
    for alpha in (0.0, 1.0):
        with pytest.raises(BadInput, match="alpha"):
            OnlineFdr(alpha)


def test_a_stream_spends_nothing_beyond_its_horizon():
    assert HORIZON == 100_000
    assert _weight(HORIZON) > 0 == _weight(HORIZON + 1)
    assert _weight(1) == pytest.approx(lord(1))
    assert _weight(2) == pytest.approx(lord(2))


# Shrinkage


def test_the_population_is_that_of_dersimonian_and_laird():
    d, se = np.array([0.4, -0.3, 1.2, 0.1, 2.0]), np.array([0.2, 0.4, 0.3, 0.5, 0.6])
    w = 1 / se**2
    fixed = (w * d).sum() / w.sum()
    q = (w * (d - fixed) ** 2).sum()
    var = (q - 4) / (w.sum() - (w**2).sum() / w.sum())
    w = 1 / (se**2 + var)
    found = population(d, se)

    assert found.sd == pytest.approx(math.sqrt(var))
    assert found.mean == pytest.approx((w * d).sum() / w.sum())
    alike = population([0.1, 0.1, 0.2], [1.0, 1.0, 1.0])
    assert alike.sd == 0.0
    for given in (([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, 2.0], [1.0, 0.0])):
        with pytest.raises(BadInput, match="a population needs 2 effects"):
            population(*given)
    assert population([0.0, 5.0], [1.0, 1.0]).mean == pytest.approx(2.5)


def test_a_shrunk_effect_lies_between_measured_and_usual():
    effect, sd = Population(1.0, 2.0).shrink(4.0, 1.0)

    assert effect == pytest.approx(1.0 + 0.8 * 3.0)
    assert sd == pytest.approx(math.sqrt(0.8))
    assert Population(1.0, 2.0).shrink(4.0, 4.0) == pytest.approx((1.6, math.sqrt(0.2) * 4))


@pytest.mark.parametrize(("seen", "critical"), [(2.2, 1.959964), (3.0, 1.959964), (2.0, 1.0)])
def test_the_corrected_effect_explains_what_passed_the_bar(seen, critical):
    mean = given_significant(seen * 0.5, 0.5, critical=critical) / 0.5
    law = stats.norm(mean, 1.0)
    passed = law.sf(critical) + law.cdf(-critical)
    average = (
        quad(lambda x: x * law.pdf(x), critical, 12)[0]
        + quad(lambda x: x * law.pdf(x), -12, -critical)[0]
    ) / passed
    assert average == pytest.approx(seen, abs=1e-6)
    assert given_significant(1.9599, 1.0) == 1.9599  # below the bar nothing was picked
    assert given_significant(1.96, 1.0) < 0.5


# Looking more than once


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_mixture_sprt_is_its_formula(alpha):
    d, v, tau2 = 0.9, 0.04, 0.5
    ratio_ = math.sqrt(v / (v + tau2)) * math.exp(tau2 * d**2 / (2 * v * (v + tau2)))
    assert msprt_log_ratio(d, v, tau2=tau2) == pytest.approx(math.log(ratio_))
    found = msprt(d, v, tau2=tau2, alpha=alpha)
    assert found.pvalue == pytest.approx(1 / ratio_)
    half = msprt_half_width(v, tau2=tau2, alpha=alpha)
    assert msprt_log_ratio(half, v, tau2=tau2) == pytest.approx(math.log(1 / alpha))
    assert ends(found.interval) == pytest.approx([d - half, d + half])


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_a_sequence_tuned_for_a_count_is_narrowest_there(alpha):
    def half(rho2):
        return float(asymptotic_half_width(2.0, 500, rho2=rho2, alpha=alpha))

    best = best_rho2(500, alpha=alpha)
    assert half(best) <= min(half(best * 0.99), half(best * 1.01))
    inside = (500 * best + 1) / (500**2 * best) * math.log((500 * best + 1) / alpha**2)
    assert half(best) == pytest.approx(2.0 * math.sqrt(inside))
    control, treatment = Sample(1.0, 4.0, 200), Sample(1.5, 1.0, 300)
    found = asymptotic_interval(control, treatment, tuned_for=500, alpha=alpha)
    sd = math.sqrt((4.0 / 200 + 1.0 / 300) * 500)
    wide = float(asymptotic_half_width(sd, 500, rho2=best, alpha=alpha))
    assert ends(found) == pytest.approx([0.5 - wide, 0.5 + wide])


def test_shares_at_the_ends_are_values_like_any():
    low, high = empirical_bernstein([0.0, 1.0, 1.0])
    assert (low < high).all()
    for wrong in ([-0.01], [1.01]):
        with pytest.raises(BadInput, match="from 0 to 1"):
            empirical_bernstein(wrong)


@pytest.mark.parametrize("fractions", [(), (0.0, 1.0), (0.5, 1.1), (0.5, 0.5), (0.7, 0.4)])
def test_looks_rise_within_what_there_is_to_know(fractions):
    with pytest.raises(BadInput, match="looks must rise"):
        Looks(fractions, fractions)


def test_spending_reaches_alpha_at_the_end_and_little_before():
    for alpha in (0.05, 0.2):
        spent = [obrien_fleming_spending(t, alpha=alpha) for t in (0.25, 0.5, 1.0)]
        z = stats.norm.isf(alpha / 4)
        assert spent == pytest.approx([4 * stats.norm.sf(z / math.sqrt(t)) for t in (0.25, 0.5, 1)])
        assert spent[-1] == pytest.approx(alpha)
    looks = lan_demets([0.3, 0.6, 1.0], alpha=0.2)
    spent = [obrien_fleming_spending(t, alpha=0.2) for t in (0.3, 0.6, 1.0)]
    assert np.cumsum(looks.stopping()) == pytest.approx(spent, abs=1e-6)
    even = lan_demets([0.5, 1.0], spending=lambda t, alpha: alpha * t)
    assert even.stopping() == pytest.approx((0.025, 0.025), abs=1e-6)


def test_bounds_have_their_shapes():
    fleming, flat = obrien_fleming(4, alpha=0.1).bounds, pocock(4, alpha=0.1).bounds
    assert [b * math.sqrt(t) for b, t in zip(fleming, (0.25, 0.5, 0.75, 1), strict=True)] == (
        pytest.approx([fleming[-1]] * 4)
    )
    assert flat == pytest.approx([flat[0]] * 4)
    assert pocock(1).bounds == pytest.approx([Z95], abs=1e-6)
    for alpha in (1e-12, 0.5, 0.99):
        assert sum(obrien_fleming(3, alpha=alpha).stopping()) == pytest.approx(alpha, rel=1e-6)
    for alpha in (0.0, 1.0):
        with pytest.raises(BadInput, match="alpha"):
            obrien_fleming(2, alpha=alpha)


@pytest.mark.parametrize("drift", [-1.5, 0.0, 3.0])
def test_stopping_at_two_looks_is_a_bivariate_normal(drift):
    looks = Looks((0.4, 1.0), (2.2, 2.0))
    first, second = looks.stopping(drift)
    means = np.array([math.sqrt(0.4), 1.0]) * drift
    law = stats.multivariate_normal(means, [[1.0, math.sqrt(0.4)], [math.sqrt(0.4), 1.0]])
    box = law.cdf([2.2, 2.0], lower_limit=[-2.2, -2.0], rng=np.random.default_rng(0))

    assert first == pytest.approx(stats.norm.sf(2.2 - means[0]) + stats.norm.cdf(-2.2 - means[0]))
    assert first + second == pytest.approx(1 - box, abs=1e-5)
    assert looks.power(drift) == pytest.approx(first + second)


def test_a_schedule_knows_where_it_stands():
    third = Schedule((1 / 3 + 1e-10,), planned=3)
    assert third.on_plan
    assert not Schedule((0.3334,), planned=3).on_plan
    assert not third.final
    assert Schedule((1 / 3, 2 / 3, 1.0), planned=3).final
    assert third.bounds(0.1) == obrien_fleming(3, alpha=0.1).bounds[:1]
    assert Schedule((0.3, 0.9)).bounds(0.1) == lan_demets((0.3, 0.9), alpha=0.1).bounds
    assert Schedule().pvalue(-Z95) == pytest.approx(0.05)
    with pytest.raises(BadInput, match="planned must be at least 1"):
        Schedule(planned=0)


@pytest.mark.parametrize("schedule", [Schedule((1 / 3, 2 / 3), 3), Schedule((0.2, 0.5, 0.9), 3)])
@pytest.mark.parametrize("z", [0.7, 2.0, -2.6])
def test_a_p_value_is_the_alpha_at_which_this_look_stops(schedule, z):
    assert schedule.bound(schedule.pvalue(z)) == pytest.approx(abs(z), abs=1e-4)
    assert schedule.pvalue(z) == schedule.pvalue(-z)


def test_a_stopped_p_value_adds_up_what_stopped_earlier():
    schedule = Schedule((0.5, 1.0), 2)
    earlier = obrien_fleming(2, alpha=0.1).bounds[0]
    found = schedule.stopped_pvalue(-1.2, alpha=0.1)

    assert found == pytest.approx(sum(Looks((0.5, 1.0), (earlier, 1.2)).stopping()))
    assert schedule.stopped_pvalue(0.0, alpha=0.1) == pytest.approx(1.0)
    assert schedule.pvalue(1e-6) == 1.0
    assert 0.9 < schedule.pvalue(0.01) < 1.0


# Power


@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.01, 0.9)])
def test_units_power_and_detectable_effects_say_the_same(alpha, power):
    count = units_for_means(0.5, sd=2.0, alpha=alpha, power=power)
    assert power_of_means(0.5, count, sd=2.0, alpha=alpha) == pytest.approx(power)
    both = float(stats.norm.isf(alpha / 2) + stats.norm.ppf(power))
    normal = units_for_means(-0.5, sd=2.0, alpha=alpha, power=power, exact=False)
    assert normal == pytest.approx(2 * (both * 2.0 / 0.5) ** 2)
    assert detectable(normal, sd=2.0, alpha=alpha, power=power) == pytest.approx(0.5)
    huge = units_for_means(0.004, alpha=alpha, power=power)
    assert huge == units_for_means(0.004, alpha=alpha, power=power, exact=False)


@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.01, 0.9)])
def test_units_for_shares_reach_their_power(alpha, power):
    size = 2 * math.asin(math.sqrt(0.3)) - 2 * math.asin(math.sqrt(0.2))
    count = units_for_shares(0.2, 0.3, alpha=alpha, power=power)
    z = stats.norm.isf(alpha / 2)
    shift = size * math.sqrt(count / 2)
    assert stats.norm.sf(z - shift) + stats.norm.sf(z + shift) == pytest.approx(power)
    unpooled = units_for_shares(0.3, 0.2, alpha=alpha, power=power, method="unpooled")
    both = float(z + stats.norm.ppf(power))
    assert unpooled == pytest.approx((both / 0.1) ** 2 * (0.2 * 0.8 + 0.3 * 0.7))


def test_the_power_of_a_t_test_agrees_with_simulation():
    rng = np.random.default_rng(11)
    arms = rng.normal(size=(4000, 2, 12)) * 3.0
    arms[:, 1] += 2.0
    found = stats.ttest_ind(arms[:, 0], arms[:, 1], axis=1).pvalue < 0.1
    assert power_of_means(2.0, 12, sd=3.0, alpha=0.1) == pytest.approx(found.mean(), abs=0.03)


def test_power_left_counts_both_tails():
    for z in (1.5, -1.5, 0.0):
        expected, spread = z / math.sqrt(0.36), 0.8
        either = stats.norm.sf((2.0 - expected) / spread)
        either += stats.norm.cdf((-2.0 - expected) / spread)
        assert power_left(z, 0.36, critical=2.0) == pytest.approx(either)
    for fraction in (0.0, 1.0):
        with pytest.raises(BadInput, match="fraction"):
            power_left(1.0, fraction, critical=2.0)


def test_days_are_whole_and_count_every_arm():
    assert days_for(10.2, arms=3, units_a_day=11) == 3
    assert days_for(10.2, arms=3, units_a_day=10) == 4
    for effect, words in ((0.0, "must not be zero"), (math.nan, "effect")):
        with pytest.raises(BadInput, match=words):
            units_for_means(effect)
    for wrong in ({"alpha": 0.0}, {"alpha": 1.0}, {"power": 0.0}, {"power": 1.0}):
        with pytest.raises(BadInput, match="alpha and power"):
            detectable(10, **wrong)


# Ranks and tables


def test_nemenyi_is_the_studentized_range_of_mean_ranks():
    values = np.random.default_rng(12).normal([0.0, 0.4, 0.9, 0.9], size=(30, 4))
    ranks = stats.rankdata(values, axis=1).mean(axis=0)
    found = nemenyi(values)

    assert np.diag(found).tolist() == [1.0] * 4
    gap = abs(ranks[0] - ranks[2]) / math.sqrt(4 * 5 / (6 * 30))
    expected = stats.studentized_range.sf(gap * math.sqrt(2), 4, np.inf)
    assert found[0, 2] == found[2, 0] == pytest.approx(expected)


def test_friedman_of_one_subject_and_of_two_treatments():
    assert friedman([[3.0, 1.0]]).df == 1
    found = friedman([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0]])
    assert (found.n, found.k, found.df) == (2, 3, 2)
    assert found.kendall_w == pytest.approx(0.75)
    assert found.chi2 == pytest.approx(3.0)


def test_effect_sizes_count_what_lies_above_and_below():
    assert rank_biserial([5, 1, 3, 2], [1, 2, 3, 5]) == pytest.approx((3 - 1 - 2) / 6)
    assert cliffs_delta([2, 5], [1, 2, 9]) == pytest.approx((1 - 1 + 2 - 1) / 6)
    for first, second in (([1, 2], [1]), ([[1]], [[1]])):
        with pytest.raises(BadInput, match="two equally long rows"):
            rank_biserial(first, second)
    for first, second in (([], [1]), ([1], [])):
        with pytest.raises(BadInput, match="must have values"):
            cliffs_delta(first, second)


@dataclass(frozen=True)
class Nested(Row):
    name: str
    span: Interval
    missing: float | None = None


def test_rows_spread_their_parts_and_line_up():
    one = Nested("a", Interval(1.0, 2.5))
    assert one.row() == {"name": "a", "span_low": 1.0, "span_high": 2.5, "missing": None}
    assert str(one) == "name a  span_low 1  span_high 2.5  missing -"
    assert table([]) == ""
    lines = table([one, replace(one, name="longer")]).splitlines()
    assert lines == [
        "name    span_low  span_high  missing",
        "a       1         2.5        -",
        "longer  1         2.5        -",
    ]
    assert table([{"x": 1.23456}]) == "x\n1.235"
