"""A learned scorer is a scorer: its settings, penalties, batches and rankings; and its examples."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vibrator.actions import UserAction
from vibrator.calibration import calculate_brier_score, calculate_smooth_ece
from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput, VibratorError
from vibrator.pipeline import Penalty, SliderScorer, co_engagement
from vibrator.pipeline.co_engagement import agreement
from vibrator.pipeline.examples import Example, examples_from_log
from vibrator.pipeline.features import AT, NAMES, Offer, Seen, table
from vibrator.pipeline.fitting import FitReport, figures
from vibrator.pipeline.gathering import STEPS_OF_TIME, gather
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.models import PooledLogistic, Table
from vibrator.pipeline.penalties import LOG_ODDS_PER_SCORE
from vibrator.pipeline.posterior import Posterior
from vibrator.pipeline.trail import Trail
from vibrator.pipeline.zero_shot import ZeroShot
from vibrator.profile import Profile
from vibrator.vectors import sigmoid
from vibrator.weights import FeatureWeights

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=9)
WORDS = [f"thing {n}" for n in range(12)]


class Circle:
    """An encoder that lays things out around a circle, one a step of 30 degrees."""

    def rows(self, texts):
        angles = np.array([int(text.split()[-1]) * np.pi / 6 for text in texts])
        return np.column_stack([np.cos(angles), np.sin(angles)])

    def encode_actions(self, actions):
        return self.rows([action.content for action in actions])

    def encode_items(self, texts):
        return self.rows(texts)


SLIDERS = {"a": [1.0, 0.0], "b": [0.0, 1.0]}
PLAIN = SliderScorer(Circle(), SLIDERS, clock=lambda: NOW)
PERSON = [
    UserAction("click", "thing 1", timestamp=NOW - timedelta(hours=3)),
    UserAction("dismiss", "thing 7", timestamp=NOW - timedelta(hours=30)),
    UserAction("read", "thing 2", timestamp=NOW - timedelta(hours=80)),
]


def planted(count, *, slider=None):
    """Who read one side of the circle likes that side, four times of five."""
    rng = np.random.default_rng(3)
    for n in range(count):
        side, place = int(rng.integers(2)), int(rng.integers(12))
        at = START + timedelta(minutes=30 * n)
        fits = rng.random() < (0.8 if (place >= 6) == bool(side) else 0.2)
        read = UserAction("click", f"thing {6 * side + 3}", timestamp=at - timedelta(hours=1))
        yield Example(
            person=[read],
            content=WORDS[place], outcome=bool(fits), at=at, user_id=f"u{n % 20}", slider=slider,
            context={"segment": "day" if n % 3 else "night"}, position=n % 4,
        )  # fmt: skip


def fitted_on(base, slider=None, count=260):
    return base.fit(list(planted(count, slider=slider)), time_split=1.0).scorer


# Settings


def test_a_learned_scorer_keeps_the_settings_of_the_one_it_began_as():
    base = SliderScorer(
        Circle(), SLIDERS, FeatureWeights(base={"recency": 1.0}),
        relative_softmax_temperature=0.25, prior={"a": 0.2, "b": 0.7}, clock=lambda: NOW,
        zero_shot=ZeroShot(lean=0.5), penalties=[Penalty(name="p", amount=1, phrases=("x",))],
    )  # fmt: skip
    fitted = fitted_on(base, count=30)

    assert fitted.priors == pytest.approx(base.priors)
    for name in ("encoder", "sliders", "feature_weights", "relative_softmax_temperature", "clock",
                 "zero_shot", "penalties"):  # fmt: skip
        assert getattr(fitted, name) is getattr(base, name), name
    assert fitted.score(PERSON, "thing 4")["a"].features["recency"] == pytest.approx(2**-0.25)


# Penalties


BAIT = Penalty(name="bait", amount=0.2, phrases=("thing 4", "thing 5"))
WEST = Penalty(name="west", amount=0.1, phrases=("thing 5",))


@pytest.mark.parametrize("slider", [None, "b"])
def test_penalties_take_log_odds_off_what_was_learned(slider):
    strict = SliderScorer(Circle(), SLIDERS, clock=lambda: NOW, penalties=[BAIT, WEST])
    fair, strict = (fitted_on(base, slider) for base in (PLAIN, strict))
    texts = ["thing 3", "thing 4", "thing 5"]
    fall = {"thing 3": {}, "thing 4": {"bait": -2.0}, "thing 5": {"bait": -2.0, "west": -1.0}}
    batch = strict.score_batch([PERSON], texts)
    ranked = {texts[row.item]: row.scores for row in strict.rank(PERSON, texts, 3)}
    for place, text in enumerate(texts):
        before, after = (each.score(PERSON, text) for each in (fair, strict))
        for column, name in enumerate(SLIDERS):
            output = after[name]
            lost = sum(fall[text].values())
            assert output.raw_score == pytest.approx(before[name].raw_score + lost)
            assert sum(output.contributions.values()) == pytest.approx(output.raw_score)
            parts = {key: output.contributions.get(key) for key in fall[text]}
            assert parts == pytest.approx(fall[text])
            assert (output.probability < before[name].probability) is bool(lost)
            assert batch.raw_score[0, place, column] == pytest.approx(output.raw_score, abs=1e-5)
            assert ranked[text][name].raw_score == pytest.approx(output.raw_score)
            assert batch[0][place][name].probability == pytest.approx(output.probability)
    assert LOG_ODDS_PER_SCORE == 10.0


def test_a_penalty_by_phrases_needs_words_of_a_learned_scorer_too():
    strict = fitted_on(SliderScorer(Circle(), SLIDERS, clock=lambda: NOW, penalties=[BAIT]))
    with pytest.raises(BadInput, match=r"^penalty 'bait' reads texts, got encoded content"):
        strict.score(PERSON, [1.0, 0.0])


# Batches and rankings


@pytest.mark.parametrize("slider", [None, "b"])
@pytest.mark.parametrize("context", [None, {"segment": "night"}])
def test_a_learned_batch_says_what_each_score_says(slider, context):
    fitted = fitted_on(PLAIN, slider)
    people = {"ada": PERSON, "new": Profile(), "bo": PERSON[:1]}
    texts = {"x": "thing 2", "y": "thing 8", "z": "thing 5"}
    whole, pairs = (fitted.score_batch(people, texts, context, pairs=way) for way in (False, True))
    assert (whole.shape, pairs.shape) == ((3, 3, 2), (3, 2))
    for i, (person, actions) in enumerate(people.items()):
        for j, (item, text) in enumerate(texts.items()):
            alone = fitted.score(actions, text, context)
            raw = [output.raw_score for output in alone.values()]
            chances = [output.probability for output in alone.values()]
            assert whole.raw_score[i, j] == pytest.approx(raw, abs=1e-5)
            assert np.asarray(whole.probability)[i, j] == pytest.approx(chances, abs=1e-6)
            assert whole[person][item]["b"].low == pytest.approx(alone["b"].low, abs=1e-7)
            if i == j:
                assert pairs.raw_score[i] == pytest.approx(raw, abs=1e-5)
                assert np.asarray(pairs.probability)[i] == pytest.approx(chances, abs=1e-6)
                assert pairs[person]["a"].probability == pytest.approx(chances[0])


@pytest.mark.parametrize("slider", [None, "b"])
def test_a_rank_is_by_learned_probability(slider):
    fitted = fitted_on(PLAIN, slider)
    for asked in (None, "a", "b"):
        ranking = fitted.rank(PERSON, WORDS, 12, slider=asked, context={"segment": "day"})
        for row in ranking:
            alone = fitted.score(PERSON, WORDS[row.item], {"segment": "day"})
            chances = [o.probability for name, o in alone.items() if asked in {None, name}]
            assert row.score == pytest.approx(np.mean(chances))
            assert row.scores["a"].probability == pytest.approx(alone["a"].probability)
        assert [r.score for r in ranking] == sorted((r.score for r in ranking), reverse=True)


def test_encoded_content_is_content_that_nobody_has_touched():
    fitted = fitted_on(PLAIN)
    row = Circle().rows(["thing 3"])
    one = fitted.score(PERSON, row[0])["a"]
    for batch in (fitted.score_batch([PERSON], row), fitted.score_batch([PERSON], ["thing 99"])):
        assert batch[0][0]["a"].features["item_popularity"] == 0.0
    assert one.features["item_popularity"] == one.features["item_freshness"] == 0.0
    assert fitted.score(PERSON, "thing 3")["a"].features["item_popularity"] > 1.0
    ranked = fitted.rank(PERSON, row, 1)[0].scores["a"]
    assert ranked.raw_score == pytest.approx(one.raw_score)


def test_a_batch_is_as_of_its_moment():
    fitted = fitted_on(PLAIN)
    later = NOW + timedelta(days=2)
    batch = fitted.score_batch([PERSON], WORDS[:2], now=later)
    alone = fitted.score(PERSON, WORDS[1], now=later)["a"]
    assert batch[0][1]["a"].raw_score == pytest.approx(alone.raw_score)
    assert alone.raw_score != fitted.score(PERSON, WORDS[1])["a"].raw_score


@pytest.mark.parametrize("slider", [None, "b"])
def test_shares_are_a_softmax_of_the_log_odds_of_what_is_answered(slider):
    base = SliderScorer(Circle(), SLIDERS, clock=lambda: NOW, relative_softmax_temperature=0.5)
    fitted = fitted_on(base, slider)
    several = fitted.rank(PERSON, WORDS[:3], 3)
    for scores in (fitted.score(PERSON, WORDS[4]), several[1].scores):
        chances = np.array([output.probability for output in scores.values()])
        odds = (chances / (1 - chances)) ** 2
        shares = [output.relative_probability for output in scores.values()]
        assert shares == pytest.approx(odds / odds.sum())


def test_what_speaks_of_contents_belongs_to_sliders_by_the_zero_shot_scorer():
    fitted = fitted_on(PLAIN)
    scores = fitted.score(PERSON, WORDS[1])
    vector = Circle().rows(WORDS[1:2])[0]
    belongs = PLAIN.zero_shot.belongs(np.array([vector[0], vector[1]]), PLAIN.prior_logits)
    raw = scores["a"].raw_score
    liked = fitted.learned.probability(np.array([raw]))[0]
    for chance, output in zip(belongs, scores.values(), strict=True):
        assert output.raw_score == raw
        assert output.probability == pytest.approx(chance * liked)
        assert output.low <= output.probability <= output.high <= chance + 1e-12
    assert scores["a"].features["item_to_slider"] == pytest.approx(vector[0])
    assert scores["b"].features["item_to_slider"] == pytest.approx(vector[1])


def test_the_reason_of_a_learned_score_names_an_action():
    for slider in (None, "b"):
        scores = fitted_on(PLAIN, slider).score(PERSON, WORDS[1])
        assert any(action.content in scores["b"].why() for action in PERSON)
        assert scores["b"].evidence == pytest.approx(PLAIN.score(PERSON, WORDS[1])["b"].evidence)
        assert set(scores["b"].weights) == set(NAMES)


# Reports


def test_a_report_says_what_it_learned_from_and_how_it_did():
    result = PLAIN.fit(list(planted(260)), time_split=0.75)
    report = result.report
    head, header, *rows = str(report).splitlines()

    assert head == "logistic on 195 examples, judged on 65 after it"
    assert header.split() == ["scorer", "auc", "brier", "brier_skill", "smooth_ece"]
    assert [row.split()[0] for row in rows] == ["zero-shot", "logistic"]
    assert (report.trained, report.tested, report.model) == (195, 65, "logistic")
    assert len(report.outcomes) == len(report.users) == len(report.probabilities) == 65
    assert report.rows[1] == {"scorer": "logistic"} | figures(report.probabilities, report.outcomes)
    assert report.zero_shot == pytest.approx(sigmoid(report.table.features[:, AT["zero_shot"]]))
    everything = PLAIN.fit(list(planted(40)), time_split=1.0).report
    assert str(everything) == "logistic on 40 examples, judged on 0 after it"
    assert everything.rows == ()
    bare = FitReport(trained=1, tested=0, split=NOW, model="m", rows=())
    assert bare.zero_shot.shape == (0,)


def test_figures_are_those_of_the_measures():
    outcomes, chances = np.array([1.0, 0, 1, 0, 0]), np.array([0.9, 0.2, 0.4, 0.5, 0.1])
    brier = calculate_brier_score(chances, outcomes)
    assert figures(chances, outcomes) == {
        "auc": pytest.approx(5 / 6),
        "brier": brier,
        "brier_skill": pytest.approx(1 - brier / 0.24),
        "smooth_ece": calculate_smooth_ece(chances, outcomes),
    }
    for alike in (np.zeros(3), np.ones(3)):
        assert np.isnan(figures(np.full(3, 0.5), alike)["brier_skill"])


def test_position_is_held_at_the_mean_of_what_was_learned_from():
    examples = list(planted(80))
    learned = PLAIN.fit(examples, time_split=0.5).scorer.learned
    seen = [example.position for example in examples[:40]]
    assert learned.position == pytest.approx(np.log1p(seen).mean())
    unknown = [replace(example, position=None) for example in examples]
    assert PLAIN.fit(unknown, time_split=1.0).scorer.learned.position == 0.0


# What examples are made of


def test_what_goes_together_is_brought_up_to_date_ten_times_within_the_rows():
    examples = list(planted(40))
    history = ItemHistory(
        [e.user_id for e in examples], [e.content for e in examples],
        [e.at.timestamp() for e in examples], [float(e.outcome) for e in examples],
    )  # fmt: skip
    people = [e.person for e in examples]
    asked = [
        replace(e, person=[*people[n - 1], *people[n]]) if n else e for n, e in enumerate(examples)
    ]
    found = gather(PLAIN, asked, history).table.features[:, AT["co_engagement"]]

    assert STEPS_OF_TIME == 10
    for start in range(0, 40, 4):
        known = agreement(history, asked[start].at.timestamp())
        some = gather(PLAIN, asked[start : start + 4], history, known).table.features
        assert found[start : start + 4] == pytest.approx(some[:, AT["co_engagement"]])
    assert found.any()


def test_left_out_everybodys_actions_are_the_examples_themselves():
    examples = list(planted(30))
    history = gather(PLAIN, examples).history
    assert history.items == list(dict.fromkeys(e.content for e in examples))
    assert sorted(history.weights.tolist()) == sorted(2.0 * e.outcome - 1.0 for e in examples)
    assert history.times.tolist() == [e.at.timestamp() for e in examples]
    users = [e.user_id for e in examples]
    assert history.users.tolist() == [list(dict.fromkeys(users)).index(user) for user in users]


def test_examples_come_in_order_of_time_whatever_the_order_given():
    examples = list(planted(30))
    there, back = gather(PLAIN, examples), gather(PLAIN, examples[::-1])
    assert np.array_equal(there.table.features, back.table.features)
    assert there.outcomes.tolist() == [float(e.outcome) for e in examples]
    assert there.segments == ("day", "night")
    assert there.table.segment.tolist() == [int(n % 3 == 0) for n in range(30)]
    assert there.whole
    assert not gather(PLAIN, list(planted(3, slider="a"))).whole


def people_of_few_facts():
    """A stranger, somebody known by sums alone, one who only dismissed, one of a single action."""
    sums = Profile()
    sums.add_sums([[0.5, 0.1, 0.6], [0.9, 0.3, 1.1]], NOW.timestamp() - 3600.0, {"click": 3})
    dismissed = [replace(action, action_type="dismiss", weight=-1.0) for action in PERSON]
    silent = [UserAction("click", "thing 1", 0.0, NOW - timedelta(hours=1)), *PERSON]
    return [Profile(), sums, dismissed, PERSON[:1], silent]


@pytest.mark.parametrize("person", people_of_few_facts())
def test_one_content_and_many_look_the_same_whoever_the_person_is(person):
    fitted = fitted_on(PLAIN, "b", count=60)
    for row in fitted.rank(person, WORDS[:4], 4):
        alone = fitted.score(person, WORDS[row.item])["a"]
        assert alone.features == pytest.approx(row.scores["a"].features, abs=1e-9)
        known = [] if isinstance(person, Profile) else person
        liked = any(action.weight > 0 for action in known)
        assert (alone.features["best_similarity"] != 0.0) is liked


def test_a_trail_of_nobody_is_a_stranger():
    empty = Trail([], Circle())
    asked = list(planted(12))
    nobody = [replace(example, person=None) for example in asked]
    before = [replace(example, person=empty.before(example.at)) for example in asked]
    mixed = [*before[:6], *nobody[6:]]
    expected = gather(PLAIN, nobody).table.features
    for given in (before, mixed):
        assert np.allclose(gather(PLAIN, given).table.features, expected)


def test_features_without_co_engagement_are_the_same_but_for_it():
    history = ItemHistory.of_actions(
        [replace(action, user_id=user) for user in ("a", "b") for action in PERSON]
    )
    offer = Offer.of(PLAIN, Circle().rows(WORDS), history.places(WORDS))
    reading = Profile.from_actions(PERSON, Circle()).at(NOW)
    seen = Seen.of_reading(PLAIN, reading, offer, NOW.timestamp(), history)
    known = table(seen, history, agreement(history, np.inf))
    unknown = table(seen, history, None)

    assert known[:, AT["co_engagement"]].any()
    known[:, AT["co_engagement"]] = 0.0
    assert np.array_equal(known, unknown)


def test_a_model_that_is_not_fitted_says_so():
    nobody = np.full(1, -1)
    asked = Table(np.zeros((1, len(NAMES))), nobody, nobody)
    for use in (PooledLogistic(0, 0).raw, PooledLogistic(0, 0).parts, PooledLogistic(0, 0).design):
        with pytest.raises(TypeError, match="not fitted"):
            use(asked)


def test_a_belief_that_does_not_settle_is_no_belief():
    with np.errstate(invalid="ignore"), pytest.raises(VibratorError, match="did not settle"):
        Posterior(np.zeros(1), np.eye(1)).learn(np.array([[np.nan]]), np.ones(1))


def test_pairs_of_events_may_be_summed_in_several_goes(monkeypatch):
    rng = np.random.default_rng(0)
    history = ItemHistory(
        [f"u{n}" for n in rng.integers(6, size=60)], [f"t{n}" for n in rng.integers(5, size=60)],
        np.arange(60) * 40.0, np.ones(60),
    )  # fmt: skip
    at_once = co_engagement.together(history, half_life=100.0).toarray()
    monkeypatch.setattr(co_engagement, "PAIRS_AT_ONCE", 3)
    assert co_engagement.together(history, half_life=100.0).toarray() == pytest.approx(at_once)
    assert at_once.any()
    assert at_once == pytest.approx(at_once.T)


def test_of_a_crawler_the_newest_five_hundred_events_are_paired():
    times = np.arange(502.0)
    items = ["old", "other", *["x", "y"] * 250]
    history = ItemHistory(["bot"] * 502, items, times, np.ones(502))
    pairs = co_engagement.together(history, half_life=1e6).toarray()
    assert not pairs[:2].any()
    assert pairs[2, 3] == pytest.approx(250 * 250, rel=1e-2)


def decision(name, chosen, *, acted=True, user="ada", at=NOW, **more):
    return Decision(
        decision_id=name, user_id=user, at=at, candidates=("i", "j", "k"),
        chosen=chosen if acted else (), arm="top", propensity=1.0, reason="test", **more,
    )  # fmt: skip


def outcome(name, reward, item=None):
    return Outcome(decision_id=name, what="done", at=NOW, reward=reward, item_id=item)


CONTENTS = {"i": "thing 1", "j": "thing 2", "k": "thing 3"}


def told(decisions, outcomes, actions=()):
    return list(examples_from_log(decisions, outcomes, actions, Circle(), contents=CONTENTS))


def test_every_shown_item_of_an_answered_decision_is_an_example():
    asked = decision("d", ("i", "j", "k"), context={"segment": "new"})
    found = told(
        [asked, decision("unanswered", ("i",)), decision("nothing", ("i",), acted=False)],
        [outcome("d", 1.0, "j"), outcome("d", 0.0, "k"), outcome("nothing", 1.0)],
    )
    assert [(e.content, e.outcome, e.position) for e in found] == [
        ("thing 1", False, 0), ("thing 2", True, 1), ("thing 3", False, 2),
    ]  # fmt: skip
    assert {(e.user_id, e.at, e.slider, e.context["segment"]) for e in found} == {
        ("ada", NOW, None, "new")
    }


def test_several_outcomes_of_an_item_are_a_yes_if_one_of_them_is():
    for rewards in ((0.0, 1.0), (1.0, 0.0), (0.0, 1.0, -1.0)):
        (example,) = told([decision("d", ("i",))], [outcome("d", r, "i") for r in rewards])
        assert example.outcome is True
    for rewards in ((0.0,), (-1.0, 0.0)):
        (example,) = told([decision("d", ("i",))], [outcome("d", r, "i") for r in rewards])
        assert example.outcome is False
    assert told([decision("d", ("i",))], [outcome("d", None, "i")]) == []  # no reward is no answer


def test_an_outcome_that_names_no_item_speaks_of_all_but_those_that_are_named():
    found = told([decision("d", ("i", "j"))], [outcome("d", 1.0), outcome("d", 0.0, "j")])
    assert [e.outcome for e in found] == [True, False]


def test_an_example_speaks_of_the_slider_on_which_the_item_stood_highest():
    noted = decision("d", ("i",), features={"raw": {"a": 0.1, "b": 0.7}})
    assert told([noted], [outcome("d", 1.0)])[0].slider == "b"
    strange = replace(noted, candidates=("x",), chosen=("x",))
    with pytest.raises(BadInput, match=r"^contents has no words for the item 'x'"):
        told([strange], [outcome("d", 1.0)])


def test_the_person_of_an_example_is_made_of_their_own_earlier_actions():
    actions = [
        UserAction("click", "thing 5", timestamp=NOW - timedelta(hours=2), user_id="ada"),
        UserAction("click", "thing 9", timestamp=NOW - timedelta(hours=1), user_id="bo"),
        UserAction("click", "thing 8", timestamp=NOW, user_id="ada"),
        UserAction("click", "thing 7", timestamp=NOW - timedelta(hours=1), user_id="eve"),
        UserAction("click", "thing 7", timestamp=NOW - timedelta(hours=1)),
    ]
    mine, theirs = decision("d", ("i",)), decision("e", ("j",), user="bo")
    found = told([mine, theirs], [outcome("d", 1.0), outcome("e", 0.0)], actions)
    assert [[a.content for a in e.person.actions] for e in found] == [["thing 5"], ["thing 9"]]
    assert [(e.user_id, e.outcome) for e in found] == [("ada", True), ("bo", False)]


def test_a_trail_is_sorted_by_time_and_what_happened_at_once_by_its_id():
    times = [NOW, NOW - timedelta(hours=1), NOW, NOW]
    actions = [
        UserAction("click", f"thing {n}", timestamp=at, action_id=key)
        for n, (at, key) in enumerate(zip(times, ("c", "z", "a", None), strict=True))
    ]
    trail = Trail(actions, Circle())
    assert [action.content for action in trail.actions] == [
        "thing 1", "thing 2", "thing 0", "thing 3",
    ]  # fmt: skip
    before = trail.before(NOW)
    assert before.actions == tuple(trail.actions[:1])
    assert before.reading.recency_hours == 1.0
    assert trail.before(NOW - timedelta(hours=1)).reading is None
    assert trail.reading(NOW + timedelta(seconds=1)).evidence == pytest.approx(4.0, rel=1e-2)


def test_moments_near_one_another_are_read_together_but_not_too_many():
    """Sixty-four at most, and of no more than five hundred and twelve actions between them."""
    actions = [
        UserAction("click", "thing 1", timestamp=START + timedelta(minutes=n)) for n in range(2000)
    ]
    trail = Trail(actions, Circle())

    def sizes(every, count):
        moments = START.timestamp() + 60.0 * every * np.arange(1, count + 1)
        return [span.stop - span.start for span, _ in trail.blocks(moments)]

    assert sizes(1, 130) == [64, 64, 2]
    assert sizes(20, 60) == [26, 26, 8]  # 25 steps of twenty actions are not yet 512
    assert sizes(600, 3) == [1, 1, 1]
    assert sizes(1, 0) == []


def test_a_history_is_of_actions_that_have_a_time_and_a_user():
    at = {"timestamp": NOW}
    actions = [
        UserAction("click", "x", user_id="ada", **at), UserAction("click", "y", user_id="ada"),
        UserAction("click", "z", **at),
    ]  # fmt: skip
    history = ItemHistory.of_actions(actions)
    assert (history.items, len(history), len(ItemHistory.of_actions([]))) == (["x"], 1, 0)
    with pytest.raises(BadInput, match=r"^users, items, times and weights must be of one length"):
        ItemHistory(["a"], ["x"], [1.0], [])
    with pytest.raises(BadInput, match=r"^times must be finite"):
        ItemHistory(["a"], ["x"], [np.inf], [1.0])
