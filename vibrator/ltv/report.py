"""The report on a trained model as one HTML page, from the plain data of evaluate()."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vibrator.charts import (
    Bar,
    Frame,
    Line,
    Mark,
    bar_chart,
    line_chart,
    page,
    percent,
    table,
    tidy,
)

SHOWN = ("gini", "auc", "spearman", "bias", "wcal", "mae", "msle")
FEATURES_SHOWN = 15


def report_page(report: Mapping[str, Any], *, title: str = "Lifetime value") -> str:
    """Figures beside the baseline, gain, deciles, coverage, cohorts, features."""
    parts = [_figures(report)]
    for horizon, found in report["horizons"].items():
        parts += [_gain(horizon, found), _deciles(horizon, found), _coverage(horizon, found)]
    longest = list(report["horizons"])[-1]
    slices = report["horizons"][longest]["slices"]
    parts += [_slices(name, rows, longest) for name, rows in slices.items() if rows]
    if report.get("shap"):
        bars = [Bar(row["feature"], row["mean_abs"]) for row in report["shap"][:FEATURES_SHOWN]]
        parts.append(bar_chart(bars, Frame("What the model looks at", "mean |SHAP|, log scale")))
    broken = sum(report["order_violations"].values())
    lead = f"{report['rows']:,} test rows, later than all others. Horizons out of order: {broken}."
    return page(title, parts, lead)


def _figures(report: Mapping[str, Any]) -> str:
    plain = report.get("baseline", {}).get("horizons", {})
    rows = []
    for horizon, found in report["horizons"].items():
        rows.append({"horizon": f"D{horizon}", "model": "share chain", **_short(found["value"])})
        if horizon in plain:
            rows.append(
                {"horizon": f"D{horizon}", "model": "plain Tweedie", **_short(plain[horizon])}
            )
    return table(rows, "Model and baseline on the same rows")


def _short(figures: Mapping[str, Any]) -> dict[str, str]:
    return {name: "–" if figures[name] is None else tidy(figures[name]) for name in SHOWN}


def _gain(horizon: str, found: Mapping[str, Any]) -> str:
    xs, ys = zip(*found["gain"], strict=True)
    frame = Frame(
        f"D{horizon}: revenue gained", "best predicted people first",
        x_label="share of people", y_label="share of revenue", x_range=(0.0, 1.0),
        y_range=(0.0, 1.0), x_format=percent, y_format=percent,
    )  # fmt: skip
    return line_chart([Line("model", xs, ys), Line("chance", (0.0, 1.0), (0.0, 1.0))], frame)


def _deciles(horizon: str, found: Mapping[str, Any]) -> str:
    rows = found["deciles"]
    x = [row["bucket"] for row in rows]
    lines = [Line(name, x, [row[name] for row in rows]) for name in ("predicted", "label")]
    frame = Frame(f"D{horizon}: mean by decile of prediction", x_label="decile", y_label="revenue")
    return line_chart(lines, frame)


def _coverage(horizon: str, found: Mapping[str, Any]) -> str:
    bars = [
        Bar(f"bin {row['bin'] + 1:.0f}", row["coverage"], note=f"{row['rows']:,.0f} rows, "
            f"mean width {tidy(row['width'])}")
        for row in found["coverage"]
    ]  # fmt: skip
    frame = Frame(f"D{horizon}: labels inside their interval", x_range=(0.0, 1.0), x_format=percent)
    return bar_chart(bars, frame, [Mark(0.95, "95%")])


def _slices(name: str, rows: list[dict[str, Any]], horizon: str) -> str:
    bars = [
        Bar(row["group"], row["bias"], note=f"{row['rows']:,} rows, Gini {_or_dash(row['gini'])}")
        for row in rows
        if row["bias"] is not None
    ]
    return (
        bar_chart(bars, Frame(f"D{horizon}: predicted / real by {name}"), [Mark(1.0)])
        if bars
        else ""
    )


def _or_dash(value: float | None) -> str:
    return "–" if value is None else tidy(value)
