"""Leaving nothing of a person behind, and saying what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from vibrator.actions import UserAction
from vibrator.errors import BadInput, StoreError
from vibrator.personalizer.fitting import FITTED_NOTE, STALE_NOTE
from vibrator.personalizer.learning import FORGOTTEN_NOTE
from vibrator.personalizer.remembering import cache_keys
from vibrator.stores.journal import ACTION, DECISION, OUTCOME, to_action
from vibrator.stores.ports import Store, Which

PASSING = Which(kinds=(ACTION, DECISION, OUTCOME))  # consents and merges do not wear off


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What forgetting did: rows removed by table, that nothing is left, what is still to be done.

    `verified` is False where a part of the store could not be reached; `pending` then says which.
    `stale` names what was fitted on outcomes that are gone now and wants a new fit().
    """

    users: tuple[str, ...]
    at: datetime
    removed: Mapping[str, int]
    verified: bool
    stale: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"at": self.at.isoformat(), "removed": dict(self.removed)}


def forget(store: Store, encoder: Any, users: Sequence[str], now: datetime) -> Receipt:
    """Remove the users' events, profiles, cached vectors, decisions and rows derived from them."""
    which = Which(users=tuple(users), kinds=(ACTION,))
    keys = cache_keys(encoder, map(to_action, store.events.read(which)))
    shared = store.shared(list(set(keys.values())), without=users)
    own = [key for key, text in keys.items() if text not in shared]
    erased = store.erase(users, own, before=None)
    left = next(store.events.read(Which(users=tuple(users))), None)
    kept = store.profiles.load(users, fingerprint=encoder.fingerprint)
    if left is not None or any(snapshot.body for snapshot in kept):
        raise StoreError("rows came in while their user was being forgotten: forget again")
    return Receipt(
        users=tuple(users),
        at=now,
        removed=erased.rows,
        verified=erased.complete,
        stale=start_over(store),
        pending=erased.pending,
    )


def moment_before(now: datetime, older_than: timedelta) -> datetime:
    """The moment so long ago.

    >>> from datetime import UTC
    >>> moment_before(datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=-1))
    Traceback (most recent call last):
    vibrator.errors.BadInput: older_than must not be a negative timedelta, got -1 day, 0:00:00
    """
    if older_than < timedelta(0):
        raise BadInput(f"older_than must not be a negative timedelta, got {older_than}")
    try:
        return now - older_than
    except OverflowError:
        raise BadInput(
            f"older_than must not reach back before the year 1, got {older_than}"
        ) from None


def expire(store: Store, encoder: Any, before: datetime, now: datetime) -> Receipt:
    """Remove everybody's actions, decisions and outcomes from before a moment."""
    old: dict[tuple[str, str], UserAction] = {}
    young: set[str] = set()
    for event in store.events.read(Which(kinds=(ACTION,))):
        if event.at < before:
            action = to_action(event)
            old[action.action_type, action.content] = action
        else:
            young.add(event.text)
    own = list(cache_keys(encoder, [a for a in old.values() if a.content not in young]))
    erased = store.erase((), own, before=before)
    return Receipt(
        users=(),
        at=now,
        removed=erased.rows,
        verified=erased.complete and all(e.at >= before for e in store.events.read(PASSING)),
        stale=start_over(store),
        pending=erased.pending,
    )


def start_over(store: Store) -> tuple[str, ...]:
    """Make policies fold their log anew, and mark what was fitted as stale."""
    store.set_note(FORGOTTEN_NOTE, uuid4().hex)
    if store.note(FITTED_NOTE) is None:
        return ()
    store.set_note(STALE_NOTE, "yes")
    return ("calibrators of the last fit()",)
