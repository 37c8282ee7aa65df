"""Who is who, and what they agreed to."""

from __future__ import annotations

from datetime import datetime

from vibrator.decisions import Consent
from vibrator.errors import BadInput
from vibrator.stores.journal import CONSENT, MERGE, from_consent, to_consent
from vibrator.stores.ports import Event, Store, Which


def resolve(store: Store, user: str) -> str:
    """The user whom this id was merged into, or the id itself."""
    merges = store.events.read(Which(kinds=(MERGE,), ids=(user,)))
    return next((event.user_id for event in merges), user)


def aliases(store: Store, user: str) -> list[str]:
    """The ids that were merged into this user."""
    merges = store.events.read(Which(users=(user,), kinds=(MERGE,)))
    return [event.event_id for event in merges]


def merge(store: Store, anonymous: str, known: str, at: datetime) -> int:
    """Give the anonymous user's history to the known one, from now on too; how much moved."""
    target = resolve(store, known)
    if target == anonymous:
        raise BadInput(f"{anonymous!r} cannot be merged into itself ({known!r} is the same person)")
    if resolve(store, anonymous) not in {anonymous, target}:
        raise BadInput(f"{anonymous!r} was merged into somebody else already, not {known!r}")
    merged = Event(event_id=anonymous, user_id=target, at=at, kind=MERGE)
    store.events.append([merged])  # first: what comes in meanwhile goes to the known user
    return store.merge(anonymous, target)


def consents(store: Store, user: str) -> tuple[Consent, ...]:
    """Everything the user said yes or no to, in log order."""
    return tuple(map(to_consent, store.events.read(Which(users=(user,), kinds=(CONSENT,)))))


def record_consent(store: Store, consent: Consent, event_id: str) -> None:
    """Keep a yes or no."""
    store.events.append([from_consent(consent, event_id)])
