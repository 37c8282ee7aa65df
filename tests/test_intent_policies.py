"""Policies in production: what they show, why, and with which probability."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibrator.decisions import NOTHING, Decision, Outcome, Policy, Situation
from vibrator.errors import BadInput, UnknownName
from vibrator.intent.arms import BetaArms, chances_to_win
from vibrator.intent.guards import EXPLORE, decide
from vibrator.intent.picks import BestScored, PopularFirst
from vibrator.intent.policies import (
    POLICIES,
    Blueprint,
    LiquidBandits,
    LiquidRules,
    Moments,
    Static,
    Thresholds,
    Triggers,
    build_policy,
)
from vibrator.intent.state import IntentState

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ITEMS = ("guide", "soup", "curry", "ridge", "creek")
KINDS = {"guide": "docs", "soup": "food", "curry": "food", "ridge": "trails", "creek": "trails"}
SHELF = PopularFirst(ITEMS, KINDS)


def bruno(**weights):
    intent = IntentState(["docs", "food", "trails"])
    for category, weight in weights.items():
        intent.update(category, NOW, weight)
    return Situation(user_id="bruno", at=NOW, candidates=ITEMS, intent=intent)


def proposed(policy, situation, refused=(), seed=0):
    return policy.propose(situation, dict.fromkeys(refused, "no"), np.random.default_rng(seed))


def test_static_shows_the_most_popular_item_that_is_left():
    assert proposed(Static(SHELF), bruno()).items == ("guide",)
    assert proposed(Static(SHELF), bruno(), refused=["guide"]).items == ("soup",)


def test_triggers_follow_the_last_event():
    assert proposed(Triggers(SHELF), bruno(food=5.0, trails=0.1)).items == ("ridge",)


@pytest.mark.parametrize(
    ("food", "shown"), [(1.0, ()), (1.5, ("soup",)), (2.5, ("soup", "curry", "guide"))]
)
def test_liquid_rules_show_as_much_as_confidence_permits(food, shown):
    rules = LiquidRules(Thresholds(top_k=3), SHELF)

    proposal = proposed(rules, bruno(food=food, trails=1.0))

    assert proposal.items == shown
    assert f"{food / (food + 1):.2f}" in proposal.reason
    assert proposal.propensity == 1.0


def test_nobody_known_gets_nothing_from_the_rules():
    stranger = Situation(user_id="new", at=NOW, candidates=ITEMS)

    assert proposed(LiquidRules(picker=SHELF), stranger).arm == NOTHING
    assert proposed(Static(SHELF), stranger).items == ("guide",)


def test_what_was_seen_is_not_shown_again():
    here = bruno(food=1.0)
    known = Situation(
        user_id="bruno", at=NOW, candidates=ITEMS, intent=here.intent, context={"seen": ["soup"]}
    )

    assert proposed(Triggers(SHELF), known).items == ("curry",)


@settings(max_examples=12, deadline=None)
@given(
    st.floats(0.1, 9.0),
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60),
    st.booleans(),
)
def test_logged_propensities_are_the_frequencies_of_the_draw(food, learnt, greedy):
    bandit = LiquidBandits(Thresholds(bandit_epsilon=0.2), SHELF)
    for arm, won in learnt:
        bandit.arms.pay(arm, won=won)
    rng, n = np.random.default_rng(1), 400
    refused = {EXPLORE: "enough"} if greedy else {}
    here = bruno(food=food, trails=1.0)
    drawn = [bandit.propose(here, refused, rng) for _ in range(n)]

    for arm, chance in drawn[0].propensities.items():
        share = sum(p.arm == arm for p in drawn) / n
        assert abs(share - chance) <= 5 * (chance * (1 - chance) / n) ** 0.5 + 1e-9
    assert sum(drawn[0].propensities.values()) == pytest.approx(1.0)
    assert not (greedy and any(p.features["explored"] for p in drawn))


def test_the_large_slate_is_barred_below_theta_safe():
    unsure = proposed(LiquidBandits(picker=SHELF), bruno(food=1.5, trails=1.0))

    assert unsure.propensities["top-10"] == 0.0
    assert min(unsure.propensities["one"], unsure.propensities[NOTHING]) > 0.0


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), min_size=1, max_size=4))
def test_chances_to_win_are_probabilities_and_follow_the_means(counts):
    wins, losses = np.array(counts, dtype=float).T
    chances = chances_to_win(wins, losses)

    assert chances.sum() == pytest.approx(1.0)
    assert (chances >= 0).all()


def test_chances_to_win_agree_with_draws_and_with_the_known_case():
    rng = np.random.default_rng(0)
    wins, losses = np.array([3.0, 40.0, 900.0]), np.array([2.0, 30.0, 800.0])
    drawn = rng.beta(wins[:, None], losses[:, None], size=(3, 200_000)).argmax(axis=0)

    assert chances_to_win(wins, losses) == pytest.approx(np.bincount(drawn) / 200_000, abs=0.006)
    assert chances_to_win(np.array([5.0, 1.0]), np.array([1.0, 1.0]))[0] == pytest.approx(5 / 6)


def test_a_bandit_learns_what_pays_and_nothing_pays_nothing():
    bandit = LiquidBandits(picker=SHELF)
    here, rng = bruno(food=9.0), np.random.default_rng(0)
    for _ in range(300):
        decision = decide(bandit, here, rng=rng)
        reward = 1.0 if decision.arm == "top-10" else 0.0
        bandit.learn(
            decision, Outcome(decision_id=decision.decision_id, what="x", at=NOW, reward=reward)
        )

    assert proposed(bandit, here).propensities["top-10"] > 0.9


def test_only_the_paper_counts_doing_nothing_as_a_win():
    assert build_policy("Liquid+Bandits", Blueprint(paper=True)).won(0.0)
    assert not build_policy("Liquid+Bandits").won(0.0)


def test_outcomes_that_teach_nothing_are_refused():
    bandit, rng = LiquidBandits(picker=SHELF), np.random.default_rng(0)
    decision = decide(bandit, bruno(food=1.0), rng=rng)
    other = decide(LiquidBandits(Thresholds(top_k=4)), bruno(food=9.0), rng=rng)
    other = Decision(**{f: getattr(other, f) for f in other.__slots__} | {"arm": "top-4"})

    with pytest.raises(BadInput, match="reward"):
        bandit.learn(decision, Outcome(decision_id=decision.decision_id, what="x", at=NOW))
    with pytest.raises(UnknownName, match="top-4"):
        bandit.learn(other, Outcome(decision_id=other.decision_id, what="x", at=NOW, reward=1.0))


def test_intent_over_sliders_picks_what_scores_on_the_leading_one():
    sliders = ("depth", "brevity")
    ada = IntentState(sliders)
    ada.update("depth", NOW, 2.0)
    scores = [[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]]
    here = Situation(user_id="ada", at=NOW, candidates=("a", "b", "c"), intent=ada, scores=scores)

    assert proposed(LiquidRules(Thresholds(top_k=2), BestScored(sliders)), here).items == ("b", "c")
    with pytest.raises(BadInput, match="scores"):
        proposed(Triggers(BestScored(("one",))), here)


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_keeps_the_port(name):
    policy = build_policy(name, Blueprint(picker=SHELF))
    decision = decide(policy, bruno(food=2.0), rng=np.random.default_rng(0))

    assert isinstance(policy, Policy)
    assert (policy.name, decision.policy) == (name, name)
    assert decision.propensity == decision.propensities[decision.arm]


def test_names_and_limits_that_make_no_sense_are_refused():
    with pytest.raises(UnknownName, match="Bold"):
        build_policy("Bold")
    for wrong in ({"theta": 0.9}, {"theta": -0.1}, {"top_k": 0}, {"bandit_epsilon": 2.0}):
        with pytest.raises(BadInput):
            Thresholds(**wrong)
    with pytest.raises(BadInput, match="count"):
        BetaArms(0, epsilon=0.1)


def test_the_slow_category_leads_unless_nothing_slow_is_left():
    moments = Moments.of(np.array([[0.0, 1.0]]), np.zeros((1, 2)), np.array([1]))

    assert moments.strongest_slow[0] == 1
