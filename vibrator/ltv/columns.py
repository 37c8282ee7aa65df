"""What kind of thing each input column is, remembered, and compared when prediction comes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vibrator.errors import ArtefactError, BadInput
from vibrator.ltv.frames import epoch_unit, row_times
from vibrator.ltv.nested import cells_kind, is_nested, nested_kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BY_HAND = 16  # rows up to which a Python loop beats pandas
PEEK = 1_000  # rows that are looked at to tell the kind of a column of Python objects
KINDS = ("number", "flag", "category", "code", "time", "epoch_s", "epoch_ms", "map", "list",
         "pairs", "histogram")  # fmt: skip
PLAIN = frozenset({"number", "flag"})
WORDS = ("category", "code")  # a code is a category that is written as a number
OBVIOUS = {
    "number": "fiu",
    "flag": "b",
    "code": "iu",
    "epoch_s": "fiu",
    "epoch_ms": "fiu",
    "time": "M",
}
TEXTS = frozenset({"time", "map", "list", "pairs", "histogram"})  # kinds that a CSV spells out
EPOCHS = {"epoch_s": "s", "epoch_ms": "ms"}
TIMES = frozenset({"time", *EPOCHS})


def column_kind(name: str, column: pd.Series) -> str:
    """The kind of a column, by its type and, for numbers, by whether all of them are moments.

    >>> column_kind("seen_at", pd.Series([1_750_000_000, 1_750_086_400]))
    'epoch_s'
    """
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "flag"
    if pd.api.types.is_numeric_dtype(dtype):
        unit = epoch_unit(column)
        return "number" if unit is None else f"epoch_{unit}"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "time"
    if isinstance(dtype, pd.ArrowDtype):
        kind = nested_kind(dtype.pyarrow_dtype)
    else:
        kind = _object_kind(column)
    if kind is None:
        raise BadInput(f"column {name!r} has the type {dtype}, which no feature is made of")
    return kind


def _object_kind(column: pd.Series) -> str | None:
    if _is_flags(column):
        return "flag"
    cells = [cell for cell in column.iloc[:PEEK] if is_nested(cell)]
    return cells_kind(cells) if cells else "category"


def _is_flags(column: pd.Series) -> bool:
    """True and false with gaps between, which pandas holds as Python objects."""
    objects = column.dtype == np.dtype(object)
    return bool(objects and pd.api.types.infer_dtype(column) == "boolean")


@dataclass(frozen=True, slots=True)
class Schema:
    """The input columns and their kinds; the user, time and label columns are not inputs."""

    kinds: Mapping[str, str]
    time: str

    def __post_init__(self) -> None:
        if stray := sorted(set(self.kinds.values()) - set(KINDS)):
            raise BadInput(f"unknown column kinds {stray}; known: {list(KINDS)}")

    def of(self, *kinds: str) -> list[str]:
        """The columns of some kinds, in order."""
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def check(self, frame: pd.DataFrame) -> None:
        """Refuse a frame that does not fit, naming every column that is at fault."""
        faults = []
        types = dict(zip(frame.columns, frame.dtypes, strict=True))
        if self.time not in types:
            faults.append(f"{self.time}: missing (time)")
        for name, kind in self.kinds.items():
            if name not in types:
                faults.append(f"{name}: missing ({kind})")
            elif not (_obvious(kind, types[name]) or _fits(kind, frame[name])):
                faults.append(f"{name}: {types[name]} is no {kind}")
            elif (unit := EPOCHS.get(kind)) and epoch_unit(frame[name]) not in (unit, None):
                faults.append(f"{name}: its moments are not in {unit}")
        if faults:
            raise ArtefactError("the rows do not fit the model: " + "; ".join(faults))


def _obvious(kind: str, dtype: Any) -> bool:
    """Whether the type alone settles it, as it mostly does and at no cost."""
    return isinstance(dtype, np.dtype) and dtype.kind in OBVIOUS.get(kind, "")


def _fits(kind: str, column: pd.Series) -> bool:
    dtype = column.dtype
    if kind in ("number", "flag", "code", "epoch_s", "epoch_ms"):
        number = pd.api.types.is_numeric_dtype(dtype) or _is_flags(column)
        return number or bool(column.isna().all())
    if kind == "time":
        return pd.api.types.is_datetime64_any_dtype(dtype) or bool(column.isna().all())
    if kind == "category":
        return not pd.api.types.is_numeric_dtype(dtype) or bool(column.isna().all())
    if isinstance(dtype, pd.ArrowDtype):
        return nested_kind(dtype.pyarrow_dtype) == kind
    if dtype != np.dtype(object):
        return bool(column.isna().all())
    cells = [cell for cell in column if is_nested(cell) or not pd.isna(cell)]
    return all(map(is_nested, cells)) and cells_kind(cells) in (kind, None)


def parse_texts(frame: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Times and nested cells that came as text, as from a CSV file, read as their kind says.

    >>> parse_texts(pd.DataFrame({"m": ['{"a": 1}']}), {"m": "map"})["m"][0]
    {'a': 1}
    """
    parsed = {
        name: _parse_text(frame[name], kind)
        for name, kind in kinds.items()
        if kind in TEXTS and name in frame and _holds_text(frame[name])
    }
    return frame.assign(**parsed) if parsed else frame


def _holds_text(column: pd.Series) -> bool:
    """Whether all cells are texts, or some among Python objects, as where one cell was changed."""
    dtype = column.dtype
    mixed = dtype == np.dtype(object) and any(isinstance(cell, str) for cell in column)
    return isinstance(dtype, pd.StringDtype) or mixed


def _parse_text(column: pd.Series, kind: str) -> pd.Series:
    try:
        if kind == "time":
            return pd.to_datetime(column, utc=True, format="ISO8601")
        cells = [json.loads(cell) if isinstance(cell, str) else cell for cell in column]
        return pd.Series(cells, index=column.index, dtype=object)
    except ValueError as error:
        form = "a time as ISO 8601" if kind == "time" else f"a {kind} as JSON"
        raise BadInput(
            f"column {column.name!r} cannot be read as {kind}, text must spell {form}: {error}"
        ) from None


def read_schema(
    frame: pd.DataFrame, *, time: str, skip: frozenset[str], kinds: Mapping[str, str]
) -> Schema:
    """The schema of a frame; `kinds` overrules what the types suggest."""
    names = [name for name in frame if name != time and name not in skip]
    found = {name: kinds.get(name) or column_kind(name, frame[name]) for name in names}
    codes = {
        name: "code"
        for name, kind in found.items()
        if kind == "category" and pd.api.types.is_numeric_dtype(frame[name].dtype)
    }
    return Schema(found | codes, time)


@dataclass(frozen=True, slots=True)
class Words:
    """A column of words as codes: row r has the word `kinds[codes[r]]`, or none where it is −1."""

    codes: NDArray[np.intp]
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, column: Any) -> Words:
        """Numbers are words, too: 7 and 7.0 are the word "7"; an empty text is none.

        >>> Words.of(pd.Series(["b", None, "a", "b", ""], dtype=object))
        Words(codes=array([ 0, -1,  1,  0, -1]), kinds=('b', 'a'))
        """
        codes, kinds = _factorized(column)
        names = [_word(kind) for kind in kinds]
        place = {name: at for at, name in enumerate(dict.fromkeys(filter(None, names)))}
        table = np.array([*(place.get(name, -1) for name in names), -1], dtype=np.intp)
        return cls(table[codes], tuple(place))

    def take(self, rows: NDArray[np.intp]) -> Words:
        """The words of some rows."""
        return Words(self.codes[rows], self.kinds)

    def counts(self) -> NDArray[np.int64]:
        """How often each word occurs."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.kinds))

    def rows(self) -> dict[str, NDArray[np.intp]]:
        """The rows of each word that occurs; those of none under the empty word."""
        order = np.argsort(self.codes, kind="stable")
        ends = np.cumsum(np.bincount(self.codes + 1, minlength=len(self.kinds) + 1))
        parts = np.split(order, ends[:-1])
        return {word: at for word, at in zip(("", *self.kinds), parts, strict=True) if at.size}

    def coded(self, vocabulary: Sequence[str]) -> Floats:
        """The place in the vocabulary; one past its end for other words, NaN for none."""
        place = {word: at for at, word in enumerate(vocabulary)}
        other = len(place)
        table = [*(float(place.get(kind, other)) for kind in self.kinds), np.nan]
        return np.array(table)[self.codes]


def _factorized(column: Any) -> tuple[NDArray[np.intp], Any]:
    """pd.factorize; for a few rows by hand, as it then mostly looks for the right way."""
    if len(column) > BY_HAND:
        codes, kinds = pd.factorize(column)
        return codes, kinds
    cells = column.tolist()
    place = {cell: at for at, cell in enumerate(dict.fromkeys(c for c in cells if not pd.isna(c)))}
    return np.array([place.get(cell, -1) for cell in cells], dtype=np.intp), list(place)


def _word(kind: Any) -> str:
    whole = isinstance(kind, (float, np.floating)) and float(kind).is_integer()
    return str(int(kind)) if whole else str(kind)


class View:
    """A frame seen as columns: floats, moments, words; each is worked out once."""

    def __init__(self, frame: pd.DataFrame, schema: Schema) -> None:
        self.frame, self.schema = frame, schema
        self.size = len(frame)
        self._numbers: dict[str, Floats] = {}
        self._words: dict[str, Words] = {}
        self._seconds: Floats | None = None

    def part(self, rows: NDArray[np.intp]) -> View:
        """Some rows of it, with what was worked out before."""
        part = View(self.frame.iloc[rows], self.schema)
        part._numbers = {name: values[rows] for name, values in self._numbers.items()}
        part._words = {name: words.take(rows) for name, words in self._words.items()}
        return part

    def has(self, name: str | None) -> bool:
        """Whether the schema knows the column as a plain number."""
        return name is not None and self.schema.kinds.get(name) in PLAIN

    def number(self, name: str) -> Floats:
        """A plain column as floats, NaN where nothing is known."""
        if name not in self._numbers:
            names = self.schema.of(*PLAIN) if self.has(name) else [name]
            names = [one for one in names if one not in self._numbers]  # together, at one price
            block = self.frame[names].to_numpy(dtype=np.float64, na_value=np.nan)
            self._numbers |= {one: block[:, at] for at, one in enumerate(names)}
        return self._numbers[name]

    def put(self, name: str, values: Floats) -> None:
        """Replace a column, after its missing values were dealt with."""
        self._numbers[name] = values

    def words(self, name: str) -> Words:
        """A category column as codes of its words."""
        if name not in self._words:
            self._words[name] = Words.of(self.frame[name])
        return self._words[name]

    @property
    def now(self) -> Floats:
        """The reference time of each row, in seconds."""
        if self._seconds is None:
            self._seconds = _seconds(row_times(self.frame, self.schema.time))
        return self._seconds

    def moment(self, name: str) -> Floats:
        """A time column in seconds since 1970, whatever its unit was."""
        kind = self.schema.kinds[name]
        if kind == "time":
            return _seconds(self.frame[name])
        return self.number(name) / (1000.0 if kind == "epoch_ms" else 1.0)


def _seconds(column: pd.Series) -> Floats:
    values = np.asarray(column.array, dtype="datetime64[us]")  # in UTC, whatever the zone
    return np.where(np.isnat(values), np.nan, values.astype(np.int64) / 1e6)
