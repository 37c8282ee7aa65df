"""What a learned scorer learns from: a person as of then, a content, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from numbers import Real
from typing import Any

import numpy as np

from vibrator.actions import UserAction
from vibrator.checks import require_aware, require_place, require_text
from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput
from vibrator.pipeline.trail import Earlier, Trail


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One outcome: `person` is who they were just before `at`, None for a stranger.

    `slider` says of which dimension the outcome speaks, none that it speaks of the content as a
    whole. `position` is where the content was shown, from 0, if that is known.
    """

    person: Any  # Profile, Reading, list of actions, Earlier (of a Trail) or None
    content: str
    outcome: bool
    at: datetime
    user_id: str
    slider: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    position: int | None = None

    def __post_init__(self) -> None:
        require_text("content", self.content)
        require_text("user_id", self.user_id)
        object.__setattr__(self, "at", require_aware("at", self.at))
        if not _is_outcome(self.outcome):
            raise BadInput(f"outcome must be true or false, got {self.outcome!r:.60}")
        if self.slider is not None:
            require_text("slider", self.slider)
        if not isinstance(self.context, Mapping):
            raise BadInput(f"context must map names to values, got {type(self.context).__name__}")
        if self.context.get("segment") is not None:
            require_text("segment", self.context["segment"])
        if self.position is not None:
            require_place("position", self.position)


def _is_outcome(value: object) -> bool:
    """True or false, as Python, numpy or a number says it."""
    return isinstance(value, (Real, np.bool_)) and value in {0, 1}


def examples_from_log(
    decisions: Iterable[Decision],
    outcomes: Iterable[Outcome],
    actions: Iterable[UserAction],
    encoder: Any,
    *,
    contents: Mapping[str, str],
) -> Iterator[Example]:
    """An example for every shown item of an answered decision, the person as of just before it.

    `contents` gives the words of item ids. A reward above zero is a yes; several outcomes of one
    item are one example, yes if one of them is. An item of a slate that no outcome names was not
    taken; an outcome that names none speaks of everything shown.
    """
    answers = _answers(outcomes)
    asked: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        if decision.acted and decision.decision_id in answers:
            asked[decision.user_id].append(decision)
    histories = _by_user(actions, asked)
    for user, theirs in asked.items():
        trail = Trail(histories[user], encoder)
        for decision in theirs:
            person = trail.before(decision.at)
            yield from _examples(decision, answers[decision.decision_id], person, contents)


def _answers(outcomes: Iterable[Outcome]) -> dict[str, dict[str | None, bool]]:
    found: dict[str, dict[str | None, bool]] = defaultdict(dict)
    for outcome in outcomes:
        if outcome.reward is not None:
            one = found[outcome.decision_id]
            one[outcome.item_id] = one.get(outcome.item_id, False) or outcome.reward > 0
    return found


def _by_user(
    actions: Iterable[UserAction], wanted: Mapping[str, Any]
) -> dict[str, list[UserAction]]:
    found: dict[str, list[UserAction]] = defaultdict(list)
    for action in actions:
        if action.user_id in wanted:
            found[str(action.user_id)].append(action)
    return found


def _examples(
    decision: Decision,
    answers: Mapping[str | None, bool],
    person: Earlier,
    contents: Mapping[str, str],
) -> Iterator[Example]:
    for position, item in enumerate(decision.chosen):
        if item not in contents:
            raise BadInput(f"contents has no words for the item {item!r}")
        yield Example(
            person=person,
            content=contents[item],
            outcome=answers.get(item, answers.get(None, False)),
            at=decision.at,
            user_id=decision.user_id,
            slider=_slider_of(decision),
            context=decision.context,
            position=position,
        )


def _slider_of(decision: Decision) -> str | None:
    """The slider on which the shown item stood highest, where the decision noted it."""
    raw = decision.features.get("raw")
    return max(raw, key=raw.__getitem__) if raw else None
