"""Parquet folders larger than memory: read in pieces through Dask.

What stays in memory is 8 bytes a row for the split by user, a bounded sample that the features
are learned from, the labels, and LightGBM's bins; the matrix too, as 4 bytes a value, unless
`cache_features` names a folder: then it is a file there, mapped into memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.errors import BadInput
from vibrator.ltv.config import LtvConfig
from vibrator.ltv.features import FeaturePlan, Features, fit_features
from vibrator.ltv.frames import (
    Partition,
    from_arrow,
    list_partitions,
    read_partition,
    user_column,
    user_fraction,
    utc,
)
from vibrator.ltv.heads import Labels
from vibrator.ltv.prepared import (
    Prepared,
    Side,
    in_sample,
    label_names,
    load_plan,
    read_facts,
    read_labels,
)
from vibrator.optional import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WINDOWS = ("train", "validation", "test")
SIDES = ("train", "stop", "calibrate", "decide", "test")
HOLDS = {"learn": (0, 1), "calibrate": (2,), "decide": (3,), "test": (4,)}  # positions in SIDES


@dataclass(frozen=True, slots=True)
class Piece:
    """One partition: its window, and the side of each row (−1 for rows that are left out)."""

    part: Partition
    window: int
    side: NDArray[np.int8]


def prepare_folder(
    folder: str | Path, config: LtvConfig, *, plan: FeaturePlan | None = None
) -> Prepared:
    """Like prepare(), for a folder of `datetime=…` partitions, in bounded memory."""
    plan = plan or load_plan(config)
    pieces = _assign_sides(_chosen_partitions(folder, config), config)
    counts = {side: sum(int((p.side == at).sum()) for p in pieces) for at, side in enumerate(SIDES)}
    for side in SIDES:
        if counts[side] == 0 and side != "stop":
            raise BadInput(f"the {side} side of {folder} is empty")
    features = _learn_features(pieces, counts["train"], config, plan)
    sides = _fill_sides(pieces, features, config)
    return Prepared(
        features,
        sides["learn"],
        counts["stop"],
        sides["calibrate"],
        sides["decide"],
        sides["test"],
        _window(pieces),
    )


def _window(pieces: list[Piece]) -> tuple[str, ...]:
    """The first partition of each window, and the last of all."""
    starts = [str(next(p.part.at for p in pieces if p.window == at)) for at in range(len(WINDOWS))]
    return (*starts, str(pieces[-1].part.at))


def _run(tasks: Sequence[Any], threads: int) -> list[Any]:
    dask = need("dask", extra="ltv")
    found: list[Any] = list(dask.compute(*tasks, scheduler="threads", num_workers=threads))
    return found


def _delayed(function: Any) -> Any:
    return need("dask", extra="ltv").delayed(function, pure=False)


def _chosen_partitions(folder: str | Path, config: LtvConfig) -> list[tuple[Partition, int]]:
    """Partitions with their window; of a window with too many, evenly spaced ones."""
    parts = [p for p in list_partitions(folder) if _inside(p, config)]
    if len(parts) < 3:
        raise BadInput(f"{folder} must hold at least 3 partitions of time, got {len(parts)}")
    size = need("pyarrow.parquet", extra="ltv").read_metadata
    rows = np.array([sum(size(file).num_rows for file in part.files) for part in parts])
    windows = config.windows
    done = (np.cumsum(rows) - rows / 2) / rows.sum()
    window = np.searchsorted([windows.train_frac, windows.train_frac + windows.val_frac], done)
    limits = config.partitions
    most = (limits.max_train_partitions, limits.max_val_partitions, limits.max_test_partitions)
    kept: list[tuple[Partition, int]] = []
    for at, limit in enumerate(most):
        mine = _before_gap(parts, np.flatnonzero(window == at), window, windows.gap_days)
        if limit is not None and limit < len(mine):
            mine = [mine[i] for i in np.linspace(0, len(mine) - 1, limit).round().astype(int)]
        kept += [(part, at) for part in mine]
    return kept


def _inside(part: Partition, config: LtvConfig) -> bool:
    if part.at is None:
        raise BadInput("a split by time needs folders named datetime=YYYY-MM-DD-HH-MM")
    start, end = config.windows.start, config.windows.end
    late_enough = start is None or part.at >= utc(start)
    return late_enough and (end is None or part.at < utc(end))


def _before_gap(
    parts: list[Partition], mine: NDArray[np.intp], window: NDArray[np.intp], gap_days: float
) -> list[Partition]:
    """The partitions of one window that do not fall into the gap before the next."""
    if mine.size == 0 or mine[-1] + 1 == window.size:
        return [parts[i] for i in mine]
    border: Any = parts[mine[-1] + 1].at
    edge = border - pd.Timedelta(days=gap_days)
    return [parts[i] for i in mine if parts[i].at < edge]


def _assign_sides(chosen: list[tuple[Partition, int]], config: LtvConfig) -> list[Piece]:
    """The side of every row, from one pass over the user column alone."""

    def users(part: Partition) -> Floats:
        read = need("pyarrow.parquet", extra="ltv").read_table
        tables = [read(f, columns=[config.columns.user], partitioning=None) for f in part.files]
        return np.concatenate(
            [user_fraction(user_column(from_arrow(t), config.columns.user)) for t in tables]
        )

    role = _run([_delayed(users)(part) for part, _ in chosen], config.threads)
    window = np.concatenate([np.full(r.size, w) for (_, w), r in zip(chosen, role, strict=True)])
    everyone, who = np.unique(np.concatenate(role), return_inverse=True)
    first = np.full(everyone.size, len(WINDOWS))
    np.minimum.at(first, who, window)
    keep = (window == first[who]) & in_sample(np.concatenate(role), config.partitions.sample_frac)
    side = np.where(keep, _side_of(np.concatenate(role), window, config), -1).astype(np.int8)
    ends = np.cumsum([r.size for r in role])[:-1]
    split = np.split(side, ends)
    return [Piece(part, w, s) for (part, w), s in zip(chosen, split, strict=True)]


def _side_of(role: Floats, window: NDArray[np.int64], config: LtvConfig) -> NDArray[np.int64]:
    windows = config.windows
    validation = (
        np.searchsorted([windows.stop, windows.stop + windows.calibrate], role, "right") + 1
    )
    return np.where(window == 0, 0, np.where(window == 2, SIDES.index("test"), validation))


def _learn_features(
    pieces: list[Piece], rows: int, config: LtvConfig, plan: FeaturePlan
) -> Features:
    """Features from a sample of the training rows, spread evenly over the partitions."""
    step = max(1, -(-rows // config.partitions.fit_rows))

    def sample(piece: Piece) -> pd.DataFrame:
        at = np.flatnonzero(piece.side == 0)[::step]
        return read_partition(piece.part, time=config.columns.time).iloc[at]

    training = [piece for piece in pieces if piece.window == 0]
    frames = _run([_delayed(sample)(piece) for piece in training], config.threads)
    frame = pd.concat(frames, ignore_index=True)
    columns = config.columns
    labels = label_names(frame, config)
    return fit_features(frame, plan, time=columns.time, user=columns.user, labels=labels)[0]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the rows of one piece with one code go: a stretch of the matrix of a side."""

    piece: int
    code: int
    side: str
    rows: slice


def _slots(pieces: list[Piece]) -> list[Slot]:
    slots = []
    for side, codes in HOLDS.items():
        start = 0
        for code in codes:
            for at, piece in enumerate(pieces):
                end = start + int((piece.side == code).sum())
                slots.append(Slot(at, code, side, slice(start, end)))
                start = end
    return [slot for slot in slots if slot.rows.stop > slot.rows.start]


def _fill_sides(pieces: list[Piece], features: Features, config: LtvConfig) -> dict[str, Side]:
    """Every kept row into the matrix of its side, at a place that is known beforehand."""
    slots = _slots(pieces)
    sizes = {side: max(s.rows.stop for s in slots if s.side == side) for side in HOLDS}
    matrices = {side: _room(side, size, features, config) for side, size in sizes.items()}
    revenue = {side: np.empty((size, len(config.horizons))) for side, size in sizes.items()}
    facts: dict[tuple[str, int], pd.DataFrame] = {}

    def fill(at: int) -> None:
        frame = read_partition(pieces[at].part, time=config.columns.time)
        for slot in (slot for slot in slots if slot.piece == at):
            rows = frame.iloc[np.flatnonzero(pieces[at].side == slot.code)]
            matrices[slot.side][slot.rows] = features.transform(rows)
            revenue[slot.side][slot.rows] = read_labels(rows, config).revenue
            facts[slot.side, slot.rows.start] = read_facts(rows, config, features.plan)

    _run([_delayed(fill)(at) for at in sorted({slot.piece for slot in slots})], config.threads)
    ordered = {side: [facts[key] for key in sorted(facts) if key[0] == side] for side in HOLDS}
    return {
        side: Side(
            matrices[side],
            Labels(config.horizons, revenue[side]),
            pd.concat(ordered[side], ignore_index=True),
        )
        for side in HOLDS
    }


def _room(side: str, rows: int, features: Features, config: LtvConfig) -> NDArray[np.float32]:
    """Space for a matrix: in memory, or in a file of the cache folder that is mapped into it."""
    shape = (rows, len(features.names))
    if config.partitions.cache_features is None:
        return np.empty(shape, dtype=np.float32)
    home = Path(config.partitions.cache_features)
    home.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(home / f"{side}.npy", "w+", np.dtype(np.float32), shape)
