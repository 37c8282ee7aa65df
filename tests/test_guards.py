"""Guards: no sequence of decisions and clocks exceeds a cap or acts without consent."""

from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibrator.decisions import NOTHING, Consent, Guard, Outcome, Situation
from vibrator.errors import BadInput
from vibrator.intent.guards import (
    EXPLORE,
    ConsentGuard,
    CoolDown,
    DoNothingBelow,
    ExplorationCap,
    FrequencyCap,
    FreshIntent,
    Holdout,
    QuietHours,
    best_score_of,
    decide,
    review,
)
from vibrator.intent.policies import LiquidBandits, Static, Thresholds
from vibrator.intent.state import IntentState

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CLOCKS = st.lists(st.integers(-200, 200), min_size=1, max_size=60)  # hours, in any order
SHOW = Static()


def situation(at=NOW, **more):
    return Situation(**{"user_id": "chioma", "at": at, "candidates": ("trail", "road")} | more)


def consent(granted=True, at=NOW - DAY, **more):
    known = {"user_id": "chioma", "purpose": "personalization", "granted": granted, "at": at}
    return Consent(**known | more)


def shown(*clocks, guards=(), surface="default", policy=SHOW, seed=0):
    """Decisions made one after the other, each knowing those before it."""
    rng, history = np.random.default_rng(seed), ()
    for hours in clocks:
        here = situation(NOW + hours * HOUR, history=history, surface=surface)
        history = (*history, decide(policy, here, guards=guards, rng=rng))
    return [decision for decision in history if decision.acted]


@given(CLOCKS, st.integers(0, 4), st.integers(1, 72))
def test_no_span_ever_holds_more_than_the_cap(clocks, limit, hours):
    window = hours * HOUR
    acted = sorted(d.at for d in shown(*clocks, guards=[FrequencyCap(limit, window)]))

    for start in acted:
        assert sum(start <= at < start + window for at in acted) <= limit


@given(CLOCKS)
def test_a_cap_by_surface_counts_surfaces_apart(clocks):
    cap = FrequencyCap(1, DAY, per_surface=True)
    elsewhere = tuple(shown(*clocks, surface="mail"))

    assert not cap.refusals(situation(history=elsewhere, surface="app"))
    assert cap.refusals(situation(elsewhere[0].at, history=elsewhere, surface="mail"))


CONSENTS = st.lists(
    st.builds(
        consent,
        granted=st.booleans(),
        at=st.integers(-200, 200).map(lambda hours: NOW + hours * HOUR),
        until=st.none() | st.integers(-200, 200).map(lambda hours: NOW + hours * HOUR),
        purpose=st.sampled_from(["personalization", "research"]),
        user_id=st.sampled_from(["chioma", "bruno"]),
    ),
    max_size=8,
)


@given(CONSENTS, st.integers(-200, 200))
def test_nothing_is_shown_without_a_consent_that_holds(consents, hours):
    here = situation(NOW + hours * HOUR, consents=tuple(consents))
    decision = decide(SHOW, here, guards=[ConsentGuard()], rng=np.random.default_rng(0))

    about = [c for c in consents if (c.user_id, c.purpose) == ("chioma", "personalization")]
    if decision.acted:
        assert any(c.holds(here.at) for c in about)
        assert not any(
            c.at > max(y.at for y in about if y.holds(here.at))
            for c in about
            if c.at <= here.at and not c.granted
        )


def test_a_later_no_takes_a_yes_back():
    yes, no = consent(at=NOW - 2 * DAY), consent(granted=False)

    assert ConsentGuard().refusals(situation(consents=(no, yes)))
    assert not ConsentGuard().refusals(situation(consents=(yes,)))
    assert ConsentGuard(required=False).refusals(situation(consents=(no,)))


def test_silence_is_consent_only_where_it_is_not_required():
    assert ConsentGuard().refusals(situation())
    assert not ConsentGuard(required=False).refusals(situation())
    assert ConsentGuard(required=False).refusals(situation(consents=(consent(until=NOW),)))


@pytest.mark.parametrize(
    ("zone", "quiet"), [("UTC", False), ("Asia/Tokyo", False), ("Pacific/Auckland", True)]
)
def test_quiet_hours_follow_the_users_clock(zone, quiet):
    night = QuietHours(time(22), time(7))  # at noon UTC it is 21:00 in Tokyo, 01:00 in Auckland

    assert bool(night.refusals(situation(context={"timezone": zone}))) is quiet


def test_a_zone_nobody_knows_is_refused():
    with pytest.raises(BadInput, match="IANA"):
        QuietHours(time(22), time(7), zone="Mars/Olympus")
    with pytest.raises(BadInput, match="IANA"):
        QuietHours(time(22), time(7)).refusals(situation(context={"timezone": "Mars"}))


def test_a_dismissal_cools_down_all_or_only_its_items():
    (past,) = shown(-2)
    outcome = Outcome(decision_id=past.decision_id, what="dismiss", at=NOW - HOUR)
    here = situation(history=(past,), outcomes=(outcome,))

    assert set(CoolDown(DAY).refusals(here)) == {"trail", "road"}
    assert set(CoolDown(DAY, items_only=True).refusals(here)) == set(past.chosen)
    assert not CoolDown(HOUR).refusals(here)


def test_intent_goes_stale_at_its_ttl():
    intent = IntentState(1)
    assert FreshIntent(DAY).refusals(situation(intent=intent))

    intent.update(0, NOW - HOUR)

    assert not FreshIntent(2 * HOUR).refusals(situation(intent=intent))
    assert FreshIntent(HOUR).refusals(situation(intent=intent))


def test_a_threshold_looks_at_confidence_or_at_scores():
    by_score = DoNothingBelow(0.5, best_score_of)

    assert set(by_score.refusals(situation(scores=[[0.2, 0.6], [0.1, 0.4]]))) == {"road"}
    assert set(by_score.refusals(situation())) == {"trail", "road"}
    assert set(DoNothingBelow(0.5).refusals(situation())) == {"trail", "road"}


@settings(max_examples=30)
@given(CLOCKS, st.integers(0, 3))
def test_exploration_never_exceeds_its_cap(clocks, limit):
    curious = LiquidBandits(Thresholds(bandit_epsilon=1.0))
    rng, history = np.random.default_rng(0), ()
    for hours in clocks:
        here = situation(NOW + hours * HOUR, history=history)
        history = (*history, decide(curious, here, guards=[ExplorationCap(limit, DAY)], rng=rng))

    tried = sorted(d.at for d in history if d.features["explored"])
    for start in tried:
        assert sum(start <= at < start + DAY for at in tried) <= limit


@given(st.floats(0, 1))
def test_a_holdout_is_as_large_as_it_says_and_grows_without_swapping(share):
    users = [f"user-{n}" for n in range(1000)]
    held = {user for user in users if Holdout(share).holds(user)}

    assert abs(len(held) / 1000 - share) <= 4 * (share * (1 - share) / 1000) ** 0.5 + 1e-9
    assert held <= {user for user in users if Holdout(min(share + 0.1, 1.0)).holds(user)}


def test_every_refusal_is_masked_inside_the_propensity_and_logged():
    rng = np.random.default_rng(0)
    decision = decide(LiquidBandits(), situation(), guards=[Holdout(1.0)], rng=rng)

    assert (decision.arm, decision.propensity) == (NOTHING, 1.0)
    assert decision.propensities == {NOTHING: 1.0, "one": 0.0, "top-10": 0.0}
    assert set(decision.refusals) == {"trail", "road"}
    assert all(reason.startswith("holdout: ") for reason in decision.refusals.values())


def test_the_first_guard_gives_the_reason_and_strays_are_refused():
    class Stray:
        name = "stray"

        def refusals(self, _):
            return {"elsewhere": "no"}

    both = review([Holdout(1.0), ConsentGuard()], situation())
    assert {reason.partition(":")[0] for reason in both.values()} == {"holdout"}
    with pytest.raises(BadInput, match="no candidate"):
        review([Stray()], situation())


def test_a_policy_that_ignores_the_guards_is_caught():
    class Deaf:
        name = "deaf"

        def propose(self, here, refused, rng):
            return SHOW.propose(here, {}, rng)

    with pytest.raises(BadInput, match="refused"):
        decide(Deaf(), situation(), guards=[Holdout(1.0)], rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: FrequencyCap(-1, DAY),
        lambda: FrequencyCap(1, timedelta(0)),
        lambda: FrequencyCap(True, DAY),
        lambda: QuietHours(time(7), time(7)),
        lambda: Holdout(1.5),
        lambda: Holdout(0.5, salt=""),
        lambda: CoolDown(-DAY),
        lambda: FreshIntent(timedelta(0)),
        lambda: DoNothingBelow(float("nan")),
    ],
)
def test_guards_are_valid_from_birth(wrong):
    with pytest.raises(BadInput):
        wrong()


@pytest.mark.parametrize(
    "guard",
    [ConsentGuard(), FrequencyCap(1, DAY), CoolDown(DAY), FreshIntent(DAY), Holdout(0.1)],
    ids=lambda guard: guard.name,
)
def test_guards_keep_the_port(guard):
    assert isinstance(guard, Guard)
    assert EXPLORE not in guard.refusals(situation())
