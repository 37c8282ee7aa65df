"""Rehearsals kept: the tables sim_runs and sim_events, in the SQLite file of the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from vibrator.checks import require_aware
from vibrator.errors import BadInput, StoreBusy, StoreError, UnknownName
from vibrator.optional import need
from vibrator.simulate.results import policy_rows
from vibrator.simulate.runner import Plan, Run

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS sim_runs (
        run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, plan TEXT NOT NULL,
        seeds_done INTEGER NOT NULL, summary TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS sim_events (
        run_id TEXT NOT NULL REFERENCES sim_runs ON DELETE CASCADE, policy TEXT NOT NULL,
        seed INTEGER NOT NULL, event INTEGER NOT NULL, persona TEXT NOT NULL,
        hour INTEGER NOT NULL, day_of_week INTEGER NOT NULL, place INTEGER NOT NULL,
        propensity REAL NOT NULL, action TEXT NOT NULL, dwell_ms REAL NOT NULL,
        reward REAL NOT NULL, expected REAL, best REAL,
        PRIMARY KEY (run_id, policy, seed, event)) WITHOUT ROWID""",
)
EVENT_COLUMNS = (
    "run_id", "policy", "seed", "event", "persona", "hour", "day_of_week", "place",
    "propensity", "action", "dwell_ms", "reward", "expected", "best",
)  # fmt: skip


class Rehearsals:
    """The two tables in one SQLite file; each seed is kept, all or nothing, when it is done."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with self._open() as connection:
            for statement in SCHEMA:
                connection.execute(statement)

    def begin(self, run_id: str, plan: Plan, at: datetime) -> None:
        """A new rehearsal, under an id of its own."""
        try:
            with self._open() as connection:
                connection.execute(
                    "INSERT INTO sim_runs VALUES (?, ?, ?, 0, '[]')",
                    (run_id, require_aware("at", at).isoformat(), json.dumps(plan_as_data(plan))),
                )
        except sqlite3.IntegrityError:
            raise BadInput(f"a rehearsal {run_id!r} is kept already") from None

    def keep(self, run_id: str, runs: Sequence[Run], all_runs: Sequence[Run]) -> None:
        """The events of one seed, and the summary of all seeds so far."""
        summary = json.dumps([row.row() for row in policy_rows(all_runs)])
        slots = ", ".join("?" * len(EVENT_COLUMNS))
        with self._open() as connection:
            found = connection.execute(
                "UPDATE sim_runs SET seeds_done = seeds_done + 1, summary = ? WHERE run_id = ?",
                (summary, run_id),
            )
            if not found.rowcount:
                raise UnknownName(f"no rehearsal {run_id!r} was begun")
            connection.executemany(
                f"INSERT INTO sim_events VALUES ({slots})",  # noqa: S608  question marks alone
                (row for run in runs for row in _event_rows(run_id, run)),
            )

    def runs(self) -> list[dict[str, Any]]:
        """All rehearsals, newest first, with plan and summary."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT run_id, started_at, plan, seeds_done, summary FROM sim_runs "
                "ORDER BY started_at DESC, run_id"
            ).fetchall()
        names = ("run_id", "started_at", "plan", "seeds_done", "summary")
        kept = [dict(zip(names, row, strict=True)) for row in rows]
        return [
            r | {"plan": json.loads(r["plan"]), "summary": json.loads(r["summary"])} for r in kept
        ]

    def events(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Every event of a rehearsal, policy by policy, seed by seed."""
        with self._open() as connection:
            if not connection.execute(
                "SELECT 1 FROM sim_runs WHERE run_id = ?", (run_id,)
            ).fetchone():
                raise UnknownName(f"no rehearsal {run_id!r} is kept")
            for row in connection.execute(
                "SELECT * FROM sim_events WHERE run_id = ? ORDER BY policy, seed, event", (run_id,)
            ):
                yield dict(zip(EVENT_COLUMNS, row, strict=True))

    def export(self, run_id: str, path: Path | str) -> int:
        """Write the events as .jsonl or .parquet; how many there were."""
        return exporter(path)(self.events(run_id), Path(path))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path)) as connection, connection:
                connection.execute("PRAGMA foreign_keys = ON")
                yield connection
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            kind = StoreBusy if busy else StoreError
            raise kind(f"{self.path}: {error}") from None


def plan_as_data(plan: Plan) -> dict[str, Any]:
    """What was asked for, as plain values."""
    world = plan.world
    return {
        "policies": list(plan.policies),
        "events": plan.events,
        "seeds": plan.seeds,
        "first_seed": plan.first_seed,
        "for_each_person": plan.for_each_person,
        "personas": [asdict(person) for person in world.personas],
        "judge": type(world.judge).__name__,
        "rules": getattr(world.judge, "rules", None) if _has_named_rules(world.judge) else None,
        "candidates": world.candidates,
        "events_a_day": world.events_a_day,
        "mean_delay": world.mean_delay,
        "missing": world.missing,
    }


def _has_named_rules(judge: object) -> bool:
    return isinstance(getattr(judge, "rules", None), str)


def _event_rows(run_id: str, run: Run) -> Iterator[tuple[Any, ...]]:
    nothing = [None] * len(run.rewards)
    columns = (
        run.personas, run.hours.tolist(), run.days.tolist(), run.places.tolist(),
        run.propensities.tolist(), run.actions, run.dwell_ms.tolist(), run.rewards.tolist(),
        nothing if run.expected is None else run.expected.tolist(),
        nothing if run.best is None else run.best.tolist(),
    )  # fmt: skip
    for event, row in enumerate(zip(*columns, strict=True)):
        yield (run_id, run.policy, run.seed, event, *row)


def _write_jsonl(rows: Iterator[dict[str, Any]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for count, row in enumerate(rows, start=1):  # noqa: B007  the count outlives the loop
            file.write(json.dumps(row) + "\n")
    return count


def _write_parquet(rows: Iterator[dict[str, Any]], path: Path) -> int:
    arrow, parquet = need("pyarrow", extra="parquet"), need("pyarrow.parquet", extra="parquet")
    table = arrow.Table.from_pylist(list(rows))
    parquet.write_table(table, path)
    return int(table.num_rows)


EXPORTS = {".jsonl": _write_jsonl, ".parquet": _write_parquet}


def exporter(path: Path | str) -> Callable[[Iterator[dict[str, Any]], Path], int]:
    """What writes a file of this suffix; another suffix is refused."""
    target = Path(path)
    if target.suffix not in EXPORTS:
        raise BadInput(f"export writes {sorted(EXPORTS)}, got {target.name!r}")
    return EXPORTS[target.suffix]
