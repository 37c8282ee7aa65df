"""Bandits: propensities, learning, arms that come and go, saving."""

import copy
import pickle
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibrator.bandits import (
    BANDITS,
    BanditPolicy,
    DelayedRewards,
    bandit,
    load_bandit,
    numbers_of_candidates,
    save_bandit,
    slate_sizes,
)
from vibrator.bandits.explorers import BetaThompson, Thompson
from vibrator.bandits.models import Estimates, LinearModel
from vibrator.decisions import NOTHING, Decision, Outcome, Policy, Situation
from vibrator.errors import ArtefactError, BadInput, ModelUnavailable, UnknownName

ARMS = ("tea", "coffee", "water")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def taught(name, *, d=3, seed=0, count=60, **options):
    rng = np.random.default_rng(seed)
    made = bandit(name, arms=ARMS, d=d, **options)
    contexts = rng.normal(size=(count, d))
    arms = [ARMS[place] for place in rng.integers(0, 3, count)]
    made.learn(arms, contexts, rng.random(count))
    return made, contexts


@pytest.mark.parametrize("name", BANDITS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), blocked=st.integers(0, 2))
def test_propensities_add_up_and_masked_arms_get_none(name, seed, blocked):
    made, contexts = taught(name, seed=seed)
    allowed = np.ones((60, 3), bool)
    allowed[:, blocked] = False

    chances = made.probabilities(contexts, allowed=allowed)
    choice = made.choose(contexts, np.random.default_rng(seed), allowed=allowed)

    assert np.allclose(chances.sum(axis=1), 1.0, atol=1e-12)
    assert (chances >= 0).all()
    assert (chances[:, blocked] == 0).all()
    assert ARMS[blocked] not in choice.arm
    places = [ARMS.index(arm) for arm in choice.arm]
    assert np.allclose(chances[np.arange(60), places], choice.propensity, atol=1e-12)


@pytest.mark.parametrize("name", BANDITS)
def test_arms_come_as_often_as_the_propensity_says(name):
    made, contexts = taught(name)
    same = np.repeat(contexts[:1], 4_000, axis=0)

    one = made.probabilities(contexts[:1])[0]
    arms = made.choose(same, np.random.default_rng(5)).arm
    rng = np.random.default_rng(6)
    single = [made.choose_one(contexts[0], rng) for _ in range(500)]

    for place, arm in enumerate(ARMS):
        error = 4 * np.sqrt(one[place] * (1 - one[place]) / 4_000) + 1e-9
        assert abs((arms == arm).mean() - one[place]) <= error
        share = np.mean([choice.arm == arm for choice in single])
        assert abs(share - one[place]) <= 4 * np.sqrt(one[place] * (1 - one[place]) / 500) + 1e-9
    assert all(c.propensity == pytest.approx(one[ARMS.index(c.arm)], abs=1e-12) for c in single)


@pytest.mark.parametrize("name", BANDITS)
@pytest.mark.parametrize("forget", [1.0, 0.99])
def test_one_at_a_time_equals_a_batch(name, forget):
    rng = np.random.default_rng(2)
    batch, single = (bandit(name, arms=ARMS, d=3, forget=forget) for _ in range(2))
    contexts, rewards = rng.normal(size=(300, 3)), rng.random(300)
    arms = [ARMS[place] for place in rng.integers(0, 3, 300)]

    batch.learn(arms, contexts, rewards)
    for arm, context, reward in zip(arms, contexts, rewards, strict=True):
        single.learn_one(arm, context, reward)

    assert np.allclose(
        batch.probabilities(contexts), single.probabilities(contexts), atol=1e-8, rtol=0
    )


def test_the_linear_model_is_ridge_regression():
    rng = np.random.default_rng(3)
    X, r = rng.normal(size=(50, 4)), rng.normal(size=50)
    model = LinearModel(1, 4, ridge=2.0)
    for x, reward in zip(X, r, strict=True):
        model.learn_one(0, x, reward)

    gram = X.T @ X + 2.0 * np.eye(4)
    estimates = model.estimate(X)
    assert np.allclose(estimates.mean[:, 0], X @ np.linalg.solve(gram, X.T @ r))
    assert np.allclose(estimates.width[:, 0] ** 2, np.diag(X @ np.linalg.inv(gram) @ X.T))


def test_drift_stays_bounded_over_a_million_updates():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(1000, 3)) * [1.0, 10.0, 0.01]
    model = LinearModel(1, 3, ridge=0.1)
    worst = 0.0
    for turn in range(1000):
        for x in X:
            model.learn_one(0, x, 1.0)
        if turn % 100 == 98:
            gram = model.sums[0, :3] + 0.1 * np.eye(3)
            worst = max(worst, abs(model.belief[0, :3] @ gram - np.eye(3)).max())

    assert model.updates == 1_000_000
    assert worst < 1e-6


def test_forgetting_follows_a_change_that_memory_does_not():
    keeps, forgets = (bandit("epsilon-greedy", arms=ARMS, epsilon=0.0, forget=f) for f in (1, 0.95))
    ones = np.ones((400, 1))
    for made in (keeps, forgets):
        made.learn(["tea"] * 400, ones, np.ones(400))
        made.learn(["tea"] * 100, ones[:100], np.zeros(100))

    assert keeps.model.estimate([[1.0]]).mean[0, 0] == pytest.approx(0.8, abs=0.01)
    assert forgets.model.estimate([[1.0]]).mean[0, 0] < 0.02


def test_forgetting_equals_the_discounted_sum_to_its_step():
    made = bandit("ucb1", arms=ARMS, forget=0.9)
    made.learn(["tea"] * 50, np.ones((50, 1)), np.arange(50) / 50)
    weights = 0.9 ** np.arange(50, 0, -1)

    assert made.model.counts[0] == pytest.approx(weights.sum())
    assert made.model.totals[0] == pytest.approx((weights * np.arange(50) / 50).sum())


@pytest.mark.parametrize("explorer", ["normal", "beta"])
def test_the_chance_of_being_best_agrees_with_drawing(explorer):
    rng = np.random.default_rng(7)
    a, b = np.array([2.0, 9.0, 30.0, 1.0]), np.array([3.0, 9.0, 25.0, 1.0])
    mean = a / (a + b)
    width = np.sqrt(mean * (1 - mean) / (a + b + 1))
    estimates = Estimates(mean[None], width[None])
    if explorer == "beta":
        chances, draws = BetaThompson(), rng.beta(a, b, size=(200_000, 4))
    else:
        chances, draws = Thompson(scale=1.0), mean + width * rng.normal(size=(200_000, 4))

    often = np.bincount(draws.argmax(axis=1), minlength=4) / 200_000
    assert abs(chances.probabilities(estimates, None, 0)[0] - often).max() < 0.02


def test_shared_thompson_is_within_its_stated_error():
    rng = np.random.default_rng(8)
    mean, factor = rng.normal(size=(1, 5)), rng.normal(size=(1, 5, 7))
    draws = mean[0] + rng.normal(size=(200_000, 7)) @ factor[0].T

    chances = Thompson(scale=1.0).probabilities(Estimates(mean, None, factor), None, 0)[0]
    often = np.bincount(draws.argmax(axis=1), minlength=5) / 200_000
    assert abs(chances - often).max() < 0.025


def test_ucb1_tries_every_arm_before_any_twice():
    made, rng, seen = bandit("ucb1", arms=ARMS), np.random.default_rng(0), []
    for _ in ARMS:
        choice = made.choose_one(np.ones(1), rng)
        seen.append(choice.arm)
        made.learn_one(choice.arm, np.ones(1), 0.0)

    assert sorted(seen) == sorted(ARMS)


def test_epsilon_halves_down_to_its_floor():
    explorer = bandit("epsilon-greedy", arms=ARMS, epsilon=0.4, half_life=100, floor=0.05).explorer

    assert [explorer.share_explored(n) for n in (0, 100, 10_000)] == [0.4, 0.2, 0.05]


@pytest.mark.parametrize("name", ["linucb", "lints", "squarecb", "epsilon-greedy"])
@pytest.mark.parametrize("shared", [False, True])
def test_the_better_arm_is_found(name, shared):
    rng = np.random.default_rng(9)
    made = bandit(name, arms=ARMS, d=4, shared=shared)
    rows = np.eye(4)[:3]
    late = 0
    for turn in range(1500):
        context = rows if shared else np.ones(4)
        arm = made.choose_one(context, rng).arm
        place = ARMS.index(arm)
        made.learn_one(arm, rows[place] if shared else context, rng.random() < 0.2 + 0.3 * place)
        late += turn >= 1000 and arm == "water"

    assert late > 300  # of 500, where chance gives 167


@pytest.mark.parametrize("name", BANDITS)
def test_arms_come_and_go_and_keep_what_was_learnt(name):
    made, contexts = taught(name)
    before = made.model.estimate(contexts).mean

    made.add_arm("juice")
    made.remove_arm("tea")

    assert made.arms == ("coffee", "water", "juice")
    assert np.allclose(made.model.estimate(contexts).mean[:, :2], before[:, 1:])
    made.learn_one("juice", contexts[0], 1.0)
    assert made.probabilities(contexts).shape == (60, 3)


@pytest.mark.parametrize("name", BANDITS)
def test_saved_and_loaded_it_goes_on_the_same(name, tmp_path):
    made, contexts = taught(name)
    twin = load_bandit(save_bandit(made, tmp_path / "bandit"))

    for one in (made, twin):
        one.learn_one("tea", contexts[0], 0.5)
    assert np.array_equal(made.probabilities(contexts), twin.probabilities(contexts))


@pytest.mark.parametrize("shared", [False, True])
def test_a_copy_learns_on_its_own(shared):
    made = bandit("linucb", arms=ARMS, d=2, shared=shared)
    twin = copy.deepcopy(made)
    twin.learn_one("tea", np.ones(2), 1.0)

    rows = np.ones((1, 3, 2)) if shared else np.ones((1, 2))
    assert made.model.estimate(rows).mean.max() == 0.0
    assert twin.model.estimate(rows).mean.max() > 0.0
    again = pickle.loads(pickle.dumps(twin))
    again.learn_one("tea", np.ones(2), 1.0)
    assert again.model.estimate(rows).mean.max() > twin.model.estimate(rows).mean.max()


def test_a_torn_or_altered_file_is_refused(tmp_path):
    path = save_bandit(taught("linucb")[0], tmp_path / "bandit.npz")
    (tmp_path / "torn.npz").write_bytes(path.read_bytes()[:-40])
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(tmp_path / "altered.npz", **{**arrays, "sums": arrays["sums"] + 1})

    for name, error in {
        "torn": ArtefactError,
        "altered": ArtefactError,
        "no": ModelUnavailable,
    }.items():
        with pytest.raises(error):
            load_bandit(tmp_path / f"{name}.npz")


@pytest.mark.parametrize(
    ("complaint", "error"),
    [
        (lambda b: b.learn_one("beer", np.ones(3), 1.0), UnknownName),
        (lambda b: b.learn_one("tea", np.array([1.0, np.nan, 0.0]), 1.0), BadInput),
        (lambda b: b.learn_one("tea", np.ones(3), float("inf")), BadInput),
        (lambda b: b.learn_one("tea", np.ones(2), 1.0), BadInput),
        (lambda b: b.learn_one("tea", np.ones(4), 1.0), BadInput),
        (lambda b: b.choose_one(np.ones(4), np.random.default_rng(0)), BadInput),
        (lambda b: b.learn(["tea"], np.ones((2, 3)), [1.0]), BadInput),
        (lambda b: b.choose(np.ones((2, 4)), np.random.default_rng(0)), BadInput),
        (lambda b: b.choose_one(np.full(3, np.nan), np.random.default_rng(0)), BadInput),
        (lambda b: b.probabilities(np.ones((2, 3)), allowed=np.zeros(3, bool)), BadInput),
        (lambda b: b.probabilities(np.ones((2, 3)), allowed=[1, 0, 1]), BadInput),
        (lambda b: b.add_arm("tea"), BadInput),
        (lambda b: bandit("linucb", arms=ARMS, d=3, wings=2), BadInput),
        (lambda b: bandit("ucb1", arms=ARMS, optimism=0.0), BadInput),
        (lambda b: bandit("epsilon-greedy", arms=ARMS, epsilon=2.0), BadInput),
        (lambda b: bandit("softmax", arms=ARMS, temperature=0.0), BadInput),
        (lambda b: bandit("thompson-beta", arms=ARMS, prior_mean=5.0), BadInput),
        (lambda b: bandit("thompson-beta", arms=ARMS, prior_count=0.0), BadInput),
        (lambda b: bandit("ucb1", arms=ARMS, prior_count=-1.0), BadInput),
        (lambda b: bandit("linucb", arms=[], d=3), BadInput),
        (lambda b: bandit("linucb", arms=ARMS, d=0), BadInput),
        (lambda b: bandit("linugb", arms=ARMS, d=3), UnknownName),
        (lambda b: bandit("linucb", arms=["tea", "tea"], d=3), BadInput),
        (lambda b: bandit("linucb", arms=ARMS, d=3, forget=0.0), BadInput),
        (lambda b: bandit("thompson-beta", arms=ARMS).learn_one("tea", None, -1.0), BadInput),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(complaint, error):
    made = bandit("linucb", arms=ARMS, d=3)
    before = made.model.belief.copy()

    with pytest.raises(error):
        complaint(made)
    assert np.array_equal(made.model.belief, before)


def test_a_late_reward_learns_the_context_of_its_choice_once():
    late = DelayedRewards(bandit("epsilon-greedy", arms=ARMS, d=2), capacity=2)
    context = np.array([1.0, 0.0])
    choice = late.score("first", context, np.random.default_rng(0))
    context[:] = 0.0

    assert late.reward("first", 1.0)
    assert not late.reward("first", 1.0)
    assert late.bandit.model.estimate([[1.0, 0.0]]).mean[0, ARMS.index(choice.arm)] == 0.5
    with pytest.raises(UnknownName):
        late.reward("never", 1.0)


def situation(**numbers):
    features = {name: {"worth": value} for name, value in numbers.items()}
    return Situation(
        user_id="ada", at=NOW, candidates=tuple(numbers), context={"features": features}
    )


def decided(proposal, at_hand):
    return Decision(
        decision_id="d", user_id="ada", at=NOW, candidates=at_hand.candidates,
        chosen=proposal.items, arm=proposal.arm, propensity=proposal.propensity,
        reason=proposal.reason, features=proposal.features,
    )  # fmt: skip


def test_a_bandit_policy_is_a_policy_and_masks_inside_the_propensity():
    policy = BanditPolicy(
        bandit("epsilon-greedy", arms=["any"], shared=True, epsilon=0.3),
        numbers_of_candidates("worth"),
    )
    proposal = policy.propose(situation(a=1, b=2, c=3), {"b": "seen"}, np.random.default_rng(0))

    assert isinstance(policy, Policy)
    assert proposal.propensities["b"] == 0.0
    assert sum(proposal.propensities.values()) == pytest.approx(1.0)
    assert proposal.propensities[NOTHING] > 0
    assert proposal.propensity == proposal.propensities[proposal.arm]


def test_a_barred_exploration_leaves_the_best_arm():
    policy = BanditPolicy(
        bandit("epsilon-greedy", arms=["any"], shared=True, epsilon=1.0),
        numbers_of_candidates("worth"),
    )
    policy.bandit.learn_one("any", np.ones(1), 1.0)
    proposal = policy.propose(situation(a=1, b=2), {"explore": "cap"}, np.random.default_rng(0))

    assert (proposal.arm, proposal.propensity, proposal.features["explored"]) == ("b", 1.0, False)


def test_doing_nothing_is_never_rewarded():
    policy = BanditPolicy(
        bandit("linucb", arms=["any"], shared=True), numbers_of_candidates("worth")
    )
    at_hand = situation(a=1)
    proposal = policy.propose(at_hand, {"a": "asleep"}, np.random.default_rng(0))
    policy.learn(
        decided(proposal, at_hand), Outcome(decision_id="d", what="done", at=NOW, reward=1.0)
    )

    assert (proposal.arm, proposal.items, proposal.propensity) == (NOTHING, (), 1.0)
    assert policy.bandit.model.updates == 0


@pytest.mark.parametrize("name", BANDITS)
@pytest.mark.parametrize("shared", [False, True])
def test_every_bandit_can_be_a_policy(name, shared):
    if shared and not hasattr(bandit(name, arms=["any"]).model, "ridge"):
        pytest.skip("counts do not share parameters")
    options = {"shared": True} if shared else {}
    features = numbers_of_candidates("worth") if shared else lambda *_: [1.0]
    policy, rng = (
        BanditPolicy(bandit(name, arms=["a"], **options), features),
        np.random.default_rng(1),
    )
    for _ in range(30):
        at_hand = situation(a=0.1, b=0.9)
        proposal = policy.propose(at_hand, {}, rng)
        outcome = Outcome(decision_id="d", what="done", at=NOW, dwell_ms=60_000)
        policy.learn(decided(proposal, at_hand), outcome)

    assert 0 < policy.bandit.model.updates <= 30


def test_slate_sizes_show_the_first_ones_left():
    policy = BanditPolicy(bandit("random", arms=["1"]), lambda *_: [1.0], arms=slate_sizes(1, 2))
    rng = np.random.default_rng(3)
    shown = {policy.propose(situation(a=1, b=2, c=3), {"a": "no"}, rng).items for _ in range(50)}

    assert shown == {(), ("b",), ("b", "c")}
