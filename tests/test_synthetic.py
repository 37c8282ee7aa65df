"""Synthetic people: decided by the seed, of any length, and their planted truth is found again."""

from collections import Counter
from datetime import datetime, timedelta
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


def test_people_act_in_their_own_hours():
    peaks = {person.user_id: person.peak_hour for person in WORLD.persons()}
    apart = [
        abs((action.timestamp.hour + 0.5 - peaks[action.user_id] + 12) % 24 - 12)
        for action in WORLD.actions(4_000)
    ]
    assert np.mean(apart) < 5  # by chance it would be six hours


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
    ],
)
def test_worlds_that_cannot_be_are_refused(given):
    with pytest.raises(BadInput):
        SyntheticWorld(**given)


def test_counts_are_whole():
    with pytest.raises(BadInput):
        synthetic_actions(-1)
