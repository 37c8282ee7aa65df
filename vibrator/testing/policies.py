"""What every Policy and Guard has to keep to; `adapter()` makes a fresh one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from vibrator.decisions import NOTHING, Decision, Guard, Outcome, Policy, Proposal, Situation

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DRAWS = 400


def situation(candidates: Sequence[str] = ("grpc", "cake", "ridge")) -> Situation:
    """A moment with scores on two sliders."""
    scores = np.linspace(0.2, 0.8, 2 * len(candidates)).reshape(-1, 2)
    features = {name: {"x": float(place)} for place, name in enumerate(candidates)}
    return Situation(
        user_id="ada", at=NOW, candidates=tuple(candidates), scores=scores,
        context={"features": features},
    )  # fmt: skip


def decided(proposal: Proposal, at_hand: Situation, policy: Policy) -> Decision:
    """The decision that logs a proposal."""
    return Decision(
        decision_id="d1", user_id="ada", at=NOW, candidates=at_hand.candidates,
        chosen=proposal.items, arm=proposal.arm, propensity=proposal.propensity,
        reason=proposal.reason, policy=policy.name, propensities=proposal.propensities,
        features=proposal.features,
    )  # fmt: skip


class PolicyContract:
    """Chances that add up, refusals inside them, doing nothing always among them."""

    def propose(
        self, policy: Policy, refused: Sequence[str] = (), seed: int = 0, **changes: Any
    ) -> Proposal:
        at_hand = replace(situation(), **changes)
        rng = np.random.default_rng(seed)
        return policy.propose(at_hand, dict.fromkeys(refused, "cap: seen"), rng)

    def test_it_has_a_name_and_a_reason(self, adapter: Callable[[], Policy]) -> None:
        policy = adapter()
        assert policy.name.strip()
        assert self.propose(policy).reason.strip()

    def test_the_chances_of_all_arms_add_up(self, adapter: Callable[[], Policy]) -> None:
        proposal = self.propose(adapter())
        assert abs(sum(proposal.propensities.values()) - 1.0) < 1e-9
        assert abs(proposal.propensities[proposal.arm] - proposal.propensity) < 1e-12
        assert 0.0 < proposal.propensity <= 1.0

    def test_items_are_candidates_that_nobody_refused(self, adapter: Callable[[], Policy]) -> None:
        policy = adapter()
        for seed in range(60):
            proposal = self.propose(policy, refused=["grpc", "ridge"], seed=seed)
            assert set(proposal.items) <= {"cake"}

    def test_nothing_left_is_doing_nothing(self, adapter: Callable[[], Policy]) -> None:
        policy = adapter()
        proposal = self.propose(policy, refused=situation().candidates)
        assert (proposal.arm, proposal.items, proposal.propensity) == (NOTHING, (), 1.0)

    def test_arms_come_as_often_as_their_chance(self, adapter: Callable[[], Policy]) -> None:
        policy = adapter()
        drawn = [self.propose(policy, seed=seed) for seed in range(DRAWS)]
        for arm, chance in drawn[0].propensities.items():
            margin = 4.5 * np.sqrt(max(chance * (1 - chance), 1e-12) / DRAWS)
            share = np.mean([proposal.arm == arm for proposal in drawn])
            assert abs(share - chance) <= margin + 1e-12

    def test_the_same_dice_give_the_same_choice(self, adapter: Callable[[], Policy]) -> None:
        first, second = adapter(), adapter()
        assert self.propose(first, seed=3).arm == self.propose(second, seed=3).arm

    def test_an_outcome_can_be_taken_in(self, adapter: Callable[[], Policy]) -> None:
        policy, at_hand = adapter(), situation()
        for seed in range(20):
            decision = decided(self.propose(policy, seed=seed), at_hand, policy)
            policy.learn(decision, Outcome(decision_id="d1", what="done", at=NOW, reward=1.0))
        assert self.propose(policy).propensity > 0


class GuardContract:
    """Says no to candidates, with reasons; to doing nothing never."""

    def test_it_has_a_name(self, adapter: Callable[[], Guard]) -> None:
        assert adapter().name.strip()

    def test_refusals_have_reasons(self, adapter: Callable[[], Guard]) -> None:
        refused = adapter().refusals(situation())
        assert all(reason.strip() for reason in refused.values())
        assert NOTHING not in refused

    def test_nothing_to_show_is_nothing_to_refuse(self, adapter: Callable[[], Guard]) -> None:
        empty = replace(situation(()), scores=np.empty((0, 2)))
        assert set(adapter().refusals(empty)) <= {"explore"}

    def test_the_same_moment_gets_the_same_answer(self, adapter: Callable[[], Guard]) -> None:
        guard = adapter()
        assert dict(guard.refusals(situation())) == dict(guard.refusals(situation()))
