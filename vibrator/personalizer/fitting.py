"""What outcomes say of the scores: calibrators, fitted on the log and kept in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from vibrator.calibration import PlattCalibrator
from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput
from vibrator.stores.ports import Store, Which

FITTED_NOTE = "fitted"
STALE_NOTE = "fitted.stale"
RAW = "raw"  # the feature of a decision that holds the shown item's raw scores by slider
SAID = "said"  # and the one that holds the probabilities, as they were said then
POOLED_NEEDS, OWN_NEEDS = 50, 200  # answered decisions for all sliders together, for one alone
EACH_NEEDS = 5  # liked, and not liked

Examples = tuple[list[float], list[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fit: on how many answered decisions, how many of them liked, which sliders had enough.

    The other sliders share one calibrator, fitted on all examples together.
    """

    at: datetime
    examples: int
    liked: int
    own: tuple[str, ...]


def fit(store: Store, versions: Mapping[str, str], encoder: str, now: datetime) -> Fitted:
    """Fit a calibrator for every slider on what was shown, and keep it.

    An outcome speaks of the slider on which the shown item had the highest raw score; a reward
    above zero is a yes. Decisions of other versions of slider or encoder say nothing.
    """
    by_slider = _examples(store.decisions.outcomes(Which()), versions, encoder)
    scores = [score for scores, _ in by_slider.values() for score in scores]
    labels = [label for _, labels in by_slider.values() for label in labels]
    if not _enough(labels, POOLED_NEEDS):
        raise BadInput(
            f"a fit needs {POOLED_NEEDS} answered decisions, {EACH_NEEDS} of them liked and "
            f"{EACH_NEEDS} not; the log has {len(labels)}, {sum(labels)} liked"
        )
    pooled = PlattCalibrator().fit(scores, labels)
    own = {n: PlattCalibrator().fit(*e) for n, e in by_slider.items() if _enough(e[1], OWN_NEEDS)}
    kept = {name: (own.get(name) or pooled).document() for name in versions}
    versions = {name: versions[name] for name in kept}
    store.set_note(FITTED_NOTE, json.dumps({"versions": versions, "calibrators": kept}))
    store.set_note(STALE_NOTE, None)
    return Fitted(at=now, examples=len(labels), liked=sum(labels), own=tuple(own))


def fitted_calibrators(store: Store, versions: Mapping[str, str]) -> dict[str, PlattCalibrator]:
    """The calibrators of the last fit, of the sliders that have not changed since."""
    known = store.note(FITTED_NOTE)
    if known is None:
        return {}
    kept = json.loads(known)
    return {
        name: PlattCalibrator.from_document(document)
        for name, document in kept["calibrators"].items()
        if versions.get(name) == kept["versions"][name]
    }


def _examples(
    answered: Iterable[tuple[int, Decision, Outcome]], versions: Mapping[str, str], encoder: str
) -> dict[str, Examples]:
    liked: dict[str, bool] = {}  # by decision: several outcomes of one are one example
    raw: dict[str, tuple[str, float]] = {}
    for _, decision, outcome in answered:
        scores: Mapping[str, float] = decision.features.get(RAW, {})
        if outcome.reward is None or not scores or decision.versions.get("encoder") != encoder:
            continue
        name = max(scores, key=scores.__getitem__)
        if decision.versions.get(name) == versions.get(name):
            raw[decision.decision_id] = name, scores[name]
            before = liked.get(decision.decision_id, False)
            liked[decision.decision_id] = before or outcome.reward > 0
    found: dict[str, Examples] = {}
    for decision_id, (name, score) in raw.items():
        scores_of, labels_of = found.setdefault(name, ([], []))
        scores_of.append(score)
        labels_of.append(liked[decision_id])
    return found


def _enough(labels: list[bool], needed: int) -> bool:
    yes = int(np.sum(labels))
    return len(labels) >= needed and min(yes, len(labels) - yes) >= EACH_NEEDS


def said(batch: Any, place: int) -> dict[str, float]:
    """The probabilities by slider of one item of a batch."""
    return dict(zip(batch.sliders, batch.probability[0][place].tolist(), strict=True))


def raw_scores(batch: Any, place: int) -> dict[str, float]:
    """The raw scores by slider of one item of a batch."""
    return dict(zip(batch.sliders, batch.raw_score[0][place].tolist(), strict=True))
