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


def test_actions_without_a_time_hold_their_ground_while_the_others_fade():
    profile = Profile()
    both = [UserAction("click", "a"), UserAction("click", "b", timestamp=NOW)]
    profile.add(both, [[1.0, 0.0], [0.0, 1.0]])
    reading = profile.at(NOW + timedelta(days=14))
    fast, slow = 2.0**-14, 2.0**-1
    expected = [(1 / (1 + fast) + 1 / (1 + slow)) / 2, (fast / (1 + fast) + slow / (1 + slow)) / 2]

    assert reading.vector == pytest.approx(expected)
    assert reading.evidence == pytest.approx(1 + slow)


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


@pytest.mark.parametrize("timeless", [0, 2])
@pytest.mark.parametrize("future", [0, 3])
def test_a_list_and_its_profile_say_the_same_whatever_the_times(timeless, future):
    lives = {"fast": timedelta(hours=5), "slow": timedelta(days=3)}
    undated = [
        UserAction("chat", f"plum cake {n}", metadata={"age_hours": 30.5 + n})
        for n in range(timeless)
    ]
    coming = [
        UserAction("write", "brass band", timestamp=NOW + timedelta(hours=n + 1))
        for n in range(future)
    ]
    actions = [*coming, *log(8, spread_hours=60.0), *undated]
    once = read_actions(actions, ENCODER.encode_actions(actions), NOW, **lives)
    kept = Profile.from_actions(actions, ENCODER, **lives).at(NOW)

    assert np.allclose(once.vector, kept.vector, atol=1e-7)
    assert np.allclose(once.shares @ once.vectors, once.vector, atol=1e-7)
    assert once.evidence == pytest.approx(kept.evidence)
    assert once.recency_hours == pytest.approx(kept.recency_hours)
    assert set(map(repr, once.actions)) == set(map(repr, kept.actions))


def test_a_list_of_what_is_still_to_come_is_nobody():
    coming = [UserAction("click", "brass band", timestamp=NOW + timedelta(seconds=1))]
    rows = ENCODER.encode_actions(coming)
    assert read_actions(coming, rows, NOW) is None
    assert read_actions(coming, rows, NOW + timedelta(seconds=1)).recency_hours == 0.0
    assert Profile.from_actions(coming, ENCODER).at(NOW) is None


def test_an_action_without_a_time_or_an_age_was_just_now():
    old = UserAction("click", "night train", timestamp=NOW - timedelta(hours=5))
    both = [old, UserAction("chat", "plum cake")]
    assert read_actions(both, ENCODER.encode_actions(both), NOW).recency_hours == 0.0
    assert read_actions([old], ENCODER.encode_actions([old]), NOW).recency_hours == 5.0
    assert Profile.from_actions(both, ENCODER).at(NOW).recency_hours == 0.0


def test_evidence_is_the_decayed_sum_of_absolute_weights():
    actions = log(10)
    rows = ENCODER.encode_actions(actions)
    ages = np.array([(NOW - action.timestamp) / timedelta(days=14) for action in actions])
    mass = np.abs([action.weight for action in actions]) @ np.exp2(-ages)
    assert Profile.from_actions(actions, ENCODER).at(NOW).evidence == pytest.approx(mass)
    assert read_actions(actions, rows, NOW).evidence == pytest.approx(mass)


def test_the_recent_actions_come_with_their_vectors_and_those_without_a_time_last():
    undated = UserAction("chat", "plum cake")
    actions = sorted(log(5), key=lambda action: action.timestamp)
    profile = Profile.from_actions([undated, *reversed(actions)], ENCODER)
    found = profile.recent()

    assert [action for action, _ in found] == [*actions, undated]
    expected = ENCODER.encode_actions([*actions, undated])
    assert np.array_equal(np.array([row for _, row in found]), expected)
    for only in (actions, [undated]):
        assert [a for a, _ in Profile.from_actions(only, ENCODER).recent()] == only


def test_an_empty_profile_is_nobody_everywhere():
    empty = Profile()
    assert (empty.events, empty.dimensions, empty.last_seen, empty.recent()) == (0, None, None, [])
    assert empty.at(NOW) is None
    empty.add([], np.empty((0, 4)))
    assert empty.dimensions is None
    again = Profile.from_bytes(empty.to_bytes())
    assert (again.at(NOW), again.dimensions, again.counts) == (None, None, {})
    full = Profile.from_actions(log(3), ENCODER)
    for merged in (empty.merge(full), full.merge(empty)):
        same(merged, full, tolerance=1e-12)
        assert merged.fingerprint == ENCODER.fingerprint


def test_words_that_nobody_read_yet_count_merge_and_wait_for_an_encoder():
    actions = log(6)
    one, other = Profile.from_actions(actions[:2]), Profile.from_actions(actions[2:])
    both = one.merge(other)

    assert (both.events, both.dimensions, len(one.unread)) == (6, None, 2)
    same(both.read_with(ENCODER), Profile.from_actions(actions, ENCODER))
    assert both.events == len(both.unread) == 6  # reading gives a new one
    read = both.read_with(ENCODER)
    assert (read.events, read.fingerprint) == (6, ENCODER.fingerprint)
    assert read.read_with(ENCODER) is read
    for asked in (lambda: both.at(NOW), both.to_bytes):
        with pytest.raises(BadInput, match="unread words"):
            asked()


def test_a_copy_goes_its_own_way():
    profile = Profile.from_actions([*log(4), UserAction("chat", "no time")], ENCODER)
    before = profile.to_bytes()
    twin = profile.copy()
    assert twin.to_bytes() == before
    more = log(20, seed=1)
    twin.add([*more, UserAction("chat", "again")], ENCODER.encode_actions([*more, more[0]]))
    assert (twin.events, profile.events) == (26, 5)
    assert profile.to_bytes() == before


def test_counts_and_the_last_time_are_those_of_all_actions():
    actions = log(30)
    profile = Profile.from_actions(actions, ENCODER)
    latest = max(action.timestamp for action in actions)
    assert profile.events == sum(profile.counts.values()) == 30
    assert profile.counts["click"] == sum(a.action_type == "click" for a in actions)
    assert profile.last_seen == latest
    halves = [Profile.from_actions(part, ENCODER) for part in (actions[:15], actions[15:])]
    assert halves[0].merge(halves[1]).last_seen == halves[1].merge(halves[0]).last_seen == latest


def test_sums_made_elsewhere_count_as_if_their_events_had_come_one_by_one():
    actions = sorted(log(60), key=lambda action: action.timestamp)
    old, new = actions[:40], actions[40:]
    rows = ENCODER.encode_actions(old).astype(float)
    anchor = old[-1].timestamp
    sums = []
    for life in (timedelta(days=1), timedelta(days=14)):
        ages = np.array([(anchor - action.timestamp) / life for action in old])
        weights = np.array([action.weight for action in old]) * np.exp2(-ages)
        sums.append([*(weights @ rows), np.abs(weights).sum()])
    profile = Profile.from_actions(new, ENCODER)
    counts = {"write": 3, "click": 37}
    profile.add_sums(sums, anchor.timestamp(), counts)
    whole = Profile.from_actions(actions, ENCODER)

    assert np.allclose(profile.at(NOW).vector, whole.at(NOW).vector, atol=1e-6)
    assert profile.at(NOW).evidence == pytest.approx(whole.at(NOW).evidence)
    assert profile.events == 60
    alone = Profile()
    alone.add_sums(sums, anchor.timestamp(), counts)
    assert alone.at(NOW).recency_hours == pytest.approx((NOW - anchor) / timedelta(hours=1))
    assert (alone.dimensions, alone.events) == (rows.shape[1], 40)
    for wrong, when in ((sums[0], 0.0), (sums[:1], 0.0), (sums, np.inf)):
        with pytest.raises(BadInput, match=r"^sums need two rows and a time"):
            Profile().add_sums(wrong, when, {})


def test_what_weighs_nothing_is_no_direction_but_was_there():
    silent = [UserAction("click", "plum cake", weight=0.0, timestamp=NOW - timedelta(hours=2))]
    reading = Profile.from_actions(silent, ENCODER).at(NOW)
    assert not reading.vector.any()
    assert (reading.evidence, reading.recency_hours) == (0.0, 2.0)
    assert reading.shares.tolist() == [0.0]


def test_words_in_any_script_are_stored_as_they_are():
    words = "größe 鉄道 поезд"
    content = Profile.from_actions([UserAction("click", words)], ENCODER).to_bytes()
    assert words.encode() in content
    assert Profile.from_bytes(content).recent()[0][0].content == words


def test_stored_actions_keep_all_that_they_were():
    actions = [
        UserAction("click", "plum cake", 0.25, NOW - timedelta(hours=1), "ada", "a1", {"x": 1}),
        UserAction("chat", "no time", metadata={"age_hours": 3.0}),
    ]
    lives = {"fast": timedelta(hours=3), "slow": timedelta(days=5)}
    profile = Profile.from_actions(actions, ENCODER, **lives)
    again = Profile.from_bytes(profile.to_bytes())
    assert [action for action, _ in again.recent()] == actions
    assert (again.fast, again.slow, again.last_seen) == (*lives.values(), profile.last_seen)
    later = NOW + timedelta(days=3)
    assert again.at(later).recency_hours == profile.at(later).recency_hours == 3.0
    never = Profile.from_bytes(Profile.from_actions(actions[:1], ENCODER).to_bytes())
    assert never.at(later).recency_hours == 73.0  # nothing without a time came later


def test_torn_bytes_are_refused_wherever_they_tear():
    content = Profile.from_actions(log(3), ENCODER).to_bytes()
    for torn in (content[:3], content[:40], content[:-1], content[: len(content) // 2]):
        with pytest.raises(ArtefactError, match=r"^not a profile, or torn"):
            Profile.from_bytes(torn)
    with pytest.raises(ArtefactError, match="must end where it says, got 1 bytes more"):
        Profile.from_bytes(content + b"x")
    with pytest.raises(ArtefactError, match=r"^profile format 7 is not 1"):
        Profile.from_bytes(content.replace(b'"format":1', b'"format":7'))
    for kind in (bytearray, memoryview):
        assert Profile.from_bytes(kind(content)).to_bytes() == content


def test_storing_changes_no_profile():
    """Between settlings more events are held apart than a file takes: it takes a settled copy."""
    profile = Profile.from_actions(hourly(40), ENCODER)
    earlier = NOW - timedelta(hours=20)
    before = profile.at(earlier).evidence
    again = Profile.from_bytes(profile.to_bytes())

    assert profile.at(earlier).evidence == before
    same(again, profile)
    with pytest.raises(BadInput, match="folded already"):
        again.at(earlier)
    assert len(again.recent()) == RING


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
    day = timedelta(days=1)
    for fast, slow in ((2 * day, day), (timedelta(0), day), (-day, day), (day, 3)):
        with pytest.raises(BadInput, match=r"^half-lives"):
            Profile(fast=fast, slow=slow)
    assert Profile(fast=day, slow=day).slow == day
    for other in (Profile(fast=2 * day), Profile(slow=2 * day)):
        with pytest.raises(BadInput, match="different half-lives"):
            Profile().merge(other)


@pytest.mark.parametrize("rows", [np.ones((2, 4)), np.ones(4), np.ones((1, 2, 4))])
def test_an_action_needs_a_row(rows):
    with pytest.raises(BadInput, match=r"^1 actions need as many rows"):
        Profile().add(log(1), rows)


def test_actions_of_equal_time_and_id_are_told_apart_by_what_they_say():
    """In any order of arrival the ring is the same, though nothing but the words differs."""
    actions = [UserAction("click", f"plum cake {n}", timestamp=NOW) for n in range(RING + 4)]
    there, back = (Profile.from_actions(way, ENCODER) for way in (actions, actions[::-1]))
    same(there, back)


@pytest.mark.parametrize(
    ("power", "shares"), [(1.0, (1.5, -1.0)), (0.0, (1.0, -1.0)), (2.0, (2.25, -1.0))]
)
def test_weight_temperature_raises_weights_to_a_power(power, shares):
    actions = [UserAction("write", "plum cake"), UserAction("dismiss", "brass band")]
    rows = ENCODER.encode_actions(actions)
    by_hand = (shares[0] * rows[0] + shares[1] * rows[1]) / sum(map(abs, shares))
    assert np.allclose(weighted_user_embedding(ENCODER, actions, power), by_hand, atol=1e-6)


def test_a_weighted_embedding_takes_weights_as_they_are_and_needs_some():
    actions = log(4)
    plain = weighted_user_embedding(ENCODER, actions, 1.0)
    assert np.array_equal(weighted_user_embedding(ENCODER, iter(actions)), plain)
    for none, words in (([], "at least one action"), ([UserAction("x", "y", 0.0)], "all be zero")):
        with pytest.raises(BadInput, match=words):
            weighted_user_embedding(ENCODER, none)


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf"), "hot", None])
def test_a_weight_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(BadInput, match=r"^weight_temperature"):
        weighted_user_embedding(ENCODER, log(2), temperature)


def test_what_is_no_list_of_actions_makes_no_profile():
    for actions in (None, log(1)[0]):
        with pytest.raises(BadInput, match=r"^actions must be a list"):
            Profile.from_actions(actions)
    with pytest.raises(BadInput, match=r"^half-lives must satisfy"):
        Profile(fast=3)


def test_what_is_no_bytes_is_refused_as_a_profile():
    with pytest.raises(BadInput, match="must be bytes, got NoneType"):
        Profile.from_bytes(None)
