"""Synthetic people: decided by the seed, of any length, and their planted truth is found again."""

from collections import Counter
from datetime import datetime, timedelta, timezone
from itertools import islice

import numpy as np
import pytest

from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.pipeline import SliderScorer
from vibrator.profile import Profile
from vibrator.synthetic import (
    TOPICS,
    SyntheticWorld,
    synthetic_actions,
    synthetic_item_corpus,
    synthetic_slider_texts,
)

ABOUT = {topic.text(n / 40): name for name, topic in TOPICS.items() for n in range(40)}
WORLD = SyntheticWorld(seed=5, people=40)


def shares_of(actions):
    """User to the shares of sliders among what they did."""
    counts = {}
    for action in actions:
        counts.setdefault(action.user_id, Counter())[ABOUT[action.content]] += 1
    return {user: {n: c[n] / c.total() for n in WORLD.names} for user, c in counts.items()}


def test_the_seed_decides_everything():
    assert list(synthetic_actions(50, seed=3)) == list(synthetic_actions(50, seed=3))
    assert list(synthetic_actions(50, seed=3)) != list(synthetic_actions(50, seed=4))
    assert list(WORLD.persons()) == list(SyntheticWorld(seed=5, people=40).persons())


def test_a_longer_stream_begins_like_a_shorter_one():
    longer = list(islice(WORLD.actions(5_000), 1_500))
    assert longer == list(WORLD.actions(1_500))
    assert list(synthetic_item_corpus(3, 1)) == list(islice(synthetic_item_corpus(None, 1), 3))


def test_time_only_moves_on_at_the_rate_that_was_asked_for():
    times = [action.timestamp for action in WORLD.actions(4_000)]
    assert times == sorted(times)
    days = (times[-1] - times[0]) / timedelta(days=1)
    assert 4_000 / days == pytest.approx(80, rel=4 / np.sqrt(4_000))


@pytest.mark.parametrize("people", [1, 3, 40])
def test_everybodys_peak_hour_is_found_again(people):
    world = SyntheticWorld(seed=5, people=people)
    hours = {}
    for action in world.actions(200 * people):
        at = action.timestamp
        hours.setdefault(action.user_id, []).append(at.hour + at.minute / 60)
    for person in world.persons():
        turn = np.exp(2j * np.pi * np.array(hours[person.user_id]) / 24).mean()
        found = np.angle(turn) * 24 / (2 * np.pi)
        apart = (found - person.peak_hour + 12) % 24 - 12
        assert abs(apart) < 4 * 4.5 / np.sqrt(len(hours[person.user_id]))


def test_what_people_do_shows_what_they_prefer():
    found = shares_of(WORLD.actions(20_000))
    errors = [
        found[person.user_id][name] - (0.9 * share + 0.1 / 5)
        for person in WORLD.persons()
        for name, share in person.at_first.items()
    ]
    assert np.sqrt(np.mean(np.square(errors))) < 2 * np.sqrt(0.2 * 0.8 / 400)


def test_preferences_drift():
    world = SyntheticWorld(seed=5, people=40, drift=1.0, drift_over=timedelta(days=50))
    actions = list(world.actions(20_000))
    late = shares_of(actions[-8_000:])
    people = list(world.persons())
    to_last, to_first = (
        np.mean(
            [abs(late[p.user_id][n] - getattr(p, when)[n]) for p in people for n in world.names]
        )
        for when in ("at_last", "at_first")
    )
    assert to_last < 0.5 * to_first


def test_outcomes_follow_the_known_model():
    shown = list(WORLD.shown(10_000))
    probabilities = np.array([one.probability for one in shown])
    positive = np.array([one.positive for one in shown])
    spread = np.sqrt((probabilities * (1 - probabilities)).sum())
    assert abs(positive.sum() - probabilities.sum()) < 4 * spread
    likely = probabilities > np.median(probabilities)
    assert positive[likely].mean() > positive[~likely].mean()


def test_the_model_of_outcomes_is_found_again():
    world = SyntheticWorld(seed=9, people=200, bias=-1.0, gain=3.0)
    shown = list(world.shown(20_000))
    shares = {person.user_id: person.at_first for person in world.persons()}
    x = np.array([[1.0, shares[one.user_id][one.item.attributes["slider"]]] for one in shown])
    y = np.array([one.positive for one in shown], dtype=float)
    fitted = np.zeros(2)
    for _ in range(20):  # logistic regression by Newton's steps
        p = 1 / (1 + np.exp(-x @ fitted))
        information = x.T @ (x * (p * (1 - p))[:, None])
        fitted += np.linalg.solve(information, x.T @ (y - p))
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    assert (np.abs(fitted - [world.bias, world.gain]) < 4 * errors).all()


def test_the_scorer_finds_the_planted_preference_again():
    world = SyntheticWorld(seed=11, people=20, concentration=0.1)
    encoder = InstructionalEncoder("embedded")
    *_, last = actions = list(world.actions(2_000))
    scorer = SliderScorer(encoder, synthetic_slider_texts(), clock=lambda: last.timestamp)
    hits = []
    for person in world.persons():
        mine = [action for action in actions if action.user_id == person.user_id]
        scores = scorer.score(Profile.from_actions(mine, encoder), "anything at all")
        liked = max(scores.values(), key=lambda output: output.features["user_to_slider"]).name
        hits.append(liked == max(person.at_first, key=person.at_first.get))
    assert np.mean(hits) >= 0.7  # one in five by chance


def test_items_tell_what_they_are_about():
    items = list(synthetic_item_corpus(500, seed=2, sliders=8))
    assert all(ABOUT[item.text] == item.attributes["slider"] for item in items)
    assert {item.attributes["slider"] for item in items} == set(TOPICS)
    assert len({item.item_id for item in items}) == 500


@pytest.mark.parametrize(
    "given",
    [
        {"people": 0},
        {"sliders": 9},
        {"concentration": 0},
        {"drift": 2},
        {"start": datetime(2026, 1, 1)},  # noqa: DTZ001 - naive on purpose
        {"seed": -1},
        {"seed": 1.5},
        {"people": "5"},
        {"people": True},
        {"sliders": 2.5},
        {"drift_over": timedelta(0)},
        {"drift_over": 30},
        {"actions_per_day": 1e9},
        {"noise": float("nan")},
    ],
)
def test_worlds_that_cannot_be_are_refused(given):
    with pytest.raises(BadInput):
        SyntheticWorld(**given)


@pytest.mark.parametrize("count", [-1, 2.5, "5", True])
def test_counts_are_whole(count):
    for stream in (synthetic_actions, WORLD.shown, synthetic_item_corpus):
        with pytest.raises(BadInput, match="count must"):
            stream(count)


def test_what_cannot_be_is_refused_before_the_first_is_asked_for():
    wrong = (
        lambda: synthetic_item_corpus(None, -1),
        lambda: synthetic_item_corpus(1, sliders=9),
        lambda: synthetic_slider_texts(2.5),
        lambda: synthetic_actions(1, 4, world=WORLD),
        lambda: synthetic_actions(1, world="me"),
        lambda: WORLD.preferences(datetime(2026, 1, 1)),  # noqa: DTZ001 - naive on purpose
        lambda: WORLD.probability("all"),
    )
    for ask in wrong:
        with pytest.raises(BadInput):
            ask()


def test_a_stream_ends_where_years_do():
    with pytest.raises(BadInput, match="would end after the year 9999"):
        list(SyntheticWorld(people=1, actions_per_day=1e-6).actions(5))


def test_a_start_elsewhere_is_the_same_moment():
    there = datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=5)))
    assert list(SyntheticWorld(start=there).actions(5)) == list(SyntheticWorld().actions(5))
