"""Partition functions: any parting of the rows gives the same, without any cluster."""

import pickle
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.pipeline import SliderScorer
from vibrator.profile import Profile
from vibrator.scale.partitions import encode, fold, merge, once, profile_rows, score, shard_of
from vibrator.scale.tally import add_up, measures, tally

ENCODER = InstructionalEncoder("embedded")
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=60)
SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}
TEXTS = [f"{what} {n}" for what in ("ridge walk", "gRPC stream", "plum cake") for n in range(4)]
KINDS = ["click", "write", "dismiss"]


def actions_frame(count, users=3, seed=0):
    rng = np.random.default_rng(seed)
    hours = pd.to_timedelta(rng.integers(0, 40, count), unit="h")  # coarse, so that times tie
    return pd.DataFrame(
        {
            "timestamp": pd.Series(pd.Timestamp(START) + hours).astype("datetime64[us, UTC]"),
            "user_id": [f"user {n}" for n in rng.integers(0, users, count)],
            "action_type": [KINDS[n] for n in rng.integers(0, 3, count)],
            "content": [TEXTS[n] for n in rng.integers(0, len(TEXTS), count)],
            "weight": rng.choice([1.0, 0.5, -1.0], count),
        }
    )


def one_by_one(frame):
    people = {}
    for row in frame.itertuples():
        stamp = None if pd.isna(row.timestamp) else row.timestamp.to_pydatetime()
        action = UserAction(row.action_type, row.content, row.weight, stamp, row.user_id)
        people.setdefault(row.user_id, []).append(action)
    return {user: Profile.from_actions(done, ENCODER) for user, done in people.items()}


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for user, profile in ours.items():
        here, there = profile.at(NOW), theirs[user].at(NOW)
        np.testing.assert_allclose(here.vector, there.vector, atol=1e-7)
        assert here.evidence == pytest.approx(there.evidence)
        assert profile.counts == theirs[user].counts
        assert here.actions == there.actions


def test_folding_a_frame_equals_adding_its_actions_one_by_one():
    frame = actions_frame(300)
    assert_same(fold(frame, ENCODER), one_by_one(frame))


def test_actions_without_a_time_are_folded_too():
    frame = actions_frame(80)
    frame.loc[::3, "timestamp"] = pd.NaT
    assert_same(fold(frame, ENCODER), one_by_one(frame))


def test_a_few_actions_and_none_at_all():
    assert fold(actions_frame(0), ENCODER) == {}
    frame = actions_frame(2)
    assert_same(fold(frame, ENCODER), one_by_one(frame))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_any_parting_of_the_rows_gives_the_same_profiles(seed, parts):
    frame = actions_frame(120, seed=seed)
    part = np.random.default_rng(seed).integers(0, parts, len(frame))
    merged = {}
    for number in range(parts):
        merged = merge(merged, fold(frame[part == number], ENCODER))
    assert_same(merged, fold(frame, ENCODER))


def test_written_profiles_read_back_equal():
    profiles = fold(actions_frame(300), ENCODER)
    rows = profile_rows(profiles.items())
    back = dict(zip(rows["user_id"], map(Profile.from_bytes, rows["profile"]), strict=True))
    assert_same(back, profiles)
    assert rows["events"].sum() == 300


def test_an_action_id_counts_once_for_a_user():
    frame = actions_frame(4, users=1).assign(action_id=["a", "b", "a", None])
    assert once(frame)["action_id"].tolist()[:2] == ["a", "b"]
    assert len(once(frame)) == 3


def test_an_action_of_nobody_is_refused():
    frame = actions_frame(5)
    frame["user_id"] = frame["user_id"].astype(object)
    frame.loc[2, "user_id"] = None
    with pytest.raises(BadInput, match="user_id"):
        fold(frame, ENCODER)


def test_a_user_is_in_one_shard_and_shards_are_filled_evenly():
    users = pd.Series([f"user {n}" for n in range(8_000)])
    shards = shard_of(users, 8)
    assert (shards == shard_of(users[::-1], 8)[::-1]).all()
    counts = np.bincount(shards, minlength=8)
    assert abs(counts - 1_000).max() < 5 * np.sqrt(1_000)


def test_scores_equal_those_of_the_scorer():
    profiles = fold(actions_frame(100), ENCODER)
    scorer = SliderScorer(ENCODER, SLIDERS)
    items = dict(zip(TEXTS, ENCODER.encode_items(TEXTS), strict=True))
    rows = score(profiles, items, scorer, NOW).set_index(["user_id", "item_id"])
    assert len(rows) == 3 * len(TEXTS)
    for user, profile in profiles.items():
        said = scorer.score(profile, TEXTS[5], now=NOW)["trails"]
        row = rows.loc[user, TEXTS[5]]
        assert row["raw_trails"] == pytest.approx(said.raw_score, abs=1e-5)
        assert row["probability_trails"] == pytest.approx(said.probability, abs=1e-5)


def test_the_best_of_a_user_are_those_of_rank():
    profiles = fold(actions_frame(100), ENCODER)
    scorer = SliderScorer(ENCODER, SLIDERS)
    items = dict(zip(TEXTS, ENCODER.encode_items(TEXTS), strict=True))
    rows = score(profiles, items, scorer, NOW, best=3)
    for user, mine in rows.groupby("user_id"):
        ranking = scorer.rank(profiles[user], dict(zip(TEXTS, TEXTS, strict=True)), 3, now=NOW)
        assert mine["item_id"].tolist() == [row.item for row in ranking]


def test_each_row_gets_the_vector_of_its_text():
    frame = pd.DataFrame({"text": ["plum cake", "ridge walk", "plum cake"]})
    vectors = encode(frame, ENCODER, "item")
    np.testing.assert_array_equal(vectors, ENCODER.encode_items(frame["text"]))


def test_an_encoder_travels_as_its_configuration():
    encoder = InstructionalEncoder("embedded", "Do: ", "It: ", "Way: ")
    twin = pickle.loads(pickle.dumps(encoder))
    assert twin.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(twin.encode_items(["a tent"]), encoder.encode_items(["a tent"]))


def scored_frame(count, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, count)
    outcome = (rng.random(count) < p).astype(int)
    names = rng.choice(["depth", "trails"], count)
    return pd.DataFrame({"slider": names, "probability": p, "outcome": outcome})


def test_tallies_of_parts_add_up_to_the_tally_of_all():
    frame = scored_frame(2_000)
    parts = [tally(frame[frame.index % 3 == n]) for n in range(3)]
    pd.testing.assert_frame_equal(add_up(parts), tally(frame))


def test_measures_agree_with_those_of_single_rows():
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    frame = scored_frame(5_000)
    for found in measures(tally(frame)):
        mine = frame[frame["slider"] == found["slider"]]
        y, p = mine["outcome"], mine["probability"]
        assert found["brier"] == pytest.approx(brier_score_loss(y, p))
        assert found["log_loss"] == pytest.approx(log_loss(y, p))
        assert found["auc"] == pytest.approx(roc_auc_score(y, p), abs=1e-3)


@pytest.mark.parametrize(
    ("column", "value"), [("probability", 1.5), ("probability", float("nan")), ("outcome", 2)]
)
def test_a_tally_refuses_what_is_no_probability_or_outcome(column, value):
    frame = scored_frame(10).astype({"outcome": float})
    frame.loc[3, column] = value
    with pytest.raises(BadInput, match=column):
        tally(frame)
