"""What is done to one partition: pure functions from frames to frames, on any machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import reduce
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from vibrator.actions import Metadata, UserAction, actions_from_columns
from vibrator.checks import require_text
from vibrator.errors import BadInput
from vibrator.profile import FAST, RING, SLOW, Profile
from vibrator.vectors import top_k

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vibrator.encoder import InstructionalEncoder
    from vibrator.pipeline import ScoreBatch, SliderScorer

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]
    Sums = tuple[Floats, float, dict[str, int]]  # what Profile.add_sums takes

HALF_LIVES = np.array([FAST.total_seconds(), SLOW.total_seconds()])
MICROSECONDS = 1e6
TOGETHER = 256  # users whose events are made objects at once: few enough for a processor's cache


def shard_of(users: pd.Series, shards: int) -> Places:
    """Which shard each user's rows belong in: the same on every machine and in every run.

    >>> shard_of(pd.Series(["ada", "bruno", "ada"]), 8).tolist()
    [5, 0, 5]
    """
    hashes = pd.util.hash_array(users.to_numpy(dtype=object), categorize=False)
    return np.asarray((hashes % np.uint64(shards)).astype(np.intp))


def once(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows without later twins: an action id that the user had before is not counted again."""
    if not {"user_id", "action_id"} <= set(frame):
        return frame
    twins = frame.duplicated(["user_id", "action_id"]) & frame["action_id"].notna()
    return frame[~twins] if twins.any() else frame


def fold(frame: pd.DataFrame, encoder: InstructionalEncoder) -> dict[str, Profile]:
    """Every user's profile; each distinct text is encoded once, old events are summed at once.

    Folding parts of the rows and merging the profiles gives the same, however they are parted.
    """
    return dict(folded(frame, encoder))


def folded(frame: pd.DataFrame, encoder: InstructionalEncoder) -> Iterator[tuple[str, Profile]]:
    """The same, a user at a time in the order of their first rows: what is used up can go."""
    if frame["user_id"].isna().any():
        raise BadInput("every action of a batch must have a user_id, got one without")
    numbers, vectors = _numbers(frame, encoder)
    recent, old = _parted(frame, numbers)
    for first in range(0, len(numbers.users), TOGETHER):
        users = range(first, min(first + TOGETHER, len(numbers.users)))
        places, bounds = recent.of(users)
        actions = list(actions_from_columns(len(places), _columns(frame, places, numbers)))
        sums = _summed(old.of(users)[0], numbers, vectors)
        for user, start, end in zip(users, bounds, bounds[1:], strict=False):
            profile = Profile(fingerprint=encoder.fingerprint)
            if user in sums:
                profile.add_sums(*sums[user])
            profile.add(actions[start:end], vectors[numbers.words[places[start:end]]])
            yield numbers.users[user], profile


def merge(into: dict[str, Profile], more: Mapping[str, Profile]) -> dict[str, Profile]:
    """Both, with the histories of a user in both as one."""
    twice = {user: into[user].merge(profile) for user, profile in more.items() if user in into}
    return {**into, **more, **twice}


def profile_rows(profiles: Iterable[tuple[str, Profile]]) -> pd.DataFrame:
    """One row a user, by user id: the profile's bytes, how many events, when the last."""
    rows = sorted((user, p.to_bytes(), p.events, p.last_seen) for user, p in profiles)
    users, content, events, seen = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pd.DataFrame(
        {
            "user_id": pd.Series(users, dtype=object),
            "profile": pd.Series(content, dtype=object),
            "events": np.array(events, dtype=np.int64),
            "last_seen": pd.Series(seen, dtype="datetime64[us, UTC]"),
        }
    )


def joined(pairs: Iterable[tuple[str, Profile]]) -> Iterator[tuple[str, Profile]]:
    """Neighbours of one user as one."""
    for user, parts in groupby(pairs, key=itemgetter(0)):
        yield user, reduce(Profile.merge, (profile for _, profile in parts))


def encode(frame: pd.DataFrame, encoder: InstructionalEncoder, role: str) -> NDArray[np.float32]:
    """A row of vectors a row of the frame, each distinct text encoded once."""
    if role == "action":
        numbers, vectors = _numbers(frame, encoder)
        code = numbers.words
    else:
        code, texts = pd.factorize(frame["text"])
        read = encoder.encode_sliders if role == "slider" else encoder.encode_items
        vectors = read(list(texts))
    return np.asarray(vectors[code], dtype=np.float32)


def score(
    profiles: Mapping[str, Profile],
    items: Mapping[str, Any],
    scorer: SliderScorer,
    now: datetime,
    *,
    best: int | None = None,
    context: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Raw score and probability on each slider, of all items or of the `best` k for each user.

    `items` maps ids to encoded rows. The order of the best is by the mean raw score; memory is
    bounded by blocks of people.
    """
    ids: list[str] = list(items)
    rows: Any = np.array(list(items.values()), dtype=np.float32)
    batch = scorer.score_batch(profiles, rows, context, now=now, cold_start=True)
    people = pd.Index(batch.people, dtype=object)
    frames = [
        _scored(batch, people[part], ids, (raw, probability), best)
        for part, raw, probability in batch.blocks()
    ]
    return pd.concat(frames, ignore_index=True)


def _scored(
    batch: ScoreBatch,
    people: pd.Index,
    ids: list[str],
    block: tuple[NDArray[np.float32], NDArray[np.float32]],
    best: int | None,
) -> pd.DataFrame:
    raw, probability = block
    fit = raw.mean(axis=2)
    chosen = _chosen(fit, best)
    person = np.repeat(np.arange(len(people)), chosen.shape[1])
    item = chosen.ravel()
    columns: dict[str, Any] = {
        "user_id": pd.Categorical.from_codes(person, people),
        "item_id": pd.Categorical.from_codes(item, pd.Index(ids, dtype=object)),
        "fit": fit[person, item],
    }
    for place, name in enumerate(batch.sliders):
        columns[f"raw_{name}"] = raw[person, item, place]
        columns[f"probability_{name}"] = probability[person, item, place]
    frame = pd.DataFrame(columns)
    return frame.astype({"user_id": object, "item_id": object})


def _chosen(fit: NDArray[np.float32], best: int | None) -> Places:
    """Places of items, a row a person."""
    if best is None:
        return np.tile(np.arange(fit.shape[1]), (fit.shape[0], 1))
    return np.array([top_k(row, best) for row in fit], dtype=np.intp).reshape(len(fit), -1)


class Numbers(NamedTuple):
    """The columns of a frame of actions as numbers, with the names that these stand for."""

    user: Places
    users: list[str]
    kind: Places
    kinds: list[str]
    text: Places
    texts: list[str]
    words: Places  # kind and text together: a row of the vectors
    time: Floats  # NaN where there is none
    weight: Floats


def _numbers(frame: pd.DataFrame, encoder: InstructionalEncoder) -> tuple[Numbers, Any]:
    user, users = _coded(frame["user_id"])
    kind, kinds = _coded(frame["action_type"])
    text, texts = _coded(frame["content"])
    words, distinct = pd.factorize(kind * max(len(texts), 1) + text)
    vectors = encoder.encode_actions(_distinct_actions(distinct, kinds, texts))
    stamp = frame["timestamp"].to_numpy(dtype="datetime64[us]")
    time = np.where(np.isnat(stamp), np.nan, stamp.view(np.int64) / MICROSECONDS)
    weight = frame["weight"].to_numpy(dtype=np.float64)
    return Numbers(user, users, kind, kinds, text, texts, words, time, weight), vectors


def _distinct_actions(both: Places, kinds: list[str], texts: list[str]) -> list[UserAction]:
    """One action for each kind and text that occur together."""
    for name, names in (("action_type", kinds), ("content", texts)):
        for given in names:
            require_text(name, given)
    kind, text = divmod(both, max(len(texts), 1))
    columns = {"action_type": _named(kind, kinds), "content": _named(text, texts)}
    return list(actions_from_columns(len(both), columns))


def _coded(column: pd.Series) -> tuple[Places, list[str]]:
    code, names = pd.factorize(column)
    return np.asarray(code, dtype=np.intp), names.tolist()


def _named(code: Places, names: list[str]) -> list[str]:
    return [names[place] for place in code.tolist()]


class ByUser(NamedTuple):
    """Places in a frame in the order of users, and where in them each user's begin."""

    places: Places
    starts: Places  # one more than there are users: the last is the end

    def of(self, users: range) -> tuple[Places, list[int]]:
        """Those of neighbouring users, and where each one's begin in these."""
        starts = self.starts[users.start : users.stop + 1]
        return self.places[starts[0] : starts[-1]], (starts - starts[0]).tolist()


def _parted(frame: pd.DataFrame, numbers: Numbers) -> tuple[ByUser, ByUser]:
    """Places of the rows that profiles keep with their words, and of older ones, by user."""
    order = np.argsort(numbers.time)  # those without a time come last
    narrow = numbers.user[order].astype(np.min_scalar_type(len(numbers.users)))  # sorted by radix
    order = _ties_in_order(order[np.argsort(narrow, kind="stable")], frame, numbers)
    timeless = np.isnan(numbers.time[order])
    user, numbered = numbers.user[order], np.arange(len(numbers.users) + 1)
    timed_ends = np.searchsorted(user, numbered[:-1]) + np.bincount(
        user[~timeless], minlength=len(numbers.users)
    )
    kept = timeless | (np.arange(len(order)) >= (timed_ends - RING)[user])
    recent, old = (
        ByUser(order[part], np.searchsorted(user[part], numbered)) for part in (kept, ~kept)
    )
    return recent, old


def _ties_in_order(order: Places, frame: pd.DataFrame, numbers: Numbers) -> Places:
    """The same order, events of one user and time put as a Profile puts them."""
    user, time = numbers.user[order], numbers.time[order]
    same = (user[1:] == user[:-1]) & (time[1:] == time[:-1])
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = order[tied]
    ranks = _key_ranks(frame, numbers, rows)
    order[tied] = rows[np.lexsort((ranks, numbers.time[rows], numbers.user[rows]))]
    return order


def _key_ranks(frame: pd.DataFrame, numbers: Numbers, rows: Places) -> Places:
    """Order among events of one time, as a Profile keeps it: by id, or by words and weight."""
    parts = zip(
        _named(numbers.kind[rows], numbers.kinds),
        _named(numbers.text[rows], numbers.texts),
        numbers.weight[rows].tolist(),
        strict=True,
    )
    keys = np.array(["\x1f".join(map(str, part)) for part in parts], dtype=object)
    if "action_id" in frame:
        given = frame["action_id"].iloc[rows].to_numpy(dtype=object)
        keys = np.where(pd.isna(given), keys, given)
    return np.asarray(pd.factorize(keys, sort=True)[0])


def _columns(frame: pd.DataFrame, places: Places, numbers: Numbers) -> dict[str, list[Any]]:
    stamps = pd.DatetimeIndex(frame["timestamp"].iloc[places]).to_pydatetime()
    found: dict[str, list[Any]] = {
        "action_type": _named(numbers.kind[places], numbers.kinds),
        "content": _named(numbers.text[places], numbers.texts),
        "user_id": _named(numbers.user[places], numbers.users),
        "weight": numbers.weight[places].tolist(),
        "timestamp": [None if stamp is pd.NaT else stamp for stamp in stamps],
    }
    for name in {"action_id", "metadata"} & set(frame):
        given = frame[name].iloc[places]
        found[name] = given.astype(object).where(given.notna(), None).tolist()
    if "metadata" in found:
        found["metadata"] = [Metadata(given or {}) for given in found["metadata"]]
    return found


def _summed(old: Places, numbers: Numbers, vectors: Any) -> dict[int, Sums]:
    """Sums by number of the user: (half-lives x events) @ (events x dimensions)."""
    user, words, time = numbers.user[old], numbers.words[old], numbers.time[old]
    starts = np.flatnonzero(np.diff(user, prepend=-1))
    if not len(starts):
        return {}
    counts = _counts(user, numbers.kind[old], numbers)
    anchor = np.maximum.reduceat(time, starts)
    age = np.repeat(anchor, np.diff(starts, append=len(old))) - time
    faded = np.exp2(-age / HALF_LIVES[:, None]) * numbers.weight[old]
    masses = np.add.reduceat(np.abs(faded), starts, axis=1)
    sums = np.empty((len(starts), len(HALF_LIVES), vectors.shape[1] + 1))
    sums[:, :, -1] = masses.T
    for place, (start, end) in enumerate(zip(starts, [*starts[1:], len(old)], strict=True)):
        read = vectors.take(words[start:end], axis=0).astype(np.float64)
        sums[place, :, :-1] = faded[:, start:end] @ read
    who = user[starts].tolist()
    return {
        name: (rows, when, counts[name])
        for name, rows, when in zip(who, sums, anchor.tolist(), strict=True)
    }


def _counts(user: Places, kind: Places, numbers: Numbers) -> dict[int, dict[str, int]]:
    """How many events of each kind, by number of the user."""
    cells, counts = np.unique(user * len(numbers.kinds) + kind, return_counts=True)
    found = dict[int, dict[str, int]]()
    for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
        who, what = divmod(cell, len(numbers.kinds))
        found.setdefault(who, {})[numbers.kinds[what]] = count
    return found
