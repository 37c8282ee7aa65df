"""Measures against their definitions, and the evaluation of a log with a planted taste."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score
from typer.testing import CliRunner

from vibrator.actions import UserAction
from vibrator.calibration import ReliabilityCurve
from vibrator.cli import build
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.evaluation.measures import auc_interval, mrr, ndcg, rank_figures, ranks
from vibrator.evaluation.report import evaluate_actions, person_before, worst_first
from vibrator.pipeline import SliderScorer
from vibrator.profile import read_actions
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


def test_every_figure_of_a_slice_is_there_with_its_interval(evaluation):
    for row in evaluation.slices:
        assert row["auc_low"] <= row["auc"] <= row["auc_high"]
        assert row["ece_low"] <= row["smooth_ece"] <= row["ece_high"]
        assert row["brier"] == pytest.approx(
            row["reliability"] - row["resolution"] + row["happened"] * (1 - row["happened"])
        )


def test_an_interval_of_the_ece_draws_people_and_not_rows():
    """Forty people whose rows all say the same hold no more than forty rows do."""
    rng = np.random.default_rng(5)
    p = rng.uniform(0.2, 0.8, size=40)
    y = (rng.random(40) < p).astype(float)
    once = ReliabilityCurve.of(p, y, rng=rng).smooth_ece
    many = np.repeat(p, 50), np.repeat(y, 50)
    people = ReliabilityCurve.of(*many, rng=rng, groups=np.repeat(np.arange(40), 50)).smooth_ece
    rows = ReliabilityCurve.of(*many, rng=rng).smooth_ece

    assert people.high - people.value == pytest.approx(once.high - once.value, rel=0.25)
    assert rows.high - rows.value < 0.5 * (people.high - people.value)
    with pytest.raises(BadInput, match="one for each of 2000 rows"):
        ReliabilityCurve.of(*many, rng=rng, groups=[1, 2])


def test_slices_come_worst_first_and_draw_people():
    rng = np.random.default_rng(8)
    p = np.repeat(rng.uniform(0.2, 0.8, size=40), 50)
    y = np.repeat((rng.random(40) < p[::50]).astype(float), 50)
    cuts = {"off": y == 1.0, "whole": p >= 0.0, "small": np.arange(2000) < 49}
    by_person, by_row = (
        worst_first(cuts, p, y, users, rng)
        for users in (np.repeat(np.arange(40), 50), np.arange(2000))
    )

    assert [row["slice"] for row in by_person] == ["off", "whole"]
    wide, narrow = (rows[1]["ece_high"] - rows[1]["smooth_ece"] for rows in (by_person, by_row))
    assert wide > 2 * narrow


def test_the_person_of_a_ranking_is_the_one_that_scoring_sees():
    encoder = InstructionalEncoder("embedded")
    actions = list(tasteful_log(1, np.random.default_rng(6)))
    vectors = np.asarray(encoder.encode_actions(actions), dtype=np.float64)
    times = np.array([action.timestamp.timestamp() for action in actions])
    weights = np.array([action.weight for action in actions])
    seen = read_actions(actions, vectors, actions[-1].timestamp)

    assert min(weights) < 0 < max(weights)
    assert np.allclose(person_before(vectors, times, weights), seen.vector, atol=1e-6)


def test_what_cannot_be_judged_is_not_said_to_be():
    scorer = SliderScorer(InstructionalEncoder("embedded"), {"any": "content worth the time"})
    start = datetime(2026, 3, 1, tzinfo=UTC)
    two_each = [
        UserAction("click", words, timestamp=start, user_id=user)
        for user in ("ada", "bruno")
        for words in ("soup", "bread")
    ]
    found = evaluate_actions(scorer, two_each)

    assert found.liking == found.ranking == ()
    assert "too few actions" in found.page()
    assert "judged after it" not in found.page()


def write_log(path, actions):
    rows = [(a.user_id, a.action_type, a.content, a.timestamp) for a in actions]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("user_id", "action_type", "content", "timestamp"), *rows])


def test_the_command_prints_every_figure_and_writes_the_page(tmp_path):
    log, html = tmp_path / "log.csv", tmp_path / "report.html"
    actions = list(tasteful_log(40, np.random.default_rng(7)))
    nameless = replace(actions[0], user_id=None)
    naive = replace(actions[0], content="soup")
    write_log(log, [*actions, nameless, naive])
    log.write_text(log.read_text()[: -len("+00:00\r\n") + 1])  # the last time loses its zone
    done = CliRunner().invoke(
        build(), ["evaluate", "--data", str(log), "--report", str(html), "--format", "json"]
    )

    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert {row["scorer"] for row in rows if row["task"] == "liking"} >= {"zero-shot", "logistic"}
    assert {row["figure"] for row in rows} >= {
        "auc",
        "mrr",
        "ndcg@5",
        "ndcg@10",
        "hr@10",
        "brier",
        "reliability",
        "resolution",
        "smooth_ece",
    }
    assert "How soon the yeses come" in html.read_text()
    assert "1 of 402 actions have no user or no time and are left out" in done.stderr
    assert "1 times without a timezone" in done.stderr


@pytest.mark.parametrize("option", [("--model", "boosted"), ("--time-split", "0.5")])
def test_an_option_that_would_do_nothing_is_refused(tmp_path, option):
    done = CliRunner().invoke(
        build(), ["evaluate", "--dataset", "mind", "--data-dir", str(tmp_path), *option]
    )

    assert isinstance(done.exception, BadInput)
    assert "belong to --data" in str(done.exception)


def test_a_log_without_users_is_refused():
    scorer = SliderScorer(InstructionalEncoder("embedded"), {"any": "content worth the time"})

    with pytest.raises(BadInput, match="user and a time"):
        evaluate_actions(scorer, [UserAction("click", "soup")])
