"""Rows in: parquet folders, files, frames and our own action log, as one kind of frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.actions import UserAction
from vibrator.checks import read_or_refused, require_finite
from vibrator.datasets.parquet import parquet_or_refused
from vibrator.errors import BadInput, UnknownName
from vibrator.optional import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAPS = ["", "NaN", "nan", "NULL", "null", "None", "none", "<NA>", "N/A", "n/a", "#N/A"]
HIVE_TIME = "%Y-%m-%d-%H-%M"
DAY = 86_400.0
EPOCH_YEARS = (978_307_200, 4_102_444_800)  # 2001 to 2100 in seconds
EPOCH_UNITS = {"s": 1, "ms": 1_000}


def read_frame(source: Any, *, time: str = "datetime") -> pd.DataFrame:
    """A frame from a parquet folder or file, a CSV file, an Arrow table or a frame.

    Nested columns keep their Arrow types, so that a map stays a map.
    """
    if isinstance(source, pd.DataFrame):
        return source
    if hasattr(source, "to_pandas"):
        return from_arrow(source)
    path = Path(source)
    if path.is_dir():
        return pd.concat(
            [read_partition(part, time=time) for part in list_partitions(path)], ignore_index=True
        )
    if not path.exists():
        raise BadInput(f"there is no file or folder {path}")
    if path.suffix not in READERS:
        raise UnknownName(f"{path.name} is none of {sorted(READERS)} and no folder of parquet")
    return READERS[path.suffix](path)


def from_arrow(table: Any) -> pd.DataFrame:
    """An Arrow table as a frame whose nested columns stay Arrow."""
    types = need("pyarrow", extra="ltv").types

    def keep_nested(kind: Any) -> Any:
        return pd.ArrowDtype(kind) if types.is_nested(kind) else None

    return _plain_kinds(table).to_pandas(types_mapper=keep_nested, ignore_metadata=True)


def _plain_kinds(table: Any) -> Any:
    """Days as moments and decimals as floats, which pandas would both give as Python objects."""
    arrow = need("pyarrow", extra="ltv")
    for at, field in enumerate(table.schema):
        if arrow.types.is_date(field.type):
            table = table.set_column(at, field.name, table[at].cast(arrow.timestamp("ms", "UTC")))
        elif arrow.types.is_decimal(field.type):
            table = table.set_column(at, field.name, table[at].cast(arrow.float64()))
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    # partitioning=None: a `datetime=…` in the path is read by read_partition, in one known format
    read = need("pyarrow.parquet", extra="ltv").read_table
    with parquet_or_refused(path):
        return from_arrow(read(path, partitioning=None))


def read_csv(path: Path, **options: Any) -> Any:
    """A CSV file in which the word NA is a word, as it is Namibia's code, and a gap among numbers.

    With `chunksize` an iterator of frames.
    """
    with read_or_refused(path):
        found = pd.read_csv(path, keep_default_na=False, na_values=GAPS, **options)
    return _na_settled(found) if isinstance(found, pd.DataFrame) else _chunks(path, found)


def _chunks(path: Path, found: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    while True:
        with read_or_refused(path):
            chunk = next(found, None)
        if chunk is None:
            return
        yield _na_settled(chunk)


def _na_settled(frame: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in frame if isinstance(frame[name].dtype, pd.StringDtype)]
    mixed = [name for name in texts if (frame[name] == "NA").any()]
    numbers = {}
    for name in mixed:
        try:
            numbers[name] = pd.to_numeric(frame[name].replace("NA", None))
        except ValueError:
            continue  # words, among which NA is one
    return frame.assign(**numbers)


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": _read_parquet,
    ".csv": read_csv,
}


@dataclass(frozen=True, slots=True)
class Partition:
    """One `datetime=YYYY-MM-DD-HH-MM` folder, or a bare file without a time."""

    at: pd.Timestamp | None
    files: tuple[Path, ...]


def list_partitions(folder: str | Path) -> list[Partition]:
    """The partitions of a folder in order of time."""
    found: dict[Path, list[Path]] = {}
    for file in sorted(Path(folder).rglob("*.parquet")):
        found.setdefault(file.parent, []).append(file)
    if not found:
        raise BadInput(f"{folder} holds no parquet file")
    parts = [Partition(_hive_time(home), tuple(files)) for home, files in found.items()]
    if len({part.at is None for part in parts}) > 1:
        raise BadInput(f"{folder} mixes folders with and without datetime=YYYY-MM-DD-HH-MM")
    return sorted(parts, key=lambda part: (part.at is not None and part.at, part.files))


def _hive_time(home: Path) -> pd.Timestamp | None:
    key, found, value = home.name.partition("=")
    if not found or key != "datetime":
        return None
    try:
        return pd.to_datetime(value, format=HIVE_TIME, utc=True)
    except ValueError:
        raise BadInput(f"{home.name} is not datetime=YYYY-MM-DD-HH-MM") from None


def read_partition(part: Partition, *, time: str = "datetime") -> pd.DataFrame:
    """The rows of one partition; its time stands in the column `time` unless the rows bring one."""
    frame = pd.concat([_read_parquet(file) for file in part.files], ignore_index=True)
    if part.at is not None and time not in frame:
        frame[time] = part.at
    return frame


def write_partitions(
    frame: pd.DataFrame, folder: str | Path, *, time: str = "datetime", name: str = "part"
) -> None:
    """Rows by day into `datetime=YYYY-MM-DD-00-00/<name>.parquet` files."""
    arrow = need("pyarrow", extra="ltv")
    write = need("pyarrow.parquet", extra="ltv").write_table
    for day, rows in frame.groupby(frame[time].dt.floor("D")):
        home = Path(folder) / f"datetime={day.strftime(HIVE_TIME)}"
        home.mkdir(parents=True, exist_ok=True)
        write(arrow.Table.from_pandas(rows, preserve_index=False), home / f"{name}.parquet")


def row_times(frame: pd.DataFrame, time: str) -> pd.Series:
    """The reference time of each row, in UTC."""
    if time not in frame:
        raise BadInput(f"the time column {time!r} is missing")
    column = frame[time]
    if column.isna().any():
        raise BadInput(f"the time column {time!r} has {int(column.isna().sum())} empty rows")
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return column.dt.tz_localize("UTC")
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _epoch_times(column)
    try:
        return pd.to_datetime(column, utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(
            f"the time column {time!r} must spell its times as ISO 8601: {reason}"
        ) from None


def _epoch_times(column: pd.Series) -> pd.Series:
    unit = epoch_unit(column)
    if unit is None:
        raise BadInput(
            f"the time column {column.name!r} holds numbers that are neither seconds nor "
            f"milliseconds of the years 2001 to 2100: {column.min()} to {column.max()}"
        )
    return pd.to_datetime(column, unit=unit, utc=True)


def epoch_unit(column: pd.Series) -> str | None:
    """The unit in which all numbers of a column are moments since 1970; None where some are not.

    >>> epoch_unit(pd.Series([1_750_000_000_000])), epoch_unit(pd.Series([5, 1_750_000_000]))
    ('ms', None)
    """
    known = column.dropna()
    if known.empty:
        return None
    low, high = float(known.min()), float(known.max())
    for unit, size in EPOCH_UNITS.items():
        if EPOCH_YEARS[0] * size <= low and high <= EPOCH_YEARS[1] * size:
            return unit
    return None


@dataclass(frozen=True, slots=True)
class Split:
    """Row positions by side; no user stands on two of them."""

    train: NDArray[np.intp]
    stop: NDArray[np.intp]
    calibrate: NDArray[np.intp]
    decide: NDArray[np.intp]
    test: NDArray[np.intp]
    borders: tuple[str, ...]


def temporal_split(frame: pd.DataFrame, windows: Any, *, user: str, time: str) -> Split:
    """Training rows, then validation rows by role, then test rows, as `windows` (ltv.config) say.

    A user belongs to the window of its first row; its rows in other windows are left out, and so
    are rows in the gap before a border.
    """
    when = row_times(frame, time)
    inside = _inside(when, windows)
    borders = when[inside].quantile([windows.train_frac, windows.train_frac + windows.val_frac])
    side = np.searchsorted(borders.to_numpy(), when.to_numpy(), side="right")
    for border in borders:
        gap = (when < border) & (when >= border - pd.Timedelta(days=windows.gap_days))
        inside &= ~gap.to_numpy()
    users = pd.factorize(user_column(frame, user))[0]
    first = np.full(users.max() + 1, 3)
    np.minimum.at(first, users[inside], side[inside])
    keep = inside & (side == first[users])
    role = user_fraction(frame[user])
    validation = keep & (side == 1)
    stop = validation & (role < windows.stop)
    calibrate = validation & ~stop & (role < windows.stop + windows.calibrate)
    masks = {
        "train": keep & (side == 0),
        "stop": stop,
        "calibrate": calibrate,
        "decide": validation & ~stop & ~calibrate,
        "test": keep & (side == 2),
    }
    rows = {name: np.flatnonzero(mask) for name, mask in masks.items()}
    return Split(**rows, borders=tuple(str(border) for border in borders))


def utc(text: str) -> pd.Timestamp:
    """A moment in UTC; one that names no zone is meant so."""
    at = pd.Timestamp(text)
    return at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")


def _inside(when: pd.Series, windows: Any) -> NDArray[np.bool_]:
    if when.empty:
        raise BadInput("there are no rows")
    inside = np.ones(len(when), dtype=bool)
    if windows.start is not None:
        inside &= (when >= utc(windows.start)).to_numpy()
    if windows.end is not None:
        inside &= (when < utc(windows.end)).to_numpy()
    if not inside.any():
        raise BadInput(f"no row lies between {windows.start} and {windows.end}")
    return inside


def user_column(frame: pd.DataFrame, user: str) -> pd.Series:
    """The users of the rows; a row that is nobody's cannot be kept on one side of a split."""
    if user not in frame:
        raise BadInput(f"the user column {user!r} is missing")
    if gaps := int(frame[user].isna().sum()):
        raise BadInput(f"the user column {user!r} has {gaps} empty rows")
    return frame[user]


def user_fraction(users: pd.Series) -> NDArray[np.float64]:
    """A number in [0, 1) that belongs to the user, the same in every run."""
    hashed = pd.util.hash_array(users.astype(str).to_numpy(dtype=object))
    return np.asarray(hashed.astype(np.float64) / 2.0**64)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How an action log becomes rows: what is watched from the first action on, what is foretold.

    Revenue is the number under `amount` in the metadata of actions of type `purchase`.
    """

    watch: timedelta = timedelta(days=1)
    horizons: tuple[int, ...] = (1, 7, 14)
    purchase: str = "purchase"
    amount: str = "amount"

    def __post_init__(self) -> None:
        if not self.watch > timedelta(0):
            raise BadInput(f"watch must be positive, got {self.watch}")
        rising = list(self.horizons) == sorted(set(self.horizons))
        if not self.horizons or not rising or self.horizons[0] < 1:
            raise BadInput(f"horizons must be rising days from 1, got {list(self.horizons)}")


def frame_from_actions(
    actions: Iterable[UserAction], snapshot: Snapshot, *, until: datetime
) -> pd.DataFrame:
    """One row a person from our own log: counts in the watched time, labels after it.

    People whose longest horizon is not over at `until` are left out: their labels are not ripe.
    """
    by_user: dict[str, list[UserAction]] = {}
    for action in actions:
        if action.user_id is None or action.timestamp is None:
            raise BadInput("an action log for lifetime value needs user_id and timestamp")
        by_user.setdefault(action.user_id, []).append(action)
    ripe = timedelta(days=snapshot.horizons[-1])
    rows = [row for user, log in by_user.items() for row in _snapshot_rows(user, log, snapshot)]
    return pd.DataFrame([row for row in rows if row["datetime"] + ripe <= until])


def _snapshot_rows(
    user: str, log: Sequence[UserAction], snapshot: Snapshot
) -> Iterator[dict[str, Any]]:
    times = [action.timestamp for action in log if action.timestamp is not None]
    reference = min(times) + snapshot.watch
    seen = [a for a, t in zip(log, times, strict=True) if t <= reference]
    later = [(a, t) for a, t in zip(log, times, strict=True) if t > reference]
    row: dict[str, Any] = {"user_id": user, "datetime": reference, "actions": len(seen)}
    row["past_purchases"] = sum(a.action_type == snapshot.purchase for a in seen)
    row["past_spend"] = sum(_amount(a, snapshot) for a in seen)
    row["actions_by_type"] = _counts(a.action_type for a in seen)
    for horizon in snapshot.horizons:
        end = reference + timedelta(days=horizon)
        revenue = sum(_amount(a, snapshot) for a, t in later if t <= end)
        row[f"buyer_d{horizon}"], row[f"iap_revenue_d{horizon}"] = int(revenue > 0), revenue
    yield row


def _amount(action: UserAction, snapshot: Snapshot) -> float:
    if action.action_type != snapshot.purchase:
        return 0.0
    name = f"{snapshot.amount!r} of the {snapshot.purchase} at {action.timestamp}"
    amount = require_finite(name, action.metadata.get(snapshot.amount))
    if amount < 0:
        raise BadInput(f"{name} must not be negative, got {amount}")
    return amount


def _counts(names: Iterable[str]) -> dict[str, float]:
    counts: dict[str, float] = {}
    for name in names:
        counts[name] = counts.get(name, 0.0) + 1.0
    return counts
