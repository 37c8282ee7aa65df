"""A cache in front of a durable store, and a catalogue beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.cached import VectorCache
from vibrator.errors import ArtefactError, StoreUnavailable, VersionConflict
from vibrator.stores.ports import Erased, ProfileStore, Snapshot, Store

OWED = "cache.owed"  # a cache was down when it should have dropped keys that nobody knows any more


class LayeredVectors:
    """Vectors from the cache, else from the store, and then into the cache."""

    def __init__(self, cache: VectorCache, store: VectorCache) -> None:
        self._cache, self._store = cache, store

    def get_many(self, keys: Sequence[str]) -> list[NDArray[np.float32] | None]:
        """A vector or None for each key, in the order of the keys."""
        try:
            found = self._cache.get_many(keys)
        except StoreUnavailable:  # the cache has logged that it is down
            return self._store.get_many(keys)
        missing = [key for key, row in zip(keys, found, strict=True) if row is None]
        late = dict(zip(missing, self._store.get_many(missing), strict=True)) if missing else {}
        kept = {key: row for key, row in late.items() if row is not None}
        if kept:
            self._keep(list(kept), np.array(list(kept.values())))
        return [late.get(k) if row is None else row for k, row in zip(keys, found, strict=True)]

    def put_many(self, keys: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep one row per key in both."""
        self._store.put_many(keys, vectors)
        self._keep(keys, vectors)

    def _keep(self, keys: Sequence[str], vectors: NDArray[np.float32]) -> None:
        with suppress(StoreUnavailable):
            self._cache.put_many(keys, vectors)


class LayeredProfiles:
    """Hot profiles from the cache, the others from the store, which alone checks versions.

    A snapshot is the log folded up to its `seq`, so that an older one in the cache is never wrong,
    only more work. Each is cached with the version that the store gave it.
    """

    def __init__(self, cache: Any, store: ProfileStore) -> None:
        self._cache, self._store = cache, store

    def load(self, user_ids: Sequence[str], *, fingerprint: str) -> list[Snapshot]:
        """One snapshot a user."""
        cached = self._cached(user_ids, fingerprint)
        hot = {s.user_id: hit for s in cached if (hit := _unwrapped(s)) is not None}
        missing = [user for user in user_ids if user not in hot]
        if missing:
            kept = self._store.load(missing, fingerprint=fingerprint)
            hot |= {snapshot.user_id: snapshot for snapshot in kept}
            self._keep(cached, kept)
        return [hot[user] for user in user_ids]

    def save(self, snapshots: Sequence[Snapshot]) -> None:
        """All or none in the store, and then in the cache."""
        users = [snapshot.user_id for snapshot in snapshots]
        try:
            self._store.save(snapshots)
        except VersionConflict:
            self._drop(users)  # what it holds may be what the caller was misled by
            raise
        if snapshots:
            cached = self._cached(users, snapshots[0].fingerprint)
            kept = self._store.load(users, fingerprint=snapshots[0].fingerprint)
            self._keep(cached, kept)

    def _cached(self, users: Sequence[str], fingerprint: str) -> list[Snapshot]:
        try:
            found: list[Snapshot] = self._cache.load(users, fingerprint=fingerprint)
        except StoreUnavailable:  # the cache has logged that it is down
            return []
        except ArtefactError:  # left by another encoder, while the store has moved on
            self._drop(users)
            return []
        return found

    def _keep(self, cached: Sequence[Snapshot], kept: Sequence[Snapshot]) -> None:
        """Put what the store holds over what the cache was seen to hold before.

        In this order: who is forgotten in between is dropped from the cache, which then refuses.
        """
        over = {snapshot.user_id: snapshot.version for snapshot in cached}
        fresh = [
            replace(s, body=b"%d %b" % (s.version, s.body), version=over[s.user_id])
            for s in kept
            if s.body and s.user_id in over
        ]
        with suppress(StoreUnavailable, VersionConflict):
            if fresh:
                self._cache.save(fresh)

    def _drop(self, users: Sequence[str]) -> None:
        with suppress(StoreUnavailable):
            self._cache.drop(users)


def _unwrapped(cached: Snapshot) -> Snapshot | None:
    """The store's own snapshot out of the cache's; None where there is none."""
    version, space, body = cached.body.partition(b" ")
    if not space or not version.isdigit():
        return None
    return replace(cached, body=body, version=int(version))


class LayeredStore:
    """A durable store with a cache in front (`cache`) or its items elsewhere (`catalogue`)."""

    def __init__(self, store: Store, *, cache: Any = None, catalogue: Any = None) -> None:
        self._store, self._cache, self._beside = store, cache, catalogue
        self.tenant = store.tenant
        self.events, self.decisions = store.events, store.decisions
        self.catalogue = store.catalogue if catalogue is None else catalogue.catalogue
        self.vectors: VectorCache = store.vectors
        self.profiles: ProfileStore = store.profiles
        if cache is not None:
            self.vectors = LayeredVectors(cache.vectors, store.vectors)
            self.profiles = LayeredProfiles(cache.profiles, store.profiles)

    def note(self, name: str) -> str | None:
        """A small setting of this tenant; None if never set."""
        return self._store.note(name)

    def set_note(self, name: str, value: str | None) -> None:
        """Keep, replace or (with None) remove a setting."""
        self._store.set_note(name, value)

    def users(self, after: str = "") -> Iterator[str]:
        """Everybody in the log, in the store's own order; or those behind one of them."""
        return self._store.users(after)

    def reencode(self, encode: Callable[[list[str]], Any], *, fingerprint: str) -> int:
        """Replace everything another encoder made, in the cache and beside it too."""
        count = self._store.reencode(encode, fingerprint=fingerprint)
        if self._cache is not None:
            with suppress(StoreUnavailable):  # what it holds has other keys, or is refused
                self._cache.clear()
        if self._beside is not None:
            count += self._beside.catalogue.reencode(encode, fingerprint=fingerprint)
        return count

    def merge(self, anonymous: str, known: str, *, at: datetime) -> int:
        """Give one user's rows to another, from now on too; how many events moved."""
        moved = self._store.merge(anonymous, known, at=at)
        if self._cache is not None:
            with suppress(StoreUnavailable):  # nobody asks for the old id any more
                self._cache.profiles.drop([anonymous])
        return moved

    def erase(
        self,
        user_ids: Sequence[str],
        vector_keys: Iterable[str] = (),
        *,
        before: datetime | None = None,
        upto: int | None = None,
    ) -> Erased:
        """Remove rows from the store, and then what the cache holds of them."""
        if before is None:
            vector_keys = list(vector_keys)
        erased = self._store.erase(user_ids, vector_keys, before=before, upto=upto)
        if self._cache is None:
            return erased
        owed = self._store.note(OWED) is not None
        try:
            self._cache.profiles.drop(user_ids)
            everything = owed or before is not None
            self._cache.clear() if everything else self._cache.vectors.drop(vector_keys)
            left = self._cache.rewrite()
        except StoreUnavailable as error:
            self._store.set_note(OWED, "yes")
            left = f"{error}; what it holds of these users is still there: forget again"
            return replace(erased, pending=(*erased.pending, left), complete=False)
        if owed:
            self._store.set_note(OWED, None)
        return replace(erased, pending=(*erased.pending, left))

    def personal_rows(self, user_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """What other components keep about these users, by table."""
        return self._store.personal_rows(user_ids)

    def compact(self) -> tuple[str, ...]:
        """Rewrite the durable store's files without what was deleted."""
        return self._store.compact()

    def shared(self, texts: Sequence[str], *, without: Sequence[str]) -> set[tuple[str, str]]:
        """Those of the texts that other users left too, each behind the type of their action."""
        return self._store.shared(texts, without=without)

    def close(self) -> None:
        """Let go of all of them."""
        for part in (self._store, self._cache, self._beside):
            if part is not None:
                part.close()
