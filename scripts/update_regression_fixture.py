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
    """What a log says today: for each slider its probability, features and contributions."""
    now = datetime.fromisoformat(log["now"])
    scorer = SliderScorer(encoder, log["slider_texts"], clock=lambda: now)
    actions = [
        UserAction(**(row | {"timestamp": datetime.fromisoformat(row["timestamp"])}))
        for row in log["actions"]
    ]
    scores = scorer.score(actions, log["item"], log["context"], cold_start=True)
    return {
        "probabilities": {name: output.probability for name, output in scores.items()},
        "features": {name: dict(output.features) for name, output in scores.items()},
        "contributions": {name: dict(output.contributions) for name, output in scores.items()},
    }


def moved(log, encoder_name, measured):
    """One line a value that lies further than the tolerance from what was expected."""
    before = {kind: log.get(f"expected_{kind}", {}).get(encoder_name, {}) for kind in measured}
    was, now = dict(_flat(before)), dict(_flat(measured))
    for what in now | was:
        old, new = was.get(what), now.get(what)
        if old is None or new is None or not abs(new - old) <= TOLERANCE:
            yield f"{log['name']} · {encoder_name} · {what}: {_told(old)} -> {_told(new)}"


def _flat(values):
    """What is said of a slider, and the number."""
    for slider, probability in values["probabilities"].items():
        yield f"{slider} · probability", probability
    for kind in ("features", "contributions"):
        for slider, row in values[kind].items():
            for feature, value in row.items():
                yield f"{slider} · {feature}{' × weight' * (kind == 'contributions')}", value


def _told(value):
    return "not known" if value is None else f"{value:.6f}"


def renew(log, encoder_name, measured):
    """Put what was measured in place of what was expected."""
    for kind, values in measured.items():
        log.setdefault(f"expected_{kind}", {})[encoder_name] = _rounded(values)


def _rounded(values):
    if isinstance(values, dict):
        return {name: _rounded(value) for name, value in values.items()}
    return round(values, DIGITS)


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
