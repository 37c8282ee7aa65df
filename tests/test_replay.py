"""The replay: production's answers, no look ahead, the tables of the paper."""

import os
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibrator.decisions import Outcome, Situation
from vibrator.errors import BadInput, UnknownName
from vibrator.intent.log import lay_out, split_point
from vibrator.intent.picks import PopularFirst
from vibrator.intent.policies import POLICIES, Blueprint, Planned, Slates, build_policy
from vibrator.intent.replay import PAPER_POLICIES, evaluate_policies_on_event_log
from vibrator.intent.state import IntentState
from vibrator.intent.summary import bootstrap_summary, friedman_nemenyi

SHARED = Path(__file__).parents[2] / "shared"
DATA = Path(os.environ.get("VIBRATOR_TEST_DATA", SHARED / "data"))
TABLES = DATA.parent / "expected" / "lamf" / "ml-100k"
DETERMINISTIC = PAPER_POLICIES[:3]
HOUR = 3600.0


def random_log(seed, users=5, items=12, categories=3, longest=32):
    """A log in which every item stays in one category, and no two events share a time."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(18, longest, size=users)
    item = rng.integers(0, items, size=counts.sum())
    events = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(users), counts),
            "item_id": item,
            "ts": rng.permutation(counts.sum()) * HOUR,
            "cat_idx": item % categories,
            "weight": rng.integers(1, 4, size=len(item)).astype(float),
        }
    )
    return events, {i: i % categories for i in range(items)}, categories


def step_by_step(events, mapping, categories, *, paper=False):
    """The slow way: production policies, one user and one event after the other."""
    timeline = lay_out(events, mapping, categories, paper=paper)
    popular = [str(timeline.item_ids[i]) for i in timeline.popular(paper=paper)]
    kinds = {str(item): category for item, category in mapping.items()}
    plan = Blueprint(picker=PopularFirst(popular, kinds), paper=paper)
    policies = {name: (build_policy(name, plan), np.random.default_rng(0)) for name in POLICIES}
    rows = []
    for user, ordered in events.sort_values(["user_id", "ts"]).groupby("user_id"):
        cut = int(split_point(np.array([len(ordered)]))[0])
        history, future = list(ordered.itertuples())[:cut], list(ordered.itertuples())[cut:]
        state, seen = IntentState(categories), set()
        for event in history:
            take(state, seen, event)
        for here, following in pairwise(future):
            if not paper:
                take(state, seen, here)
            for name, (policy, rng) in policies.items():
                situation = Situation(
                    user_id=str(user),
                    at=datetime.fromtimestamp(here.ts, UTC),
                    candidates=tuple(popular),
                    context={"seen": seen.copy()},
                    intent=state,
                )
                proposal = policy.propose(situation, {}, rng)
                rows.append(judged(user, name, proposal, str(following.item_id), situation, kinds))
                pay(policy, proposal, rows[-1])
            if paper:
                take(state, seen, here)
    means = pd.DataFrame(rows).groupby(["user", "policy"])[["conv", "trust", "vol"]].mean()
    return means.unstack("policy")


def take(state, seen, event):
    state.update(event.cat_idx, event.ts, event.weight)
    seen.add(str(event.item_id))


def judged(user, name, proposal, target, situation, kinds):
    slow = situation.intent.slow_prefs(situation.at)
    strongest = np.argsort(-slow, kind="stable")[:2]
    breach = bool(proposal.items) and slow.any() and kinds[proposal.items[0]] not in strongest
    shown = bool(proposal.items)
    return {
        "user": user,
        "policy": name,
        "conv": target in proposal.items,
        "trust": breach,
        "vol": shown,
    }


class Decided:
    """As much of a decision as a policy learns from."""

    decision_id = "replayed"

    def __init__(self, arm):
        self.arm = arm


def pay(policy, proposal, row):
    reward = float(row["conv"]) - 0.4 * float(row["trust"])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    policy.learn(
        Decided(proposal.arm), Outcome(decision_id="replayed", what="seen", at=at, reward=reward)
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([3, 6, 9, 14, 60]))
def test_a_replay_equals_production_step_by_step(seed, paper, items):
    log = random_log(seed, items=items)

    fast = evaluate_policies_on_event_log(*log, paper=paper)
    slow = step_by_step(*log, paper=paper)

    compared = POLICIES if items > 50 else DETERMINISTIC  # with nothing left, production masks arms
    for name in compared:
        for measure in ("conv", "trust", "vol"):
            assert fast[f"{measure}_{name}"].to_numpy() == pytest.approx(
                slow[measure][name].to_numpy(dtype=float)
            )


def test_blocks_of_users_do_not_change_anything(monkeypatch):
    log = random_log(1, users=40)
    whole = evaluate_policies_on_event_log(*log)

    monkeypatch.setattr("vibrator.intent.replay.BLOCK", 60)

    pd.testing.assert_frame_equal(evaluate_policies_on_event_log(*log), whole)


def test_the_order_of_rows_does_not_matter():
    events, *rest = random_log(2)
    shuffled = events.sample(frac=1.0, random_state=0)

    pd.testing.assert_frame_equal(
        evaluate_policies_on_event_log(shuffled, *rest),
        evaluate_policies_on_event_log(events, *rest),
    )


@pytest.mark.parametrize("paper", [False, True])
def test_the_last_event_judges_and_is_never_looked_at(paper):
    events, mapping, categories = random_log(3, users=30)
    last = events.sort_values("ts").groupby("user_id").tail(1).index
    other = events.copy()
    other.loc[last, "cat_idx"] = (other.loc[last, "cat_idx"] + 1) % categories
    other.loc[last, "weight"] = 50.0

    pd.testing.assert_frame_equal(
        evaluate_policies_on_event_log(other, mapping, categories, paper=paper),
        evaluate_policies_on_event_log(events, mapping, categories, paper=paper),
    )


def test_only_the_paper_pays_for_doing_nothing():
    log = random_log(4, users=60)
    volume = {
        paper: evaluate_policies_on_event_log(*log, paper=paper)["vol_Liquid+Bandits"].mean()
        for paper in (False, True)
    }

    assert volume[False] > volume[True] + 0.1


def test_a_policy_from_outside_is_replayed_by_name(monkeypatch):
    class Shy(Planned):
        name = "Shy"

        def plan(self, moments):
            return Slates(moments.last, np.zeros(len(moments.last), dtype=np.intp))

    monkeypatch.setitem(POLICIES, "Shy", lambda plan: Shy())
    per_user = evaluate_policies_on_event_log(*random_log(5), policies=["Shy"])

    assert per_user["vol_Shy"].sum() == 0
    with pytest.raises(UnknownName, match="Bold"):
        evaluate_policies_on_event_log(*random_log(5), policies=["Bold"])


def test_times_may_be_datetimes():
    events, *rest = random_log(6)
    aware = events.assign(ts=pd.to_datetime(events["ts"], unit="s", utc=True))

    pd.testing.assert_frame_equal(
        evaluate_policies_on_event_log(aware, *rest), evaluate_policies_on_event_log(events, *rest)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": -1.0}, "weight must"),
        ({"weight": np.nan}, "weight must"),
        ({"cat_idx": 9}, "cat_idx must"),
        ({"cat_idx": 0.5}, "cat_idx must"),
        ({"ts": pd.Timestamp("2026-01-01")}, "naive"),
        ({"ts": None}, "ts must"),
        ({"ts": np.inf}, "ts must"),
        ({"ts": "soon"}, "ts must"),
    ],
)
def test_events_that_break_rules_are_refused(change, words):
    events, *rest = random_log(7)

    with pytest.raises(BadInput, match=words):
        evaluate_policies_on_event_log(events.assign(**change), *rest)


def test_items_need_categories_that_exist():
    events, mapping, categories = random_log(7)

    for wrong in (categories, 0.5, -2):
        with pytest.raises(BadInput, match="item_to_cat_idx"):
            evaluate_policies_on_event_log(events, mapping | {0: wrong}, categories)


def test_logs_without_enough_history_are_refused():
    events, mapping, categories = random_log(8)

    with pytest.raises(BadInput, match="missing"):
        evaluate_policies_on_event_log(events.drop(columns="ts"), mapping, categories)
    with pytest.raises(BadInput, match="10 events"):
        evaluate_policies_on_event_log(events.head(4), mapping, categories)
    with pytest.raises(BadInput, match="3 decisions"):
        evaluate_policies_on_event_log(events.groupby("user_id").head(12), mapping, categories)
    with pytest.raises(BadInput, match="theta"):
        evaluate_policies_on_event_log(events, mapping, categories, theta=0.9, theta_safe=0.5)
    with pytest.raises(BadInput, match="top_k"):
        evaluate_policies_on_event_log(events, mapping, categories, top_k=2.5)  # type: ignore[arg-type]
    for policies in ((), ("Static", "Static")):
        with pytest.raises(BadInput, match="policies"):
            evaluate_policies_on_event_log(events, mapping, categories, policies=policies)


def test_a_summary_compares_with_triggers_and_prices_trust():
    per_user = evaluate_policies_on_event_log(*random_log(9, users=30))

    summary, pvals = bootstrap_summary(per_user, n_bootstrap=50, trust_weight=2.0)

    net = summary["conversion_mean"] - 2.0 * summary["trust_mean"]
    assert summary["net_mean"].to_numpy() == pytest.approx(net.to_numpy())
    assert pvals["p_value_bootstrap"].min() >= 1 / 51
    assert set(pvals["comparison"]) == {f"{n} vs Triggers" for n in POLICIES if n != "Triggers"}


@pytest.mark.skipif(not TABLES.is_dir(), reason="the outside tables are not beside the repository")
def test_the_papers_tables_come_out():
    from vibrator.datasets.movielens import load_movielens

    per_user = evaluate_policies_on_event_log(*load_movielens(DATA / "ml-100k"), paper=True)
    summary, pvals = bootstrap_summary(per_user, paper=True)
    omnibus, posthocs = friedman_nemenyi(per_user)
    expected = {path.stem: pd.read_csv(path) for path in TABLES.glob("*.csv")}

    ruled = [c for c in per_user if c.partition("_")[2] in DETERMINISTIC]
    assert np.isclose(per_user[ruled], expected["per_user"][ruled]).all(axis=1).mean() >= 0.98
    means = expected["summary"].columns[1:]
    assert summary[means].to_numpy() == pytest.approx(
        expected["summary"][means].to_numpy(), abs=1e-3
    )
    assert omnibus["friedman_chi2"].to_numpy() == pytest.approx(
        expected["friedman"]["friedman_chi2"].to_numpy(), rel=0.01
    )
    assert posthocs["conv"].to_numpy() == pytest.approx(
        expected["posthoc_conv"].iloc[:, 1:].to_numpy(), abs=0.01
    )
    assert pvals["p_value_bootstrap"].min() == 0.0
