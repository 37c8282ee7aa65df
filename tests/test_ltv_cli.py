"""`vibrator ltv` as a stranger uses it: from an empty folder, with bad input on purpose."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from vibrator.cli import build

pytestmark = pytest.mark.integration

TREES = {"rounds": 15, "learning_rate": 0.2, "leaves": 4, "least_rows_in_leaf": 30}
SETTINGS = {
    "horizons": [1, 7, 14, 28],
    "chain": {"large": TREES, "amount": TREES, "share": TREES},
    "paths": {"data": "people", "artefact": "model", "predictions": "values.parquet"},
    "thresholds": {"cost": 0.5},
}


def ask(*words):
    return CliRunner().invoke(build(), ["ltv", *words])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with people, a configuration and a model trained by the command line alone."""
    here, before = tmp_path_factory.mktemp("stranger"), Path.cwd()
    os.chdir(here)
    try:
        (here / "ltv.yaml").write_text(yaml.safe_dump(SETTINGS))
        assert ask("simulate", "people", "--users", "8000").exit_code == 0
        done = ask("train", "-c", "ltv.yaml")
        assert done.exit_code == 0, done.output
        yield here
    finally:
        os.chdir(before)


def test_training_shows_the_baseline_beside_the_model(home):
    shown = ask("evaluate", "-c", "ltv.yaml", "--format", "json").stdout
    rows = json.loads(shown)

    assert [row["horizon"] for row in rows] == [f"D{h}" for h in (1, 1, 7, 7, 14, 14, 28, 28)]
    assert {row["model"] for row in rows} == {"share chain", "plain Tweedie"}


def test_ablation_reports_each_group_that_is_on(home):
    groups = {"numbers": True, "categories": True, "cyclic": True, "bridge": False}
    off = ("maps", "lists", "pairs", "histograms", "timestamps", "zero_activity", "interactions",
           "scores", "local")  # fmt: skip
    (home / "few.yaml").write_text(yaml.safe_dump({"groups": groups | dict.fromkeys(off, False)}))
    (home / "off.yaml").write_text(yaml.safe_dump(SETTINGS | {"features": "few.yaml"}))
    done = ask("train", "-c", "off.yaml", "--model", "few", "--ablate", "--format", "json")
    assert done.exit_code == 0, done.exception
    _, rows = (json.loads(text + "]") for text in done.stdout.split("]")[:-1])

    assert [row["without"] for row in rows] == ["nothing", "numbers", "categories", "cyclic"]
    assert rows[1]["gini_d28"] < rows[0]["gini_d28"]


def test_what_only_a_folder_by_time_can_heed_is_refused_for_a_file(home):
    (home / "part.yaml").write_text(yaml.safe_dump({"partitions": {"max_val_partitions": 2}}))
    pd.DataFrame({"user_id": [1]}).to_csv("one.csv", index=False)
    done = ask("train", "-c", "part.yaml", "--data", "one.csv")

    assert "no folder by time, which partitions.max_val_partitions is for" in str(done.exception)


def test_where_no_model_can_be_put_is_said_before_training(home):
    (home / "letter.txt").write_text("dear Ada")
    done = ask("train", "-c", "ltv.yaml", "--data", "nope.csv", "--model", "letter.txt")

    assert "letter.txt is a file" in str(done.exception)


def test_other_rows_are_measured_by_the_models_own_settings_and_the_overlap_is_told(home):
    done = ask("evaluate", "--model", "model", "--data", "people", "--format", "json")
    rows = json.loads(done.stdout)

    assert rows[-1]["horizon"] == "D28"  # the defaults know no day 28, the model does
    assert rows[-1]["model"] == "plain Tweedie"
    assert "the figures flatter it" in done.stderr


def test_predictions_and_report_are_written(home):
    assert "8,000 rows scored" in ask("predict", "-c", "ltv.yaml").stderr
    values = pd.read_parquet("values.parquet")
    assert ask("report", "report.html", "-c", "ltv.yaml").exit_code == 0
    page = (home / "report.html").read_text()

    assert {"user_id", "value_d28", "act", "bid"} <= set(values)
    assert "Whom to act on at a cost of 0.5" in page
    assert "95 % bootstrap intervals" in page


def test_a_first_look_is_a_table_and_a_page(home):
    done = ask("explore", "-c", "ltv.yaml", "--format", "json", "--html", "look.html")

    assert json.loads(done.stdout)[0]["horizon"] == 1
    assert "What goes with revenue" in (home / "look.html").read_text()


def test_the_configuration_is_written_once_and_says_the_defaults(home):
    from vibrator.ltv.config import LtvConfig, load_config
    from vibrator.ltv.plain import to_plain
    from vibrator.ltv.prepared import load_plan

    assert ask("init", "fresh").exit_code == 0
    found = load_config("fresh/ltv.yaml")

    assert to_plain(found) | {"features": None} == to_plain(LtvConfig())
    assert load_plan(found).on() == load_plan(LtvConfig()).on()
    assert "exist already" in str(ask("init", "fresh").exception)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["train"], "no file or folder data/ltv"),
        (["train", "-c", "nope.yaml"], "no configuration at nope.yaml"),
        (["evaluate", "--model", "nope"], "nope holds no manifest.json"),
        (["predict", "nope.csv", "v.csv", "--model", "model"], "no file or folder nope.csv"),
        (["explore", "--data", "ltv.yaml"], "ltv.yaml is none of"),
    ],
)
def test_what_is_not_there_is_said_by_name(home, words, refusal):
    assert refusal in str(ask(*words).exception)
