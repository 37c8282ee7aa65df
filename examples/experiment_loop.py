"""A program of experiments on subject lines: what readers prefer is planted, the loop finds it.

python examples/experiment_loop.py
"""

import tempfile
from pathlib import Path

import numpy as np

from vibrator.experiments import AdaptiveConfig, HypothesisEngine, Ledger, Loop, Plan
from vibrator.experiments.adapters.port import mean_of
from vibrator.experiments.loop import load_state
from vibrator.experiments.report import page

OPENS = {"plain": 0.30, "question": 0.31, "number": 0.42, "name": 0.33}  # what nobody knows


class Letters:
    """Letters that went out yesterday and were opened, or not, by today."""

    def __init__(self, ledger):
        self.ledger, self.rng = ledger, np.random.default_rng(3)

    def collect_metrics(self, item_ids):
        """Whether each letter that was out before today's tick was opened."""
        running = load_state(self.ledger, "letters").current
        sent = {item["item_id"]: item["variant"] for e in running for item in e.items}
        return [
            {"id": name, "opened": float(self.rng.random() < OPENS[sent[name]])}
            for name in item_ids
            if name in sent
        ]

    def get_signals(self, metrics):
        """The share that was opened."""
        return {"primary_metric": mean_of(metrics, "opened"), "secondary_metrics": {}}

    def format_context(self, top_items, bottom_items):
        """Words for a language model, if one proposes."""
        return f"{len(top_items)} best and {len(bottom_items)} worst letters"

    def describe(self):
        """One line."""
        return "letters (planted for this example)"


def main():
    folder = Path(tempfile.mkdtemp(prefix="vibrator-experiments-"))
    ledger, config = Ledger(folder / "lab.db"), AdaptiveConfig(folder / "lab.json")
    config.update({"domain": "letters"})
    engine = HypothesisEngine(ledger, space={"subject": list(OPENS)})
    loop = Loop(ledger, Letters(ledger), engine, config=config, plan=Plan(planned=3000, looks=4))
    for day in range(13):
        for step in loop.tick([f"reader-{day}-{n}" for n in range(600)]).steps:
            if step.stage in ("propose", "challenge", "conclude"):
                print(f"day {day:2}  {step.stage:9}  {step.says}")
    print("build on:", config.get_winner_hint("subject"))
    (folder / "letters.html").write_text(page(ledger, "letters"), encoding="utf-8")
    print("report:", folder / "letters.html")


if __name__ == "__main__":
    main()
