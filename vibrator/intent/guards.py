"""Reasons not to act: each guard looks at one of them, and all of them together mask the arms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import blake2b
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from vibrator.checks import ODD, require_finite, require_place, require_share, require_text
from vibrator.decisions import Consent, Decision, Guard, Policy, Situation, refuse_all
from vibrator.errors import BadInput

EXPLORE = "explore"  # refused like a candidate: the policy may choose, but not try things out
ZONE = "timezone"  # key of a situation's context: the IANA name of the user's zone
NEVER = float("-inf")  # what has no score reaches no threshold


@dataclass(frozen=True, slots=True)
class ConsentGuard:
    """Acts only for purposes that the user agreed to, while the agreement lasts.

    With `required` off, silence is consent, but a no and a yes that ran out still count.
    """

    name: ClassVar[str] = "consent"
    required: bool = True

    def refusals(self, situation: Situation) -> Mapping[str, str]:
        """All of them without a consent that holds now; of two at one time the no counts."""
        said = [c for c in situation.consents if _speaks_of(c, situation)]
        if not said:
            missing = f"no answer about {situation.purpose!r} yet; ask, then record a Consent"
            return refuse_all(situation, missing) if self.required else {}
        last = max(said, key=lambda consent: (consent.at, not consent.granted))
        if last.holds(situation.at):
            return {}
        why = "ran out" if last.granted else "was refused or withdrawn"
        return refuse_all(situation, f"{situation.purpose!r} {why}")


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most `limit` decisions that showed something in any span of `window`.

    Decisions after now count like those before it, so that a clock that jumps back, or a
    decision that is made late, cannot exceed the cap either.
    """

    name: ClassVar[str] = "frequency cap"
    limit: int
    window: timedelta
    per_surface: bool = False

    def __post_init__(self) -> None:
        require_place("limit", self.limit)
        _require_span("window", self.window)

    def refusals(self, situation: Situation) -> Mapping[str, str]:
        """All of them once the window is full."""
        shown = sum(
            abs(past.at - situation.at) < self.window
            for past in _acted(situation)
            if not self.per_surface or past.surface == situation.surface
        )
        where = f" on {situation.surface}" if self.per_surface else ""
        full = f"{shown} of {self.limit} within {self.window}{where}"
        return refuse_all(situation, full) if shown >= self.limit else {}


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Nothing from `start` until `end` on the user's own clock, over midnight if need be."""

    name: ClassVar[str] = "quiet hours"
    start: time
    end: time
    zone: str = "UTC"  # where the context of a decision names none

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise BadInput(f"quiet hours must end at another time than they start, {self.start}")
        _zone(self.zone)

    def refusals(self, situation: Situation) -> Mapping[str, str]:
        """All of them while it is quiet there."""
        zone = situation.context.get(ZONE, self.zone)
        clock = situation.at.astimezone(_zone(zone)).time()
        if self.start < self.end:
            quiet = self.start <= clock < self.end
        else:
            quiet = clock >= self.start or clock < self.end
        words = f"{clock:%H:%M} in {zone}, quiet {self.start:%H:%M}-{self.end:%H:%M}"
        return refuse_all(situation, words) if quiet else {}


@dataclass(frozen=True, slots=True)
class CoolDown:
    """Nothing for a while after a dismissal; with `items_only`, not those same items."""

    name: ClassVar[str] = "cool-down"
    span: timedelta
    dismissals: tuple[str, ...] = ("dismiss",)
    items_only: bool = False

    def __post_init__(self) -> None:
        _require_span("span", self.span)

    def refusals(self, situation: Situation) -> Mapping[str, str]:
        """What was dismissed less than the span ago, or everything."""
        fresh = {
            outcome.decision_id
            for outcome in situation.outcomes
            if outcome.what in self.dismissals and situation.at < outcome.at + self.span
        }
        if not fresh:
            return {}
        reason = f"dismissed less than {self.span} ago"
        if not self.items_only:
            return refuse_all(situation, reason)
        dismissed = {i for d in situation.history if d.decision_id in fresh for i in d.chosen}
        return {item: reason for item in situation.candidates if item in dismissed}


@dataclass(frozen=True, slots=True)
class FreshIntent:
    """Acts only while the newest event of the user's intent is younger than `ttl`."""

    name: ClassVar[str] = "ttl"
    ttl: timedelta

    def __post_init__(self) -> None:
        _require_span("ttl", self.ttl)

    def refusals(self, situation: Situation) -> Mapping[str, str]:
        """All of them when nothing happened lately, or ever."""
        newest = None if situation.intent is None else situation.intent.newest(situation.at)
        if newest is None:
            return refuse_all(situation, "no event yet")
        age = situation.at - datetime.fromtimestamp(newest, UTC)
        stale = f"newest event {age} old, limit {self.ttl}"
        return refuse_all(situation, stale) if age >= self.ttl else {}


def confidence_of(situation: Situation) -> Sequence[float]:
    """The confidence of the user's intent, the same for every candidate."""
    known = situation.intent is not None
    share = situation.intent.combined_confidence(situation.at)[1] if known else 0.0
    return [share] * len(situation.candidates)


def best_score_of(situation: Situation) -> Sequence[float]:
    """Every candidate's score on the slider that it fits best; without a score none passes."""
    if situation.scores is None:
        return [NEVER] * len(situation.candidates)
    best: list[float] = np.asarray(situation.scores, dtype=np.float64).max(axis=1).tolist()
    return best


@dataclass(frozen=True, slots=True)
class DoNothingBelow:
    """Shows only what reaches a threshold; the measure is confidence, unless another is given."""

    name: ClassVar[str] = "threshold"
    threshold: float
    measure: Callable[[Situation], Sequence[float]] = confidence_of

    def __post_init__(self) -> None:
        require_finite("threshold", self.threshold)

    def refusals(self, situation: Situation) -> Mapping[str, str]:
        """The candidates that fall short."""
        worth = zip(situation.candidates, self.measure(situation), strict=True)
        return {
            item: f"{value:.3g} below {self.threshold:.3g}"
            for item, value in worth
            if not value >= self.threshold
        }


@dataclass(frozen=True, slots=True)
class ExplorationCap:
    """At most `limit` explored decisions for a user in any span of `window`; it bars no item."""

    name: ClassVar[str] = "exploration cap"
    limit: int
    window: timedelta

    def __post_init__(self) -> None:
        require_place("limit", self.limit)
        _require_span("window", self.window)

    def refusals(self, situation: Situation) -> Mapping[str, str]:
        """EXPLORE, once the window is full."""
        tried = sum(
            abs(past.at - situation.at) < self.window and bool(past.features.get("explored"))
            for past in situation.history
        )
        full = f"{tried} of {self.limit} within {self.window}"
        return {EXPLORE: full} if tried >= self.limit else {}


@dataclass(frozen=True, slots=True)
class Holdout:
    """Shows nothing, ever, to a fixed share of users, so that doing nothing can be measured."""

    name: ClassVar[str] = "holdout"
    share: float
    salt: str = "holdout"

    def __post_init__(self) -> None:
        require_share("share", self.share)
        require_text("salt", self.salt)

    def holds(self, user_id: str) -> bool:
        """Whether this user is held out: always the same answer for the same salt."""
        digest = blake2b(f"{self.salt}\x1f{user_id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64 < self.share

    def refusals(self, situation: Situation) -> Mapping[str, str]:
        """All of them for those held out."""
        return (
            refuse_all(situation, "kept apart to measure what doing nothing brings")
            if self.holds(situation.user_id)
            else {}
        )


def review(guards: Iterable[Guard], situation: Situation) -> dict[str, str]:
    """Everything that any guard refuses; of several reasons that of the first guard."""
    refused: dict[str, str] = {}
    for guard in guards:
        for arm, reason in guard.refusals(situation).items():
            if arm not in situation.candidates and arm != EXPLORE:
                raise BadInput(f"guard {guard.name!r} refused {arm!r}, which is no candidate")
            refused.setdefault(arm, f"{guard.name}: {reason}")
    return refused


def decide(
    policy: Policy,
    situation: Situation,
    *,
    guards: Iterable[Guard] = (),
    rng: np.random.Generator,
    versions: Mapping[str, str] | None = None,
) -> Decision:
    """One guarded decision, complete: what, why, how likely, and who refused what."""
    refused = review(guards, situation)
    proposal = policy.propose(situation, refused, rng)
    stray = sorted(refused.keys() & set(proposal.items))
    if stray:
        raise BadInput(f"policy {policy.name!r} proposed {stray}, which guards had refused")
    return Decision(
        decision_id=rng.bytes(16).hex(),
        user_id=situation.user_id,
        at=situation.at,
        candidates=situation.candidates,
        chosen=proposal.items,
        arm=proposal.arm,
        propensity=proposal.propensity,
        reason=proposal.reason,
        policy=policy.name,
        propensities=proposal.propensities,
        refusals=refused,
        versions=versions or {},
        context=situation.context,
        features=proposal.features,
        surface=situation.surface,
    )


def _speaks_of(consent: Consent, situation: Situation) -> bool:
    about = (consent.user_id, consent.purpose) == (situation.user_id, situation.purpose)
    return about and consent.at <= situation.at


def _acted(situation: Situation) -> list[Decision]:
    return [past for past in situation.history if past.acted]


def _zone(name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (*ODD, OSError):
        raise BadInput(
            f"timezone must be an IANA name such as 'Africa/Lagos', got {name!r}"
        ) from None


def _require_span(name: str, value: timedelta) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise BadInput(f"{name} must be a positive timedelta, got {value!r}")
