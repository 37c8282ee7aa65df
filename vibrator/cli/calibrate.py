"""`vibrator calibrate`: from scores and their outcomes to probabilities that hold."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from vibrator.cli._files import COLUMNS, SKIP, Reading, read_rows
from vibrator.cli._output import Format, note, show
from vibrator.errors import BadInput, UnknownName
from vibrator.writing import write_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vibrator.calibration import Calibrator

    Floats = NDArray[np.float64]

PANEL = "Learn"
FOLDS = 5
FOR_RAW_SCORES = ("platt", "isotonic", "venn_abers")  # the others need log-odds or shares


class Examples(NamedTuple):
    """Raw scores and what was said then, beside what happened."""

    raw: Floats
    said: Floats
    outcome: Floats

    def enough(self, needed: int, each: int) -> bool:
        """Whether there are so many, and enough of either answer."""
        yes = int(self.outcome.sum())
        return self.outcome.size >= needed and min(yes, self.outcome.size - yes) >= each


def run(
    scored: Path = typer.Argument(..., help="What `vibrator score --shown` printed as CSV."),
    output: Path = typer.Option(Path("calibrators.json"), "--output", "-o", help="Where to."),
    kind: str = typer.Option("platt", help="platt, isotonic or venn_abers."),
    svg: Path | None = typer.Option(None, help="Draw the reliability after calibration."),
    column: list[str] = COLUMNS,
    skip_bad_rows: bool = SKIP,
    how: Format = typer.Option(Format.table, "--format", help="table, json or csv."),
) -> None:
    """Fit a calibrator for every slider, and say how much better the probabilities become.

    A slider with 200 outcomes has one of its own, the others share one, from 50 on. The figures
    after calibration are of outcomes that the calibrator had not seen.

    Example: vibrator calibrate scored.csv --output calibrators.json
    """
    from vibrator.calibration import CALIBRATORS

    if kind not in FOR_RAW_SCORES:
        raise UnknownName(f"no calibrator {kind!r} for raw scores; known: {list(FOR_RAW_SCORES)}")
    rows = read_rows(scored, _fields(), Reading.of(column, "UTC", skip=skip_bad_rows))
    versions, encoder = _made_by(rows)
    fitted, after = _fit(CALIBRATORS[kind](), rows)
    document = {
        "versions": versions,
        "encoder": encoder,
        "calibrators": {name: one.document() for name, one in fitted.items()},
    }
    write_text(output, json.dumps(document, indent=1, allow_nan=False))
    show(_report(rows, after, own=_own(rows)), how)
    if svg is not None:
        write_text(svg, _picture(rows, after))
    note(f"{len(fitted)} calibrators are in {output}")


def _fields() -> list[Any]:
    from vibrator.cli._fields import OUTCOME
    from vibrator.datasets.fields import Field, read_number, read_text

    texts = [Field(name, read_text, required=True) for name in ("slider", "version", "encoder")]
    numbers = [Field(name, read_number, required=True) for name in ("raw_score", "probability")]
    return [*texts, *numbers, OUTCOME]


def _made_by(rows: list[dict[str, Any]]) -> tuple[dict[str, str], str]:
    """The version of each slider and the encoder, which must be one each."""
    found = {(row["slider"], row["version"]) for row in rows}
    encoders = {row["encoder"] for row in rows}
    if len(found) > len({name for name, _ in found}) or len(encoders) > 1:
        raise BadInput("the scores must be of one encoder and of one version of every slider")
    if not rows:
        raise BadInput("there must be outcomes to fit on, found none")
    return dict(sorted(found)), encoders.pop()


def _examples(rows: Iterable[dict[str, Any]]) -> Examples:
    import numpy as np

    columns = [(row["raw_score"], row["probability"], row["outcome"]) for row in rows]
    return Examples(*np.array(columns, dtype=np.float64).reshape(-1, 3).T)


def _of(rows: list[dict[str, Any]], name: str) -> Examples:
    return _examples(row for row in rows if row["slider"] == name)


def _own(rows: list[dict[str, Any]]) -> set[str]:
    """The sliders that have enough outcomes for a calibrator of their own."""
    from vibrator.personalizer.fitting import EACH_NEEDS, OWN_NEEDS

    names = {row["slider"] for row in rows}
    return {name for name in names if _of(rows, name).enough(OWN_NEEDS, EACH_NEEDS)}


def _fit(
    blank: Calibrator, rows: list[dict[str, Any]]
) -> tuple[dict[str, Calibrator], dict[str, Floats]]:
    """A calibrator a slider, and for each of its rows a probability by one that had not seen it."""
    import numpy as np

    from vibrator.personalizer.fitting import EACH_NEEDS, POOLED_NEEDS

    everything = _examples(rows)
    if not everything.enough(POOLED_NEEDS, EACH_NEEDS):
        raise BadInput(
            f"there must be {POOLED_NEEDS} outcomes, {EACH_NEEDS} of each kind, found "
            f"{everything.outcome.size}, {everything.outcome.sum():.0f} of them liked"
        )
    own, names = _own(rows), np.array([row["slider"] for row in rows])
    shared, fitted, after = blank.fit(everything.raw, everything.outcome), {}, {}
    unseen = _cross_fitted(blank, everything)
    for name in dict.fromkeys(names.tolist()):
        mine = _of(rows, name)
        fitted[name] = blank.fit(mine.raw, mine.outcome) if name in own else shared
        after[name] = _cross_fitted(blank, mine) if name in own else unseen[names == name]
    return fitted, after


def _cross_fitted(blank: Calibrator, examples: Examples) -> Floats:
    import numpy as np

    fold = np.arange(examples.raw.size) % FOLDS
    found = np.empty(examples.raw.size)
    for held_out in range(FOLDS):
        rest = fold != held_out
        fitted = blank.fit(examples.raw[rest], examples.outcome[rest])
        found[~rest] = fitted.transform(examples.raw[~rest])
    return found


def _report(
    rows: list[dict[str, Any]], after: dict[str, Floats], *, own: set[str]
) -> list[dict[str, Any]]:
    from vibrator.calibration import calculate_brier_score, calculate_smooth_ece

    found = []
    for name, unseen in after.items():
        mine = _of(rows, name)
        found.append(
            {
                "slider": name,
                "outcomes": mine.outcome.size,
                "liked": int(mine.outcome.sum()),
                "calibrator": "own" if name in own else "shared",
                "brier_before": calculate_brier_score(mine.said, mine.outcome),
                "brier_after": calculate_brier_score(unseen, mine.outcome),
                "smooth_ece_before": calculate_smooth_ece(mine.said, mine.outcome),
                "smooth_ece_after": calculate_smooth_ece(unseen, mine.outcome),
            }
        )
    return found


def _picture(rows: list[dict[str, Any]], after: dict[str, Floats]) -> str:
    import numpy as np

    from vibrator.calibration import ReliabilityCurve

    unseen = np.concatenate(list(after.values()))
    outcomes = np.concatenate([_of(rows, name).outcome for name in after])
    curve = ReliabilityCurve.of(unseen, outcomes, rng=np.random.default_rng(0))
    return curve.to_svg("Reliability after calibration", "on outcomes not fitted on")
