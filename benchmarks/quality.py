"""Do probabilities mean what they say? MovieLens latest-small, constants fitted on 100K.

One row = (a user as of then, a rated movie after the user's first five actions, a genre slider);
positive = rated 4 or more and of that genre. The catalogue says title and genres in words; the
same with titles alone, which say little, is printed beside it. Nothing is resampled.
"""

import argparse
from pathlib import Path

import numpy as np
from movies import DATA, load_small, rows_of
from report import close  # sets one thread before numpy is read
from scipy.stats import spearmanr

from vibrator.calibration import PlattCalibrator, calculate_brier_score, calculate_smooth_ece
from vibrator.encoder import InstructionalEncoder
from vibrator.pipeline import SliderScorer
from vibrator.vectors import sigmoid
from vibrator.weights import FEATURES

EARLIER = 0.6  # share of the rows, by time, on which the calibrators are fitted


def skill(p, fitted):
    base = fitted.mean()
    return 1.0 - calculate_brier_score(p.ravel(), fitted.ravel()) / (base * (1.0 - base))


def smooth_ece(p, fitted):
    return float(calculate_smooth_ece(p.ravel(), fitted.ravel().astype(float)))


def answers(scorer, rows):
    """Raw scores and probabilities of every row by the scorer's own formula."""
    weights = np.array([scorer.feature_weights.base[name] for name in FEATURES])
    raw = rows.features @ weights
    model = scorer.zero_shot
    likes = model.likes(rows.features[:, 0, 2].astype(float), rows.evidence)
    belongs = model.belongs(rows.features[..., 1].astype(float), scorer.prior_logits)
    return raw, belongs * likes[:, None]


def calibrated(rows, p):
    """Calibrators fitted per slider on earlier rows, judged on later ones."""
    early = rows.time <= np.quantile(rows.time, EARLIER)
    later = p[~early].copy()
    for slider in range(p.shape[1]):
        fitted = rows.fitted[early, slider]
        if 10 <= fitted.sum() < fitted.size:
            scores = np.log(p[:, slider]) - np.log1p(-p[:, slider])
            own = PlattCalibrator().fit(scores[early], fitted.astype(float))
            later[:, slider] = own.transform(scores[~early])
    return later, rows.fitted[~early]


def stsb(encoder, path):
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    left = encoder.model.vectors("", [line[5] for line in lines])
    right = encoder.model.vectors("", [line[6] for line in lines])
    return float(
        spearmanr(np.einsum("ij,ij->i", left, right), [float(line[4]) for line in lines])[0]
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data-dir", type=Path, default=DATA)
    data = arguments.parse_args().data_dir
    encoder = InstructionalEncoder("embedded")
    movies = load_small(data / "ml-latest-small")
    scorer = SliderScorer(encoder, movies.sliders)
    weights = {"write": 1.5, "react": 0.8, "dismiss": -1.0}
    figures, bars = {}, {}
    for name, with_genres in (("", True), ("titles_alone_", False)):
        rows = rows_of(movies, encoder, weights, with_genres=with_genres)
        raw, p = answers(scorer, rows)
        later, fitted = calibrated(rows, p)
        figures |= {
            f"{name}rows": int(rows.fitted.size),
            f"{name}base_rate": float(rows.fitted.mean()),
            f"{name}brier": calculate_brier_score(p.ravel(), rows.fitted.ravel()),
            f"{name}brier_skill_zero_shot": skill(p, rows.fitted),
            f"{name}brier_skill_bare_sigmoid": skill(sigmoid(raw), rows.fitted),
            f"{name}smooth_ece_zero_shot": smooth_ece(p, rows.fitted),
            f"{name}smooth_ece_bare_sigmoid": smooth_ece(sigmoid(raw), rows.fitted),
            f"{name}brier_skill_calibrated": skill(later, fitted),
            f"{name}smooth_ece_calibrated": smooth_ece(later, fitted),
        }
    figures["stsb_dev_spearman"] = stsb(encoder, data / "stsb" / "sts-dev.csv")
    bars["stsb_dev"] = [figures["stsb_dev_spearman"], ">=", 0.81]
    bars["brier_skill_zero_shot"] = [figures["brier_skill_zero_shot"], ">=", 0.0]
    bars["smooth_ece_zero_shot"] = [figures["smooth_ece_zero_shot"], "<=", 0.05]
    bars["smooth_ece_calibrated"] = [figures["smooth_ece_calibrated"], "<=", 0.02]
    close(figures, bars)


if __name__ == "__main__":
    main()
