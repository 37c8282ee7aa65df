"""The planner's samples of values: ANALYZE copies words of people into a catalogue of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vibrator.optional import need

CAN_CLEAR = 180_000  # the first version in which the owner of a table may clear its statistics
CLEAR = (
    "SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited)"
    " FROM pg_stats WHERE schemaname = 'vibrator' AND tablename = ANY(%s)"
)
DELETE = (
    "DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class"
    " WHERE relnamespace = 'vibrator'::regnamespace AND relname = ANY(%s))"
)
KEPT = (
    "postgresql: pg_statistic may hold samples of what was deleted: let the owner of the database "
    "run VACUUM FULL pg_statistic"
)


def drop_statistics(connection: Any, tables: Sequence[str]) -> tuple[str, ...]:
    """Let go of the samples of these tables, bytes included, and take fresh ones."""
    said: list[str] = []
    connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
    dropped = _drop(connection, list(tables))
    connection.execute("VACUUM FULL pg_catalog.pg_statistic")
    refused = any("pg_statistic" in words for words in said)  # a warning, not an error
    for table in tables:
        connection.execute(f"ANALYZE vibrator.{table}")
    return () if dropped and not refused else (KEPT,)


def _drop(connection: Any, tables: list[str]) -> bool:
    refusal = need("psycopg", extra="postgres").errors.InsufficientPrivilege
    sql = CLEAR if connection.info.server_version >= CAN_CLEAR else DELETE
    try:
        connection.execute(sql, (tables,))
    except refusal:
        return False
    return True
