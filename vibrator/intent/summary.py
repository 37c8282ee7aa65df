"""What a replay says: means with intervals, paired p-values, ranks over all policies."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vibrator.errors import BadInput
from vibrator.intent.replay import TRUST_WEIGHT
from vibrator.stats.bootstrap import (
    paired_gaps,
    percentile_interval,
    resampled_means,
    two_sided_p,
)
from vibrator.stats.ranks import friedman, nemenyi, rank_biserial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MEASURES = {"conv": "conversion", "trust": "trust", "vol": "volume"}
BASELINE = "Triggers"
PVALUE_COLUMNS = ["comparison", "metric", "diff_mean", "p_value_bootstrap", "rank_biserial"]


def policies_in(per_user: pd.DataFrame) -> list[str]:
    """The policies of a per-user frame, in its order."""
    names = [column.removeprefix("conv_") for column in per_user if column.startswith("conv_")]
    if not names or per_user.empty:
        raise BadInput("per_user must have rows and a conv_<policy> column, got none")
    return names


def bootstrap_summary(
    per_user: pd.DataFrame,
    n_bootstrap: int = 500,
    *,
    seed: int = 42,
    trust_weight: float = TRUST_WEIGHT,
    paper: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means with 95 % intervals by policy, and every policy against Triggers, over users.

    Net is conversion less `trust_weight` times trust. A p is never below 1/(n_bootstrap + 1),
    except with `paper`.
    """
    names = policies_in(per_user)
    values = {
        (name, words): per_user[f"{short}_{name}"].to_numpy(dtype=np.float64)
        for name in names
        for short, words in MEASURES.items()
    }
    for name in names:
        values[name, "net"] = values[name, "conversion"] - trust_weight * values[name, "trust"]
    drawn = resampled_means(
        np.column_stack(list(values.values())),
        resamples=n_bootstrap,
        rng=np.random.default_rng(seed),
    )
    means = dict(zip(values, drawn.T, strict=True))
    others = [name for name in names if name != BASELINE] if BASELINE in names else []
    rows = []
    for name, measure in product(others, ("conversion", "trust", "net")):
        ours, base = values[name, measure], values[BASELINE, measure]
        gaps = paired_gaps(means[name, measure], means[BASELINE, measure])
        if paper:
            gaps = _one_by_one(ours - base, n_bootstrap, seed)
        rows.append(
            {
                "comparison": f"{name} vs {BASELINE}",
                "metric": measure,
                "diff_mean": float(gaps.mean()),
                "p_value_bootstrap": two_sided_p(gaps, floored=not paper),
                "rank_biserial": rank_biserial(ours, base),
            }
        )
    summary = pd.DataFrame([_summary(name, means) for name in names])
    return summary, pd.DataFrame(rows, columns=PVALUE_COLUMNS)


def friedman_nemenyi(per_user: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The Friedman test of every measure, and Nemenyi's p-values by pair of policies."""
    names = policies_in(per_user)
    tables = {short: per_user[[f"{short}_{name}" for name in names]] for short in MEASURES}
    labels = {short: f"{words}_proxy" for short, words in MEASURES.items()}
    return ranked(tables, labels, names)


def ranked(
    tables: Mapping[str, pd.DataFrame], labels: Mapping[str, str], names: list[str]
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Friedman and Nemenyi for tables with a row a subject and a column a policy."""
    omnibus, posthocs = [], {}
    for short, table in tables.items():
        test = friedman(table)
        omnibus.append(
            {
                "metric": labels[short],
                "n": test.n,
                "k": test.k,
                "friedman_chi2": test.chi2,
                "df": test.df,
                "p_value": test.p_value,
                "kendall_W": test.kendall_w,
            }
        )
        posthocs[short] = pd.DataFrame(nemenyi(table), index=names, columns=names)
    return pd.DataFrame(omnibus), posthocs


def _summary(name: str, means: Mapping[tuple[str, str], Floats]) -> dict[str, object]:
    row: dict[str, object] = {"policy": name}
    for measure in (*MEASURES.values(), "net"):
        interval = percentile_interval(means[name, measure])
        row |= {
            f"{measure}_mean": interval.mean,
            f"{measure}_ci95_low": interval.low,
            f"{measure}_ci95_high": interval.high,
        }
    return row


def _one_by_one(gaps: Floats, n_bootstrap: int, seed: int) -> Floats:
    """Means of the same resamples, each summed by itself.

    Resamples that tie fall to either side of 0 by rounding alone; the paper's p has that in it.
    """
    rng, n = np.random.default_rng(seed), len(gaps)
    return np.array([gaps[rng.integers(0, n, size=n)].mean() for _ in range(n_bootstrap)])
