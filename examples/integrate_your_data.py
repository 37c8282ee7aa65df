"""The full walk with files of your own: read, check, score, keep, decide, learn.

python examples/integrate_your_data.py [ACTIONS ITEMS SLIDERS]

Without arguments it takes the files in examples/data.
"""

import json
import sqlite3
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vibrator import InstructionalEncoder, Personalizer, SliderScorer
from vibrator.datasets import Query, load_actions, load_items, load_sliders
from vibrator.errors import VibratorError
from vibrator.slider_lint import lint_sliders

DATA = Path(__file__).parent / "data"
FILES = [DATA / "actions.csv", DATA / "items.json", DATA / "sliders.json"]


def read(actions_file, items_file, sliders_file):
    actions = load_actions(actions_file, on_error="skip")
    people = {}
    for action in actions:
        people.setdefault(action.user_id or "somebody", []).append(action)
    items, sliders = load_items(items_file), load_sliders(sliders_file)
    print(f"{Path(actions_file).name}: {actions.report}")
    print(f"{len(people)} people, {len(items)} items, {len(sliders)} sliders")
    return people, items, sliders


def score(people, items, sliders, now):
    encoder = InstructionalEncoder("embedded")
    for advice in lint_sliders(sliders, encoder):
        print(f"advice: {advice}")
    scorer = SliderScorer(encoder, sliders, clock=lambda: now)
    for user, did in people.items():
        print(f"\n{user}\n{scorer.rank(did, items.texts, 2)}")


def keep(people, items, sliders, now, folder):
    """The same in a store: what happens from here on is logged, decided on and learned from."""
    url = f"sqlite:///{folder}/app.db"
    rng = np.random.default_rng(7)
    with Personalizer.open(url, sliders=sliders, clock=lambda: now, rng=rng) as app:
        app.add_items(items)
        for user, did in people.items():
            app.observe(user, did)
        user = next(iter(people))
        decision = app.decide(user, [item.item_id for item in items], surface="home")
        print(f"\nfor {user}: {', '.join(decision.chosen) or 'nothing'}, "
              f"propensity {decision.propensity:.2f}; {decision.reason}")  # fmt: skip
        app.outcome(decision.decision_id, "done", dwell=60_000)
        print(app.report())


def from_a_database(actions_file):
    """Rows of a query are read as rows of a file are."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE log (at TEXT, who TEXT, verb TEXT, words TEXT)")
    rows = [
        (a.timestamp and a.timestamp.isoformat(), a.user_id, a.action_type, a.content)
        for a in load_actions(actions_file, on_error="skip")
    ]
    database.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", rows)
    columns = {"timestamp": "at", "user_id": "who", "action_type": "verb", "content": "words"}
    query = Query("SELECT * FROM log WHERE verb = ?", database, ("write",))
    written = [action.content for action in load_actions(query, columns=columns)]
    print(f"\nfrom a database, what was written: {json.dumps(written, ensure_ascii=False)}")


def main(files):
    people, items, sliders = read(*files)
    times = [a.timestamp for did in people.values() for a in did if a.timestamp]
    now = max(times, default=datetime.now(UTC))
    if not people:
        sys.exit("nobody did anything in these rows")
    score(people, items, sliders, now)
    with tempfile.TemporaryDirectory() as folder:
        keep(people, items, sliders, now, folder)
    from_a_database(files[0])


if __name__ == "__main__":
    given = sys.argv[1:] or FILES
    if len(given) != len(FILES):
        sys.exit(__doc__)
    try:
        main(given)
    except VibratorError as fault:
        sys.exit(str(fault))
