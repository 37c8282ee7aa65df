"""What a store has to be able to do: five ports of one or two verbs, batch first.

An adapter is bound to one tenant when it is opened; no verb reaches another tenant's rows.
`vibrator.testing` has a contract suite for each port.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vibrator.checks import require_aware, require_finite, require_text
from vibrator.decisions import Decision, Outcome
from vibrator.encoders.cached import VectorCache
from vibrator.errors import BadInput

Vectors = NDArray[np.float32]
DEFAULT_TENANT = "default"
MAX_SEQ = 2**63 - 1  # behind every place in a log
PORTS = ("events", "profiles", "vectors", "catalogue", "decisions")
DURABLE = (
    *PORTS, "note", "set_note", "users", "reencode", "merge", "erase", "personal_rows", "compact",
    "shared", "close",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the log: who, when, what kind; `text` holds words, `body` plain JSON values.

    `seq` is its place in the log, given by the store when it is appended.
    """

    event_id: str
    user_id: str
    at: datetime
    kind: str
    text: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0

    def __post_init__(self) -> None:
        require_text("event_id", self.event_id)
        require_text("user_id", self.user_id)
        require_text("kind", self.kind)
        if type(self.at) is not datetime or self.at.tzinfo is not UTC:
            object.__setattr__(self, "at", require_aware("at", self.at))


def events_from_columns(count: int, columns: Mapping[str, Iterable[Any]]) -> list[Event]:
    """Many events at once from columns that somebody has checked; nothing is checked again.

    Times must be in UTC. Every field needs its column: filling one at a time takes a third of the
    time that a call for each event would.
    """
    made = list(map(object.__new__, repeat(Event, count)))
    for name in Event.__slots__:
        deque(map(getattr(Event, name).__set__, made, columns[name]), maxlen=0)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which events to read; what is left out does not narrow the choice.

    `until` leaves out what happened later. `newest` keeps only the last so many to arrive,
    `latest` the last so many to happen (both still in log order).
    """

    users: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    after: int = 0
    newest: int | None = None
    until: datetime | None = None
    latest: int | None = None

    def __post_init__(self) -> None:
        for name, count in (("newest", self.newest), ("latest", self.latest)):
            if count is not None and count < 0:
                raise BadInput(f"{name} must not be negative, got {count}")
        if self.newest is not None and self.latest is not None:
            raise BadInput("newest is by arrival, latest by time: give one of them")
        if self.until is not None:
            require_aware("until", self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A state folded from the log up to `seq`; an absent one has an empty body.

    `version` is opaque: hand back the one that was loaded, and the save is refused if the row
    changed, or anybody was forgotten, in between.
    """

    user_id: str
    body: bytes = b""
    seq: int = 0
    fingerprint: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A piece of content that can be shown, with attributes to filter by."""

    item_id: str
    text: str
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_text("item_id", self.item_id)
        require_text("text", self.text)
        if not isinstance(self.attributes, Mapping) or not all(
            isinstance(name, str) for name in self.attributes
        ):
            raise BadInput(f"attributes must map names to values, got {self.attributes!r:.80}")


@dataclass(frozen=True, slots=True)
class Found:
    """An item near a query, and the dot product of the two."""

    item_id: str
    similarity: float


@runtime_checkable
class EventLog(Protocol):
    """An append-only log, idempotent by (kind, event id)."""

    def append(self, events: Sequence[Event], *, needing: Collection[str] = ()) -> int:
        """Keep the events that are new, all or none; on return they are safe. How many were new.

        Those of somebody who was merged are kept as the known user's, found out in the same step:
        one that comes while its user is being merged is never left behind. `needing` names
        decisions that have to be there still (UnknownName): their users may be forgotten meanwhile.
        """
        ...

    def read(self, which: Which) -> Iterator[Event]:
        """The chosen events in log order."""
        ...


@runtime_checkable
class ProfileStore(Protocol):
    """Snapshots of folded states by user, saved only over the version that was loaded."""

    def load(self, user_ids: Sequence[str], *, fingerprint: str) -> list[Snapshot]:
        """One snapshot a user; one that another encoder made is refused (ArtefactError)."""
        ...

    def save(self, snapshots: Sequence[Snapshot]) -> None:
        """All or none; VersionConflict if any row changed since it was loaded."""
        ...


@runtime_checkable
class Catalogue(Protocol):
    """Items with their vectors, searched by dot product."""

    def upsert(self, items: Sequence[Item], vectors: Vectors, *, fingerprint: str) -> None:
        """Keep the items; one known already is replaced. Another encoder's vectors are refused."""
        ...

    def search(
        self,
        vectors: Vectors,
        k: int,
        *,
        fingerprint: str,
        where: Mapping[str, Any] | None = None,
    ) -> list[list[Found]]:
        """The k nearest to each row, nearest first, among the items that fit `where`."""
        ...

    def read(self, item_ids: Sequence[str]) -> list[Item | None]:
        """The items, in the order of the ids; None for an id nobody knows."""
        ...

    def delete(self, item_ids: Sequence[str]) -> int:
        """Remove the items; how many were there."""
        ...


@runtime_checkable
class DecisionLog(Protocol):
    """Decisions and what came of them; each is kept once, however often it is told."""

    def record(self, entries: Sequence[Decision | Outcome]) -> int:
        """Keep what is new, how many were; an outcome of an unknown decision is refused."""
        ...

    def decisions(self, which: Which) -> Iterator[Decision]:
        """The chosen decisions in log order."""
        ...

    def outcomes(self, which: Which) -> Iterator[tuple[int, Decision, Outcome]]:
        """Place in the log, decision, outcome: in log order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What forgetting removed, table by table, and what it could not reach.

    `pending` names bytes that go later; not `complete` is where whole rows may still be.
    """

    rows: Mapping[str, int]
    pending: tuple[str, ...] = ()
    complete: bool = True


@runtime_checkable
class Store(Protocol):
    """All five ports over one place, and what has to be done across them."""

    tenant: str
    events: EventLog
    profiles: ProfileStore
    vectors: VectorCache
    catalogue: Catalogue
    decisions: DecisionLog

    def note(self, name: str) -> str | None:
        """A small setting of this tenant; None if never set."""
        ...

    def set_note(self, name: str, value: str | None) -> None:
        """Keep, replace or (with None) remove a setting."""
        ...

    def users(self, after: str = "") -> Iterator[str]:
        """Everybody in the log, in the store's own order; or those behind one of them."""
        ...

    def reencode(self, encode: Callable[[list[str]], Any], *, fingerprint: str) -> int:
        """Replace everything another encoder made: items get new vectors, the rest is dropped."""
        ...

    def merge(self, anonymous: str, known: str, *, at: datetime) -> int:
        """Give one user's rows to another, from now on too; how many events moved.

        All in one step, with an event of kind MERGE that says so: its id is the anonymous user, its
        user the known one, or whom that one was merged into. Who was merged into somebody else
        already, or is the known user, is refused (BadInput). Actions move to the end of the log.
        """
        ...

    def erase(
        self,
        user_ids: Sequence[str],
        vector_keys: Iterable[str] = (),
        *,
        before: datetime | None = None,
        upto: int | None = None,
    ) -> Erased:
        """Remove the users' rows and the cached vectors, all in one step.

        With `before`, remove everybody's older actions, decisions and outcomes instead, and what
        came of decisions that are gone. With `upto`, events behind that place in the log stay: the
        caller has not seen them, and does not know their vectors.
        """
        ...

    def personal_rows(self, user_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """What other components keep about these users, by table, as plain values for JSON."""
        ...

    def compact(self) -> tuple[str, ...]:
        """Rewrite files without what was deleted; what could not be done is said."""
        ...

    def shared(self, texts: Sequence[str], *, without: Sequence[str]) -> set[tuple[str, str]]:
        """Those of the texts that other users left too, each behind the type of their action."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def require_durable(store: Any) -> Store:
    """The store, if it has all five ports; a cache or a catalogue alone is refused."""
    missing = [name for name in DURABLE if not hasattr(store, name)]
    if missing:
        raise BadInput(
            f"a durable store is needed here (sqlite:///app.db, postgresql://…), but "
            f"{type(store).__name__} has no {', '.join(missing)}: name it as the cache or the "
            "catalogue of one"
        )
    found: Store = store
    return found


def matches(where: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """A filter as (attribute, operator, value) conditions that all have to hold.

    A plain value must be equal, a list contains it, a mapping compares.

    >>> matches({"lang": "en", "tag": ["a", "b"], "year": {">=": 2020, "<": 2024}})
    [('lang', '=', 'en'), ('tag', 'in', ['a', 'b']), ('year', '>=', 2020), ('year', '<', 2024)]
    """
    found: list[tuple[str, str, Any]] = []
    if not isinstance(where, Mapping):
        raise BadInput(f"a filter must map attributes to values, got {where!r:.80}")
    for name, wanted in where.items():
        require_text("attribute", name)
        if isinstance(wanted, Mapping):
            if not wanted:
                raise BadInput(f"where[{name!r}] must compare by {_COMPARISONS}, got nothing")
            found += [(name, _comparison(name, op), _plain(name, v)) for op, v in wanted.items()]
        elif isinstance(wanted, (list, tuple, set, frozenset)):
            found.append((name, "in", [_plain(name, value) for value in wanted]))
        else:
            found.append((name, "=", _plain(name, wanted)))
    return found


_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")


def _comparison(name: str, operator: str) -> str:
    if operator not in _COMPARISONS:
        raise BadInput(f"where[{name!r}] must compare by {_COMPARISONS}, got {operator!r}")
    return operator


def _plain(name: str, value: object) -> str | int | float | bool:
    if not isinstance(value, (str, int, float, bool)):
        raise BadInput(f"where[{name!r}] must compare with text or a number, got {value!r}")
    if isinstance(value, float):
        require_finite(f"where[{name!r}]", value)
    if isinstance(value, str) and value.strip():
        require_text(f"where[{name!r}]", value)  # valid Unicode, that is
    return value
