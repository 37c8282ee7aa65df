"""Intent state: half-life, monotonicity, merge, order, and an event that has not happened yet."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibrator.errors import BadInput, UnknownName
from vibrator.intent.state import DAY, IntentState, leading

CATEGORIES = 4
NOW = 100 * DAY
WHEN = st.floats(0.0, 90 * DAY)
EVENTS = st.lists(
    st.tuples(st.integers(0, CATEGORIES - 1), WHEN, st.floats(0.0, 5.0)), max_size=200
)


def folded(events, **settings):
    state = IntentState(CATEGORIES, **settings)
    for category, t, weight in events:
        state.update(category, t, weight)
    return state


def prefs(state, t=NOW):
    return state.prefs(t)


@given(WHEN, st.floats(0.1, 5.0), st.floats(0.5, 30.0))
def test_one_half_life_halves(t, weight, days):
    state = folded([(1, t, weight)], half_life_fast_days=days, half_life_slow_days=days)

    assert state.fast_prefs(t)[1] == pytest.approx(weight)
    assert state.fast_prefs(t + days * DAY)[1] == pytest.approx(weight / 2)


@given(EVENTS, st.randoms(use_true_random=False))
def test_order_does_not_matter(events, random):
    shuffled = random.sample(events, len(events))

    assert prefs(folded(shuffled)) == pytest.approx(prefs(folded(events)), rel=1e-9, abs=1e-12)


@given(EVENTS, st.integers(0, 200))
def test_halves_merge_into_the_whole(events, cut):
    merged = folded(events[:cut], ttl_days=30).merge(folded(events[cut:], ttl_days=30))
    whole = folded(events, ttl_days=30)

    assert prefs(merged) == pytest.approx(prefs(whole), rel=1e-9, abs=1e-12)
    assert merged.newest(NOW) == whole.newest(NOW)
    assert merged.last_category(NOW) == whole.last_category(NOW)


@given(EVENTS)
def test_many_at_once_are_the_same_as_one_by_one(events):
    state = IntentState(CATEGORIES)
    state.update_many(*(zip(*events, strict=True) if events else ([], [], [])))

    assert prefs(state) == pytest.approx(prefs(folded(events)), rel=1e-9, abs=1e-12)


@given(EVENTS, st.integers(0, CATEGORIES - 1), WHEN, st.floats(0.01, 5.0))
def test_an_event_strengthens_its_own_category_only(events, category, t, weight):
    gain = prefs(folded([*events, (category, t, weight)])) - prefs(folded(events))

    assert (gain[:, category] >= -1e-9).all()
    assert np.delete(gain, category, axis=1) == pytest.approx(0, abs=1e-9)


@given(EVENTS, st.floats(1.0, DAY))
def test_an_event_after_t_weighs_nothing_at_t(events, ahead):
    state = folded(events)
    before = prefs(state)
    state.update(0, NOW + ahead, 5.0)

    assert prefs(state) == pytest.approx(before, rel=1e-9, abs=1e-12)
    assert state.newest(NOW) == folded(events).newest(NOW)


def test_confidence_is_the_largest_share():
    bruno = IntentState(["recipes", "trails"])
    bruno.update("recipes", 0.0, 3.0)
    bruno.update("trails", 0.0, 1.0)

    assert bruno.combined_confidence(0.0) == ("recipes", 0.75)
    assert bruno.top_k_categories(DAY, 1)[0][0] == "recipes"


def test_nothing_is_known_of_a_stranger():
    stranger = IntentState(3)

    assert stranger.combined_confidence(NOW) == (None, 0.0)
    assert stranger.top_k_categories(NOW) == []
    assert stranger.last_category(NOW) is None
    assert stranger.newest(NOW) is None


def test_a_category_dies_at_its_ttl_and_not_before():
    state = folded([(0, 0.0, 1.0), (1, 2 * DAY, 1.0)], ttl_days=3)

    assert state.slow_prefs(3 * DAY)[0] > 0
    assert state.slow_prefs(3 * DAY + 1)[0] == 0
    assert state.slow_prefs(3 * DAY + 1)[1] > 0


def test_datetimes_and_seconds_are_the_same_moments():
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    state = IntentState(1)
    state.update(0, noon)

    assert state.fast_prefs(noon + timedelta(days=1))[0] == pytest.approx(0.5)
    with pytest.raises(BadInput, match="timezone"):
        state.update(0, datetime(2026, 3, 1))  # noqa: DTZ001 - that is what is refused


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_weights_that_mean_nothing_are_refused(weight):
    with pytest.raises(BadInput, match="weight"):
        IntentState(2).update(0, 0.0, weight)
    with pytest.raises(BadInput, match="weights"):
        IntentState(2).update_many([0], [0.0], [weight])


def test_unknown_categories_and_settings_are_refused():
    with pytest.raises(UnknownName, match="depth"):
        IntentState(["depth"]).update("brevity", 0.0)
    with pytest.raises(UnknownName, match="0 to 1"):
        IntentState(2).update_many([-1], [0.0], [1.0])
    with pytest.raises(BadInput, match="half_life_fast_days"):
        IntentState(2, half_life_fast_days=9, half_life_slow_days=7)
    with pytest.raises(BadInput, match="categories"):
        IntentState(2).merge(IntentState(3))


def test_the_leader_of_equals_is_the_first():
    places, shares = leading(np.array([[1.0, 1.0]]))

    assert (places[0], shares[0]) == (0, 0.5)
