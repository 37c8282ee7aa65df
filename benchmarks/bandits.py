"""Bandits beside mabwiser, off-policy intervals over a thousand logs, and the standard world.

python benchmarks/bandits.py [--data-dir DIR] [--seeds 20] [--events 4000] [--workers 1]
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from mabwiser.mab import MAB, LearningPolicy
from threadpoolctl import threadpool_limits

from vibrator.bandits import bandit, evaluate_by_position, evaluate_policy, read_open_bandit
from vibrator.bandits.estimators import ESTIMATORS, UNBIASED, dros, rounds, switch_dr
from vibrator.bandits.evaluate import analytic_interval, anytime_interval, bounded_sequence
from vibrator.bandits.logs import BanditLog
from vibrator.bandits.models import LinearModel
from vibrator.bandits.reward_model import cross_fitted_rewards
from vibrator.rewards import infer_reward
from vibrator.simulate import (
    Persona,
    Plan,
    RuleJudge,
    differences,
    draw_tips,
    policy_rows,
    rehearse,
)

ARMS = [str(place) for place in range(10)]
REPEATS = 9
BEHAVIOUR = np.array([[1.0, -1.0, 0.5, 0.0], [0.0, 0.5, -0.5, 0.2]]) * 0.6
EFFECT = np.array([[0.6, -0.8, 0.9, 0.0], [0.5, 0.4, -0.6, -0.7]])
BASE = np.array([-0.5, 0.2, 0.8, 1.5])
TARGET = np.array([0.1, 0.2, 0.3, 0.4])
LOGS, ROUNDS = 1000, 2000
LOOKS = (100, 150, 200, 300, 500, 800, 1200, 2000)


def a_second(work, calls):
    """Calls a second of processor time, so that other processes on the machine do not count."""
    begun = time.process_time()
    work()
    return calls / (time.process_time() - begun)


def medians(works):
    """Median speeds of several works, measured in turns."""
    speeds = {name: [] for name in works}
    for _ in range(REPEATS):
        for name, (work, calls) in works.items():
            speeds[name].append(a_second(work, calls))
    return {name: statistics.median(found) for name, found in speeds.items()}


def speed(d):
    rng = np.random.default_rng(d)
    contexts = rng.normal(size=(4000, d)) / np.sqrt(d)
    taken, rewards = [ARMS[place] for place in rng.integers(0, 10, 4000)], rng.normal(size=4000)
    ours = bandit("linucb", arms=ARMS, d=d)
    theirs = MAB(ARMS, LearningPolicy.LinUCB(alpha=1.0))
    ours.learn(taken, contexts, rewards)
    theirs.fit(taken, rewards, contexts)
    rows, worth, batch = list(contexts), rewards.tolist(), rng.normal(size=(50_000, d))

    single = list(contexts[:, None])
    return medians(
        {
            "update": (lambda: each(ours.learn_one, taken, rows, worth), 4000),
            "choose": (lambda: each(ours.choose_one, rows, [rng] * 4000), 4000),
            "mabwiser update": (
                lambda: each(theirs.partial_fit, [[a] for a in taken[:60]], [[1.0]] * 60, single),
                60,
            ),
            "mabwiser choose": (lambda: each(theirs.predict, single[:300]), 300),
            "batch": (lambda: ours.choose(batch, rng), len(batch)),
            "mabwiser batch": (lambda: theirs.predict(batch), len(batch)),
        }
    )


def each(call, *columns):
    for row in zip(*columns, strict=False):
        call(*row)


def speeds(figures, bars):
    for d, update, choose, batch in ((7, 50, 8, 1.2), (64, 30, 4, 1.0)):
        found = speed(d)
        figures |= {f"d={d} {name}, 1/s": round(value) for name, value in found.items()}
        for what, limit in (("update", update), ("choose", choose), ("batch", batch)):
            ratio = found[what] / found[f"mabwiser {what}"]
            bars[f"d={d} {what}, times mabwiser"] = [round(ratio, 2), ">=", limit]
        if d == 7:
            bars["d=7 update, 1/s"] = [round(found["update"]), ">=", 100_000]
            bars["d=7 choose, 1/s"] = [round(found["choose"]), ">=", 100_000]


def drift():
    """The relative error of A⁻¹ when it is oldest: just before the hundredth inversion."""
    rng = np.random.default_rng(0)
    model, rows = LinearModel(1, 7), list(rng.normal(size=(1000, 7)))
    for row in (rows * 1000)[:-1]:
        model.learn_one(0, row, 1.0)
    exact = np.linalg.inv(model.sums[0, :7] + np.eye(7))
    return float(abs(model.belief[0, :7] - exact).max() / abs(exact).max())


def by_hand():
    """The largest distance of any estimator from values worked out on paper."""
    log = BanditLog(
        ("a", "b", "c"), [0, 1, 2, 1, 0, 2], [1.0, 0, 1, 1, 0, 0], [0.5, 0.3, 0.2, 0.3, 0.5, 0.2]
    )
    seen = rounds(log, np.tile([0.2, 0.3, 0.5], (6, 1)), np.tile([0.5, 0.25, 0.75], (6, 1)))
    worked = {
        "dm": 0.55,
        "ips": 0.65,
        "snips": 0.5,
        "dr": 0.425,
        "sndr": 0.55 - 0.75 / 7.8,
        "switch-dr": 0.425,
    }
    gaps = [abs(ESTIMATORS[name](seen).value - value) for name, value in worked.items()]
    gaps.append(abs(switch_dr(seen, 1.0).value - (0.55 + 0.5 / 6)))
    gaps.append(abs(dros(seen, 1.0).value - (0.55 + (0.25 - 0.2 / 1.16) / 6)))
    return max(gaps)


def synthetic(rng, n):
    """Rewards depend on context and arm, the behaviour on the context, the target on neither."""
    x = rng.normal(size=(n, 2))
    chances = np.exp(x @ BEHAVIOUR)
    chances /= chances.sum(axis=1, keepdims=True)
    taken = (chances.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    at = np.arange(n), taken
    rewards = (rng.random(n) < 1 / (1 + np.exp(-(BASE + x @ EFFECT)[at]))).astype(float)
    return BanditLog(tuple("abcd"), taken, rewards, chances[at], x, chances)


def true_value():
    """E σ(x·e) over normal x, by Gauss-Hermite: x·e is normal with the length of e."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    logits = BASE + nodes[:, None] * np.linalg.norm(EFFECT, axis=0)
    return float(TARGET @ (weights @ (1 / (1 + np.exp(-logits))) / weights.sum()))


def coverage(figures, bars):
    rng, truth = np.random.default_rng(5), true_value()
    pi = np.tile(TARGET, (ROUNDS, 1))
    covered = dict.fromkeys(sorted(UNBIASED), 0)
    always = dict.fromkeys([*sorted(UNBIASED), "ips, exact"], 0)
    errors = {name: [] for name in ESTIMATORS}
    for _ in range(LOGS):
        log = synthetic(rng, ROUNDS)
        q = cross_fitted_rewards(log, rng, folds=2)
        seen, blind = rounds(log, pi, q), rounds(log, pi, np.full_like(pi, 0.5))
        for name, make in ESTIMATORS.items():
            parts = make(seen)
            errors[name].append(parts.value - truth)
            if name in UNBIASED:
                covered[name] += truth in analytic_interval(parts)
                looked = make(blind)  # a model from outside: no look knows later rewards
                always[name] += all(truth in anytime_interval(looked.first(n)) for n in LOOKS)
        bound = float((TARGET / log.behaviour).max())
        low, high = bounded_sequence(seen.weights * seen.rewards, low=0.0, high=bound)
        always["ips, exact"] += bool(((low <= truth) & (truth <= high)).all())
    for name, count in covered.items():
        bars[f"{name} coverage, at least"] = [count / LOGS, ">=", 0.93]
        bars[f"{name} coverage, at most"] = [count / LOGS, "<=", 0.97]
    for name, count in always.items():
        bars[f"{name} anytime coverage"] = [count / LOGS, ">=", 0.95]
    figures["true value"] = round(truth, 5)
    figures |= {f"bias of {name}": round(float(np.mean(e)), 5) for name, e in errors.items()}


def rule_mismatches():
    rng = np.random.default_rng(6)
    wrong = 0
    for n, tip in enumerate(draw_tips(rng, 10_000)):
        high, overdue = float(rng.uniform(-1, 1)), float(rng.random())
        early, late = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
        hour, (r, u) = int(rng.integers(24)), np.random.default_rng(n).random(2)
        e = 0.35 + ((tip.priority - 1) / 3 - 0.5) * high * 0.4
        e += (overdue - 0.5) * 0.3 if tip.is_overdue else 0.0
        mine = (early and 5 <= hour <= 10) or (late and 18 <= hour <= 22)
        e = min(max(e + (0.15 if mine else -0.1 if early or late else 0.0), 0.05), 0.9)
        done = (15, 90) if e >= 0.7 else (120, 480) if e >= 0.5 else (600, 1800)
        action = "done" if r < 0.55 * e else "snooze" if r < e else "dismiss"
        low, top = {"done": done, "snooze": (3, 20), "dismiss": (1, 5)}[action]
        dwell = int(1000 * (low + (top - low) * u))
        person = Persona("p", "", high, overdue, early, late)
        told = RuleJudge().judge(person, tip, hour, 0, np.random.default_rng(n))
        wrong += told != (action, dwell, infer_reward(action, dwell))
    return wrong


def standard_world(figures, bars, given):
    linear = ("epsilon-greedy", "linucb", "lints", "squarecb", "softmax")
    plan = Plan(("random", *linear), events=given.events, seeds=given.seeds)
    runs = rehearse(plan, workers=given.workers)
    for row in policy_rows(runs):
        figures[f"world {row.policy} reward"] = round(row.reward, 4)
        figures[f"world {row.policy} regret"] = round(row.regret, 1)
    for row in differences(runs, "random"):
        if row.policy in linear:
            bars[f"{row.policy} over random, low end"] = [round(row.low, 4), ">=", 0.0]
            figures[f"{row.policy} over random, events an arm"] = round(row.events)
    for row in differences(runs, "epsilon-greedy"):
        if row.policy in {"linucb", "lints"}:
            bars[f"{row.policy} over epsilon-greedy, high end"] = [round(row.high, 4), ">=", 0.0]
            figures[f"{row.policy} over epsilon-greedy"] = round(row.difference, 4)


def open_bandit(figures, folder):
    if not folder.exists():
        print(f"no Open Bandit sample at {folder}: left out", file=sys.stderr)
        return
    for campaign in ("men", "women"):
        log = read_open_bandit(folder / campaign)
        uniform = np.full((len(log), len(log.names)), 1 / len(log.names))
        whole = evaluate_policy(log, uniform, np.random.default_rng(0))
        dr = next(value for value in whole.values if value.estimator == "dr")
        figures[f"obd {campaign} logged"] = round(whole.logged, 5)
        figures[f"obd {campaign} dr"] = [round(v, 5) for v in (dr.value, dr.low, dr.high)]
        at = evaluate_by_position(log, uniform, np.random.default_rng(0))
        clicks = {position: round(one.logged, 5) for position, one in at.items()}
        figures[f"obd {campaign} by position"] = clicks


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    figures, bars = {}, {}
    with threadpool_limits(1):  # one thread for everybody
        speeds(figures, bars)
    bars["drift after a million updates"] = [drift(), "<=", 1e-9]
    bars["estimators from values by hand"] = [by_hand(), "<=", 1e-9]
    bars["rule judge, mismatches of 10,000"] = [rule_mismatches(), "<=", 0]
    coverage(figures, bars)
    open_bandit(figures, given.data_dir / "obd-random")
    standard_world(figures, bars, given)
    print(json.dumps({"figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
