"""The whole loop in one file: observe, score, rank, decide, outcome, profile, forget.

python examples/personalizer.py
"""

import tempfile
from datetime import timedelta

import numpy as np

from vibrator.actions import UserAction
from vibrator.personalizer import Personalizer

SLIDERS = {
    "depth": "detailed technical documentation",
    "cooking": "quick weeknight recipes",
    "trails": "long mountain trails",
}
ITEMS = {
    "grpc": "a deep guide to gRPC streaming internals",
    "pasta": "quick pasta for a weeknight dinner",
    "ridge": "a three day ridge traverse from hut to hut",
}


def main():
    with (
        tempfile.TemporaryDirectory() as folder,
        Personalizer.open(
            f"sqlite:///{folder}/app.db", sliders=SLIDERS, rng=np.random.default_rng(7)
        ) as app,
    ):
        app.add_items(ITEMS)
        app.observe("ada", UserAction("write", "how do gRPC deadlines propagate?"))
        app.observe("bruno", UserAction("click", "one pan pasta for busy evenings"))
        app.observe("chioma", UserAction("write", "ran the ridge path at dawn"))

        for person in ("ada", "bruno", "chioma"):
            best = app.rank(person, 1)[0]
            print(f"{person:<7} {best.item:<6} {best.why()}")

        decision = app.decide("chioma", ITEMS)
        print(f"decided {decision.arm}, propensity {decision.propensity:.3f}: {decision.reason}")
        app.outcome(decision.decision_id, "done", dwell=timedelta(seconds=60))
        print(app.profile("chioma"))
        print(app.report())

        receipt = app.forget("chioma")
        print(f"forgotten: {dict(receipt.removed)}, verified {receipt.verified}")


if __name__ == "__main__":
    main()
