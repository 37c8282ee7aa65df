"""Every verb of the API as a request and the kind of its answer; how it is sent is the client's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload
from urllib.parse import quote, urlencode

from vibrator.checks import require_text
from vibrator.errors import BadInput
from vibrator.service.answers import (
    ActionsTold,
    Calibration,
    ConsentTold,
    Decided,
    Decisions,
    Export,
    FittedTold,
    Forgotten,
    ItemOut,
    Items,
    OutcomeTold,
    Person,
    Ranked,
    Removed,
    Scored,
    ScoredBatch,
    SliderOut,
    Sliders,
    Status,
    Users,
)
from vibrator.service.bodies import (
    ActionIn,
    ConsentIn,
    DecideIn,
    Deed,
    ItemIn,
    OutcomeIn,
    RankIn,
    ScoreBatchIn,
    ScoreIn,
    SliderIn,
)

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One request, and what its answer is read as."""

    method: str
    path: str
    answer: type[Answer]
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Now(ABC):
    """A client whose verbs answer."""

    @abstractmethod
    def send(self, call: Call[Answer]) -> Answer:
        """The answer."""


class Later(ABC):
    """A client whose verbs are awaited."""

    @abstractmethod
    def send(self, call: Call[Answer]) -> Coroutine[None, None, Answer]:
        """The answer, to be awaited."""


class Verb(Generic[Given, Answer]):
    """A method that is written once, as a call, and that each kind of client sends in its way."""

    def __init__(self, plan: Callable[Concatenate[Any, Given], Call[Answer]]) -> None:
        self._plan = plan
        self.__doc__ = plan.__doc__

    @overload
    def __get__(self, one: None, owner: Any) -> Callable[Concatenate[Any, Given], Call[Answer]]: ...

    @overload
    def __get__(self, one: Now, owner: Any) -> Callable[Given, Answer]: ...

    @overload
    def __get__(self, one: Later, owner: Any) -> Callable[Given, Coroutine[None, None, Answer]]: ...

    def __get__(self, one: Now | Later | None, owner: Any) -> Any:
        if one is None:
            return self._plan
        plan = MethodType(self._plan, one)

        @wraps(plan)
        def speak(*args: Given.args, **options: Given.kwargs) -> Any:
            return one.send(plan(*args, **options))

        return speak


class Verbs:
    """What can be asked; errors are raised as those of the library."""

    @Verb
    def observe(
        self,
        user: str,
        kind: str,
        content: str,
        *,
        weight: float | None = None,
        timestamp: datetime | None = None,
        action_id: str | None = None,
    ) -> Call[ActionsTold]:
        """Keep what somebody did."""
        told = ActionIn(user, kind, content, weight, timestamp, action_id)
        return Call("POST", "/v1/actions", ActionsTold, told)

    @Verb
    def observe_many(
        self, actions: Sequence[ActionIn], *, idempotency_key: str | None = None
    ) -> Call[ActionsTold]:
        """Keep many actions, once however often they are sent under one key."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return Call("POST", "/v1/actions", ActionsTold, list(actions), headers)

    @Verb
    def score(
        self,
        who: str | Sequence[Deed],
        contents: Mapping[str, str],
        context: Mapping[str, Any] | None = None,
        *,
        items: Sequence[str] = (),
        explain: bool = False,
    ) -> Call[Scored]:
        """How well contents (name to text) and items of the catalogue fit, by name and slider.

        `who` is a user's id, or what a stranger did, which is not kept.
        """
        asked = ScoreIn(
            user_id=who if isinstance(who, str) else None,
            actions=None if isinstance(who, str) else list(who),
            contents=dict(contents),
            items=list(items),
            context=dict(context or {}),
            explain=explain,
        )
        return Call("POST", "/v1/score", Scored, asked)

    @Verb
    def score_batch(self, requests: Sequence[ScoreIn]) -> Call[ScoredBatch]:
        """Many scores at once, answered in the same order; one that fails fails all of them."""
        return Call("POST", "/v1/score/batch", ScoredBatch, ScoreBatchIn(list(requests)))

    @Verb
    def rank(
        self,
        user: str,
        k: int = 10,
        *,
        where: Mapping[str, Any] | None = None,
        slider: str | None = None,
        diversity: float = 0.0,
        context: Mapping[str, Any] | None = None,
    ) -> Call[Ranked]:
        """The items of the catalogue that fit best, among those whose attributes fit `where`."""
        asked = RankIn(user, k, dict(where or {}), slider, diversity, dict(context or {}))
        return Call("POST", "/v1/rank", Ranked, asked)

    @Verb
    def decide(
        self,
        user: str,
        candidates: Sequence[str] | Mapping[str, str],
        context: Mapping[str, Any] | None = None,
        *,
        surface: str = "default",
        purpose: str = "personalization",
    ) -> Call[Decided]:
        """Choose among ids of the catalogue, or id to text; doing nothing is a choice too."""
        if isinstance(candidates, str):
            raise BadInput(f"candidates must be a list, got the single {candidates[:40]!r}")
        offered = dict(candidates) if isinstance(candidates, Mapping) else list(candidates)
        asked = DecideIn(user, offered, dict(context or {}), surface, purpose)
        return Call("POST", "/v1/decide", Decided, asked)

    @Verb
    def outcome(  # noqa: PLR0913 - one keyword a fact, as the Personalizer has it
        self,
        decision_id: str,
        what: str,
        *,
        dwell_ms: float | None = None,
        item_id: str | None = None,
        reward: float | None = None,
        at: datetime | None = None,
        outcome_id: str | None = None,
    ) -> Call[OutcomeTold]:
        """Tell what came of a decision, once however often it is told."""
        told = OutcomeIn(decision_id, what, dwell_ms, item_id, reward, at, outcome_id)
        return Call("POST", "/v1/outcomes", OutcomeTold, told)

    @Verb
    def decisions(self, newest: int = 50, *, user: str | None = None) -> Call[Decisions]:
        """The newest decisions with their reasons, oldest first."""
        asked = {} if user is None else {"user_id": user}
        return Call("GET", f"/v1/decisions?{_query(newest=newest, **asked)}", Decisions)

    @Verb
    def users(self, after: str = "", *, limit: int = 100) -> Call[Users]:
        """Ids of everybody in the log, a page at a time."""
        return Call("GET", f"/v1/users?{_query(after=after, limit=limit)}", Users)

    @Verb
    def user(self, user: str) -> Call[Person]:
        """What is known of somebody."""
        return Call("GET", _path("users", user), Person)

    @Verb
    def set_consent(
        self,
        user: str,
        *,
        granted: bool,
        purpose: str = "personalization",
        until: datetime | None = None,
    ) -> Call[ConsentTold]:
        """Record a yes or no to a purpose."""
        told = ConsentIn(granted, purpose, until)
        return Call("PUT", f"{_path('users', user)}/consent", ConsentTold, told)

    @Verb
    def export(self, user: str) -> Call[Export]:
        """Everything that is kept of somebody."""
        return Call("GET", f"{_path('users', user)}/export", Export)

    @Verb
    def forget(self, user: str) -> Call[Forgotten]:
        """Leave nothing of somebody behind."""
        return Call("DELETE", _path("users", user), Forgotten)

    @Verb
    def put_items(self, items: Mapping[str, str] | Sequence[ItemIn]) -> Call[Items]:
        """Keep content that may be shown: id to text, or items with attributes."""
        if isinstance(items, Mapping):
            items = [ItemIn(item_id, text) for item_id, text in items.items()]
        return Call("PUT", "/v1/items", Items, list(items))

    @Verb
    def items(self, item_ids: Sequence[str]) -> Call[Items]:
        """Items by their ids; unknown ids are left out."""
        return Call("GET", f"/v1/items?{_query(item_id=item_ids)}", Items)

    @Verb
    def item(self, item_id: str) -> Call[ItemOut]:
        """One item."""
        return Call("GET", _path("items", item_id), ItemOut)

    @Verb
    def remove_item(self, item_id: str, *, if_version: str | None = None) -> Call[Removed]:
        """Take an item out of the catalogue; with `if_version` only that version."""
        headers = _if_match(if_version)
        return Call("DELETE", _path("items", item_id), Removed, headers=headers)

    @Verb
    def sliders(self) -> Call[Sliders]:
        """Every slider with its version."""
        return Call("GET", "/v1/sliders", Sliders)

    @Verb
    def slider(self, name: str) -> Call[SliderOut]:
        """One slider."""
        return Call("GET", _path("sliders", name), SliderOut)

    @Verb
    def put_slider(
        self, name: str, text: str, opposite: str | None = None, *, if_version: str | None = None
    ) -> Call[SliderOut]:
        """Make or reword a slider; with `if_version` only in place of that version."""
        told = SliderIn(text, opposite)
        return Call("PUT", _path("sliders", name), SliderOut, told, _if_match(if_version))

    @Verb
    def remove_slider(self, name: str, *, if_version: str | None = None) -> Call[Removed]:
        """Take a slider away; with `if_version` only that version."""
        return Call("DELETE", _path("sliders", name), Removed, headers=_if_match(if_version))

    @Verb
    def calibration(self) -> Call[Calibration]:
        """How good the probabilities were, and whether they drift."""
        return Call("GET", "/v1/calibration", Calibration)

    @Verb
    def fit(self) -> Call[FittedTold]:
        """Fit calibrators on the log's outcomes."""
        return Call("POST", "/v1/calibration/fit", FittedTold)

    @Verb
    def ready(self) -> Call[Status]:
        """Whether requests should be sent there."""
        return Call("GET", "/readyz", Status)


def _path(kind: str, name: str) -> str:
    quoted = quote(require_text(kind.removesuffix("s"), name), safe="")
    # Dots alone would be taken for a step to another path.
    return f"/v1/{kind}/{quoted if quoted.strip('.') else quoted.replace('.', '%2E')}"


def _query(**asked: Any) -> str:
    try:
        return urlencode(asked, doseq=True)
    except UnicodeEncodeError as error:
        raise BadInput(f"what is asked must be valid Unicode, got {error.object!r:.120}") from None


def _if_match(version: str | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}
