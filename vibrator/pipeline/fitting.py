"""From examples to a learned scorer, judged on what came after the split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.calibration import (
    PlattCalibrator,
    VennAbersCalibrator,
    calculate_brier_score,
    calculate_smooth_ece,
)
from vibrator.checks import require_aware, require_share
from vibrator.errors import BadInput
from vibrator.pipeline import features as looks
from vibrator.pipeline.co_engagement import agreement
from vibrator.pipeline.examples import Example
from vibrator.pipeline.features import AT, Sketch
from vibrator.pipeline.item_history import UNKNOWN, ItemHistory
from vibrator.pipeline.learned import Learned, LearnedScorer
from vibrator.pipeline.models import Model, Table, model_named
from vibrator.profile import Reading
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vibrator.pipeline.scorer import SliderScorer

    Floats = NDArray[np.float64]

FOLDS = 4  # of users, for calibration on rows that the model has not seen
STEPS_OF_TIME = 10  # how often the co-engagement of items is brought up to date within the rows
CALIBRATED_FROM = 200  # rows; below it the prior is trusted more than a calibrator
EACH_FROM = 20  # of either outcome


class Gathered(NamedTuple):
    """Examples as columns, in order of time."""

    table: Table
    outcomes: Floats
    at: Floats  # seconds
    users: NDArray[np.intp]
    segments: tuple[str, ...]
    history: ItemHistory

    @property
    def whole(self) -> bool:
        """Whether outcomes speak of contents, not of sliders."""
        return bool((self.table.slider == UNKNOWN).all())


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """What was learned from, and how it did on what came after.

    `rows` has one a scorer: AUC, Brier score, its skill over the base rate, smooth ECE.
    """

    trained: int
    tested: int
    split: datetime
    model: str
    rows: tuple[dict[str, Any], ...]
    probabilities: Any = ()
    zero_shot: Any = ()
    outcomes: Any = ()
    users: Any = ()

    def __str__(self) -> str:
        from vibrator.stats.rows import table

        head = f"{self.model} on {self.trained} examples, judged on {self.tested} after it"
        return f"{head}\n{table(self.rows)}" if self.rows else head


@dataclass(frozen=True, slots=True)
class FitResult:
    """A scorer that has learned, and the report on it."""

    scorer: LearnedScorer
    report: FitReport


def fit(
    scorer: SliderScorer,
    examples: Iterable[Example],
    *,
    time_split: float | datetime,
    model: str = "logistic",
    history: ItemHistory | None = None,
) -> FitResult:
    """Learn from the examples before the split, judge on those after it.

    `time_split` is a moment or the share of examples, by time, to learn from (1.0: all of them).
    `history` are everybody's actions on items; left out, they are the examples themselves.
    """
    found = gather(scorer, examples, history)
    split, early = _split(found.at, time_split)
    train = found.table.pick(early)
    outcomes = found.outcomes[early]
    blank = model_named(
        model, sliders=0 if found.whole else len(scorer.sliders), segments=len(found.segments)
    )
    fitted = blank.fit(train, outcomes)
    calibrator, bounds = _calibration(blank, train, outcomes, found.users[early])
    learned = Learned(
        model=fitted,
        history=found.history,
        agreement=agreement(found.history, np.inf),
        segments=found.segments,
        whole=found.whole,
        position=float(train.features[:, AT["position"]].mean()),
        calibrator=calibrator,
        bounds=bounds,
    )
    report = _judge(learned, found, ~early, split, model)
    return FitResult(LearnedScorer(scorer, learned), report)


def gather(
    scorer: SliderScorer, examples: Iterable[Example], history: ItemHistory | None = None
) -> Gathered:
    """Examples as columns; with a history given they may be a stream, and are not kept."""
    if history is None:
        examples = list(examples)
        history = _history(examples)
    sketches, facts, vectors = [], [], {}
    for example in examples:
        if example.content not in vectors:
            vectors[example.content] = scorer._item(example.content)
        vector = vectors[example.content][None]
        reading = _reading(scorer, example)
        place = history.places([example.content])
        found = looks.sketch(scorer, reading, vector, place, example.at, history)
        _add_slider(found.base, scorer, reading, vector, example.slider)
        found.base[0, AT["position"]] = np.log1p(example.position or 0)
        sketches.append(found)
        facts.append((example.outcome, example.user_id, example.slider,
                      example.context.get("segment")))  # fmt: skip
    if not sketches:
        raise BadInput("a fit needs at least one example, got none")
    return _columns(scorer, Sketch.stack(sketches), facts, history)


def _columns(
    scorer: SliderScorer, found: Sketch, facts: Sequence[Any], history: ItemHistory
) -> Gathered:
    order = np.argsort(found.now, kind="stable")
    outcomes, users, sliders, segments = zip(*(facts[i] for i in order), strict=True)
    if None in sliders and set(sliders) != {None}:
        raise BadInput("either every example names a slider or none does")
    found = Sketch(*(part[order] for part in found))
    names = tuple(sorted({s for s in segments if s is not None}))
    places = {name: place for place, name in enumerate(names)}
    at = dict(zip(scorer.sliders, range(len(scorer.sliders)), strict=True))
    stray = sorted({s for s in sliders if s is not None and s not in at})
    if stray:
        raise BadInput(f"examples name unknown sliders {stray}")
    table = Table(
        _as_of(found, history),
        np.array([at.get(s, UNKNOWN) for s in sliders], dtype=np.intp),
        np.array([places.get(s, UNKNOWN) for s in segments], dtype=np.intp),
    )
    people = {user: place for place, user in enumerate(dict.fromkeys(users))}
    return Gathered(
        table,
        np.array(outcomes, dtype=np.float64),
        found.now,
        np.array([people[user] for user in users]),
        names,
        history,
    )


def _as_of(found: Sketch, history: ItemHistory) -> Floats:
    """Features by stretches of time, each with the co-engagement known before it began."""
    out = np.empty_like(found.base)
    edges = np.unique(np.linspace(0, len(out), STEPS_OF_TIME + 1).astype(int))
    for start, end in pairwise(edges):
        rows = Sketch(*(part[start:end] for part in found))
        out[start:end] = looks.complete(rows, history, agreement(history, rows.now[0]))
    return out


def _calibration(
    blank: Model, table: Table, outcomes: Floats, users: NDArray[np.intp]
) -> tuple[Any, Any]:
    """Calibrators from log odds that were given by models which had not seen the user."""
    yes = outcomes.sum()
    if len(outcomes) < CALIBRATED_FROM or min(yes, len(outcomes) - yes) < EACH_FROM:
        return None, None
    raw = np.empty(len(outcomes))
    fold = users % FOLDS
    for held in np.unique(fold):
        rest = fold != held
        if not rest.any() or np.ptp(outcomes[rest]) == 0:
            return None, None
        raw[~rest] = blank.fit(table.pick(rest), outcomes[rest]).raw(table.pick(~rest))
    return PlattCalibrator().fit(raw, outcomes), VennAbersCalibrator().fit(raw, outcomes)


def _judge(
    learned: Learned, found: Gathered, late: NDArray[np.bool_], split: datetime, model: str
) -> FitReport:
    rows: tuple[dict[str, Any], ...] = ()
    table, outcomes = found.table.pick(late), found.outcomes[late]
    p: Any = np.empty(0)
    zero_shot: Any = np.empty(0)
    if len(outcomes):
        p = learned.probability(learned.model.raw(table))
        zero_shot = sigmoid(table.features[:, AT["zero_shot"]])
        rows = tuple(
            {"scorer": name} | figures(given, outcomes)
            for name, given in (("zero-shot", zero_shot), (model, p))
        )
    return FitReport(
        trained=int((~late).sum()),
        tested=len(outcomes),
        split=split,
        model=model,
        rows=rows,
        probabilities=p,
        outcomes=outcomes,
        users=found.users[late],
        zero_shot=zero_shot,
    )


def figures(probabilities: Floats, outcomes: Floats) -> dict[str, float]:
    """AUC, Brier score, its skill over the base rate, smooth ECE."""
    from sklearn.metrics import roc_auc_score

    base = outcomes.mean()
    brier = calculate_brier_score(probabilities, outcomes)
    mixed = 0.0 < base < 1.0
    return {
        "auc": float(roc_auc_score(outcomes, probabilities)) if mixed else float("nan"),
        "brier": brier,
        "brier_skill": float(1.0 - brier / (base * (1.0 - base))) if mixed else float("nan"),
        "smooth_ece": float(calculate_smooth_ece(probabilities, outcomes)),
    }


def _split(at: Floats, time_split: float | datetime) -> tuple[datetime, NDArray[np.bool_]]:
    """The moment of the split, and a mask of what lies before it."""
    from datetime import UTC

    if isinstance(time_split, datetime):
        moment = require_aware("time_split", time_split)
        early = at < moment.timestamp()
    else:
        early = np.arange(len(at)) < round(require_share("time_split", time_split) * len(at))
        end = at[early][-1] if early.any() else at[0]
        moment = datetime.fromtimestamp(float(end), UTC)
    if not early.any():
        raise BadInput(f"time_split must leave examples to learn from, got {time_split!r}")
    return moment, early


def _reading(scorer: SliderScorer, example: Example) -> Reading | None:
    if example.person is None or isinstance(example.person, Reading):
        return example.person
    return scorer._reading(example.person, example.at, cold_start=True)


def _add_slider(
    base: Floats, scorer: SliderScorer, reading: Reading | None, vector: Floats, slider: Any
) -> None:
    if slider is None:
        base[0, AT["zero_shot"]] = looks.of_contents(scorer, reading, vector)[0]
        return
    names = list(scorer.sliders)
    if slider not in names:
        raise BadInput(f"examples name the unknown slider {slider!r}; known: {names}")
    own = looks.of_sliders(scorer, reading, vector)[0, names.index(slider)]
    base[0, [AT[n] for n in ("user_to_slider", "item_to_slider", "zero_shot")]] = own


def _history(examples: Sequence[Example]) -> ItemHistory:
    return ItemHistory(
        [e.user_id for e in examples],
        [e.content for e in examples],
        [e.at.timestamp() for e in examples],
        [1.0 if e.outcome else -1.0 for e in examples],
    )
