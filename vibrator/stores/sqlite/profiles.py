"""Profiles in SQLite, saved only over the version that was loaded."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from vibrator.errors import VersionConflict
from vibrator.stores.ports import Snapshot
from vibrator.stores.refusals import require_same_encoder
from vibrator.stores.sqlite.database import Database, marks
from vibrator.stores.sqlite.schema import EPOCH

EPOCH_BITS = 32  # a version is the tenant's epoch above, the row's own number below
LOOKUP = 500
READ_EPOCH = "SELECT value FROM counters WHERE tenant = ? AND name = ?"
READ_NUMBER = "SELECT number FROM profiles WHERE tenant = ? AND user_id = ?"
SAVE = (
    "INSERT INTO profiles (tenant, user_id, number, seq, fingerprint, body)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, user_id) DO UPDATE SET"
    " number = excluded.number, seq = excluded.seq,"
    " fingerprint = excluded.fingerprint, body = excluded.body"
)


class SQLiteProfiles:
    """One row a user."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def load(self, user_ids: Sequence[str], *, fingerprint: str) -> list[Snapshot]:
        """One snapshot a user; one that another encoder made is refused."""
        with self._database.reading() as connection:
            epoch = self._epoch(connection) << EPOCH_BITS
            found: dict[str, Snapshot] = {}
            for start in range(0, len(user_ids), LOOKUP):
                few = user_ids[start : start + LOOKUP]
                for user, number, seq, made_by, body in connection.execute(
                    "SELECT user_id, number, seq, fingerprint, body FROM profiles"  # noqa: S608 - marks only
                    f" WHERE tenant = ? AND user_id IN ({marks(len(few))})",
                    (self._tenant, *few),
                ):
                    require_same_encoder(user, made_by, fingerprint)
                    found[user] = Snapshot(
                        user_id=user, body=body, seq=seq, fingerprint=made_by,
                        version=epoch + number,
                    )  # fmt: skip
        return [found.get(user) or Snapshot(user_id=user, version=epoch) for user in user_ids]

    def save(self, snapshots: Sequence[Snapshot]) -> None:
        """All or none; VersionConflict if any row changed since it was loaded."""
        with self._database.writing() as connection:
            epoch = self._epoch(connection) << EPOCH_BITS
            for snapshot in snapshots:
                who = (self._tenant, snapshot.user_id)
                row = connection.execute(READ_NUMBER, who).fetchone()
                number = 0 if row is None else row[0]
                if epoch + number != snapshot.version:
                    raise VersionConflict(
                        f"the profile of {snapshot.user_id!r} changed since it was loaded: "
                        "load it again"
                    )
                values = (number + 1, snapshot.seq, snapshot.fingerprint, snapshot.body)
                connection.execute(SAVE, (*who, *values))

    def _epoch(self, connection: sqlite3.Connection) -> int:
        row = connection.execute(READ_EPOCH, (self._tenant, EPOCH)).fetchone()
        return 0 if row is None else int(row[0])
