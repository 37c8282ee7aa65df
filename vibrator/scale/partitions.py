"""What is done to one partition: pure functions from frames to frames, on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from vibrator.actions import UserAction, actions_from_columns
from vibrator.errors import BadInput
from vibrator.profile import FAST, RING, SLOW, Profile
from vibrator.vectors import top_k

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vibrator.encoder import InstructionalEncoder
    from vibrator.pipeline import ScoreBatch, SliderScorer

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

HALF_LIVES = np.array([FAST.total_seconds(), SLOW.total_seconds()])
MICROSECONDS = 1e6


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
    if frame["user_id"].isna().any():
        raise BadInput("every action of a batch must have a user_id, got one without")
    numbers, vectors = _numbers(frame, encoder)
    recent, old, timeless = _parted(frame, numbers)
    profiles: dict[str, Profile] = {}
    for places in (recent, timeless):
        _fold_recent(frame, places, (numbers, vectors), profiles)
    if len(old):
        _fold_old(old, numbers, vectors, profiles)
    for profile in profiles.values():
        profile.fingerprint = encoder.fingerprint
    return profiles


def merge(into: dict[str, Profile], more: Mapping[str, Profile]) -> dict[str, Profile]:
    """Both, with the histories of a user in both as one."""
    twice = {user: into[user].merge(profile) for user, profile in more.items() if user in into}
    return {**into, **more, **twice}


def profile_rows(profiles: Mapping[str, Profile]) -> pd.DataFrame:
    """One row a user, by user id: the profile's bytes, how many events, when the last."""
    users = sorted(profiles)
    return pd.DataFrame(
        {
            "user_id": pd.Series(users, dtype=object),
            "profile": pd.Series([profiles[user].to_bytes() for user in users], dtype=object),
            "events": np.array([profiles[user].events for user in users], dtype=np.int64),
            "last_seen": pd.Series(
                [profiles[user].last_seen for user in users], dtype="datetime64[us, UTC]"
            ),
        }
    )


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
    words: Places  # kind and text together: a row of the vectors
    time: Floats  # NaN where there is none
    weight: Floats


def _numbers(frame: pd.DataFrame, encoder: InstructionalEncoder) -> tuple[Numbers, Any]:
    user, users = _coded(frame["user_id"])
    kind, kinds = _coded(frame["action_type"])
    text, texts = _coded(frame["content"])
    words, distinct = pd.factorize(kind * max(len(texts), 1) + text)
    pairs = [divmod(both, len(texts)) for both in distinct.tolist()]
    vectors = encoder.encode_actions([UserAction(kinds[k], texts[t], 1.0) for k, t in pairs])
    stamp = frame["timestamp"].to_numpy(dtype="datetime64[us]")
    time = np.where(np.isnat(stamp), np.nan, stamp.view(np.int64) / MICROSECONDS)
    weight = frame["weight"].to_numpy(dtype=np.float64)
    return Numbers(user, users, kind, kinds, words, time, weight), np.asarray(vectors)


def _coded(column: pd.Series) -> tuple[Places, list[str]]:
    code, names = pd.factorize(column)
    return np.asarray(code, dtype=np.intp), names.tolist()


def _parted(frame: pd.DataFrame, numbers: Numbers) -> tuple[Places, Places, Places]:
    """Places of the rows that profiles keep with their words, of older ones, of timeless ones."""
    timeless = np.isnan(numbers.time)
    order = np.lexsort((_key_ranks(frame, numbers), numbers.time, numbers.user))
    order = order[~timeless[order]]
    ends = np.cumsum(np.bincount(numbers.user[order], minlength=len(numbers.users)))
    newest = np.arange(len(order)) >= (ends - RING)[numbers.user[order]]
    return order[newest], order[~newest], np.flatnonzero(timeless)


def _key_ranks(frame: pd.DataFrame, numbers: Numbers) -> Places:
    """Order among events of one time, as a Profile keeps it: by id, or by words and weight."""
    given = frame.get("action_id")
    if given is not None and given.notna().all():
        return np.asarray(pd.factorize(given, sort=True)[0])
    weight, weights = pd.factorize(numbers.weight)
    both = numbers.words * len(weights) + weight
    place, distinct = pd.factorize(both)
    first = np.empty(len(distinct), dtype=np.intp)
    first[place[::-1]] = np.arange(len(both))[::-1]
    rows = frame[["action_type", "content"]].iloc[first]
    columns = (rows["action_type"], rows["content"], numbers.weight[first].tolist())
    keys = np.array(["\x1f".join(map(str, row)) for row in zip(*columns, strict=True)], object)
    if given is None:
        return np.asarray(np.argsort(np.argsort(keys, kind="stable"), kind="stable")[place])
    return np.asarray(pd.factorize(given.where(given.notna(), keys[place]), sort=True)[0])


def _fold_recent(
    frame: pd.DataFrame,
    places: Places,
    read: tuple[Numbers, Any],
    profiles: dict[str, Profile],
) -> None:
    """Add rows as actions, with their words."""
    numbers, vectors = read
    rows, words, user = frame.iloc[places], numbers.words[places], numbers.user[places]
    actions = actions_from_columns(len(rows), _columns(rows))
    order = np.argsort(user, kind="stable")
    starts = np.flatnonzero(np.diff(user[order], prepend=-1))
    for mine in np.split(order, starts[1:]) if len(order) else ():
        profile = profiles.setdefault(numbers.users[user[mine[0]]], Profile())
        profile.add([actions[place] for place in mine.tolist()], vectors[words[mine]])


def _columns(rows: pd.DataFrame) -> dict[str, list[Any]]:
    found = {name: rows[name].tolist() for name in ("action_type", "content", "weight", "user_id")}
    stamps = rows["timestamp"]
    found["timestamp"] = [None if t is pd.NaT else t for t in stamps.dt.to_pydatetime()]
    for name in {"action_id", "metadata"} & set(rows):
        found[name] = rows[name].astype(object).where(rows[name].notna(), None).tolist()
    if "metadata" in found:
        found["metadata"] = [MappingProxyType(given or {}) for given in found["metadata"]]
    return found


def _fold_old(old: Places, numbers: Numbers, vectors: Any, profiles: dict[str, Profile]) -> None:
    """Add rows as sums: a sparse product of (users x texts) and the vectors for each half-life."""
    names, user = np.unique(numbers.user[old], return_inverse=True)
    time, words = numbers.time[old], numbers.words[old]
    anchor = np.full(len(names), -np.inf)
    np.maximum.at(anchor, user, time)
    faded = np.exp2((time - anchor[user]) / HALF_LIVES[:, None]) * numbers.weight[old]
    shape, wide = (len(names), len(vectors)), np.asarray(vectors, dtype=np.float64)
    sums = np.empty((len(names), len(HALF_LIVES), wide.shape[1] + 1))
    for half, weights in enumerate(faded):
        sums[:, half, :-1] = sparse.coo_array((weights, (user, words)), shape).tocsr() @ wide
        sums[:, half, -1] = np.bincount(user, np.abs(weights))
    cells = user * len(numbers.kinds) + numbers.kind[old]
    counts = np.bincount(cells, minlength=len(names) * len(numbers.kinds)).reshape(len(names), -1)
    for place, name in enumerate(names.tolist()):
        done = zip(numbers.kinds, counts[place].tolist(), strict=True)
        profiles[numbers.users[name]].add_sums(
            sums[place], float(anchor[place]), {kind: n for kind, n in done if n}
        )
