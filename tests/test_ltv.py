"""Lifetime value without extras: metrics, calibration, intervals, bids, sampling, transactions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibrator.errors import BadInput
from vibrator.ltv import metrics
from vibrator.ltv.bids import (
    Auction,
    BidRule,
    ThresholdPlan,
    choose_act,
    choose_alpha,
    choose_multiplier,
    choose_threshold,
)
from vibrator.ltv.calibration import (
    PoissonLevel,
    fit_logit_shift,
    fit_logit_tilt,
    fit_poisson_level,
)
from vibrator.ltv.config import LtvConfig, Windows, load_config
from vibrator.ltv.conformal import coverage_by_bin, fit_intervals
from vibrator.ltv.frames import utc
from vibrator.ltv.heads import Labels
from vibrator.ltv.objectives import OrderLoss, ziln_gradient, ziln_loss, ziln_mean
from vibrator.ltv.plain import from_plain, to_plain
from vibrator.ltv.sampling import (
    HistPlan,
    StreamingUnder,
    hist_over,
    hist_under,
    label_bins,
    natural_odds,
)
from vibrator.ltv.simulated import simulate_users
from vibrator.ltv.transactions import (
    BgNbd,
    Customers,
    GammaGamma,
    Log,
    combine,
    fit_bg_nbd,
    fit_gamma_gamma,
    summarize_purchases,
)


def heavy(rng, size=20_000, buyers=0.1):
    mean = np.exp(rng.normal(-1.0, 1.0, size))
    y = np.where(rng.random(size) < buyers, mean / buyers * rng.lognormal(-0.125, 0.5, size), 0.0)
    return y, mean


def test_gini_is_one_for_the_right_order_and_about_zero_for_chance():
    rng = np.random.default_rng(0)
    y, _ = heavy(rng)

    assert metrics.normalized_gini(y, y) == pytest.approx(1.0)
    assert abs(metrics.normalized_gini(y, rng.random(y.size))) < 0.1


def test_mutual_gini_tells_levels_of_concentration_apart():
    y, mean = heavy(np.random.default_rng(0))

    assert metrics.mutual_gini(y, y) == 0.0
    assert metrics.mutual_gini(y, np.ones_like(y)) > metrics.mutual_gini(y, mean) > 0.0


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=30).filter(
        lambda v: 0 < sum(map(bool, v)) < len(v)
    )
)
def test_auc_agrees_with_counting_pairs(label):
    y, p = np.array(label, float), np.arange(len(label))[::-1] % 3
    above, below = p[y > 0][:, None], p[y == 0][None, :]
    pairs = (above > below) + 0.5 * (above == below)

    assert metrics.auc(y, p) == pytest.approx(np.mean(pairs))


def test_sera_is_the_area_that_brute_force_finds():
    rng = np.random.default_rng(1)
    y, p = heavy(rng, 300)
    rank, at = metrics.relevance(y), np.linspace(0, 1, 101)
    brute = np.trapezoid([((p - y)[rank >= t] ** 2).sum() for t in at], at) / y.size

    assert metrics.sera(y, p) == pytest.approx(brute)


def test_bootstrap_interval_covers_the_figure_it_is_about():
    y, mean = heavy(np.random.default_rng(2))
    both = metrics.bootstrap(("bias", "gini"), y, mean, np.random.default_rng(0), draws=100)
    found = both["bias"]

    assert found.low < found.value < found.high
    assert found.low < 1.0 < found.high
    assert both["gini"].value == pytest.approx(metrics.normalized_gini(y, mean))
    assert both["gini"].low < both["gini"].value < both["gini"].high


def test_metrics_refuse_columns_of_different_length_and_gaps():
    with pytest.raises(BadInput, match="equal columns"):
        metrics.bias([1.0], [1.0, 2.0])
    with pytest.raises(BadInput, match="finite"):
        metrics.bias([np.nan], [1.0])


def test_poisson_level_makes_totals_agree_and_keeps_the_order():
    y, mean = heavy(np.random.default_rng(3))
    level = fit_poisson_level(y, 0.4 * mean**0.8)
    calibrated = level.apply(0.4 * mean**0.8)

    assert calibrated.sum() == pytest.approx(y.sum(), rel=1e-3)
    assert (np.argsort(calibrated) == np.argsort(mean)).all()
    assert level.b == pytest.approx(1.25, abs=0.2)


def test_a_level_that_would_turn_the_order_is_refused():
    with pytest.raises(BadInput, match="keep the order"):
        PoissonLevel(0.0, -1.0)


def test_tilt_recovers_a_planted_distortion():
    rng = np.random.default_rng(4)
    true = rng.uniform(0.01, 0.3, 50_000)
    said = true / (true + (1 - true) * 4.0)
    y = (rng.random(true.size) < true).astype(float)

    assert fit_logit_tilt(y, said).apply(said) == pytest.approx(true, abs=0.03)
    assert fit_logit_shift(y, said).a == pytest.approx(np.log(4.0), abs=0.1)


def test_every_bin_of_intervals_keeps_its_promise():
    rng = np.random.default_rng(5)
    y, mean = heavy(rng, 40_000, buyers=0.3)
    intervals = fit_intervals(y[:20_000], mean[:20_000])
    rows = coverage_by_bin(y[20_000:], mean[20_000:], intervals)

    assert len(rows) == 10
    assert min(row["coverage"] for row in rows) > 0.95 - 4 * np.sqrt(2 * 0.05 * 0.95 / 2000)


def test_intervals_of_mostly_positive_labels_have_two_sides():
    rng = np.random.default_rng(6)
    mean = rng.uniform(5, 50, 8000)
    y = mean * rng.lognormal(0, 0.3, 8000)
    low, high = fit_intervals(y[:4000], mean[:4000], bins=2).interval(mean[4000:])
    inside = (low <= y[4000:]) & (y[4000:] <= high)

    assert (low > 0).all()
    assert 0.93 < inside.mean() < 0.97


def test_intervals_refuse_a_handful_of_rows():
    with pytest.raises(BadInput, match="200 rows"):
        fit_intervals([1.0], [1.0])


def test_the_whale_gate_opens_only_for_likely_whales():
    rule = BidRule(0.5, cap=2.0, whale_value=50.0, whale_chance=0.3, whale_multiplier=0.2)

    assert rule.bid([60.0, 60.0, 1.0], [0.4, 0.1, 0.4]).tolist() == [12.0, 2.0, 0.5]
    with pytest.raises(BadInput, match="come together"):
        BidRule(whale_value=5.0)
    with pytest.raises(BadInput, match="cap"):
        BidRule(floor=2.0, cap=1.0)


def test_the_chosen_threshold_is_the_best_of_all():
    rng = np.random.default_rng(7)
    y, mean = heavy(rng, 2000)
    best = choose_threshold(mean, y, 0.6)
    every = [(y - 0.6)[mean >= t].sum() / y.size for t in np.unique(mean)]

    assert best.profit == pytest.approx(max(*every, 0.0))


def test_nothing_worth_its_cost_means_nobody():
    found = choose_threshold([0.1, 0.2], [0.0, 0.0], 1.0)

    assert (found.at, found.profit, found.share) == (float("inf"), 0.0, 0.0)


def test_multiplier_near_one_wins_a_second_price_auction_with_true_values():
    rng = np.random.default_rng(8)
    value = rng.lognormal(0, 1, 20_000)
    auction = Auction(rng.lognormal(0, 1, 20_000), value)

    assert choose_multiplier(BidRule(), value, value, auction).multiplier == pytest.approx(
        1.0, abs=0.06
    )


def test_alpha_leans_to_the_ranking_that_earns():
    rng = np.random.default_rng(9)
    y, mean = heavy(rng)
    alpha, _ = choose_alpha(rng.random(y.size), mean, y, 0.5)

    assert alpha < 0.5


@given(st.floats(0.1, 1.0), st.integers(1, 12))
def test_the_largest_spender_is_in_the_last_bin(scale, bins):
    y = np.array([0.0, scale, 10 * scale, 1000 * scale])
    at = label_bins(y, bins)

    assert at[0] == 0
    assert at[-1] == at.max() == bins


def test_resampling_is_seeded_and_shared():
    y, _ = heavy(np.random.default_rng(10))
    one, two = (hist_over(y, HistPlan(), np.random.default_rng(1)) for _ in range(2))

    assert (one.rows == two.rows).all()
    assert set(range(y.size)) == set(one.rows.tolist())


@pytest.mark.parametrize("sampler", [hist_over, hist_under])
def test_inverse_weights_bring_the_mean_back(sampler):
    y, _ = heavy(np.random.default_rng(11), 100_000)
    sample = sampler(y, HistPlan(), np.random.default_rng(1))
    drawn = y[sample.rows]

    assert drawn.mean() > 1.2 * y.mean()
    assert (drawn * sample.weights).sum() / sample.weights.sum() == pytest.approx(
        y.mean(), rel=0.05
    )


def test_natural_odds_undo_oversampling():
    assert natural_odds([0.5], positives=9.0, zeros=1.0) == pytest.approx([0.1])


def test_a_stream_is_sampled_alike_whatever_its_batches():
    y, _ = heavy(np.random.default_rng(12), 4000)
    whole = StreamingUnder(HistPlan(), widest=100.0).learn(y, np.random.default_rng(1))
    stream, dice = StreamingUnder(HistPlan(), widest=100.0), np.random.default_rng(1)
    parts = [stream.learn(y[a : a + 500], dice).rows + a for a in range(0, 4000, 500)]

    assert np.concatenate(parts).tolist() == whole.rows.tolist()
    assert (y[whole.rows] > 0).mean() > (y > 0).mean()


def numeric(loss, scores, step=1e-5):
    columns = []
    for at in range(scores.shape[1]):
        move = np.zeros_like(scores)
        move[:, at] = step
        columns.append((loss(scores + move) - loss(scores - move)) / (2 * step))
    return np.column_stack(columns)


def test_ziln_gradient_is_the_slope_of_its_loss():
    rng = np.random.default_rng(13)
    scores, y = rng.normal(size=(50, 3)), np.where(rng.random(50) < 0.5, rng.lognormal(size=50), 0)

    assert ziln_gradient(scores, y)[0] == pytest.approx(
        numeric(lambda s: ziln_loss(s, y), scores), abs=1e-4
    )


def test_ziln_mean_is_the_mean_of_draws():
    rng = np.random.default_rng(14)
    scores = np.array([[0.3, 1.0, 0.2]])
    chance, s = 1 / (1 + np.exp(-0.3)), np.log1p(np.exp(0.2))
    draws = np.where(rng.random(400_000) < chance, rng.lognormal(1.0, s, 400_000), 0.0)

    assert ziln_mean(scores)[0] == pytest.approx(draws.mean(), rel=0.02)


def test_order_loss_gradient_is_the_slope_of_its_loss():
    rng = np.random.default_rng(15)
    loss, scores, target = OrderLoss(0.7, 2.0), rng.normal(size=(50, 3)), rng.normal(size=(50, 3))

    assert loss.gradient(scores, target)[0] == pytest.approx(
        numeric(lambda s: loss.loss(s, target), scores), abs=1e-4
    )


def bg_people(rng, truth, size, days):
    rate, drop = rng.gamma(truth.r, 1 / truth.alpha, size), rng.beta(truth.a, truth.b, size)
    x, t_x = np.zeros(size), np.zeros(size)
    for i in range(size):
        t = 0.0
        while True:
            t += rng.exponential(1 / rate[i])
            if t > days:
                break
            x[i], t_x[i] = x[i] + 1, t
            if rng.random() < drop[i]:
                break
    return Customers(x, t_x, np.full(size, float(days)), np.zeros(size))


def test_bg_nbd_recovers_its_planted_parameters_in_what_they_foretell():
    truth, rng = BgNbd(0.6, 30.0, 0.8, 2.5), np.random.default_rng(16)
    people = bg_people(rng, truth, 6000, 300)
    found = fit_bg_nbd(people)

    assert found.expected(people, 90.0).mean() == pytest.approx(
        truth.expected(people, 90.0).mean(), rel=0.08
    )
    assert found.alive(people).mean() == pytest.approx(truth.alive(people).mean(), abs=0.06)


def test_who_never_came_back_is_alive_by_definition_and_recency_helps():
    model = BgNbd(0.25, 40.0, 0.4, 1.3)
    people = Customers(
        np.array([0.0, 3, 3]), np.array([0.0, 20, 90]), np.full(3, 100.0), np.zeros(3)
    )
    alive = model.alive(people)

    assert alive[0] == 1.0
    assert 0 < alive[1] < alive[2] < 1
    assert (np.diff([model.expected(people, d).sum() for d in (1, 10, 100)]) > 0).all()


def test_gamma_gamma_recovers_the_population_mean_and_shrinks_to_it():
    rng, truth = np.random.default_rng(17), GammaGamma(6.0, 4.0, 15.0)
    x = rng.integers(1, 8, 8000).astype(float)
    m = rng.gamma(truth.p * x, 1 / (rng.gamma(truth.q, 1 / truth.v, 8000) * x))
    people = Customers(x, np.zeros(8000), np.ones(8000), m)
    found = fit_gamma_gamma(people, penalty=0.0)

    mean = truth.p * truth.v / (truth.q - 1)
    assert found.p * found.v / (found.q - 1) == pytest.approx(mean, rel=0.05)
    one = Customers(np.array([1.0]), np.zeros(1), np.ones(1), np.array([10 * mean]))
    assert mean < found.expected(one)[0] < 10 * mean


def test_purchases_of_one_day_count_once():
    when = pd.to_datetime(["2025-01-01", "2025-01-01", "2025-01-11", "2025-02-01"])
    log = Log(pd.DataFrame({"user_id": [1, 1, 1, 1], "date": when, "amount": [1.0, 2, 5, 9]}))
    _, people = summarize_purchases(log, pd.Timestamp("2025-01-31"))

    assert (people.x[0], people.t_x[0], people.T[0], people.m[0]) == (1, 10, 30, 5)


def test_a_purchase_log_is_checked():
    with pytest.raises(BadInput, match="lacks"):
        Log(pd.DataFrame({"user_id": [1]}))
    with pytest.raises(BadInput, match="must hold times"):
        Log(pd.DataFrame({"user_id": [1], "date": ["x"], "amount": [1.0]}))


def test_combining_keeps_order_and_level():
    rng = np.random.default_rng(18)
    rank, level = rng.random(50), rng.random(50)
    both = combine(rank, level)

    assert both.sum() == pytest.approx(level.sum())
    assert (np.argsort(both) == np.argsort(rank)).all()


def test_labels_that_fall_are_refused():
    with pytest.raises(BadInput, match="must not fall"):
        Labels((1, 7), np.array([[2.0, 1.0]]))


def test_the_shipped_configuration_says_the_defaults():
    config = load_config(Path(__file__).parents[1] / "configs" / "ltv.yaml")

    assert to_plain(config) | {"features": None} == to_plain(LtvConfig())


def test_configuration_is_checked_down_to_the_leaf():
    with pytest.raises(BadInput, match=r"config.windows holds unknown keys \['gap'\]"):
        from_plain(LtvConfig, {"windows": {"gap": 1}})
    with pytest.raises(BadInput, match=r"config.windows.train_frac must be float, got 'half'"):
        from_plain(LtvConfig, {"windows": {"train_frac": "half"}})
    with pytest.raises(BadInput, match="leave something for the test"):
        Windows(train_frac=0.8, val_frac=0.2)


@pytest.mark.parametrize(
    ("section", "value", "rule"),
    [
        ("stack", {"folds": 1}, "stack.folds must be at least 2, got 1"),
        ("conformal", {"level": 0.3}, "conformal.level must lie between 0.5 and 1, got 0.3"),
        ("conformal", {"bins": 0}, "conformal.bins must be at least 1, got 0"),
        ("thresholds", {"cost": -1.0}, "thresholds.cost must not be negative, got -1.0"),
        ("thresholds", {"alpha": 2.0}, "thresholds.alpha must lie from 0 to 1, got 2.0"),
        ("sampling", {"method": "smote"}, "sampling.method must be one of"),
        ("selection", {"shap": 2.0}, "selection.shap must lie from 0 to 1"),
        ("sampling", {"margin": float("nan")}, "sampling.margin must be a finite number"),
        ("windows", {"start": "soon"}, "windows.start must be a time as ISO 8601 or null"),
        ("windows", {"gap_days": 1e9}, "windows.gap_days must lie from 0 to 36500"),
        ("bids", {"whale_value": 5.0, "whale_multiplier": -1.0}, "whale_multiplier must not be"),
        ("chain", {"share": {"patience": 5}}, "chain.share.patience must be 0"),
        ("seed", -1, "seed must not be negative"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(section, value, rule):
    with pytest.raises(BadInput, match=rule):
        from_plain(LtvConfig, {section: value})


def test_a_day_that_yaml_reads_as_a_date_is_a_border_like_any_other(tmp_path):
    path = tmp_path / "ltv.yaml"
    path.write_text("windows: {start: 2025-03-10, end: 2025-03-12T06:00:00+02:00}\n")
    windows = load_config(path).windows

    assert windows.start == "2025-03-10"
    assert utc(windows.end) == pd.Timestamp("2025-03-12 04:00", tz="UTC")


def test_keys_that_are_no_words_are_refused_like_others():
    with pytest.raises(BadInput, match=r"config holds unknown keys \['1', 'x'\]"):
        from_plain(LtvConfig, {1: 2, "x": 3})


def test_whom_to_act_on_is_chosen_where_it_pays():
    rng = np.random.default_rng(19)
    y, mean = heavy(rng)
    chance = mean / 10
    rule = choose_act(chance, mean, y, ThresholdPlan(cost=0.6))
    acted = rule.act(chance, mean)

    assert rule.alpha == 0.0
    assert 0.05 < acted.mean() < 0.5
    assert ((y - 0.6) * acted).mean() > max(0.0, (y - 0.6).mean())
    assert not choose_act(chance, mean, 0 * y, ThresholdPlan(cost=0.6)).act(chance, mean).any()
    assert choose_act(rng.random(y.size), mean, y, ThresholdPlan(0.6, None)).alpha < 0.5


def test_a_level_that_cannot_be_found_says_what_is_wrong():
    rng = np.random.default_rng(20)
    p = rng.lognormal(size=2000)
    with pytest.raises(BadInput, match="revenue does not rise with what was predicted"):
        fit_poisson_level(1.0 / p, p)


def test_configuration_survives_plain_data():
    config = LtvConfig(horizons=(1, 7, 14, 28))

    assert from_plain(LtvConfig, to_plain(config)) == config


def test_simulated_people_look_as_described():
    frame, truth = simulate_users(60_000, np.random.default_rng(0))
    y = np.sort(frame["iap_revenue_d14"])[::-1]

    assert 0.03 < (y > 0).mean() < 0.05
    assert 0.6 < y[:600].sum() / y.sum() < 0.8
    assert (np.diff(frame[[f"iap_revenue_d{h}" for h in (1, 7, 14, 28)]], axis=1) >= 0).all()
    assert (frame["buyer_d28"].mean()) == pytest.approx(truth.chance.mean(), rel=0.06)
