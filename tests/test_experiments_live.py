"""An application decides, the shell experiments on what it logged: who saw what, what came."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vibrator.cli import build
from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput, UnknownName
from vibrator.experiments.adapters import (
    Counting,
    DecisionLogAdapter,
    decision_frame,
    first_variant_of_each,
)
from vibrator.experiments.config import AdaptiveConfig
from vibrator.experiments.hypothesis import HypothesisEngine
from vibrator.experiments.ledger import Ledger
from vibrator.experiments.loop import Loop, Plan, load_state, showing
from vibrator.experiments.patterns import Analyzer
from vibrator.personalizer import Personalizer
from vibrator.stores.opening import open_store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STORE = "sqlite:///app.db"
LEDGER_COLUMNS = (("experiment_ledger", "metric_values"), ("experiment_states", "body"))
PEOPLE = [f"reader-{n}" for n in range(60)]


@pytest.fixture
def cli(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(build(), ["experiment", *map(str, words)])


def settings(folder, **more):
    told = {"domain": "tips", "space": {"wording": ["plain", "warm"]}, **more}
    (folder / "lab.json").write_text(json.dumps(told))


def decided(place, user, variant, *, at=NOON, name="wording"):
    return Decision(
        decision_id=f"d{place}", user_id=user, at=at, candidates=("guide",), chosen=("guide",),
        arm="guide", propensity=1.0, reason="test", context={"experiments": {name: variant}},
    )  # fmt: skip


def answered(place, reward, *, at=NOON):
    return Outcome(decision_id=f"d{place}", what="done", at=at, reward=reward)


def live(app, cli, rounds=2):
    """Everybody is asked twice, in the wording that the shell hands out; warm words do better."""
    words = ("assign", *PEOPLE, "--domain", "tips", "--ledger", STORE, "--format", "json")
    shown = {row["unit"]: row for row in json.loads(cli(*words).stdout)}
    rng = np.random.default_rng(3)
    for user in PEOPLE * rounds:
        arm = shown[user]
        context = {"experiments": {arm["experiment"]: arm["variant"]}}
        decision = app.decide(user, {"guide": "a guide to huts"}, context)
        liked = float(json.loads(arm["params"])["wording"] == "warm")
        app.outcome(decision.decision_id, "done", reward=liked + rng.normal(), dwell=9.0)


def test_the_shell_experiments_on_what_an_application_logged(cli, tmp_path):
    settings(tmp_path)
    with Personalizer.open(STORE, sliders={"huts": "from hut to hut"}) as app:
        run = ("run", "--config", "lab.json", "--store", STORE, "--looks", 1, "--format", "json")
        first = cli(*run, "--planned", 60)
        live(app, cli)
    second = cli(*run, "--report", "lab.html")
    judged = cli("analyze", "--store", STORE, "--experiment",
                 json.loads(first.stdout)[0]["experiment"], "--goal", "reward",
                 "--format", "json", "--verdict", "verdict.json")  # fmt: skip

    assert (first.exit_code, second.exit_code, judged.exit_code) == (0, 0, 0)
    assert "let every decision's context say" in first.stderr
    told = {row["stage"]: row["says"] for row in json.loads(second.stdout)}
    assert told["assign"] == "120 items"
    assert told["collect"] == "120 of 120 items measured"
    assert told["conclude"] == "winner, warm won"
    assert sum(json.loads((tmp_path / "verdict.json").read_text())["units"].values()) == 60
    assert json.loads(judged.stdout)[0]["says"] == "better"
    assert "winner: warm" in judged.stderr
    assert AdaptiveConfig(tmp_path / "lab.json").get_winner_hint("wording") == "warm"
    assert "warm won" in (tmp_path / "lab.html").read_text()


def test_no_ledger_knows_who_a_decision_was_for(cli, tmp_path):
    settings(tmp_path)
    with Personalizer.open(STORE, sliders={"huts": "from hut to hut"}) as app:
        run = ("run", "--config", "lab.json", "--store", STORE, "--ledger", "lab.db")
        cli(*run)
        cli(*run)
        experiment = load_state(Ledger("lab.db"), "tips").current[0]
        for user in PEOPLE[:3]:
            context = {"experiments": {experiment.id: "warm"}}
            made = app.decide(user, {"guide": "a guide to huts"}, context)
            app.outcome(made.decision_id, "done", reward=1.0)
    cli(*run)
    ledger = Ledger("lab.db")
    kept = str([record.metric_values for record in ledger.records]) + load_text(ledger)
    assert len(ledger) == 3
    assert not [user for user in PEOPLE if f"'{user}'" in kept or f'"{user}"' in kept]


def shown_to(app, user, experiment, variant="warm"):
    context = {"experiments": {experiment.id: variant}}
    made = app.decide(user, {"guide": "a guide to huts"}, context)
    app.outcome(made.decision_id, "done", reward=1.0)
    return made.decision_id


@pytest.fixture
def running(cli, tmp_path):
    """An application under an experiment, and what ticks it; the ledger is a file of its own."""
    settings(tmp_path)
    app = Personalizer.open(STORE, sliders={"huts": "from hut to hut"}, clock=Clock())

    def tick():
        ran = cli("run", "--config", "lab.json", "--store", STORE, "--ledger", "lab.db")
        assert ran.exit_code == 0
        ledger = Ledger("lab.db")
        whose = [record.metric_values["cluster"] for record in ledger.records]
        experiment = load_state(ledger, "tips").current[0]
        ledger.close()
        return experiment, whose

    tick()
    yield app, tick
    app.close()


class Clock:
    now = NOON

    def __call__(self):
        return self.now


def test_what_a_ledger_holds_of_who_was_forgotten_leads_to_nobody(running, tmp_path):
    app, tick = running
    experiment, _ = tick()
    made = [shown_to(app, "ada", experiment) for _ in range(2)]
    _, whose = tick()
    assert whose == [made[0]] * 2
    app.forget("ada")

    assert tick()[1] == whose  # the counts stay
    store = b"".join(path.read_bytes() for path in tmp_path.glob("app.db*"))
    assert not [name for name in {*whose, *made} if name.encode() in store]


def test_a_person_keeps_their_name_when_the_first_decision_has_expired(running):
    app, tick = running
    experiment, _ = tick()
    first = shown_to(app, "ada", experiment)
    app.clock.now += timedelta(days=1)
    shown_to(app, "ada", experiment)
    _, whose = tick()
    app.clock.now += timedelta(days=1)
    app.expire(timedelta(hours=30))
    shown_to(app, "ada", experiment)
    shown_to(app, "bruno", experiment)

    _, later = tick()
    assert (whose, later[:3]) == ([first] * 2, [first] * 3)
    assert later[3] != first


def test_who_was_known_by_a_hash_is_renamed_and_stays_one_person(running):
    """A ledger of an earlier release, in the middle of an experiment."""
    app, tick = running
    experiment, _ = tick()
    made = [shown_to(app, user, experiment) for user in ("ada", "ada", "bruno")]
    tick()
    hashes = {made[0]: "0123456789abcdef", made[2]: "fedcba9876543210"}
    with sqlite3.connect("lab.db") as old:
        for name, hashed in hashes.items():
            for table, column in LEDGER_COLUMNS:
                old.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                    (f'"cluster": "{name}"', f'"cluster": "{hashed}"'),
                )
        old.execute("DELETE FROM migrations WHERE component = 'experiments' AND number = 2")
    old.close()
    shown_to(app, "ada", experiment)
    _, whose = tick()

    assert (whose[0], whose[1], whose[3]) == (whose[0],) * 3
    assert len(set(whose)) == 2
    assert not set(whose) & {*hashes, *hashes.values()}


def load_text(ledger):
    return ledger.load_state("tips")[0]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("analyze",), "from a file or from --store"),
        (("analyze", "u.csv", "--store", STORE), "say one of them"),
        (("analyze", "--store", STORE, "--goal", "reward"), "no decision names the experiment ''"),
        (("analyze", "--store", STORE, "--experiment", "wordng"), "there are ['wording']"),
        (("analyze", "--store", STORE, "--experiment", "wording"), "say --goal COLUMN"),
        (
            ("analyze", "--store", STORE, "--experiment", "wording", "--goal", "reward"),
            "2 variants to compare, got only ['plain']",
        ),
        (("analyze", "--store", "sqlite:///gone.db", "--experiment", "e"), "no store at"),
        (
            ("analyze", "--store", STORE, "--experiment", "wording", "--unrewarded", 0),
            "--unrewarded needs --within-hours",
        ),
        (
            ("analyze", "--store", STORE, "--experiment", "wording", "--within-hours", -1),
            "within must be a time after",
        ),
        (
            ("analyze", "--store", STORE, "--experiment", "wording", "--within-hours", "nan"),
            "--within-hours must be hours that can pass, got nan",
        ),
        (
            ("analyze", "--store", STORE, "--experiment", "wording", "--within-hours", "1e300"),
            "--within-hours must be hours that can pass",
        ),
        (
            ("analyze", "--store", STORE, "--experiment", "wording", "--variant", "arm"),
            "--variant names a column of a file",
        ),
        (("analyze", "u.csv", "--goal", "x", "--unrewarded", 0), "decisions of a --store"),
        (("run", "--config", "lab.json", "--store", STORE, "--units-from", "n.txt"), "leave out"),
        (("run", "--config", "lab.json", "--store", "sqlite:///gone.db"), "no store at"),
        (("assign", "ada"), "say --experiment ID --weights JSON, or --domain"),
        (("assign", "ada", "--domain", "tips", "--salt", "x", "--ledger", STORE), "nothing else"),
        (("assign", "ada", "--domain", "tips", "--ledger", STORE), "nothing runs in the domain"),
    ],
)
def test_mistakes_are_told(cli, tmp_path, words, reason):
    settings(tmp_path)
    open_store(STORE).decisions.record([decided(0, "ada", "plain")])

    result = cli(*words)
    assert result.exit_code != 0
    assert reason in str(result.exception)
    assert not (tmp_path / "gone.db").exists()


def test_the_settings_may_name_what_decides(cli, tmp_path):
    settings(tmp_path, primary_metric="dwell_ms")
    open_store(STORE)
    assert cli("run", "--config", "lab.json", "--store", STORE).exit_code == 0
    assert load_state(Ledger(STORE), "tips").current[0].metrics[0].name == "dwell_ms"

    settings(tmp_path, primary_metric="clicks")
    result = cli("run", "--config", "lab.json", "--store", STORE)
    assert "one of ('reward', 'dwell_ms', 'acted'), got 'clicks'" in str(result.exception)


def test_a_setting_that_nobody_reads_is_refused(cli, tmp_path):
    settings(tmp_path, primry_metric="dwell_ms")
    result = cli("run", "--config", "lab.json")
    assert isinstance(result.exception, UnknownName)
    assert "['primry_metric'], which is no setting" in str(result.exception)


def silent_log():
    """Ten people a variant; of those shown the warm words every other one says nothing."""
    log = open_store("sqlite://").decisions
    for place in range(20):
        variant = ("plain", "warm")[place % 2]
        log.record([decided(place, f"u{place}", variant)])
        if variant == "plain" or place % 4 == 1:
            log.record([answered(place, 1.0, at=NOON + timedelta(hours=1))])
            log.record([Outcome(decision_id=f"d{place}", what="late", reward=5.0,
                                at=NOON + timedelta(hours=9))])  # fmt: skip
    return log


def test_who_says_nothing_counts_when_their_time_is_over():
    """Only among people who answer would both wordings seem to be worth the same."""
    log = silent_log()
    later = Counting(
        within=timedelta(hours=2), unrewarded=0.0, clock=lambda: NOON + timedelta(hours=3)
    )

    frame = decision_frame(log, "wording", later)
    assert frame.groupby("variant").reward.mean().to_dict() == {"plain": 1.0, "warm": 0.5}
    assert decision_frame(log, "wording").groupby("variant").reward.mean().nunique() == 1
    assert decision_frame(log, "wording").reward.max() == 6.0  # without an end, all there are


def test_a_decision_is_read_when_its_time_is_over():
    early = Counting(within=timedelta(hours=2), unrewarded=0.0, clock=lambda: NOON)
    adapter = DecisionLogAdapter(silent_log(), early)

    assert adapter.collect_metrics(["d0", "d3"]) == []
    assert decision_frame(silent_log(), "wording", early).empty
    with pytest.raises(BadInput, match="unrewarded needs `within`"):
        Counting(unrewarded=0.0)


def test_who_saw_two_variants_counts_under_the_first():
    log = open_store("sqlite://").decisions
    log.record([decided(0, "ada", "plain"), decided(1, "ada", "warm"), decided(2, "bo", "warm")])
    log.record([answered(n, float(n)) for n in range(3)])

    kept = first_variant_of_each(decision_frame(log, "wording"))
    assert kept.id.tolist() == ["d0", "d2"]


def open_loop(folder, log):
    ledger, config = Ledger(folder / "lab.db"), AdaptiveConfig(folder / "lab.json")
    config.update({"domain": "tips", "space": {"wording": ["plain", "warm"]}})
    engine = HypothesisEngine(ledger, space=config.get("space"))
    plan = Plan(planned=40, looks=1)
    return Loop(ledger, DecisionLogAdapter(log), engine, config=config, plan=plan,
                clock=lambda: NOON)  # fmt: skip


def test_a_loop_takes_who_saw_what_from_the_log(tmp_path):
    """Variants that it has not, and people who saw two, are left out and told of."""
    log = open_store("sqlite://").decisions
    loop = open_loop(tmp_path, log)
    name = loop.tick().state.current[0].id
    for place, (user, variant) in enumerate(
        [("ada", "plain"), ("bo", "warm"), ("ada", "warm"), ("cy", "worm"), ("bo", "warm")]
    ):
        log.record([decided(place, user, variant, name=name), answered(place, 1.0)])

    steps = [step.says for step in loop.tick().steps]
    assert "1 left out: of no variant that it has" in steps
    assert "1 left out: theirs saw another variant first" in steps
    assert [i["item_id"] for i in loop.state.current[0].items] == ["d0", "d1", "d4"]
    with pytest.raises(BadInput, match="units are not given here"):
        loop.tick(["ada"])


def test_people_are_what_is_planned_and_judged(tmp_path):
    """117 decisions of 39 people do not fill a plan of forty; the fortieth person does."""
    log = open_store("sqlite://").decisions
    loop = open_loop(tmp_path, log)
    loop.tick()
    rng, state = np.random.default_rng(0), loop.state

    def live(places):
        for place in places:
            user = f"u{place // 3}"
            ((name, arm),) = showing(state, user).items()
            reward = 3 * (arm.label == "warm") + rng.normal()
            log.record([decided(place, user, arm.label, name=name), answered(place, reward)])
        return loop.tick().verdicts

    assert live(range(117)) == ()
    (verdict,) = live(range(117, 120))
    assert sum(verdict.units.values()) == 40
    assert (verdict.winner, verdict.final) == ("warm", True)


def test_a_variant_that_is_no_text_is_refused_by_its_decision(tmp_path):
    log = open_store(f"sqlite:///{tmp_path}/app.db").decisions
    log.record([decided(0, "ada", ["plain"])])

    with pytest.raises(BadInput, match=r"'d0' must name its variant as a text"):
        decision_frame(log, "wording")


def test_the_longest_time_to_answer_is_still_a_time(tmp_path):
    log = open_store(f"sqlite:///{tmp_path}/app.db").decisions
    log.record([decided(0, "ada", "plain")])

    assert decision_frame(log, "wording", Counting(within=timedelta.max)).empty


def test_decisions_whose_time_is_not_over_are_told(cli):
    now = datetime.now(UTC)
    made = [decided(0, "ada", "plain"), decided(1, "ben", "warm"), decided(2, "cy", "warm", at=now)]
    open_store(STORE).decisions.record(made)

    told = cli("analyze", "--store", STORE, "--experiment", "wording", "--goal", "reward",
               "--within-hours", 24, "--unrewarded", 0)  # fmt: skip
    assert "1 decisions left out: their time to be answered is not over" in told.stderr


def test_the_docs_name_the_experiment_that_their_settings_make():
    page = (Path(__file__).parents[1] / "docs" / "experiments.md").read_text("utf-8")
    engine = HypothesisEngine(Ledger(":memory:"), space={"wording": ["plain", "warm"]})
    (made,) = engine.generate("tips", Analyzer(engine.ledger).analyze("tips"))

    assert f"--store sqlite:///app.db --experiment {made.id} --goal" in page
