"""MovieLens as an event log: what people liked, by the first genre of each film."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vibrator.datasets.events import (
    Column,
    EventLog,
    RowReport,
    TextFile,
    first_existing,
    from_zero,
    reporting,
)
from vibrator.errors import BadInput

LIKED = 2.5  # ratings above this are events, of weight rating / 5
BEST = 5.0
RATING = Column(
    "rating", "float64", f"must lie from 0.5 to {BEST}", lambda found: found.between(0.5, BEST)
)
RATINGS = (from_zero("user_id"), from_zero("item_id"), RATING, from_zero("ts"))
FILMS = (from_zero("item_id"), Column("genres"))


class Layout(NamedTuple):
    """Where ratings and films are, what their columns are called, and how genres are written."""

    ratings: TextFile
    films: TextFile
    names: Mapping[str, str]
    flags: tuple[str, ...] = ()  # names of columns that hold a 1 where the genre applies


def load_movielens(folder: str | Path, *, report: RowReport | None = None) -> EventLog:
    """Ratings above 2.5 from `ratings.dat`, `ratings.csv` or `u.data`, whichever is there.

    The category of a film is its first genre; categories are numbered in order of name.
    """
    layout = _layout(Path(folder))
    with reporting(report) as found:
        first, genres = _first_genres(layout, found)
        blocks = [
            _liked(block, layout, first, found) for block in _rows(layout, layout.ratings, found)
        ]
    if not blocks:
        raise BadInput(f"{layout.ratings.path.name} must have ratings, found none")
    return EventLog(pd.concat(blocks, ignore_index=True), first, len(genres))


def _first_genres(layout: Layout, report: RowReport) -> tuple[dict[int, int], list[str]]:
    """Of every film the place of its first genre, and all genres."""
    listed: dict[int, list[str]] = {}
    for block in _rows(layout, layout.films, report):
        for line, film, genres in zip(
            block.index, block["item_id"].tolist(), _genres(block, layout.flags), strict=True
        ):
            if genres:
                listed[film] = genres
            else:
                report.add(layout.films.bad(line, "genres", "must name a genre", ""))
    names = sorted({genre for genres in listed.values() for genre in genres})
    places = {genre: place for place, genre in enumerate(names)}
    return {film: places[genres[0]] for film, genres in listed.items()}, names


def _genres(films: pd.DataFrame, flags: tuple[str, ...]) -> list[list[str]]:
    """Of every film its genres, written in one column or as a 1 in each that applies."""
    if not flags:
        return [[genre for genre in text.split("|") if genre] for text in films["genres"]]
    marks = films[list(flags)].to_numpy() == "1"
    return [[flag for flag, on in zip(flags, row, strict=True) if on] for row in marks]


def _liked(
    block: pd.DataFrame, layout: Layout, first: Mapping[int, int], report: RowReport
) -> pd.DataFrame:
    known = block["item_id"].isin(first)
    for line, film in block.loc[~known, "item_id"].items():
        rule = f"must be a film of {layout.films.path.name}"
        report.add(layout.ratings.bad(line, "item_id", rule, film))
    liked = block[known & (block["rating"] > LIKED)]
    return pd.DataFrame(
        {
            "user_id": liked["user_id"],
            "item_id": liked["item_id"],
            "ts": liked["ts"],
            "cat_idx": liked["item_id"].map(first).astype("int64"),
            "weight": liked["rating"] / BEST,
        }
    )


def _rows(layout: Layout, file: TextFile, report: RowReport) -> Iterator[pd.DataFrame]:
    """Rows under our names for the columns."""
    ours = {theirs: name for name, theirs in layout.names.items()}
    wanted = RATINGS if file is layout.ratings else FILMS
    needed = [replace(column, name=layout.names.get(column.name, column.name)) for column in wanted]
    if layout.flags and file is layout.films:
        needed = [needed[0], *(Column(flag) for flag in layout.flags)]
    for block in file.rows(needed, report):
        yield block.rename(columns=ours)


def _layout(folder: Path) -> Layout:
    ratings = first_existing(folder, ["ratings.dat", "ratings.csv", "u.data"])
    return LAYOUTS[ratings.name.removesuffix(".gz")](folder, ratings)


def _dat(folder: Path, ratings: Path) -> Layout:
    """MovieLens 1M and 10M: fields between double colons, no header."""
    films = first_existing(folder, ["movies.dat"])
    return Layout(
        TextFile(ratings, ("user_id", "item_id", "rating", "ts"), "::", "latin-1"),
        TextFile(films, ("item_id", "title", "genres"), "::", "latin-1"),
        {},
    )


def _csv(folder: Path, ratings: Path) -> Layout:
    """MovieLens 20M and later, and latest-small: CSV with a header."""
    names = {"user_id": "userId", "item_id": "movieId", "ts": "timestamp"}
    return Layout(TextFile(ratings), TextFile(first_existing(folder, ["movies.csv"])), names)


def _u_data(folder: Path, ratings: Path) -> Layout:
    """MovieLens 100K as it is handed out: tabs, and a column of flags for every genre."""
    kinds = first_existing(folder, ["u.genre"]).read_text("latin-1").splitlines()
    flags = tuple(line.partition("|")[0] for line in kinds if line.strip())
    head = ("item_id", "title", "released", "released_on_video", "url")
    return Layout(
        TextFile(ratings, ("user_id", "item_id", "rating", "ts"), "\t"),
        TextFile(first_existing(folder, ["u.item"]), (*head, *flags), "|", "latin-1"),
        {},
        flags,
    )


LAYOUTS: dict[str, Callable[[Path, Path], Layout]] = {
    "ratings.dat": _dat,
    "ratings.csv": _csv,
    "u.data": _u_data,
}
