"""A SliderScorer that has learned: the same answers, from more features and from outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.pipeline import features as looks
from vibrator.pipeline.batch import ScoreBatch
from vibrator.pipeline.features import AT, NAMES
from vibrator.pipeline.item_history import UNKNOWN, ItemHistory
from vibrator.pipeline.models import Model, PooledLogistic, Table, named_parts
from vibrator.pipeline.outputs import Because, Scores, SliderOutput
from vibrator.pipeline.penalties import LOG_ODDS_PER_SCORE, named
from vibrator.pipeline.ranking import Contents, Ranking, diverse, require_items
from vibrator.pipeline.scorer import Person, SliderScorer
from vibrator.pipeline.zero_shot import Z90
from vibrator.profile import Reading
from vibrator.vectors import logit, sigmoid, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """Everything that outcomes taught: the model, its calibration, what is known of items.

    `whole` says that the outcomes spoke of contents and not of sliders: the model then says how
    likely a content is liked, and the chance that it belongs to a slider stays zero-shot.
    """

    model: Model
    history: ItemHistory
    agreement: Any
    segments: tuple[str, ...]
    whole: bool
    position: float = 0.0  # what position is held at when scoring
    calibrator: Any = None  # from log odds to probability; none while outcomes are few
    bounds: Any = None  # Venn-Abers

    def probability(self, raw: Floats) -> Floats:
        """Calibrated where outcomes were enough."""
        return sigmoid(raw) if self.calibrator is None else self.calibrator.transform(raw)

    def ends(self, raw: Floats, spread: Floats) -> tuple[Floats, Floats]:
        """A 90 % interval, of the wider of the belief's reach and Venn-Abers."""
        low, high = (self.probability(raw + side * Z90 * spread) for side in (-1, 1))
        if self.bounds is None:
            return low, high
        under, over = self.bounds.interval(raw)
        return np.minimum(low, under), np.maximum(high, over)


class Offer(NamedTuple):
    """Contents to answer for: encoded rows, their places in the history, penalties."""

    vectors: Floats
    places: Any
    pulls: Floats

    def pick(self, rows: Any) -> Offer:
        """Some of them."""
        return Offer(*(column[rows] for column in self))


class Answers(NamedTuple):
    """Rows (contents x sliders, sliders fastest) with what the model says of them."""

    table: Table
    raw: Floats  # contents x sliders
    probability: Floats  # contents x sliders
    belongs: Any  # contents x sliders, or 1


class LearnedScorer(SliderScorer):
    """What `SliderScorer.fit` gives back; it scores, batches and ranks like any other.

    `raw_score` is the log odds before calibration, and contributions add up to it.
    """

    def __init__(self, base: SliderScorer, learned: Learned) -> None:
        super().__init__(
            base.encoder,
            base.sliders,
            base.feature_weights,
            relative_softmax_temperature=base.relative_softmax_temperature,
            prior=dict(zip(base.sliders, base.priors.tolist(), strict=True)),
            clock=base.clock,
            zero_shot=base.zero_shot,
            penalties=base.penalties,
        )
        self.learned = learned

    def score(
        self,
        actions: Person,
        content: Any,
        context: Mapping[str, Any] | None = None,
        *,
        now: datetime | None = None,
        cold_start: bool = False,
    ) -> Scores:
        """Each slider's output for this person and content."""
        moment = self._now(now)
        reading = self._reading(actions, moment, cold_start=cold_start)
        vector = self._item(content)[None]
        words = [content] if isinstance(content, str) else None
        return self.told(reading, self.offer(words, vector), moment, context)[0]

    def score_batch(
        self,
        all_actions: Sequence[Person] | Mapping[str, Person],
        content_items: Sequence[Any] | Mapping[str, Any],
        context: Mapping[str, Any] | None = None,
        *,
        pairs: bool = False,
        now: datetime | None = None,
        cold_start: bool = False,
    ) -> ScoreBatch:
        """Every person with every content; probabilities are the learned ones."""
        batch = super().score_batch(
            all_actions, content_items, context, pairs=pairs, now=now, cold_start=cold_start
        )
        words = content_items.values() if isinstance(content_items, Mapping) else content_items
        texts = None if isinstance(words, np.ndarray) else list(words)
        offer = self.offer(texts, batch._vectors.astype(np.float64))
        return LearnedBatch.of(batch, offer, self._now(now), context)

    def rank(  # noqa: PLR0913 - the published signature
        self,
        profile: Person,
        items: Any,
        k: int,
        *,
        slider: str | None = None,
        diversity: float = 0.0,
        context: Mapping[str, Any] | None = None,
        now: datetime | None = None,
    ) -> Ranking:
        """The k items of highest learned probability, mean over the sliders or of one."""
        moment = self._now(now)
        reading = self._reading(profile, moment, cold_start=True)
        keys, vectors, texts = require_items(items, self._items)
        offer = self.offer(texts, np.asarray(vectors, dtype=np.float64))
        self._query(reading, self.feature_weights.under(context), slider)  # refuses unknown sliders
        found = self.answers(reading, offer, moment, context).probability
        scores = found.mean(axis=1) if slider is None else found[:, self._places[slider]]
        chosen = diverse(scores, offer.vectors, k, diversity)
        told = self.told(reading, offer.pick(chosen), moment, context)
        return Ranking(
            (keys[i], float(scores[i]), one) for i, one in zip(chosen, told, strict=True)
        )

    def offer(self, texts: Sequence[str] | None, vectors: Floats) -> Offer:
        """Contents as answers need them; without words nobody knows what was done with them."""
        if texts is None:
            places: Any = np.full(len(vectors), UNKNOWN)
        else:
            places = self.learned.history.places(texts)
        pulls = self._pulls(texts, vectors) if self.penalties else np.zeros((len(vectors), 0))
        return Offer(vectors, places, pulls)

    def answers(
        self,
        reading: Reading | None,
        offer: Offer,
        now: datetime,
        context: Mapping[str, Any] | None,
    ) -> Answers:
        """Probabilities of contents x sliders for one person."""
        learned, count, vectors = self.learned, len(self.sliders), offer.vectors
        pull = LOG_ODDS_PER_SCORE * offer.pulls.sum(axis=1)[:, None]
        found = looks.sketch(self, reading, vectors, offer.places, now, learned.history)
        shared = looks.complete(found, learned.history, learned.agreement)
        shared[:, AT["position"]] = learned.position
        segment = (context or {}).get("segment")
        at = learned.segments.index(segment) if segment in learned.segments else UNKNOWN
        if learned.whole:
            shared[:, AT["zero_shot"]] = looks.of_contents(self, reading, vectors)
            rows = len(shared)
            table = Table(shared, np.full(rows, UNKNOWN), np.full(rows, at))
            raw = np.repeat(learned.model.raw(table)[:, None] + pull, count, axis=1)
            belongs = looks.belonging(self, vectors)
            return Answers(table, raw, learned.probability(raw) * belongs, belongs)
        wide = np.repeat(shared, count, axis=0)
        own = looks.of_sliders(self, reading, vectors).reshape(-1, 3)
        for column, name in enumerate(("user_to_slider", "item_to_slider", "zero_shot")):
            wide[:, AT[name]] = own[:, column]
        sliders = np.tile(np.arange(count), len(shared))
        table = Table(wide, sliders, np.full(len(wide), at))
        raw = learned.model.raw(table).reshape(-1, count) + pull
        return Answers(table, raw, learned.probability(raw), 1.0)

    def told(
        self,
        reading: Reading | None,
        offer: Offer,
        now: datetime,
        context: Mapping[str, Any] | None,
    ) -> list[Scores]:
        """The outputs of one person's contents."""
        found = self.answers(reading, offer, now, context)
        learned, count = self.learned, len(self.sliders)
        spread = learned.model.spread(found.table)
        parts = learned.model.parts(found.table)
        if learned.whole:
            spread, parts = np.repeat(spread, count), np.repeat(parts, count, axis=0)
            rows = np.repeat(found.table.features, count, axis=0)
        else:
            rows = found.table.features
        low, high = learned.ends(found.raw, spread.reshape(-1, count))
        low, high = low * found.belongs, high * found.belongs
        evidence = 0.0 if reading is None else reading.evidence
        weights = self._slopes(found.table, count)
        out = []
        for place, vector in enumerate(offer.vectors):
            against = named(self.penalties, LOG_ODDS_PER_SCORE * offer.pulls[place])
            because = Because(reading, vector, self._named_vectors, weights[0])
            p = found.probability[place]
            shares = softmax(logit(p), temperature=self.relative_softmax_temperature)
            scores = Scores()
            for column, name in enumerate(self.sliders):
                at = place * count + column
                scores[name] = SliderOutput(
                    name=name,
                    raw_score=float(found.raw[place, column]),
                    probability=float(p[column]),
                    low=float(min(low[place, column], p[column])),
                    high=float(max(high[place, column], p[column])),
                    relative_probability=float(shares[column]),
                    features=dict(zip(NAMES, rows[at].tolist(), strict=True)),
                    weights=weights[column],
                    contributions=named_parts(parts[at]) | against,
                    evidence=evidence,
                    because=because._replace(weights=weights[column]),
                )
            out.append(scores)
        return out

    def _slopes(self, table: Table, count: int) -> list[dict[str, float]]:
        model = self.learned.model
        if not isinstance(model, PooledLogistic):
            return [dict(self.feature_weights.base)] * count
        slopes = model.slopes(table.slider[:1] if self.learned.whole else table.slider[:count])
        rows = [dict(zip(NAMES, row, strict=True)) for row in slopes.tolist()]
        return rows * count if self.learned.whole else rows


class LearnedBatch(ScoreBatch):
    """A batch whose scores are the learned ones."""

    _offer: Offer
    _moment: datetime
    _context: Mapping[str, Any] | None

    @classmethod
    def of(
        cls, batch: ScoreBatch, offer: Offer, moment: datetime, context: Mapping[str, Any] | None
    ) -> LearnedBatch:
        """The same people and items."""
        twin = cls(
            batch._scorer, batch.people, Contents(batch.items, batch._vectors), batch._readings,
            batch._weights, batch._pulls, pairs=batch.pairs,
        )  # fmt: skip
        twin._offer, twin._moment, twin._context = offer, moment, context
        return twin

    def _at(self, person: int, item: int) -> Scores:
        told: list[Scores] = self._scorer.told(
            self._readings[person],
            self._offer.pick(slice(item, item + 1)),
            self._moment,
            self._context,
        )
        return told[0]

    def _block(self, people: slice, wanted: tuple[bool, bool]) -> tuple[Any, Any]:
        raw, probability = [], []
        for person in range(len(self.people))[people]:
            items = slice(person, person + 1) if self.pairs else slice(None)
            found = self._scorer.answers(
                self._readings[person],
                self._offer.pick(items),
                self._moment,
                self._context,
            )
            raw.append(found.raw)
            probability.append(found.probability)
        both = (np.array(part, dtype=np.float32) for part in (raw, probability))
        shaped = (part[:, 0] if self.pairs else part for part in both)
        first, second = shaped
        return (first if wanted[0] else None), (second if wanted[1] else None)
