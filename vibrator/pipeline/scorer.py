"""SliderScorer: what people did, against content and sliders, into scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from importlib import import_module
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.actions import UserAction, utc_now
from vibrator.checks import require_aware, require_finite
from vibrator.errors import BadInput
from vibrator.pipeline.batch import ScoreBatch
from vibrator.pipeline.given import (
    require_actions,
    require_calibrators,
    require_methods,
    require_priors,
    require_weights,
)
from vibrator.pipeline.outputs import Because, Content, Scores
from vibrator.pipeline.penalties import (
    NO_PULLS,
    Penalty,
    lowered,
    named,
    pulls,
    require_penalties,
)
from vibrator.pipeline.ranking import (
    Contents,
    Ranking,
    diverse,
    require_items,
    require_list,
    require_places,
    require_unit_rows,
)
from vibrator.pipeline.zero_shot import Z90, ZeroShot, interval, intervals_of_few
from vibrator.profile import Profile, Reading, read_actions
from vibrator.sliders import Slider, SliderSet, SliderVector
from vibrator.vectors import logit, softmax_of_few, unit
from vibrator.weights import FEATURES, FeatureWeights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RECENCY_HALF_LIFE_HOURS = 12.0
REMEMBERED_CONTENTS = 4_096
IN_ORDER = itemgetter(*FEATURES)  # the weights
FLOATS = "fd"  # the numbers to calculate with: of half precision and of integers, sums are lost

Person = Profile | Sequence[UserAction]


class SliderScorer:
    """How well content fits a person on each slider.

    `sliders` maps a name to a text, a vector or a `Slider`. `calibrators` map a slider's name to
    a fitted calibrator, used as given; the others answer with the zero-shot probability around
    `prior` (1/n for n sliders, ½ for one, unless given as a number or per slider).

    >>> from vibrator.encoder import InstructionalEncoder
    >>> scorer = SliderScorer(InstructionalEncoder("embedded"), {"trails": "long mountain trails"})
    >>> scores = scorer.score([UserAction("write", "ran the ridge path")], "a hut to hut traverse")
    >>> 0 < scores["trails"].low < scores["trails"].probability < scores["trails"].high < 1
    True
    """

    def __init__(  # noqa: PLR0913 - the published signature
        self,
        encoder: Any,
        sliders: Mapping[str, Any],
        base_feature_weights: Mapping[str, float] | FeatureWeights | None = None,
        calibrators: Mapping[str, Any] | None = None,
        feature_overrides_by_segment: Mapping[str, Mapping[str, float]] | None = None,
        relative_softmax_temperature: float = 1.0,
        prior: float | Mapping[str, float] | None = None,
        clock: Callable[[], datetime] = utc_now,
        *,
        zero_shot: ZeroShot | None = None,
        penalties: Iterable[Penalty] = (),
    ) -> None:
        self.encoder = require_methods("encoder", encoder, "encode_actions", "encode_items")
        self.sliders = sliders if isinstance(sliders, SliderSet) else SliderSet(sliders)
        self.feature_weights = require_weights(base_feature_weights, feature_overrides_by_segment)
        self.calibrators = require_calibrators(calibrators, self.sliders)
        if not require_finite("relative_softmax_temperature", relative_softmax_temperature) > 0:
            raise BadInput(
                f"relative_softmax_temperature must be positive, got {relative_softmax_temperature}"
            )
        self.relative_softmax_temperature = relative_softmax_temperature
        self.priors = require_priors(prior, self.sliders)
        if not callable(clock):
            raise BadInput(f"clock must be a function that gives the time, got {clock!r}")
        self.clock = clock
        methods = ("belongs", "likes", "likes_one", "spread")
        self.zero_shot = require_methods("zero_shot", zero_shot or ZeroShot(), *methods)
        self.penalties = require_penalties(penalties)
        self.prior_logits = logit(self.priors)
        self._contents: dict[str, Content] = {}

    @cached_property
    def slider_vectors(self) -> Floats:
        """One unit row a slider, in their order."""
        rows = {name: self._slider_vector(name) for name in self.sliders}
        widths = {name: len(row) for name, row in rows.items()}
        if len(set(widths.values())) > 1:
            raise BadInput(f"slider vectors must be as long as the encoder's, got {widths}")
        return np.stack(list(rows.values()))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.sliders)}

    @cached_property
    def _named_vectors(self) -> dict[str, Floats]:
        return dict(zip(self.sliders, self.slider_vectors, strict=True))

    def score(
        self,
        actions: Person,
        content: Any,
        context: Mapping[str, Any] | None = None,
        *,
        now: datetime | None = None,
        cold_start: bool = False,
    ) -> Scores:
        """Each slider's output for this person (a list of actions or a Profile) and content."""
        reading = self._reading(actions, self._now(now), cold_start=cold_start)
        read = self._read_text(content) if isinstance(content, str) else self._read_row(content)
        pulled = NO_PULLS if not self.penalties else self._pulled(content, read.vector)
        return self.outputs(reading, read, self.feature_weights.under(context), pulled)

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
        """Every person with every content (or, with `pairs`, each with its own), block by block."""
        moment = self._now(now)
        people = dict(
            all_actions
            if isinstance(all_actions, Mapping)
            else enumerate(require_list("people", all_actions))
        )
        read = [
            person
            if isinstance(person, Profile)
            else require_actions(person, cold_start=cold_start)
            for person in people.values()
        ]
        self._warm(read)
        readings = [self._reading(person, moment, cold_start=cold_start) for person in read]
        contents = self._contents_of(content_items)
        require_unit_rows(contents.vectors)
        if pairs and len(contents.keys) != len(people):
            raise BadInput(
                f"pairs need equal numbers, got {len(people)} people, {len(contents.keys)} items"
            )
        return ScoreBatch(
            self,
            tuple(people),
            contents._replace(texts=None),
            readings,
            self.feature_weights.under(context),
            self._pulls(contents.texts, contents.vectors),
            pairs=pairs,
        )

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
        """The k items that fit best, by mean raw score over the sliders or by one slider's.

        `items` are texts, a mapping of id to text, or a matrix of encoded rows. `diversity`
        from 0 to 1 trades fit for being unlike what stands above.
        """
        moment = self._now(now)
        reading = self._reading(profile, moment, cold_start=True)
        places = require_places(k)
        if slider is not None and slider not in tuple(self.sliders):
            raise BadInput(f"slider must be one of {list(self.sliders)}, got {slider!r}")
        contents = self._contents_of(items)
        scores = self._fits(reading, contents, slider, moment, context)
        if np.isnan(scores).any():
            raise BadInput("encoded rows must be finite, got NaN among them")
        chosen = diverse(scores, contents.vectors, places, diversity)
        require_unit_rows(contents.vectors[chosen])
        told = self._told(reading, contents.pick(chosen), moment, context)
        return Ranking(
            (contents.keys[i], float(scores[i]), one) for i, one in zip(chosen, told, strict=True)
        )

    def fit(self, examples: Iterable[Any], *, time_split: float | datetime, **options: Any) -> Any:
        """A new scorer that has learned from outcomes, and the report on it: a FitResult.

        See `vibrator.pipeline.fitting.fit` for the options; this scorer stays as it is.
        """
        fitting = import_module("vibrator.pipeline.fitting")  # it stands above, and is heavy
        return fitting.fit(self, examples, time_split=time_split, **options)

    def recency(self, reading: Reading | None) -> float:
        """1 for an action just now, ½ after twelve hours, 0 for nobody."""
        if reading is None:
            return 0.0
        return float(recency_after(reading.recency_hours))

    def outputs(
        self,
        reading: Reading | None,
        content: Content,
        weights: dict[str, float],
        pulled: Mapping[str, float] = NO_PULLS,
    ) -> Scores:
        """Each slider's output for a person and a content that are read already.

        `pulled` are the penalties that the content meets, by name.
        """
        evidence = 0.0 if reading is None else reading.evidence
        features = self._features(reading, content)
        person, item, alignment, recency = IN_ORDER(weights)
        fit, fresh = alignment * features[0][2], recency * features[0][3]  # alike for all sliders
        parts: list[tuple[float, ...]]
        parts = [(person * u, item * i, fit, fresh) for u, i, _, _ in features]
        if pulled:
            parts = [(*part, *pulled.values()) for part in parts]
        raw = [sum(part) for part in parts]
        answers = self._answers(raw, features[0][2], content, evidence, sum(pulled.values()))
        shares = softmax_of_few(raw, temperature=self.relative_softmax_temperature)
        because = Because(reading, content.vector, self._named_vectors, weights)
        names = (*FEATURES, *pulled)
        return Scores.of(
            [
                {
                    "name": name,
                    "raw_score": score,
                    "probability": probability,
                    "low": low,
                    "high": high,
                    "relative_probability": share,
                    "_features": (FEATURES, feature),
                    "weights": weights,
                    "_contributions": (names, part),
                    "evidence": evidence,
                    "because": because,
                }
                for name, score, (probability, low, high), share, feature, part in zip(
                    self.sliders, raw, answers, shares, features, parts, strict=True
                )
            ]
        )

    def content(self, vector: Floats) -> Content:
        """What the sliders make of a content, whoever it is for."""
        likeness = self.slider_vectors @ vector
        belongs = self.zero_shot.belongs(likeness, self.prior_logits)
        return Content(vector, likeness.tolist(), belongs.tolist())

    def _features(
        self, reading: Reading | None, content: Content
    ) -> list[tuple[float, float, float, float]]:
        """A row a slider; a few numbers are quicker as numbers than as an array."""
        if reading is None:
            return [(0.0, item, 0.0, 0.0) for item in content.likeness]
        vector = reading.vector  # of so few, .dot takes half the time of @
        alignment, recency = float(content.vector.dot(vector)), self.recency(reading)
        person = self.slider_vectors.dot(vector).tolist()
        return [(u, i, alignment, recency) for u, i in zip(person, content.likeness, strict=True)]

    def _answers(
        self, raw: list[float], alignment: float, content: Content, evidence: float, pulled: float
    ) -> list[tuple[float, float, float]]:
        """Probability, low and high of each slider."""
        reach = Z90 * self.zero_shot.spread(evidence)
        likes = self.zero_shot.likes_one(alignment, evidence)
        probabilities = [belongs * likes for belongs in content.belongs]
        if pulled:
            probabilities = lowered(np.array(probabilities), pulled).tolist()
        answers = intervals_of_few(probabilities, reach)
        for name, calibrator in self.calibrators.items():
            place = self._places[name]
            answers[place] = _calibrated(calibrator, raw[place], reach)
        return answers

    def _fits(
        self,
        reading: Reading | None,
        contents: Contents,
        slider: str | None,
        now: datetime,  # noqa: ARG002 - a scorer that learned asks what was known then
        context: Mapping[str, Any] | None,
    ) -> NDArray[np.floating]:
        """What each content is ranked by."""
        query, constant = self._query(reading, self.feature_weights.under(context), slider)
        scores = contents.vectors @ query.astype(contents.vectors.dtype, copy=False) + constant
        if self.penalties:
            scores = scores + self._pulls(contents.texts, contents.vectors).sum(axis=1)
        return np.asarray(scores)

    def _told(
        self,
        reading: Reading | None,
        contents: Contents,
        now: datetime,  # noqa: ARG002 - as in _fits
        context: Mapping[str, Any] | None,
    ) -> list[Scores]:
        """The outputs of some contents."""
        weights = self.feature_weights.under(context)
        against = self._pulls(contents.texts, contents.vectors)
        rows = np.asarray(contents.vectors, dtype=np.float64)
        return [
            self.outputs(reading, self.content(row), weights, named(self.penalties, pulled))
            for row, pulled in zip(rows, against, strict=True)
        ]

    def _query(
        self, reading: Reading | None, weights: dict[str, float], slider: str | None
    ) -> tuple[Floats, float]:
        """One vector whose product with an item is its raw score, but for a constant."""
        rows = self.slider_vectors
        direction = rows.mean(axis=0) if slider is None else rows[self._places[slider]]
        query = weights["item_to_slider"] * direction
        if reading is None:
            return query, 0.0
        constant = weights["user_to_slider"] * float(direction @ reading.vector)
        constant += weights["recency"] * self.recency(reading)
        return query + weights["user_item_alignment"] * reading.vector, constant

    @cached_property
    def _penalty_vectors(self) -> dict[str, Floats]:
        given = {one.name: one.slider for one in self.penalties}
        sliders = {name: one for name, one in given.items() if isinstance(one, Slider)}
        return {
            name: np.asarray(unit(self._pole_difference(slider)), dtype=np.float64)
            for name, slider in sliders.items()
        }

    def _pulls(self, texts: Sequence[str] | None, vectors: NDArray[np.floating]) -> Floats:
        """A row a content, a column a penalty."""
        return pulls(self.penalties, texts, vectors, self._penalty_vectors)

    def _pulled(self, content: Any, item: Floats) -> dict[str, float]:
        """The penalties that one content meets."""
        texts = [content] if isinstance(content, str) else None
        return named(self.penalties, self._pulls(texts, item[None])[0])

    def _reading(self, person: Person, now: datetime, *, cold_start: bool) -> Reading | None:
        if isinstance(person, Profile):
            if person.unread and not person.counts:
                return self._read_list(person.unread, now, fast=person.fast, slow=person.slow)
            if person.fingerprint and person.fingerprint != getattr(
                self.encoder, "fingerprint", person.fingerprint
            ):
                raise BadInput(
                    f"the profile was made by encoder {person.fingerprint}, "
                    f"this scorer reads with {self.encoder.fingerprint}"
                )
            width = self.slider_vectors.shape[1]
            if person.dimensions not in {None, width}:
                raise BadInput(
                    f"a profile must be {width} wide, as sliders are, got {person.dimensions}"
                )
            return person.read_with(self.encoder).at(now)
        return self._read_list(require_actions(person, cold_start=cold_start), now)

    def _read_list(
        self, actions: Sequence[UserAction], now: datetime, **half_lives: timedelta
    ) -> Reading | None:
        if not actions:
            return None
        vectors = self._encoded("encode_actions", actions)
        return read_actions(actions, vectors, now, **half_lives)

    def _encoded(self, method: str, given: Sequence[Any]) -> NDArray[np.floating]:
        """What the encoder, which may be somebody else's, gives: a row of floats for each."""
        rows = np.asarray(getattr(self.encoder, method)(given))
        if rows.shape != (len(given), self.slider_vectors.shape[1]):
            wanted = (len(given), self.slider_vectors.shape[1])
            raise BadInput(f"{method} must give rows of shape {wanted}, got {rows.shape}")
        return rows if rows.dtype.char in FLOATS else rows.astype(np.float64)

    def _warm(self, people: Iterable[Person]) -> None:
        """Encode the words of all people in one call, so that each reading finds its own cached."""
        lists = [p.unread if isinstance(p, Profile) else p for p in people]
        actions = [action for one in lists for action in one]
        if actions and len(lists) > 1:
            self.encoder.encode_actions(actions)

    def _read_text(self, text: str) -> Content:
        """A text's content; the newest ones are remembered, because many people see the same."""
        known = self._contents.get(text)
        if known is None:
            if len(self._contents) >= REMEMBERED_CONTENTS:
                self._contents.clear()
            known = self._contents[text] = self._read_row(text)
        return known

    def _read_row(self, content: Any) -> Content:
        return self.content(self._item(content))

    def _item(self, content: Any) -> Floats:
        vector = np.asarray(
            self._encoded("encode_items", [content])[0] if isinstance(content, str) else content
        )
        if vector.ndim != 1 or vector.shape[0] != self.slider_vectors.shape[1]:
            raise BadInput(f"content must be a text or one encoded row, got shape {vector.shape}")
        vector = vector.astype(np.float64)
        length = math.sqrt(vector @ vector)
        if not 0.0 < length < math.inf:
            raise BadInput("content must have a finite vector that is not all zero")
        return np.asarray(vector / length)

    def _contents_of(self, items: Any) -> Contents:
        contents = require_items(items, self._items)
        width = self.slider_vectors.shape[1]
        if len(contents.vectors) and contents.vectors.shape[1] != width:
            raise BadInput(f"encoded rows must be {width} wide, got {contents.vectors.shape[1]}")
        return contents

    def _items(self, texts: Sequence[str]) -> NDArray[np.floating]:
        if not texts:
            return np.empty((0, self.slider_vectors.shape[1]))
        return unit(self._encoded("encode_items", texts))

    def _slider_vector(self, name: str) -> Floats:
        slider = self.sliders[name]
        if isinstance(slider, SliderVector):
            return np.asarray(unit(slider.vector), dtype=np.float64)
        return np.asarray(unit(self._pole_difference(slider)), dtype=np.float64)

    def _pole_difference(self, slider: Slider) -> NDArray[np.floating]:
        texts = [slider.text] if slider.opposite is None else [slider.text, slider.opposite]
        encoder = require_methods("encoder of sliders in words", self.encoder, "encode_sliders")
        poles = np.asarray(encoder.encode_sliders(texts), dtype=np.float64)
        return np.asarray(poles[0] if slider.opposite is None else poles[0] - poles[1])

    def _now(self, now: datetime | None) -> datetime:
        return require_aware("now", self.clock() if now is None else now)


def recency_after(hours: Any) -> Any:
    """What is left of recency so many hours after the newest action."""
    return 2.0 ** (-hours / RECENCY_HALF_LIFE_HOURS)


def _calibrated(calibrator: Any, raw: float, reach: float) -> tuple[float, float, float]:
    """Probability and interval by a calibrator; one without an interval keeps the logit's reach."""
    probability = np.asarray(calibrator.transform(np.array([raw])), dtype=np.float64)
    if not 0.0 <= probability[0] <= 1.0:
        raise BadInput(f"a calibrator must answer from 0 to 1, got {float(probability[0])}")
    own = getattr(calibrator, "interval", None)
    low, high = interval(probability, reach) if own is None else own(np.array([raw]))
    return float(probability[0]), float(low[0]), float(high[0])
