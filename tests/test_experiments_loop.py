"""The loop finds what was planted, stops anywhere, and shows only what may be shown."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from vibrator.cli import build
from vibrator.errors import BadInput, UnknownName, VersionConflict
from vibrator.experiments.adapters import MeasuredAdapter, measured_in
from vibrator.experiments.adapters.port import mean_of
from vibrator.experiments.config import AdaptiveConfig
from vibrator.experiments.design import Experiment, Metric, Variant
from vibrator.experiments.hypothesis import HypothesisEngine
from vibrator.experiments.ledger import Ledger, Record
from vibrator.experiments.loop import Loop, Plan, load_state
from vibrator.experiments.program import program, usual_effects
from vibrator.experiments.report import fragments, overview, page
from vibrator.stats.sequential import Looks

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPACE = {"hook": ["claim", "question", "number"]}
EFFECTS = {"claim": 0.0, "question": 1.0, "number": 0.0}


class Planted:
    """A domain in which questions are better; what was assigned just now is measured next time."""

    def __init__(self, ledger):
        self.ledger, self.rng = ledger, np.random.default_rng(1)

    def collect_metrics(self, item_ids):
        running = load_state(self.ledger, "video").current
        seen = {item["item_id"]: item["variant"] for e in running for item in e.items}
        known = [name for name in item_ids if name in seen]
        return [{"id": name, "score": EFFECTS[seen[name]] + self.rng.normal()} for name in known]

    def get_signals(self, metrics):
        return {"primary_metric": mean_of(metrics, "score"), "secondary_metrics": {}}

    def format_context(self, top_items, bottom_items):
        return ""

    def describe(self):
        return "planted"


def open_lab(folder, hour=0, **plan):
    """A loop over the files of a folder, as a new process would open it."""
    ledger, config = Ledger(folder / "lab.db"), AdaptiveConfig(folder / "lab.json")
    config.update({"domain": "video"})
    ticks = iter(range(hour, 10_000))
    return Loop(
        ledger, Planted(ledger), HypothesisEngine(ledger, space=SPACE), config=config,
        plan=Plan(**{"planned": 400, **plan}), clock=lambda: NOON + timedelta(hours=next(ticks)),
    )  # fmt: skip


def run(loop, ticks):
    return [loop.tick([f"{t}-{n}" for n in range(120)]) for t in range(ticks)]


def test_the_planted_winner_is_found_and_challenged(tmp_path):
    loop = open_lab(tmp_path)
    ticks = run(loop, 9)

    stages = [step.stage for tick in ticks for step in tick.steps]
    assert stages[:3] == ["propose", "propose", "start"]
    assert loop.config.get_winner_hint("hook") == "question"
    first = loop.state.history[0]
    assert (first["status"], first["outcome"]["winner"]) == ("concluded", "question")
    tried = [[v["label"] for v in entry["variants"]] for entry in loop.state.history]
    assert ["claim", "question"] in tried
    assert any(set(labels) == {"question", "number"} for labels in tried)


def test_a_stopped_loop_goes_on_where_it_was(tmp_path):
    run(open_lab(tmp_path, planned=4000), 1)
    before = open_lab(tmp_path).state
    after = open_lab(tmp_path, hour=5).tick([f"0-{n}" for n in range(120)])

    assert len(before.current[0].items) == 120
    assert len(after.state.current[0].items) == 120
    assert after.steps[0].stage == "collect"
    assert len(open_lab(tmp_path).ledger) == 120


def test_a_dry_run_keeps_nothing(tmp_path):
    loop = open_lab(tmp_path)
    steps = loop.tick(["a", "b"], dry_run=True).steps

    assert {"propose", "start", "assign"} <= {step.stage for step in steps}
    assert (len(loop.ledger), loop.state.queue, loop.state.current) == (0, (), ())
    loop.engine.model = object()
    assert loop.tick(dry_run=True).steps[0].says == "would ask the model"


def test_two_loops_at_once_do_not_mix(tmp_path):
    one, other = open_lab(tmp_path), open_lab(tmp_path)
    other.tick(["a"])
    collect = other.adapter.collect_metrics

    def meanwhile(item_ids):
        one.tick(["b"])
        return collect(item_ids)

    other.adapter.collect_metrics = meanwhile
    with pytest.raises(VersionConflict):
        other.tick(["c"])
    assert [item["item_id"] for item in one.state.current[0].items] == ["a", "b"]
    assert len(one.ledger) == 1


def test_pairs_give_every_variant_the_same_unit(tmp_path):
    loop = open_lab(tmp_path, mode="paired", planned=80, looks=1)
    for _ in range(3):
        loop.tick([f"topic-{n}" for n in range(40)])

    done = loop.state.history[0]
    assert {item["pair"] for item in done["items"]} == {f"topic-{n}" for n in range(40)}
    assert done["outcome"]["findings"][0]["method"] == "paired"
    assert done["outcome"]["winner"] == "question"


def test_a_skewed_split_ends_without_a_result(tmp_path):
    loop = open_lab(tmp_path)
    loop.tick([f"u{n}" for n in range(300)])
    collect = loop.adapter.collect_metrics
    items = {i["item_id"]: i["variant"] for i in loop.state.current[0].items}

    def lossy(ids):
        return [row for row in collect(ids) if items[row["id"]] == "claim"]

    loop.adapter.collect_metrics = lossy
    loop.tick()
    assert loop.state.history[0]["status"] == "abandoned"
    assert "Read nothing" in loop.state.history[0]["outcome"]["reason"]


def test_the_program_is_judged_as_a_whole(tmp_path):
    loop = open_lab(tmp_path)
    run(loop, 12)
    entries = program(loop.state.history)

    assert [entry.variable for entry in entries] == ["hook"] * len(entries)
    assert entries[0].discovery
    assert 0 < entries[0].level < 0.05
    assert abs(entries[0].expected) < abs(entries[0].difference) + 1e-9
    assert usual_effects(loop.state.history[:1]) is None


def test_the_page_shows_what_may_be_looked_at(tmp_path):
    loop = open_lab(tmp_path, planned=600)
    loop.tick([f"u{n}" for n in range(60)])
    loop.tick()
    view = overview(loop.ledger, "video")

    running = view.running[0]
    assert running["share"] == 0.1
    assert 0 <= running["power_left"] <= 1
    assert running["effects"][0]["high"] - running["effects"][0]["low"] > 1.2
    assert [share for share, _ in running["bounds"]] == [0.25, 0.5, 0.75, 1.0]
    html = page(loop.ledger, "video")
    assert "always-valid" in html
    assert "power left" in html
    assert view.patterns == ()  # what leads a running experiment is no peek-proof claim
    json.dumps(view.running, allow_nan=False)


@pytest.mark.parametrize(
    ("taken", "shown", "words"),
    [
        ([100, 100], (0.25, 0.5, 0.75, 1.0), "on their steps"),
        ([120, 80], (0.3, 0.5, 0.75, 1.0), "came off their steps"),
        ([340], (0.85, 1.0), "came off their steps"),
    ],
)
def test_the_page_draws_the_looks_that_were_taken_and_those_to_come(tmp_path, taken, shown, words):
    """With the bounds by which they are judged, which add up to the error allowed."""
    loop = open_lab(tmp_path)
    loop.adapter.rng, loop.engine.space = np.random.default_rng(2), {"hook": ["claim", "number"]}
    for place, count in enumerate(taken):
        loop.tick([f"{place}-{n}" for n in range(count)])
    loop.tick()
    running = overview(loop.ledger, "video").running[0]

    assert tuple(share for share, _ in running["bounds"]) == pytest.approx(shown)
    assert len(running["looked"]) == len(taken)
    looks = Looks(*map(tuple, zip(*running["bounds"], strict=True)))
    assert sum(looks.stopping()) == pytest.approx(0.05, abs=1e-8)
    html = page(loop.ledger, "video")
    assert words in html
    assert f"taken: {', '.join(f'{look:.0%}' for look in running['looked'])}" in html


def test_the_page_shows_no_interval_before_there_is_one(tmp_path):
    loop = open_lab(tmp_path)
    loop.tick([f"u{n}" for n in range(20)])
    loop.tick()

    assert overview(loop.ledger, "video").running[0]["effects"] == []
    assert "from 20 units an arm on" in page(loop.ledger, "video")


def test_an_idea_that_comes_back_starts_from_nothing(tmp_path):
    """Records of an experiment that was abandoned do not count for the next one like it."""
    loop = open_lab(tmp_path)
    loop.engine.space = {"hook": ["claim", "question"]}
    loop.tick(["a"])
    first = loop.state.current[0]
    loop.ledger.extend(
        Record(domain="video", experiment_id=first.id, variable="hook", variant="claim",
               metric_values={"primary_metric": 99.0}, timestamp="2026-03-01")
        for _ in range(50)
    )  # fmt: skip
    gone = loop.state.abandon(first.id, at=NOON, reason="the source was wrong")
    _, version = loop.ledger.load_state("video")
    loop.ledger.save_state("video", gone.to_json(), version=version)
    loop.tick([f"u{n}" for n in range(60)])
    loop.tick()

    again = loop.state.current[0]
    assert (again.labels, again.variable) == (first.labels, first.variable)
    assert again.id == f"{first.id}-2"
    assert overview(loop.ledger, "video").running[0]["units"]["claim"] < 50


def test_a_goal_that_never_varies_ends_without_a_result(tmp_path):
    loop = open_lab(tmp_path, planned=40, looks=1)
    loop.adapter.get_signals = lambda rows: {"primary_metric": 1.0, "secondary_metrics": {}}
    for _ in range(2):
        loop.tick([f"u{n}" for n in range(50)])

    assert loop.state.history[0]["status"] == "abandoned"
    assert "values that vary" in loop.state.history[0]["outcome"]["reason"]


def test_the_page_tells_of_what_was_concluded(tmp_path):
    loop = open_lab(tmp_path)
    run(loop, 9)
    html = page(loop.ledger, "video")

    assert "question won" in html
    assert "What must not be concluded" in html
    assert "online FDR" in html


def test_an_empty_page_says_what_to_do():
    view = overview(Ledger(":memory:"), "video")

    assert view.empty
    assert "vibrator experiment run" in fragments(view)[0]


def test_words_of_a_domain_cannot_break_the_page(tmp_path):
    loop = open_lab(tmp_path)
    loop.engine.space = {"hook": ["<b>a", "<b>b"]}
    loop.tick()
    html = page(loop.ledger, "video")

    assert "<b>a" not in html
    assert "&lt;b&gt;a" in html


def two_sided(loop):
    """Questions are read longer and clicked less; every item of the loop is measured at once."""
    rng = np.random.default_rng(4)

    def source(ids):
        shown = {i["item_id"]: i["variant"] for e in loop.state.current for i in e.items}
        return [
            {"id": name, "minutes": (sign := 1 if shown[name] == "question" else -1) + rng.normal(),
             "clicks": -sign + rng.normal()}
            for name in ids if name in shown
        ]  # fmt: skip

    return MeasuredAdapter(source, "minutes")


@pytest.mark.parametrize(("named", "winner"), [("minutes", "question"), ("clicks", "claim"),
                                               ("primary_metric", "question")])  # fmt: skip
def test_the_settings_name_what_decides(tmp_path, named, winner):
    loop = open_lab(tmp_path, planned=100, looks=1)
    loop.adapter, loop.engine.space = two_sided(loop), {"hook": ["claim", "question"]}
    loop.config.set("primary_metric", named)
    for _ in range(2):
        loop.tick([f"u{n}" for n in range(100)])

    done = loop.state.history[0]
    assert done["outcome"]["winner"] == winner
    assert [m["name"] for m in done["metrics"]] == [named]
    assert f"{named}: question" in page(loop.ledger, "video")
    assert overview(loop.ledger, "video").patterns[0]["variant"] == winner


def test_a_running_experiment_is_judged_by_what_it_was_planned_for(tmp_path):
    loop = open_lab(tmp_path, planned=100, looks=1)
    loop.adapter, loop.engine.space = two_sided(loop), {"hook": ["claim", "question"]}
    loop.config.set("primary_metric", "minutes")
    loop.tick([f"u{n}" for n in range(100)])
    loop.config.set("primary_metric", "clicks")
    loop.tick()

    assert loop.state.history[0]["outcome"]["winner"] == "question"


def test_a_metric_that_nobody_measures_is_refused_by_name(tmp_path):
    loop = open_lab(tmp_path)
    loop.adapter = two_sided(loop)
    loop.config.set("primary_metric", "minuts")
    loop.tick(["a", "b"])
    with pytest.raises(UnknownName, match=r"'minuts', which is not measured.*'clicks', 'minutes'"):
        loop.tick()
    assert len(loop.ledger) == 0


def test_an_item_waits_until_every_goal_is_known(tmp_path):
    loop = open_lab(tmp_path)
    loop.adapter = MeasuredAdapter(
        lambda ids: [{"id": n, "minutes": 1.0 if n == "a" else None} for n in ids], "minutes"
    )
    steps = loop.tick(["a", "b"]).steps
    assert "1 of 2 items measured" in [step.says for step in steps]


@pytest.fixture
def cli(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(build(), ["experiment", *map(str, words)])


def test_run_and_report(cli, tmp_path):
    (tmp_path / "lab.json").write_text(json.dumps({"domain": "video", "space": SPACE}))
    words = ("run", "--config", "lab.json", "--ticks", 2, "--units", 60, "--format", "json")

    first, second = cli(*words, "--planned", 100), cli(*words, "--report", "lab.html")
    assert first.exit_code == second.exit_code == 0
    assert {row["stage"] for row in json.loads(first.stdout)} >= {"propose", "assign", "analyze"}
    assert "simulated" in first.stderr
    assert "measurements are simulated" in (tmp_path / "lab.html").read_text()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_run_with_units_that_were_measured(cli, tmp_path, suffix):
    """Who sees what is written out, what came of it is read in, and the planted winner found."""
    settings = {"domain": "docs", "primary_metric": "minutes", "space": {"hook": ["claim", "ask"]}}
    (tmp_path / "lab.json").write_text(json.dumps(settings))
    (tmp_path / "new.txt").write_text("".join(f"u{n}\n" for n in range(200)))
    words = ("run", "--config", "lab.json", "--measured", f"units{suffix}", "--looks", 1)
    write(pd.DataFrame({"id": ["nobody"], "minutes": [1.0]}), tmp_path / f"units{suffix}")
    first = cli(*words, "--planned", 200, "--units-from", "new.txt", "--assigned", "who.csv")
    who = pd.read_csv(tmp_path / "who.csv")
    minutes = np.random.default_rng(2).normal(size=200) + 2 * (who.variant == "ask")
    write(pd.DataFrame({"id": who.unit, "minutes": minutes}), tmp_path / f"units{suffix}")
    second = cli(*words, "--format", "json")

    assert first.exit_code == second.exit_code == 0
    assert "simulated" not in first.stderr
    assert json.loads(who.params[0])["hook"] == who.variant[0]
    told = {row["stage"]: row["says"] for row in json.loads(second.stdout)}
    assert told["collect"] == "200 of 200 items measured"
    assert told["conclude"] == "winner, ask won"


def write(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        text = frame.to_csv(index=False) if path.suffix == ".csv" else None
        path.write_text(text or frame.to_json(orient="records", lines=True))


def test_nobodys_units_are_measured_by_a_simulation(cli, tmp_path):
    """Neither while they wait for what was measured of them, nor in the records afterwards."""
    (tmp_path / "lab.json").write_text(json.dumps({"domain": "video", "space": SPACE}))
    (tmp_path / "new.txt").write_text("v1\nv2\n")
    words = ("run", "--config", "lab.json")
    handed = cli(*words, "--units-from", "new.txt", "--format", "json")
    told = {row["stage"]: row["says"] for row in json.loads(handed.stdout)}
    assert told["collect"] == "0 of 2 items measured"

    assert "2 units wait for what was measured" in str(cli(*words).exception)
    assert cli(*words, "--ledger", "try.db").exit_code == 0
    (tmp_path / "v.csv").write_text("id,avg_view_pct\nv1,40\n")
    real = ("--measured", "v.csv", "--units-from", "new.txt", "--platform", "youtube")
    assert "would mix in the domain 'video'" in str(
        cli(*words, *real, "--ledger", "try.db").exception
    )


def test_a_platform_may_be_measured_too(cli, tmp_path):
    (tmp_path / "lab.json").write_text(json.dumps({"domain": "video", "space": SPACE}))
    (tmp_path / "new.txt").write_text("v1\nv2\n")
    (tmp_path / "v.csv").write_text("id,avg_view_pct,views\nv1,40,7\nv2,,9\n")
    words = ("run", "--config", "lab.json", "--measured", "v.csv", "--units-from", "new.txt")

    told = cli(*words, "--platform", "youtube", "--format", "json")
    assert "short videos on youtube" in told.stderr
    assert "simulated" not in told.stderr
    says = {row["stage"]: row["says"] for row in json.loads(told.stdout)}
    assert says["collect"] == "1 of 2 items measured"  # an empty cell was not measured


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("gone.csv", None, "no file gone.csv"),
        ("v.txt", "id\n", ".csv, .jsonl or .parquet"),
        ("v.parquet", "PAR1", "v.parquet is no parquet table"),
        ("w.parquet", "PAR1" * 9, "w.parquet is no parquet table"),
        ("v.csv", "name,minutes\nu,1\n", "no column 'id'"),
        ("v.csv", "id,minutes\nu,1\nu,2\n", "several with the id 'u'"),
    ],
)
def test_measurements_that_cannot_be_read_are_refused(tmp_path, monkeypatch, name, text, reason):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / name).write_text(text)

    with pytest.raises(BadInput, match=reason):
        measured_in(name)(["u"])


def test_analyze_a_file(cli, tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"variant": ["new", "old"] * 200, "value": rng.normal(size=400)})
    frame.loc[frame.variant == "new", "value"] += 1
    frame.to_csv(tmp_path / "units.csv", index=False)

    result = cli("analyze", "units.csv", "--goal", "value", "--control", "old", "--format", "json")
    row = json.loads(result.stdout)[0]
    assert (row["variant"], row["says"]) == ("new", "better")
    assert "winner: new" in result.stderr
    wrong = cli("analyze", "units.csv", "--goal", "value", "--control", "older")
    assert isinstance(wrong.exception, BadInput)


def test_a_whole_experiment_may_come_from_a_file(cli, tmp_path):
    """With its guardrail, which the options alone cannot say; options beside it are refused."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"variant": ["new", "old"] * 400, "value": rng.normal(size=800)})
    frame.loc[frame.variant == "new", "value"] += 1
    frame["crashed"] = (frame.variant == "new") * (rng.random(800) < 0.2).astype(float)
    frame.to_csv(tmp_path / "units.csv", index=False)
    guard = Metric(name="crashed", kind="share", role="guardrail", increase=False, margin=0.05)
    design = Experiment(id="e", domain="d", variable="v", variants=(Variant("old"), Variant("new")),
                        metrics=(Metric(name="value"), guard))  # fmt: skip
    (tmp_path / "design.json").write_text(json.dumps(design.to_dict()))
    words = ("analyze", "units.csv", "--design", "design.json")

    assert "harmful" in cli(*words, "--verdict", "verdict.json").stderr
    assert json.loads((tmp_path / "verdict.json").read_text())["state"] == "harmful"
    assert "leave out ['goal']" in str(cli(*words, "--goal", "value").exception)
    (tmp_path / "design.json").write_bytes(b"\xff")
    assert "design.json must be a text in UTF-8" in str(cli(*words).exception)
    shares = ("analyze", "units.csv", "--goal", "value", "--weights", '{"old": 3, "new": 1}')
    assert "invalid" in cli(*shares).stderr


def test_a_row_of_no_variant_is_no_variant(cli, tmp_path):
    (tmp_path / "units.csv").write_text("variant,value\nold,1\n,2\nnew,3\n")
    assert "row 1 has none" in str(cli("analyze", "units.csv", "--goal", "value").exception)


def test_small_commands(cli, tmp_path):
    assert "8143" in cli("power", "--base", 0.05, "--effect", 0.01).stdout
    pairs = cli(
        "assign", "ada", "--experiment", "e", "--weights", '{"a": 1, "b": 1}', "--format", "csv"
    )
    assert pairs.stdout.splitlines()[0] == "unit,variant"
    assert isinstance(cli("assign", "x", "--experiment", "e", "--weights", "[").exception, BadInput)
    record = {"domain": "d", "experiment_id": "e", "variable": "v", "variant": "a",
              "metric_values": {}, "winner": True, "timestamp": "2026-03-01"}  # fmt: skip
    (tmp_path / "old.json").write_text(json.dumps([record])[:-1])
    told = cli("import", "old.json", "--ledger", "lab.db")
    assert "1 records imported" in told.stderr
    assert "torn" in told.stderr
    assert cli("export", "out.jsonl", "--ledger", "lab.db").exit_code == 0
    assert json.loads((tmp_path / "out.jsonl").read_text()) == record
    assert isinstance(cli("export", "x.jsonl", "--ledger", "absent.db").exception, BadInput)
    assert isinstance(cli("run", "--config", "c.json").exception, BadInput)
    (tmp_path / "c.json").write_text("{}")
    assert isinstance(cli("run", "--config", "c.json", "--model", "guess").exception, UnknownName)
    words = ("report", "x.html", "--domain", "e", "--ledger", "lab.db")
    assert "there are ['d']" in str(cli(*words).exception)
    (tmp_path / "c.txt").write_text("value\n")
    assert "got c.txt" in str(cli("analyze", "c.txt", "--goal", "value").exception)
