"""Who is who, and what they agreed to."""

from __future__ import annotations

from vibrator.decisions import Consent
from vibrator.stores.journal import CONSENT, MERGE, from_consent, to_consent
from vibrator.stores.ports import Store, Which


def resolve(store: Store, user: str) -> str:
    """The user whom this id was merged into, or the id itself."""
    merges = store.events.read(Which(kinds=(MERGE,), ids=(user,)))
    return next((event.user_id for event in merges), user)


def names_of(store: Store, user: str) -> list[str]:
    """The user's id, and the ids that were merged into it."""
    merges = store.events.read(Which(users=(user,), kinds=(MERGE,)))
    return [user, *(event.event_id for event in merges)]


def finish_merges(store: Store) -> None:
    """Give to the known users what merges of earlier releases, cut off half-way, left behind."""
    for merge in store.events.read(Which(kinds=(MERGE,))):
        if next(store.events.read(Which(users=(merge.event_id,))), None) is not None:
            store.merge(merge.event_id, merge.user_id, at=merge.at)


def consents(store: Store, user: str) -> tuple[Consent, ...]:
    """Everything the user said yes or no to, in log order."""
    return tuple(map(to_consent, store.events.read(Which(users=(user,), kinds=(CONSENT,)))))


def record_consent(store: Store, consent: Consent, event_id: str) -> None:
    """Keep a yes or no."""
    store.events.append([from_consent(consent, event_id)])
