"""What is known of one person: two half-lives, the newest actions, and how much there is."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from vibrator.actions import UserAction, packed
from vibrator.checks import ODD, require_aware, require_finite
from vibrator.decay import DecayedSum
from vibrator.errors import ArtefactError, BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Row = NDArray[np.float32]

FAST = timedelta(days=1)  # what somebody is up to: fades over a night and a day
SLOW = timedelta(days=14)  # what somebody is like: two weeks carry habits across a holiday
RING = 16  # newest actions kept with their words and vectors, for reasons and similarities
FORMAT = 1
TO_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
EPOCH = datetime.fromtimestamp(0, UTC)
HALF_AND_HALF = np.array([0.5, 0.5])  # of fast and slow in the user vector


class ActionEncoder(Protocol):
    """What a profile needs of an encoder."""

    def encode_actions(self, actions: Iterable[UserAction]) -> Any:
        """One row an action."""
        ...


class Reading(NamedTuple):
    """A person at one moment, as scoring sees them.

    `vector` is the user vector, `shares` says how much of it each of `actions` (rows of
    `vectors`) makes up, `recency_hours` is the age of the freshest action, and `evidence` the
    decayed sum of absolute weights over the slow half-life.
    """

    vector: Floats
    recency_hours: float
    evidence: float
    actions: tuple[UserAction, ...] = ()
    shares: Any = ()
    vectors: Any = ()


class Profile:
    """A person as a fold of their actions: O(1) to add to, exact for late events, mergeable.

    The same actions in any order and any partition give the same profile. Actions without a time
    never fade. `Profile.from_actions(actions)` without an encoder keeps the words until a scorer
    reads them with its own.

    >>> profile = Profile.from_actions([UserAction("click", "alpine trails")])
    >>> profile.events
    1
    """

    def __init__(
        self, *, fast: timedelta = FAST, slow: timedelta = SLOW, fingerprint: str | None = None
    ) -> None:
        known = isinstance(fast, timedelta) and isinstance(slow, timedelta)
        if not known or not timedelta(0) < fast <= slow:
            raise BadInput(f"half-lives must satisfy 0 < fast <= slow, got {fast} and {slow}")
        self.fast, self.slow = fast, slow
        self.fingerprint = fingerprint
        self.counts: Counter[str] = Counter()
        self.last_seen: datetime | None = None
        self.unread: list[UserAction] = []
        self._timed: _ActionSum | None = None
        self._timeless: _ActionSum | None = None
        self._timeless_age_hours = math.inf

    @classmethod
    def from_actions(
        cls,
        actions: Iterable[UserAction],
        encoder: ActionEncoder | None = None,
        *,
        fast: timedelta = FAST,
        slow: timedelta = SLOW,
    ) -> Profile:
        """Fold actions, encoded now, or by the first scorer when no encoder is given."""
        if not hasattr(actions, "__iter__"):
            raise BadInput(f"actions must be a list of UserAction, got {actions!r}")
        profile = cls(fast=fast, slow=slow)
        profile.unread = list(actions)
        return profile if encoder is None else profile.read_with(encoder)

    @property
    def events(self) -> int:
        """How many actions were folded in."""
        return sum(self.counts.values()) + len(self.unread)

    @property
    def dimensions(self) -> int | None:
        """Length of the vectors, once there are any."""
        return None if self._timed is None else self._timed.total.shape[1] - 1

    def read_with(self, encoder: ActionEncoder) -> Profile:
        """Give this profile back, or a copy with its unread words encoded."""
        if not self.unread:
            return self
        read = self.copy()
        actions, read.unread = read.unread, []
        fingerprint = getattr(encoder, "fingerprint", None)
        read.add(actions, encoder.encode_actions(actions), fingerprint=fingerprint)
        return read

    def add(
        self, actions: Sequence[UserAction], vectors: Any, *, fingerprint: str | None = None
    ) -> None:
        """Take encoded actions in, in place."""
        rows = np.asarray(vectors, dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(actions):
            raise BadInput(f"{len(actions)} actions need as many rows, got shape {rows.shape}")
        if not len(rows):
            return
        if not np.isfinite(rows).all():
            raise BadInput("the vectors of actions must be finite")
        self._agree_on(fingerprint, rows.shape[1])
        for action, row in zip(actions, rows, strict=True):
            self._add_one(action, row.copy())  # a view would keep all the others alive
        self.counts.update([action.action_type for action in actions])

    def add_sums(self, sums: Any, anchor: float, counts: Mapping[str, int]) -> None:
        """Take in events summed elsewhere, in place: a row a half-life, as of `anchor`.

        A row holds Σ wᵢ xᵢ 2^(−(anchor−tᵢ)/h), and Σ |wᵢ| 2^(−(anchor−tᵢ)/h) at its end. The newest
        actions do not belong in there, for they are kept with their words.
        """
        rows = np.asarray(sums, dtype=np.float64)
        if rows.ndim != 2 or len(rows) != 2 or not math.isfinite(anchor):
            raise BadInput(f"sums need two rows and a time, got shape {rows.shape} as of {anchor}")
        self._agree_on(None, rows.shape[1] - 1)
        self._timed.add_total(rows, anchor)  # type: ignore[union-attr]
        self.counts.update(counts)

    def merge(self, other: Profile) -> Profile:
        """Both histories as one."""
        if (self.fast, self.slow) != (other.fast, other.slow):
            raise BadInput("profiles of different half-lives cannot be merged")
        merged = self.copy()
        if other._timed is not None and other._timeless is not None:
            merged._agree_on(other.fingerprint, other._timed.total.shape[1] - 1)
            merged._timed = merged._timed.merge(other._timed)  # type: ignore[union-attr]
            merged._timeless = merged._timeless.merge(other._timeless)  # type: ignore[union-attr]
        merged.counts += other.counts
        merged.unread += other.unread
        merged._timeless_age_hours = min(self._timeless_age_hours, other._timeless_age_hours)
        seen = [t for t in (self.last_seen, other.last_seen) if t is not None]
        merged.last_seen = max(seen, default=None)
        return merged

    def copy(self) -> Profile:
        """An independent twin."""
        twin = Profile(fast=self.fast, slow=self.slow, fingerprint=self.fingerprint)
        twin.counts, twin.unread = self.counts.copy(), list(self.unread)
        twin.last_seen, twin._timeless_age_hours = self.last_seen, self._timeless_age_hours
        twin._timed = None if self._timed is None else self._timed.copy()
        twin._timeless = None if self._timeless is None else self._timeless.copy()
        return twin

    def at(self, now: datetime) -> Reading | None:
        """The person as of `now`; nothing when no action has happened yet."""
        if self.unread:
            raise BadInput("the profile holds unread words: read_with(encoder) comes first")
        if self._timed is None or self._timeless is None:
            return None
        moment = require_aware("now", now).timestamp()
        ring = self._timed.newest(moment)
        latest = max(ring[-1].time if ring else -math.inf, self._timed.anchor)
        forever = self._timeless.read(0.0)[0]
        if latest == -math.inf and not self._timeless.open:
            return None
        faded = forever[-1] == 0 and -math.inf < latest <= moment
        read_at = latest if faded else moment  # the ratio is free of a common decay
        fast, slow = self._timed.read(read_at) + forever
        evidence = slow[-1] * 2.0 ** ((read_at - moment) / self.slow.total_seconds())
        fresh = (moment - latest) / 3600.0
        actions, vectors, shares = self._reasons(ring, read_at, fast[-1], slow[-1])
        return Reading(
            vector=(_mean(fast) + _mean(slow)) / 2,
            recency_hours=min(fresh, self._timeless_age_hours),
            evidence=float(evidence),
            actions=actions,
            shares=shares,
            vectors=vectors,
        )

    def recent(self) -> list[tuple[UserAction, Row]]:
        """The newest actions with their vectors, oldest first; those without a time come last."""
        timed = [] if self._timed is None else self._timed.newest()
        timeless = [] if self._timeless is None else self._timeless.newest()
        return [(event.note, event.value[1]) for event in (*timed, *timeless)]

    def to_bytes(self) -> bytes:
        """A compact, versioned form without pickle; `from_bytes` gives an equal profile."""
        if self.unread:
            raise BadInput("the profile holds unread words: read_with(encoder) comes first")
        parts = [_written(part) for part in self._settled_sums()]
        head = {
            "format": FORMAT,
            "fast": self.fast.total_seconds(),
            "slow": self.slow.total_seconds(),
            "fingerprint": self.fingerprint,
            "counts": self.counts,
            "last_seen": self.last_seen and self.last_seen.isoformat(),
            "age": None if math.isinf(self._timeless_age_hours) else self._timeless_age_hours,
            "dimensions": self.dimensions,
            "sums": [about for about, _ in parts],
        }
        text = TO_JSON.encode(head).encode()
        arrays = chain.from_iterable(arrays for _, arrays in parts)
        return b"".join([len(text).to_bytes(4, "little"), text, *arrays])

    @classmethod
    def from_bytes(cls, content: bytes) -> Profile:
        """The profile that `to_bytes` wrote."""
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise BadInput(f"a profile must be bytes, got {type(content).__name__}")
        size = int.from_bytes(content[:4], "little")
        try:
            head = json.loads(bytes(content[4 : 4 + size]))
            if head.get("format") == FORMAT:
                return cls._from_parts(head, memoryview(content)[4 + size :])
        except ArtefactError:
            raise
        except (*ODD, OSError) as error:
            raise ArtefactError(f"not a profile, or torn: {error!r}") from error
        raise ArtefactError(f"profile format {head.get('format')!r} is not {FORMAT}")

    @classmethod
    def _from_parts(cls, head: Mapping[str, Any], rest: memoryview) -> Profile:
        fast, slow = (timedelta(seconds=head[name]) for name in ("fast", "slow"))
        profile = cls(fast=fast, slow=slow, fingerprint=head["fingerprint"])
        profile.counts = Counter(head["counts"])
        profile.last_seen = head["last_seen"] and datetime.fromisoformat(head["last_seen"])
        profile._timeless_age_hours = math.inf if head["age"] is None else head["age"]
        if head["dimensions"] is not None:
            profile._make_sums(head["dimensions"])
            for part, written in zip(
                (profile._timed, profile._timeless), head["sums"], strict=True
            ):
                rest = _fill_sum(part, written, rest)  # type: ignore[arg-type]
        if len(rest):
            raise ArtefactError(f"a profile must end where it says, got {len(rest)} bytes more")
        return profile

    def _settled_sums(self) -> list[_ActionSum]:
        """The sums with no more than the newest events apart; reading never changes a profile."""
        sums = [part for part in (self._timed, self._timeless) if part is not None]
        if all(len(part.open) <= part.keep for part in sums):
            return sums
        sums = [part.copy() for part in sums]
        for part in sums:
            part.settle()
        return sums

    def _agree_on(self, fingerprint: str | None, dimensions: int) -> None:
        if self.fingerprint is None:
            self.fingerprint = fingerprint
        elif fingerprint is not None and fingerprint != self.fingerprint:
            raise BadInput(f"vectors of encoder {fingerprint} do not mix with {self.fingerprint}")
        if self._timed is None:
            self._make_sums(dimensions)
        elif dimensions != self.dimensions:
            raise BadInput(f"vectors must have {self.dimensions} dimensions, got {dimensions}")

    def _make_sums(self, dimensions: int) -> None:
        halves = [self.fast.total_seconds(), self.slow.total_seconds()]
        self._timed = _ActionSum(halves, (dimensions + 1,), keep=RING)
        self._timeless = _ActionSum([math.inf], (dimensions + 1,), keep=RING)

    def _add_one(self, action: UserAction, row: Row) -> None:
        key = action.action_id or f"{action.action_type}\x1f{action.content}\x1f{action.weight}"
        if action.timestamp is None:
            target, time = self._timeless, 0.0
            age = float(action.metadata.get("age_hours", 0.0))
            self._timeless_age_hours = min(self._timeless_age_hours, age)
        else:
            target, time = self._timed, action.timestamp.timestamp()
            if self.last_seen is None or action.timestamp > self.last_seen:
                self.last_seen = action.timestamp
        target.add(time, (action.weight, row), key=key, note=action)  # type: ignore[union-attr]

    def _reasons(self, ring: list[Any], read_at: float, fast: float, slow: float) -> Any:
        timeless = self._timeless.newest()  # type: ignore[union-attr]
        ages = np.array([read_at - event.time for event in ring] + [0.0] * len(timeless))
        events = [*ring, *timeless]
        weights = np.array([event.note.weight for event in events])
        decays = np.exp2(_slopes(self.fast, self.slow) * ages)
        shares = weights * (_over(decays[0], fast) + _over(decays[1], slow)) / 2
        vectors = np.array([event.value[1] for event in events], dtype=np.float64)
        return tuple(event.note for event in events), vectors, shares


def read_actions(
    actions: Sequence[UserAction],
    vectors: Any,
    now: datetime,
    *,
    fast: timedelta = FAST,
    slow: timedelta = SLOW,
) -> Reading | None:
    """The same reading as a Profile's, for a list of actions scored once and forgotten."""
    numbers = np.frombuffer(packed(actions)).reshape(-1, 3)
    times, weights, masses = numbers[:, 0], numbers[:, 1], numbers[:, 2]
    moment = (now - EPOCH).total_seconds()  # a naive one is refused
    latest = times.item(times.argmax())  # NaN if there is one
    timeless = math.isnan(latest)
    if timeless:
        times = np.where(np.isnan(times), moment, times)
        latest = times.item(times.argmax())
    if latest > moment:  # what has not happened yet is not read
        past = np.flatnonzero(times <= moment)
        happened = [actions[place] for place in past.tolist()]
        return (
            read_actions(happened, vectors[past], now, fast=fast, slow=slow) if happened else None
        )
    start = moment if timeless else latest  # a common decay cancels in the mean
    decays = np.exp2(_slopes(fast, slow) * (start - times))
    mass = decays.dot(masses)  # of so few, .dot takes half the time of @
    shares = weights * (HALF_AND_HALF / mass).dot(decays)
    vector = shares.astype(vectors.dtype).dot(vectors)  # single precision, as vectors come
    vector = vector.astype(np.float64)  # once, for all that it meets is double
    if not math.isfinite(vector.dot(vector)):
        raise BadInput("the vectors of actions must be finite")
    since = moment - start
    return Reading(
        vector,
        _freshest_hours(actions, moment - times) if timeless else since / 3600.0,
        mass.item(1) * 2.0 ** (-since / slow.total_seconds()),
        tuple(actions),
        shares,
        vectors,
    )


@lru_cache
def _slopes(fast: timedelta, slow: timedelta) -> Floats:
    """What one second takes off the logarithm to base 2, a row a half-life."""
    return np.array([[-1.0 / fast.total_seconds()], [-1.0 / slow.total_seconds()]])


def _freshest_hours(actions: Sequence[UserAction], ages: Floats) -> float:
    return min(
        float(action.metadata.get("age_hours", 0.0)) if action.timestamp is None else age / 3600.0
        for action, age in zip(actions, ages.tolist(), strict=True)
    )


def weighted_user_embedding(
    encoder: ActionEncoder,
    actions: Iterable[UserAction],
    weight_temperature: float = 1.0,
) -> Floats:
    """Σ w x / Σ |w| over the actions, each weight raised to a power that keeps its sign.

    A temperature of 0 counts every action alike, above 1 the heavy ones speak louder.
    """
    listed = list(actions)
    if not listed:
        raise BadInput("at least one action is needed, got none")
    if require_finite("weight_temperature", weight_temperature) < 0:
        raise BadInput(f"weight_temperature must not be negative, got {weight_temperature}")
    weights = np.array([action.weight for action in listed])
    powered = np.sign(weights) * np.abs(weights) ** weight_temperature
    mass = np.abs(powered).sum()
    if mass == 0:
        raise BadInput("the weights of the actions must not all be zero")
    return np.asarray(powered @ np.asarray(encoder.encode_actions(listed)) / mass)


class _ActionSum(DecayedSum):
    """Σ w x, and Σ |w| in the last column; an event's value is its weight and its row."""

    __slots__ = ()

    def _pour(self, sums: Floats, factors: Floats, values: Any, cells: Any) -> None:
        del cells
        weights, rows = zip(*values, strict=True)
        weighted = factors * np.array(weights, dtype=np.float64)
        sums[:, :-1] += weighted @ np.array(rows, dtype=np.float64)
        sums[:, -1] += np.abs(weighted).sum(axis=1)


def _mean(row: Floats) -> Floats:
    return _over(row[:-1], row[-1])


def _over(row: Floats, mass: float) -> Floats:
    return row / mass if mass > 0 else np.zeros_like(row)


def _written(part: _ActionSum) -> tuple[dict[str, Any], list[Any]]:
    """What a sum is, for the head of a file and for its body."""
    newest = part.newest()
    anchor = None if math.isinf(part.anchor) else part.anchor
    head = {"anchor": anchor, "open": [[e.time, e.key, _action_head(e)] for e in newest]}
    return head, [part.total, *(event.value[1] for event in newest)]


def _fill_sum(part: _ActionSum, written: dict[str, Any], rest: memoryview) -> memoryview:
    part.anchor = -math.inf if written["anchor"] is None else written["anchor"]
    width, size = part.total.shape[1] - 1, part.total.nbytes
    part.total = np.frombuffer(rest[:size]).reshape(part.total.shape).copy()
    end = size + len(written["open"]) * width * 4
    rows = np.frombuffer(rest[size:end], dtype=np.float32).reshape(-1, width)
    for (time, key, head), row in zip(written["open"], rows, strict=True):
        action = _action_from(head)
        part.add(time, (action.weight, row), key=key, note=action)
    return rest[end:]


def _action_head(event: Any) -> list[Any]:
    action = event.note
    time = None if action.timestamp is None else event.time
    return [
        action.action_type, action.content, action.weight, time,
        action.user_id, action.action_id, dict(action.metadata),
    ]  # fmt: skip


def _action_from(head: list[Any]) -> UserAction:
    kind, content, weight, time, *rest = head
    stamp = None if time is None else datetime.fromtimestamp(time, UTC)
    return UserAction(kind, content, weight, stamp, *rest)
