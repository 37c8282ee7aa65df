"""MIND, news as the owners hand it out: what was shown to whom, and what they clicked."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vibrator.datasets.events import BadRow, RowReport, first_existing, reporting

TIME = "%m/%d/%Y %I:%M:%S %p"  # as in 11/12/2019 2:14:46 PM; the files name no zone, UTC is taken
NEWS_FIELDS, BEHAVIOUR_FIELDS = 8, 5


@dataclass(frozen=True, slots=True)
class Impression:
    """News shown at once: ids of earlier clicks, ids shown, and whether each was clicked.

    `clicked` is empty where the file keeps the answers back, as the test set does.
    """

    impression_id: str
    user_id: str
    at: datetime
    history: tuple[str, ...]
    shown: tuple[str, ...]
    clicked: tuple[bool, ...]


def load_mind_news(folder: str | Path, *, report: RowReport | None = None) -> dict[str, str]:
    """News id to its words: title, category and subcategory."""
    path = first_existing(Path(folder), ["news.tsv"])
    news = {}
    with reporting(report) as found:
        for line, fields in _rows(path, NEWS_FIELDS, found):
            key, category, subcategory, title = fields[:4]
            if key.strip() and title.strip():
                news[key] = f"{title}, {category}, {subcategory}"
            else:
                found.add(BadRow(path.name, line, "title", "must have an id and a title", title))
    return news


def load_mind_impressions(
    folder: str | Path, *, report: RowReport | None = None
) -> Iterator[Impression]:
    """The impressions of `behaviors.tsv`, one at a time."""
    path = first_existing(Path(folder), ["behaviors.tsv"])
    with reporting(report) as found:
        for line, fields in _rows(path, BEHAVIOUR_FIELDS, found):
            try:
                yield _impression(fields)
            except ValueError as error:
                found.add(BadRow(path.name, line, "impression", str(error), fields[-1][:40]))


def mind_parts(folder: str | Path) -> tuple[Path, Path | None]:
    """Where the train part and the dev part lie; a folder of one part has no dev."""
    place = Path(folder)
    for train, dev in (
        ("MINDsmall_train", "MINDsmall_dev"),
        ("MINDlarge_train", "MINDlarge_dev"),
        ("train", "dev"),
    ):
        if (place / train).is_dir():
            return place / train, (place / dev if (place / dev).is_dir() else None)
    return place, None


def _impression(fields: list[str]) -> Impression:
    key, user, when, history, shown = fields
    pairs = [one.rpartition("-") if "-" in one else (one, "", "") for one in shown.split()]
    marks = {mark for _, _, mark in pairs}
    if not pairs or not (marks <= {"0", "1"} or marks == {""}):
        raise ValueError("must be ids ending in -0 or -1, or ids alone")
    clicked = () if marks == {""} else tuple(mark == "1" for _, _, mark in pairs)
    return Impression(
        key,
        user,
        datetime.strptime(when, TIME).replace(tzinfo=UTC),
        tuple(history.split()),
        tuple(news for news, _, _ in pairs),
        clicked,
    )


def _rows(path: Path, width: int, report: RowReport) -> Iterator[tuple[int, list[str]]]:
    """Lines of so many tab-separated fields; nothing in these files is quoted."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for line, text in enumerate(file, 1):
            if not _is_unicode(text):
                report.add(BadRow(path.name, line, "line", "must be UTF-8", ascii(text[:40])))
                continue
            fields = text.rstrip("\r\n").split("\t")
            if len(fields) == width:
                yield line, fields
            elif text.strip():
                rule = f"must have {width} fields"
                report.add(BadRow(path.name, line, "line", rule, text[:40]))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
