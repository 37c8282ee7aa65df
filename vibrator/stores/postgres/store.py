"""All five ports in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from vibrator.stores.halves import half_rows
from vibrator.stores.journal import LoggedDecisions
from vibrator.stores.pages import each_user
from vibrator.stores.ports import DEFAULT_TENANT, MAX_SEQ, Erased, Item
from vibrator.stores.postgres.catalogue import ENCODER_NOTE, PostgresCatalogue, put_items
from vibrator.stores.postgres.erasing import compact, erase_before, erase_users
from vibrator.stores.postgres.events import PostgresEvents
from vibrator.stores.postgres.merging import merge
from vibrator.stores.postgres.personal import rows_of
from vibrator.stores.postgres.pool import Pool
from vibrator.stores.postgres.profiles import PostgresProfiles
from vibrator.stores.postgres.schema import BUMP, EPOCH, migrate
from vibrator.stores.postgres.vectors import PostgresVectors

USERS_AT_ONCE = 1_000
ENCODED_AT_ONCE = 1_000


def open_postgres(url: str, *, tenant: str) -> PostgresStore:
    """`postgresql://user@host/database`; the password comes from the environment or pgpass."""
    return PostgresStore(url, tenant=tenant)


class PostgresStore:
    """Events, profiles, vectors, items and decisions of one tenant in the schema `vibrator`."""

    def __init__(self, url: str, *, tenant: str = DEFAULT_TENANT) -> None:
        self.tenant = tenant
        self._pool = Pool(url)
        with self._pool.speaking(), self._pool.bare() as connection:
            migrate(connection)
        self._pool.open()
        self.events = PostgresEvents(self._pool, tenant)
        self.profiles = PostgresProfiles(self._pool, tenant)
        self.vectors = PostgresVectors(self._pool, tenant)
        self.catalogue = PostgresCatalogue(self._pool, tenant)
        self.decisions = LoggedDecisions(self.events)

    def note(self, name: str) -> str | None:
        """A small setting of this tenant; None if never set."""
        sql = "SELECT value FROM notes WHERE tenant = %s AND name = %s"
        return next((value for (value,) in self._pool.rows(sql, (self.tenant, name))), None)

    def set_note(self, name: str, value: str | None) -> None:
        """Keep, replace or (with None) remove a setting."""
        with self._pool.cursor() as cursor:
            if value is None:
                sql = "DELETE FROM notes WHERE tenant = %s AND name = %s"
                cursor.execute(sql, (self.tenant, name))
            else:
                cursor.execute(
                    "INSERT INTO notes (tenant, name, value) VALUES (%s, %s, %s)"
                    " ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value",
                    (self.tenant, name, value),
                )

    def users(self, after: str = "") -> Iterator[str]:
        """Everybody in the log, in the store's own order; or those behind one of them."""
        sql = (
            "SELECT DISTINCT user_id FROM events WHERE tenant = %s AND user_id > %s"
            " ORDER BY user_id LIMIT %s"
        )
        return each_user(
            after, lambda last: self._pool.rows(sql, (self.tenant, last, USERS_AT_ONCE))
        )

    def reencode(self, encode: Callable[[list[str]], Any], *, fingerprint: str) -> int:
        """Replace everything another encoder made: items get new vectors, the rest is dropped."""
        sql = "SELECT item_id, text, attributes FROM items WHERE tenant = %s"
        rows = self._pool.rows(sql, (self.tenant,))
        items = [Item(item_id=name, text=text, attributes=a) for name, text, a in rows]
        parts = [
            np.asarray(encode([item.text for item in items[start : start + ENCODED_AT_ONCE]]))
            for start in range(0, len(items), ENCODED_AT_ONCE)
        ]
        with self._pool.cursor() as cursor:
            for table in ("profiles", "vectors"):
                cursor.execute(f"DELETE FROM {table} WHERE tenant = %s", (self.tenant,))  # noqa: S608 - fixed names
            note = (self.tenant, ENCODER_NOTE)
            cursor.execute("DELETE FROM notes WHERE tenant = %s AND name = %s", note)
            if parts:
                vectors = half_rows([item.item_id for item in items], np.concatenate(parts))
                put_items(cursor, self.tenant, items, vectors)
                mine = f"{fingerprint}/{vectors.shape[1]}"
                cursor.execute("INSERT INTO notes VALUES (%s, %s, %s)", (*note, mine))
            cursor.execute(BUMP, (self.tenant, EPOCH))
        return len(items)

    def merge(self, anonymous: str, known: str, *, at: datetime) -> int:
        """Give one user's rows to another, from now on too; how many events moved."""
        with self._pool.cursor() as cursor:
            return merge(cursor, self.tenant, anonymous, known, at)

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
            return erase_before(self._pool, self.tenant, before, vector_keys, last)
        return erase_users(self._pool, self.tenant, user_ids, vector_keys, last)

    def shared(self, texts: Sequence[str], *, without: Sequence[str]) -> set[tuple[str, str]]:
        """Those of the texts that other users left too, each behind the type of their action."""
        sql = (
            "SELECT DISTINCT body ->> 'type', text FROM events WHERE tenant = %s"
            " AND kind = 'action' AND text = ANY(%s) AND NOT user_id = ANY(%s)"
        )
        return set(self._pool.rows(sql, (self.tenant, list(texts), list(without))))

    def personal_rows(self, user_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """What other components keep about these users, by table, as plain values for JSON."""
        with self._pool.cursor() as cursor:
            return rows_of(cursor, self.tenant, user_ids)

    def compact(self) -> tuple[str, ...]:
        """Rewrite the tables' files without what was deleted."""
        tables = [name for (name,) in self._pool.rows("SELECT name FROM personal_tables")]
        return compact(self._pool, [*tables, "vectors"])

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
