"""From examples to a learned scorer, judged on what came after the split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.calibration import (
    PlattCalibrator,
    VennAbersCalibrator,
    calculate_brier_score,
    calculate_smooth_ece,
)
from vibrator.checks import require_aware, require_share
from vibrator.errors import BadInput
from vibrator.pipeline.co_engagement import agreement
from vibrator.pipeline.examples import Example
from vibrator.pipeline.features import AT
from vibrator.pipeline.gathering import Gathered, gather
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.learned import Learned, LearnedScorer
from vibrator.pipeline.models import Model, Table, model_named
from vibrator.stats.order import auc
from vibrator.vectors import sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vibrator.pipeline.scorer import SliderScorer

    Floats = NDArray[np.float64]

FOLDS = 4  # of users, for calibration on rows that the model has not seen
CALIBRATED_FROM = 200  # rows; below it the prior is trusted more than a calibrator
EACH_FROM = 20  # of either outcome


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
    outcomes: Any = ()
    users: Any = ()
    table: Table | None = None  # the features of what it was judged on

    @property
    def zero_shot(self) -> Floats:
        """What the scorer that had learned nothing says of what was judged."""
        none = np.empty(0)
        return none if self.table is None else sigmoid(self.table.features[:, AT["zero_shot"]])

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
    position = float(train.features[:, AT["position"]].mean())
    unseen = _unseen(blank, train, outcomes, found.users[early], position)
    calibrator, bounds = _calibration(unseen, outcomes)
    learned = Learned(
        model=fitted,
        history=found.history,
        agreement=agreement(found.history, np.inf),
        segments=found.segments,
        whole=found.whole,
        position=position,
        calibrator=calibrator,
        bounds=bounds,
        least_spread=_least_spread(scorer, fitted, train) if bounds is None else 0.0,
    )
    report = _judge(learned, found, ~early, split, model)
    return FitResult(LearnedScorer(scorer, learned), report)


def _unseen(
    blank: Model, table: Table, outcomes: Floats, users: NDArray[np.intp], position: float
) -> Floats | None:
    """Log odds as scoring gives them, by models which had not seen the user; none of too few."""
    yes = outcomes.sum()
    if len(outcomes) < CALIBRATED_FROM or min(yes, len(outcomes) - yes) < EACH_FROM:
        return None
    raw = np.empty(len(outcomes))
    fold = users % FOLDS
    for away in np.unique(fold):
        rest = fold != away
        if not rest.any() or np.ptp(outcomes[rest]) == 0:
            return None
        fitted = blank.fit(table.pick(rest), outcomes[rest])
        raw[~rest] = fitted.raw(_held(table.pick(~rest), position))
    return raw


def _calibration(raw: Floats | None, outcomes: Floats) -> tuple[Any, Any]:
    if raw is None:
        return None, None
    return PlattCalibrator().fit(raw, outcomes), VennAbersCalibrator().fit(raw, outcomes)


def _held(table: Table, position: float) -> Table:
    """As when scoring, which does not know where a content will be shown."""
    features = table.features.copy()
    features[:, AT["position"]] = position
    return table._replace(features=features)


def _least_spread(scorer: SliderScorer, fitted: Model, table: Table) -> float:
    """Of a model that cannot say how sure it is: it knows no more than the scorer it began as."""
    unknown = not fitted.spread(table.pick(slice(1))).any()
    return scorer.zero_shot.spread_unknown if unknown else 0.0


def _judge(
    learned: Learned, found: Gathered, late: NDArray[np.bool_], split: datetime, model: str
) -> FitReport:
    table, outcomes = found.table.pick(late), found.outcomes[late]
    table = _held(table, learned.position)
    given = {
        "zero-shot": sigmoid(table.features[:, AT["zero_shot"]]),
        model: learned.probability(learned.model.raw(table)),
    }
    rows = [{"scorer": name} | figures(p, outcomes) for name, p in given.items() if len(outcomes)]
    return FitReport(
        trained=int((~late).sum()),
        tested=len(outcomes),
        split=split,
        model=model,
        rows=tuple(rows),
        probabilities=given[model],
        outcomes=outcomes,
        users=found.users[late],
        table=table,
    )


def figures(probabilities: Floats, outcomes: Floats) -> dict[str, float]:
    """AUC, Brier score, its skill over the base rate, smooth ECE."""
    base = outcomes.mean()
    brier = calculate_brier_score(probabilities, outcomes)
    mixed = 0.0 < base < 1.0
    return {
        "auc": auc(outcomes, probabilities),
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
