"""A cache in front of a durable store, and a catalogue beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.cached import VectorCache
from vibrator.errors import StoreUnavailable, VersionConflict
from vibrator.stores.ports import Erased, ProfileStore, Snapshot, Store

DURABLE = 1 << 62  # marks a version that the durable store gave out while the cache was down


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
    """Hot profiles from the cache, the others from the store.

    A snapshot is the log folded up to its `seq`, so an older one is never wrong, only more work.
    The cache checks versions; while it is down the store does.
    """

    def __init__(self, cache: ProfileStore, store: ProfileStore) -> None:
        self._cache, self._store = cache, store

    def load(self, user_ids: Sequence[str], *, fingerprint: str) -> list[Snapshot]:
        """One snapshot a user."""
        try:
            found = self._cache.load(user_ids, fingerprint=fingerprint)
        except StoreUnavailable:
            kept = self._store.load(user_ids, fingerprint=fingerprint)
            return [replace(snapshot, version=snapshot.version | DURABLE) for snapshot in kept]
        missing = [snapshot.user_id for snapshot in found if not snapshot.body]
        kept = self._store.load(missing, fingerprint=fingerprint) if missing else []
        late = {snapshot.user_id: snapshot for snapshot in kept}
        return [
            s if s.body else replace(late[s.user_id], version=s.version) for s in found
        ]  # what the store knew, to be saved over the cache's absent row

    def save(self, snapshots: Sequence[Snapshot]) -> None:
        """All or none in the cache, and then, where it is newer, in the store."""
        if any(snapshot.version & DURABLE for snapshot in snapshots):
            own = [replace(s, version=s.version & ~DURABLE) for s in snapshots]
            self._store.save(own)
            return
        try:
            self._cache.save(snapshots)
        except StoreUnavailable as error:
            raise VersionConflict("the cache went down since the load: load again") from error
        self._write_through(snapshots)

    def _write_through(self, snapshots: Sequence[Snapshot]) -> None:
        by_user = {snapshot.user_id: snapshot for snapshot in snapshots}
        made_by = snapshots[0].fingerprint if snapshots else ""
        kept = self._store.load(list(by_user), fingerprint=made_by)
        newer = [
            replace(by_user[old.user_id], version=old.version)
            for old in kept
            if by_user[old.user_id].seq > old.seq
        ]
        self._store.save(newer)


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
            self._cache.clear()
        if self._beside is not None:
            count += self._beside.catalogue.reencode(encode, fingerprint=fingerprint)
        return count

    def merge(self, anonymous: str, known: str) -> int:
        """Give one user's rows to another; how many events moved."""
        moved = self._store.merge(anonymous, known)
        if self._cache is not None:
            self._cache.profiles.drop([anonymous])
        return moved

    def erase(
        self,
        user_ids: Sequence[str],
        vector_keys: Sequence[str] = (),
        *,
        before: datetime | None = None,
    ) -> Erased:
        """Remove rows from the store, and then what the cache holds of them."""
        erased = self._store.erase(user_ids, vector_keys, before=before)
        if self._cache is None:
            return erased
        try:
            if before is not None:
                self._cache.clear()
            self._cache.profiles.drop(user_ids)
            self._cache.vectors.drop(vector_keys)
            left = self._cache.rewrite()
        except StoreUnavailable as error:
            left = f"{error}; what it holds of these users is still there: forget again"
        return replace(erased, pending=(*erased.pending, left))

    def compact(self) -> tuple[str, ...]:
        """Rewrite the durable store's files without what was deleted."""
        return self._store.compact()

    def shared(self, texts: Sequence[str], *, without: Sequence[str]) -> set[str]:
        """Those of the texts that other users wrote too."""
        return self._store.shared(texts, without=without)

    def close(self) -> None:
        """Let go of all of them."""
        for part in (self._store, self._cache, self._beside):
            if part is not None:
                part.close()
