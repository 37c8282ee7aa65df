"""Measures against their definitions, and the evaluation of a log with a planted taste."""

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
        assert f"Does a probability of {scorer} mean what it says?" in page
    assert "How soon the yeses come" in page
    assert "worst slices" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_log_without_users_is_refused():
    scorer = SliderScorer(InstructionalEncoder("embedded"), {"any": "content worth the time"})

    with pytest.raises(BadInput, match="user and a time"):
        evaluate_actions(scorer, [UserAction("click", "soup")])
