"""Does learning from outcomes pay? MovieLens, judged on what came after.

Liking: a rating is an example, liked from 4 stars; the person is who they were strictly before its
second, learned from the first 80 % by time. Next item: the last rating of each person among all
films, by peers on the same split. Nothing is sampled.
"""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

import next_item
import numpy as np
from movies import DATA, LIKED, load_100k, load_small
from report import close, ratio  # sets one thread before numpy is read

from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.evaluation.measures import auc_interval
from vibrator.pipeline import SliderScorer
from vibrator.pipeline.examples import Example
from vibrator.pipeline.fitting import fit
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.trail import Trail
from vibrator.profile import Profile
from vibrator.vectors import unit

EARLIER = 0.8
INDIFFERENT, STEP = 3.0, 2.0  # stars that weigh nothing, and stars a unit of weight


def actions_of(movies):
    """Ratings as actions: how far above or below three stars is what they weigh."""
    events = movies.events[movies.events.rating.notna()]
    words = movies.words(with_genres=True)
    return [
        UserAction(
            "react" if rating >= INDIFFERENT else "dismiss",
            words[movie],
            (rating - INDIFFERENT) / STEP,
            datetime.fromtimestamp(when, UTC),
            str(user),
        )
        for user, when, movie, rating in zip(
            events.user, events.time, events.movie, events.rating, strict=True
        )
    ]


def examples_of(actions, encoder):
    """Every rating, with the person as of just before it."""
    liked = (LIKED - INDIFFERENT) / STEP
    by_user = {}
    for action in actions:
        by_user.setdefault(action.user_id, []).append(action)
    for user, theirs in by_user.items():
        trail = Trail(theirs, encoder)
        for action in theirs:
            yield Example(
                person=trail.before(action.timestamp),
                content=action.content,
                outcome=action.weight >= liked,
                at=action.timestamp,
                user_id=user,
            )


def liking(movies, encoder, model):
    """Figures of liking on what came after the split, and seconds from examples to scorer."""
    actions = actions_of(movies)
    scorer = SliderScorer(encoder, movies.sliders)
    history = ItemHistory.of_actions(actions)
    start = time.perf_counter()
    result = fit(
        scorer, examples_of(actions, encoder), time_split=EARLIER, model=model, history=history
    )
    return result, time.perf_counter() - start


def zero_shot_low(report):
    """The lower end of the zero-shot AUC's interval, people drawn with all their ratings."""
    rng = np.random.default_rng(0)
    return auc_interval(report.outcomes, report.zero_shot, report.users, rng=rng)[0]


def cost(movies, encoder, result):
    """Seconds of a four-feature score over those of a learned one."""
    actions = actions_of(movies)[:30]
    person = Profile.from_actions(actions, encoder)
    now, content = actions[-1].timestamp, actions[3].content
    plain = SliderScorer(encoder, movies.sliders)
    hundred = range(100)
    return ratio(
        lambda: [result.scorer.score(person, content, now=now) for _ in hundred],
        lambda: [plain.score(person, content, now=now) for _ in hundred],
    )


def ranking(data, encoder, figures, bars):
    """The next item on 100K: whole histories against tuned peers, then newcomers."""
    movies = load_100k(data / "ml-100k")
    people = next_item.sequences(movies)
    vectors = unit(encoder.encode_items(movies.words(with_genres=True)))
    parts = {
        "whole": next_item.whole_histories(people, vectors),
        "newcomers_last": next_item.newcomers(people, vectors, following=False),
        "newcomers_next": next_item.newcomers(people, vectors, following=True),
    }
    for part, found in parts.items():
        for place, figure in enumerate(("ndcg@10", "hr@10")):
            for kind in ("popularity", "ease", "als", "ours"):
                if any(name.startswith(kind) for name in found):
                    figures[f"{part}_{kind}_{figure}"] = next_item.best(found, kind)[place]
            mine = figures[f"{part}_ours_{figure}"]
            peers = [figures.get(f"{part}_{kind}_{figure}", 0.0) for kind in ("ease", "als")]
            bars[f"{part}_{figure}"] = [mine, ">=", max(peers)]
            if part != "whole":
                popularity = figures[f"{part}_popularity_{figure}"]
                bars[f"{part}_{figure}_over_popularity"] = [mine / popularity, ">=", 1.3]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data-dir", type=Path, default=DATA)
    data = arguments.parse_args().data_dir
    encoder = InstructionalEncoder("embedded")
    figures, bars = {}, {}
    loads = {"100k": (load_100k, "ml-100k"), "small": (load_small, "ml-latest-small")}
    for name, (load, folder) in loads.items():
        movies = load(data / folder)
        for model in ("logistic", "boosted"):
            result, seconds_to_fit = liking(movies, encoder, model)
            print(result.report)
            figures[f"{name}_{model}_seconds"] = seconds_to_fit
            if (name, model) == ("100k", "logistic"):
                bars["100k_zero_shot_auc_low"] = [zero_shot_low(result.report), ">=", 0.5]
                bars["100k_seconds_from_actions_to_scorer"] = [seconds_to_fit, "<=", 20.0]
                bars["scoring_cost"] = [1 / cost(movies, encoder, result), "<=", 3.0]
            for row in result.report.rows:
                for figure in ("auc", "brier_skill", "smooth_ece"):
                    figures[f"{name}_{row['scorer']}_{figure}"] = row[figure]
    ranking(data, encoder, figures, bars)
    for figure, sign, limit in (
        ("auc", ">=", 0.755),
        ("brier_skill", ">=", 0.19),
        ("smooth_ece", "<=", 0.02),
    ):
        bars[f"100k_{figure}"] = [figures[f"100k_logistic_{figure}"], sign, limit]
    close(figures, bars)


if __name__ == "__main__":
    main()
