"""A probability without labels: a prior moved by evidence, with constants that were fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.vectors import logit, sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KNEE_WIDTH = 0.03  # of the smooth turn at the knee, in units of cosine
Z90 = 1.6448536269514722  # standard normal quantile of 0.95: the ends of a 90 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroShot:
    """logit p = logit(prior) + shift + item_evidence(f_item) + trust · alignment · f_alignment.

    A content's likeness to the slider speaks little below `knee`, where unrelated texts are found
    too, and plainly above it. trust = e/(e + half_trust) grows with the evidence e, so that an
    unknown person is judged by content and prior alone; the spread of the interval shrinks from
    `spread_unknown` to `spread_known` in the same way. `scripts/fit_zero_shot.py` fitted the
    constants on MovieLens 100K; docs/scoring.md shows how reliable they are on another set.
    """

    shift: float = -0.67
    item: float = 3.0
    item_above_knee: float = 8.5
    knee: float = 0.26
    alignment: float = 1.88
    half_trust: float = 1.0
    spread_known: float = 0.5
    spread_unknown: float = 1.2

    def item_evidence(self, likeness: Any) -> Any:
        """What a content's likeness to the slider adds to the logit.

        >>> ZeroShot().item_evidence(np.array([0.0])).round(2)
        array([0.])
        """
        above = KNEE_WIDTH * np.logaddexp(0.0, (likeness - self.knee) / KNEE_WIDTH)
        return self.item * likeness + self.item_above_knee * above

    def trust(self, evidence: Any) -> Any:
        """How much of the person counts, from 0 (unknown) towards 1."""
        return evidence / (evidence + self.half_trust)

    def spread(self, evidence: Any) -> Any:
        """Standard deviation of the logit."""
        unknown = 1.0 - self.trust(evidence)
        return self.spread_known + (self.spread_unknown - self.spread_known) * unknown


def interval(probabilities: Floats, reach: float) -> tuple[Floats, Floats]:
    """The interval around probabilities that reaches so far in the logit.

    >>> low, high = interval(np.array([0.5]), 0.0)
    >>> low, high
    (array([0.5]), array([0.5]))
    """
    with np.errstate(divide="ignore"):
        centre = logit(probabilities)
    return sigmoid(centre - reach), sigmoid(centre + reach)
