"""Guards: no sequence of decisions and clocks exceeds a cap or acts without consent."""

from dataclasses import replace
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


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Mars", "", "../UTC", "America", None, 3])
def test_a_zone_nobody_knows_is_refused(zone):
    with pytest.raises(BadInput, match=rf"^timezone must be an IANA name .* got {zone!r}"):
        QuietHours(time(22), time(7), zone=zone)
    with pytest.raises(BadInput, match=r"^timezone must be an IANA name"):
        QuietHours(time(22), time(7)).refusals(situation(context={"timezone": zone}))


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


def test_a_holdout_keeps_the_people_that_it_has():
    """The same ones in every release: what doing nothing brings is measured over months."""
    users = [f"user-{n}" for n in range(20)]
    assert [n for n, user in enumerate(users) if Holdout(0.2).holds(user)] == [3, 7, 10, 11, 13, 19]
    salted = [n for n, user in enumerate(users) if Holdout(0.2, salt="another").holds(user)]
    assert salted == [4, 9, 17]


def test_a_span_ends_when_it_has_passed():
    """At the very moment at which a window or a cool-down ends it holds nothing any more."""
    first, second = shown(-24)[0], shown(0)[0]
    for guard in (FrequencyCap(1, DAY), CoolDown(DAY)):
        outcome = Outcome(decision_id=first.decision_id, what="dismiss", at=NOW - DAY)
        assert not guard.refusals(situation(history=(first,), outcomes=(outcome,)))
    assert FrequencyCap(1, DAY).refusals(situation(NOW + DAY - HOUR, history=(second,)))
    tried = replace(first, features={"explored": True})
    assert not ExplorationCap(1, DAY).refusals(situation(history=(tried,)))
    assert ExplorationCap(1, DAY).refusals(situation(NOW - HOUR, history=(tried,)))
    assert not ExplorationCap(1, DAY).refusals(situation(NOW - HOUR, history=(first,)))


@pytest.mark.parametrize(
    ("start", "end", "at", "quiet"),
    [
        (12, 14, 12, True), (12, 14, 13, True), (12, 14, 14, False), (12, 14, 11, False),
        (22, 7, 22, True), (22, 7, 0, True), (22, 7, 6, True), (22, 7, 7, False),
        (22, 7, 21, False),
    ],
)  # fmt: skip
def test_it_is_quiet_from_the_start_on_and_no_more_at_the_end(start, end, at, quiet):
    here = situation(NOW.replace(hour=at))
    assert bool(QuietHours(time(start), time(end)).refusals(here)) is quiet


def test_a_zone_of_ones_own_counts_where_the_context_names_none():
    """At noon UTC it is 21:00 in Tokyo."""
    evening = QuietHours(time(20), time(22), zone="Asia/Tokyo")

    assert evening.refusals(situation())
    assert not evening.refusals(situation(context={"timezone": "UTC"}))


def test_what_counts_as_a_dismissal_is_given_in_words_of_the_application():
    (past,) = shown(-2)
    snoozed = Outcome(decision_id=past.decision_id, what="snooze", at=NOW - HOUR)
    here = situation(history=(past,), outcomes=(snoozed,))

    assert not CoolDown(DAY).refusals(here)
    assert CoolDown(DAY, dismissals=("dismiss", "snooze")).refusals(here)


def test_what_reaches_the_threshold_is_shown_and_without_scores_nothing_does():
    by_score = DoNothingBelow(0.5, best_score_of)
    assert not by_score.refusals(situation(scores=[[0.5], [0.7]]))
    assert by_score.refusals(situation(scores=[[0.5], [float("nan")]])).keys() == {"road"}
    assert DoNothingBelow(-1e9, best_score_of).refusals(situation()).keys() == {"trail", "road"}

    intent = IntentState(1)
    intent.update(0, NOW - HOUR)
    sure = intent.combined_confidence(NOW)[1]
    assert sure > 0
    assert not DoNothingBelow(sure).refusals(situation(intent=intent))
    assert DoNothingBelow(sure + 1e-6).refusals(situation(intent=intent))
    assert not DoNothingBelow(0.0).refusals(situation())  # of nobody nothing is known: 0


DISMISSED = Outcome(decision_id="d", what="dismiss", at=NOW)


@pytest.mark.parametrize(
    ("guard", "more", "words"),
    [
        (ConsentGuard(), {}, "consent: no answer about 'personalization' yet; ask, then record a "
         "Consent"),
        (ConsentGuard(), {"consents": (consent(granted=False),)},
         "consent: 'personalization' was refused or withdrawn"),
        (ConsentGuard(), {"consents": (consent(until=NOW),)},
         "consent: 'personalization' ran out"),
        (FrequencyCap(0, HOUR), {}, "frequency cap: 0 of 0 within 1:00:00"),
        (FrequencyCap(0, HOUR, per_surface=True), {"surface": "mail"},
         "frequency cap: 0 of 0 within 1:00:00 on mail"),
        (QuietHours(time(11), time(13)), {}, "quiet hours: 12:00 in UTC, quiet 11:00-13:00"),
        (CoolDown(HOUR), {"outcomes": (DISMISSED,)},
         "cool-down: dismissed less than 1:00:00 ago"),
        (FreshIntent(HOUR), {}, "ttl: no event yet"),
        (DoNothingBelow(0.5), {}, "threshold: 0 below 0.5"),
        (Holdout(1.0), {}, "holdout: kept apart to measure what doing nothing brings"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
def test_the_log_says_in_words_which_guard_refused_and_why(guard, more, words):
    decision = decide(SHOW, situation(**more), guards=[guard], rng=np.random.default_rng(0))

    assert decision.refusals == {"trail": words, "road": words}
    assert decision.arm == NOTHING


def test_the_log_says_how_old_a_stale_intent_is_and_what_exploring_ran_into():
    intent = IntentState(1)
    intent.update(0, NOW - DAY)
    stale = review([FreshIntent(HOUR)], situation(intent=intent))
    assert stale["trail"] == "ttl: newest event 1 day, 0:00:00 old, limit 1:00:00"
    assert review([ExplorationCap(0, HOUR)], situation()) == {
        "explore": "exploration cap: 0 of 0 within 1:00:00"
    }


def test_a_decision_is_complete_when_it_is_made():
    here = situation(surface="mail", context={"segment": "new"})
    rng = np.random.default_rng(0)
    decision = decide(SHOW, here, rng=rng, versions={"model": "7"})
    again = decide(SHOW, here, rng=rng)
    proposal = SHOW.propose(here, {}, np.random.default_rng(0))

    assert bytes.fromhex(decision.decision_id) != bytes.fromhex(again.decision_id)
    assert len(decision.decision_id) == 32  # 16 bytes: no two decisions ever share one
    assert (decision.user_id, decision.at, decision.surface) == ("chioma", NOW, "mail")
    assert (decision.policy, decision.candidates) == (SHOW.name, here.candidates)
    assert (decision.context, decision.refusals) == ({"segment": "new"}, {})
    assert (decision.versions, again.versions) == ({"model": "7"}, {})
    for name in ("arm", "propensity", "reason", "propensities", "features"):
        assert getattr(decision, name) == getattr(proposal, name)
    assert decision.chosen == proposal.items


def test_a_no_and_a_yes_of_the_same_moment_are_a_no():
    yes, no = consent(), consent(granted=False)
    for said in ((yes, no), (no, yes)):
        assert ConsentGuard().refusals(situation(consents=said))
    assert not ConsentGuard().refusals(situation(NOW - DAY, consents=(yes,)))  # from its moment on


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: FrequencyCap(-1, DAY), "limit must not be negative, got -1"),
        (lambda: FrequencyCap(True, DAY), "limit must be a whole number, got True"),
        (lambda: FrequencyCap(1, timedelta(0)), "window must be a positive timedelta"),
        (lambda: FrequencyCap(1, 3600), "window must be a positive timedelta, got 3600"),
        (lambda: ExplorationCap(-1, DAY), "limit must not be negative, got -1"),
        (lambda: ExplorationCap(1, timedelta(0)), "window must be a positive timedelta"),
        (lambda: QuietHours(time(7), time(7)), "quiet hours must end at another time"),
        (lambda: Holdout(1.5), "share must lie from 0 to 1, got 1.5"),
        (lambda: Holdout(0.5, salt=""), "salt must be a text"),
        (lambda: CoolDown(-DAY), "span must be a positive timedelta"),
        (lambda: FreshIntent(timedelta(0)), "ttl must be a positive timedelta"),
        (lambda: DoNothingBelow(float("nan")), "threshold must be a finite number, got nan"),
    ],
)
def test_guards_are_valid_from_birth(wrong, words):
    with pytest.raises(BadInput, match=f"^{words}"):
        wrong()


@pytest.mark.parametrize(
    "guard",
    [ConsentGuard(), FrequencyCap(1, DAY), CoolDown(DAY), FreshIntent(DAY), Holdout(0.1)],
    ids=lambda guard: guard.name,
)
def test_guards_keep_the_port(guard):
    assert isinstance(guard, Guard)
    assert EXPLORE not in guard.refusals(situation())
