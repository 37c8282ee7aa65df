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
from vibrator.evaluation.report import judge
from vibrator.pipeline import SliderScorer
from vibrator.pipeline.examples import Example
from vibrator.pipeline.fitting import fit
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.trail import Trail
from vibrator.profile import Profile
from vibrator.stats.rows import table
from vibrator.vectors import unit

EARLIER = 0.8
LOADS = {"100k": (load_100k, "ml-100k"), "small": (load_small, "ml-latest-small")}
MODELS = ["logistic", "boosted"]
PARTS = [*MODELS, "whole", "newcomers_last", "newcomers_next"]
KINDS = ("random", "popularity", "cosine", "zero-shot", "ease", "als", "ours")
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
    """The scorer, its fit and report, and seconds from a log of actions to the learned scorer."""
    actions = actions_of(movies)
    scorer = SliderScorer(encoder, movies.sliders)
    history = ItemHistory.of_actions(actions)
    start = time.perf_counter()
    result = fit(
        scorer, examples_of(actions, encoder), time_split=EARLIER, model=model, history=history
    )
    return scorer, result, time.perf_counter() - start


def cost(movies, encoder, result):
    """Seconds of a learned score over those of a four-feature one, the same person and content."""
    actions = actions_of(movies)[:30]
    person = Profile.from_actions(actions, encoder)
    now, content = actions[-1].timestamp, actions[3].content
    plain = SliderScorer(encoder, movies.sliders)
    hundred = range(100)
    return 1 / ratio(
        lambda: [result.scorer.score(person, content, now=now) for _ in hundred],
        lambda: [plain.score(person, content, now=now) for _ in hundred],
    )


def judge_liking(name, movies, encoder, model, figures, bars):
    """Figures of liking on what came after the split, the peers among them."""
    scorer, result, taken = liking(movies, encoder, model)
    rows, slices = judge(scorer, result, np.random.default_rng(0))
    print(f"\n{name}, {model}: {result.report}\n{table(rows)}\n{table(slices)}", flush=True)
    figures[f"{name}_{model}_examples"] = len(result.report.outcomes) + result.report.trained
    figures[f"{name}_{model}_seconds_from_actions_to_scorer"] = taken
    for row in rows:
        for figure in ("auc", "auc_low", "auc_high", "brier_skill", "smooth_ece"):
            if row[figure] != "":
                figures[f"{name}_{row['scorer']}_{figure}"] = row[figure]
    if (name, model) != ("100k", "logistic"):
        return
    learned = rows[-1]
    bars["100k_auc"] = [learned["auc"], ">=", 0.755]
    bars["100k_brier_skill"] = [learned["brier_skill"], ">=", 0.19]
    bars["100k_smooth_ece"] = [learned["smooth_ece"], "<=", 0.02]
    bars["100k_zero_shot_auc_low"] = [figures["100k_zero-shot_auc_low"], ">=", 0.5]
    bars["seconds_to_fit_100k_examples"] = [taken, "<=", 20.0]
    bars["scoring_cost"] = [cost(movies, encoder, result), "<=", 3.0]


def judge_ranking(name, movies, encoder, part, figures, bars):
    """The next item among all that the set's people touched; bars on 100K."""
    people = next_item.sequences(movies)
    used = np.unique(np.concatenate([items for items, _ in people]))
    people = [(np.searchsorted(used, items), times) for items, times in people]
    vectors = unit(encoder.encode_items(movies.words(with_genres=True)))[used]
    start = time.perf_counter()
    if part == "whole":
        found = next_item.whole_histories(people, vectors)
    else:
        found = next_item.newcomers(people, vectors, following=part == "newcomers_next")
    print(f"\n{name}, next item, {part}: {time.perf_counter() - start:.0f} s")
    for peer, (ndcg, hits) in found.items():
        print(f"  {peer:<24} nDCG@10 {ndcg:.4f}  HR@10 {hits:.4f}", flush=True)
    for place, figure in enumerate(("ndcg@10", "hr@10")):
        best = {kind: next_item.best(found, kind)[place] for kind in KINDS}
        figures |= {f"{name}_{part}_{kind}_{figure}": value for kind, value in best.items()}
        if name == "100k":
            peers = [best["ease"], best["als"]] if part == "whole" else [best["ease"]]
            bars[f"{part}_{figure}"] = [best["ours"], ">=", max(peers)]
        if name == "100k" and part != "whole":
            over = best["ours"] / best["popularity"]
            bars[f"{part}_{figure}_over_popularity"] = [over, ">=", 1.3]
    return figures


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data-dir", type=Path, default=DATA)
    arguments.add_argument("--sets", nargs="+", choices=LOADS, default=list(LOADS))
    arguments.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    asked = arguments.parse_args()
    encoder = InstructionalEncoder("embedded")
    figures, bars = {}, {}
    for name in asked.sets:
        load, folder = LOADS[name]
        movies = load(asked.data_dir / folder)
        for part in asked.only:
            if part in MODELS:
                judge_liking(name, movies, encoder, part, figures, bars)
            else:
                figures = judge_ranking(name, movies, encoder, part, figures, bars)
    close(figures, bars)


if __name__ == "__main__":
    main()
