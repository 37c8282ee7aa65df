"""What callers send: checked while it is read, described in the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from vibrator.actions import UserAction
from vibrator.errors import BadInput

WORDED = r"\S"  # a text that has words in it
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=WORDED)]
Words = Annotated[str, Meta(min_length=1, max_length=20_000, pattern=WORDED)]
Attribute = str | int | float | bool
Moment = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=1)]
MOST_ITEMS, MOST_TOGETHER = 1_000, 256


class Body(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A body whose every field is known; what is as it would be anyway is not sent."""


class ActionIn(Body):
    """What somebody did."""

    user_id: Name
    type: Name
    content: Words
    weight: float | None = None
    timestamp: Moment | None = None
    action_id: Name | None = None
    metadata: dict[str, Any] = {}

    def action(self, action_id: str | None = None) -> UserAction:
        """As the noun that is kept; of nobody yet, for the id may have been merged into another."""
        return UserAction(
            self.type,
            self.content,
            self.weight,  # type: ignore[arg-type]  # None asks for the type's default
            self.timestamp,
            None,
            self.action_id or action_id,
            self.metadata,
        )


class Deed(Body):
    """An action of somebody who is scored without being kept."""

    type: Name
    content: Words
    weight: float | None = None
    timestamp: Moment | None = None


class ScoreIn(Body, kw_only=True):
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
            raise BadInput("exactly one of user_id and actions must be given")
        if self.content is None and not self.contents and not self.items:
            raise BadInput("one of content, contents and items must be given")


class ScoreBatchIn(Body):
    """Many scores at once; the answers come in the same order."""

    requests: Annotated[list[ScoreIn], Meta(min_length=1, max_length=MOST_TOGETHER)]


class RankIn(Body):
    """The k items of the catalogue that fit best, among those whose attributes fit `where`."""

    user_id: Name
    k: Annotated[int, Meta(ge=1, le=MOST_ITEMS)] = 10
    where: dict[Name, Any] = {}
    slider: Name | None = None
    diversity: Share = 0.0
    context: dict[str, Any] = {}


class DecideIn(Body):
    """What could be shown: ids of the catalogue, or id to text."""

    user_id: Name
    candidates: (
        Annotated[list[Name], Meta(min_length=1, max_length=MOST_TOGETHER)]
        | Annotated[dict[Name, Words], Meta(min_length=1, max_length=MOST_TOGETHER)]
    )
    context: dict[str, Any] = {}
    surface: Name = "default"
    purpose: Name = "personalization"


class OutcomeIn(Body):
    """What came of a decision."""

    decision_id: Name
    what: Name
    dwell_ms: Annotated[float, Meta(ge=0)] | None = None
    item_id: Name | None = None
    reward: float | None = None
    at: Moment | None = None
    outcome_id: Name | None = None


class ConsentIn(Body):
    """A yes or no to a purpose, until a time if one is given."""

    granted: bool
    purpose: Name = "personalization"
    until: Moment | None = None


class ItemIn(Body):
    """Content that may be shown, with attributes to filter by."""

    item_id: Name
    text: Words
    attributes: dict[Name, Attribute] = {}


class SliderIn(Body):
    """A preference dimension in words, and the words of its other pole."""

    text: Words
    opposite: Words | None = None


class Tip(Body):
    """A tip that may be shown."""

    id: Name
    priority: Annotated[int, Meta(ge=1, le=4)] | str = 2
    is_overdue: bool = False
    task_age_days: Annotated[float, Meta(ge=0, le=1e6)] = 0.0


class EgreedyScoreIn(Body):
    """A user's open tips, and the hour and day (Monday is 0) where the user is."""

    user_id: Name
    tips: Annotated[list[Tip], Meta(min_length=1, max_length=MOST_TOGETHER)]
    hour: Annotated[int, Meta(ge=0, le=23)] | None = None
    day_of_week: Annotated[int, Meta(ge=0, le=6)] | None = None

    def __post_init__(self) -> None:
        if (self.hour is None) != (self.day_of_week is None):
            raise BadInput("hour and day_of_week must be given together")


class EgreedyRewardIn(Body):
    """What the user did with a tip, and for how long."""

    decision_id: Name
    action: Name
    dwell_ms: Annotated[float, Meta(ge=0)] = 0.0
