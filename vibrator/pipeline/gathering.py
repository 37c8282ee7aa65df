"""Examples as columns, in order of time, with features as of each example's moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.errors import BadInput
from vibrator.pipeline import features as looks
from vibrator.pipeline.co_engagement import Agreement, agreement
from vibrator.pipeline.examples import Example
from vibrator.pipeline.features import AT, FILLERS, OF_SLIDERS, RING, Offer, Ring, Seen
from vibrator.pipeline.item_history import UNKNOWN, ItemHistory
from vibrator.pipeline.models import Table
from vibrator.pipeline.scorer import SliderScorer, recency_after
from vibrator.pipeline.trail import Earlier, Read, Trail
from vibrator.profile import Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEPS_OF_TIME = 10  # how often the co-engagement of items is brought up to date within the rows


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


class Facts(NamedTuple):
    """What is plain in each example."""

    outcomes: Floats
    at: Floats
    users: NDArray[np.intp]
    sliders: NDArray[np.intp]
    segments: NDArray[np.intp]
    positions: Floats
    contents: NDArray[np.intp]  # into the distinct words
    segment_names: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, examples: Sequence[Example], scorer: SliderScorer) -> Facts:
        """Columns; names become places."""
        sliders = [example.slider for example in examples]
        _require_alike(set(sliders), scorer)
        places = {name: place for place, name in enumerate(scorer.sliders)}
        segments = [example.context.get("segment") for example in examples]
        names = tuple(sorted({name for name in segments if name is not None}))
        at = {name: place for place, name in enumerate(names)}
        words, contents = _numbered([example.content for example in examples])
        return cls(
            np.array([example.outcome for example in examples], dtype=np.float64),
            np.array([example.at.timestamp() for example in examples]),
            _numbered([example.user_id for example in examples])[1],
            np.array([places.get(str(name), UNKNOWN) for name in sliders], dtype=np.intp),
            np.array([at.get(name, UNKNOWN) for name in segments], dtype=np.intp),
            np.array([example.position or 0 for example in examples], dtype=np.float64),
            contents,
            names,
            tuple(words),
        )


def gather(
    scorer: SliderScorer,
    examples: Iterable[Example],
    history: ItemHistory | None = None,
    known: Agreement | None = None,
) -> Gathered:
    """Examples as columns.

    `history` are everybody's actions; left out, they are the examples themselves. `known` is the
    co-engagement to look items up in; left out, it is brought up to date within the rows.
    """
    ordered = sorted(listed(examples), key=_at)
    if not ordered:
        raise BadInput("a fit needs at least one example, got none")
    facts = Facts.of(ordered, scorer)
    if history is None:
        history = _history(ordered, facts)
    elif not isinstance(history, ItemHistory):
        raise BadInput(f"history must be an ItemHistory, got one {type(history).__name__}")
    seen = _seen(scorer, ordered, facts, history)
    features = _as_of(seen, history, known)
    _add_sliders(features, scorer, seen, facts.sliders)
    features[:, AT["position"]] = np.log1p(facts.positions)
    return Gathered(
        Table(features, facts.sliders, facts.segments),
        facts.outcomes,
        facts.at,
        facts.users,
        facts.segment_names,
        history,
    )


def _seen(
    scorer: SliderScorer,
    examples: Sequence[Example],
    facts: Facts,
    history: ItemHistory,
) -> Seen:
    """Every example's person and content; those of one trail are read together."""
    offer = Offer.of(scorer, scorer._contents_of(facts.words).vectors, history.places(facts.words))
    trails: dict[int, list[int]] = {}
    parts: list[Seen] = []
    rows: list[Any] = []
    for row, example in enumerate(examples):
        person = example.person
        if isinstance(person, Earlier):
            trails.setdefault(id(person.trail), []).append(row)
            continue
        content = offer.pick(facts.contents[row : row + 1])
        one = Seen.of_reading(
            scorer, _reading(scorer, example), content, float(facts.at[row]), history
        )
        parts.append(one.spread())
        rows.append([row])
    for mine in trails.values():
        trail = examples[mine[0]].person.trail
        order = sorted(mine, key=lambda row: examples[row].person.moment)
        moments = np.array([examples[row].person.moment.timestamp() for row in order])
        contents = offer.pick(facts.contents[order])
        for span, block in _of_trail(scorer, trail, moments, contents, history):
            at = np.array(order[span])
            parts.append(block._replace(now=facts.at[at]))
            rows.append(at)
    back = np.argsort(np.concatenate(rows), kind="stable")
    return Seen.stack(parts).pick(back)


def _of_trail(
    scorer: SliderScorer, trail: Trail, moments: Floats, offer: Offer, history: ItemHistory
) -> Iterator[tuple[slice, Seen]]:
    """The person of a trail before rising moments, each with its own content."""
    whole = Ring.of(trail.actions, trail.times, history)
    for span, read in trail.blocks(moments):
        contents = offer.pick(span)
        at, valid = _newest(read)
        ring = _ring(whole, at, valid)
        yield (
            span,
            Seen(
                evidence=read.evidence,
                recency=np.where(read.end > 0, recency_after(read.hours), 0.0),
                to_sliders=read.vector @ scorer.slider_vectors.T,
                ring=ring,
                alignment=np.einsum("ij,ij->i", contents.vectors, read.vector),
                likeness=np.where(ring.weights != 0, _likeness(trail, contents.vectors, at), 0.0),
                item_to_sliders=contents.to_sliders,
                item=contents.places,
                now=moments[span],
            ),
        )


def _newest(read: Read) -> tuple[Any, Any]:
    """Rows x RING: places in the trail, oldest first, and which of them are there."""
    at = np.maximum(read.end - RING, 0)[:, None] + np.arange(RING)
    return at, at < read.end[:, None]


def _ring(whole: Ring, at: Any, valid: Any) -> Ring:
    """Rows of a ring from the one long row of a trail."""
    if not whole.weights.size:
        return whole.spread(len(at))
    at = np.minimum(at, whole.weights.size - 1)
    places, weights, residuals, times = (
        np.where(valid, part[0][at], filler)
        for part, filler in zip(whole[:-1], FILLERS, strict=True)
    )
    return Ring(places, weights, residuals, times, valid)


def _likeness(trail: Trail, contents: Floats, at: Any) -> Floats:
    """Rows x RING: contents to the actions at these places."""
    if not len(trail.actions):
        return np.zeros(at.shape)
    first, last = int(at[:, 0].min()), len(trail.actions) - 1
    near = contents.astype(np.float32) @ trail.vectors[first : int(at.max()) + 1].T
    return np.take_along_axis(near, np.minimum(at, last) - first, axis=1).astype(np.float64)


def _as_of(seen: Seen, history: ItemHistory, known: Agreement | None) -> Floats:
    """Features by stretches of time, each with the co-engagement known before it began."""
    if known is not None:
        return looks.table(seen, history, known)
    edges = np.unique(np.linspace(0, len(seen.item), STEPS_OF_TIME + 1).astype(int))
    residuals, parts = history.residuals(), []
    for start, end in pairwise(edges):
        before = agreement(history, float(seen.now[start]), residuals)
        parts.append(looks.table(seen.pick(slice(start, end)), history, before))
    return np.concatenate(parts)


def _add_sliders(
    features: Floats, scorer: SliderScorer, seen: Seen, sliders: NDArray[np.intp]
) -> None:
    if (sliders == UNKNOWN).all():
        zero_shot = looks.of_contents(scorer.zero_shot, seen.alignment, seen.evidence)
        features[:, AT["zero_shot"]] = zero_shot
        return
    belongs = scorer.zero_shot.belongs(seen.item_to_sliders, scorer.prior_logits)
    likes = scorer.zero_shot.likes(seen.alignment, seen.evidence)
    each = looks.of_sliders(likes, seen.to_sliders, seen.item_to_sliders, belongs)
    features[:, [AT[name] for name in OF_SLIDERS]] = each[np.arange(len(sliders)), sliders]


def _reading(scorer: SliderScorer, example: Example) -> Reading | None:
    if example.person is None or isinstance(example.person, Reading):
        return example.person
    return scorer._reading(example.person, example.at, cold_start=True)


def _require_alike(sliders: set[str | None], scorer: SliderScorer) -> None:
    stray = sorted(name for name in sliders if name is not None and name not in scorer.sliders)
    if stray:
        raise BadInput(f"examples name unknown sliders {stray}; known: {list(scorer.sliders)}")
    if None in sliders and len(sliders) > 1:
        raise BadInput("either every example names a slider or none does")


def _numbered(names: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The distinct names, and the place of each."""
    places: dict[str, int] = {}
    at = [places.setdefault(name, len(places)) for name in names]
    return list(places), np.array(at, dtype=np.intp)


def listed(examples: Any) -> list[Example]:
    """Examples alone; anything else is named by its kind, as it may hold somebody's words."""
    if not isinstance(examples, Iterable):
        raise BadInput(f"examples must be Example objects, got one {type(examples).__name__}")
    found = list(examples)
    strange = {type(one).__name__ for one in found if not isinstance(one, Example)}
    if strange:
        raise BadInput(f"examples must be Example objects, got {sorted(strange)} among them")
    return found


def _at(example: Example) -> Any:
    return example.at


def _history(examples: Sequence[Example], facts: Facts) -> ItemHistory:
    return ItemHistory(
        facts.users.tolist(),
        [example.content for example in examples],
        facts.at.tolist(),
        (2.0 * facts.outcomes - 1.0).tolist(),
    )
