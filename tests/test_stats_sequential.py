"""Looking more than once without being fooled."""

import numpy as np
import pytest
from scipy.stats import kstest

from vibrator.errors import BadInput
from vibrator.stats.aggregates import Sample
from vibrator.stats.schedule import Schedule
from vibrator.stats.sequential import (
    Looks,
    always_valid_p,
    asymptotic_half_width,
    asymptotic_interval,
    best_rho2,
    empirical_bernstein,
    lan_demets,
    msprt,
    msprt_half_width,
    msprt_log_ratio,
    obrien_fleming,
    pocock,
)

DIFFERENCE, VARIANCE = 1.41, 0.3673888888888889  # of the reference arms A and B


def test_msprt_reference():
    ratio = np.exp(msprt_log_ratio(DIFFERENCE, VARIANCE))

    assert ratio == pytest.approx(3.74952007, abs=1e-8)
    assert msprt(DIFFERENCE, VARIANCE).pvalue == pytest.approx(0.2667008, abs=1e-7)
    assert msprt_half_width(VARIANCE) == pytest.approx(1.91575517, abs=1e-8)


def test_asymptotic_sequence_reference():
    rho2 = best_rho2(1000)
    halves = asymptotic_half_width(1.0, [100, 1000, 10000], rho2=rho2)

    assert rho2 == pytest.approx(0.0082119681, abs=1e-10)
    assert halves == pytest.approx([0.38232183, 0.095979, 0.03246311], abs=5e-8)


def test_obrien_fleming_and_pocock_reference():
    assert obrien_fleming(5).bounds == pytest.approx((4.562, 3.226, 2.634, 2.281, 2.04), abs=6e-4)
    assert pocock(5).bounds == pytest.approx([2.413] * 5, abs=5e-4)
    assert obrien_fleming(4).bounds[-1] == pytest.approx(2.024, abs=5e-4)


def test_power_of_four_looks_reference():
    drift = 1.959964 + 0.8416212  # a fixed sample finds it with 80 %

    assert obrien_fleming(4).power(drift) == pytest.approx(0.792, abs=2e-3)
    assert pocock(4).power(drift) == pytest.approx(0.722, abs=4e-3)
    assert obrien_fleming(1).power(drift) == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("looks", [1, 2, 7, 15])
def test_planned_looks_spend_exactly_alpha(looks):
    assert sum(obrien_fleming(looks).stopping()) == pytest.approx(0.05, abs=1e-8)
    assert sum(pocock(looks, alpha=0.01).stopping()) == pytest.approx(0.01, abs=1e-8)


def test_unplanned_looks_spend_alpha_too():
    looks = lan_demets([0.05, 0.31, 0.32, 0.9, 1.0])

    assert sum(looks.stopping()) == pytest.approx(0.05, abs=1e-6)
    assert looks.bounds[0] > 6
    # equal looks: Lan and DeMets' bounds lie close to the planned ones
    equal = lan_demets([0.2, 0.4, 0.6, 0.8, 1.0])
    assert equal.bounds[1:] == pytest.approx((3.36, 2.68, 2.29, 2.03), abs=0.01)


def test_p_values_of_stopped_tests_are_uniform_under_the_null():
    """Stage-wise p-values of 4,000 simulated tests, each stopped at its first crossing."""
    rng = np.random.default_rng(4)
    z = np.cumsum(rng.normal(size=(4000, 4)), axis=1) / np.sqrt([1, 2, 3, 4])
    crossed = np.abs(z) > obrien_fleming(4).bounds
    at = np.where(crossed.any(axis=1), crossed.argmax(axis=1), 3)
    steps = (0.25, 0.5, 0.75, 1.0)
    pvalues = [
        Schedule(steps[: look + 1], 4).stopped_pvalue(row[look], alpha=0.05)
        for look, row in zip(at[:400], z[:400], strict=True)
    ]

    assert kstest(pvalues, "uniform").pvalue > 1e-3
    assert np.mean(np.array(pvalues) <= 0.05) == pytest.approx(crossed[:400].any(axis=1).mean())


@pytest.mark.parametrize(
    "looked",
    [(0.25, 0.5, 0.8, 1.0), (0.25, 0.5, 0.75, 0.9, 1.0), (0.25, 0.2501, 1.0), (0.1, 0.35, 1.0),
     (0.5, 1.0), (1.0,)],
)  # fmt: skip
def test_a_plan_that_is_left_on_the_way_still_spends_alpha(looked):
    """Every look by the bound that it had when it was taken, whatever came later."""
    bounds = [Schedule(looked[: n + 1], 4).bound(0.05) for n in range(len(looked))]

    assert sum(Looks(looked, tuple(bounds)).stopping()) == pytest.approx(0.05, abs=1e-8)


def test_looks_ahead_are_those_that_the_plan_still_has():
    assert Schedule((0.25,), 4).ahead(0.05) == obrien_fleming(4)
    left = Schedule((0.25, 0.6), 4).ahead(0.05)
    assert left.fractions == (0.25, 0.6, 0.75, 1.0)
    assert left.bounds[1] == Schedule((0.25, 0.6), 4).bound(0.05)
    assert sum(left.stopping()) == pytest.approx(0.05, abs=1e-8)


def test_a_look_that_may_spend_nothing_stops_nothing():
    looks = lan_demets([0.001, 1.0])

    assert looks.bounds[0] == np.inf
    assert looks.bounds[1] == pytest.approx(1.96, abs=1e-3)


def test_stopping_agrees_with_simulation():
    rng = np.random.default_rng(1)
    steps = rng.normal(2.0 / 4, 0.5, (40_000, 4))
    z = np.cumsum(steps, axis=1) / np.sqrt([0.25, 0.5, 0.75, 1.0])
    looks = pocock(4)

    stopped = (np.abs(z) > looks.bounds).any(axis=1).mean()

    assert looks.power(2.0) == pytest.approx(stopped, abs=0.01)


def test_an_always_valid_p_never_rises():
    p = always_valid_p(np.random.default_rng(2).normal(size=(5, 50)))

    assert (np.diff(p, axis=-1) <= 0).all()
    assert p.max() <= 1


def test_interval_and_p_value_of_the_msprt_agree():
    edge = float(msprt_half_width(VARIANCE))

    assert msprt(edge * 1.001, VARIANCE).pvalue < 0.05 < msprt(edge * 0.999, VARIANCE).pvalue


def test_asymptotic_interval_is_wider_than_a_fixed_one_and_shrinks():
    widths = [
        asymptotic_interval(Sample(0, 1, n), Sample(0, 1, n), tuned_for=2000).width
        for n in (100, 1000, 10_000)
    ]

    assert widths == sorted(widths, reverse=True)
    assert widths[1] > 2 * 1.96 * np.sqrt(2 / 1000)


def test_empirical_bernstein_covers_at_every_length():
    rng = np.random.default_rng(3)
    bounds = [empirical_bernstein(row) for row in rng.beta(2, 5, (400, 300))]
    missed = np.mean([((low > 2 / 7) | (high < 2 / 7)).any() for low, high in bounds])

    assert missed <= 0.05
    low, high = bounds[0]
    assert high[-1] - low[-1] < 0.2


@pytest.mark.parametrize(
    ("count", "ends"), [(50, (0.318606, 0.686627)), (200, (0.425187, 0.568849))]
)
def test_empirical_bernstein_meets_the_published_values(count, ends):
    low, high = empirical_bernstein([(37 * i) % 101 / 101 for i in range(1, count + 1)])

    assert (low[-1], high[-1]) == pytest.approx(ends, abs=5e-7)


def test_empirical_bernstein_is_the_same_from_both_sides():
    x = np.random.default_rng(2).random(300)
    (low, high), (below, above) = empirical_bernstein(x), empirical_bernstein(1 - x)

    np.testing.assert_allclose([low, high], [1 - above, 1 - below], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: empirical_bernstein([0.5, 1.5]), "from 0 to 1"),
        (lambda: lan_demets([0.5, 0.5]), "must rise"),
        (lambda: Looks((0.5, 1.0), (2.0,)), "as many bounds"),
        (lambda: obrien_fleming(0), "at least 1"),
        (lambda: pocock(3, alpha=0.0), "between 0 and 1"),
        (lambda: msprt_log_ratio(1.0, 1.0, tau2=0.0), "positive"),
    ],
)
def test_bad_input_is_refused_with_its_reason(call, reason):
    with pytest.raises(BadInput, match=reason):
        call()
