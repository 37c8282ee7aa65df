"""Learning as outcomes arrive: the pooled logistic model as a belief that slowly forgets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from vibrator.checks import require_positive
from vibrator.errors import BadInput
from vibrator.pipeline.co_engagement import Agreement, agreement
from vibrator.pipeline.examples import Example
from vibrator.pipeline.gathering import gather, listed
from vibrator.pipeline.learned import LearnedScorer
from vibrator.pipeline.models import PooledLogistic, Table
from vibrator.pipeline.posterior import Posterior


class OnlineScorer:
    """Starts as a fitted scorer and learns on, in place.

    What was learned `half_life` examples ago weighs half as much as what is learned now; what
    fades gives way to the prior, the zero-shot scorer. Item statistics and co-engagement stay
    those of the fit it started from; its calibrator is let go, as it belonged to another belief.
    """

    def __init__(self, fitted: LearnedScorer, *, half_life: float = 10_000.0) -> None:
        model = fitted.learned.model if isinstance(fitted, LearnedScorer) else fitted
        if not isinstance(model, PooledLogistic) or model.belief is None:
            kind = type(model).__name__
            raise BadInput(f"online learning needs a scorer fitted by model='logistic', got {kind}")
        self.half_life = require_positive("half_life", half_life)
        self.prior, self.belief, self._model = model.prior(), model.belief, model
        learned = replace(fitted.learned, calibrator=None, bounds=None)
        self.scorer = LearnedScorer(fitted, learned)

    @classmethod
    def untaught(cls, fitted: LearnedScorer, *, half_life: float = 10_000.0) -> OnlineScorer:
        """With the scales and item statistics of a fit, and none of what it learned."""
        scorer = cls(fitted, half_life=half_life)
        scorer._believe(scorer.prior)
        return scorer

    def learn(self, examples: Iterable[Example]) -> int:
        """Take outcomes in, in order of time; how many there were."""
        learned = self.scorer.learned
        new = listed(examples)
        if not new:
            return 0
        known = self._known_before(min(example.at for example in new).timestamp())
        found = gather(self.scorer, new, learned.history, known)
        if found.whole != learned.whole:
            raise BadInput("these examples and those of the fit must both name sliders, or neither")
        segments = [self._segment(found.segments, at) for at in found.table.segment]
        table = Table(found.table.features, found.table.slider, np.array(segments, dtype=np.intp))
        count = len(found.outcomes)
        fade = np.exp2(-np.arange(count)[::-1] / self.half_life)
        kept = self.belief.blend(self.prior, float(np.exp2(-count / self.half_life)))
        self._believe(kept.learn(self._model.design(table), found.outcomes, fade))
        return count

    def _known_before(self, moment: float) -> Agreement:
        """The co-engagement of items, without what an example may have put into it."""
        learned = self.scorer.learned
        past = not len(learned.history) or moment > learned.history.times[-1]
        return learned.agreement if past else agreement(learned.history, moment)

    def _segment(self, names: tuple[str, ...], place: int) -> int:
        known = self.scorer.learned.segments
        name = names[place] if place >= 0 else None
        return known.index(name) if name in known else -1

    def _believe(self, belief: Posterior) -> None:
        self.belief, self._model = belief, self._model.believing(belief)
        self.scorer = LearnedScorer(self.scorer, replace(self.scorer.learned, model=self._model))
