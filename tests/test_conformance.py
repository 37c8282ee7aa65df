"""One loop, proved: one store file is lived in, then read by everything that reads logs.

Action → score → Decision → Outcome is lived once, on SQLite; replay, simulation, experiments,
evaluation and lifetime value then all work from that file, and agree on what it says.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from vibrator.actions import UserAction
from vibrator.bandits.bandit import bandit
from vibrator.bandits.evaluate import evaluate_policy
from vibrator.bandits.logs import log_of_decisions
from vibrator.bandits.policy import BanditPolicy, slider_scores
from vibrator.calibration.measures import calculate_brier_score
from vibrator.decisions import NOTHING
from vibrator.encoder import InstructionalEncoder
from vibrator.experiments.adapters import DecisionLogAdapter, decision_frame
from vibrator.experiments.analysis import analyze
from vibrator.experiments.assignment import Allocation
from vibrator.experiments.design import Experiment, Metric, Variant
from vibrator.experiments.estimators import Columns
from vibrator.intent.guards import FrequencyCap
from vibrator.intent.replay import evaluate_policies_on_event_log
from vibrator.ltv.bridge import join_columns, slider_columns
from vibrator.ltv.frames import Snapshot, frame_from_actions
from vibrator.personalizer import Personalizer
from vibrator.simulate import RuleJudge, Tip, standard_world
from vibrator.simulate.end_to_end import Taste, rehearse_end_to_end
from vibrator.simulate.fidelity import behaviour_of, fidelity
from vibrator.simulate.tips import TOPICS
from vibrator.stores.journal import ACTION, to_action
from vibrator.stores.ports import Which

ENCODER = InstructionalEncoder("embedded")
PEOPLE = standard_world()
SLIDERS = {text: text for text in sorted({text for one in PEOPLE for text in one.sliders})}
ITEMS = {f"text-{n}": text for n, text in enumerate(TOPICS)}
START = datetime(2026, 1, 5, 6, tzinfo=UTC)
DECISIONS = 240
EVERY = timedelta(minutes=90)
WORDING = Allocation(experiment_id="wording", weights={"plain": 1, "warm": 1})


class Clock:
    now = START

    def __call__(self):
        return self.now


def open_file(path, clock):
    explorer = bandit("epsilon-greedy", arms=["any"], d=len(SLIDERS) + 1, shared=True, epsilon=0.4)
    return Personalizer.open(
        f"sqlite:///{path}", sliders=SLIDERS, encoder=ENCODER, clock=clock,
        policy=BanditPolicy(explorer, slider_scores, nothing_worth=-0.5),
        guards=(FrequencyCap(8, timedelta(days=1)),), rng=np.random.default_rng(0),
    )  # fmt: skip


def live(app, clock):
    """Everybody reads, is decided for, answers, and now and then pays."""
    rng, judge = (
        np.random.default_rng(1),
        RuleJudge("smooth", taste=Taste(ENCODER, SLIDERS, TOPICS)),
    )
    app.add_items(ITEMS)
    for person in PEOPLE:
        app.observe(person.name, UserAction("open", TOPICS[rng.integers(len(TOPICS))]))
    for number in range(DECISIONS):
        clock.now = START + EVERY * (number + 1)
        person = PEOPLE[rng.integers(len(PEOPLE))]
        variant = WORDING.assign_one(person.name)
        decision = app.decide(person.name, list(ITEMS), {"experiments": {"wording": variant}})
        if decision.acted:
            answer(app, clock, judge, (person, decision.chosen[0], decision.decision_id), rng)


def answer(app, clock, judge, shown, rng):
    person, item, decision_id = shown
    seen = judge.judge(person, Tip(item, ITEMS[item]), clock.now.hour, clock.now.weekday(), rng)
    app.outcome(decision_id, seen.action, item_id=item, dwell=float(seen.dwell_ms),
                reward=seen.reward, outcome_id=f"of {decision_id}")  # fmt: skip
    if seen.action == "done":
        kind, paid = ("purchase", {"amount": 5.0}) if rng.random() < 0.3 else ("open", {})
        app.observe(person.name, UserAction(kind, ITEMS[item], metadata=paid))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path, clock = tmp_path_factory.mktemp("loop") / "loop.db", Clock()
    with open_file(path, clock) as app:
        live(app, clock)
    return path


@pytest.fixture
def app(file):
    clock = Clock()
    clock.now = START + EVERY * (DECISIONS + 1)
    with open_file(file, clock) as opened:
        yield opened


def decisions(app):
    return list(app.store.decisions.decisions(Which()))


def outcomes(app):
    return [(decision, outcome) for _, decision, outcome in app.store.decisions.outcomes(Which())]


def actions(app):
    return [to_action(event) for event in app.store.events.read(Which(kinds=(ACTION,)))]


def test_the_file_holds_the_whole_loop(app):
    made, told = decisions(app), outcomes(app)
    assert len(made) == DECISIONS
    assert len(told) == sum(decision.acted for decision in made) > 50
    assert {decision.arm == NOTHING for decision in made} == {True, False}
    assert app.report().decisions == DECISIONS


def test_every_decision_kept_what_later_questions_need(app):
    for decision in decisions(app):
        assert decision.propensities[decision.arm] == decision.propensity > 0
        assert sum(decision.propensities.values()) == pytest.approx(1)
        assert not any(decision.propensities.get(item, 0.0) for item in decision.refusals)
        assert decision.versions["encoder"] == ENCODER.fingerprint


def test_an_outcome_that_is_told_again_changes_nothing(app):
    decision, outcome = outcomes(app)[0]
    assert not app.outcome(decision.decision_id, outcome.what, outcome_id=outcome.outcome_id)
    assert len(outcomes(app)) == sum(one.acted for one in decisions(app))


def test_state_is_a_fold_of_the_log(app):
    before = {person.name: app.score(person.name, ITEMS) for person in PEOPLE}
    app.rebuild()
    for name, scored in before.items():
        for item, scores in app.score(name, ITEMS).items():
            for slider, output in scores.items():
                assert output.raw_score == pytest.approx(scored[item][slider].raw_score, abs=1e-6)


def test_replay_reads_the_file(app):
    categories = {text: place // 2 for place, text in enumerate(TOPICS)}  # two texts a topic
    events = pd.DataFrame(
        {
            "user_id": [action.user_id for action in actions(app)],
            "item_id": [action.content for action in actions(app)],
            "ts": pd.to_datetime([action.timestamp for action in actions(app)]),
            "cat_idx": [categories[action.content] for action in actions(app)],
            "weight": [action.weight for action in actions(app)],
        }
    )
    told = evaluate_policies_on_event_log(events, categories, 3)
    assert set(told["user_id"]) <= {person.name for person in PEOPLE}
    assert told.filter(like="conv_").to_numpy().min() >= 0


def test_the_simulator_is_compared_with_the_file(app):
    lived = rehearse_end_to_end(events=60, seed=3, encoder=ENCODER).behaviour("linucb")
    rows = fidelity(lived, behaviour_of(outcomes(app)), np.random.default_rng(0))
    assert {row.measure for row in rows} >= {"action mix", "dwell"}
    assert all(0 <= row.low <= row.distance <= row.high for row in rows)


def test_the_experiment_is_read_from_the_file(app):
    frame = decision_frame(app.store.decisions, "wording")
    answered = {decision.decision_id for decision, _ in outcomes(app)}
    assert set(frame["id"][frame["reward"].notna()]) == answered
    assert [WORDING.assign_one(user) for user in frame["user_id"]] == frame["variant"].tolist()
    experiment = Experiment(
        id="wording", domain="tips", variable="wording",
        variants=(Variant("plain"), Variant("warm")), metrics=(Metric(name="reward"),),
    )  # fmt: skip
    told = frame.dropna()
    verdict = analyze(experiment, told, columns=Columns(cluster="user_id"))
    assert len(told) == len(answered)
    assert sum(verdict.units.values()) == told["user_id"].nunique()  # people were assigned


def test_what_the_experiment_and_the_evaluation_call_reward_is_the_same(app):
    log = log_of_decisions(decisions(app), [outcome for _, outcome in outcomes(app)])
    adapter = DecisionLogAdapter(app.store.decisions)
    made = adapter.collect_metrics([decision.decision_id for decision in decisions(app)])
    rows = [row for row in made if row["reward"] is not None]
    assert log.rewards.sum() == pytest.approx(sum(row["reward"] for row in rows))
    assert app.report().mean_reward == pytest.approx(np.mean([row["reward"] for row in rows]))


def test_evaluating_the_policy_that_logged_gives_what_it_earned(app):
    log = log_of_decisions(decisions(app), [outcome for _, outcome in outcomes(app)])
    found = evaluate_policy(log, log.behaviour, np.random.default_rng(0))
    weighted = next(value for value in found.values if value.estimator == "ips")
    assert found.overlap.mean_weight == pytest.approx(1)
    assert weighted.value == pytest.approx(log.rewards.mean())


def test_what_was_said_is_measured_against_what_happened(app):
    pairs = [(decision.features["said"], outcome.reward) for decision, outcome in outcomes(app)]
    said = [max(chances.values()) for chances, _ in pairs]
    liked = [int(reward > 0) for _, reward in pairs]
    assert 0 < calculate_brier_score(said, liked) < 1


def test_lifetime_value_is_labelled_from_the_file(app):
    snapshot = Snapshot(watch=timedelta(days=2), horizons=(1, 7))
    done, until = actions(app), START + EVERY * DECISIONS
    rows = frame_from_actions(done, snapshot, until=until)
    paid = [a for a in done if a.action_type == "purchase"]
    assert 0 < rows["iap_revenue_d7"].sum() <= 5.0 * len(paid)
    scored = {
        person.name: list(app.score(person.name, [TOPICS[0]])[TOPICS[0]].values())
        for person in PEOPLE
    }
    joined = join_columns(rows, slider_columns(scored), user="user_id")
    assert joined.filter(like="slider_").notna().all(axis=None)


def test_forgetting_one_person_leaves_a_file_that_still_says_the_rest(file, tmp_path):
    copy = tmp_path / "copy.db"
    copy.write_bytes(file.read_bytes())
    clock = Clock()
    clock.now = START + EVERY * (DECISIONS + 1)
    with open_file(copy, clock) as app:
        before = len(decisions(app))
        gone = sum(decision.user_id == PEOPLE[0].name for decision in decisions(app))
        app.forget(PEOPLE[0].name)
        assert len(decisions(app)) == before - gone
        log = log_of_decisions(decisions(app), [outcome for _, outcome in outcomes(app)])
        assert len(log) == before - gone
