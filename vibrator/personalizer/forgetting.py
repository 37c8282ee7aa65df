"""Leaving nothing of a person behind, and saying what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

import numpy as np

from vibrator.encoders.cached import KEY_BYTES
from vibrator.errors import BadInput, StoreError
from vibrator.personalizer import people
from vibrator.personalizer.fitting import FITTED_NOTE, STALE_NOTE
from vibrator.personalizer.learning import FORGOTTEN_NOTE
from vibrator.personalizer.remembering import cache_keys, kinds_of, own_keys
from vibrator.stores.halves import key_bytes
from vibrator.stores.journal import ACTION, DECISION, OUTCOME
from vibrator.stores.ports import Erased, Event, Store, Which

PASSING = (ACTION, DECISION, OUTCOME)  # consents and merges do not wear off
ATTEMPTS = 5  # at removing what keeps coming in
AT_ONCE = 5_000


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


def forget(store: Store, encoder: Any, user: str, now: datetime) -> Receipt:
    """Remove the user's events, profile, cached vectors, decisions and rows derived from them.

    What comes in meanwhile stays behind at first, with its vectors, and is removed next.
    """
    users: dict[str, None] = {}  # in the order in which they were found
    done = _Done()
    for _ in range(ATTEMPTS):
        users |= dict.fromkeys(people.names_of(store, people.resolve(store, user)))
        named = tuple(users)
        last = _last_place(store)
        kinds = kinds_of(store.events.read(Which(users=named, kinds=(ACTION,))))
        keys = own_keys(store, encoder, kinds, without=named)
        done.add(store.erase(named, keys, upto=last))
        gone = _nothing_left(store, named, encoder.fingerprint)
        if gone and people.resolve(store, user) in users:  # not somebody else meanwhile
            return done.receipt(store, named, now, verified=True)
    start_over(store)
    raise StoreError("rows keep coming in while their user is being forgotten: forget again")


def _last_place(store: Store) -> int:
    return next((event.seq for event in store.events.read(Which(newest=1))), 0)


def _nothing_left(store: Store, users: Sequence[str], fingerprint: str) -> bool:
    left = next(store.events.read(Which(users=tuple(users))), None)
    kept = store.profiles.load(users, fingerprint=fingerprint)
    return left is None and not any(snapshot.body for snapshot in kept)


class _Done:
    """What several rounds of removing add up to."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.pending: tuple[str, ...] = ()
        self.complete = True

    def add(self, erased: Erased) -> None:
        """One more; only the last rewriting of files counts."""
        self.rows.update(erased.rows)
        self.pending, self.complete = erased.pending, erased.complete

    def receipt(
        self, store: Store, users: tuple[str, ...], now: datetime, *, verified: bool
    ) -> Receipt:
        """What was done, after which policies and fits have to start over."""
        return Receipt(
            users=users,
            at=now,
            removed=dict(self.rows),
            verified=verified and self.complete,
            stale=start_over(store),
            pending=self.pending,
        )


def moment_before(now: datetime, older_than: timedelta) -> datetime:
    """The moment so long ago.

    >>> from datetime import UTC
    >>> moment_before(datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=-1))
    Traceback (most recent call last):
    vibrator.errors.BadInput: older_than must not be a negative timedelta, got -1 day, 0:00:00
    """
    if not isinstance(older_than, timedelta):
        raise BadInput(f"older_than must be a timedelta, got {older_than!r}")
    if older_than < timedelta(0):
        raise BadInput(f"older_than must not be a negative timedelta, got {older_than}")
    try:
        return now - older_than
    except OverflowError:
        raise BadInput(
            f"older_than must not reach back before the year 1, got {older_than}"
        ) from None


def expire(store: Store, encoder: Any, before: datetime, now: datetime) -> Receipt:
    """Remove everybody's actions, decisions and outcomes from before a moment.

    An outcome goes with its decision, however late it came.
    """
    older = Which(kinds=PASSING, until=before - datetime.resolution)
    done, verified = _Done(), False
    for _ in range(ATTEMPTS):
        last = _last_place(store)
        keys = _outdated(store, encoder, before)
        done.add(store.erase((), keys, before=before, upto=last))
        verified = next(store.events.read(older), None) is None
        if verified:
            break
    return done.receipt(store, (), now, verified=verified)


def _outdated(store: Store, encoder: Any, before: datetime) -> Iterator[str]:
    """The keys of vectors that only old actions lead to.

    Logs are long: of an action no more is held than its key.
    """
    old, young = bytearray(), bytearray()
    actions = store.events.read(Which(kinds=(ACTION,)))
    while some := list(islice(actions, AT_ONCE)):
        old += _digests(encoder, (e for e in some if e.at < before))
        young += _digests(encoder, (e for e in some if e.at >= before))
    kind = f"S{KEY_BYTES}"
    gone = np.setdiff1d(np.frombuffer(old, kind), np.frombuffer(young, kind)).tobytes()
    return (gone[start : start + KEY_BYTES].hex() for start in range(0, len(gone), KEY_BYTES))


def _digests(encoder: Any, events: Iterable[Event]) -> bytes:
    return b"".join(key_bytes(list(cache_keys(encoder, kinds_of(events)))))


def start_over(store: Store) -> tuple[str, ...]:
    """Make policies fold their log anew, and mark what was fitted as stale."""
    store.set_note(FORGOTTEN_NOTE, uuid4().hex)
    if store.note(FITTED_NOTE) is None:
        return ()
    store.set_note(STALE_NOTE, "yes")
    return ("calibrators of the last fit()",)
