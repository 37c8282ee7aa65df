"""The bodies of the API: checked while they are read, described in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from vibrator.actions import UserAction

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[str, Meta(min_length=1, max_length=20_000)]
Moment = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=1)]
MOST_ITEMS, MOST_TOGETHER = 1_000, 256


class Strict(Struct, forbid_unknown_fields=True, kw_only=True):
    """A body whose every field is known."""


class ActionIn(Strict):
    """What somebody did."""

    user_id: Name
    type: Name
    content: Words
    weight: float | None = None
    timestamp: Moment | None = None
    action_id: Name | None = None
    metadata: dict[str, Any] = {}

    def action(self, action_id: str | None = None) -> UserAction:
        """As the noun that is kept."""
        return UserAction(
            self.type,
            self.content,
            self.weight,  # type: ignore[arg-type]  # None asks for the type's default
            self.timestamp,
            self.user_id,
            self.action_id or action_id,
            self.metadata,
        )


class ActionsTold(Strict):
    """How many of the actions were new, of how many."""

    accepted: int
    received: int


class Deed(Strict):
    """An action of somebody who is scored without being kept."""

    type: Name
    content: Words
    weight: float | None = None
    timestamp: Moment | None = None


class ScoreIn(Strict):
    """Who is scored (a user by id, or a stranger by actions) against which content.

    `content` is one text, `contents` maps names to texts, `items` are ids of the catalogue.
    """

    user_id: Name | None = None
    actions: Annotated[list[Deed], Meta(max_length=MOST_ITEMS)] | None = None
    content: Words | None = None
    contents: Annotated[dict[Name, Words], Meta(max_length=MOST_TOGETHER)] = {}
    items: Annotated[list[Name], Meta(max_length=MOST_TOGETHER)] = []
    context: dict[str, Any] = {}
    explain: bool = False

    def __post_init__(self) -> None:
        if (self.user_id is None) == (self.actions is None):
            raise ValueError("exactly one of user_id and actions must be given")
        if self.content is None and not self.contents and not self.items:
            raise ValueError("one of content, contents and items must be given")


class SliderScore(Struct, kw_only=True):
    """One slider: how likely the content fits, from low to high; more when explained."""

    probability: float
    low: float
    high: float
    relative_probability: float
    raw_score: float
    features: dict[str, float] | UnsetType = UNSET
    weights: dict[str, float] | UnsetType = UNSET
    contributions: dict[str, float] | UnsetType = UNSET
    why: str | UnsetType = UNSET


class Scored(Struct, kw_only=True):
    """Scores by content and slider, as of the moment at which the person was read."""

    user_id: str | None
    at: datetime
    evidence: float
    scores: dict[str, dict[str, SliderScore]]


class ScoreBatchIn(Strict):
    """Many scores at once; the answers come in the same order."""

    requests: Annotated[list[ScoreIn], Meta(min_length=1, max_length=MOST_TOGETHER)]


class ScoredBatch(Struct, kw_only=True):
    """One answer a request."""

    results: list[Scored]


class RankIn(Strict):
    """The k items of the catalogue that fit best, among those whose attributes fit `where`."""

    user_id: Name
    k: Annotated[int, Meta(ge=1, le=MOST_ITEMS)] = 10
    where: dict[Name, Any] = {}
    slider: Name | None = None
    diversity: Share = 0.0
    context: dict[str, Any] = {}


class RankedItem(Struct, kw_only=True):
    """One place of a ranking."""

    item_id: str
    score: float
    best_slider: str
    probability: float
    why: str


class Ranked(Struct, kw_only=True):
    """Best first."""

    user_id: str
    items: list[RankedItem]


class DecideIn(Strict):
    """What could be shown: ids of the catalogue, or id to text."""

    user_id: Name
    candidates: (
        Annotated[list[Name], Meta(min_length=1, max_length=MOST_TOGETHER)]
        | Annotated[dict[Name, Words], Meta(min_length=1, max_length=MOST_TOGETHER)]
    )
    context: dict[str, Any] = {}
    surface: Name = "default"
    purpose: Name = "personalization"


class Decided(Struct, kw_only=True):
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


class OutcomeIn(Strict):
    """What came of a decision."""

    decision_id: Name
    what: Name
    dwell_ms: Annotated[float, Meta(ge=0)] | None = None
    item_id: Name | None = None
    reward: float | None = None
    at: Moment | None = None
    outcome_id: Name | None = None


class OutcomeTold(Struct, kw_only=True):
    """Whether it was news."""

    accepted: bool


class ConsentIn(Strict):
    """A yes or no to a purpose, until a time if one is given."""

    granted: bool
    purpose: Name = "personalization"
    until: Moment | None = None


class ItemIn(Strict):
    """Content that may be shown, with attributes to filter by."""

    item_id: Name
    text: Words
    attributes: dict[Name, str | int | float | bool] = {}


class ItemOut(Struct, kw_only=True):
    """An item, and the version that changes with its text or attributes."""

    item_id: str
    text: str
    attributes: dict[str, Any]
    version: str


class SliderIn(Strict):
    """A preference dimension in words, and the words of its other pole."""

    text: Words
    opposite: Words | None = None


class SliderOut(Struct, kw_only=True):
    """A slider, and the version that changes with its words."""

    name: str
    text: str
    opposite: str | None
    version: str


class Tip(Strict):
    """A tip that may be shown."""

    id: Name
    priority: Annotated[int, Meta(ge=1, le=4)] | str = 2
    is_overdue: bool = False
    task_age_days: Annotated[float, Meta(ge=0, le=1e6)] = 0.0


class EgreedyScoreIn(Strict):
    """A user's open tips, and the hour and day (Monday is 0) where the user is."""

    user_id: Name
    tips: Annotated[list[Tip], Meta(min_length=1, max_length=MOST_TOGETHER)]
    hour: Annotated[int, Meta(ge=0, le=23)] | None = None
    day_of_week: Annotated[int, Meta(ge=0, le=6)] | None = None

    def __post_init__(self) -> None:
        if (self.hour is None) != (self.day_of_week is None):
            raise ValueError("hour and day_of_week must be given together")


class EgreedyRewardIn(Strict):
    """What the user did with a tip, and for how long."""

    decision_id: Name
    action: Name
    dwell_ms: Annotated[float, Meta(ge=0)] = 0.0


class ProblemOut(Struct, kw_only=True, omit_defaults=True):
    """What went wrong (RFC 9457), with field, rule and value where one is to blame."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    rule: str | None = None
    value: Any = None


BODIES: Final = (
    ActionIn, ActionsTold, ScoreIn, Scored, ScoreBatchIn, ScoredBatch, RankIn, Ranked, DecideIn,
    Decided, OutcomeIn, OutcomeTold, ConsentIn, ItemIn, ItemOut, SliderIn, SliderOut,
    EgreedyScoreIn, EgreedyRewardIn, ProblemOut,
)  # fmt: skip
REF = "#/components/schemas/{name}"


def components() -> dict[str, Any]:
    """JSON schemas of every body, for the OpenAPI document."""
    return msgspec.json.schema_components(BODIES, ref_template=REF)[1]


def documented(
    asked: Any = None, given: Any = None, *, example: Any = None, words: str = "Done."
) -> dict[str, Any]:
    """Options of a route that describe its body and its answer."""
    answer = {"type": "object"} if given is None else _schema(given)
    options: dict[str, Any] = {
        "responses": {
            200: {"description": words, "content": {"application/json": {"schema": answer}}},
            "default": {
                "description": "A problem, with field, rule and value where one is to blame.",
                "content": {"application/problem+json": {"schema": _schema(ProblemOut)}},
            },
        }
    }
    if asked is not None:
        content: dict[str, Any] = {"schema": _schema(asked)}
        if example is not None:
            content["example"] = example
        body = {"required": True, "content": {"application/json": content}}
        options["openapi_extra"] = {"requestBody": body}
    return options


def _schema(kind: Any) -> dict[str, Any]:
    (found,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return dict(found)


def value_at(content: bytes, field: str) -> Any:
    """The value that a message of msgspec points at, such as `actions[3].type`.

    >>> value_at(b'{"a": [{"b": 7}]}', "a[0].b")
    7
    """
    value = msgspec.json.decode(content)
    for part in field.replace("[", ".[").split("."):
        if part.startswith("["):
            value = value[int(part[1:-1])] if part != "[...]" else None
        elif part and isinstance(value, Mapping):
            value = value.get(part)
    return value
