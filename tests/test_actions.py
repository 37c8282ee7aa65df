"""The first noun: what a person did, in words."""

import copy
import math
import pickle
from dataclasses import FrozenInstanceError, asdict, replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from vibrator.actions import (
    ACTION_TYPES,
    Metadata,
    UserAction,
    action_type,
    actions_from_columns,
    register_action_type,
)
from vibrator.errors import BadInput

WEST = timezone(-timedelta(hours=5))
DEFAULTS = {
    "write": ("User wrote:", 1.5), "click": ("User clicked on:", 1.0),
    "react": ("User reacted to:", 0.8), "read": ("User viewed:", 0.5),
    "open": ("User opened:", 0.5), "share": ("User shared:", 1.2),
    "chat": ("User said:", 1.0), "dismiss": ("User dismissed:", -1.0),
}  # fmt: skip


@pytest.fixture
def registry():
    before = dict(ACTION_TYPES)
    yield
    ACTION_TYPES.clear()
    ACTION_TYPES.update(before)


@pytest.mark.parametrize(("name", "wording", "weight"), [(n, *v) for n, v in DEFAULTS.items()])
def test_each_built_in_type_has_its_wording_and_weight(name, wording, weight):
    action = UserAction(name, "a tent")
    assert action.instruction() == f"{wording} a tent"
    assert action.weight == weight


def test_a_type_nobody_registered_is_neutral():
    action = UserAction("bookmark", "plum cake")
    assert action.instruction() == "User performed bookmark on: plum cake"
    assert action.weight == 1.0


def test_a_registered_type_is_first_class(registry):
    register_action_type("purchase", wording="User purchased:", weight=2.0)
    assert UserAction("purchase", "a tent").weight == 2.0
    assert action_type("purchase").sentence("a tent") == "User purchased: a tent"


def test_a_type_is_not_registered_twice_with_another_meaning(registry):
    register_action_type("purchase", wording="User purchased:", weight=2.0)
    register_action_type("purchase", wording="User purchased:", weight=2.0)
    with pytest.raises(BadInput, match="registered already"):
        register_action_type("purchase", wording="User bought:", weight=3.0)


@pytest.mark.parametrize("weight", ["abc", None, math.nan])
def test_a_type_with_a_weight_that_is_no_number_is_refused(registry, weight):
    with pytest.raises(BadInput, match="weight must be a finite number, got"):
        register_action_type("purchase", wording="User purchased:", weight=weight)
    assert "purchase" not in ACTION_TYPES


@pytest.mark.parametrize("weight", [np.int64(2), np.float32(2), 2])
def test_any_real_number_is_a_weight(weight):
    made = UserAction("click", "a tent", weight)
    assert made.weight == 2.0
    assert type(made.weight) is float


def test_equal_actions_are_one_in_a_set():
    pair = [UserAction("click", "a tent", metadata={"seen": [1]}) for _ in range(2)]
    assert len({*pair, UserAction("click", "a boat")}) == 2


def test_a_weight_given_is_the_weight_used():
    assert UserAction("write", "a tent", weight=0.25).weight == 0.25
    assert UserAction("write", "a tent", 0).weight == 0.0


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"content": ""}, "content"),
        ({"content": " \n"}, "content"),
        ({"content": None}, "content"),
        ({"content": "bad \ud800"}, "content"),
        ({"action_type": ""}, "action_type"),
        ({"weight": math.nan}, "weight"),
        ({"weight": math.inf}, "weight"),
        ({"weight": "heavy"}, "weight"),
        ({"weight": 10**400}, "weight"),
        ({"weight": np.bool_(True)}, "weight"),
        ({"timestamp": datetime(2026, 1, 1)}, "timestamp"),  # noqa: DTZ001
        ({"timestamp": "2026-01-01"}, "timestamp"),
        ({"timestamp": datetime.max.replace(tzinfo=WEST)}, "timestamp"),
        ({"user_id": ""}, "user_id"),
        ({"metadata": ["x"]}, "metadata"),
        ({"metadata": {"age_hours": -1}}, "age_hours"),
        ({"metadata": {"age_hours": "old"}}, "age_hours"),
    ],
)
def test_bad_input_is_refused_by_name(fields, named):
    with pytest.raises(BadInput, match=named):
        UserAction(**{"action_type": "click", "content": "a tent", **fields})


def test_actions_are_frozen_and_travel_between_processes():
    action = UserAction(
        "click", "a tent", timestamp=datetime(2026, 1, 1, tzinfo=UTC), metadata={"a": 1}
    )
    with pytest.raises(AttributeError):
        action.content = "a boat"
    with pytest.raises(TypeError):
        action.metadata["a"] = 2
    assert pickle.loads(pickle.dumps(action)) == action
    assert copy.deepcopy(action) == replace(action) == action
    assert asdict(action)["metadata"] == {"a": 1}


def test_actions_made_by_columns_are_like_any_other():
    when = datetime(2026, 1, 1, tzinfo=UTC)
    columns = {
        "action_type": ["click", "write"], "content": ["a tent", "a boat"], "weight": [1.0, 0.5],
        "timestamp": [when, None], "user_id": ["ada", None], "action_id": ["7", None],
        "metadata": [Metadata(km=21), Metadata()],
    }  # fmt: skip
    made = list(actions_from_columns(2, columns))
    assert made == [
        UserAction("click", "a tent", 1.0, when, "ada", "7", {"km": 21}),
        UserAction("write", "a boat", 0.5),
    ]
    for action in made:
        assert type(action) is UserAction
        assert hash(action) == hash(replace(action))
        with pytest.raises(FrozenInstanceError):
            action.content = "a yacht"
        with pytest.raises(FrozenInstanceError):
            del action.weight


@pytest.mark.parametrize("longer", [1, -1])
def test_columns_are_as_long_as_there_are_actions(longer):
    names = ("action_type", "content", "weight", "timestamp", "user_id")
    with pytest.raises(ValueError, match="argument"):
        list(actions_from_columns(2 + longer, {name: ["a", "b"] for name in names}))
