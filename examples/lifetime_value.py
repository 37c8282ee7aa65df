"""Train a value model on simulated people, hold it against the planted truth, score one of them.

Run: python examples/lifetime_value.py
"""

from tempfile import TemporaryDirectory

import numpy as np

from vibrator.ltv import metrics
from vibrator.ltv.artefact import save
from vibrator.ltv.config import LtvConfig
from vibrator.ltv.demo import SIMULATED_PLAN
from vibrator.ltv.pipeline import train
from vibrator.ltv.predictor import FastPredictor
from vibrator.ltv.simulated import simulate_users


def main() -> None:
    people, truth = simulate_users(20_000, np.random.default_rng(0))
    trained = train(people, LtvConfig(), plan=SIMULATED_PLAN)
    for horizon, found in trained.report["horizons"].items():
        plain = trained.report["baseline"]["horizons"][horizon]
        print(f"D{horizon}: Gini {found['value']['gini']:.3f}, plain Tweedie {plain['gini']:.3f}")

    found = trained.model.predict(people)
    print(f"horizons out of order: {metrics.order_violations(found.value)}")
    print(
        f"rank agreement with the true chance: {metrics.spearman(truth.chance, found.at(14)):.2f}"
    )

    with TemporaryDirectory() as home:
        save(trained, f"{home}/model", config=LtvConfig())
        chioma = people.iloc[0].to_dict()
        for row in FastPredictor(f"{home}/model").what_if(chioma, {"past_spend": 300.0}):
            print(f"{row['change']}: expected by day 14 {row['value_d14']:.2f}")


if __name__ == "__main__":
    main()
