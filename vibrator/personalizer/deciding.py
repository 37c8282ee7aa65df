"""What decides when no other policy is given, and how a decision to do nothing explains itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vibrator.checks import require_share
from vibrator.decisions import NOTHING, Decision, Outcome, Proposal, Situation
from vibrator.errors import BadInput
from vibrator.intent.guards import EXPLORE

SHARE_EXPLORED = 0.05
CURES = {  # what makes a guard let pass
    "consent": "ask for consent, then set_consent(user, purpose, True)",
    "frequency cap": "wait until the window has passed",
    "quiet hours": "decide again when they are over",
    "cool-down": "wait until it is over",
    "ttl": "observe what the user does now",
    "threshold": "offer candidates that fit better",
}


@dataclass(frozen=True, slots=True)
class BestFit:
    """Shows the candidate whose mean probability over the sliders is highest.

    With chance `explore` it draws evenly from all allowed arms, doing nothing among them, so
    that every arm's propensity is known and above zero. `act_above` is the fit below which
    doing nothing is better.
    """

    explore: float = SHARE_EXPLORED
    act_above: float = 0.0
    name: str = "best-fit"
    learns: bool = False

    def __post_init__(self) -> None:
        require_share("explore", self.explore)
        require_share("act_above", self.act_above)

    def propose(
        self, situation: Situation, refused: Mapping[str, str], rng: np.random.Generator
    ) -> Proposal:
        """Mostly the best, sometimes any."""
        allowed = [c for c in situation.candidates if c not in refused]
        fits = self._fits(situation, allowed)
        arms = [*allowed, NOTHING]
        best = int(np.argmax(fits)) if allowed and max(fits) >= self.act_above else len(allowed)
        explore = 0.0 if EXPLORE in refused else self.explore
        chances = np.full(len(arms), explore / len(arms))
        chances[best] += 1.0 - explore
        place = int(rng.choice(len(arms), p=chances))
        shares = dict.fromkeys(situation.candidates, 0.0)
        return Proposal(
            arm=arms[place],
            items=tuple(arms[place : place + 1]) if place < len(allowed) else (),
            propensity=float(chances[place]),
            reason=self._reason(arms, fits, place, best),
            propensities=shares | dict(zip(arms, chances.tolist(), strict=True)),
            features={"explored": place != best, **_fit_of(fits, place)},
        )

    def learn(self, decision: Decision, outcome: Outcome) -> None:
        """Nothing: what fits is the scorer's business."""

    def _fits(self, situation: Situation, allowed: Sequence[str]) -> list[float]:
        if situation.scores is None:
            raise BadInput("the best fit needs scores, got a situation without")
        means = np.asarray(situation.scores).mean(axis=1)
        places = {candidate: place for place, candidate in enumerate(situation.candidates)}
        return [float(means[places[candidate]]) for candidate in allowed]

    def _reason(self, arms: Sequence[str], fits: Sequence[float], place: int, best: int) -> str:
        if place != best:
            return f"explored: one of {len(arms)} arms, drawn evenly in {self.explore:.0%} of cases"
        if arms[place] == NOTHING:
            return f"no fit reaches {self.act_above:.0%}" if fits else "nothing may be shown now"
        return f"best fit of {len(fits)}: {fits[place]:.1%} on average over the sliders"


def _fit_of(fits: Sequence[float], place: int) -> dict[str, float]:
    return {"fit": fits[place]} if place < len(fits) else {}


def checked(proposal: Proposal, refused: Mapping[str, str], policy: str) -> Proposal:
    """The proposal, if it shows nothing that was refused."""
    stray = sorted(set(proposal.items) & refused.keys())
    if stray:
        raise BadInput(f"policy {policy!r} proposed {stray}, which guards had refused")
    return proposal


def told(proposal: Proposal, refused: Mapping[str, str]) -> str:
    """The reason of a decision; for doing nothing with what stood in the way, and its cure."""
    if proposal.items or not refused:
        return proposal.reason
    reasons = "; ".join(dict.fromkeys(refused.values()))
    guards = dict.fromkeys(reason.partition(":")[0] for reason in refused.values())
    cures = " or ".join(CURES[guard] for guard in guards if guard in CURES)
    return f"{proposal.reason} ({reasons})" + (f"; cure: {cures}" if cures else "")
