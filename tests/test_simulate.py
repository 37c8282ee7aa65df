"""Rehearsal: formulas, judges, worlds, runs, tables, likeness."""

import json
import math
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

from vibrator.bandits import EgreedyV1
from vibrator.cli import build
from vibrator.decisions import Decision, Outcome
from vibrator.errors import (
    ArtefactError,
    BadInput,
    LimitReached,
    ModelUnavailable,
    StoreError,
    UnknownName,
)
from vibrator.http import AnthropicModel, OpenAIModel
from vibrator.rewards import infer_reward
from vibrator.simulate import (
    Behaviour,
    Budget,
    CommandJudge,
    LLMJudge,
    Persona,
    Plan,
    Rehearsals,
    ReplayJudge,
    RuleJudge,
    Tip,
    World,
    differences,
    draw_tips,
    fidelity,
    fragment,
    judge,
    open_model,
    persona,
    policy_rows,
    read_personas,
    register_persona,
    rehearse,
    report_data,
    report_page,
    standard_world,
    stream,
)
from vibrator.simulate.fidelity import verdict as likeness_verdict
from vibrator.simulate.llm import prompt_of
from vibrator.simulate.personas import by_day
from vibrator.simulate.results import reward_curves
from vibrator.simulate.world import Episode
from vibrator.stores import Which, open_store

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ADA, TIP = standard_world()[0], Tip("t1", "renew the certificate", 4, is_overdue=True)
SMALL = Plan(("random", "linucb"), events=120, seeds=3)


def published(p, tip, hour, r, u):
    """The published formula once more, written from its description alone."""
    e = 0.35 + ((tip.priority - 1) / 3 - 0.5) * p.prefers_high_priority * 0.4
    e += (p.prefers_overdue - 0.5) * 0.3 if tip.is_overdue else 0.0
    mine = (p.morning_active and 5 <= hour <= 10) or (p.evening_active and 18 <= hour <= 22)
    e += 0.15 if mine else -0.1 if p.morning_active or p.evening_active else 0.0
    e = float(np.clip(e, 0.05, 0.90))
    if r < 0.55 * e:
        low, high = (15, 90) if e >= 0.7 else (120, 480) if e >= 0.5 else (600, 1800)
        return "done", int(1000 * (low + (high - low) * u))
    return ("snooze", int(1000 * (3 + 17 * u))) if r < e else ("dismiss", int(1000 * (1 + 4 * u)))


def test_the_rule_judge_is_the_published_formula_on_ten_thousand_cases():
    rng = np.random.default_rng(0)
    tips = draw_tips(rng, 10_000)
    for n, tip in enumerate(tips):
        person = Persona(
            "p", "", float(rng.uniform(-1, 1)), float(rng.random()), bool(rng.random() < 0.5),
            bool(rng.random() < 0.5),
        )  # fmt: skip
        hour, dice = int(rng.integers(24)), np.random.default_rng(n)
        r, u = np.random.default_rng(n).random(2)

        seen = RuleJudge().judge(person, tip, hour, n % 7, dice)
        action, dwell = published(person, tip, hour, r, u)
        assert seen == (action, dwell, infer_reward(action, dwell))


@pytest.mark.parametrize("rules", ["published", "smooth"])
def test_the_expected_reward_is_the_mean_of_many(rules):
    made, rng = RuleJudge(rules), np.random.default_rng(1)
    for tip, hour, day in ((TIP, 7, 2), (Tip("t", "x", 1, task_age_days=20.0), 14, 6)):
        rewards = [made.judge(ADA, tip, hour, day, rng).reward for _ in range(8_000)]
        error = 4 * np.std(rewards) / math.sqrt(8_000)
        assert np.mean(rewards) == pytest.approx(made.expected(ADA, tip, hour, day), abs=error)


def test_the_smoothed_rules_know_age_weekday_and_reflex_and_do_not_jump():
    made, rng = RuleJudge("smooth"), np.random.default_rng(2)
    fresh, old = (Tip("t", "x", 3, task_age_days=days) for days in (0.0, 30.0))
    steps = np.array(
        [
            made.expected(Persona("p", prefers_high_priority=p), TIP, 8, 0)
            for p in np.linspace(-1, 1, 401)
        ]
    )

    assert made.engagement(ADA, old, 8, 0) < made.engagement(ADA, fresh, 8, 0)
    assert made.engagement(ADA, fresh, 8, 6) < made.engagement(ADA, fresh, 8, 0)
    assert abs(np.diff(steps)).max() < 0.02
    seen = [made.judge(Persona("p"), old, 14, 0, rng) for _ in range(3_000)]
    assert any(v.action == "done" and v.dwell_ms < 15_000 and v.reward == -0.3 for v in seen)


def test_the_published_signature_judges():
    seen = judge(ADA, TIP, 8, 0, np.random.default_rng(0))

    assert seen == RuleJudge().judge(ADA, TIP, 8, 0, np.random.default_rng(0))
    with pytest.raises(ModelUnavailable):
        judge(ADA, TIP, 8, 0, np.random.default_rng(0), use_llm=True)


def test_taste_for_the_words_moves_the_engagement():
    liked = RuleJudge(taste=lambda person, tip: 0.2 if "certificate" in tip.content else 0.0)
    neutral = Persona("p")

    gap = liked.engagement(neutral, TIP, 8, 0) - RuleJudge().engagement(neutral, TIP, 8, 0)
    assert gap == pytest.approx(0.2)


def test_the_standard_world_has_five_different_people():
    people = standard_world()

    assert len({(p.prefers_high_priority, p.prefers_overdue) for p in people}) == 5
    assert persona("Ada") == people[0]
    with pytest.raises(UnknownName):
        persona("Zoe")


def test_personas_come_from_yaml_and_are_checked(tmp_path):
    good = tmp_path / "people.yaml"
    good.write_text("- {name: Zoe, prefers_overdue: 0.7, sliders: {trails: 1}}\n")

    assert read_personas(good)[0].prefers_overdue == 0.7
    for text in (
        "- {nom: Zoe}",
        "[]",
        "a: [",
        "- {name: a}\n- {name: a}",
        "- {name: a, noise: -1}",
        "- {name: a, sliders: [1]}",
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(BadInput):
            read_personas(tmp_path / "bad.yaml")
    with pytest.raises(BadInput):
        read_personas(tmp_path / "absent.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="UTF-8"):
        read_personas(tmp_path / "bad.yaml")


def test_a_name_is_registered_for_one_persona():
    register_persona(Persona("Registered", prefers_overdue=0.2))

    assert persona("Registered").prefers_overdue == 0.2
    with pytest.raises(BadInput):
        register_persona(Persona("Registered", prefers_overdue=0.3))


def test_preferences_drift_day_by_day_within_their_range():
    days = by_day(Persona("p", drift=0.3), 200, np.random.default_rng(0))
    moved = [p.prefers_high_priority for p in days]

    assert by_day(Persona("p"), 3, np.random.default_rng(0)) == [Persona("p")] * 3
    assert len(set(moved)) == 200
    assert -1 <= min(moved) < -0.5 < 0.5 < max(moved) <= 1


def test_every_policy_meets_the_same_events_and_dice():
    one, two = (Episode(World(), 7, 50) for _ in range(2))

    for event, again in zip(one.events, two.events, strict=True):
        assert event.tips == again.tips
        assert one.verdict(event, 2) == two.verdict(again, 2)


def test_the_same_plan_gives_the_same_runs_in_one_process_or_two():
    alone, shared = rehearse(SMALL), rehearse(SMALL, workers=2)

    for left, right in zip(alone, shared, strict=True):
        assert (left.policy, left.seed, left.actions) == (right.policy, right.seed, right.actions)
        assert np.array_equal(left.places, right.places)


def test_no_policy_beats_the_oracle_in_expectation():
    runs = rehearse(SMALL)

    assert all((run.regret >= 0).all() for run in runs)
    assert all(run.regret.sum() == 0 for run in runs if run.policy == "oracle")


def test_linear_policies_learn_what_random_does_not():
    runs = rehearse(Plan(("random", "linucb", "lints"), events=1500, seeds=3))
    expected = {run.policy: [] for run in runs}
    for run in runs:
        expected[run.policy].append(run.expected.mean())

    gained = {
        name: np.mean(values) - np.mean(expected["random"]) for name, values in expected.items()
    }
    assert gained["linucb"] > 0.02
    assert gained["lints"] > 0.01


def test_lost_rewards_teach_nothing():
    taught, blind = (
        rehearse(Plan(("epsilon-greedy:epsilon=0",), 60, 1, world=World(missing=share)))[0]
        for share in (0.0, 1.0)
    )

    assert np.allclose(blind.propensities, 0.2)  # all tips alike to the end
    assert set(taught.propensities[-20:]) == {1.0}


def test_late_rewards_arrive_late():
    world = World(mean_delay=1e6)
    late = rehearse(Plan(("epsilon-greedy:epsilon=0",), 60, 1, world=world))[0]

    assert np.allclose(late.propensities, 0.2)


def test_differences_are_paired_and_say_how_many_events_would_show_them():
    runs = rehearse(Plan(("random", "linucb"), events=300, seeds=4))
    rows = {row.policy: row for row in differences(runs, "random")}

    assert rows["oracle"].low < rows["oracle"].difference < rows["oracle"].high
    assert rows["oracle"].verdict == "better"
    assert rows["oracle"].events > 10
    with pytest.raises(BadInput):
        differences(runs, "lints")


def test_one_seed_gives_no_interval():
    rows = policy_rows(rehearse(Plan(("random",), events=40, seeds=1)))

    assert all(row.low is None and row.high is None for row in rows)


@pytest.mark.parametrize(
    "complaint",
    [
        lambda: Plan(("linugb",)),
        lambda: Plan(("ucb1",)),
        lambda: Plan(("linucb:optimism",)),
        lambda: Plan(("linucb:wings=2",)),
        lambda: Plan(("random", "random")),
        lambda: Plan(events=0),
        lambda: World(personas=()),
        lambda: World(missing=1.5),
        lambda: World(mean_delay=-1),
        lambda: RuleJudge("rough"),
        lambda: CommandJudge(()),
        lambda: Tip("t", "x", priority=7),
        lambda: Persona("p", prefers_high_priority=3.0),
        lambda: list(
            stream(
                Plan(world=World(judge=LLMJudge(open_model("openai:m", fall_back=True)))), workers=2
            )
        ),
    ],
)
def test_bad_plans_are_refused(complaint):
    with pytest.raises((BadInput, UnknownName)):
        complaint()


def test_runs_are_kept_seed_by_seed_and_exported(tmp_path):
    kept, runs = Rehearsals(tmp_path / "store.db"), []
    kept.begin("r1", SMALL, NOW)
    for seed_runs in stream(SMALL):
        runs += seed_runs
        kept.keep("r1", seed_runs, runs)

    [row] = kept.runs()
    assert (row["seeds_done"], row["plan"]["events"], len(row["summary"])) == (3, 120, 3)
    assert kept.export("r1", tmp_path / "events.jsonl") == 3 * 3 * 120
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["policy"] == "linucb"
    with pytest.raises(BadInput):
        kept.begin("r1", SMALL, NOW)
    with pytest.raises(BadInput):
        kept.export("r1", tmp_path / "events.xlsx")
    with pytest.raises(UnknownName):
        list(kept.events("r2"))


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "store.db").write_text("not a database, whatever its name says" * 100)

    with pytest.raises(StoreError):
        Rehearsals(tmp_path / "store.db")


@pytest.mark.integration
def test_events_are_exported_as_parquet(tmp_path):
    import pyarrow.parquet

    kept = Rehearsals(tmp_path / "store.db")
    kept.begin("r1", SMALL, NOW)
    kept.keep("r1", rehearse(Plan(("random",), 40, 1)), rehearse(Plan(("random",), 40, 1)))

    assert kept.export("r1", tmp_path / "e.parquet") == 80
    assert pyarrow.parquet.read_table(tmp_path / "e.parquet").num_rows == 80


def test_the_tables_stand_beside_those_of_the_store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'app.db'}")
    Rehearsals(tmp_path / "app.db").begin("r1", SMALL, NOW)
    store.close()

    open_store(f"sqlite:///{tmp_path / 'app.db'}").close()
    assert len(Rehearsals(tmp_path / "app.db").runs()) == 1


def test_the_report_says_what_happened():
    runs = rehearse(SMALL)
    data = report_data(runs)

    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert {row["policy"] for row in data["policies"]} == {"random", "linucb", "oracle"}
    assert "<svg" in fragment(runs)
    assert "http" not in report_page(runs).replace("http://www.w3.org/2000/svg", "")
    assert all(curve.events[-1] == 120 for curve in reward_curves(runs))


def behaviour(rng, n, *, done=0.3, slope=0.0, scale=1.0):
    scores = rng.random(n)
    chance = done + slope * (scores - 0.5)
    actions = np.where(rng.random(n) < chance, "done", "dismiss")
    return Behaviour(tuple(actions), scale * rng.exponential(1000, n), scores)


def test_a_faithful_simulator_passes_and_an_unlike_one_does_not():
    rng = np.random.default_rng(3)
    real = behaviour(rng, 600, slope=0.6)
    alike = fidelity(behaviour(rng, 600, slope=0.6), real, rng)
    unlike = fidelity(behaviour(rng, 600, done=0.5, scale=3.0), real, rng)

    assert sum(row.alike for row in alike) >= 2  # each is wrong once in twenty
    assert [row.alike for row in unlike] == [False, False, False]
    assert "do not trust it yet" in likeness_verdict(unlike)
    assert all(row.low <= row.distance <= row.high for row in alike)


def test_likeness_needs_enough_to_look_at():
    with pytest.raises(BadInput):
        Behaviour(("done",) * 5, np.ones(5))


def test_a_command_judges(tmp_path):
    program = tmp_path / "judge.py"
    program.write_text(
        "import json, sys\nq = json.load(sys.stdin)\n"
        "print('done' if q['is_overdue'] else json.dumps({'action': 'snooze', 'dwell_ms': 5}))\n"
    )
    made = CommandJudge((sys.executable, str(program)))

    assert made.judge(ADA, TIP, 8, 0, np.random.default_rng(0)).action == "done"
    assert made.judge(ADA, Tip("t", "x"), 8, 0, np.random.default_rng(0)).dwell_ms == 5
    for body in ("print('maybe')", "raise SystemExit(3)"):
        program.write_text(body)
        with pytest.raises(ModelUnavailable):
            made.judge(ADA, TIP, 8, 0, np.random.default_rng(0))
    with pytest.raises(ModelUnavailable):
        CommandJudge(("/no/such/program",)).judge(ADA, TIP, 8, 0, np.random.default_rng(0))


def test_a_log_is_played_back():
    context = {"priority": 4, "is_overdue": True, "hour": 8}
    decision = Decision(
        decision_id="d", user_id="ada", at=NOW, candidates=("t",), chosen=("t",), arm="t",
        propensity=1.0, reason="log", context=context,
    )  # fmt: skip
    outcome = Outcome(decision_id="d", what="done", at=NOW, dwell_ms=60_000)
    made = ReplayJudge([(decision, outcome)])

    assert made.judge(ADA, TIP, 9, 0, np.random.default_rng(0)) == ("done", 60_000, 1.0)
    with pytest.raises(UnknownName):
        made.judge(ADA, TIP, 20, 0, np.random.default_rng(0))


class Answers:
    """A model that answers from a list and keeps what it was asked."""

    def __init__(self, *words):
        self.words, self.asked = list(words), []

    def __repr__(self):
        return "Answers()"

    def complete(self, prompt):
        self.asked.append(prompt)
        return self.words[(len(self.asked) - 1) % len(self.words)]


def test_the_prompt_states_everything():
    asked = prompt_of(ADA, TIP, 8, 5)

    for part in (
        ADA.name,
        ADA.description,
        TIP.content,
        "urgent",
        "Overdue: yes",
        "morning",
        "Saturday",
        "8:00",
    ):
        assert part in asked


def test_a_models_word_is_checked_cached_and_compared(tmp_path):
    model, rng = Answers("Done."), np.random.default_rng(0)
    made = LLMJudge(model, cache=tmp_path / "answers.jsonl", budget=Budget(price_a_call=0.01))
    for _ in range(3):
        assert made.judge(ADA, TIP, 8, 0, rng).action == "done"
    again = LLMJudge(model, cache=tmp_path / "answers.jsonl")
    again.judge(ADA, TIP, 8, 0, rng)

    report = made.report()
    assert (report["calls"], report["cached"], report["money"]) == (1, 2, 0.01)
    assert 0 <= report["rule_chance"] <= 1
    assert len(model.asked) == 1


def test_what_is_no_word_is_refused_and_fall_backs_are_counted():
    rng = np.random.default_rng(0)
    with pytest.raises(ModelUnavailable):
        LLMJudge(Answers("I would be done with it")).judge(ADA, TIP, 8, 0, rng)

    made = LLMJudge(Answers("perhaps"), fall_back=True)
    made.judge(ADA, TIP, 8, 0, rng)
    assert made.report()["fallbacks"] == 1
    assert made.report()["fallback_reasons"] == {"ModelUnavailable": 1}


@pytest.mark.parametrize("budget", [Budget(calls=2), Budget(money=0.05, price_a_call=0.02)])
def test_the_budget_is_kept(budget):
    made, rng = LLMJudge(Answers("done"), budget=budget), np.random.default_rng(0)
    for hour in (8, 9):
        made.judge(ADA, TIP, hour, 0, rng)

    with pytest.raises(LimitReached):
        made.judge(ADA, TIP, 10, 0, rng)


def test_without_a_key_a_model_is_refused_unless_a_fall_back_was_asked_for(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ModelUnavailable):
        open_model("openai:any")
    with pytest.raises(UnknownName):
        open_model("elsewhere:any")

    made = LLMJudge(open_model("openai:any", fall_back=True), fall_back=True)
    made.judge(ADA, TIP, 8, 0, np.random.default_rng(0))
    assert made.report()["fallbacks"] == 1


def test_a_torn_cache_is_refused(tmp_path):
    (tmp_path / "answers.jsonl").write_text('["k", "done"]\n["k2", "do')

    with pytest.raises(ArtefactError, match="line 2"):
        LLMJudge(Answers("done"), cache=tmp_path / "answers.jsonl")


class Speaks(BaseHTTPRequestHandler):
    seen: ClassVar[list] = []

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, asked))
        answer = (
            {"content": [{"type": "text", "text": "snooze"}], "stop_reason": "end_turn"}
            if self.path.endswith("/messages")
            else {"choices": [{"message": {"content": "snooze"}, "finish_reason": "stop"}]}
        )
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("kind", [OpenAIModel, AnthropicModel])
def test_a_real_endpoint_is_asked_directly_at_temperature_zero(kind, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a proxy nobody answers at
    with ThreadingHTTPServer(("127.0.0.1", 0), Speaks) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        model = kind("tiny", url=f"http://127.0.0.1:{server.server_port}")
        seen = LLMJudge(model).judge(ADA, TIP, 8, 0, np.random.default_rng(0))
        server.shutdown()

    assert seen.action == "snooze"
    assert Speaks.seen[-1][1]["temperature"] == 0.0


def test_the_command_line_rehearses(tmp_path):
    base = ["simulate", "random", "linucb", "--events", "40", "--seeds", "2", "--format", "json"]
    asked = [
        *base,
        "--compare",
        "--html",
        str(tmp_path / "r.html"),
        "--store",
        str(tmp_path / "s.db"),
    ]
    result = CliRunner().invoke(build(), asked)

    assert result.exit_code == 0, result.output
    assert {row["policy"] for row in json.loads(result.stdout)} == {"linucb", "oracle"}
    assert "<svg" in (tmp_path / "r.html").read_text()
    assert len(Rehearsals(tmp_path / "s.db").runs()) == 1


def test_a_log_of_egreedy_v1_is_compared_with_and_played_back(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'app.db'}")
    tips, rng = EgreedyV1(store.decisions), np.random.default_rng(0)
    for n, tip in enumerate(draw_tips(rng, 60)):
        tips.score("ada", [tip.facts], at=NOW, decision_id=f"e{n}", rng=rng)
        tips.reward(f"e{n}", "done", dwell_ms=60_000, at=NOW)
    store.close()
    asked = ["simulate", "random", "--events", "40", "--seeds", "1", "--log"]
    result = CliRunner().invoke(build(), [*asked, str(tmp_path / "app.db")])

    assert result.exit_code == 0, result.output
    assert "do not trust it yet" in result.stderr.replace("\n", " ")
    again = open_store(f"sqlite:///{tmp_path / 'app.db'}")
    pairs = [(decision, came) for _, decision, came in again.decisions.outcomes(Which())]
    again.close()
    played = ReplayJudge(pairs).judge(ADA, Tip("t", "x", 2), 9, 0, rng)
    assert played == ("done", 60_000, 1.0)


def test_the_command_line_evaluates_a_policy_on_our_own_log(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'app.db'}")
    tips, rng = EgreedyV1(store.decisions, epsilon=0.5), np.random.default_rng(0)
    for n in range(80):
        shown = [tip.facts for tip in draw_tips(rng, 3, prefix=f"day{n}")]
        tips.score("ada", shown, at=NOW, decision_id=f"e{n}", rng=rng)
        tips.reward(f"e{n}", "done", dwell_ms=60_000 if n % 2 else 300_000, at=NOW)
    store.close()
    asked = ["evaluate-policy", str(tmp_path / "app.db"), "--format", "json"]
    rows = json.loads(CliRunner().invoke(build(), asked).stdout)

    assert {row["estimator"]: row["value"] for row in rows}["snips"] == pytest.approx(0.8, abs=0.1)


def test_the_command_line_evaluates_a_policy(tmp_path):
    rows = "\n".join(f"{n},{n % 3},1,{int(n % 7 == 0)},{1 / 3}" for n in range(300))
    (tmp_path / "log.csv").write_text(f",item_id,position,click,propensity_score\n{rows}\n")
    result = CliRunner().invoke(
        build(),
        ["evaluate-policy", str(tmp_path / "log.csv"), "--target", "always:1", "--format", "json"],
    )

    assert result.exit_code == 0, result.output
    assert {row["estimator"] for row in json.loads(result.stdout)} >= {"ips", "dr", "dros"}
