"""Parquet anywhere, cut into pieces of whole row groups that a worker reads by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from vibrator.actions import action_type
from vibrator.datasets import read_action_frames
from vibrator.datasets.parquet import parquet_or_refused
from vibrator.errors import BadInput
from vibrator.optional import need
from vibrator.scale.partitions import once

ROWS = 500_000  # rows of a piece: enough to be worth a task, few enough for any worker's memory


@dataclass(frozen=True, slots=True)
class Piece:
    """Row groups of one file, how many rows and bytes they hold, how many rows to stop after."""

    url: str
    groups: tuple[int, ...]
    rows: int
    size: int
    limit: int | None = None


def cut(url: str, *, rows: int = ROWS) -> list[Piece]:
    """The pieces of a file or of a folder's files, in order; any URL that fsspec reads."""
    if rows < 1:
        raise BadInput(f"rows of a piece must be at least 1, got {rows}")
    pieces = [piece for file in files(url) for piece in _of_file(file, rows)]
    if not any(piece.rows for piece in pieces):
        raise BadInput(f"{url} must hold at least one row, found none")
    return pieces


def files(url: str) -> list[str]:
    """The parquet files at a URL; names that begin with a dot or a line below are not data."""
    system, path = need("fsspec.core", extra="scale").url_to_fs(url)
    if system.isfile(path):
        return [url]
    found = [name for name in sorted(system.find(path)) if _is_data(name[len(path) :])]
    if not found:
        raise BadInput(f"{url} must be a parquet file or a folder of some, found none")
    return [str(system.unstrip_protocol(name)) for name in found]


def states(urls: Iterable[str]) -> list[str]:
    """What changes when a file does, for each file."""
    opened = need("fsspec.core", extra="scale").url_to_fs
    return [str(system.ukey(path)) for system, path in map(opened, urls)]


def read_piece(piece: Piece, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows of a piece, all columns or those named that are there."""
    fsspec, parquet = need("fsspec", extra="scale"), need("pyarrow.parquet", extra="scale")
    with (
        fsspec.open(piece.url) as raw,
        parquet_or_refused(piece.url),
        parquet.ParquetFile(raw) as file,
    ):
        known = file.schema_arrow.names
        wanted = known if columns is None else [name for name in columns if name in known]
        if piece.limit is not None:
            batches = file.iter_batches(piece.limit, row_groups=piece.groups, columns=wanted)
            return next(batches).to_pandas()
        return file.read_row_groups(piece.groups, columns=wanted).to_pandas()


def newest(pieces: Sequence[Piece]) -> datetime:
    """When the last action of any profile happened."""
    times = [read_profiles(piece, "last_seen")["last_seen"] for piece in pieces]
    found = [column.max() for column in times if column.notna().any()]
    if not found:
        raise BadInput("no profile has a time: say as of when with a time of your own")
    return max(found).to_pydatetime()  # type: ignore[no-any-return]


def read_actions(piece: Piece, *, on_error: str = "raise") -> pd.DataFrame:
    """The checked actions of a piece; a row that breaks a rule is told with its file and number.

    With `on_error="skip"` it goes on without such rows, and without those that name no user.
    """
    frame = once(read_piece(piece, (*NEEDED, *OPTIONAL)))
    if _plainly_right(frame):
        given = frame.get("weight")
        return frame.assign(weight=_default_weights(frame) if given is None else given)
    try:
        blocks = list(read_action_frames(frame, on_error=on_error))
    except BadInput as error:
        raise BadInput(f"{piece.url}, row groups {list(piece.groups)}: {error}") from error
    good = pd.concat(blocks, ignore_index=True)
    return good if on_error == "raise" else good.dropna(subset="user_id", ignore_index=True)


def read_profiles(piece: Piece, *columns: str) -> pd.DataFrame:
    """These columns of what `batch profiles` wrote."""
    frame = read_piece(piece, columns)
    if lacking := sorted(set(columns) - set(frame)):
        raise BadInput(f"{piece.url} must be what `batch profiles` writes, it lacks {lacking}")
    return frame


NEEDED = ("timestamp", "user_id", "action_type", "content")
OPTIONAL = ("weight", "action_id", "metadata")
WORDS = ("user_id", "action_type", "content", "action_id")


def _plainly_right(frame: pd.DataFrame) -> bool:
    """Whether all is there, of its type and in bounds, so that no row needs a look of its own."""
    if not set(NEEDED) <= set(frame) or "metadata" in frame or frame.isna().any(axis=None):
        return False
    times = frame["timestamp"]
    if not isinstance(times.dtype, pd.DatetimeTZDtype) or str(times.dt.tz) != "UTC":
        return False
    weight = frame.get("weight")
    if weight is not None and not (weight.dtype == "float64" and np.isfinite(weight).all()):
        return False
    return all(_all_words(frame[name]) for name in WORDS if name in frame)


def _all_words(column: pd.Series) -> bool:
    distinct = column.unique().tolist()
    return all(isinstance(text, str) and bool(text.strip()) for text in distinct)


def _default_weights(frame: pd.DataFrame) -> pd.Series:
    weights = {kind: action_type(kind).weight for kind in frame["action_type"].unique()}
    return frame["action_type"].map(weights).astype(np.float64)


def _is_data(name: str) -> bool:
    parts = [part for part in name.split("/") if part]
    return name.endswith(".parquet") and not any(part[0] in "._" for part in parts)


def _of_file(url: str, rows: int) -> list[Piece]:
    fsspec, parquet = need("fsspec", extra="scale"), need("pyarrow.parquet", extra="scale")
    with fsspec.open(url) as raw, parquet_or_refused(url):
        about = parquet.read_metadata(raw)
    groups = [about.row_group(at) for at in range(about.num_row_groups)]
    return _gathered(url, [(group.num_rows, group.total_byte_size) for group in groups], rows)


def _gathered(url: str, sizes: Sequence[tuple[Any, Any]], rows: int) -> list[Piece]:
    """Neighbouring row groups together, as many as stay within `rows`, at least one."""
    pieces: list[Piece] = []
    for at, (count, size) in enumerate(sizes):
        last = pieces[-1] if pieces else None
        if last is not None and last.rows + count <= rows:
            groups = (*last.groups, at)
            pieces[-1] = Piece(url, groups, last.rows + count, last.size + size)
        else:
            pieces.append(Piece(url, (at,), count, size))
    return pieces
