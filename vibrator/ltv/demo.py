"""The whole thing at once on simulated people: data, first look, model, predictions, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vibrator.errors import BadInput
from vibrator.ltv.artefact import save
from vibrator.ltv.config import LtvConfig, Paths
from vibrator.ltv.explore import explore, explore_page
from vibrator.ltv.features import FeaturePlan, Roles
from vibrator.ltv.frames import read_frame
from vibrator.ltv.pipeline import train
from vibrator.ltv.predictor import FastPredictor
from vibrator.ltv.report import report_page
from vibrator.ltv.simulated_nested import simulate_folder

if TYPE_CHECKING:
    from numpy.random import Generator

SIMULATED_PLAN = FeaturePlan(
    roles=Roles(
        spend="past_spend",
        purchases="past_purchases",
        purchase_age_days="days_since_purchase",
        installs="installs_30d",
        recent_installs="installs_7d",
        sessions="sessions",
        minutes="session_minutes",
        active_days="active_days",
        device_price="device_price",
    ),
    places=("country", "os", "category"),
)


def run_demo(folder: str | Path, *, users: int, rng: Generator) -> Mapping[str, Any]:
    """Everything into one new folder; returns the report."""
    home = Path(folder)
    if home.exists() and any(home.iterdir()):
        raise BadInput(f"{home} is not empty; name a new folder")
    home.mkdir(parents=True, exist_ok=True)
    config = replace(LtvConfig(), paths=Paths(str(home / "data"), str(home / "model")))
    simulate_folder(users, config.paths.data, rng)
    frame = read_frame(config.paths.data)
    (home / "explore.html").write_text(explore_page(explore(frame, config)), encoding="utf-8")
    trained = train(frame, config, plan=SIMULATED_PLAN)
    save(trained, config.paths.artefact, config=config)
    (home / "report.html").write_text(report_page(trained.report), encoding="utf-8")
    FastPredictor(config.paths.artefact).predict_file(config.paths.data, home / "values.parquet")
    return trained.report
