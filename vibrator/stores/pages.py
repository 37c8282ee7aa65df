"""A log in SQL, read page by page: no read stays open while somebody works on what it gave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from vibrator.stores.ports import Event, Which, events_from_columns

PAGE = 5_000  # rows
FORWARD, BACKWARD, BY_TIME = "seq", "seq DESC", "at DESC, seq DESC"
SEQ, AT = 0, 4  # places of columns in a row: seq, user_id, kind, event_id, at, text, body
Row = tuple[Any, ...]
Page = Callable[[Which, str, int], list[Row]]  # which, in what order, how many at most


def read_pages(which: Which, page: Page, to_time: Callable[[Any], datetime]) -> Iterator[Event]:
    """The chosen events in log order; `to_time` reads the column `at`."""
    if which.newest is not None:
        yield from _events(page(which, BACKWARD, which.newest)[::-1], to_time)
    elif which.latest is not None:
        rows = page(which, BY_TIME, which.latest)
        yield from _events(sorted(rows, key=itemgetter(SEQ)), to_time)
    else:
        while rows := page(which, FORWARD, PAGE):
            yield from _events(rows, to_time)
            if len(rows) < PAGE:
                return
            which = replace(which, after=rows[-1][SEQ])


def each_user(after: str, page: Callable[[str], list[tuple[str]]]) -> Iterator[str]:
    """Everybody behind one, by pages of those behind the last.

    >>> list(each_user("ada", {"ada": [("bruno",), ("chioma",)], "chioma": []}.__getitem__))
    ['bruno', 'chioma']
    """
    while rows := page(after):
        yield from (user for (user,) in rows)
        after = rows[-1][0]


def ordered(rows: Sequence[Row], order: str) -> list[Row]:
    """Rows of several queries in the order of one.

    >>> ordered([(1, "", "", "", 9), (2, "", "", "", 3)], BY_TIME)[0][SEQ]
    1
    """
    key = itemgetter(AT, SEQ) if order == BY_TIME else itemgetter(SEQ)
    return sorted(rows, key=key, reverse=order != FORWARD)


def narrowed(which: Which) -> list[tuple[str, tuple[str, ...]]]:
    """The columns that have to be one of some values.

    >>> narrowed(Which(kinds=("action",)))
    [('kind', ('action',))]
    """
    columns = (("user_id", which.users), ("kind", which.kinds), ("event_id", which.ids))
    return [(column, wanted) for column, wanted in columns if wanted is not None]


def _events(rows: Sequence[Row], to_time: Callable[[Any], datetime]) -> list[Event]:
    if not rows:
        return []
    seqs, users, kinds, ids, ats, texts, bodies = zip(*rows, strict=True)
    columns = {
        "event_id": ids, "user_id": users, "at": map(to_time, ats), "kind": kinds,
        "text": texts, "body": map(json.loads, bodies), "seq": seqs,
    }  # fmt: skip
    return events_from_columns(len(rows), columns)
