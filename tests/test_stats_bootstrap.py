"""The bootstrap: coverage, pairing, clusters, and a p that is never nought."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibrator.errors import BadInput
from vibrator.stats.bootstrap import (
    cluster_means,
    paired_gaps,
    percentile_interval,
    resampled_means,
    two_sided_p,
)


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        people = rng.normal(1.0, 2.0, size=(60, 1))
        ends = percentile_interval(resampled_means(people, resamples=200, rng=rng)[:, 0])
        held += ends.low <= 1.0 <= ends.high

    assert 0.89 <= held / 400 <= 0.98  # 0.95 less small-sample shortfall, four standard errors


def test_columns_share_their_draws():
    people = np.random.default_rng(1).normal(size=(50, 1))
    means = resampled_means(
        np.hstack([people, people + 3]), resamples=20, rng=np.random.default_rng(2)
    )

    assert means[:, 1] - means[:, 0] == pytest.approx(np.full(20, 3.0))


def test_copied_rows_of_a_user_do_not_narrow_a_clustered_interval():
    people = np.random.default_rng(3).normal(size=(80, 1))
    copied = np.repeat(people, 25, axis=0)
    users = np.repeat(np.arange(80), 25)

    clustered = cluster_means(copied, users, resamples=400, rng=np.random.default_rng(4))
    alone = resampled_means(people, resamples=400, rng=np.random.default_rng(4))

    assert clustered == pytest.approx(alone)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40))
def test_p_lies_between_its_floor_and_one_and_has_no_side(gaps):
    p = two_sided_p(gaps)

    assert 1 / (len(gaps) + 1) <= p <= 1
    assert two_sided_p([-gap for gap in gaps]) == p


def test_the_floor_is_lifted_only_on_demand():
    assert two_sided_p([1.0] * 9) == pytest.approx(0.1)
    assert two_sided_p([1.0] * 9, floored=False) == 0.0


def test_rounding_is_no_difference():
    assert two_sided_p(paired_gaps([0.1 + 0.2] * 9, [0.3] * 9)) == 1.0


def test_bad_tables_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="finite"):
        resampled_means([[np.nan]], resamples=5, rng=rng)
    with pytest.raises(BadInput, match="resamples must be"):
        resampled_means([[1.0]], resamples=0, rng=rng)
    with pytest.raises(BadInput, match="clusters must"):
        cluster_means([[1.0]], [1, 2], resamples=5, rng=rng)


@pytest.mark.parametrize("resamples", [[], [math.nan, 1.0]])
def test_resamples_that_say_nothing_are_refused(resamples):
    with pytest.raises(BadInput, match="resamples"):
        two_sided_p(resamples)
    with pytest.raises(BadInput, match="resamples"):
        percentile_interval(resamples)
