"""Features of many moments at once are those of one moment at a time."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.pipeline import SliderScorer
from vibrator.pipeline.co_engagement import agreement
from vibrator.pipeline.examples import Example
from vibrator.pipeline.features import AT, MEANINGS, NAMES, Offer, Seen, table
from vibrator.pipeline.gathering import gather
from vibrator.pipeline.glance import glance
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.trail import Trail
from vibrator.profile import FAST, SLOW, Profile, read_actions

START = datetime(2026, 3, 1, tzinfo=UTC)
SLIDERS = {"docs": "detailed technical documentation", "food": "quick weeknight recipes"}
WORDS = [f"{kind} number {n}" for kind in ("kernel manual", "noodle recipe") for n in range(8)]
WEIGHTS = (1.0, 0.5, -1.0)


@pytest.fixture(scope="module")
def scorer():
    return SliderScorer(InstructionalEncoder("embedded"), SLIDERS)


def log_of(user, count, rng):
    """Actions in bursts, so that some moments are shared and some lie weeks apart."""
    steps = rng.choice([0.0, 30.0, 3600.0, 40 * 86_400.0], size=count, p=[0.2, 0.5, 0.2, 0.1])
    return [
        UserAction(
            "click", str(rng.choice(WORDS)), float(rng.choice(WEIGHTS)),
            START + timedelta(seconds=float(at)), user,
        )
        for at in np.cumsum(steps)
    ]  # fmt: skip


def examples_on(actions, person_before, slider=None):
    return [
        Example(
            person=person_before(action.timestamp),
            content=action.content,
            outcome=action.weight > 0,
            at=action.timestamp,
            user_id=action.user_id,
            slider=slider,
        )
        for action in actions
    ]


@pytest.mark.parametrize("slider", [None, "food"])
def test_a_trail_says_what_profiles_say_moment_by_moment(scorer, slider):
    actions = log_of("ada", 700, np.random.default_rng(0))
    history = ItemHistory.of_actions(actions)
    trail = Trail(actions, scorer.encoder)

    def profile(moment):
        earlier = [a for a in actions if a.timestamp < moment]
        return Profile.from_actions(earlier, scorer.encoder) if earlier else None

    some = actions[::9]
    at_once = gather(scorer, examples_on(some, trail.before, slider), history)
    singly = gather(scorer, examples_on(some, profile, slider), history)
    assert np.allclose(at_once.table.features, singly.table.features, atol=2e-5)


def test_serving_computes_the_features_that_training_saw(scorer):
    rng = np.random.default_rng(1)
    people = {name: log_of(name, 60, rng) for name in ("ada", "bruno", "chioma")}
    actions = [action for theirs in people.values() for action in theirs]
    history = ItemHistory.of_actions(actions)
    examples = [
        example
        for theirs in people.values()
        for example in examples_on(theirs, Trail(theirs, scorer.encoder).before)
    ]
    fitted = scorer.fit(examples, time_split=1.0, history=history).scorer

    last = max(actions, key=lambda action: action.timestamp)
    moment = last.timestamp + timedelta(minutes=5)
    asked = Example(
        person=Trail(people["ada"], scorer.encoder).before(moment), content=WORDS[3], outcome=True,
        at=moment, user_id="ada",
    )  # fmt: skip
    trained = gather(scorer, [asked], history, fitted.learned.agreement).table.features[0]
    served = fitted.score(
        Profile.from_actions(people["ada"], scorer.encoder), WORDS[3], now=moment
    )["docs"].features
    own = {"position", "user_to_slider", "item_to_slider"}  # held, or told by slider
    shared = [name for name in NAMES if name not in own]
    for name in shared:
        assert served[name] == pytest.approx(trained[AT[name]], abs=2e-5), name


def reading_of(actions, encoder, moment):
    return read_actions(actions, np.asarray(encoder.encode_actions(actions)), moment)


@pytest.mark.parametrize("seed", range(8))
def test_a_glance_at_one_content_sees_what_the_table_of_many_does(scorer, seed):
    rng = np.random.default_rng(seed)
    logs = [log_of(user, 40, rng) for user in ("ada", "bruno")]
    history = ItemHistory.of_actions([action for log in logs for action in log])
    known = agreement(history, np.inf)
    mine = [*logs[0][: int(rng.integers(1, 40))], UserAction("read", WORDS[1], 0.0)][seed % 2 :]
    moment = START + timedelta(days=float(rng.integers(900)))
    words = [*WORDS, "a thing that nobody has touched"]
    contents = scorer._contents_of(words)
    offer = Offer.of(scorer, contents.vectors, history.places(words))

    for reading in (None, reading_of(mine, scorer.encoder, moment + timedelta(days=900))):
        now = (moment + timedelta(days=900)).timestamp()
        many = table(Seen.of_reading(scorer, reading, offer, now, history), history, known)
        for row in range(len(words)):
            one = slice(row, row + 1)
            _, found = glance(scorer, reading, offer.pick(one), now, history, known)
            assert np.allclose(found, many[one], rtol=1e-9, atol=1e-12)


def test_features_are_what_their_meanings_say(scorer):
    """Worked out one by one from the actions themselves."""
    words = [WORDS[0], WORDS[9], WORDS[10], WORDS[2], WORDS[9]]
    weights = (1.0, -1.0, 0.5, 1.0, 1.0)
    mine = [
        UserAction("click", text, weight, START + timedelta(hours=9 * n), "ada")
        for n, (text, weight) in enumerate(zip(words, weights, strict=True))
    ]
    others = [UserAction("click", WORDS[3], 2.0, START + timedelta(days=n), "bo") for n in range(3)]
    history = ItemHistory.of_actions([*mine, *others])
    now = START + timedelta(days=2)  # the last of the others has not happened by then
    asked = Example(person=Trail(mine, scorer.encoder).before(now), content=WORDS[3], outcome=True,
                    at=now, user_id="ada")  # fmt: skip
    found = dict(zip(NAMES, gather(scorer, [asked], history).table.features[0], strict=True))

    vectors = np.asarray(scorer.encoder.encode_actions(mine), dtype=np.float64)
    content = scorer._item(WORDS[3])
    near = vectors @ content
    liked = np.sort(near[np.array(weights) > 0])
    ages = np.array([(now - action.timestamp).total_seconds() for action in mine])
    fast, slow = (weights * np.exp2(-ages / each.total_seconds()) for each in (FAST, SLOW))
    means = [fade @ vectors / np.abs(fade).sum() for fade in (fast, slow)]
    likeness = scorer.slider_vectors @ content
    shares = np.exp(10.0 * likeness) / np.exp(10.0 * likeness).sum()
    everything = sum(weights) + 4.0
    expected = {
        "best_similarity": liked[-1],
        "top3_similarity": liked[-3:].mean(),
        "negative_similarity": near[1],
        "fast_over_slow": (means[0] - means[1]) @ content,
        "user_item_alignment": (means[0] + means[1]) @ content / 2,
        "slider_agreement": shares @ (scorer.slider_vectors @ (means[0] + means[1]) / 2),
        "item_popularity": np.log1p(2),
        "item_freshness": np.log1p(2.0),
        "item_standing": (4.0 + 5.0 * everything / (7 + 5)) / (2 + 5),
        "person_activity": np.log1p(np.abs(slow).sum()),
        "recency": 2.0 ** (-12.0 / 12.0),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=2e-5), name


def test_the_page_tells_what_every_feature_means():
    page = (Path(__file__).parents[1] / "docs" / "learning.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    assert {name: told.get(name) for name in MEANINGS} == MEANINGS


def test_what_happens_later_changes_no_feature(scorer):
    rng = np.random.default_rng(2)
    actions = log_of("ada", 80, rng) + log_of("bruno", 80, rng)
    early = sorted(actions, key=lambda action: action.timestamp)[:60]
    cut = early[-1].timestamp

    def features(known):
        trails = {u: Trail([a for a in known if a.user_id == u], scorer.encoder)
                  for u in ("ada", "bruno")}  # fmt: skip
        history = ItemHistory.of_actions(known)
        rows = [e for a in early for e in examples_on([a], trails[a.user_id].before)]
        return gather(scorer, rows, history).table.features

    upto = [action for action in actions if action.timestamp <= cut]
    loud = [UserAction("dismiss", WORDS[n % 16], -5.0, cut + timedelta(seconds=1), user)
            for n in range(200) for user in ("ada", "bruno")]  # fmt: skip
    assert np.allclose(features(upto), features([*actions, *loud]), atol=1e-6)


def test_what_happens_at_the_very_moment_changes_no_feature_of_the_person(scorer):
    actions = log_of("ada", 30, np.random.default_rng(3))
    moment = actions[-1].timestamp + timedelta(hours=1)
    leak = UserAction("click", WORDS[0], 5.0, moment, "ada")
    clean, leaky = Trail(actions, scorer.encoder), Trail([*actions, leak], scorer.encoder)

    assert leaky.reading(moment).actions == clean.reading(moment).actions
    assert next(leaky.blocks(np.array([moment.timestamp()])))[1].end.tolist() == [30]


def test_co_engagement_is_the_plain_sum_over_people_who_touched_both():
    rng = np.random.default_rng(4)
    users, items = rng.integers(12, size=150), rng.integers(9, size=150)
    pairs = np.unique(np.column_stack([users, items]), axis=0)
    weights = rng.choice(WEIGHTS, size=len(pairs))
    names = [f"i{item}" for item in pairs[:, 1]]
    history = ItemHistory(pairs[:, 0].tolist(), names, np.arange(len(pairs)) + 0.0, weights)

    residual, mass = np.zeros((12, 9)), np.zeros((12, 9))
    for user, place, r in zip(
        history.users, history.places_of_events, history.residuals(), strict=True
    ):
        residual[user, place], mass[user, place] = r, 1.0
    leaning = residual.sum(1) / (mass.sum(1) + 5.0)
    own = np.where(mass > 0, residual - leaning[:, None], 0.0)
    count = len(history.items)
    expected = ((own.T @ own) / (mass.T @ mass + 20.0))[:count, :count]
    places = np.arange(count)
    found = agreement(history, np.inf).of(places[:, None], places[None])
    assert np.allclose(found, expected)
    assert agreement(history, np.inf).of(np.array([-1]), np.array([2])).tolist() == [0.0]


def test_alike_weights_say_nothing_of_what_goes_together():
    history = ItemHistory(
        ["a", "a", "b", "b"], ["x", "y", "x", "y"], [1.0, 2.0, 3.0, 4.0], [0.0] * 4
    )
    places = history.places(["x", "y", "unheard of"])

    assert not agreement(history, np.inf).of(places[:, None], places[None]).any()


def test_unknown_items_stand_where_all_items_stand():
    history = ItemHistory(["a", "b", "a"], ["x", "x", "y"], [1.0, 2.0, 3.0], [1.0, 1.0, -1.0])
    stood = history.standing(history.places(["new", "new"]), np.array([0.5, 9.0]))

    assert stood.events.tolist() == [0.0, 0.0]
    assert stood.mean.tolist() == [0.0, pytest.approx(1.0 / 8.0)]
    assert history.age(history.places(["new", "x"]), 9.0).tolist() == [0.0, 8.0]


def test_a_trail_without_times_is_refused(scorer):
    with pytest.raises(BadInput, match="timestamp"):
        Trail([UserAction("click", "soup")], scorer.encoder)
