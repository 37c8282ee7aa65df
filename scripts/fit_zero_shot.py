"""Fit the constants of the zero-shot probability on MovieLens 100K.

    python scripts/fit_zero_shot.py

Two catalogues stand for two kinds of content: titles alone, which say little of what they are
about, and titles with their genres in words, which say it. Titles alone count four times, because
content that says little must not be read as if it said much. Prints the constants that belong into
vibrator/pipeline/zero_shot.py. The spread of a known person is the standard deviation, over people
and sliders, of the logit that the formula misses (method of moments); for an unknown one comes on
top what the alignment would have said.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from movies import load_100k, rows_of

from vibrator.encoder import InstructionalEncoder
from vibrator.pipeline import ZeroShot
from vibrator.vectors import logit

NAMES = ("shift", "item", "elsewhere", "knee", "lean", "alignment")
START = (0.7, 20.0, 5.0, 0.25, -0.5, 3.0)
BOUNDS = ((-4, 4), (0, 60), (0, 40), (0, 0.5), (-3, 3), (0, 20))
TITLES_COUNT = 4.0
SAMPLE = 12_000
MUCH = 50.0  # evidence of a person who is known well


def probability(rows, constants):
    model = ZeroShot(**dict(zip(NAMES, constants, strict=True)))
    prior = logit(1.0 / rows.fitted.shape[1])
    likes = model.likes(rows.features[:, 0, 2].astype(float), rows.evidence)
    return model.belongs(rows.features[..., 1].astype(float), prior) * likes[:, None]


def log_loss(p, fitted):
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return -np.mean(np.where(fitted, np.log(p), np.log1p(-p)))


def spread(rows, p):
    """Standard deviation over (person, slider) of the missing logit: E R² = V + τ² V²."""
    chosen = rows.evidence > MUCH
    people = np.unique(rows.user[chosen], return_inverse=True)[1]
    count = people.max() + 1
    missed = np.zeros((count, p.shape[1]))
    variance = np.zeros_like(missed)
    np.add.at(missed, people, (rows.fitted - p)[chosen])
    np.add.at(variance, people, (p * (1 - p))[chosen])
    return float(np.sqrt(max(0.0, (missed**2 - variance).sum() / (variance**2).sum())))


def main():
    movies, encoder = load_100k(), InstructionalEncoder("embedded")
    weights = {"write": 1.5, "react": 0.8, "dismiss": -1.0}
    both = [rows_of(movies, encoder, weights, with_genres=words) for words in (False, True)]
    rng = np.random.default_rng(0)
    samples = [rows.sample(rng, SAMPLE) for rows in both]

    def loss(constants):
        losses = [log_loss(probability(rows, constants), rows.fitted) for rows in samples]
        return TITLES_COUNT * losses[0] + losses[1]

    fit = minimize(loss, START, method="L-BFGS-B", bounds=BOUNDS)
    for name, value in zip(NAMES, fit.x, strict=True):
        print(f"{name} = {value:.2f}")
    words = both[1]
    known = spread(words, probability(words, fit.x))
    unsaid = fit.x[NAMES.index("alignment")] * words.features[:, 0, 2].std()
    print(f"spread_known = {known:.2f}")
    print(f"spread_unknown = {np.hypot(known, unsaid):.2f}")


if __name__ == "__main__":
    main()
