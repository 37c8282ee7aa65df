"""Learning as outcomes arrive, and the next item."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.pipeline import SliderScorer
from vibrator.pipeline.examples import Example
from vibrator.pipeline.features import AT, NAMES, RISING
from vibrator.pipeline.gathering import gather
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.models import BoostedTrees, Table
from vibrator.pipeline.next_item import NextItem
from vibrator.pipeline.online import OnlineScorer

START = datetime(2026, 3, 1, tzinfo=UTC)
CONTENTS = [f"{kind} number {n}" for kind in ("kernel manual", "noodle recipe") for n in range(5)]


def planted(count, rng, *, first=0, turned=False):
    """Cooks like recipes and the others manuals, nine times of ten; turned, the other way."""
    found = []
    for n in range(first, first + count):
        cook, place = bool(rng.integers(2)), int(rng.integers(10))
        likes = ((place >= 5) == cook) != turned
        at = START + timedelta(minutes=n)
        words = CONTENTS[9 if cook else 4]
        found.append(
            Example(
                person=[UserAction("click", words, timestamp=at - timedelta(hours=1))],
                content=CONTENTS[place],
                outcome=bool(rng.random() < (0.9 if likes else 0.1)),
                at=at,
                user_id=f"u{n % 40}",
            )
        )
    return found


@pytest.fixture(scope="module")
def scorer():
    return SliderScorer(InstructionalEncoder("embedded"), {"any": "content worth the time"})


def said(scorer, examples):
    found = gather(scorer, examples, scorer.learned.history)
    raw = scorer.learned.model.raw(found.table)
    return 1 / (1 + np.exp(-raw)), found.outcomes


def test_on_a_stationary_log_online_says_what_the_batch_says(scorer):
    rng = np.random.default_rng(1)
    examples = planted(800, rng)
    fitted = scorer.fit(examples, time_split=1.0).scorer
    online = OnlineScorer.untaught(fitted, half_life=1e9)
    for start in range(0, 800, 100):
        online.learn(examples[start : start + 100])

    batch, _ = said(fitted, examples[:200])
    arrived, _ = said(online.scorer, examples[:200])
    assert np.abs(batch - arrived).mean() < 0.03


def test_after_a_turn_online_follows_where_the_batch_averages(scorer):
    rng = np.random.default_rng(2)
    before, after = planted(800, rng), planted(400, rng, first=800, turned=True)
    fitted = scorer.fit([*before, *after], time_split=1.0).scorer
    start = scorer.fit(before, time_split=1.0).scorer
    online, unforgetting = (OnlineScorer(start, half_life=n) for n in (100.0, 1e9))
    for at in range(0, 400, 50):
        online.learn(after[at : at + 50])
        unforgetting.learn(after[at : at + 50])

    fresh = planted(300, rng, first=1200, turned=True)
    batch, followed, kept = (
        np.mean((p - y) ** 2)
        for p, y in (said(each, fresh) for each in (fitted, online.scorer, unforgetting.scorer))
    )
    assert followed < batch - 0.02
    assert followed < kept - 0.02  # it is the forgetting that follows


def test_online_needs_examples_of_the_kind_it_was_fitted_on(scorer):
    rng = np.random.default_rng(3)
    online = OnlineScorer(scorer.fit(planted(50, rng), time_split=1.0).scorer)

    with pytest.raises(BadInput, match="both name sliders"):
        online.learn([Example(person=None, content="x", outcome=True, at=START, user_id="u",
                              slider="any")])  # fmt: skip
    with pytest.raises(BadInput, match=r"got \['str'\] among them"):
        online.learn(["x"])
    with pytest.raises(BadInput, match="fitted by model='logistic', got SliderScorer"):
        OnlineScorer(scorer)
    with pytest.raises(BadInput, match="half_life"):
        OnlineScorer(online.scorer, half_life=0.0)


def in_pairs(people, rng):
    """Whoever touches an even item touches the odd one above it next, among other things."""
    users, items, times = [], [], []
    for person in range(people):
        at = 1e6 * rng.random()
        for pair in rng.permutation(10)[:4]:
            for item in (2 * pair, 2 * pair + 1):
                users.append(f"p{person}")
                items.append(f"item {item}")
                times.append(at := at + 30.0)
            at += 50_000.0
    return ItemHistory(users, items, times, np.ones(len(items)))


def test_what_goes_together_comes_next():
    history = in_pairs(120, np.random.default_rng(4))
    vectors = np.eye(len(history.items))
    fitted = NextItem.fit(history, vectors)
    seen = history.places(["item 2", "item 3", "item 8"])
    scores = fitted.scores(seen, 2e6)

    assert history.items[int(np.argmax(scores))] == "item 9"
    assert np.isneginf(scores[seen]).all()


def test_the_next_item_needs_somebody_with_two_actions():
    with pytest.raises(BadInput, match="two actions"):
        NextItem.fit(ItemHistory(["a"], ["x"], [1.0], [1.0]), np.eye(1))
    with pytest.raises(BadInput, match="as many rows"):
        NextItem.fit(ItemHistory(["a"], ["x"], [1.0], [1.0]), np.eye(2))


@pytest.mark.integration
def test_trees_learn_it_too_and_their_parts_add_up(scorer):
    pytest.importorskip("lightgbm", reason="the extra boost is not installed")
    rng = np.random.default_rng(6)
    result = scorer.fit(planted(1200, rng), time_split=0.8, model="boosted")
    person = [UserAction("click", CONTENTS[0], timestamp=START)]
    output = result.scorer.score(person, CONTENTS[1], now=START)["any"]

    assert result.report.rows[1]["auc"] > 0.8
    assert sum(output.contributions.values()) == pytest.approx(output.raw_score)


@pytest.mark.integration
def test_trees_of_few_outcomes_are_no_surer_than_the_scorer_they_began_as(scorer):
    pytest.importorskip("lightgbm", reason="the extra boost is not installed")
    few = scorer.fit(planted(40, np.random.default_rng(9)), time_split=1.0, model="boosted").scorer
    person = [UserAction("click", CONTENTS[0], timestamp=START)]
    output = few.score(person, CONTENTS[1], now=START)["any"]

    assert output.high - output.low > 0.3  # 0.82 either way in log odds of 90 %
    assert output.weights == {}  # trees have none


@pytest.mark.integration
def test_trees_are_grown_with_the_published_settings(scorer):
    pytest.importorskip("lightgbm", reason="the extra boost is not installed")
    found = gather(scorer, planted(200, np.random.default_rng(10)), None)
    grown = BoostedTrees(0, 0).fit(found.table, found.outcomes).booster.model_to_string()
    for name, value in {
        "num_iterations": 150, "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 50,
        "bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.8, "verbosity": -1,
        "seed": 0, "num_threads": 1, "deterministic": 1,
    }.items():  # fmt: skip
        assert f"[{name}: {value}]" in grown


@pytest.mark.integration
def test_for_trees_similarities_can_only_speak_for_a_content(scorer):
    pytest.importorskip("lightgbm", reason="the extra boost is not installed")
    rng = np.random.default_rng(8)
    found = gather(scorer, planted(600, rng), None)
    backwards = 1.0 - found.outcomes  # outcomes that ask for the opposite
    for name in RISING:
        alone = np.zeros_like(found.table.features)  # nothing else to tell it by
        alone[:, AT[name]] = found.table.features[:, AT["best_similarity"]]
        trees = BoostedTrees(0, 0).fit(found.table._replace(features=alone), backwards)
        asked = np.zeros((21, len(NAMES)))
        asked[:, AT[name]] = np.linspace(-0.2, 1.0, 21)
        nobody = np.full(21, -1)
        raw = trees.raw(Table(asked, nobody, nobody))
        assert (np.diff(raw) >= -1e-12).all(), name
