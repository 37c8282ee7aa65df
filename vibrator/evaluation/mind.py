"""The published figures of MIND: per impression, profiles from earlier clicks."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.actions import UserAction
from vibrator.datasets.events import RowReport
from vibrator.datasets.mind import Impression, load_mind_impressions, load_mind_news, mind_parts
from vibrator.errors import BadInput
from vibrator.evaluation.measures import impression_figures, mean_rows
from vibrator.pipeline import features as looks
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.models import PooledLogistic, Table
from vibrator.pipeline.scorer import SliderScorer
from vibrator.profile import read_actions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CLICKS = 50  # newest of a history that are read
LEARNED_FROM = 20_000  # impressions of the train part, evenly spaced: enough for 20 coefficients
LATER = 0.8  # of a single part by time, what is learned from
SLIDERS = {"news": "news worth reading"}  # MIND has no dimensions; the whole content is judged


@dataclass(frozen=True, slots=True, kw_only=True)
class MindReport:
    """A row a scorer, how many impressions they were judged on, and how many could not be."""

    rows: tuple[dict[str, Any], ...]
    judged: int
    passed_over: int
    bad_rows: int


def evaluate_mind(folder: str | Path, encoder: Any, *, seed: int = 0) -> MindReport:
    """AUC, MRR, nDCG@5 and nDCG@10 of random, popularity, zero-shot and a learned scorer.

    Popularity and weights come from the train part alone, as published results have it. An
    impression counts where something known was clicked and something known was not.
    """
    train_at, dev_at = mind_parts(folder)
    report = RowReport()
    news = load_mind_news(train_at, report=report)
    train = list(load_mind_impressions(train_at, report=report))
    if dev_at is None:
        train.sort(key=lambda one: one.at)
        cut = round(LATER * len(train))
        train, dev = train[:cut], train[cut:]
    else:
        news |= load_mind_news(dev_at, report=report)
        dev = list(load_mind_impressions(dev_at, report=report))
    desk = Desk(news, encoder, _history(train, news))
    step = max(1, len(train) // LEARNED_FROM)
    model = desk.learn(train[::step])
    rng = np.random.default_rng(seed)
    found: dict[str, list[dict[str, float]]] = {}
    for impression in dev:
        for name, row in desk.judge(impression, model, rng).items():
            found.setdefault(name, []).append(row)
    if not found:
        raise BadInput("no impression has both a known click and a known pass")
    judged = len(next(iter(found.values())))
    rows = tuple({"scorer": name} | mean_rows(each) for name, each in found.items())
    return MindReport(
        rows=rows, judged=judged, passed_over=len(dev) - judged, bad_rows=report.count
    )


class Desk:
    """News as vectors, both as items and as clicks."""

    def __init__(self, news: dict[str, str], encoder: Any, history: ItemHistory) -> None:
        self.place = {key: n for n, key in enumerate(news)}
        self.actions = [UserAction("click", words) for words in news.values()]
        self.scorer = SliderScorer(encoder, SLIDERS)
        self.items = np.asarray(self.scorer._items(list(news.values())), dtype=np.float32)
        self.clicks = np.asarray(encoder.encode_actions(self.actions), dtype=np.float32)
        self.history = history
        clicks = np.bincount(history.places_of_events, history.weights, len(history.items))
        self.clicked = np.append(clicks, 0.0)  # the last place is that of news never shown
        self.words = list(news.values())

    def learn(self, impressions: Sequence[Impression]) -> PooledLogistic:
        """A model on everything these impressions showed."""
        kept = [found for one in impressions if (found := self.features(one)) is not None]
        if not kept:
            raise BadInput("no impression to learn from has both a known click and a known pass")
        rows = np.concatenate([features for features, _, _ in kept])
        clicked = np.concatenate([clicks for _, clicks, _ in kept])
        return PooledLogistic(0, 0).fit(_table(rows), clicked)

    def judge(
        self, impression: Impression, model: PooledLogistic, rng: np.random.Generator
    ) -> dict[str, dict[str, float]]:
        """Figures by scorer; none where there is nothing to order."""
        found = self.features(impression)
        if found is None:
            return {}
        rows, clicked, places = found
        scores = {
            "random": rng.random(len(rows)),
            "popularity": self.clicked[places],
            "zero-shot": rows[:, looks.AT["zero_shot"]],
            "learned": model.raw(_table(rows)),
        }
        return {name: impression_figures(clicked, given) for name, given in scores.items()}

    def features(self, impression: Impression) -> tuple[Floats, Floats, Any] | None:
        """Rows of what was shown and is known, what was clicked of it, places in the history."""
        pairs = [
            (self.place[key], float(click))
            for key, click in zip(impression.shown, impression.clicked, strict=False)
            if key in self.place
        ]
        clicked = np.array([click for _, click in pairs])
        if len(pairs) < 2 or not 0 < clicked.sum() < len(pairs):
            return None
        at = np.array([place for place, _ in pairs])
        past = [self.place[key] for key in impression.history[-CLICKS:] if key in self.place]
        reading = None
        if past:
            actions = [self.actions[place] for place in past]
            reading = read_actions(actions, self.clicks[past].astype(np.float64), impression.at)
        places = self.history.places([self.words[place] for place in at])
        offer = looks.Offer.of(self.scorer, self.items[at], places)
        moment = impression.at.timestamp()
        seen = looks.Seen.of_reading(self.scorer, reading, offer, moment, self.history)
        rows = looks.table(seen, self.history, None)
        zero_shot = looks.of_contents(self.scorer.zero_shot, seen.alignment, seen.evidence)
        rows[:, looks.AT["zero_shot"]] = zero_shot
        return rows, clicked, places


def _history(impressions: Sequence[Impression], news: dict[str, str]) -> ItemHistory:
    """Every showing of known news: 1 if clicked, 0 if not."""
    users, items, times, weights = [], [], [], array("d")
    for one in impressions:
        words = [news.get(key) for key in one.shown[: len(one.clicked)]]
        known = [place for place, text in enumerate(words) if text is not None]
        users += [one.user_id] * len(known)
        items += [words[place] for place in known]
        times.append(np.full(len(known), one.at.timestamp()))
        weights.extend(float(one.clicked[place]) for place in known)
    moments = np.concatenate(times) if times else np.empty(0)
    return ItemHistory(users, items, moments, weights)  # type: ignore[arg-type]


def _table(rows: Floats) -> Table:
    nobody = np.full(len(rows), -1)
    return Table(rows, nobody, nobody)
