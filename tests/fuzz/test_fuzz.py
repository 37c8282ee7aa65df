"""Whatever bytes come in: a value or an error of ours, never anything else.

The short form runs with every test run. In the long one every test here and of `test_readers.py`
makes so many inputs, 58 x 2,500 in all: VIBRATOR_FUZZ_EXAMPLES=2500. Inputs that ever failed are
kept in .hypothesis, and the telling ones as examples here.
"""

import json
import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vibrator.actions import UserAction
from vibrator.calibration import calibrator_from
from vibrator.datasets import load_actions, load_items, load_sliders
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import VibratorError
from vibrator.profile import Profile
from vibrator.rewards import RewardMap
from vibrator.stores.ports import matches

fuzz = settings(
    max_examples=int(os.environ.get("VIBRATOR_FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PROFILE = Profile.from_actions(
    [UserAction("click", "a tent"), UserAction("write", "ran the ridge")],
    InstructionalEncoder("embedded"),
).to_bytes()

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
names = st.sampled_from(
    ["timestamp", "user_id", "action_type", "content", "weight", "action_id", "metadata",
     "id", "title", "text", "name", "opposite"]
)  # fmt: skip
times = st.sampled_from(
    ["2026-03-01", "2026-03-01T00:00:00+14:00", "1e9", "-1", "24:00", "2026-02-30"]
)
rows = st.lists(st.dictionaries(names, anything | times, max_size=7), max_size=5)
cells = st.text(st.sampled_from(list('a1",;\n\r\t\x00é=-.')), max_size=60)
headers = st.sampled_from(["action_type,content", "id,text", "name,text", "timestamp,content", ""])


def ours(call, *given):
    """The result, or None after an error of ours."""
    try:
        return call(*given)
    except VibratorError:
        return None


def read_all(source):
    for on_error in ("raise", "skip"):
        ours(lambda how=on_error: list(load_actions(source, on_error=how)))
        ours(lambda how=on_error: load_items(source, on_error=how))
        ours(lambda how=on_error: load_sliders(source, on_error=how))


@fuzz
@given(rows)
@example([{"action_type": "click", "content": "x", "timestamp": "9999-12-31T23:59:59-23:59"}])
@example([{"action_type": "click", "content": "\ud800"}])
def test_rows_in_memory(given_rows):
    read_all(given_rows)


@fuzz
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".json", ".jsonl", ".txt", ".csv.gz"])
@given(
    content=st.binary(max_size=80) | st.builds(lambda h, c: f"{h}\n{c}".encode(), headers, cells)
)
@example(content=b'\xef\xbb\xbfaction_type,content\nclick,"a')
@example(content=b"action_type,content\nclick,a\x00b\n")
def test_files_of_noise(tmp_path, ending, content):
    path = tmp_path / f"file{ending}"
    path.write_bytes(content)
    read_all(path)


@fuzz
@pytest.mark.parametrize("ending", [".json", ".jsonl"])
@given(value=anything | rows)
@example(
    value={"actions": [{"action_type": "click", "content": "x", "metadata": {"age_hours": -1}}]}
)
def test_files_of_json(tmp_path, ending, value):
    path = tmp_path / f"file{ending}"
    path.write_text(json.dumps(value), encoding="utf-8")
    read_all(path)


@fuzz
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xff\xff\xff\x7f{}")
def test_profiles_of_noise(content):
    ours(Profile.from_bytes, content)


@fuzz
@given(st.integers(0, len(PROFILE) - 1), st.integers(0, 255))
def test_profiles_with_one_byte_changed(place, byte):
    changed = PROFILE[:place] + bytes([byte]) + PROFILE[place + 1 :]
    ours(Profile.from_bytes, changed)


@fuzz
@given(anything)
@example({"format": 1, "kind": "temperature"})
@example({"format": 1, "kind": ["platt"]})
def test_calibrators_of_anything(document):
    ours(calibrator_from, document)


@fuzz
@given(anything)
def test_reward_maps_of_anything(document):
    ours(RewardMap.of, document)


@fuzz
@given(st.dictionaries(st.text(max_size=5), anything, max_size=4))
def test_filters_of_anything(where):
    ours(matches, where)


@fuzz
@given(anything, anything, anything, st.none() | st.dictionaries(st.text(), anything, max_size=3))
def test_actions_of_anything(kind, content, weight, metadata):
    ours(lambda: UserAction(kind, content, weight, metadata=metadata or {}))
