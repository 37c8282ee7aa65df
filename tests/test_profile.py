"""A profile is a fold: order, partition and storage leave no trace in it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.people import NOW, actions_of
from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import ArtefactError, BadInput
from vibrator.profile import RING, Profile, read_actions, weighted_user_embedding

ENCODER = InstructionalEncoder("embedded")
TOPICS = ("ridge path", "plum cake", "query planner", "night train", "brass band")


def log(count, seed=0, *, spread_hours=400.0):
    rng = np.random.default_rng(seed)
    kinds = ("write", "click", "dismiss", "read")
    return [
        UserAction(
            str(rng.choice(kinds)),
            f"{rng.choice(TOPICS)} {i % 7}",
            timestamp=NOW - timedelta(hours=float(rng.uniform(0, spread_hours))),
            action_id=str(i),
        )
        for i in range(count)
    ]


def vector_by_hand(actions, now, half_life):
    rows = ENCODER.encode_actions(actions).astype(float)
    ages = np.array([(now - a.timestamp).total_seconds() for a in actions])
    decay = np.where(ages >= 0, np.exp2(-ages / half_life.total_seconds()), 0.0)
    weights = np.array([a.weight for a in actions])
    return (weights * decay) @ rows / (np.abs(weights) * decay).sum()


def same(one, other, tolerance=1e-6):
    a, b = one.at(NOW), other.at(NOW)
    assert np.allclose(a.vector, b.vector, atol=tolerance)
    assert a.evidence == pytest.approx(b.evidence, rel=tolerance)
    assert a.recency_hours == pytest.approx(b.recency_hours, abs=tolerance)
    assert (one.counts, one.last_seen) == (other.counts, other.last_seen)
    assert [action for action, _ in one.recent()] == [action for action, _ in other.recent()]


def test_the_user_vector_is_the_mean_of_fast_and_slow():
    actions = log(60)
    reading = Profile.from_actions(actions, ENCODER).at(NOW)
    fast = vector_by_hand(actions, NOW, timedelta(days=1))
    slow = vector_by_hand(actions, NOW, timedelta(days=14))
    assert np.allclose(reading.vector, (fast + slow) / 2, atol=1e-6)


@pytest.mark.parametrize("count", [1, 5, RING])
def test_the_shares_of_the_actions_make_up_the_user_vector(count):
    actions = log(count)
    rows = ENCODER.encode_actions(actions)
    kept = Profile.from_actions(actions, ENCODER).at(NOW)
    for reading in (kept, read_actions(actions, rows, NOW)):
        assert np.allclose(np.asarray(reading.shares) @ reading.vectors, reading.vector, atol=1e-6)
        assert np.allclose(reading.vector, kept.vector, atol=1e-6)


def test_the_shares_of_many_actions_are_what_is_left_of_them():
    actions = sorted(log(60), key=lambda action: action.timestamp)
    ages = np.array([(NOW - action.timestamp).total_seconds() / 86_400 for action in actions])
    weights = np.array([action.weight for action in actions])
    decays = np.exp2(-ages / np.array([[1.0], [14.0]]))
    expected = (weights * decays / (np.abs(weights) * decays).sum(axis=1, keepdims=True)).mean(
        axis=0
    )
    reading = Profile.from_actions(actions, ENCODER).at(NOW)
    assert reading.actions == tuple(actions[-RING:])
    assert np.allclose(reading.shares, expected[-RING:])


def test_an_action_without_a_time_never_fades():
    actions = [UserAction("click", "plum cake"), *actions_of("ada")]
    later = NOW + timedelta(days=3650)
    vector = Profile.from_actions(actions, ENCODER).at(later).vector
    assert np.allclose(vector, ENCODER.encode_actions(actions[:1])[0], atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_any_order_and_any_partition_give_the_same_profile(count, seed, parts):
    actions = log(count + 1, seed)
    rng = np.random.default_rng(seed)
    shuffled = [actions[i] for i in rng.permutation(len(actions))]
    pieces = [Profile.from_actions(shuffled[i::parts], ENCODER) for i in range(parts)]
    merged = pieces[0]
    for piece in pieces[1:]:
        merged = merged.merge(piece)
    same(merged, Profile.from_actions(actions, ENCODER))


def test_a_late_event_counts_as_if_it_had_come_in_time():
    actions = log(80)
    late = Profile.from_actions(actions[1:], ENCODER)
    late.add(actions[:1], ENCODER.encode_actions(actions[:1]))
    same(late, Profile.from_actions(actions, ENCODER))


def test_an_event_from_the_future_weighs_nothing_yet():
    future = UserAction("write", "brass band", timestamp=NOW + timedelta(days=10))
    with_it = Profile.from_actions([*actions_of("ada"), future], ENCODER).at(NOW)
    without = Profile.from_actions(actions_of("ada"), ENCODER).at(NOW)
    assert np.allclose(with_it.vector, without.vector)
    assert with_it.evidence == pytest.approx(without.evidence)
    assert with_it.recency_hours == without.recency_hours


def hourly(count):
    return [
        UserAction(
            "click", f"ridge path {i % 9}", timestamp=NOW - timedelta(hours=i), action_id=str(i)
        )
        for i in range(count)
    ]


def test_reading_earlier_than_the_newest_actions_is_exact_or_refused():
    actions = hourly(40)
    profile = Profile.from_actions(actions, ENCODER)
    earlier = NOW - timedelta(hours=10, minutes=30)
    by_hand = Profile.from_actions([a for a in actions if a.timestamp <= earlier], ENCODER)
    assert profile.at(earlier).evidence == pytest.approx(by_hand.at(earlier).evidence)
    assert np.allclose(profile.at(earlier).vector, by_hand.at(earlier).vector)
    long = Profile.from_actions(hourly(200), ENCODER)
    with pytest.raises(BadInput, match="folded already"):
        long.at(NOW - timedelta(hours=150))


def test_more_events_of_the_future_than_the_ring_holds_weigh_nothing():
    future = [
        UserAction("click", f"brass band {i}", timestamp=NOW + timedelta(hours=i + 1))
        for i in range(20)
    ]
    past = actions_of("ada")
    mixed = Profile.from_actions([*past, *future], ENCODER).at(NOW)
    alone = Profile.from_actions(past, ENCODER).at(NOW)
    assert mixed.evidence == pytest.approx(alone.evidence)
    assert np.allclose(mixed.vector, alone.vector)


def evidence_in_threads(profile, threads=4):
    with ThreadPoolExecutor(threads) as pool:
        return set(pool.map(lambda _: profile.at(NOW).evidence, range(threads)))


def test_threads_that_read_one_profile_agree():
    found = [evidence_in_threads(Profile.from_actions(hourly(60), ENCODER)) for _ in range(40)]
    assert all(len(answers) == 1 for answers in found)


def test_vectors_that_are_not_finite_are_refused():
    rows = ENCODER.encode_actions(actions_of("ada")).copy()
    rows[0, 0] = np.nan
    with pytest.raises(BadInput, match="finite"):
        Profile().add(actions_of("ada"), rows)
    with pytest.raises(BadInput, match="finite"):
        read_actions(actions_of("ada"), rows, NOW)


def test_years_of_silence_leave_a_direction_but_no_evidence():
    reading = Profile.from_actions(actions_of("ada"), ENCODER).at(NOW + timedelta(days=20_000))
    assert np.isfinite(reading.vector).all()
    assert np.linalg.norm(reading.vector) > 0
    assert reading.evidence < 1e-6


def test_bytes_give_an_equal_profile_back():
    profile = Profile.from_actions([*log(40), UserAction("chat", "no time")], ENCODER)
    again = Profile.from_bytes(profile.to_bytes())
    same(again, profile, tolerance=1e-12)
    assert again.fingerprint == ENCODER.fingerprint
    assert again.to_bytes() == profile.to_bytes()


@pytest.mark.parametrize(
    "content", [b"", b"\x05\x00\x00\x00hello", b'\x0d\x00\x00\x00{"format": 0}']
)
def test_foreign_bytes_are_refused(content):
    with pytest.raises(ArtefactError, match="profile"):
        Profile.from_bytes(content)


def test_a_list_scored_once_reads_like_a_profile():
    actions = [*log(RING), UserAction("chat", "no time", metadata={"age_hours": 3.0})]
    once = read_actions(actions, ENCODER.encode_actions(actions), NOW)
    kept = Profile.from_actions(actions, ENCODER).at(NOW)
    assert np.allclose(once.vector, kept.vector, atol=1e-7)
    assert once.evidence == pytest.approx(kept.evidence)
    assert once.recency_hours == pytest.approx(kept.recency_hours)


def test_age_hours_feeds_recency_alone():
    fresh = [UserAction("chat", "plum cake")]
    old = [UserAction("chat", "plum cake", metadata={"age_hours": 36.0})]
    a, b = (Profile.from_actions(x, ENCODER).at(NOW) for x in (fresh, old))
    assert np.allclose(a.vector, b.vector)
    assert (a.recency_hours, b.recency_hours) == (0.0, 36.0)


def test_memory_does_not_grow_with_the_history():
    sizes = [len(Profile.from_actions(log(n), ENCODER).to_bytes()) for n in (50, 500)]
    assert sizes[1] < sizes[0] * 1.05


def test_vectors_of_another_encoder_do_not_mix():
    profile = Profile.from_actions(actions_of("ada"), ENCODER)
    with pytest.raises(BadInput, match="do not mix"):
        profile.add(
            actions_of("ada"), ENCODER.encode_actions(actions_of("ada")), fingerprint="other"
        )
    with pytest.raises(BadInput, match="dimensions"):
        profile.add(actions_of("ada"), np.ones((3, 7)))


def test_half_lives_must_be_in_order():
    with pytest.raises(BadInput, match="half-lives"):
        Profile(fast=timedelta(days=2), slow=timedelta(days=1))


@pytest.mark.parametrize(
    ("power", "shares"), [(1.0, (1.5, -1.0)), (0.0, (1.0, -1.0)), (2.0, (2.25, -1.0))]
)
def test_weight_temperature_raises_weights_to_a_power(power, shares):
    actions = [UserAction("write", "plum cake"), UserAction("dismiss", "brass band")]
    rows = ENCODER.encode_actions(actions)
    by_hand = (shares[0] * rows[0] + shares[1] * rows[1]) / sum(map(abs, shares))
    assert np.allclose(weighted_user_embedding(ENCODER, actions, power), by_hand, atol=1e-6)


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf"), "hot", None])
def test_a_weight_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(BadInput, match="weight_temperature"):
        weighted_user_embedding(ENCODER, log(2), temperature)


def test_what_is_no_list_of_actions_makes_no_profile():
    for actions in (None, log(1)[0]):
        with pytest.raises(BadInput, match="actions must be a list"):
            Profile.from_actions(actions)
    with pytest.raises(BadInput, match="half-lives must satisfy"):
        Profile(fast=3)


def test_what_is_no_bytes_is_refused_as_a_profile():
    with pytest.raises(BadInput, match="must be bytes, got NoneType"):
        Profile.from_bytes(None)
