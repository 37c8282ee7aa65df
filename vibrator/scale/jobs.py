"""The jobs: which pieces there are, and what a worker makes of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, Protocol

import pandas as pd

from vibrator.calibration import calibrator_from
from vibrator.datasets import load_items
from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.ports import EncoderConfig
from vibrator.errors import BadInput
from vibrator.optional import need
from vibrator.pipeline import SliderScorer
from vibrator.profile import Profile
from vibrator.scale import partitions
from vibrator.scale.pieces import Piece, read_actions, read_piece, read_profiles
from vibrator.scale.tally import tally
from vibrator.sliders import Slider, SliderVector

ROLES = ("item", "slider", "action")
BLOCK = 250_000  # events folded at once: their distinct texts bound the memory


class Work(Protocol):
    """What is done to a piece; a small frozen value, so that it can be sent to workers."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Files that the work reads beside the piece."""
        ...

    def frame(self, piece: Piece) -> pd.DataFrame:
        """The rows that come of a piece, the same whenever and wherever it is done."""
        ...


@lru_cache(maxsize=2)
def encoder_of(config: EncoderConfig) -> InstructionalEncoder:
    """The encoder of this process, loaded once however many pieces it reads."""
    return InstructionalEncoder(config)


@dataclass(frozen=True, slots=True)
class Encode:
    """Vectors of texts (`id`, `text`) or of actions, in half precision."""

    encoder: EncoderConfig
    role: str = "item"
    on_error: str = "raise"  # of actions
    reads: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise BadInput(f"role must be one of {list(ROLES)}, got {self.role!r}")

    def frame(self, piece: Piece) -> pd.DataFrame:
        """Columns `id` and `vector`."""
        if self.role == "action":
            rows = read_actions(piece, on_error=self.on_error)
            known = rows.get("action_id")
            ids = pd.Series(rows.index.astype(str)) if known is None else known
        else:
            rows = read_piece(piece, ("id", "item_id", "text"))
            ids = rows.get("id", rows.get("item_id"))
            if ids is None or "text" not in rows or rows["text"].isna().any():
                raise BadInput(f"{piece.url} must have the columns id and text in every row")
        vectors = partitions.encode(rows, encoder_of(self.encoder), self.role)
        return pd.DataFrame({"id": ids, "vector": list(vectors.astype("float16"))})


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Actions in the order of their users' shards, so that a shard can be read by itself."""

    shards: int
    on_error: str = "raise"
    reads: tuple[str, ...] = ()

    def frame(self, piece: Piece) -> pd.DataFrame:
        """The checked actions and their `shard`."""
        actions = read_actions(piece, on_error=self.on_error)
        if actions["user_id"].isna().any():
            raise BadInput(f"{piece.url}: every action of a batch must have a user_id")
        if "metadata" in actions:
            actions["metadata"] = actions["metadata"].map(_as_json, na_action="ignore")
        actions["shard"] = partitions.shard_of(actions["user_id"], self.shards)
        return actions.sort_values("shard", kind="stable", ignore_index=True)


@dataclass(frozen=True, slots=True)
class Fold:
    """Profiles of one shard's users, out of what every shuffled part holds of them."""

    encoder: EncoderConfig
    parts: tuple[str, ...]
    reads: tuple[str, ...] = ()

    def frame(self, piece: Piece) -> pd.DataFrame:
        """Columns `user_id, profile, events, last_seen`; the piece's one group is the shard."""
        actions = partitions.once(_of_shard(self.parts, piece.groups[0]))
        actions = actions.sort_values("user_id", kind="stable", ignore_index=True)
        encoder = encoder_of(self.encoder)
        blocks = (actions.iloc[at : at + BLOCK] for at in range(0, len(actions), BLOCK))
        pairs = chain.from_iterable(partitions.folded(block, encoder) for block in blocks)
        return partitions.profile_rows(partitions.joined(pairs))


@dataclass(frozen=True, slots=True)
class FoldPiece:
    """Profiles of what one piece holds, without a shuffle: what a dry run measures."""

    encoder: EncoderConfig
    on_error: str = "raise"
    reads: tuple[str, ...] = ()

    def frame(self, piece: Piece) -> pd.DataFrame:
        """Columns `user_id, profile, events, last_seen`."""
        actions = read_actions(piece, on_error=self.on_error)
        return partitions.profile_rows(partitions.folded(actions, encoder_of(self.encoder)))


@dataclass(frozen=True, slots=True)
class Score:
    """Scores of profiles with a file of items: all of them, or the best for each user."""

    encoder: EncoderConfig
    sliders: tuple[tuple[str, Slider | SliderVector], ...]
    items: str
    now: datetime
    best: int | None = None
    context: str = "{}"
    calibrators: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.best is not None and self.best < 1:
            raise BadInput(f"best must be at least 1, got {self.best}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The items."""
        return (self.items,)

    def frame(self, piece: Piece) -> pd.DataFrame:
        """Columns `user_id, item_id, fit` and two a slider."""
        rows = read_profiles(piece, "user_id", "profile")
        profiles = dict(zip(rows["user_id"], map(Profile.from_bytes, rows["profile"]), strict=True))
        scorer, items = _tools_of(self)
        context = json.loads(self.context)
        return partitions.score(profiles, items, scorer, self.now, best=self.best, context=context)


@dataclass(frozen=True, slots=True)
class Evaluate:
    """What each slider's probabilities were worth, as sums that add up over pieces."""

    reads: tuple[str, ...] = ()

    def frame(self, piece: Piece) -> pd.DataFrame:
        """A row a slider and bin."""
        return tally(read_piece(piece, ("slider", "probability", "outcome")), piece.url)


@lru_cache(maxsize=2)
def _tools_of(work: Score) -> tuple[SliderScorer, dict[str, Any]]:
    encoder = encoder_of(work.encoder)
    fitted = {name: calibrator_from(json.loads(text)) for name, text in work.calibrators}
    texts = load_items(work.items).texts
    if not texts:
        raise BadInput(f"{work.items} must hold at least one item, found none")
    vectors = encoder.encode_items(list(texts.values()))
    scorer = SliderScorer(encoder, dict(work.sliders), calibrators=fitted)
    return scorer, dict(zip(texts, vectors, strict=True))


def _of_shard(parts: Sequence[str], shard: int) -> pd.DataFrame:
    parquet = need("pyarrow.parquet", extra="scale")
    wanted = [("shard", "==", shard)]
    frames = [parquet.read_table(part, filters=wanted).to_pandas() for part in parts]
    rows = pd.concat([frame for frame in frames if len(frame)] or frames, ignore_index=True)
    if "metadata" in rows:
        rows["metadata"] = rows["metadata"].map(json.loads, na_action="ignore")
    return rows.drop(columns="shard")


def _as_json(given: Any) -> str:
    return json.dumps(dict(given), sort_keys=True)
