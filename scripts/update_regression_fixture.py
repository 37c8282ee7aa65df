"""Measure the regression logs again, show what moved, and write it if asked to.

    python scripts/update_regression_fixture.py            # the difference, nothing written
    python scripts/update_regression_fixture.py --write    # and the fixture, rewritten
    python scripts/update_regression_fixture.py --encoder embedded --write   # without torch

Exit status: 0 where nothing moved or all is written, 1 where something moved and is not written.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.pipeline import SliderScorer

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "regression_logs.json"
TOLERANCE = 1e-4
DIGITS = 6
EMBEDDED, TINY = "embedded", "tiny-instructor"


def read(path=FIXTURE):
    """The fixture."""
    return json.loads(path.read_text(encoding="utf-8"))


def open_encoder(name, folder):
    """An encoder of the fixture; the tiny Instructor is made in the folder."""
    if name == EMBEDDED:
        return InstructionalEncoder(EMBEDDED)
    script = ROOT / "scripts" / "make_tiny_instructor.py"
    spec = importlib.util.spec_from_file_location("make_tiny_instructor", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return InstructionalEncoder(str(module.make_tiny_instructor(Path(folder) / "instructor")))


def measure(log, encoder):
    """What a log says today: probabilities and features of each slider."""
    now = datetime.fromisoformat(log["now"])
    scorer = SliderScorer(encoder, log["slider_texts"], clock=lambda: now)
    actions = [
        UserAction(**(row | {"timestamp": datetime.fromisoformat(row["timestamp"])}))
        for row in log["actions"]
    ]
    scores = scorer.score(actions, log["item"], log["context"], cold_start=True)
    return {
        name: {"probability": output.probability, **output.features}
        for name, output in scores.items()
    }


def moved(log, encoder_name, measured):
    """One line a value that lies further than the tolerance from what was expected."""
    expected = log["expected_features"].get(encoder_name, {})
    probabilities = log["expected_probabilities"].get(encoder_name, {})
    for slider, values in measured.items():
        before = {"probability": probabilities.get(slider), **expected.get(slider, {})}
        for name, value in values.items():
            old = before.get(name)
            if old is None or not abs(value - old) <= TOLERANCE:
                was = "not known" if old is None else f"{old:.6f}"
                yield f"{log['name']} · {encoder_name} · {slider} · {name}: {was} -> {value:.6f}"


def renew(log, encoder_name, measured):
    """Put what was measured in place of what was expected."""
    rounded = {s: {n: round(v, DIGITS) for n, v in row.items()} for s, row in measured.items()}
    log["expected_probabilities"][encoder_name] = {
        s: r.pop("probability") for s, r in rounded.items()
    }
    log["expected_features"][encoder_name] = rounded


def main(arguments=None):
    """Show, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="rewrite the fixture")
    parser.add_argument("--encoder", choices=[EMBEDDED, TINY], help="this one only")
    parser.add_argument("--fixture", type=Path, default=FIXTURE)
    options = parser.parse_args(arguments)
    fixture, lines = read(options.fixture), []
    for name in [options.encoder] if options.encoder else [EMBEDDED, TINY]:
        with tempfile.TemporaryDirectory() as folder:
            encoder = open_encoder(name, folder)
            for log in fixture["logs"]:
                measured = measure(log, encoder)
                lines += moved(log, name, measured)
                renew(log, name, measured)
    print("\n".join(lines) or f"nothing moved by more than {TOLERANCE:g}")
    if options.write:
        text = json.dumps(fixture, indent=1, ensure_ascii=False)
        options.fixture.write_text(f"{text}\n", encoding="utf-8")
    return int(bool(lines) and not options.write)


if __name__ == "__main__":
    sys.exit(main())
