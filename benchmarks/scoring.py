"""How fast scores come: one, a thousand times ten thousand, and the best of a million."""

import resource
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median

import numpy as np
from report import close, processor_seconds, ratio  # sets one thread before numpy is read

from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.pipeline import SliderScorer
from vibrator.profile import Profile

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOPICS = (
    "storage engines",
    "weeknight pasta",
    "ridge paths",
    "night trains",
    "brass bands",
    "tax rules",
    "watercolours",
    "chess endings",
)
PEOPLE, ITEMS, CATALOGUE, DIMENSIONS = 1_000, 10_000, 1_000_000, 256
ROUNDS = 12  # of one score, besides those between the other parts


def actions(count, seed):
    rng = np.random.default_rng(seed)
    return [
        UserAction(
            str(rng.choice(["write", "click", "read"])),
            f"{rng.choice(TOPICS)} part {int(rng.integers(40))}",
            timestamp=NOW - timedelta(hours=float(rng.uniform(0, 500))),
        )
        for _ in range(count)
    ]


def lean(batch, scorer):
    """The leanest numpy program for the same two formulas, block by block, written by itself."""
    weights, model = scorer.feature_weights.base, scorer.zero_shot
    readings = batch._readings
    people = np.array([r.vector for r in readings], dtype=np.float32)
    recency = np.array([scorer.recency(r) for r in readings], dtype=np.float32)
    trust = np.array([model.trust(r.evidence) for r in readings], dtype=np.float32)[:, None]
    items, sliders = batch._vectors, scorer.slider_vectors.astype(np.float32)
    to_item = (items @ sliders.T).T.copy()
    belongs = model.belongs(to_item.T, scorer.prior_logits).T.astype(np.float32)
    w = {name: np.float32(value) for name, value in weights.items()}
    lean_on, slope = np.float32(model.lean), np.float32(model.alignment)

    def run():
        total = 0.0
        for start in range(0, len(people), 12):
            here = slice(start, start + 12)
            u = people[here]
            fit = u @ items.T
            to_slider = (u @ sliders.T)[:, :, None]
            raw = w["user_to_slider"] * to_slider + w["recency"] * recency[here, None, None]
            raw = raw + w["item_to_slider"] * to_item
            raw = raw + w["user_item_alignment"] * fit[:, None, :]
            likes = 1.0 / (1.0 + np.exp(-(lean_on + slope * trust[here] * fit)))
            probability = belongs * likes[:, None, :]
            total += float(raw[0, 0, 0]) + float(probability[0, 0, 0])
        return total

    return run


def walk(batch):
    def run():
        return sum(float(raw[0, 0, 0]) + float(p[0, 0, 0]) for _, raw, p in batch.blocks())

    return run


def main():
    encoder = InstructionalEncoder("embedded")
    sliders = {f"slider {i}": topic for i, topic in enumerate(TOPICS)}
    scorer = SliderScorer(encoder, sliders, clock=lambda: NOW)
    fifty = actions(50, seed=1)
    profile = Profile.from_actions(fifty, encoder)
    of_list, of_profile = [], []

    def a_round():
        """One round each: a shared machine is fast at one moment and slow at another."""
        for person, found in ((fifty, of_list), (profile, of_profile)):
            work = partial(scorer.score, person, "a long read", now=NOW)
            found.append(processor_seconds(work, runs=50))

    a_round()
    people = [actions(20, seed=i) for i in range(PEOPLE)]
    texts = [f"{TOPICS[i % 8]} number {i}" for i in range(ITEMS)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    batch = scorer.score_batch(people, texts)
    a_round()
    rate = ratio(walk(batch), lean(batch, scorer), runs=5)
    a_round()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    rng = np.random.default_rng(0)
    catalogue = rng.normal(size=(CATALOGUE, DIMENSIONS)).astype(np.float32)
    catalogue /= np.linalg.norm(catalogue, axis=1, keepdims=True)
    query = rng.normal(size=DIMENSIONS).astype(np.float32)
    rank = 1 / ratio(
        lambda: scorer.rank(profile, catalogue, 10, now=NOW), lambda: catalogue @ query
    )
    for _ in range(ROUNDS):
        time.sleep(1)
        a_round()

    once, kept = median(of_list) * 1e6, median(of_profile) * 1e6
    close(
        {
            "score_list_us": once,
            "score_list_us_best_round": min(of_list) * 1e6,
            "score_profile_us": kept,
            "batch_rate_over_lean_numpy": rate,
            "batch_peak_growth_mb": grown,
            "rank_over_matrix_vector": rank,
        },
        {
            "score_us": [once, "<=", 150.0],
            "batch_rate": [rate, ">=", 0.6],
            "rank": [rank, "<=", 1.5],
        },
    )


if __name__ == "__main__":
    main()
