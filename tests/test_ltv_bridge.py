"""What is known of a person becomes features of their value, and nothing gets lost on the way."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from vibrator.errors import BadInput, UnknownName
from vibrator.intent.state import IntentState
from vibrator.ltv.bridge import intent_columns, join_columns, slider_columns
from vibrator.pipeline import SliderScorer

NOW = datetime(2026, 3, 8, tzinfo=UTC)


def states():
    """Ada: two of the first kind a week ago, one of the second yesterday; nobody knows Bruno."""
    ada = IntentState(2, half_life_fast_days=1.0, half_life_slow_days=7.0)
    ada.update(0, NOW - timedelta(days=7), 2.0)
    ada.update(1, NOW - timedelta(days=1), 1.0)
    ada.update(0, NOW + timedelta(hours=1), 9.0)  # has not happened yet
    return {"ada": ada, "bruno": IntentState(2)}


def test_intent_is_how_much_is_known_how_sure_and_how_old():
    found = intent_columns(states(), NOW)
    first, second = 2 * 2**-7 + 2 * 2**-1, 2**-1 + 2 ** (-1 / 7)

    assert found.loc["ada"].to_dict() == pytest.approx(
        {
            "intent_fast": 2 * 2**-7 + 2**-1,
            "intent_slow": 1.0 + 2 ** (-1 / 7),
            "intent_confidence": max(first, second) / (first + second),
            "intent_age_days": 1.0,
        }
    )
    assert found.loc["bruno"].tolist()[:3] == [0.0, 0.0, 0.0]
    assert found.loc["bruno"].isna().tolist() == [False, False, False, True]
    assert {str(kind) for kind in found.dtypes} == {"float64"}


def test_sliders_are_their_probabilities_and_what_is_known():
    class Plain:
        def encode_actions(self, actions):
            return [[0.6, 0.8]] * len(actions)

        def encode_items(self, texts):
            return [[0.6, 0.8]] * len(texts)

    scorer = SliderScorer(Plain(), {"a": [1.0, 0.0], "b": [0.0, 1.0]})
    scores = scorer.score([], "x", cold_start=True)
    found = slider_columns({"ada": list(scores.values()), "bruno": []})

    assert found.loc["ada", "slider_b"] == scores["b"].probability > found.loc["ada", "slider_a"]
    assert found["slider_evidence"].tolist() == [0.0, 0.0]
    assert found.loc["bruno", ["slider_a", "slider_b"]].isna().all()


def test_each_row_gets_the_columns_of_its_user():
    frame = pd.DataFrame({"who": ["bruno", "ada", "chioma", "ada"], "spent": [1.0, 2.0, 3.0, 4.0]})
    joined = join_columns(frame, intent_columns(states(), NOW), user="who")

    assert joined[["who", "spent"]].equals(frame)
    assert joined["intent_age_days"].isna().tolist() == [True, False, True, False]
    assert joined["intent_fast"].isna().tolist() == [False, False, True, False]
    nobody = join_columns(frame, intent_columns({}, NOW), user="who")
    assert nobody.equals(frame)


def test_a_column_is_never_told_twice_nor_joined_on_what_is_not_there():
    frame = pd.DataFrame({"who": ["ada"], "intent_fast": [0.0]})
    with pytest.raises(BadInput, match="intent_fast"):
        join_columns(frame, intent_columns(states(), NOW), user="who")
    with pytest.raises(UnknownName, match="no column 'user'"):
        join_columns(frame[["who"]], intent_columns(states(), NOW), user="user")
    with pytest.raises(BadInput, match="timezone"):
        intent_columns(states(), datetime(2026, 3, 8))  # noqa: DTZ001 - the naive one is the point
