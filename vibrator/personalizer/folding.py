"""Profiles as folds of the log: a snapshot, and what was logged since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from vibrator.errors import VersionConflict
from vibrator.personalizer.remembering import vectors_of
from vibrator.profile import FAST, SLOW, Profile
from vibrator.stores.journal import ACTION
from vibrator.stores.ports import Event, Snapshot, Store, Which

SAVED_AFTER = 16  # events folded since the snapshot that make a new one worth its write


class Folding:
    """Gives a user's profile as of a moment; the log is the truth, snapshots only save time."""

    def __init__(
        self, store: Store, encoder: Any, *, fast: timedelta = FAST, slow: timedelta = SLOW
    ) -> None:
        self._store, self._encoder = store, encoder
        self._fast, self._slow = fast, slow

    def profile(self, user: str, now: datetime, *, save_after: int = SAVED_AFTER) -> Profile:
        """Everything logged for the user that has happened by now."""
        snapshot = self._store.profiles.load([user], fingerprint=self._encoder.fingerprint)[0]
        profile = self._start(snapshot)
        if profile.last_seen is not None and profile.last_seen > now:
            return self._from_scratch(user, now)  # a look back, before what is folded already
        fresh = list(self._store.events.read(_actions_of(user, snapshot.seq)))
        # A snapshot ends before the first event of the future, which weighs nothing yet.
        ripe = list(takewhile(lambda event: event.at <= now, fresh))
        self._add(profile, ripe)
        if len(ripe) >= save_after:
            self._save(snapshot, profile, ripe[-1].seq)
        self._add(profile, [event for event in fresh[len(ripe) :] if event.at <= now])
        return profile

    def refresh(self, users: Sequence[str], now: datetime) -> int:
        """Fold and save what is new for these users ahead of need; how many there were."""
        for user in users:
            self.profile(user, now, save_after=1)
        return len(users)

    def rebuild(self, user: str, now: datetime) -> Profile:
        """Fold the user's whole log anew and save it over whatever was kept."""
        while True:
            fingerprint = self._encoder.fingerprint
            kept = self._store.profiles.load([user], fingerprint=fingerprint)[0]
            events = list(self._store.events.read(_actions_of(user, 0)))
            ripe = list(takewhile(lambda event: event.at <= now, events))
            profile = self._start(None)
            self._add(profile, ripe)
            if self._save(kept, profile, ripe[-1].seq if ripe else 0):
                return profile

    def _from_scratch(self, user: str, now: datetime) -> Profile:
        profile = self._start(None)
        events = self._store.events.read(_actions_of(user, 0))
        self._add(profile, [event for event in events if event.at <= now])
        return profile

    def _start(self, snapshot: Snapshot | None) -> Profile:
        if snapshot is not None and snapshot.body:
            return Profile.from_bytes(snapshot.body)
        return Profile(fast=self._fast, slow=self._slow, fingerprint=self._encoder.fingerprint)

    def _add(self, profile: Profile, events: Sequence[Event]) -> None:
        if events:
            actions, vectors = vectors_of(self._store, self._encoder, events)
            profile.add(actions, vectors, fingerprint=self._encoder.fingerprint)

    def _save(self, over: Snapshot, profile: Profile, seq: int) -> bool:
        snapshot = Snapshot(
            user_id=over.user_id,
            body=profile.to_bytes(),
            seq=seq,
            fingerprint=self._encoder.fingerprint,
            version=over.version,
        )
        try:
            self._store.profiles.save([snapshot])
        except VersionConflict:
            return False  # somebody else folded the same log, or the user was just forgotten
        return True


def _actions_of(user: str, after: int) -> Which:
    return Which(users=(user,), kinds=(ACTION,), after=after)
