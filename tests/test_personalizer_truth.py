"""The log is the truth: what is kept online equals what the log says, whatever happens."""

import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vibrator.actions import UserAction
from vibrator.bandits import BanditPolicy, bandit
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import UnknownName
from vibrator.personalizer import Personalizer
from vibrator.stores import Which

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}
ITEMS = {"grpc": "a guide to gRPC", "ridge": "a ridge traverse"}
WORDS = [f"{what} {n}" for what in ("ridge walk", "gRPC stream", "plum cake") for n in range(8)]


class Clock:
    now = NOON

    def __call__(self):
        return self.now


def opened(folder, clock, **options):
    given = {"encoder": "embedded", "clock": clock, "rng": np.random.default_rng(0), **options}
    return Personalizer.open(f"sqlite:///{folder}/app.db", sliders=SLIDERS, **given)


def state(app, user):
    profile = app._folding.profile(user, app.clock())
    reading = profile.at(app.clock())
    numbers = np.zeros(1) if reading is None else np.append(reading.vector, reading.evidence)
    return profile.counts, profile.last_seen, numbers


def assert_same(one, other):
    assert one[:2] == other[:2]
    np.testing.assert_allclose(one[2], other[2], atol=1e-6)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("observe"),
            st.sampled_from(["ada", "bruno", "anonymous"]),
            st.lists(st.tuples(st.integers(0, 23), st.integers(-900, 30)), min_size=1, max_size=25),
        ),
        st.tuples(st.just("look"), st.sampled_from(["ada", "bruno", "anonymous"]), st.none()),
        st.tuples(st.just("restart"), st.none(), st.none()),
        st.tuples(st.just("wait"), st.integers(1, 72), st.none()),
        st.tuples(st.just("merge"), st.none(), st.none()),
        st.tuples(st.just("decide"), st.sampled_from(["ada", "bruno", "anonymous"]), st.none()),
        st.tuples(st.just("outcome"), st.integers(0, 9), st.sampled_from([0.0, 0.3, 1.0])),
        st.tuples(st.just("forget"), st.just("bruno"), st.none()),
    ),
    min_size=3,
    max_size=18,
)


def play(app, clock, step, made):
    """One step; whether it was a restart."""
    verb, subject, details = step
    if verb == "observe":
        # The same word at the same distance from now is a duplicate.
        times = [(w, clock.now + timedelta(hours=h), f"{w}/{h}") for w, h in details]
        actions = [UserAction("click", WORDS[w], timestamp=t, action_id=i) for w, t, i in times]
        app.observe(subject, actions)
    elif verb == "look":
        app.profile(subject)
    elif verb == "wait":
        clock.now += timedelta(hours=subject)
    elif verb == "merge":
        app.merge_users("anonymous", "ada")
    elif verb == "decide":
        made.append(app.decide(subject, ITEMS).decision_id)
    elif verb == "outcome" and made:
        with suppress(UnknownName):  # its user was forgotten
            app.outcome(made[subject % len(made)], "click", reward=details)
    elif verb == "forget":
        app.forget(subject)
    return verb == "restart"


def intent(app, user):
    now = app.clock()
    state = app._past(user, now)["intent"]
    return np.concatenate([state.fast_prefs(now), state.slow_prefs(now)])


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_what_is_kept_online_equals_a_rebuild(steps):
    users = ("ada", "bruno", "anonymous")
    with tempfile.TemporaryDirectory() as folder:
        clock, made = Clock(), []
        app = opened(folder, clock, policy=learning_policy())
        for step in steps:
            if play(app, clock, step, made):
                app.close()
                app = opened(folder, clock, policy=learning_policy())
        online = [state(app, user) for user in users]
        learnt, wanted = weights(app), [intent(app, user) for user in users]
        app.rebuild()
        for user, kept, want in zip(users, online, wanted, strict=True):
            assert_same(kept, state(app, user))
            np.testing.assert_allclose(want, intent(app, user), atol=1e-6)
        np.testing.assert_allclose(learnt, weights(app), atol=1e-6)
        app.close()


def test_intent_does_not_depend_on_the_order_of_arrival(tmp_path):
    clock = Clock()
    early, late = (opened(tmp_path, clock, tenant=name) for name in ("early", "late"))
    deeds = [
        UserAction("click", WORDS[n % 24], timestamp=NOON - timedelta(hours=n), action_id=str(n))
        for n in range(60)
    ]
    early.observe("ada", deeds[::-1])
    for deed in np.random.default_rng(0).permutation(deeds):
        late.observe("ada", [deed, deed])

    np.testing.assert_allclose(intent(early, "ada"), intent(late, "ada"), atol=1e-9)
    early.close()
    late.close()


def learning_policy():
    return BanditPolicy(
        bandit("linucb", arms=["grpc", "ridge"], d=1), lambda situation, arms: [1.0], name="learner"
    )


def weights(app):
    with app._learner.turn:
        model = app._learner.current().bandit.model
        return np.asarray(model.estimate([[1.0]], needs=()).mean)


def test_a_bandit_kept_online_equals_a_rebuild_and_another_process(tmp_path):
    clock = Clock()
    app, other = (opened(tmp_path, clock, policy=learning_policy()) for _ in range(2))
    for step in range(30):
        who = app if step % 3 else other
        decision = who.decide("ada", ITEMS)
        who.outcome(decision.decision_id, "click", reward=float(decision.arm == "ridge"))
        who.outcome(decision.decision_id, "click", reward=1.0)  # told twice: once counted
    online = weights(app)

    np.testing.assert_allclose(weights(other), online, atol=1e-12)
    app.rebuild()
    np.testing.assert_allclose(weights(app), online, atol=1e-12)
    app.close()
    again = opened(tmp_path, clock, policy=learning_policy())
    np.testing.assert_allclose(weights(again), online, atol=1e-12)
    again.close()
    other.close()


SECRET = "a secret wish for a lighthouse"
ADA = "ada@example.org"  # "ada" alone could stand in any hexadecimal number


def lived(folder, clock, *, with_ada, **options):
    """A store in which Bruno lived, and Ada may have."""
    app = opened(folder, clock, **options)
    app.add_items(ITEMS)
    for step in range(40):
        clock.now = NOON + timedelta(minutes=step)
        for user in (ADA, "bruno") if with_ada else ("bruno",):
            words = "shared words" if step == 3 else f"{SECRET if user == ADA else 'cake'} {step}"
            app.observe(user, UserAction("write", words, action_id=f"{user}{step}"))
            decision = app.decide(user, ITEMS, {"note": words})
            app.outcome(
                decision.decision_id, "click", reward=0.5 if user == ADA else float(decision.acted)
            )
    return app


class Slow:
    """The embedded model without its word that it is instant: stores keep vectors of such."""

    def __init__(self, model):
        self.name, self.revision, self.dimensions = model.name, model.revision, model.dimensions
        self.takes_instructions, self.vectors = model.takes_instructions, model.vectors


def slow_encoder():
    encoder = InstructionalEncoder("embedded")
    vars(encoder)["model"] = Slow(encoder.model)
    return encoder


def raw(folder):
    return b"".join(path.read_bytes() for path in sorted(Path(folder).iterdir()))


@pytest.mark.parametrize("kept", [0, 39])  # the shared words stay cached
def test_forgetting_leaves_not_a_byte(kept, tmp_path):
    encoder = slow_encoder() if kept else InstructionalEncoder("embedded")
    app = lived(tmp_path, Clock(), with_ada=True, encoder=encoder)
    assert SECRET.encode() in raw(tmp_path)
    receipt = app.forget(ADA)

    assert (receipt.verified, receipt.pending, receipt.users) == (True, (), (ADA,))
    assert receipt.removed["events"] == 120
    assert receipt.removed["vectors"] == kept
    left = raw(tmp_path)
    assert SECRET.encode() not in left
    assert ADA.encode() not in left
    assert b"bruno" in left
    app.close()


@pytest.mark.parametrize("way", ["forget", "expire"])
def test_words_that_two_left_in_two_ways_leave_no_vector(way, tmp_path):
    app = opened(tmp_path, Clock(), encoder=slow_encoder())
    app.observe(ADA, UserAction("write", "the same words"))
    app.observe("bruno", UserAction("click", "the same words"))
    for user in (ADA, "bruno"):
        app.profile(user)
    if way == "forget":
        gone = [app.forget(user).removed["vectors"] for user in (ADA, "bruno")]
        assert gone == [1, 1]  # each takes along what nobody else left in that way
    else:
        app.clock.now += timedelta(days=2)
        assert app.expire(timedelta(days=1)).removed["vectors"] == 2
    app.close()


def test_after_forgetting_scores_are_those_of_a_store_that_never_knew(tmp_path):
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    knew = lived(tmp_path / "with", Clock(), with_ada=True, policy=learning_policy())
    never = lived(tmp_path / "without", Clock(), with_ada=False, policy=learning_policy())
    before = weights(knew)
    knew.forget(ADA)

    assert_same(state(knew, "bruno"), state(never, "bruno"))
    assert state(knew, ADA)[0] == {}
    raw_score = [app.score("bruno", "grpc")["grpc"]["depth"].raw_score for app in (knew, never)]
    assert raw_score[0] == pytest.approx(raw_score[1], abs=1e-9)
    assert not np.allclose(before, weights(knew))
    pairs = list(knew.store.decisions.outcomes(Which()))
    assert {decision.user_id for _, decision, _ in pairs} == {"bruno"}
    knew.close()
    never.close()


def test_a_bandit_after_forgetting_is_folded_from_what_is_left(tmp_path):
    app = lived(tmp_path, Clock(), with_ada=True, policy=learning_policy())
    other = opened(tmp_path, app.clock, policy=learning_policy())
    other.decide("bruno", ITEMS)
    app.forget(ADA)
    fresh = learning_policy()
    for _, decision, outcome in app.store.decisions.outcomes(Which()):
        fresh.learn(decision, outcome)

    expected = np.asarray(fresh.bandit.model.estimate([[1.0]], needs=()).mean)
    np.testing.assert_allclose(weights(app), expected, atol=1e-12)
    np.testing.assert_allclose(weights(other), expected, atol=1e-12)  # the other process too
    app.close()
    other.close()


def test_forgetting_a_merged_user_forgets_the_anonymous_past(tmp_path):
    app = opened(tmp_path, Clock())
    app.observe("cookie-77", UserAction("write", SECRET))
    app.merge_users("cookie-77", ADA)
    app.observe(ADA, UserAction("write", "more of it"))
    app.profile(ADA)

    assert app.forget("cookie-77").users == (ADA, "cookie-77")
    assert b"cookie-77" not in raw(tmp_path)
    assert SECRET.encode() not in raw(tmp_path)
    app.close()


def test_forgetting_says_what_a_reader_in_the_way_kept_it_from(tmp_path):
    app = lived(tmp_path, Clock(), with_ada=True)
    app.store.database.busy_seconds = 0.1
    app.close()  # connections made from here on wait less
    reader = opened(tmp_path, Clock())
    with reader.store.database.reading() as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM events").fetchone()
        pending = app.forget(ADA).pending
        connection.execute("COMMIT")

    assert len(pending) == 1
    assert "store compact" in pending[0]
    assert app.store.compact() == ()
    assert SECRET.encode() not in raw(tmp_path)
    app.close()
    reader.close()


def test_old_events_expire_with_what_was_made_of_them(tmp_path):
    clock = Clock()
    app = opened(tmp_path, clock)
    app.observe(ADA, [UserAction("write", f"{SECRET} {n}") for n in range(20)])
    app.profile(ADA)
    app.set_consent(ADA, "personalization", False)
    clock.now += timedelta(days=40)
    app.observe(ADA, UserAction("write", "a fresh one"))
    receipt = app.expire(timedelta(days=30))

    assert (receipt.removed["events"], receipt.verified) == (20, True)
    assert app.profile(ADA).events == 1
    assert not app.decide(ADA, ITEMS).acted  # a no does not wear off
    assert SECRET.encode() not in raw(tmp_path)
    app.close()


def test_a_receipt_is_plain_values(tmp_path):
    app = opened(tmp_path, Clock())
    receipt = replace(app.forget("nobody"), pending=("x",))
    assert receipt.to_dict()["at"] == "2026-03-01T12:00:00+00:00"
    assert receipt.to_dict()["pending"] == ("x",)
    app.close()
