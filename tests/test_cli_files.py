"""The commands on files: score, rank, sliders, calibrate, drift, encode, import, sample, doctor."""

import csv
import io
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from vibrator import InstructionalEncoder, SliderScorer
from vibrator.cli import build
from vibrator.cli._output import Format, show
from vibrator.cli.doctor import MODULES
from vibrator.datasets import load_actions, load_items, load_sliders
from vibrator.errors import ArtefactError, BadInput, BadRows, UnknownName


def call(*typed, code=0):
    done = CliRunner().invoke(build(), [str(word) for word in typed])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.stderr
    return done


def rows(*typed, code=0):
    return json.loads(call(*typed, "--format", "json", code=code).stdout)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "data"
    call("sample", folder)
    return folder


@pytest.fixture(scope="module")
def files(sample):
    return sample / "actions.csv", sample / "items.csv", "--sliders", sample / "sliders.json"


@pytest.fixture(scope="module")
def scored(sample, files, tmp_path_factory):
    lines = (sample / "shown.csv").read_text().splitlines()
    some = tmp_path_factory.mktemp("shown") / "shown.csv"
    some.write_text("\n".join(lines[:601]))
    path = some.with_name("scored.csv")
    path.write_text(call("score", *files, "--shown", some, "--format", "csv").stdout)
    return path


@pytest.fixture
def few(sample, tmp_path):
    (tmp_path / "items.txt").write_text("a reference manual\na trail from hut to hut\n")
    return sample / "actions.csv", tmp_path / "items.txt", "--sliders", sample / "sliders.json"


def test_a_sample_is_never_written_over(sample):
    with pytest.raises(BadInput, match=r"holds actions\.csv"):
        call("sample", sample)


def test_score_says_what_the_scorer_says(few):
    told = rows("score", *few, "--user", "person-3", "--at", "2026-02-01T00:00:00Z")
    actions = [a for a in load_actions(few[0]) if a.user_id == "person-3"]
    scorer = SliderScorer(InstructionalEncoder("embedded"), load_sliders(few[3]))
    from datetime import UTC, datetime

    text = load_items(few[1]).texts["2"]
    scores = scorer.score(actions, text, now=datetime(2026, 2, 1, tzinfo=UTC))
    found = {row["slider"]: row["probability"] for row in told if row["item_id"] == "2"}
    expected = {name: output.probability for name, output in scores.items()}
    assert found == pytest.approx(expected, rel=1e-5)


def test_old_actions_are_pointed_out(few):
    said = call("score", *few, "-u", "person-3", "--at", "2027-02-01T00:00:00Z").stderr
    assert "days old" in said
    assert "days old" not in call("score", *few, "-u", "person-3", "--at", "newest").stderr


def test_rank_orders_each_persons_items(few):
    told = rows("rank", *few, "-u", "person-3", "-u", "person-4", "-k", "2")
    assert [(row["user_id"], row["place"]) for row in told] == [
        ("person-3", 1), ("person-3", 2), ("person-4", 1), ("person-4", 2),
    ]  # fmt: skip
    assert told[0]["score"] >= told[1]["score"]


def test_what_was_shown_is_scored_from_what_was_known_then(files, tmp_path):
    shown = tmp_path / "shown.csv"
    shown.write_text(
        "timestamp,user_id,item_id,outcome\n2025-12-01T00:00:00Z,person-3,item-0,yes\n"
    )
    (row,) = rows("score", *files, "--shown", shown)
    assert row["evidence"] == 0.0
    assert row["outcome"] == 1


def test_something_shown_that_is_no_item_is_named(files, tmp_path):
    shown = tmp_path / "shown.csv"
    shown.write_text("timestamp,user_id,item_id,outcome\n2026-02-01T00:00:00Z,person-3,lost,0\n")
    with pytest.raises(UnknownName, match="'lost'"):
        call("score", *files, "--shown", shown)


def test_calibrated_probabilities_are_used_while_the_words_stay(scored, few, tmp_path):
    fitted = tmp_path / "calibrators.json"
    report = rows("calibrate", scored, "-o", fitted, "--svg", tmp_path / "after.svg")
    assert sum(row["outcomes"] for row in report) == 600
    before, after = (
        sum(row["outcomes"] * row[f"brier_{when}"] for row in report) / 600
        for when in ("before", "after")
    )
    assert after < before + 0.005
    assert (tmp_path / "after.svg").read_text().startswith("<svg")

    at = ("-u", "person-3", "--at", "2026-02-01T00:00:00Z")
    plain, own = (rows("score", *few, *at, *more) for more in ((), ("-c", fitted)))
    assert [row["probability"] for row in plain] != [row["probability"] for row in own]

    changed = json.loads(few[3].read_text())
    changed["sliders"]["trails"] = "steep mountain trails"
    other = tmp_path / "sliders.json"
    other.write_text(json.dumps(changed))
    said = call("score", *few[:3], other, *at, "-c", fitted).stderr
    assert "their words changed: trails" in said


def test_calibrators_of_another_encoder_are_refused(scored, few, tmp_path):
    fitted = tmp_path / "calibrators.json"
    call("calibrate", scored, "-o", fitted)
    kept = json.loads(fitted.read_text())
    fitted.write_text(json.dumps({**kept, "encoder": "another"}))
    with pytest.raises(ArtefactError, match="fitted on encoder another"):
        call("score", *few, "-c", fitted)


def test_too_few_outcomes_make_no_calibrator(scored, tmp_path):
    few = tmp_path / "few.csv"
    few.write_text("\n".join(scored.read_text().splitlines()[:20]))
    with pytest.raises(BadInput, match="50 outcomes"):
        call("calibrate", few, "-o", tmp_path / "c.json")
    assert not (tmp_path / "c.json").exists()


def drifting(tmp_path, shift):
    rng = np.random.default_rng(3)
    said = rng.uniform(0.1, 0.9, 600)
    liked = rng.random(600) < np.clip(said - shift, 0, 1)
    path = tmp_path / "said.csv"
    lines = [
        f"2026-03-{1 + n // 30:02}T12:00:00Z,{p:.4f},{int(y)}"
        for n, (p, y) in enumerate(zip(said, liked, strict=True))
    ]
    path.write_text("\n".join(["timestamp,probability,outcome", *lines]))
    return path


def test_drift_exits_1_when_a_refit_is_needed(tmp_path):
    assert not any(row["refit"] for row in rows("drift", drifting(tmp_path, 0.0)))
    assert any(row["refit"] for row in rows("drift", drifting(tmp_path, 0.2), code=1))


def test_an_outcome_that_is_no_answer_is_named(tmp_path):
    path = tmp_path / "said.csv"
    path.write_text("timestamp,probability,outcome\n2026-03-01T00:00:00Z,0.5,maybe\n")
    with pytest.raises(BadRows, match="must be 0 or 1"):
        call("drift", path)


def test_lint_exits_1_with_advice(tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("name,text\ntrails,long mountain trails\n")
    bad.write_text("name,text\nfun,cheap flights and quick recipes\n")
    assert rows("sliders", "lint", good) == []
    (advice,) = rows("sliders", "lint", bad, code=1)
    assert advice["rule"] == "has two intents"


def test_the_map_is_drawn(sample, tmp_path):
    told = rows("sliders", "map", sample / "sliders.json", "--output", tmp_path / "map.svg")
    assert told[0]["depth"] == pytest.approx(1.0)
    assert (tmp_path / "map.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(("role", "name"), [("item", "items.csv"), ("slider", "sliders.json")])
def test_vectors_are_written_without_pickle(sample, tmp_path, role, name):
    (told,) = rows("encode", sample / name, "-o", tmp_path / "v.npz", "--role", role)
    with np.load(tmp_path / "v.npz", allow_pickle=False) as kept:
        assert kept["vectors"].shape == (told["texts"], told["dimensions"])
        assert len(kept["ids"]) == told["texts"]
        assert str(kept["fingerprint"]) == told["fingerprint"]


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path}/app.db"


def test_the_same_file_twice_counts_once(store, sample):
    told = rows(
        "import", store, "--sliders", sample / "sliders.json", "--actions", sample / "actions.csv"
    )
    assert told[1]["new"] == told[1]["read"] > 1_000
    assert rows("import", store, "--actions", sample / "actions.csv")[0]["new"] == 0


def test_a_dry_run_writes_nothing(store, sample, tmp_path):
    told = rows("import", store, "--items", sample / "items.csv", "--dry-run")
    assert told[0]["new"] is None
    assert not (tmp_path / "app.db").exists()


def test_a_fault_further_down_keeps_everything_out(store, tmp_path, sample):
    broken = tmp_path / "actions.csv"
    lines = (sample / "actions.csv").read_text()
    broken.write_text(lines * 2 + "soon,ada,click,x,1\n")  # the header, too, is a broken row
    sliders = ("--sliders", sample / "sliders.json")
    with pytest.raises(BadRows):
        call("import", store, *sliders, "--actions", broken)
    (counted,) = [r for r in rows("store", "report", store) if r["what"] == "actions"]
    assert counted["count"] == 0


def test_columns_of_another_name_are_mapped(store, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("verb,words\nclick,a tent\n")
    (tmp_path / "sliders.txt").write_text("long mountain trails\n")
    given = ("--column", "action_type=verb", "--column", "content=words")
    with pytest.raises(BadInput, match="give --user"):
        call("import", store, "--actions", mine, *given, "--dry-run")
    sliders = ("--sliders", tmp_path / "sliders.txt")
    told = rows("import", store, *sliders, "--actions", mine, *given, "--user", "ada")
    assert told[1] == {"file": "mine.csv", "read": 1, "new": 1}


def test_the_doctor_tells_no_secret(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hush")
    done = call("doctor", "redis://me:hush@127.0.0.1:1/0?password=hush", "--format", "json", code=3)
    assert "hush" not in done.output
    found = {row["what"]: row for row in json.loads(done.stdout)}
    assert found["OPENAI_API_KEY"]["state"] == "ok"
    assert found["embedded"]["state"] == "ok"
    assert found["redis://127.0.0.1:1/0"]["state"] == "FAILED"


def test_the_doctor_knows_every_extra():
    tomllib = pytest.importorskip("tomllib")
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert set(MODULES) == set(project["project"]["optional-dependencies"]) - {"docs"}


def test_the_doctor_names_the_cure(monkeypatch):
    monkeypatch.setattr("vibrator.cli.doctor.find_spec", lambda name: None)
    told = list(csv.DictReader(io.StringIO(call("doctor", "--format", "csv").stdout)))
    assert {"what": "sql", "to do": "pip install 'vibrator[sql]'"}.items() <= {
        key: value for row in told if row["what"] == "sql" for key, value in row.items()
    }.items()


def test_a_number_is_never_cut_in_two(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    row = {"metric": "minutes of the day", "adjusted": 3.253e-11, "says": "better than the control"}

    show([row], Format.table)
    assert "3.253e-11" in capsys.readouterr().out
