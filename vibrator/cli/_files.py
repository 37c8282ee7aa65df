"""What commands on files ask for, and how they read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from vibrator.actions import UserAction, utc_now
from vibrator.checks import require_aware
from vibrator.cli._output import note
from vibrator.cli._store import ENCODER, pairs
from vibrator.errors import BadInput, BadRows

if TYPE_CHECKING:
    from vibrator.datasets import ReadReport
    from vibrator.datasets.fields import Field
    from vibrator.pipeline import SliderScorer
    from vibrator.sliders import SliderSet

ACTIONS = typer.Argument(..., help="What people did: .csv, .json, .jsonl, .parquet (.gz too).")
ITEMS = typer.Argument(..., help="What could be shown: .csv, .json, .jsonl, .txt, .parquet.")
SLIDERS = typer.Option(..., "--sliders", "-s", help="Preference dimensions: .json, .csv, .txt.")
CALIBRATORS = typer.Option(
    None, "--calibrators", "-c", help="What `vibrator calibrate` wrote; of unchanged sliders only."
)
AT = typer.Option(
    "now", help="As of when: now, newest (the newest action), or 2026-03-02T09:00:00Z."
)
CONTEXT = typer.Option("{}", help='Context as a JSON object, such as {"segment": "work"}.')
COLUMNS = typer.Option(
    [], "--column", help="What a column is called in your file.", metavar="OURS=YOURS"
)
TIMEZONE = typer.Option("UTC", help="Of times without an offset; refuse refuses them.")
DELIMITER = typer.Option(",", help="What stands between the columns of the actions, if CSV.")
SKIP = typer.Option(False, "--skip-bad-rows", help="Go on without rows that break rules.")

MONTH = timedelta(days=30)
SHOWN_FAULTS = 20
NOBODY = ""  # whose actions they are where no user_id says it


class Reading(NamedTuple):
    """How files are read."""

    columns: dict[str, str]
    timezone: str
    on_error: str
    delimiter: str

    @classmethod
    def of(cls, columns: list[str], timezone: str, *, skip: bool, delimiter: str = ",") -> Reading:
        """From what was typed."""
        return cls(pairs(columns, "column"), timezone, "skip" if skip else "raise", delimiter)


@dataclass(frozen=True)
class Read:
    """Asked by commands that read actions: how their file is to be read."""

    column: list[str] = COLUMNS
    timezone: str = TIMEZONE
    delimiter: str = DELIMITER
    skip_bad_rows: bool = SKIP

    def reading(self) -> Reading:
        """From what was typed."""
        return Reading.of(
            self.column, self.timezone, skip=self.skip_bad_rows, delimiter=self.delimiter
        )


@dataclass(frozen=True)
class Scored:
    """Asked by commands that score: on which sliders, by what, as of when."""

    sliders: Path = SLIDERS
    at: str = AT
    context: str = CONTEXT
    calibrators: Path | None = CALIBRATORS
    encoder: str = ENCODER

    def scorer(self) -> SliderScorer:
        """A scorer over the sliders of a file, calibrated where that still belongs."""
        return make_scorer(self.sliders, self.encoder, self.calibrators)

    def given(self) -> dict[str, Any]:
        """The context."""
        return json_object(self.context, "context")


def json_object(text: str, name: str) -> dict[str, Any]:
    """An option that holds a JSON object.

    >>> json_object('{"segment": "work"}', "context")
    {'segment': 'work'}
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{name} must be a JSON object, got {text!r} ({error})") from None
    if not isinstance(found, dict):
        raise BadInput(f"{name} must be a JSON object, got {text!r}")
    return found


def moment(text: str, name: str) -> datetime:
    """An option that holds a time with an offset."""
    try:
        return require_aware(name, datetime.fromisoformat(text))
    except ValueError:
        raise BadInput(
            f"{name} must look like 2026-03-02T09:00:00Z, with an offset, got {text!r}"
        ) from None


def read_people(path: Path, reading: Reading) -> Mapping[str, list[UserAction]]:
    """Actions by user, in the order of first appearance; those without a user are one person's."""
    from vibrator.datasets import load_actions

    actions = load_actions(path, **reading._asdict())
    people: dict[str, list[UserAction]] = {}
    for action in actions:
        people.setdefault(action.user_id or NOBODY, []).append(action)
    tell(path, actions.report)
    if not people:
        raise BadInput(f"{path} must hold at least one action, found none")
    return people


def read_sliders(path: Path, reading: Reading | None = None) -> SliderSet:
    """All sliders of a file: without a bad one the others would share out differently."""
    from vibrator.datasets import load_sliders

    how = {} if reading is None else {"columns": reading.columns, "delimiter": reading.delimiter}
    try:
        return load_sliders(path, **how)  # type: ignore[arg-type]
    except BadRows as error:
        raise BadInput("\n  ".join(["sliders broke rules", *map(str, error.report.rows)])) from None


def read_items(path: Path, on_error: str) -> dict[str, str]:
    """Id to text."""
    from vibrator.datasets import load_items

    items = load_items(path, on_error=on_error)
    tell(path, items.report)
    if not items:
        raise BadInput(f"{path} must hold at least one item, found none")
    return items.texts


def read_rows(path: Path, fields: Sequence[Field], reading: Reading) -> list[dict[str, Any]]:
    """Checked rows of any table that we can read."""
    from vibrator.datasets.delimited import RawBlock
    from vibrator.datasets.fields import read_rows as checked
    from vibrator.datasets.report import Faults, ReadReport, stop
    from vibrator.datasets.sources import Shape, open_source

    name, source = open_source(path, Shape(key="rows", columns=reading.columns))
    report, found = ReadReport(), []
    faults = Faults(name, report)
    for block in source.blocks(fields, faults):
        rows = checked(block.rows() if isinstance(block, RawBlock) else block, fields, faults)
        names = list(rows.columns)
        columns = [rows.columns[name] for name in names]
        found += [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    if report.count and reading.on_error == "raise":
        stop(report)
    report.kept = len(found)
    tell(path, report)
    return found


def tell(path: Path, report: ReadReport) -> None:
    """Say on stderr what a reader refused or had to assume."""
    if report.count or report.naive_times:
        note(f"{path.name}: {report}")
    for fault in report.rows[:SHOWN_FAULTS]:
        note(f"left out: {fault}")


def as_of(text: str, actions: Iterable[UserAction]) -> datetime:
    """The moment that `--at` means; old actions are pointed out, for they have faded."""
    times = [action.timestamp for action in actions if action.timestamp is not None]
    if text == "newest":
        return max(times, default=None) or utc_now()
    when = utc_now() if text == "now" else moment(text, "at")
    newest = max(times, default=when)
    if times and when < min(times):
        note(f"nobody had done anything by {when.isoformat()}; the first action is later")
    if when - newest > MONTH:
        days = (when - newest).days
        note(f"the newest action is {days} days old, so all have faded; --at newest scores as then")
    return when


def make_scorer(sliders: Path, encoder: str, calibrators: Path | None) -> SliderScorer:
    """A scorer over the sliders of a file, calibrated where that still belongs."""
    from vibrator.encoder import InstructionalEncoder
    from vibrator.pipeline import SliderScorer

    known, reader = read_sliders(sliders), InstructionalEncoder(encoder)
    fitted = read_calibrators(calibrators, known.versions, reader.fingerprint)
    return SliderScorer(reader, known, calibrators=fitted)


def read_calibrators(
    path: Path | None, versions: Mapping[str, str], encoder: str
) -> dict[str, Any]:
    """The calibrators in a file that belong to these sliders and this encoder."""
    if path is None:
        return {}
    from vibrator.calibration import calibrator_from
    from vibrator.errors import ArtefactError

    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        made_of, reader, documents = kept["versions"], kept["encoder"], kept["calibrators"]
    except (ValueError, KeyError, TypeError):
        raise ArtefactError(f"{path} is not what `vibrator calibrate` writes") from None
    if reader != encoder:
        raise ArtefactError(f"{path} was fitted on encoder {reader}, this is {encoder}")
    fitted = {
        name: calibrator_from(document)
        for name, document in documents.items()
        if versions.get(name) == made_of.get(name)
    }
    stale = sorted(set(documents) - set(fitted))
    if stale:
        note(f"not calibrated, because their words changed: {', '.join(stale)}")
    return fitted
