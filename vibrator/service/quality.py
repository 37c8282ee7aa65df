"""How good the probabilities were that decisions were made on, judged by what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import numpy as np

from vibrator.calibration import (
    DriftMonitor,
    DriftReport,
    ReliabilityCurve,
    calculate_brier_score,
    calculate_smooth_ece,
)
from vibrator.personalizer.fitting import FITTED_NOTE, RAW, SAID, STALE_NOTE
from vibrator.service.answers import Calibration, Drift, DriftWindow, Figures
from vibrator.stores import Store, Which

WINDOW = 5_000  # newest outcomes that are judged
ENOUGH = 30  # answered decisions below which no figure is given
RESAMPLES = 200
DRIFT_WINDOW, FEWEST_A_DAY = timedelta(days=1), 10


@dataclass(frozen=True, slots=True)
class Said:
    """One answered decision: when, on which slider, the probability said, whether it was liked."""

    at: datetime
    slider: str
    probability: float
    liked: bool


def answered(store: Store, newest: int = WINDOW) -> list[Said]:
    """What was said of what was shown, and what came of it, oldest first.

    An outcome speaks of the slider on which the shown item scored highest, as fitting does too;
    several outcomes of one decision are one answer, and a reward above zero is a yes.
    """
    found: dict[str, Said] = {}
    for _, decision, outcome in store.decisions.outcomes(Which(newest=newest)):
        said: Mapping[str, float] = decision.features.get(SAID, {})
        raw: Mapping[str, float] = decision.features.get(RAW, {})
        if outcome.reward is None or not said or not raw:
            continue
        slider = max(raw, key=raw.__getitem__)
        before = found.get(decision.decision_id)
        liked = outcome.reward > 0 or (before is not None and before.liked)
        found[decision.decision_id] = Said(decision.at, slider, said[slider], liked)
    return sorted(found.values(), key=lambda one: one.at)


def columns(rows: Sequence[Said]) -> tuple[list[float], list[int]]:
    """Probabilities and outcomes."""
    return [row.probability for row in rows], [int(row.liked) for row in rows]


def figures(rows: Sequence[Said]) -> Figures:
    """Count, mean said, share liked, Brier score and smooth ECE; None where there is too little."""
    said, liked = columns(rows)
    if len(rows) < ENOUGH:
        return Figures(len(rows), sum(liked), None, None, None, None)
    return Figures(
        answered=len(rows),
        liked=sum(liked),
        said=float(np.mean(said)),
        happened=float(np.mean(liked)),
        brier_score=calculate_brier_score(said, liked),
        smooth_ece=float(calculate_smooth_ece(said, liked)),
    )


def by_slider(rows: Sequence[Said]) -> dict[str, Figures]:
    """The figures of each slider."""
    names = sorted({row.slider for row in rows})
    return {name: figures([row for row in rows if row.slider == name]) for name in names}


def drift(rows: Sequence[Said]) -> DriftReport | None:
    """Evidence against calibration, day by day; None while there is too little."""
    if len(rows) < ENOUGH:
        return None
    monitor = DriftMonitor(DRIFT_WINDOW, fewest=FEWEST_A_DAY)
    return monitor.check([row.at for row in rows], *columns(rows))


def curve(rows: Sequence[Said]) -> ReliabilityCurve | None:
    """What happened against what was said; None while there is too little."""
    if len(rows) < ENOUGH:
        return None
    said, liked = columns(rows)
    dice = np.random.default_rng(len(rows))  # the same rows, the same band
    return ReliabilityCurve.of(said, liked, rng=dice, resamples=RESAMPLES)


def summary(store: Store) -> Calibration:
    """All of it."""
    rows = answered(store)
    judged = drift(rows)
    return Calibration(
        window=WINDOW,
        fitted=store.note(FITTED_NOTE) is not None,
        stale=store.note(STALE_NOTE) is not None,
        all=figures(rows),
        sliders=by_slider(rows),
        drift=None if judged is None else _told(judged),
    )


def _told(judged: DriftReport) -> Drift:
    windows = [DriftWindow(**asdict(row)) for row in judged.rows]
    return Drift(refit_needed=judged.refit_needed, why=judged.why(), windows=windows)
