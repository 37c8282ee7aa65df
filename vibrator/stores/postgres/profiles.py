"""Profiles in PostgreSQL, saved only over the version that was loaded."""

from __future__ import annotations

from collections.abc import Sequence

from vibrator.errors import VersionConflict
from vibrator.stores.ports import Snapshot
from vibrator.stores.postgres.pool import Pool
from vibrator.stores.postgres.schema import EPOCH
from vibrator.stores.refusals import require_same_encoder

EPOCH_BITS = 32
LOAD = (
    "SELECT p.user_id, p.number, p.seq, p.fingerprint, p.body FROM profiles p"
    " WHERE p.tenant = %s AND p.user_id = ANY(%s)"
)
# The epoch's row is locked against those who forget, until the save is done.
READ_EPOCH = "SELECT value FROM counters WHERE tenant = %s AND name = %s"
START_EPOCH = "INSERT INTO counters (tenant, name, value) VALUES (%s, %s, 0) ON CONFLICT DO NOTHING"
CREATE = (
    "INSERT INTO profiles (tenant, user_id, number, seq, fingerprint, body)"
    " VALUES (%s, %s, 1, %s, %s, %s) ON CONFLICT DO NOTHING"
)
REPLACE = (
    "UPDATE profiles SET number = number + 1, seq = %s, fingerprint = %s, body = %s"
    " WHERE tenant = %s AND user_id = %s AND number = %s"
)


class PostgresProfiles:
    """One row a user."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    def load(self, user_ids: Sequence[str], *, fingerprint: str) -> list[Snapshot]:
        """One snapshot a user; one that another encoder made is refused."""
        with self._pool.cursor() as cursor:
            known = cursor.execute(READ_EPOCH, (self._tenant, EPOCH)).fetchone()
            rows = cursor.execute(LOAD, (self._tenant, list(user_ids))).fetchall()
        epoch = (0 if known is None else known[0]) << EPOCH_BITS
        found: dict[str, Snapshot] = {}
        for user, number, seq, made_by, body in rows:
            require_same_encoder(user, made_by, fingerprint)
            found[user] = Snapshot(
                user_id=user, body=bytes(body), seq=seq, fingerprint=made_by,
                version=epoch + number,
            )  # fmt: skip
        return [found.get(user) or Snapshot(user_id=user, version=epoch) for user in user_ids]

    def save(self, snapshots: Sequence[Snapshot]) -> None:
        """All or none; VersionConflict if any row changed since it was loaded."""
        with self._pool.cursor() as cursor:
            cursor.execute(START_EPOCH, (self._tenant, EPOCH))
            epoch = cursor.execute(f"{READ_EPOCH} FOR SHARE", (self._tenant, EPOCH)).fetchone()[0]
            for s in sorted(snapshots, key=lambda s: s.user_id):  # one order: no deadlock
                loaded, number = s.version >> EPOCH_BITS, s.version & ((1 << EPOCH_BITS) - 1)
                content, who = (s.seq, s.fingerprint, s.body), (self._tenant, s.user_id)
                if loaded == epoch and number == 0:
                    cursor.execute(CREATE, (*who, *content))
                elif loaded == epoch:
                    cursor.execute(REPLACE, (*content, *who, number))
                if loaded != epoch or cursor.rowcount != 1:
                    raise VersionConflict(
                        f"the profile of {s.user_id!r} changed since it was loaded: load it again"
                    )
