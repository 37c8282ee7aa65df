"""A SliderScorer that has learned: the same answers, from more features and from outcomes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.calibration import PlattCalibrator, VennAbersCalibrator
from vibrator.pipeline import features as looks
from vibrator.pipeline.batch import ScoreBatch
from vibrator.pipeline.features import AT, NAMES, OF_SLIDERS, Offer, Seen
from vibrator.pipeline.glance import glance
from vibrator.pipeline.item_history import UNKNOWN, ItemHistory
from vibrator.pipeline.models import Model, PooledLogistic, Table, named_parts
from vibrator.pipeline.outputs import Because, Scores
from vibrator.pipeline.penalties import LOG_ODDS_PER_SCORE, NO_PULLS, named
from vibrator.pipeline.ranking import Contents
from vibrator.pipeline.scorer import Person, SliderScorer
from vibrator.pipeline.zero_shot import Z90
from vibrator.profile import Reading
from vibrator.vectors import sigmoid, sigmoid_of_one, softmax, softmax_of_few

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Numbers = Sequence[float]  # log odds, probability, low, high, share

OWN = [AT[name] for name in OF_SLIDERS]
SMALLEST = 1e-16  # what a float of nearly 1 still lacks
TINY = 1e-300  # keeps the logarithm of no chance at all finite
NO_ROW = np.zeros((1, 0))  # one content that meets no penalty


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
    position: float  # what position is held at when scoring
    calibrator: PlattCalibrator | None  # of log odds; none while outcomes are few
    bounds: VennAbersCalibrator | None
    least_spread: float  # of log odds, where neither model nor bounds know how sure they are

    def spread(self, table: Table) -> Floats:
        """Standard deviation of the log odds."""
        known = self.model.spread(table)
        return np.maximum(known, self.least_spread) if self.least_spread else known

    def probability(self, raw: Floats) -> Floats:
        """Calibrated where outcomes were enough."""
        return sigmoid(raw) if self.calibrator is None else self.calibrator.transform(raw)

    def ends(self, raw: float, spread: float) -> tuple[float, float, float]:
        """What `interval` says of one, without the price of arrays."""
        slope, intercept = (1.0, 0.0) if self.calibrator is None else self.calibrator.line
        reach = Z90 * spread
        chance, low, high = (
            sigmoid_of_one(slope * x + intercept) for x in (raw, raw - reach, raw + reach)
        )
        if self.bounds is not None:
            under, over = self.bounds.interval(raw)
            low, high = min(low, float(under)), max(high, float(over))
        return chance, min(low, chance), max(high, chance)

    def interval(self, raw: Floats, spread: Floats) -> Floats:
        """Rows: probability, and the ends of 90 %, the wider of the belief's and Venn-Abers."""
        reach = Z90 * spread
        ends = self.probability(np.array([raw, raw - reach, raw + reach]))
        if self.bounds is not None:
            under, over = self.bounds.interval(raw)
            ends[1] = np.minimum(ends[1], under)
            ends[2] = np.maximum(ends[2], over)
        np.minimum(ends[1], ends[0], out=ends[1])
        np.maximum(ends[2], ends[0], out=ends[2])
        return ends


class Answers(NamedTuple):
    """What the model says of contents, before and after sliders come in.

    Where outcomes spoke of contents there is a row of the table for each content, else one for
    each content and slider, sliders fastest.
    """

    offer: Offer
    to_sliders: Floats  # the person's likeness, one row
    table: Table
    raw: Floats  # as the table
    belongs: Any  # contents x sliders, or 1

    def by_content(self, values: Floats) -> Floats:
        """Contents x sliders, or one column for all sliders."""
        return values.reshape(len(self.offer.vectors), -1)


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
        text = content if isinstance(content, str) else None
        read = self._read_row(content) if text is None else self._read_text(text)
        offer = Offer(
            read.vector[None],
            np.array([UNKNOWN]) if text is None else self.learned.history.places([text]),
            np.array([read.likeness]),
            np.array([read.belongs]),
        )
        pulls = self._pulls([text] if text else None, offer.vectors) if self.penalties else NO_ROW
        return self.told(reading, offer, pulls, moment, context)[0]

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
        offer = self.offer(Contents(batch.items, batch._vectors, texts))
        return LearnedBatch.of(batch, offer, self._now(now), context)

    def offer(self, contents: Contents) -> Offer:
        """Contents as answers need them; without words nobody knows what was done with them."""
        if contents.texts is None:
            places: Any = np.full(len(contents.vectors), UNKNOWN)
        else:
            places = self.learned.history.places(contents.texts)
        return Offer.of(self, contents.vectors, places)

    def answers(
        self,
        reading: Reading | None,
        offer: Offer,
        pulls: Floats,
        now: datetime,
        context: Mapping[str, Any] | None,
    ) -> Answers:
        """What the model says to one person of contents, of which penalties take `pulls`."""
        learned, count = self.learned, len(self.sliders)
        to_sliders, shared = self._looked(reading, offer, now.timestamp())
        shared[:, AT["position"]] = learned.position
        evidence = 0.0 if reading is None else reading.evidence
        alignment = shared[:, AT["user_item_alignment"]]
        segment = (context or {}).get("segment")
        at = learned.segments.index(segment) if segment in learned.segments else UNKNOWN
        rows = len(shared)
        if learned.whole:
            shared[:, AT["zero_shot"]] = looks.of_contents(self.zero_shot, alignment, evidence)
            nobody = np.full(rows, UNKNOWN)
            table = Table(shared, nobody, nobody if at == UNKNOWN else np.full(rows, at))
            return Answers(offer, to_sliders, table, self._lowered(table, pulls), offer.belongs)
        wide = np.repeat(shared, count, axis=0)
        likes = (
            np.array([self.zero_shot.likes_one(alignment[0], evidence)])
            if rows == 1
            else self.zero_shot.likes(alignment, evidence)
        )
        each = looks.of_sliders(likes, to_sliders, offer.to_sliders, offer.belongs)
        wide[:, OWN] = each.reshape(-1, len(OWN))
        sliders = np.broadcast_to(np.arange(count), (rows, count)).reshape(-1)
        table = Table(wide, sliders, np.full(len(wide), at))
        return Answers(offer, to_sliders, table, self._lowered(table, pulls), 1.0)

    def _lowered(self, table: Table, pulls: Floats) -> Floats:
        """Log odds by the model, less what penalties take off each content's."""
        raw = self.learned.model.raw(table)
        if not self.penalties:
            return raw
        pulled = LOG_ODDS_PER_SCORE * pulls.sum(axis=1)
        return raw + np.repeat(pulled, len(raw) // len(pulled)) if len(pulled) else raw

    def _looked(self, reading: Reading | None, offer: Offer, now: float) -> tuple[Floats, Floats]:
        """The person's likeness to the sliders, one row, and a row of NAMES a content."""
        history, agreement = self.learned.history, self.learned.agreement
        if len(offer.vectors) == 1:
            return glance(self, reading, offer, now, history, agreement)
        seen = Seen.of_reading(self, reading, offer, now, history)
        return seen.to_sliders, looks.table(seen, history, agreement)

    def chances(self, found: Answers) -> Floats:
        """Probabilities of contents x sliders."""
        chances = found.by_content(self.learned.probability(found.raw))
        return np.asarray(chances * found.belongs)

    def told(
        self,
        reading: Reading | None,
        offer: Offer,
        pulls: Floats,
        now: datetime,
        context: Mapping[str, Any] | None,
    ) -> list[Scores]:
        """The outputs of one person's contents."""
        found = self.answers(reading, offer, pulls, now, context)
        numbers = self._numbers(found)
        details = self._details(found)
        evidence = 0.0 if reading is None else reading.evidence
        out = []
        for place, vector in enumerate(offer.vectors):
            pulled = NO_PULLS
            if self.penalties:
                pulled = named(self.penalties, LOG_ODDS_PER_SCORE * pulls[place])
            reasons = [Because(reading, vector, self._named_vectors, w) for w in self._slopes]
            rows = zip(self.sliders, numbers[place], details[place], cycle(reasons), strict=False)
            scores = Scores.of(
                [
                    {
                        "name": name,
                        "raw_score": raw,
                        "probability": chance,
                        "low": low,
                        "high": high,
                        "relative_probability": share,
                        "_features": (NAMES, features),
                        "weights": because.weights if self._linear else {},
                        "contributions": {**parts, **pulled} if pulled else parts,
                        "evidence": evidence,
                        "because": because,
                    }
                    for name, (raw, chance, low, high, share), (features, parts), because in rows
                ]
            )
            out.append(scores)
        return out

    def _numbers(self, found: Answers) -> list[list[Numbers]]:
        """Contents x sliders x (log odds, probability, low, high, share): plain, for speed."""
        spread = self.learned.spread(found.table)
        if len(found.raw) == 1 and self.learned.whole:
            return [self._numbers_of_one(float(found.raw[0]), float(spread[0]), found.belongs[0])]
        ends = self.learned.interval(found.raw, spread)
        chances = ends.reshape(len(ends), len(found.offer.vectors), -1) * found.belongs
        odds = np.log(np.maximum(chances[0], TINY)) - np.log(np.maximum(1.0 - chances[0], SMALLEST))
        out = np.empty((*odds.shape, 5))
        out[:, :, 0] = found.by_content(found.raw)
        out[:, :, 1:4] = chances.transpose(1, 2, 0)
        out[:, :, 4] = softmax(odds, temperature=self.relative_softmax_temperature)
        plain: list[list[Numbers]] = out.tolist()
        return plain

    def _numbers_of_one(self, raw: float, spread: float, belongs: Floats) -> list[Numbers]:
        """The same for one content, without the price of arrays."""
        chance, low, high = self.learned.ends(raw, spread)
        each = belongs.tolist()
        chances = [chance * one for one in each]
        odds = [math.log(max(p, TINY) / max(1.0 - p, SMALLEST)) for p in chances]
        shares = softmax_of_few(odds, temperature=self.relative_softmax_temperature)
        return [
            (raw, p, low * one, high * one, share)
            for p, one, share in zip(chances, each, shares, strict=True)
        ]

    def _fits(
        self,
        reading: Reading | None,
        contents: Contents,
        slider: str | None,
        now: datetime,
        context: Mapping[str, Any] | None,
    ) -> Floats:
        """The learned probability, mean over the sliders or of one."""
        pulls = self._pulls(contents.texts, contents.vectors)
        chances = self.chances(self.answers(reading, self.offer(contents), pulls, now, context))
        return np.asarray(
            chances.mean(axis=1) if slider is None else chances[:, self._places[slider]]
        )

    def _told(
        self,
        reading: Reading | None,
        contents: Contents,
        now: datetime,
        context: Mapping[str, Any] | None,
    ) -> list[Scores]:
        pulls = self._pulls(contents.texts, contents.vectors)
        return self.told(reading, self.offer(contents), pulls, now, context)

    def _details(self, found: Answers) -> list[list[tuple[Sequence[float], dict[str, float]]]]:
        """Features, in the order of NAMES, and contributions of contents x sliders."""
        features, parts = found.table.features.tolist(), self.learned.model.parts(found.table)
        rows = list(zip(features, map(named_parts, parts.tolist()), strict=True))
        count = len(self.sliders)
        if not self.learned.whole:
            return [rows[start : start + count] for start in range(0, len(rows), count)]
        person, contents = found.to_sliders[0].tolist(), found.offer.to_sliders.tolist()
        return [  # a slider's own likenesses are the first two of NAMES
            [((u, i, *shared), part) for u, i in zip(person, content, strict=True)]
            for ((_, _, *shared), part), content in zip(rows, contents, strict=True)
        ]

    @cached_property
    def _linear(self) -> bool:
        """Whether features have weights at all; trees have none."""
        return isinstance(self.learned.model, PooledLogistic)

    @cached_property
    def _slopes(self) -> list[dict[str, float]]:
        """A row a slider, or one for all: what a unit of each feature adds to the log odds."""
        model = self.learned.model
        if not isinstance(model, PooledLogistic):  # reasons still name the action most alike
            return [dict(self.feature_weights.base)]
        at = np.array([UNKNOWN]) if self.learned.whole else np.arange(len(self.sliders))
        return [dict(zip(NAMES, row, strict=True)) for row in model.slopes(at).tolist()]


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
        one = slice(item, item + 1)
        told: list[Scores] = self._scorer.told(
            self._readings[person],
            self._offer.pick(one),
            self._pulls[one],
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
                self._pulls[items],
                self._moment,
                self._context,
            )
            chances = self._scorer.chances(found)
            raw.append(np.broadcast_to(found.by_content(found.raw), chances.shape))
            probability.append(chances)
        both = (np.array(part, dtype=np.float32) for part in (raw, probability))
        shaped = (part[:, 0] if self.pairs else part for part in both)
        first, second = shaped
        return (first if wanted[0] else None), (second if wanted[1] else None)
