"""The default store: all five ports in one SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from vibrator.stores.journal import LoggedDecisions
from vibrator.stores.matrix import Matrix, NewIndex
from vibrator.stores.pages import each_user
from vibrator.stores.ports import DEFAULT_TENANT, MAX_SEQ, Erased
from vibrator.stores.sqlite.catalogue import SQLiteCatalogue
from vibrator.stores.sqlite.connection import BUSY_SECONDS, migrate
from vibrator.stores.sqlite.database import Database, marks
from vibrator.stores.sqlite.erasing import compact, erase_before, erase_users
from vibrator.stores.sqlite.events import SQLiteEvents
from vibrator.stores.sqlite.merging import merge
from vibrator.stores.sqlite.personal import rows_of
from vibrator.stores.sqlite.profiles import SQLiteProfiles
from vibrator.stores.sqlite.reencoding import reencode
from vibrator.stores.sqlite.schema import COMPONENT, PERSONAL, STEPS
from vibrator.stores.sqlite.vectors import SQLiteVectors

LOOKUP = 500
USERS_AT_ONCE = 1_000


class SQLiteStore:
    """Events, profiles, vectors, items and decisions of one tenant in one file.

    >>> store = SQLiteStore(":memory:")
    >>> store.note("encoder") is None
    True
    """

    def __init__(
        self,
        path: str | Path,
        *,
        tenant: str = DEFAULT_TENANT,
        busy_seconds: float = BUSY_SECONDS,
        synchronous: str = "normal",
        new_index: NewIndex = Matrix,
    ) -> None:
        self.tenant = tenant
        self.database = Database(path, busy_seconds=busy_seconds, synchronous=synchronous)
        with self.database.reading() as connection:
            migrate(connection, COMPONENT, STEPS, personal=PERSONAL)
        self.events = SQLiteEvents(self.database, tenant)
        self.profiles = SQLiteProfiles(self.database, tenant)
        self.vectors = SQLiteVectors(self.database, tenant)
        self.catalogue = SQLiteCatalogue(self.database, tenant, new_index)
        self.decisions = LoggedDecisions(self.events)

    def note(self, name: str) -> str | None:
        """A small setting of this tenant; None if never set."""
        sql = "SELECT value FROM notes WHERE tenant = ? AND name = ?"
        return next((value for (value,) in self.database.rows(sql, (self.tenant, name))), None)

    def set_note(self, name: str, value: str | None) -> None:
        """Keep, replace or (with None) remove a setting."""
        with self.database.writing() as connection:
            connection.execute(
                "DELETE FROM notes WHERE tenant = ? AND name = ?", (self.tenant, name)
            )
            if value is not None:
                connection.execute(
                    "INSERT INTO notes (tenant, name, value) VALUES (?, ?, ?)",
                    (self.tenant, name, value),
                )

    def users(self, after: str = "") -> Iterator[str]:
        """Everybody in the log, in the store's own order; or those behind one of them."""
        sql = (
            "SELECT DISTINCT user_id FROM events WHERE tenant = ? AND user_id > ?"
            " ORDER BY user_id LIMIT ?"
        )
        return each_user(
            after, lambda last: self.database.rows(sql, (self.tenant, last, USERS_AT_ONCE))
        )

    def reencode(self, encode: Callable[[list[str]], Any], *, fingerprint: str) -> int:
        """Replace everything another encoder made: items get new vectors, the rest is dropped."""
        return reencode(self.database, self.tenant, encode, fingerprint)

    def merge(self, anonymous: str, known: str, *, at: datetime) -> int:
        """Give one user's rows to another, from now on too; how many events moved."""
        with self.database.writing() as connection:
            return merge(connection, self.tenant, anonymous, known, at)

    def erase(
        self,
        user_ids: Sequence[str],
        vector_keys: Iterable[str] = (),
        *,
        before: datetime | None = None,
        upto: int | None = None,
    ) -> Erased:
        """Remove the users' rows (with `before`: everybody's older rows) and the cached vectors."""
        last = MAX_SEQ if upto is None else upto
        if before is not None:
            return erase_before(self.database, self.tenant, before, vector_keys, last)
        return erase_users(self.database, self.tenant, user_ids, vector_keys, last)

    def shared(self, texts: Sequence[str], *, without: Sequence[str]) -> set[tuple[str, str]]:
        """Those of the texts that other users left too, each behind the type of their action."""
        found: set[tuple[str, str]] = set()
        for start in range(0, len(texts), LOOKUP):
            few = texts[start : start + LOOKUP]
            sql = (
                "SELECT DISTINCT json_extract(body, '$.type'), text FROM events"  # noqa: S608 - marks only
                f" WHERE tenant = ? AND kind = 'action' AND text IN ({marks(len(few))})"
                f" AND user_id NOT IN ({marks(len(without))})"
            )
            found.update(self.database.rows(sql, (self.tenant, *few, *without)))
        return found

    def personal_rows(self, user_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """What other components keep about these users, by table, as plain values for JSON."""
        with self.database.reading() as connection:
            return rows_of(connection, self.tenant, user_ids)

    def compact(self) -> tuple[str, ...]:
        """Rewrite the file without what was deleted; what could not be done is said."""
        return compact(self.database)

    def close(self) -> None:
        """Let go of the file; the store may be used again afterwards."""
        self.database.close()
