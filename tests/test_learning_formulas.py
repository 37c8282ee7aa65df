"""What a learned scorer looks at and believes, against the formulas written out one by one."""

import math
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.optimize import minimize

from vibrator.actions import UserAction
from vibrator.calibration import PlattCalibrator, VennAbersCalibrator
from vibrator.errors import BadInput
from vibrator.pipeline import SliderScorer
from vibrator.pipeline.co_engagement import agreement
from vibrator.pipeline.examples import Example
from vibrator.pipeline.features import AT, NAMES
from vibrator.pipeline.gathering import gather
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.models import PARTS, PooledLogistic, Table
from vibrator.pipeline.online import OnlineScorer
from vibrator.pipeline.posterior import Posterior
from vibrator.pipeline.zero_shot import ZeroShot

START = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = [f"thing {n}" for n in range(24)]


class Directions:
    """An encoder of fixed directions, near to one another in pairs."""

    def row(self, text):
        number = int(text.split()[-1])
        rows = [
            np.random.default_rng(zlib.crc32(name.encode())).normal(size=8)
            for name in (f"pair {number // 2}", text)
        ]
        row = rows[0] + 0.4 * rows[1]
        return row / np.linalg.norm(row)

    def encode_actions(self, actions):
        return np.array([self.row(action.content) for action in actions])

    def encode_items(self, texts):
        return np.array([self.row(text) for text in texts])


ENCODER = Directions()
SLIDERS = {"a": ENCODER.row("thing 0"), "b": ENCODER.row("thing 5"), "c": ENCODER.row("thing 9")}


@pytest.fixture(scope="module")
def scorer():
    return SliderScorer(ENCODER, SLIDERS)


def everybody():
    """Four people who touch each thing once at most, in spurts over some weeks."""
    rng, log = np.random.default_rng(5), []
    for person in range(4):
        at = START + timedelta(hours=float(rng.uniform(1, 9)))
        for word in rng.permutation(WORDS)[:20]:
            at += timedelta(seconds=float(rng.exponential(30_000)))
            weight = float(rng.choice([1.0, 0.5, -1.0, 0.0]))
            log.append(UserAction("click", str(word), weight, at, f"u{person}"))
    return log


LOG = everybody()
NOW = max(action.timestamp for action in LOG) + timedelta(hours=5)


def standing(item, moment):
    """Mean weight of an item before a moment; five events' worth of the mean of all."""
    before = [action for action in LOG if action.timestamp < moment]
    of_all = sum(action.weight for action in before) / (len(before) + 5)
    own = [action.weight for action in before if action.content == item]
    return (sum(own) + 5 * of_all) / (len(own) + 5), len(own)


def going_together(left, right):
    """Σ r r' / (n + 20) over the people who touched both, r less the person's own mean."""
    total, people = 0.0, 0
    for user in {action.user_id for action in LOG}:
        theirs = {
            action.content: action.weight - standing(action.content, action.timestamp)[0]
            for action in LOG
            if action.user_id == user
        }
        mean = sum(theirs.values()) / (len(theirs) + 5)
        if left in theirs and right in theirs:
            total += (theirs[left] - mean) * (theirs[right] - mean)
            people += 1
    return total / (people + 20)


def faded(mine, now, half_life_days):
    weights = [
        a.weight * 2 ** (-(now - a.timestamp) / timedelta(days=half_life_days)) for a in mine
    ]
    return np.array(weights), sum(map(abs, weights))


def of_person(mine, content, now):
    """What a person's own actions say of a content."""
    out, item = {}, ENCODER.row(content)
    vectors = ENCODER.encode_actions(mine)
    fast, slow = (
        weights @ vectors / mass for weights, mass in (faded(mine, now, d) for d in (1, 14))
    )
    person, evidence = (fast + slow) / 2, faded(mine, now, 14)[1]
    out["user_item_alignment"] = person @ item
    out["person_activity"] = math.log(1 + evidence)
    newest = max(action.timestamp for action in mine)
    out["recency"] = 2 ** (-(now - newest) / timedelta(hours=12))
    likes = np.exp([10 * (item @ row) for row in SLIDERS.values()])
    out["slider_agreement"] = (likes / likes.sum()) @ [person @ row for row in SLIDERS.values()]
    return out, person, evidence


def of_newest(mine, content, alignment):
    """What the sixteen newest actions say of it, one by one."""
    out, ring = {}, mine[-16:]
    weights = [action.weight for action in ring]
    near = [float(ENCODER.row(a.content) @ ENCODER.row(content)) if a.weight else 0.0 for a in ring]
    liked = sorted((x for x, w in zip(near, weights, strict=True) if w > 0), reverse=True)[:3]
    out["best_similarity"] = max(liked, default=0.0)
    out["top3_similarity"] = sum(liked) / max(len(liked), 1)
    refused = [x for x, weight in zip(near, weights, strict=True) if weight < 0]
    out["negative_similarity"] = max(refused, default=0.0)
    today, mass = faded(ring, ring[-1].timestamp, 1)
    out["fast_over_slow"] = 2 * (float(today @ near) / mass - alignment)

    residuals = [a.weight - standing(a.content, a.timestamp)[0] for a in ring]
    leaning = sum(residuals) / (len(ring) + 5)
    own = [residual - leaning for residual in residuals]
    lately = [2 ** (-back / 5) for back in range(len(ring))][::-1]
    kernel = [math.exp(x / 0.1) for x in near]
    pull = [going_together(content, action.content) for action in ring]
    out["person_leaning"] = leaning
    out["person_lately"] = float(np.dot(lately, residuals)) / (sum(lately) + 2)
    out["similar_outcomes"] = float(np.dot(kernel, own)) / (sum(kernel) + 5 * math.exp(3))
    out["co_engagement"] = float(np.dot(pull, own)) / (sum(map(abs, pull)) + 0.5)
    return out


def of_item(content, now):
    mean, events = standing(content, now)
    first = min((a.timestamp for a in LOG if a.content == content), default=now)
    return {
        "item_standing": mean,
        "item_popularity": math.log(1 + events),
        "item_freshness": math.log(1 + (now - first) / timedelta(days=1)),
    }


def belongs(content, slider):
    """σ(logit(1/3) + 1.03 + 34.44 · above − 9.23 · the largest above of the others)."""
    item = ENCODER.row(content)
    above = {
        name: 0.03 * math.log(1 + math.exp((item @ row - 0.26) / 0.03))
        for name, row in SLIDERS.items()
    }
    others = max(value for name, value in above.items() if name != slider)
    return 1 / (1 + math.exp(-(math.log(0.5) + 1.03 + 34.44 * above[slider] - 9.23 * others)))


def likes_logit(alignment, evidence):
    return -0.61 + 3.81 * evidence / (evidence + 1) * alignment


@pytest.mark.parametrize("slider", [None, "b"])
@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("content", ["thing 4", "thing 11", "thing 99"])
def test_every_feature_is_its_formula(scorer, slider, count, content):
    mine = sorted((a for a in LOG if a.user_id == "u1"), key=lambda a: a.timestamp)[-count:]
    history = ItemHistory.of_actions(LOG)
    example = Example(
        person=mine, content=content, outcome=True, at=NOW, user_id="u1", slider=slider, position=6
    )
    found = gather(scorer, [example], history, agreement(history, np.inf)).table.features[0]

    own, person, evidence = of_person(mine, content, NOW)
    own |= of_newest(mine, content, own["user_item_alignment"]) | of_item(content, NOW)
    liked = likes_logit(own["user_item_alignment"], evidence)
    own |= {"position": math.log(7), "zero_shot": liked, "user_to_slider": 0, "item_to_slider": 0}
    if slider:
        chance = belongs(content, slider) / (1 + math.exp(-liked))
        own["zero_shot"] = math.log(chance / (1 - chance))
        own["user_to_slider"] = person @ SLIDERS[slider]
        own["item_to_slider"] = ENCODER.row(content) @ SLIDERS[slider]
    assert dict(zip(NAMES, found, strict=True)) == pytest.approx(own, abs=1e-9)


def test_of_a_stranger_only_the_item_is_known(scorer):
    history = ItemHistory.of_actions(LOG)
    asked = Example(person=None, content="thing 4", outcome=True, at=NOW, user_id="new")
    found = gather(scorer, [asked], history, agreement(history, np.inf)).table.features[0]

    known = of_item("thing 4", NOW) | {"zero_shot": -0.61}
    expected = {name: known.get(name, 0.0) for name in NAMES}
    assert dict(zip(NAMES, found, strict=True)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("evidence", [0.0, 1.0, 8.0])
def test_the_spread_shrinks_with_evidence_from_what_a_stranger_has(evidence):
    trust = evidence / (evidence + 1)
    assert ZeroShot().spread(evidence) == pytest.approx(0.82 * (1 - trust) + 0.70 * trust)


def test_an_alignment_beyond_all_floats_is_no_chance_at_all():
    zero_shot = ZeroShot(alignment=1e6)
    assert zero_shot.likes_one(-1.0, 1.0) == 0.0
    assert zero_shot.likes_one(1.0, 1.0) == 1.0
    # just inside what e^x can hold, the chance is small and not yet nothing
    assert 0 < ZeroShot(lean=-699.0, alignment=0.0).likes_one(0.0, 1.0) < 1e-300


def rows_of(count, *, sliders, segments, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(1.0, 2.0, (count, len(NAMES)))
    table = Table(features, rng.integers(-1, sliders, count), rng.integers(-1, segments, count))
    return table, (rng.random(count) < 0.5 + 0.2 * np.sign(features[:, 2])).astype(float)


def plain_design(table, *, sliders, segments):
    """A row: 1, the features scaled, then per slider (1, its three), then a column a segment."""
    n = len(table.features)
    centre = table.features.sum(axis=0) / (n + 10)
    scale = np.sqrt((((table.features - centre) ** 2).sum(axis=0) + 10) / (n + 10))
    rows = []
    for row, slider, segment in zip(*table, strict=True):
        scaled = (row - centre) / scale
        pooled = [1.0, *(scaled[AT[n]] for n in ("user_to_slider", "item_to_slider",
                                                   "user_item_alignment"))]  # fmt: skip
        own = [pooled if one == slider else [0.0] * 4 for one in range(sliders)]
        marks = [float(one == segment) for one in range(segments)]
        rows.append([1.0, *scaled, *(x for four in own for x in four), *marks])
    return np.array(rows), centre, scale


def plain_prior(centre, scale, *, sliders, segments):
    """Around the zero-shot log odds with weight one; precisions 5, 10 and 20."""
    own = 4 * sliders + segments
    at = AT["zero_shot"]
    mean = np.zeros(1 + len(NAMES) + own)
    mean[0], mean[1 + at] = centre[at], scale[at]
    return mean, np.array([5.0] + [10.0] * len(NAMES) + [20.0] * own)


def test_the_pooled_model_is_the_mode_and_the_curvature_of_its_belief():
    size = {"sliders": 2, "segments": 2}
    table, outcomes = rows_of(60, **size)
    design, centre, scale = plain_design(table, **size)
    mean, precision = plain_prior(centre, scale, **size)

    def loss(at):
        logits = design @ at
        fit = np.logaddexp(0, logits).sum() - outcomes @ logits
        return fit + ((at - mean) ** 2 * precision).sum() / 2

    def slope(at):
        p = 1 / (1 + np.exp(-(design @ at)))
        return design.T @ (p - outcomes) + precision * (at - mean)

    mode = minimize(loss, mean, jac=slope, method="BFGS", options={"gtol": 1e-8}).x
    p = 1 / (1 + np.exp(-(design @ mode)))
    covariance = np.linalg.inv((design.T * (p * (1 - p))) @ design + np.diag(precision))
    fitted = PooledLogistic(2, 2).fit(table, outcomes)

    assert fitted.raw(table) == pytest.approx(design @ mode, abs=1e-5)
    spread = np.sqrt(np.einsum("ij,jk,ik->i", design, covariance, design))
    assert fitted.spread(table) == pytest.approx(spread, abs=1e-5)
    parts = dict(zip(PARTS, fitted.parts(table).T, strict=True))
    assert sum(parts.values()) == pytest.approx(fitted.raw(table), abs=1e-9)
    assert parts["segment"] == pytest.approx(np.append(mode[-2:], 0.0)[table.segment], abs=1e-5)
    assert parts["recency"] == pytest.approx(
        table.features[:, AT["recency"]] * fitted.slopes(table.slider)[:, AT["recency"]]
    )


def test_an_untaught_model_says_what_the_zero_shot_scorer_says():
    table, _ = rows_of(40, sliders=2, segments=1)
    model = PooledLogistic(2, 1).fit(table, np.ones(40))
    untaught = model.believing(model.prior())

    assert untaught.raw(table) == pytest.approx(table.features[:, AT["zero_shot"]])


def test_a_row_of_weight_two_is_two_rows():
    rng = np.random.default_rng(1)
    rows, outcomes = rng.normal(size=(6, 2)), np.array([1.0, 0, 1, 1, 0, 0])
    start = Posterior(np.array([0.3, -0.2]), np.diag([2.0, 1.0]))
    twice = start.learn(np.vstack([rows, rows[:2]]), np.append(outcomes, outcomes[:2]))
    weighed = start.learn(rows, outcomes, np.array([2.0, 2, 1, 1, 1, 1]))

    assert weighed.mean == pytest.approx(twice.mean, abs=1e-6)
    assert weighed.precision == pytest.approx(twice.precision, abs=1e-6)
    assert weighed.covariance() @ weighed.precision == pytest.approx(np.eye(2), abs=1e-9)


def test_a_blend_of_beliefs_weighs_each_by_its_precision():
    one, other = Posterior(np.array([3.0]), np.eye(1) * 4), Posterior(np.array([0.0]), np.eye(1))
    blended = one.blend(other, 0.25)

    assert blended.precision.tolist() == [[0.25 * 4 + 0.75]]
    assert blended.mean == pytest.approx(0.25 * 4 * 3.0 / (0.25 * 4 + 0.75))
    with pytest.raises(BadInput, match="square of side 1"):
        Posterior(np.zeros(1), np.eye(2))


def planted(count, *, yes=None, people=40, slider=None):
    """Who read an even thing likes even things; or exactly so many say yes."""
    rng, found = np.random.default_rng(9), []
    for n in range(count):
        parity, at = int(rng.integers(2)), START + timedelta(hours=n)
        place = int(rng.integers(24))
        fits = rng.random() < (0.8 if place % 2 == parity else 0.2)
        found.append(
            Example(
                person=[UserAction("read", f"thing {parity}", timestamp=at - timedelta(hours=2))],
                content=WORDS[place],
                outcome=bool(fits if yes is None else n < yes),
                at=at,
                user_id=f"u{n % people}",
                slider=slider,
                context={"segment": "day" if n % 3 else "night"},
            )
        )
    return found


@pytest.mark.parametrize(
    ("count", "yes", "people", "calibrated"),
    [
        (199, None, 40, False), (200, None, 40, True), (200, 19, 40, False), (200, 20, 40, True),
        (200, 181, 40, False), (200, 180, 40, True), (200, None, 1, False),
    ],
)  # fmt: skip
def test_calibration_wants_two_hundred_answers_twenty_of_each_and_several_people(
    scorer, count, yes, people, calibrated
):
    learned = scorer.fit(planted(count, yes=yes, people=people), time_split=1.0).scorer.learned

    assert (learned.calibrator is not None) is calibrated
    assert (learned.bounds is not None) is calibrated


def test_calibrators_learn_from_models_that_had_not_seen_the_person(scorer):
    examples = planted(240)
    found = gather(scorer, examples)
    raw, fold = np.empty(240), found.users % 4
    for held in range(4):
        rest = fold != held
        blank = PooledLogistic(0, 2)
        model = blank.fit(found.table.pick(rest), found.outcomes[rest])
        raw[~rest] = model.raw(found.table.pick(~rest))
    learned = scorer.fit(examples, time_split=1.0).scorer.learned
    asked = np.linspace(-3, 3, 7)

    by_hand = PlattCalibrator().fit(raw, found.outcomes).transform(asked)
    assert learned.calibrator.transform(asked) == pytest.approx(by_hand, abs=1e-9)
    bounds = VennAbersCalibrator().fit(raw, found.outcomes).interval(asked)
    assert np.allclose(learned.bounds.interval(asked), bounds)


def test_an_interval_is_the_wider_of_the_beliefs_and_venn_abers(scorer):
    learned = scorer.fit(planted(240), time_split=1.0).scorer.learned
    raw, spread = np.array([-1.0, 0.3, 2.0]), np.array([0.01, 0.5, 1.5])
    reach = 1.6448536 * spread
    point, low, high = (learned.calibrator.transform(x) for x in (raw, raw - reach, raw + reach))
    under, over = learned.bounds.interval(raw)
    expected = np.array([point, np.minimum(low, under), np.maximum(high, over)])
    expected[1:] = np.minimum(expected[1], point), np.maximum(expected[2], point)

    assert learned.interval(raw, spread) == pytest.approx(expected, abs=1e-7)
    for column, (x, wide) in enumerate(zip(raw, spread, strict=True)):
        assert learned.ends(x, wide) == pytest.approx(expected[:, column], abs=1e-7)
    bare = replace(learned, calibrator=None, bounds=None)
    ends = [1 / (1 + math.exp(-x)) for x in (0.3, 0.3 - reach[1], 0.3 + reach[1])]
    assert bare.ends(0.3, 0.5) == pytest.approx(ends, abs=1e-7)
    assert bare.interval(raw, spread)[:, 1] == pytest.approx(ends, abs=1e-7)


def test_the_split_is_a_moment_or_a_share_and_the_report_judges_the_rest(scorer):
    examples = planted(300)
    moment = examples[210].at
    by_share = scorer.fit(examples, time_split=0.7).report
    by_moment = scorer.fit(examples, time_split=moment).report

    assert (by_share.trained, by_share.tested) == (by_moment.trained, by_moment.tested) == (210, 90)
    assert by_moment.split == moment
    assert by_share.split == examples[209].at
    assert by_share.rows == by_moment.rows
    judged = by_share.rows[1]
    error = np.mean((by_share.probabilities - by_share.outcomes) ** 2)
    base = by_share.outcomes.mean()
    assert judged["brier"] == pytest.approx(error)
    assert judged["brier_skill"] == pytest.approx(1 - error / (base * (1 - base)))
    zero_shot = np.mean((by_share.zero_shot - by_share.outcomes) ** 2)
    assert by_share.rows[0]["brier"] == pytest.approx(zero_shot)
    with pytest.raises(BadInput, match="leave examples to learn from"):
        scorer.fit(examples, time_split=START)


def test_what_was_learned_a_half_life_ago_weighs_half(scorer):
    fitted = scorer.fit(planted(60), time_split=1.0).scorer
    online = OnlineScorer(fitted, half_life=7.0)
    fresh = [replace(e, at=e.at + timedelta(days=90)) for e in planted(10)]
    before = fitted.learned
    model = before.model
    found = gather(online.scorer, fresh, before.history, before.agreement)
    kept = model.belief.blend(model.prior(), 2 ** (-10 / 7))
    weights = np.array([2 ** (-(9 - n) / 7) for n in range(10)])
    expected = kept.learn(model.design(found.table), found.outcomes, weights)

    assert online.learn([]) == 0
    assert online.learn(reversed(fresh)) == 10
    assert online.scorer.learned.model.belief.mean == pytest.approx(expected.mean, abs=1e-9)
    assert online.scorer.learned.calibrator is None


def test_online_knows_segments_by_name_and_new_ones_as_none(scorer):
    fitted = scorer.fit(planted(60), time_split=1.0).scorer
    assert fitted.learned.segments == ("day", "night")
    fresh = [replace(e, at=e.at + timedelta(days=90)) for e in planted(9)]

    def after(name):
        online = OnlineScorer(fitted)
        online.learn([replace(e, context={"segment": name} if name else {}) for e in fresh])
        return online.scorer.learned.model.belief.mean

    assert after("a new one") == pytest.approx(after(None))
    assert np.abs(after("night") - after(None)).max() > 1e-4
    night = [replace(e, context={"segment": "night"}) for e in fresh]
    model = fitted.learned.model
    found = gather(fitted, night, fitted.learned.history, fitted.learned.agreement)
    table = found.table._replace(segment=np.full(9, 1))
    by_hand = model.belief.blend(model.prior(), 2 ** (-9 / 10_000)).learn(
        model.design(table), found.outcomes, 2.0 ** (-np.arange(9)[::-1] / 10_000)
    )
    assert after("night") == pytest.approx(by_hand.mean, abs=1e-9)


def test_online_looks_up_what_goes_together_as_of_its_oldest_example(scorer):
    """Examples from within the history of the fit: later events may hold their own answers."""
    examples = planted(80)
    fitted = scorer.fit(examples, time_split=1.0).scorer
    learned, late = fitted.learned, examples[40:50]
    model = learned.model

    def taught(known):
        found = gather(fitted, late, learned.history, known)
        fade = 2.0 ** (-np.arange(10)[::-1] / 10_000)
        kept = model.belief.blend(model.prior(), 2 ** (-10 / 10_000))
        return kept.learn(model.design(found.table), found.outcomes, fade).mean

    online = OnlineScorer(fitted)
    online.learn(late)
    then = agreement(learned.history, late[0].at.timestamp())
    assert online.scorer.learned.model.belief.mean == pytest.approx(taught(then), abs=1e-9)
    assert np.abs(taught(then) - taught(learned.agreement)).max() > 1e-6
