"""What the API answers: written by the service, read by the Python client, from one definition."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct


class ActionsTold(Struct, frozen=True):
    """How many of the actions were new, of how many."""

    accepted: int
    received: int


class SliderScore(Struct, frozen=True, omit_defaults=True):
    """One slider: how likely the content fits, from low to high; more when explained."""

    probability: float
    low: float
    high: float
    relative_probability: float
    raw_score: float
    features: dict[str, float] | None = None
    weights: dict[str, float] | None = None
    contributions: dict[str, float] | None = None
    why: str | None = None


class Scored(Struct, frozen=True):
    """Scores by content and slider, as of the moment at which the person was read."""

    user_id: str | None
    at: datetime
    evidence: float
    scores: dict[str, dict[str, SliderScore]]


class ScoredBatch(Struct, frozen=True):
    """One answer a request."""

    results: list[Scored]


class RankedItem(Struct, frozen=True):
    """One place of a ranking."""

    item_id: str
    score: float
    best_slider: str
    probability: float
    why: str


class Ranked(Struct, frozen=True):
    """Best first."""

    user_id: str
    items: list[RankedItem]


class Decided(Struct, frozen=True):
    """The choice, complete with its propensity; `chosen` is empty for doing nothing."""

    decision_id: str
    user_id: str
    at: datetime
    chosen: list[str]
    arm: str
    propensity: float
    reason: str
    policy: str
    surface: str
    propensities: dict[str, float]
    refusals: dict[str, str]
    versions: dict[str, str]


class Decisions(Struct, frozen=True):
    """Decisions of the log, oldest first."""

    decisions: list[Decided]


class OutcomeTold(Struct, frozen=True):
    """Whether it was news."""

    accepted: bool


class Users(Struct, frozen=True):
    """Ids, in the store's order."""

    users: list[str]


class ActionShare(Struct, frozen=True):
    """An action in words, and its share of who the person is taken to be."""

    action: str
    share: float


class Person(Struct, frozen=True):
    """What is known of somebody; `sliders` gives each slider's cosine with them, best first."""

    user_id: str
    at: datetime
    events: int
    evidence: float
    last_seen: datetime | None
    counts: dict[str, int]
    sliders: dict[str, float]
    actions: list[ActionShare]


class Export(Struct, frozen=True, omit_defaults=True):
    """Everything that is kept of somebody: lines of the log by kind, and what follows from them."""

    user_id: str
    profile: Person
    actions: list[dict[str, Any]] = []
    consents: list[dict[str, Any]] = []
    merges: list[dict[str, Any]] = []
    decisions: list[dict[str, Any]] = []
    outcomes: list[dict[str, Any]] = []


class Forgotten(Struct, frozen=True):
    """What forgetting removed, and that nothing is left.

    `stale` names what was fitted on rows that are gone, `pending` what could not be reached.
    """

    users: list[str]
    at: datetime
    removed: dict[str, int]
    verified: bool
    stale: list[str]
    pending: list[str]


class ConsentTold(Struct, frozen=True):
    """The answer that is kept."""

    user_id: str
    purpose: str
    granted: bool


class ItemOut(Struct, frozen=True):
    """An item, and the version that changes with its text or attributes."""

    item_id: str
    text: str
    attributes: dict[str, Any]
    version: str


class Items(Struct, frozen=True):
    """Items, in the order in which they were asked for."""

    items: list[ItemOut]


class SliderOut(Struct, frozen=True):
    """A slider, and the version that changes with its words."""

    name: str
    text: str
    opposite: str | None
    version: str


class Sliders(Struct, frozen=True):
    """Every slider."""

    sliders: list[SliderOut]


class Removed(Struct, frozen=True):
    """What is no longer there."""

    removed: str


class Figures(Struct, frozen=True):
    """Answered decisions, how many were liked, and how good what was said of them was.

    The four figures are None where there is too little to judge.
    """

    answered: int
    liked: int
    said: float | None
    happened: float | None
    brier_score: float | None
    smooth_ece: float | None


class DriftWindow(Struct, frozen=True):
    """One window of time; its figures are None where it has too few outcomes."""

    start: datetime
    end: datetime
    count: int
    said: float | None
    happened: float | None
    brier_score: float | None
    smooth_ece: float | None
    log10_evidence: float
    alarm: bool


class Drift(Struct, frozen=True):
    """Evidence against calibration, window by window."""

    refit_needed: bool
    why: str
    windows: list[DriftWindow]


class Calibration(Struct, frozen=True):
    """How good the probabilities were over the newest outcomes, in all and by slider.

    `fitted` says whether calibrators are in use, `stale` that somebody was forgotten since.
    """

    window: int
    fitted: bool
    stale: bool
    all: Figures
    sliders: dict[str, Figures]
    drift: Drift | None


class FittedTold(Struct, frozen=True):
    """A fit: on how many answers, how many of them liked, which sliders had enough of their own."""

    at: datetime
    examples: int
    liked: int
    own: list[str]


class TipChosen(Struct, frozen=True):
    """The tip to show, with its propensity."""

    decision_id: str
    tip_id: str
    propensity: float
    expected_reward: float
    propensities: dict[str, float]


class TipRewarded(Struct, frozen=True):
    """The reward, and whether it was news."""

    decision_id: str
    reward: float
    learnt: bool


class TipStats(Struct, frozen=True):
    """What was shown, what came of it, and what the model believes."""

    user_id: str
    policy: str
    epsilon: float
    decisions: int
    rewards: int
    mean_reward: float | None
    actions: dict[str, int]
    weights: dict[str, float]


class Status(Struct, frozen=True):
    """`ok` or `ready`."""

    status: str


class ProblemOut(Struct, frozen=True, omit_defaults=True):
    """What went wrong (RFC 9457), with field, rule and value where one is to blame."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    rule: str | None = None
    value: Any = None
