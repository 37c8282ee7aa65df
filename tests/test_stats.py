"""The reference values (shared/reference/experiments.md), and what must hold beside them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from vibrator.errors import BadInput, UnknownName
from vibrator.stats.adjusted import cuped, lin
from vibrator.stats.aggregates import Aggregates, Sample, aggregate
from vibrator.stats.bayes import beta_belief, normal_belief
from vibrator.stats.intervals import newcombe, quantile_sample, wilson
from vibrator.stats.multiplicity import OnlineFdr, adjust
from vibrator.stats.power import (
    days_for,
    detectable,
    power_left,
    power_of_means,
    units_for_means,
    units_for_shares,
)
from vibrator.stats.ratios import log_bayes_factor, running_split, sample_ratio
from vibrator.stats.rows import table
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

A = [12.1, 9.8, 11.4, 10.2, 13.5, 8.9, 10.7, 11.9, 9.5, 10.1]
B = [13.0, 11.2, 12.8, 10.9, 14.6, 10.1, 12.4, 12.2, 11.7, 13.3]
XA = [11.0, 9.1, 10.9, 10.0, 12.8, 9.3, 10.2, 11.1, 9.9, 9.7]
XB = [11.2, 9.9, 11.8, 9.6, 13.1, 9.4, 11.0, 10.8, 10.5, 11.6]
SHARES = (120, 2400), (156, 2400)
FLAT = Aggregates.of({"y": A, "x": [1.0] * 10})
P = [0.001, 0.008, 0.012, 0.03, 0.04, 0.2]


def near(value, digits=8):
    return pytest.approx(value, abs=0.51 * 10**-digits)


def ends(interval):
    return interval.low, interval.high


def test_welch():
    effect = welch(Sample.of(A), Sample.of(B))

    assert effect.difference == near(1.41)
    assert (effect.statistic, effect.df) == (near(2.326248, 6), near(17.909305, 6))
    assert effect.pvalue == near(0.03194889)
    assert ends(effect.interval) == (near(0.136114, 6), near(2.683886, 6))
    assert ends(effect.relative) == (near(0.01092715), near(0.26407012))
    assert ends(effect.at(0.95)) == pytest.approx(ends(effect.interval))


def test_paired():
    effect = paired(A, B)

    assert (effect.statistic, effect.df) == (near(5.438743, 6), 9)
    assert effect.pvalue == near(0.000411655, 9)
    assert ends(effect.interval) == (near(0.823533, 6), near(1.996467, 6))


@pytest.mark.parametrize(
    ("pooled", "z", "p"), [(True, 2.232067, 0.02561052), (False, 2.233227, 0.02553401)]
)
def test_two_proportions(pooled, z, p):
    effect = proportions(*SHARES, pooled=pooled)

    assert (effect.statistic, effect.pvalue) == (near(z, 6), near(p))
    assert ends(effect.interval) == (near(0.00181412), near(0.02827373))


def test_shares_exactly():
    assert ends(newcombe(*SHARES)) == (near(0.00181412), near(0.02827373))
    assert ends(wilson(120, 2400)) == (near(0.04197701), near(0.05946123))
    assert fisher(*SHARES).pvalue == near(0.02983793)
    assert mcnemar(18, 6).pvalue == near(0.02265584)


def test_bayesian_answers():
    belief = beta_belief(*SHARES)
    assert belief.better == near(0.98714703)
    assert (belief.loss_treatment, belief.loss_control) == (
        near(3.02032e-5, 10),
        near(0.0150177136, 10),
    )

    effect = welch(Sample.of(A), Sample.of(B))
    belief = normal_belief(effect.difference, effect.se)
    assert (belief.mean, belief.sd) == (near(1.03116239), near(0.5183427, 7))
    assert belief.better == near(0.97666843)


def test_cuped_and_lin():
    control, treatment = (Aggregates.of({"y": y, "x": x}) for y, x in ((A, XA), (B, XB)))
    adjusted = cuped(control, treatment, metric="y", covariate="x")

    assert (adjusted.theta, adjusted.effect.difference) == (near(1.2674036, 7), near(0.78897224))
    assert (adjusted.effect.statistic, adjusted.effect.pvalue) == (
        near(4.6898, 4),
        near(0.000223, 6),
    )
    assert adjusted.variance_reduction == near(0.868399, 6)
    effect = lin((A, XA), (B, XB))
    assert (effect.difference, effect.se) == (near(0.8312788, 7), near(0.20454997))


def test_sample_ratio():
    check = sample_ratio([5021, 4712])

    assert (check.statistic, check.pvalue) == (near(9.81002774), near(0.00173563))
    assert check.severity == "warning"
    assert np.exp(log_bayes_factor([5021, 4712])) == near(8.001896, 6)
    assert check.sequential_pvalue == near(0.12497, 5)
    assert sample_ratio([4900, 2550, 2550], [0.5, 0.25, 0.25]).pvalue == near(0.13533528)
    assert sample_ratio([5300, 4700]).severity == "alarm"


def test_the_split_unit_by_unit_ends_where_the_whole_does():
    arms = np.random.default_rng(8).choice(3, size=900, p=[0.7, 0.15, 0.15])
    running = running_split(arms, [0.5, 0.25, 0.25], strength=100)
    seen = np.cumsum(arms[:, None] == np.arange(3), axis=0)
    factors = [log_bayes_factor(s, [0.5, 0.25, 0.25], strength=100) for s in seen]

    expected = np.exp(-np.maximum(np.maximum.accumulate(factors), 0.0))
    assert running == pytest.approx(expected, rel=1e-6)
    assert running[-1] < 1e-3
    with pytest.raises(BadInput, match="from 0 to 2"):
        running_split([3], [1, 1, 1])


def test_a_split_may_be_watched_at_every_unit():
    """At level 5 % one fair split in twenty is ever called unfair; with χ² far more of them."""
    rng = np.random.default_rng(9)
    watched = [running_split(rng.integers(2, size=500), strength=50) for _ in range(400)]
    assert np.mean([p[-1] <= 0.05 for p in watched]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)

    ones = np.cumsum(rng.integers(2, size=(400, 500)), axis=1)
    n = np.arange(1, 501)
    naive = (np.abs(2 * ones - n) / np.sqrt(n))[:, 19:] > 1.96
    assert naive.any(axis=1).mean() > 0.2


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("holm", [0.006, 0.04, 0.048, 0.09, 0.09, 0.2]),
        ("bh", [0.006, 0.024, 0.024, 0.045, 0.048, 0.2]),
        ("by", [0.0147, 0.0588, 0.0588, 0.11025, 0.1176, 0.49]),
        ("hommel", [0.006, 0.032, 0.048, 0.06, 0.08, 0.2]),
    ],
)
def test_adjusted_p_values(method, expected):
    assert adjust(P, method=method) == pytest.approx(expected, abs=1e-12)
    assert adjust(P[::-1], method=method) == pytest.approx(expected[::-1], abs=1e-12)


def test_units_and_detectable_effects():
    assert units_for_means(0.2) == pytest.approx(393.405693, abs=3e-6)  # quadrature: 393.405695
    assert units_for_means(0.2, exact=False) == near(392.443987, 6)
    assert units_for_shares(0.05, 0.06) == near(8142.5954, 4)
    assert units_for_shares(0.05, 0.06, method="unpooled") == near(8154.986, 3)
    assert detectable(1000) == near(0.1252907, 7)
    assert days_for(units_for_means(0.2), units_a_day=100) == 8


def test_units_reach_their_power():
    assert power_of_means(0.2, units_for_means(0.2)) == pytest.approx(0.8)
    assert units_for_means(9.0) == 2.0  # two units an arm are the fewest there can be


def test_rank_test():
    test = mann_whitney(A, B)

    assert (test.statistic, test.pvalue) == (77.5, near(0.04325705))


def test_superiority_is_symmetric_and_agrees_with_the_rank_test():
    there, back = superiority(A, B), superiority(B, A)

    assert there.difference == pytest.approx(77.5 / 100 - 0.5)
    assert there.difference == pytest.approx(-back.difference)
    assert there.pvalue == near(0.04325705)
    assert there.interval.low < there.difference < there.interval.high


def test_power_left_follows_the_trend():
    assert power_left(0.0, 0.5, critical=1.96) < 0.02
    assert power_left(2.0, 0.5, critical=1.96) == pytest.approx(
        norm.sf((1.96 - 2.0 / np.sqrt(0.5)) / np.sqrt(0.5)), abs=1e-6
    )
    with pytest.raises(BadInput, match="between 0 and 1"):
        power_left(1.0, 1.0, critical=1.96)


def test_aggregates_add_up():
    rng = np.random.default_rng(1)
    y, x = 1e6 + rng.normal(size=(2, 500))
    whole = Aggregates.of({"y": y, "x": x})
    parts = Aggregates.of({"y": y[:7], "x": x[:7]}) + Aggregates.of({"y": y[7:], "x": x[7:]})

    assert parts.count == whole.count
    assert parts.mean("y") == pytest.approx(whole.mean("y"), rel=1e-12)
    assert parts.cov("y", "x") == pytest.approx(np.cov(y, x)[0, 1], rel=1e-6)


def test_groups_of_a_frame():
    frame = pd.DataFrame({"arm": list("baab"), "y": [1.0, 2.0, 4.0, 5.0]})

    groups = aggregate(frame, by="arm", columns=["y"])

    assert {arm: group.mean("y") for arm, group in groups.items()} == {"a": 3.0, "b": 3.0}
    with pytest.raises(UnknownName, match="no column 'z'"):
        aggregate(frame, by="arm", columns=["z"])


def test_clusters_are_a_ratio():
    """Delta-method errors of clustered units agree with a bootstrap over clusters."""
    rng = np.random.default_rng(2)
    size = rng.integers(1, 9, 400)
    total = rng.normal(2 + rng.normal(size=400), 1.0) * size
    arm = Aggregates.of({"sum": total, "size": size})
    draws = rng.integers(0, 400, (2000, 400))
    spread = (total[draws].sum(axis=1) / size[draws].sum(axis=1)).std()

    effect = ratio(arm, arm, numerator="sum", denominator="size")

    assert effect.difference == 0.0
    assert effect.se == pytest.approx(np.sqrt(2) * spread, rel=0.1)


def test_quantile_errors_cover():
    rng = np.random.default_rng(3)
    medians = [quantile_sample(row, 0.5) for row in rng.exponential(size=(1000, 200))]
    inside = [abs(m.mean - np.log(2)) < 1.96 * np.sqrt(m.se2) for m in medians]

    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)
    assert z_test(medians[0], medians[1]).method == "z"
    with pytest.raises(BadInput, match="needs more than 4 values"):
        quantile_sample([1, 2, 3, 4], 0.9)


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_holds_the_share(hits, more):
    interval = wilson(hits, hits + more)

    assert 0 <= interval.low <= hits / (hits + more) <= interval.high <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_hommel_lies_between_raw_and_holm(pvalues):
    holm, hommel = adjust(pvalues), adjust(pvalues, method="hommel")

    assert (hommel >= np.array(pvalues) - 1e-12).all()
    assert (hommel <= holm + 1e-12).all()


def test_online_fdr_stays_below_its_level():
    rng = np.random.default_rng(4)
    false_shares, power = [], []
    for _ in range(300):
        null = rng.random(60) < 0.7
        state = OnlineFdr(0.05)
        for p in np.where(null, rng.random(60), rng.random(60) * 1e-4):
            state = state.learn(float(p))
        found = [when - 1 for when in state.discoveries]
        false_shares.append(null[found].mean() if found else 0.0)
        power.append((~null[found]).sum() / (~null).sum())

    assert np.mean(false_shares) <= 0.05 + 3 * np.std(false_shares) / np.sqrt(300)
    assert np.mean(power) > 0.8


def test_winners_are_shrunk():
    rng = np.random.default_rng(5)
    truth = rng.normal(0.0, 1.0, 4000)
    seen = truth + rng.normal(0.0, 1.0, 4000)
    law = population(seen, np.ones(4000))

    assert law.sd == pytest.approx(1.0, abs=0.1)
    picked = seen > 2
    expected = np.mean([law.shrink(float(d), 1.0)[0] for d in seen[picked]])
    assert expected == pytest.approx(truth[picked].mean(), abs=0.15)
    assert Population(0.0, 0.0).shrink(5.0, 1.0) == (0.0, 0.0)


def test_a_barely_significant_effect_is_shrunk_hardest():
    assert given_significant(2.0, 1.0) < 0.7
    assert given_significant(-2.0, 1.0) == -given_significant(2.0, 1.0)
    assert given_significant(1.0, 1.0) == 1.0


def test_far_apart_shares_leave_no_doubt():
    belief = beta_belief((10, 1_000_000), (900_000, 1_000_000))

    assert belief.better == pytest.approx(1.0)
    assert belief.loss_control == pytest.approx(0.9, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: Sample.of([1.0]), "at least 2 units"),
        (lambda: Sample.of([1.0, float("nan")]), "got nan in row 1"),
        (lambda: Sample.of(["a", "b"]), "must be numbers"),
        (lambda: welch(Sample(1, 0, 5), Sample(2, 0, 5)), "values that vary"),
        (lambda: paired([1, 2, 3], [1, 2]), "both halves"),
        (lambda: proportions((5, 4), (1, 4)), "5 of 4"),
        (lambda: wilson(1, 2, level=1.0), "level must lie between"),
        (lambda: mcnemar(0, 0), "pairs that disagree"),
        (lambda: adjust([1.5]), "from 0 to 1"),
        (lambda: sample_ratio([1, 2], [1, 0]), "weights must be positive"),
        (lambda: units_for_means(0.0), "must not be zero"),
        (lambda: units_for_shares(0.1, 0.2, method="x"), "arcsine"),
        (lambda: cuped(FLAT, FLAT, metric="y", covariate="x"), "must vary"),
        (lambda: lin((A, [1.0] * 10), (B, XB)), "must vary"),
        (lambda: Aggregates.of({"y": A}) + Aggregates.of({"x": A}), "columns differ"),
        (lambda: Aggregates.of({"y": A, "x": B[:3]}), "differ in length"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_its_reason(call, reason):
    with pytest.raises(BadInput, match=reason):
        call()


def test_results_print_as_a_table():
    text = table([welch(Sample.of(A), Sample.of(B)), welch(Sample.of(B), Sample.of(A))])

    header, first, second = text.splitlines()
    assert header.split()[:4] == ["method", "control", "treatment", "difference"]
    assert first.split()[3] == "1.41"
    assert second.split()[3] == "-1.41"
