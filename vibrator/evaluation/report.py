"""An honest evaluation of a log: out of time, on the full catalogue, with intervals by user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vibrator.actions import UserAction
from vibrator.calibration import ReliabilityCurve, decompose_brier_score
from vibrator.charts import Frame, Line, line_chart, page, percent, table
from vibrator.errors import BadInput
from vibrator.evaluation.measures import (
    auc_interval,
    mean_interval,
    rank_figures,
    ranks,
)
from vibrator.pipeline.examples import Example
from vibrator.pipeline.features import AT
from vibrator.pipeline.fitting import FitResult, fit
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.next_item import NextItem
from vibrator.pipeline.trail import SMALLEST_MASS, Trail
from vibrator.profile import FAST, SLOW
from vibrator.stats.order import auc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vibrator.pipeline.scorer import SliderScorer

    Floats = NDArray[np.float64]

SMALLEST_SLICE = 50  # outcomes from which a slice is worth a line
WORST = 8
PEOPLE = 2_000  # at most, whose next item is ranked
INTERVALS = "Low and high hold 95 %, people drawn with all they did."
RANKED = ("random", "popularity", "cosine", "zero-shot", "fit")
SHOWN = ("slice", "outcomes", "said", "happened", "auc", "brier", "smooth_ece")  # on the page
EACH = 20  # of either outcome, without which there is no liking to judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Rows of liking and of ranking, slices (worst first), and what the pictures need."""

    liking: tuple[dict[str, Any], ...]
    ranking: tuple[dict[str, Any], ...]
    slices: tuple[dict[str, Any], ...]
    split: datetime
    said: Mapping[str, Any] = field(default_factory=dict)  # scorer to probabilities
    outcomes: Any = ()
    users: Any = ()

    def rows(self) -> list[dict[str, Any]]:
        """Everything as rows of one shape."""
        learned = self.liking[-1]["scorer"] if self.liking else ""
        slices = [
            (f"liking, {row['slice']}", {"scorer": learned} | _without(row, "slice"))
            for row in self.slices
        ]
        rows = [("liking", row) for row in self.liking] + slices
        return [
            {"task": task, "scorer": row["scorer"], "figure": name, "value": value}
            for task, row in [*rows, *(("next item", row) for row in self.ranking)]
            for name, value in _without(row, "scorer").items()
            if value != ""
        ]

    def page(self) -> str:
        """A self-contained HTML page."""
        parts = []
        if self.liking:
            parts.append(table(self.liking, f"Liking: was the outcome a yes? {INTERVALS}"))
            for name, p in self.said.items():
                rng = np.random.default_rng(0)
                curve = ReliabilityCurve.of(p, self.outcomes, rng=rng, groups=self.users)
                parts.append(curve.to_svg(f"What {name} says, and what happened"))
            parts.append(lift_chart(self.said, self.outcomes))
        if self.slices:
            shown = [{name: row[name] for name in SHOWN} for row in self.slices[:WORST]]
            parts.append(table(shown, "The worst slices, by how far the mean is off"))
        if self.ranking:
            caption = f"Next item: each person's last one, among the whole catalogue. {INTERVALS}"
            parts.append(table(self.ranking, caption))
        return page("Evaluation", parts, self._lead())

    def _lead(self) -> str:
        """How what is below was judged."""
        liking = f"Learned from what came before {self.split:%Y-%m-%d %H:%M} UTC, judged after it."
        ranking = "The next item is told from all actions but the last of each person."
        said = [liking] * bool(self.liking) + [ranking] * bool(self.ranking)
        return " ".join(said) or "The log has too few actions to judge anything by."


def evaluate_actions(
    scorer: SliderScorer,
    actions: Sequence[UserAction],
    *,
    time_split: float = 0.8,
    model: str = "logistic",
    seed: int = 0,
) -> Evaluation:
    """Evaluate on a log of actions, each with a user and a time.

    An action of positive weight is a yes to its content, one of negative weight a no; where the
    log has not both there is only ranking to judge.
    """
    told = [a for a in actions if a.user_id is not None and a.timestamp is not None]
    if not told:
        raise BadInput("an evaluation needs actions with a user and a time, got none")
    rng = np.random.default_rng(seed)
    history = ItemHistory.of_actions(told)
    examples = list(examples_of(told, scorer.encoder))
    yes = sum(example.outcome for example in examples)
    liking: tuple[dict[str, Any], ...] = ()
    slices: tuple[dict[str, Any], ...] = ()
    split, y = datetime.fromtimestamp(float(history.times[-1]), UTC), ()
    said: dict[str, Any] = {}
    users: Any = ()
    if min(yes, len(examples) - yes) >= EACH:
        result = fit(scorer, examples, time_split=time_split, model=model, history=history)
        liking, slices = judge(scorer, result, rng)
        split, y, users = result.report.split, result.report.outcomes, result.report.users
        said = {"zero-shot": result.report.zero_shot, model: result.report.probabilities}
    return Evaluation(
        liking=liking,
        ranking=ranking(scorer, history, rng),
        slices=slices,
        split=split,
        said=said,
        outcomes=y,
        users=users,
    )


def examples_of(actions: Sequence[UserAction], encoder: Any) -> list[Example]:
    """An example for every action that weighs something, the person as of just before it."""
    by_user: dict[str, list[UserAction]] = {}
    for action in actions:
        by_user.setdefault(str(action.user_id), []).append(action)
    found = []
    for user, theirs in by_user.items():
        trail = Trail(theirs, encoder)
        found += [_example(user, action, trail) for action in theirs if action.weight]
    return found


def judge(
    scorer: SliderScorer, result: FitResult, rng: np.random.Generator
) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    """Rows a scorer, and slices of the learned one's answers: the worst first."""
    report = result.report
    rows, y, users, p = report.table, report.outcomes, report.users, report.probabilities
    if rows is None or not len(y) or np.ptp(y) == 0:
        raise BadInput("what came after the split must have both outcomes")
    features = rows.features
    given = {
        "random": (rng.random(len(y)), False),
        "popularity": (features[:, AT["item_popularity"]], False),
        "cosine": (features[:, AT["user_item_alignment"]], False),
        "zero-shot": (report.zero_shot, True),
        report.model: (p, True),
    }
    out = tuple(
        {"scorer": name} | _figures(scores, y, users, rng, probability=probability)
        for name, (scores, probability) in given.items()
    )
    counts = np.bincount(users)[users]
    cuts = {
        "newcomers (evidence below 1)": features[:, AT["person_activity"]] < np.log(2.0),
        "well known people": features[:, AT["person_activity"]] >= np.log(11.0),
        "rare content": features[:, AT["item_popularity"]] < np.log(6.0),
        "popular content": features[:, AT["item_popularity"]] >= np.log(51.0),
        "people of few outcomes": counts <= np.quantile(counts, 0.25),
    }
    cuts |= {name: rows.slider == place for place, name in enumerate(scorer.sliders)}
    segments = result.scorer.learned.segments
    cuts |= {f"segment {name}": rows.segment == place for place, name in enumerate(segments)}
    return out, worst_first(cuts, p, y, users, rng.spawn(1)[0])


def worst_first(
    cuts: Mapping[str, NDArray[np.bool_]],
    p: Floats,
    y: Floats,
    users: Any,
    rng: np.random.Generator,
) -> tuple[dict[str, Any], ...]:
    """Slices of enough outcomes, the one whose mean probability is furthest off first."""
    rows: list[dict[str, Any]] = [
        {
            "slice": name,
            "outcomes": int(mask.sum()),
            "said": float(p[mask].mean()),
            "happened": float(y[mask].mean()),
        }
        | _figures(p[mask], y[mask], users[mask], rng, probability=True)
        for name, mask in cuts.items()
        if mask.sum() >= SMALLEST_SLICE
    ]
    rows.sort(key=lambda row: -abs(row["said"] - row["happened"]))
    return tuple(rows)


def ranking(
    scorer: SliderScorer, history: ItemHistory, rng: np.random.Generator
) -> tuple[dict[str, Any], ...]:
    """The last item of each person among all items that they had not touched."""
    order = np.argsort(history.users, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(history.users[order])) + 1)
    lasts = [g for g in groups if len(g) > 1]
    if not any(len(g) > 2 for g in lasts):  # without the last, somebody must have a next one
        return ()
    rest = np.setdiff1d(np.arange(len(history)), [g[-1] for g in lasts])
    known = ItemHistory(
        history.users[rest].tolist(),
        [history.items[place] for place in history.places_of_events[rest]],
        history.times[rest],
        history.weights[rest],
    )
    vectors = np.asarray(scorer._items(known.items), dtype=np.float64)
    fitted = NextItem.fit(known, vectors)
    popularity = fitted.company.popularity
    chosen = rng.permutation(len(lasts))[:PEOPLE]
    found: dict[str, list[float]] = {name: [] for name in RANKED}
    for group in (lasts[n] for n in chosen):
        items = history.places_of_events[group]
        places = known.places([history.items[item] for item in items])
        target, past, times = places[-1], places[:-1], history.times[group]
        weights = history.weights[group[:-1]]
        if target < 0 or target in past:
            continue  # an item that nobody had touched cannot be ranked, nor one touched before
        scores = {
            "random": rng.random(len(vectors)),
            "popularity": popularity.copy(),
            "cosine": vectors @ vectors[past].mean(axis=0),
            "zero-shot": vectors @ person_before(vectors[past], times[:-1], weights),
            "fit": fitted.scores(past, float(times[-1]), times=times[:-1]),
        }
        for name, row in scores.items():
            row[past] = -np.inf
            found[name].append(float(ranks(row, [int(target)])[0]))
    return tuple(_ranking_row(name, places, rng) for name, places in found.items() if places)


def person_before(vectors: Floats, times: Floats, weights: Floats) -> Floats:
    """Whom the scorer that learned nothing would see: the mean of two fading weighted means."""
    ages = np.maximum(times.max() - times, 0.0)  # what all have faded by since cancels
    fades = [weights * np.exp2(-ages / half_life.total_seconds()) for half_life in (FAST, SLOW)]
    mass = [max(float(np.abs(fade).sum()), SMALLEST_MASS) for fade in fades]
    means = [fade @ vectors / total for fade, total in zip(fades, mass, strict=True)]
    return np.asarray(sum(means) / len(means))


def lift_chart(said: Mapping[str, Any], y: Any) -> str:
    """What share of the yeses the best-scored share of contents holds, by scorer."""
    share = np.linspace(0.0, 1.0, 21)
    at = np.round(share * len(y)).astype(int)
    lines = [Line("random", share.tolist(), share.tolist())]
    for name, p in said.items():
        order = np.argsort(-np.asarray(p), kind="stable")
        held = np.concatenate([[0.0], np.cumsum(np.asarray(y)[order])]) / max(float(np.sum(y)), 1.0)
        lines.insert(0, Line(name, share.tolist(), held[at].tolist()))
    frame = Frame(
        title="How soon the yeses come",
        x_label="share shown, best first",
        y_label="share of the yeses",
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.0),
        x_format=percent,
        y_format=percent,
    )
    return line_chart(lines, frame)


def _without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _figures(
    scores: Floats, y: Floats, users: Any, rng: np.random.Generator, *, probability: bool
) -> dict[str, Any]:
    low, high = auc_interval(y, scores, users, rng=rng)
    row: dict[str, Any] = {"auc": auc(y, scores), "auc_low": low, "auc_high": high}
    names = (
        "brier",
        "brier_skill",
        "reliability",
        "resolution",
        "smooth_ece",
        "ece_low",
        "ece_high",
    )
    if not probability:
        return row | dict.fromkeys(names, "")
    parts = decompose_brier_score(scores, y)
    curve = ReliabilityCurve.of(scores, y, rng=rng, groups=users).smooth_ece
    skill = 1.0 - parts.brier_score / parts.uncertainty if parts.uncertainty else np.nan
    values = (
        parts.brier_score, skill, parts.reliability, parts.resolution,
        curve.value, curve.low, curve.high,
    )  # fmt: skip
    return row | {name: float(value) for name, value in zip(names, values, strict=True)}


def _ranking_row(name: str, places: list[float], rng: np.random.Generator) -> dict[str, Any]:
    found = rank_figures(places)
    row: dict[str, Any] = {"scorer": name}
    row |= {figure: float(values.mean()) for figure, values in found.items()}
    row["ndcg@10_low"], row["ndcg@10_high"] = mean_interval(found["ndcg@10"], rng=rng)
    return row


def _example(user: str, action: UserAction, trail: Trail) -> Example:
    """`slider` and `segment` are read from the metadata, where it has them."""
    segment = action.metadata.get("segment")
    return Example(
        person=trail.before(action.timestamp),  # type: ignore[arg-type]
        content=action.content,
        outcome=action.weight > 0,
        at=action.timestamp,  # type: ignore[arg-type]
        user_id=user,
        slider=action.metadata.get("slider"),
        context={} if segment is None else {"segment": str(segment)},
    )
