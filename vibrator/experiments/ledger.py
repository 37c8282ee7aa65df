"""The ledger: what was measured, appended and never changed, in a table of the SQLite store."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from vibrator.actions import utc_now
from vibrator.checks import require_aware, require_text
from vibrator.errors import BadInput, UnknownName, VersionConflict
from vibrator.stores.sqlite import migrate
from vibrator.stores.sqlite.connection import MEMORY
from vibrator.stores.sqlite.database import Database

COMPONENT = "experiments"
HASHED = re.compile(r'("cluster": ?")([0-9a-f]{16})(")')


def _rename_hashed(connection: sqlite3.Connection) -> None:
    """People were kept as hashes of their ids, which a known id could be tested against.

    They get names that are worked out with a key nobody keeps: the same one the same name.
    """
    key = os.urandom(32)

    def renamed(found: re.Match[str]) -> str:
        name = hashlib.blake2b(found[2].encode(), key=key, digest_size=8).hexdigest()
        return f"{found[1]}{name}{found[3]}"

    connection.create_function("renamed", 1, lambda text: HASHED.sub(renamed, text))
    for table, column in (("experiment_ledger", "metric_values"), ("experiment_states", "body")):
        connection.execute(
            f"UPDATE {table} SET {column} = renamed({column})"  # noqa: S608 - fixed names
            f" WHERE {column} LIKE '%\"cluster\"%'"
        )


STEPS = (
    """
    CREATE TABLE experiment_ledger (
        seq INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        domain TEXT NOT NULL,
        experiment_id TEXT NOT NULL,
        variable TEXT NOT NULL,
        variant TEXT NOT NULL,
        metric_values TEXT NOT NULL,
        declared INTEGER,
        timestamp TEXT NOT NULL
    );
    CREATE INDEX experiment_ledger_by_domain
        ON experiment_ledger (tenant, domain, variable, experiment_id);
    CREATE TABLE experiment_states (
        tenant TEXT NOT NULL,
        domain TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (tenant, domain)
    ) WITHOUT ROWID
    """,
    _rename_hashed,
)
COLUMNS = "domain, experiment_id, variable, variant, metric_values, declared, timestamp"
INSERT = f"INSERT INTO experiment_ledger (tenant, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
FIELDS = ("domain", "experiment_id", "variable", "variant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One measurement of one variant.

    `declared` is what somebody said about winning (True, False, or nothing); it is kept as said
    and no analysis counts it. A metric of None was not measured.
    """

    domain: str
    experiment_id: str
    variable: str
    variant: str
    metric_values: Mapping[str, Any]
    declared: bool | None = None
    timestamp: str

    def __post_init__(self) -> None:
        for name in FIELDS:
            require_text(name, getattr(self, name))
        if not isinstance(self.metric_values, Mapping):
            raise BadInput(f"metric_values must be a mapping, got {self.metric_values!r}")
        for name, value in self.metric_values.items():
            if isinstance(value, int) and abs(value) > sys.float_info.max:
                raise BadInput(
                    f"{name} must be a number below 1.8e308, got one of {value.bit_length()} bits"
                )
        if self.declared is not None and not isinstance(self.declared, bool):
            raise BadInput(f"declared must be True, False or None, got {self.declared!r}")
        try:
            datetime.fromisoformat(self.timestamp)
        except (TypeError, ValueError):
            raise BadInput(f"timestamp must be an ISO time, got {self.timestamp!r}") from None

    def number(self, metric: str) -> float | None:
        """The metric as a number; None where it was not measured."""
        value = self.metric_values.get(metric)
        if isinstance(value, bool):
            return float(value)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return None
        return float(value)

    def to_dict(self) -> dict[str, Any]:
        """The published shape, in which what was declared is called `winner`."""
        return {
            **{name: getattr(self, name) for name in FIELDS},
            "metric_values": dict(self.metric_values),
            "winner": self.declared,
            "timestamp": self.timestamp,
        }

    @classmethod
    def from_dict(cls, data: Any) -> Record:
        """The way back from `to_dict`."""
        needed = {*FIELDS, "metric_values", "timestamp"}
        if not isinstance(data, Mapping) or not needed <= set(data) <= needed | {"winner"}:
            raise BadInput(f"a record has {sorted(needed)} and may have a winner, got {data!r:.99}")
        plain = {name: value for name, value in data.items() if name != "winner"}
        return cls(**plain, declared=data.get("winner"))


class Ledger:
    """Append-only, one row a measurement, safe under many processes and sudden ends.

    `Ledger("lab.db")` and `Ledger("sqlite:///lab.db")` open the same file, which may hold the
    store's other tables too. What `append` returned is on the disk.

    >>> ledger = Ledger(":memory:")
    >>> _ = ledger.append("mail", "e1", "subject", "short", {"opens": 0.31})
    >>> len(ledger), ledger.all_domains()
    (1, ['mail'])
    """

    def __init__(
        self,
        path_or_url: str | Path,
        *,
        tenant: str = "default",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.path = path_of(path_or_url)
        self.tenant = require_text("tenant", tenant)
        self._clock = clock
        if self.path != MEMORY:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        self._database = Database(self.path, synchronous="full")
        with self._database.reading() as connection:
            migrate(connection, COMPONENT, STEPS)

    def append(  # noqa: PLR0913  # the published signature
        self,
        domain: str,
        experiment_id: str,
        variable: str,
        variant: str,
        metric_values: Mapping[str, Any],
        timestamp: str | datetime | None = None,
        declared: bool | None = None,  # noqa: FBT001  # the published signature
    ) -> Record:
        """Keep one measurement; when this returns it survives a power cut."""
        record = Record(
            domain=domain,
            experiment_id=experiment_id,
            variable=variable,
            variant=variant,
            metric_values=metric_values,
            declared=declared,
            timestamp=self._stamp(timestamp),
        )
        self.extend([record])
        return record

    def extend(self, records: Iterable[Record]) -> int:
        """Keep many, all or none, in one transaction; how many they were."""
        rows = [(self.tenant, *_row(record)) for record in records]
        with self._database.writing() as connection:
            connection.executemany(INSERT, rows)
        return len(rows)

    @property
    def records(self) -> list[Record]:
        """All records, oldest first."""
        return list(self.read())

    def query(
        self,
        domain: str | None = None,
        variable: str | None = None,
        experiment_id: str | None = None,
        *,
        winners_only: bool = False,
    ) -> list[Record]:
        """The records that fit every filter given; winners are those somebody declared."""
        wanted = {"domain": domain, "variable": variable, "experiment_id": experiment_id}
        given = {name: value for name, value in wanted.items() if value is not None}
        return list(self.read(given | ({"declared": True} if winners_only else {})))

    def read(self, wanted: Mapping[str, Any] | None = None) -> Iterator[Record]:
        """The records whose columns have these values, oldest first, as they come from the disk."""
        where, values = self._where(wanted or {})
        with self._database.reading() as connection:
            sql = f"SELECT {COLUMNS} FROM experiment_ledger WHERE {where} ORDER BY seq"  # noqa: S608
            for row in connection.execute(sql, values):
                yield _record(row)

    def all_domains(self) -> list[str]:
        """Every domain that has records."""
        return self._distinct("domain", {})

    def all_variables(self, domain: str | None = None) -> list[str]:
        """Every variable that has records, of one domain or of all."""
        return self._distinct("variable", {} if domain is None else {"domain": domain})

    def __len__(self) -> int:
        sql = "SELECT count(*) FROM experiment_ledger WHERE tenant = ?"
        return int(self._database.rows(sql, (self.tenant,))[0][0])

    def __repr__(self) -> str:
        return f"Ledger({self.path!r})"

    def load_state(self, domain: str) -> tuple[str | None, int]:
        """The kept pipeline of a domain as text, and its version; (None, 0) if there is none."""
        sql = "SELECT body, version FROM experiment_states WHERE tenant = ? AND domain = ?"
        rows = self._database.rows(sql, (self.tenant, domain))
        return rows[0] if rows else (None, 0)

    def save_state(
        self, domain: str, body: str, *, version: int, records: Iterable[Record] = ()
    ) -> int:
        """Keep the pipeline over the version that was loaded, with records, all or none."""
        rows = [(self.tenant, *_row(record)) for record in records]
        key = (self.tenant, require_text("domain", domain))
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO experiment_states VALUES (?, ?, 0, '{}')", key
            )
            changed = connection.execute(
                "UPDATE experiment_states SET body = ?, version = version + 1"
                " WHERE tenant = ? AND domain = ? AND version = ?",
                (body, *key, version),
            ).rowcount
            if not changed:
                raise VersionConflict(f"the pipeline of {domain!r} changed since it was read")
            connection.executemany(INSERT, rows)
        return version + 1

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def _stamp(self, given: str | datetime | None) -> str:
        if isinstance(given, str):
            return given
        return require_aware("timestamp", self._clock() if given is None else given).isoformat()

    def _where(self, wanted: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
        conditions = " AND ".join(f"{name} = ?" for name in ("tenant", *wanted))
        return conditions, (self.tenant, *wanted.values())

    def _distinct(self, column: str, wanted: Mapping[str, Any]) -> list[str]:
        where, values = self._where(wanted)
        sql = f"SELECT DISTINCT {column} FROM experiment_ledger WHERE {where} ORDER BY 1"  # noqa: S608
        return [name for (name,) in self._database.rows(sql, values)]


def path_of(path_or_url: str | Path) -> str:
    """The file of a path or an sqlite URL; in memory for `:memory:` and `sqlite://`."""
    if isinstance(path_or_url, Path):
        return str(path_or_url)
    scheme, found, rest = require_text("path_or_url", path_or_url).partition("://")
    if not found:
        return path_or_url
    if scheme != "sqlite":
        raise UnknownName(f"a ledger lives in SQLite, not in {scheme!r}: sqlite:///lab.db")
    if rest and not rest.startswith("/"):
        raise BadInput(f"an SQLite URL has three or four slashes, got {path_or_url!r}")
    return unquote(rest.partition("?")[0].removeprefix("/")) or MEMORY


def _row(record: Record) -> tuple[Any, ...]:
    try:
        values = json.dumps(dict(record.metric_values), ensure_ascii=False, allow_nan=False)
        values.encode()  # a lone surrogate is no text that can be kept
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"metric_values must be plain and finite JSON values: {error}") from None
    return (*(getattr(record, name) for name in FIELDS), values, record.declared, record.timestamp)


def _record(row: tuple[Any, ...]) -> Record:
    *names, values, declared, timestamp = row
    return Record(
        **dict(zip(FIELDS, names, strict=True)),
        metric_values=json.loads(values),
        declared=None if declared is None else bool(declared),
        timestamp=timestamp,
    )
