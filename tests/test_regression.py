"""Nothing drifts unseen: the logs of fixtures/regression_logs.json say today what they said."""

import importlib.util
import json
from copy import deepcopy
from pathlib import Path

import pytest

from vibrator.weights import DEFAULT_WEIGHTS, FEATURES

SCRIPT = Path(__file__).parents[1] / "scripts" / "update_regression_fixture.py"
KINDS = ("probabilities", "features", "contributions")
CURE = "If this is meant: python scripts/update_regression_fixture.py --write"


def script():
    spec = importlib.util.spec_from_file_location("update_regression_fixture", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


UPDATE = script()
FIXTURE = UPDATE.read()


@pytest.mark.parametrize(
    "name", [UPDATE.EMBEDDED, pytest.param(UPDATE.TINY, marks=pytest.mark.integration)]
)
def test_probabilities_and_features_are_as_they_were(name, tmp_path):
    encoder = UPDATE.open_encoder(name, tmp_path)
    lines = [
        line
        for log in FIXTURE["logs"]
        for line in UPDATE.moved(log, name, UPDATE.measure(log, encoder))
    ]
    assert not lines, "\n".join(["these moved:", *lines, CURE])


def planted(kind, change):
    """What is said of the first log once something has been changed in it."""
    log = deepcopy(FIXTURE["logs"][0])
    measured = {kind_: deepcopy(log[f"expected_{kind_}"][UPDATE.EMBEDDED]) for kind_ in KINDS}
    change(measured[kind])
    return list(UPDATE.moved(log, UPDATE.EMBEDDED, measured))


@pytest.mark.parametrize("kind", ["features", "contributions"])
@pytest.mark.parametrize(("by", "found"), [(2e-4, 1), (0.5e-4, 0), (float("nan"), 1)])
def test_a_drift_names_slider_and_feature(kind, by, found):
    def drift(values):
        values["depth"]["item_to_slider"] += by

    lines = planted(kind, drift)
    assert len(lines) == found
    assert all("ada · embedded · depth · item_to_slider" in line for line in lines)


def test_what_is_no_longer_said_has_moved_too():
    (line,) = planted("features", lambda values: values["calm"].pop("recency"))
    assert line.endswith("-> not known")


@pytest.mark.parametrize("place", range(3))
def test_a_drift_of_a_weight_is_seen(place, tmp_path, monkeypatch):
    drifted = dict(DEFAULT_WEIGHTS)
    drifted[FEATURES[place]] += 0.01
    monkeypatch.setattr("vibrator.weights.DEFAULT_WEIGHTS", drifted)
    log = FIXTURE["logs"][0]
    measured = UPDATE.measure(log, UPDATE.open_encoder(UPDATE.EMBEDDED, tmp_path))
    lines = list(UPDATE.moved(log, UPDATE.EMBEDDED, measured))
    assert any(f"{FEATURES[place]} × weight" in line for line in lines)


def test_the_script_shows_before_it_writes(tmp_path, capsys):
    changed = deepcopy(FIXTURE)
    changed["logs"][0]["expected_probabilities"]["embedded"]["depth"] += 0.01
    path = tmp_path / "logs.json"
    path.write_text(json.dumps(changed))
    run = ["--encoder", "embedded", "--fixture", str(path)]
    assert UPDATE.main(run) == 1
    assert "depth · probability" in capsys.readouterr().out
    assert UPDATE.read(path) == changed
    assert UPDATE.main([*run, "--write"]) == 0
    assert UPDATE.main(run) == 0
