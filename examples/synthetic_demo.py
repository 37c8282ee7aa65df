"""Synthetic people with planted tastes, and whether the scores find what was planted.

python examples/synthetic_demo.py
"""

from datetime import timedelta

import numpy as np

from vibrator import InstructionalEncoder, SliderScorer
from vibrator.synthetic import SyntheticWorld, synthetic_slider_texts

WORLD = SyntheticWorld(seed=7, people=20, actions_per_day=4.0, concentration=0.1)
DAYS = 20


def main():
    sliders = synthetic_slider_texts(WORLD.sliders)
    scorer = SliderScorer(InstructionalEncoder("embedded"), sliders)
    now = WORLD.start + timedelta(days=DAYS)
    people = {}
    for action in WORLD.actions(WORLD.people * DAYS * 4):
        people.setdefault(action.user_id, []).append(action)

    planted = WORLD.preferences(now)
    topics = [f"something new about {text}" for text in sliders.values()]
    batch = scorer.score_batch(people, topics, now=now)
    found = 0
    print("person      planted  found    why")
    for person, row in zip(WORLD.persons(), planted, strict=True):
        if person.user_id not in people:
            continue
        scores = [
            batch[person.user_id][place][name].probability for place, name in enumerate(sliders)
        ]
        best = list(sliders)[int(np.argmax(scores))]
        wanted = WORLD.names[int(np.argmax(row))]
        found += best == wanted
        why = batch[person.user_id][list(sliders).index(best)][best].why()
        print(f"{person.user_id:<11} {wanted:<8} {best:<8} {why}")
    print(f"{found} of {len(people)} found; one in {len(sliders)} would be chance")


if __name__ == "__main__":
    main()
