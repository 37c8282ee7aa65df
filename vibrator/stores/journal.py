"""The nouns as events of the log, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from vibrator.actions import UserAction
from vibrator.decisions import Consent, Decision, Outcome
from vibrator.errors import BadInput
from vibrator.stores.ports import Event, EventLog, Which
from vibrator.stores.refusals import require_made

ACTION, CONSENT, MERGE, DECISION, OUTCOME = "action", "consent", "merge", "decision", "outcome"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_DECISION_BODY = (
    "candidates", "chosen", "arm", "propensity", "reason", "policy",
    "propensities", "refusals", "versions", "context", "features", "surface",
)  # fmt: skip
_OUTCOME_BODY = ("decision_id", "item_id", "dwell_ms", "reward", "metadata")
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def dump(value: Any) -> str:
    """Compact JSON; what JSON cannot hold is refused.

    >>> dump({"weight": 1.5})
    '{"weight":1.5}'
    """
    try:
        text = _ENCODER.encode(value)
        text.encode()  # a lone surrogate is found here, not in the store
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"only plain JSON values can be kept: {error}") from None
    return text


def dump_body(body: Mapping[str, Any]) -> str:
    """An event's body as JSON; actions without metadata repeat themselves, so theirs are kept."""
    if len(body) == 2 and "type" in body and "weight" in body:
        return _plain_action(body["type"], body["weight"])
    return dump(dict(body))


@lru_cache(maxsize=1_024, typed=True)
def _plain_action(kind: str, weight: float) -> str:
    return dump({"type": kind, "weight": weight})


@lru_cache(maxsize=1_024)  # a batch is mostly of one moment
def micros(at: datetime) -> int:
    """Microseconds since 1970, exact.

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (at - EPOCH) // MICROSECOND


def from_micros(value: int) -> datetime:
    """The way back from micros."""
    return EPOCH + timedelta(microseconds=value)


def to_action(event: Event) -> UserAction:
    """The action that was logged."""
    body = event.body
    return UserAction(
        body["type"], event.text, body["weight"], event.at,
        event.user_id, event.event_id, body.get("metadata", {}),
    )  # fmt: skip


def from_consent(consent: Consent, event_id: str) -> Event:
    """A yes or no, as an event."""
    body = {
        "purpose": consent.purpose,
        "granted": consent.granted,
        "until": None if consent.until is None else micros(consent.until),
    }
    return Event(event_id=event_id, user_id=consent.user_id, at=consent.at, kind=CONSENT, body=body)


def to_consent(event: Event) -> Consent:
    """The yes or no that was logged."""
    until = event.body["until"]
    return Consent(
        user_id=event.user_id,
        purpose=event.body["purpose"],
        granted=event.body["granted"],
        at=event.at,
        until=None if until is None else from_micros(until),
    )


def from_decision(decision: Decision) -> Event:
    """A decision, as an event."""
    body = {name: _plain(getattr(decision, name)) for name in _DECISION_BODY}
    return Event(
        event_id=decision.decision_id,
        user_id=decision.user_id,
        at=decision.at,
        kind=DECISION,
        body=body,
    )


def to_decision(event: Event) -> Decision:
    """The decision that was logged."""
    body = dict(event.body)
    body["candidates"], body["chosen"] = tuple(body["candidates"]), tuple(body["chosen"])
    return Decision(decision_id=event.event_id, user_id=event.user_id, at=event.at, **body)


def from_outcome(outcome: Outcome, user_id: str) -> Event:
    """An outcome, as an event of the user whom the decision was for."""
    body = {name: _plain(getattr(outcome, name)) for name in _OUTCOME_BODY}
    event_id = outcome.outcome_id or outcome_id_of(outcome)
    return Event(
        event_id=event_id,
        user_id=user_id,
        at=outcome.at,
        kind=OUTCOME,
        text=outcome.what,
        body=body,
    )


def to_outcome(event: Event) -> Outcome:
    """The outcome that was logged."""
    return Outcome(outcome_id=event.event_id, what=event.text, at=event.at, **event.body)


def outcome_id_of(outcome: Outcome) -> str:
    """The id of an outcome that was given none: the same thing told twice is one outcome."""
    parts = json.dumps([outcome.decision_id, outcome.what, outcome.item_id])
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


class LoggedDecisions:
    """The DecisionLog port over any EventLog."""

    def __init__(self, events: EventLog) -> None:
        self._events = events

    def record(self, entries: Sequence[Decision | Outcome]) -> int:
        """Keep what is new, how many were; an outcome of an unknown decision is refused."""
        told = {e.decision_id: e for e in entries if isinstance(e, Decision)}
        asked = {e.decision_id for e in entries if isinstance(e, Outcome)} - told.keys()
        told |= self._by_id(asked)
        require_made(asked, told)
        events = [_as_event(entry, told) for entry in entries]
        return self._events.append(events, needing=asked) if asked else self._events.append(events)

    def decisions(self, which: Which) -> Iterator[Decision]:
        """The chosen decisions in log order."""
        return map(to_decision, self._events.read(replace(which, kinds=(DECISION,))))

    def outcomes(self, which: Which) -> Iterator[tuple[int, Decision, Outcome]]:
        """Place in the log, decision, outcome: in log order."""
        batch: list[Event] = []
        for event in self._events.read(replace(which, kinds=(OUTCOME,))):
            batch.append(event)
            if len(batch) == 1_000:
                yield from self._joined(batch)
                batch = []
        yield from self._joined(batch)

    def _joined(self, events: Sequence[Event]) -> Iterator[tuple[int, Decision, Outcome]]:
        decisions = self._by_id({event.body["decision_id"] for event in events})
        for event in events:
            decision = decisions.get(event.body["decision_id"])
            if decision is not None:  # one that retention removed takes its outcomes along
                yield event.seq, decision, to_outcome(event)

    def _by_id(self, ids: set[str]) -> dict[str, Decision]:
        if not ids:
            return {}
        chosen = Which(ids=tuple(sorted(ids)), kinds=(DECISION,))
        return {event.event_id: to_decision(event) for event in self._events.read(chosen)}


def _as_event(entry: Decision | Outcome, made: Mapping[str, Decision]) -> Event:
    if isinstance(entry, Decision):
        return from_decision(entry)
    decision = made[entry.decision_id]
    if entry.item_id is not None and entry.item_id not in decision.candidates:
        raise BadInput(
            f"item_id must be a candidate of the decision {entry.decision_id!r}, "
            f"got {entry.item_id!r}"
        )
    return from_outcome(entry, decision.user_id)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
