"""Would a neural head earn its place? One ZILN net, a mixture of ZILN experts, both with the trees.

The experts follow the idea of OptDist (Weng et al. 2024): several sub-distributions of the amount,
and a gate that says whose a person is. Every rival replaces the anchor of the share chain only, is
put at its level on the calibration rows, and is judged on the rows kept for deciding and on the
test, both later than training. A rival is worth building where it beats the chain by the margin
that sampling and stack need, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vibrator.ltv import metrics
from vibrator.ltv.calibration import fit_poisson_level
from vibrator.ltv.config import load_config
from vibrator.ltv.heads import SMALLEST_MEAN, calibrate_chain
from vibrator.ltv.pipeline import build_lesson, fit_model
from vibrator.ltv.prepared import prepare
from vibrator.ltv.simulated import simulate_users

CONFIG = Path(__file__).parents[1] / "configs" / "ltv.yaml"
MARGIN = 0.002  # as in configs/ltv.yaml for sampling and stack
CODES = 70  # more than any vocabulary holds
LEAST_SPREAD = 0.05


@dataclass(frozen=True)
class Scale:
    """Numbers by their rank among training rows, as a net wants them; categories as codes."""

    grids: np.ndarray
    categorical: tuple[int, ...]

    def tensors(self, X: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Numbers as ranks, categories as codes."""
        plain = [i for i in range(X.shape[1]) if i not in self.categorical]
        ranks = [np.interp(np.nan_to_num(X[:, i]), self.grids[i], RANKS) for i in plain]
        codes = np.nan_to_num(X[:, list(self.categorical)], nan=CODES - 1).clip(0, CODES - 1)
        numbers = np.column_stack(ranks).astype(np.float32)
        return torch.from_numpy(numbers), torch.from_numpy(codes.astype(np.int64))


RANKS = np.linspace(-1.7, 1.7, 101)


def fit_scale(X: np.ndarray, categorical: tuple[int, ...]) -> Scale:
    grids = np.nanquantile(np.nan_to_num(X), np.linspace(0, 1, 101), axis=0).T
    return Scale(grids + np.arange(101) * 1e-9, categorical)


class Net(torch.nn.Module):
    """Chance to buy, a gate over experts, and for each expert where and how wide log revenue is."""

    def __init__(self, numbers: int, categories: int, experts: int, means: np.ndarray) -> None:
        super().__init__()
        self.experts = experts
        self.embed = torch.nn.ModuleList(torch.nn.Embedding(CODES, 6) for _ in range(categories))
        self.body = torch.nn.Sequential(
            torch.nn.Linear(numbers + 6 * categories, 96), torch.nn.SiLU(), torch.nn.Dropout(0.1),
            torch.nn.Linear(96, 48), torch.nn.SiLU(), torch.nn.Linear(48, 1 + 3 * experts),
        )  # fmt: skip
        self.start = torch.nn.Parameter(torch.tensor(means, dtype=torch.float32))

    def forward(self, numbers: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Logit of the chance, log of the gate, and location and width of each expert."""
        words = [embed(codes[:, at]) for at, embed in enumerate(self.embed)]
        out = self.body(torch.cat([numbers, *words], dim=1))
        chance, gate, mu, spread = out.split([1, *[self.experts] * 3], dim=1)
        width = torch.nn.functional.softplus(spread) + LEAST_SPREAD
        return chance[:, 0] - 3.0, torch.log_softmax(gate, dim=1), mu + self.start, width

    def loss(self, batch: tuple[torch.Tensor, ...], y: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of buying, and the mixed likelihood of log revenue of those who do."""
        chance, gate, mu, s = self(*batch)
        pays = y > 0
        cross = torch.nn.functional.binary_cross_entropy_with_logits(chance, pays.float())
        log_y = torch.log(y[pays])[:, None]
        normal = -torch.log(s[pays]) - (log_y - mu[pays]) ** 2 / (2 * s[pays] ** 2)
        mixed = torch.logsumexp(gate[pays] + normal, dim=1)
        return cross - mixed.sum() / len(y)

    @torch.no_grad()
    def value(self, batch: tuple[torch.Tensor, ...]) -> np.ndarray:
        """Expected revenue."""
        self.eval()
        chance, gate, mu, s = self(*batch)
        mean = (gate.exp() * torch.exp(mu + s**2 / 2)).sum(dim=1)
        return np.maximum((torch.sigmoid(chance) * mean).double().numpy(), SMALLEST_MEAN)


def fit_net(X: np.ndarray, y: np.ndarray, scale: Scale, experts: int, seed: int) -> Net:
    """Adam; the epoch that loses least on a tenth of the training rows is kept."""
    torch.manual_seed(seed)
    numbers, codes = scale.tensors(X)
    label = torch.from_numpy(y.astype(np.float32))
    held = np.arange(len(y)) % 10 == 0
    known, judge = torch.from_numpy(np.flatnonzero(~held)), torch.from_numpy(np.flatnonzero(held))
    means = np.quantile(np.log(y[y > 0]), (np.arange(experts) + 0.5) / experts)
    net = Net(numbers.shape[1], codes.shape[1], experts, means)
    adam = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    best, kept = float("inf"), net.state_dict()
    for _ in range(12):
        net.train()
        for rows in known[torch.randperm(len(known))].split(1024):
            adam.zero_grad()
            net.loss((numbers[rows], codes[rows]), label[rows]).backward()
            adam.step()
        net.eval()
        with torch.no_grad():
            loss = float(net.loss((numbers[judge], codes[judge]), label[judge]))
        if loss < best:
            best, kept = loss, {name: one.clone() for name, one in net.state_dict().items()}
    net.load_state_dict(kept)
    return net


def one_seed(seed: int, users: int) -> dict[str, dict[str, dict[str, float]]]:
    """Mean Gini over the horizons, and at D14 bias, on the deciding rows and on the test."""
    frame, _ = simulate_users(users, np.random.default_rng(seed))
    config = replace(load_config(CONFIG), seed=seed)
    prepared = prepare(frame, config)
    lesson, kept, _ = build_lesson(prepared, config)
    model, _ = fit_model(lesson, kept, prepared, config)
    categorical = tuple(i for i, n in enumerate(model.names) if n in prepared.features.categorical)
    X, y = lesson.table.X[lesson.rows], lesson.labels.longest[lesson.rows]
    scale = fit_scale(X, categorical)
    nets = {k: fit_net(X, y, scale, k, seed) for k in (1, 3)}
    later = {name: getattr(prepared, name) for name in ("calibrate", "decide", "test")}
    matrix = {name: side.X[:, kept] for name, side in later.items()}
    chain = calibrate_chain(model.chain, matrix["calibrate"], later["calibrate"].labels)
    trees = {
        name: chain.raw_anchor(chain.anchor.parts(chain.ask(M)), M) for name, M in matrix.items()
    }
    raw = {"chain": trees}
    for k, net in nets.items():
        name = "one net" if k == 1 else f"{k} experts"
        raw[name] = {side: net.value(scale.tensors(M)) for side, M in matrix.items()}
        raw[f"chain and {name}"] = {
            side: (3 * trees[side] + raw[name][side]) / 4 for side in matrix
        }
    return {name: judged(chain, found, later, matrix) for name, found in raw.items()}


def judged(chain, raw, later, matrix) -> dict[str, dict[str, float]]:
    level = fit_poisson_level(later["calibrate"].labels.longest, raw["calibrate"])
    rows = {}
    for side in ("decide", "test"):
        labels = later[side].labels
        value = chain.value_shares.spread(level.apply(raw[side]), chain.ask(matrix[side]))
        ginis = [
            metrics.normalized_gini(y, p) for y, p in zip(labels.revenue.T, value.T, strict=True)
        ]
        rows[side] = {
            "gini": statistics.mean(ginis),
            "gini_d7": ginis[1],
            "bias_d14": metrics.bias(labels.longest, value[:, -1]),
            "wcal_d14": metrics.wcal(labels.longest, value[:, -1]),
        }
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=150_000)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    runs = [one_seed(seed, args.users) for seed in range(args.seeds)]
    mean = {
        name: {
            side: {
                m: round(statistics.mean(run[name][side][m] for run in runs), 4) for m in figures
            }
            for side, figures in sides.items()
        }
        for name, sides in runs[0].items()
    }
    won = {
        name: sides["decide"]["gini"] - mean["chain"]["decide"]["gini"]
        for name, sides in mean.items()
        if name != "chain"
    }
    worth = [name for name, gain in won.items() if gain >= MARGIN]
    figures = {"heads": mean, "gini_over_chain": won, "margin": MARGIN, "worth_building": worth}
    print(json.dumps({"figures": figures, "bars": {}}))


if __name__ == "__main__":
    main()
