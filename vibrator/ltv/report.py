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
SHAP_WORDS = "mean |SHAP| in the Tweedie part of the anchor, on the log scale"
FORMER_LEVEL = 0.95  # of reports that were saved before they said theirs


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
        parts.append(bar_chart(bars, Frame("What the model looks at", SHAP_WORDS)))
    if gone := report.get("selection", {}).get("dropped"):
        parts.append(_dropped(gone))
    if choices := report.get("choices"):
        parts.append(_choices(choices))
    if report.get("thresholds"):
        parts.insert(1, _thresholds(report["thresholds"]))
    broken = sum(report["order_violations"].values())
    lead = f"{report['rows']:,} test rows, later than all others. Horizons out of order: {broken}."
    return page(title, parts, lead)


def _figures(report: Mapping[str, Any]) -> str:
    plain = report.get("baseline", {}).get("horizons", {})
    rows = []
    for horizon, found in report["horizons"].items():
        sure = found.get("intervals", {})
        short = _short(found["value"], sure)
        rows.append({"horizon": f"D{horizon}", "model": "share chain", **short})
        if horizon in plain:
            rows.append(
                {"horizon": f"D{horizon}", "model": "plain Tweedie", **_short(plain[horizon])}
            )
    return table(rows, "Model and baseline on the same rows, with 95 % bootstrap intervals")


def _short(figures: Mapping[str, Any], sure: Mapping[str, Any] | None = None) -> dict[str, str]:
    return {
        name: _or_dash(figures[name]) + _span((sure or {}).get(name, {}), "low", "high")
        for name in SHOWN
    }


def _span(figures: Mapping[str, Any], low: str, high: str) -> str:
    known = figures.get(low) is not None and figures.get(high) is not None
    return f" ({tidy(figures[low])} to {tidy(figures[high])})" if known else ""


def _dropped(rows: list[dict[str, Any]]) -> str:
    shown = [
        {"feature": row["feature"], "step": row["step"].replace("_", " "),
         "figure": tidy(row["figure"]), "beside": row["beside"] or "–"}
        for row in rows
    ]  # fmt: skip
    return table(shown, "Features that selection left out")


def _choices(choices: Mapping[str, Any]) -> str:
    """What was tried on the rows kept for deciding, and what of it was kept."""
    rows = [
        {"option": option, "tried": name, "mean Gini on deciding rows": _or_dash(figure),
         "kept": "yes" if name == found["kept"] or found["kept"] is (name == "stack") else "no"}
        for option, found in choices.items()
        for name, figure in found.get("gini", {}).items()
    ]  # fmt: skip
    return table(rows, "What had to win") if rows else ""


def _thresholds(found: Mapping[str, Any]) -> str:
    rule = found["rule"]
    score = "expected value" if rule["alpha"] == 0 else f"score at α = {tidy(rule['alpha'])}"
    whom = "nobody" if rule["at"] is None else f"{score} from {tidy(rule['at'])}"
    rows = [
        {"rows": name, "acted on": percent(found[side]["share"]),
         "earned a person": tidy(found[side]["profit"]),
         "by acting on everybody": tidy(found[side]["profit_on_all"])}
        for side, name in (("decide", "where it was chosen"), ("test", "test"))
    ]  # fmt: skip
    return table(rows, f"Whom to act on at a cost of {tidy(found['cost'])}: {whom}")


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
    named = {"predicted": "predicted", "label": "real"}
    lines = [Line(words, x, [row[name] for row in rows]) for name, words in named.items()]
    frame = Frame(f"D{horizon}: mean by decile of prediction", x_label="decile", y_label="revenue")
    return line_chart(lines, frame)


def _coverage(horizon: str, found: Mapping[str, Any]) -> str:
    bars = [
        Bar(f"bin {row['bin'] + 1:.0f}", row["coverage"], note=f"{row['rows']:,.0f} rows, "
            f"mean width {tidy(row['width'])}")
        for row in found["coverage"]
    ]  # fmt: skip
    level = found.get("level", FORMER_LEVEL)
    frame = Frame(
        f"D{horizon}: labels inside their interval", f"promised in every bin: {percent(level)}",
        x_range=(0.0, 1.0), x_format=percent,
    )  # fmt: skip
    return bar_chart(bars, frame, [Mark(level)])


def _slices(name: str, rows: list[dict[str, Any]], horizon: str) -> str:
    bars = [
        Bar(
            row["group"], row["bias"], row["bias_low"], row["bias_high"],
            note=f"{row['rows']:,} rows, Gini {_or_dash(row['gini'])}"
            f"{_span(row, 'gini_low', 'gini_high')}",
        )
        for row in rows
        if row["bias"] is not None
    ]  # fmt: skip
    return (
        bar_chart(bars, Frame(f"D{horizon}: predicted / real by {name}"), [Mark(1.0)])
        if bars
        else ""
    )


def _or_dash(value: float | None) -> str:
    return "–" if value is None else tidy(value)
