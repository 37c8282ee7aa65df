"""Ranks: Friedman against scipy and the outside tables, Nemenyi, effect sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import friedmanchisquare

from vibrator.errors import BadInput
from vibrator.stats.ranks import cliffs_delta, friedman, nemenyi, rank_biserial


def test_friedman_agrees_with_scipy_under_ties():
    values = np.random.default_rng(0).integers(0, 4, size=(60, 5)).astype(float)

    ours, theirs = friedman(values), friedmanchisquare(*values.T)

    assert (ours.chi2, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert ours.kendall_w == pytest.approx(ours.chi2 / (60 * 4))


@given(arrays(float, st.tuples(st.integers(1, 12), st.integers(2, 5)), elements=st.integers(0, 3)))
def test_order_of_subjects_and_treatments_does_not_matter(values):
    flipped = friedman(values[::-1, ::-1])

    assert flipped.chi2 == pytest.approx(friedman(values).chi2)
    assert 0 <= flipped.kendall_w <= 1 + 1e-9


def test_nemenyi_names_the_one_that_differs():
    rng = np.random.default_rng(1)
    values = rng.normal([0.0, 0.0, 1.5], size=(200, 3))

    p = nemenyi(values)

    assert p[0, 1] > 0.05
    assert max(p[0, 2], p[1, 2]) < 1e-6
    assert (p == p.T).all()


def test_effect_sizes_reach_their_ends():
    assert rank_biserial([5, 6, 7], [1, 2, 3]) == 1.0
    assert rank_biserial([1, 2], [1, 2]) == 0.0
    assert cliffs_delta([0, 0], [1, 1]) == -1.0


@pytest.mark.parametrize("values", [[[1.0]], [], [[np.nan, 1.0]], [1.0, 2.0]])
def test_tables_that_cannot_be_ranked_are_refused(values):
    with pytest.raises(BadInput, match="values must"):
        friedman(values)
