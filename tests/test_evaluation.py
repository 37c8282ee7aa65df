"""Measures against their definitions, and the evaluation of a log with a planted taste."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score

from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.evaluation.measures import auc_interval, mrr, ndcg, rank_figures, ranks
from vibrator.evaluation.report import evaluate_actions
from vibrator.pipeline import SliderScorer
from vibrator.stats.order import auc


def test_auc_and_ndcg_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, s = rng.integers(2, size=200), rng.random(200).round(2)

    assert auc(y, s) == pytest.approx(roc_auc_score(y, s))
    with pytest.raises(BadInput, match="NaN"):
        auc([0, 1], [np.nan, 1.0])
    distinct = rng.permutation(200)
    assert ndcg(y, distinct, 10) == pytest.approx(ndcg_score([y], [distinct], k=10))


def test_measures_refuse_what_has_no_order():
    with pytest.raises(BadInput, match="without a yes"):
        mrr([0, 0], [0.1, 0.2])
    with pytest.raises(BadInput, match="0 or 1"):
        auc([0, 2], [0.1, 0.2])
    assert np.isnan(auc([1, 1], [0.1, 0.2]))


def test_ties_share_their_places():
    assert ranks(np.zeros((1, 5)), [3]).tolist() == [2.0]
    assert rank_figures([0, 10])["hr@10"].tolist() == [1.0, 0.0]


def test_an_interval_by_user_holds_the_value():
    rng = np.random.default_rng(1)
    y = rng.integers(2, size=500)
    s = y + rng.normal(size=500)
    low, high = auc_interval(y, s, rng.integers(50, size=500), rng=rng)

    assert low < auc(y, s) < high


def tasteful_log(people, rng):
    words = [f"{k} number {n}" for k in ("kernel manual", "noodle recipe") for n in range(10)]
    start = datetime(2026, 3, 1, tzinfo=UTC)
    for person in range(people):
        at = start + timedelta(hours=float(rng.integers(300)))
        for place in rng.permutation(20)[:10]:
            at += timedelta(minutes=float(rng.integers(1, 60)))
            likes = rng.random() < (0.9 if (place >= 10) == bool(person % 2) else 0.1)
            kind = "click" if likes else "dismiss"
            yield UserAction(kind, words[place], timestamp=at, user_id=f"u{person}")


@pytest.fixture(scope="module")
def evaluation():
    scorer = SliderScorer(InstructionalEncoder("embedded"), {"any": "content worth the time"})
    return evaluate_actions(scorer, list(tasteful_log(60, np.random.default_rng(2))))


def test_the_learned_scorer_beats_the_plain_ones(evaluation):
    found = {row["scorer"]: row["auc"] for row in evaluation.liking}

    assert set(found) == {"random", "popularity", "cosine", "zero-shot", "logistic"}
    assert found["logistic"] > 0.7 > found["random"]


def test_the_page_stands_alone(evaluation):
    page = evaluation.page()

    for scorer in ("zero-shot", "logistic"):
        assert f"What {scorer} says, and what happened" in page
    assert "How soon the yeses come" in page
    assert "worst slices" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_next_item_is_ranked_by_every_scorer_of_the_whole_catalogue(evaluation):
    found = {row["scorer"]: row for row in evaluation.ranking}

    assert set(found) == {"random", "popularity", "cosine", "zero-shot", "fit"}
    for row in found.values():
        assert row["ndcg@10_low"] <= row["ndcg@10"] <= row["ndcg@10_high"]
        assert row["ndcg@5"] <= row["ndcg@10"] <= row["hr@10"]


def test_segments_and_sliders_that_the_log_names_are_judged_apart():
    scorer = SliderScorer(
        InstructionalEncoder("embedded"), {"docs": "manuals", "food": "recipes to cook"}
    )
    log = [
        replace(action, metadata={"segment": f"s{n % 2}", "slider": ["docs", "food"][n % 2]})
        for n, action in enumerate(tasteful_log(60, np.random.default_rng(2)))
    ]
    found = evaluate_actions(scorer, log)
    named = {row["slice"] for row in found.slices}

    assert {"segment s0", "segment s1", "docs", "food"} <= named
    assert {f"liking, {name}" for name in named} <= {row["task"] for row in found.rows()}


def test_a_log_without_users_is_refused():
    scorer = SliderScorer(InstructionalEncoder("embedded"), {"any": "content worth the time"})

    with pytest.raises(BadInput, match="user and a time"):
        evaluate_actions(scorer, [UserAction("click", "soup")])
