"""A first look at a frame: how many zeros, how heavy the tail, what goes with revenue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vibrator.charts import Bar, Frame, bar_chart, page, percent, table
from vibrator.ltv import metrics
from vibrator.ltv.columns import PLAIN, View, parse_texts, read_schema
from vibrator.ltv.config import LtvConfig
from vibrator.ltv.frames import row_times, user_column
from vibrator.ltv.prepared import label_names, load_plan, read_labels

CELLS = 12
STRONGEST = 15


def explore(frame: pd.DataFrame, config: LtvConfig) -> dict[str, Any]:
    """Zeros and whales by horizon, correlations, the histogram of revenue, gaps by column."""
    labels = read_labels(frame, config)
    users, _ = user_column(frame, config.columns.user), row_times(frame, config.columns.time)
    kinds = load_plan(config).kinds
    frame = parse_texts(frame, kinds)
    skip = frozenset({config.columns.user, *label_names(frame, config)})
    schema = read_schema(frame, time=config.columns.time, skip=skip, kinds=kinds)
    view = View(frame, schema)
    return {
        "rows": len(frame),
        "users": int(users.nunique()),
        "kinds": dict(schema.kinds),
        "horizons": [
            {"horizon": h} | tail(labels.revenue[:, at]) for at, h in enumerate(labels.horizons)
        ],
        "correlations": correlations(view, labels.longest),
        "histogram": histogram(labels.longest),
        "gaps": {name: float(frame[name].isna().mean()) for name in schema.kinds
                 if frame[name].isna().any()},
    }  # fmt: skip


def tail(revenue: Any) -> dict[str, float]:
    """Share of zeros, and of revenue that the top 1 % and the top 10 % of people bring."""
    y = np.sort(np.asarray(revenue, dtype=float))[::-1]
    total = y.sum()
    return {
        "zeros": float((y == 0).mean()),
        "mean": float(y.mean()),
        "largest": float(y[0]),
        "top_1_percent": float(y[: max(1, y.size // 100)].sum() / total) if total else 0.0,
        "top_10_percent": float(y[: max(1, y.size // 10)].sum() / total) if total else 0.0,
    }


def correlations(view: View, revenue: Any) -> list[dict[str, Any]]:
    """The plain columns that go most with revenue, by rank correlation."""
    rows: list[dict[str, Any]] = [
        {"column": name, "spearman": metrics.spearman(revenue, np.nan_to_num(view.number(name)))}
        for name in view.schema.of(*PLAIN)
    ]
    known = [row for row in rows if np.isfinite(row["spearman"])]
    return sorted(known, key=lambda row: -abs(row["spearman"]))[:STRONGEST]


def histogram(revenue: Any) -> list[dict[str, float]]:
    """People by revenue, in cells of equal width on the log scale; zero apart."""
    y = np.asarray(revenue, dtype=float)
    paid = y[y > 0]
    if paid.size == 0:
        return []
    edges = np.geomspace(paid.min(), paid.max(), CELLS + 1)
    edges[0], edges[-1] = paid.min(), paid.max()
    counts, _ = np.histogram(paid, edges)
    return [
        {"from": float(a), "to": float(b), "people": int(n)}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def explore_page(found: dict[str, Any]) -> str:
    """The first look as one page."""
    tails = [
        {"horizon": f"D{row['horizon']}", "people who pay nothing": percent(row["zeros"]),
         "revenue of the top 1 %": percent(row["top_1_percent"]),
         "revenue of the top 10 %": percent(row["top_10_percent"]),
         "mean": round(row["mean"], 3), "largest": round(row["largest"], 2)}
        for row in found["horizons"]
    ]  # fmt: skip
    parts = [table(tails, "Zeros and whales")]
    if found["histogram"]:
        bars = [Bar(f"{c['from']:.2f} to {c['to']:.2f}", c["people"]) for c in found["histogram"]]
        parts.append(bar_chart(bars, Frame("Payers by what they paid", "longest horizon")))
    if found["correlations"]:
        strong = [Bar(row["column"], row["spearman"]) for row in found["correlations"]]
        parts.append(bar_chart(strong, Frame("What goes with revenue", "rank correlation")))
    gaps = [{"column": name, "missing": percent(share)} for name, share in found["gaps"].items()]
    if gaps:
        parts.append(table(gaps, "Columns with gaps"))
    lead = f"{found['rows']:,} rows, {found['users']:,} users, {len(found['kinds'])} columns."
    return page("Lifetime value: a first look", parts, lead)
