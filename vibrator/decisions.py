"""What was decided, what came of it, and the two ports that take part in deciding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import numpy as np

from vibrator.checks import require_aware, require_finite, require_share, require_text
from vibrator.errors import BadInput

NOTHING = "nothing"  # the arm that shows nothing; always there, always allowed
ROUNDING = 1e-6  # how far probabilities may be off after a journey through single precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One choice, complete when it is made: nothing about it is recomputed later.

    `arm` is what the policy chose between (an item id, a slate size, NOTHING); `chosen` are the
    item ids that were shown for it. `propensities` gives every arm's probability at that moment,
    refused arms at zero, and `refusals` says which guard refused what.
    """

    decision_id: str
    user_id: str
    at: datetime
    candidates: tuple[str, ...]
    chosen: tuple[str, ...]
    arm: str
    propensity: float
    reason: str
    policy: str = ""
    propensities: Mapping[str, float] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, Any] = field(default_factory=dict)
    surface: str = "default"

    def __post_init__(self) -> None:
        for name in ("decision_id", "user_id", "arm", "reason", "surface"):
            require_text(name, getattr(self, name))
        object.__setattr__(self, "at", require_aware("at", self.at))
        for name in ("candidates", "chosen"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        propensity = require_finite("propensity", self.propensity)
        if not 0.0 < propensity <= 1.0:
            raise BadInput(f"propensity must lie in (0, 1], got {self.propensity!r}")
        object.__setattr__(self, "propensity", propensity)
        if self.propensities:
            _require_agreement(self.arm, propensity, self.propensities)
        stray = set(self.chosen) - set(self.candidates)
        if stray:
            raise BadInput(f"chosen items must be candidates, got {sorted(stray)}")

    @property
    def acted(self) -> bool:
        """Whether anything was shown."""
        return bool(self.chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What happened after a decision; it may arrive late, twice or never.

    `what` is an action in words of the application (done, snooze, dismiss, click, none, …);
    `item_id` is the candidate that it was about, where it was about one.
    """

    decision_id: str
    what: str
    at: datetime
    item_id: str | None = None
    dwell_ms: float | None = None
    reward: float | None = None
    outcome_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("decision_id", "what"):
            require_text(name, getattr(self, name))
        for name in ("item_id", "outcome_id"):
            if getattr(self, name) is not None:
                require_text(name, getattr(self, name))
        object.__setattr__(self, "at", require_aware("at", self.at))
        for name in ("dwell_ms", "reward"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, require_finite(name, getattr(self, name)))
        if self.dwell_ms is not None and self.dwell_ms < 0:
            raise BadInput(f"dwell_ms must not be negative, got {self.dwell_ms!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A person's yes or no to one purpose, until a time if one is given."""

    user_id: str
    purpose: str
    granted: bool
    at: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("user_id", "purpose"):
            require_text(name, getattr(self, name))
        if not isinstance(self.granted, bool):
            raise BadInput(f"granted must be True or False, got {self.granted!r}")
        object.__setattr__(self, "at", require_aware("at", self.at))
        if self.until is not None:
            object.__setattr__(self, "until", require_aware("until", self.until))

    def holds(self, now: datetime) -> bool:
        """Whether it permits its purpose at `now`."""
        return self.granted and self.at <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything a guard or a policy may look at when a decision is made.

    `history` are earlier decisions for this user, newest last; `scores` has a row a candidate
    and a column a slider where a scorer took part; `intent` is the user's intent state, if kept.
    """

    user_id: str
    at: datetime
    candidates: tuple[str, ...]
    context: Mapping[str, Any] = field(default_factory=dict)
    surface: str = "default"
    purpose: str = "personalization"
    consents: tuple[Consent, ...] = ()
    history: tuple[Decision, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    scores: Any = None
    profile: Any = None
    intent: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a policy chose among the arms that the guards left, and how likely it was to."""

    arm: str
    items: tuple[str, ...]
    propensity: float
    reason: str
    propensities: Mapping[str, float] = field(default_factory=dict)
    features: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Guard(Protocol):
    """Says no, with a reason."""

    @property
    def name(self) -> str:
        """What it is called in reasons and logs."""
        ...

    def refusals(self, situation: Situation) -> Mapping[str, str]:
        """Candidate id to the reason why it may not be shown now; NOTHING cannot be refused."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Chooses what to show, doing nothing included, and learns from what came of it."""

    @property
    def name(self) -> str:
        """What it is called in reasons and logs."""
        ...

    def propose(
        self, situation: Situation, refused: Mapping[str, str], rng: np.random.Generator
    ) -> Proposal:
        """Choose with the refused candidates masked *inside* the propensity."""
        ...

    def learn(self, decision: Decision, outcome: Outcome) -> None:
        """Take an outcome in; a policy that does not learn lets it pass."""
        ...


def refuse_all(situation: Situation, reason: str) -> dict[str, str]:
    """Every candidate refused for one reason."""
    return dict.fromkeys(situation.candidates, reason)


def _texts(name: str, given: Any) -> tuple[str, ...]:
    listed = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
    if not listed or not all(isinstance(text, str) for text in given):
        raise BadInput(f"{name} must be a sequence of texts, got {given!r}")
    return tuple(given)


def _require_agreement(arm: str, propensity: float, propensities: Mapping[str, float]) -> None:
    total = sum(require_share(f"propensities[{a!r}]", share) for a, share in propensities.items())
    if abs(total - 1.0) > ROUNDING:
        raise BadInput(f"propensities must add up to 1, got {total!r}")
    if arm not in propensities:
        raise BadInput(f"arm must be one of the propensities' {sorted(propensities)}, got {arm!r}")
    if abs(propensities[arm] - propensity) > ROUNDING:
        raise BadInput(
            f"propensity must be propensities[{arm!r}] = {propensities[arm]!r}, got {propensity!r}"
        )
