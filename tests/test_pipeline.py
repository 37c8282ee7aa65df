"""Scoring: the formula by hand, the contract of its answers, and what it refuses."""

import copy
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import numpy as np
import pytest

from tests.people import NOW, SLIDERS, actions_of
from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput, UnknownName
from vibrator.pipeline import SliderScorer
from vibrator.profile import Profile
from vibrator.sliders import Slider
from vibrator.weights import FEATURES, ContextRule, FeatureWeights

ENCODER = InstructionalEncoder("embedded")
CONTENT = {
    "depth": "internals of the query planner, with diagrams",
    "kitchen": "a lemon and chickpea stew for tonight",
    "trails": "hut to hut across the high pass",
}


@pytest.fixture(scope="module")
def scorer():
    return SliderScorer(ENCODER, SLIDERS, clock=lambda: NOW)


class Plain:
    """An encoder of somebody else's: two methods and nothing more."""

    rows = MappingProxyType({"up": [1.0, 0.0], "right": [0.0, 1.0]})

    def encode_actions(self, actions):
        return np.array([self.rows[action.content] for action in actions])

    def encode_items(self, texts):
        return np.array([self.rows[text] for text in texts])


def test_the_formula_by_hand():
    scorer = SliderScorer(Plain(), {"s": [3.0, 4.0]}, clock=lambda: NOW)
    actions = [UserAction("click", "up", timestamp=NOW - timedelta(hours=12))]
    output = scorer.score(actions, "right")["s"]
    assert output.features == pytest.approx(
        {"user_to_slider": 0.6, "item_to_slider": 0.8, "user_item_alignment": 0.0, "recency": 0.5}
    )
    assert output.raw_score == pytest.approx(0.35 * 0.6 + 0.20 * 0.8 + 0.30 * 0.0 + 0.15 * 0.5)
    assert output.evidence == pytest.approx(2 ** (-0.5 / 14))


def test_contributions_add_up_to_the_raw_score_exactly(scorer):
    for output in scorer.score(actions_of("ada"), CONTENT["depth"]).values():
        assert sum(output.contributions.values()) == output.raw_score


def test_an_output_is_a_whole_value_before_anybody_looks_into_it(scorer):
    def fresh():
        return scorer.score(actions_of("ada"), CONTENT["depth"])["depth"]

    looked_at = fresh()
    assert list(looked_at.features) == list(looked_at.contributions) == list(FEATURES)
    assert looked_at.features is looked_at.features
    assert fresh() == looked_at
    assert repr(fresh()) == repr(looked_at)
    assert fresh().to_dict() == looked_at.to_dict()
    assert copy.copy(fresh()).features == copy.deepcopy(fresh()).features == looked_at.features
    assert replace(fresh(), low=0.0).contributions == looked_at.contributions
    with pytest.raises(AttributeError, match="no 'feature'"):
        _ = looked_at.feature


def test_each_person_fits_their_own_content_best(scorer):
    for person, slider in (("ada", "depth"), ("bruno", "kitchen"), ("chioma", "trails")):
        fits = {
            name: scorer.score(actions_of(person), text)[slider].probability
            for name, text in CONTENT.items()
        }
        assert max(fits, key=fits.get) == slider


def test_probabilities_lie_in_their_intervals_and_shares_add_up(scorer):
    scores = scorer.score(actions_of("ada"), CONTENT["depth"])
    assert all(0 < o.low < o.probability < o.high < 1 for o in scores.values())
    assert sum(o.relative_probability for o in scores.values()) == pytest.approx(1.0)


def test_a_list_scores_as_its_profile_does(scorer):
    actions = actions_of("chioma")
    by_list = scorer.score(actions, CONTENT["trails"])
    by_words = scorer.score(Profile.from_actions(actions), CONTENT["trails"])
    by_profile = scorer.score(Profile.from_actions(actions, ENCODER), CONTENT["trails"])
    assert by_list == by_words
    for name in SLIDERS:
        assert by_profile[name].probability == pytest.approx(by_list[name].probability, abs=1e-7)
        assert by_profile[name].why() == by_list[name].why()


def test_the_reason_names_the_action_that_moved_it_most(scorer):
    why = scorer.score(actions_of("chioma"), CONTENT["trails"])["trails"].why()
    assert "three days on the ridge path" in why


def test_an_empty_list_is_refused_unless_a_cold_start_is_meant(scorer):
    with pytest.raises(BadInput, match="cold_start"):
        scorer.score([], CONTENT["trails"])
    cold = scorer.score([], CONTENT["trails"], cold_start=True)["trails"]
    known = scorer.score(actions_of("chioma"), CONTENT["trails"])["trails"]
    assert cold.high - cold.low > known.high - known.low
    assert cold.evidence == 0.0
    assert "Nothing is known" in cold.why()
    assert scorer.score(Profile(), CONTENT["trails"])["trails"] == cold


def test_evidence_narrows_the_interval_in_the_logit(scorer):
    few, many = actions_of("chioma"), actions_of("chioma", hours_apart=1) * 10
    widths = []
    for actions in (few, many):
        o = scorer.score(actions, CONTENT["trails"])["trails"]
        widths.append(np.log(o.high / (1 - o.high)) - np.log(o.low / (1 - o.low)))
    assert widths[1] < widths[0]


def test_recency_halves_in_twelve_hours(scorer):
    def recency(hours):
        action = UserAction("click", "ridge path", timestamp=NOW - timedelta(hours=hours))
        return scorer.score([action], CONTENT["trails"])["trails"].features["recency"]

    assert [recency(h) for h in (0, 12, 24)] == pytest.approx([1.0, 0.5, 0.25])
    assert scorer.score([UserAction("click", "x")], "y")["trails"].features["recency"] == 1.0


def test_a_slider_vector_of_another_width_than_the_encoder_is_named():
    scorer = SliderScorer(ENCODER, {"depth": "technical manuals", "mine": [1.0, 0.0, 0.0]})
    with pytest.raises(BadInput, match="'mine': 3"):
        scorer.score(actions_of("ada"), CONTENT["depth"])


def test_sliders_may_be_text_vectors_or_have_an_opposite_pole():
    pole = Slider("short and simple", opposite="long and detailed")
    vector = ENCODER.encode_sliders(["long mountain trails"])[0]
    scorer = SliderScorer(
        ENCODER, {"a": pole, "b": vector, "c": "long mountain trails"}, clock=lambda: NOW
    )
    scores = scorer.score(actions_of("chioma"), "hut to hut")
    assert scores["b"].raw_score == pytest.approx(scores["c"].raw_score)
    swapped = SliderScorer(
        ENCODER, {"a": Slider(pole.opposite, opposite=pole.text)}, clock=lambda: NOW
    )
    back = swapped.score(actions_of("chioma"), "hut to hut")["a"].features
    assert back["item_to_slider"] == pytest.approx(-scores["a"].features["item_to_slider"])


@pytest.mark.parametrize(
    ("context", "feature", "factor"),
    [
        ({"is_work_hours": True}, "item_to_slider", 1.25),
        ({"boost_feature": "recency"}, "recency", 1.5),
        ({"segment": "new"}, "user_to_slider", 2.0),
        ({"device": "watch"}, "recency", 3.0),
        ({"segment": "unheard of", "device": "fridge", "is_work_hours": False}, "recency", 1.0),
    ],
)
def test_context_scales_one_feature_and_the_weights_add_up(context, feature, factor):
    rules = (*FeatureWeights().rules, ContextRule("device", "recency", 3.0, value="watch"))
    weights = FeatureWeights(segments={"new": {"user_to_slider": 2.0}}, rules=rules)
    plain, scaled = weights.under(None), weights.under(context)
    other = next(name for name in FEATURES if name != feature)
    assert scaled[feature] / scaled[other] == pytest.approx(factor * plain[feature] / plain[other])
    assert sum(scaled.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "base", [{"charm": 1.0}, {"recency": -1.0}, {"recency": float("nan")}, {"recency": 0.0}]
)
def test_bad_weights_are_refused(base):
    with pytest.raises((BadInput, UnknownName)):
        SliderScorer(ENCODER, SLIDERS, base_feature_weights=base)


class Half:
    def transform(self, scores):
        return np.full_like(scores, 0.5)


def test_a_calibrator_given_is_used_as_given():
    scorer = SliderScorer(ENCODER, SLIDERS, calibrators={"depth": Half()}, clock=lambda: NOW)
    scores = scorer.score(actions_of("ada"), CONTENT["depth"])
    batch = scorer.score_batch([actions_of("ada")], [CONTENT["depth"]])
    assert scores["depth"].probability == 0.5
    assert scores["depth"].low < 0.5 < scores["depth"].high
    assert batch.probability[0, 0] == pytest.approx(
        [o.probability for o in scores.values()], abs=1e-6
    )
    with pytest.raises(BadInput, match="unknown sliders"):
        SliderScorer(ENCODER, SLIDERS, calibrators={"deep": Half()})


def test_the_prior_is_where_probability_starts():
    low, high = (
        SliderScorer(ENCODER, SLIDERS, prior=p, clock=lambda: NOW) for p in (0.01, {"depth": 0.9})
    )
    text = CONTENT["depth"]
    assert (
        low.score(actions_of("ada"), text)["depth"].probability
        < high.score(actions_of("ada"), text)["depth"].probability
    )
    for bad in (0.0, 1.0, float("nan"), {"deep": 0.5}):
        with pytest.raises(BadInput):
            SliderScorer(ENCODER, SLIDERS, prior=bad)


PEOPLE = {name: actions_of(name) for name in ("ada", "bruno", "chioma")}


def test_a_batch_is_score_for_everybody(scorer):
    people = {**PEOPLE, "stranger": Profile()}
    batch = scorer.score_batch(people, CONTENT)
    assert batch.shape == (4, 3, 3)
    for i, (who, actions) in enumerate(people.items()):
        for j, (what, text) in enumerate(CONTENT.items()):
            one = scorer.score(actions, text)
            assert batch.raw_score[i, j] == pytest.approx(
                [o.raw_score for o in one.values()], abs=1e-6
            )
            assert batch.probability[i, j] == pytest.approx(
                [o.probability for o in one.values()], abs=1e-6
            )
            assert batch[who][what]["depth"].raw_score == pytest.approx(
                one["depth"].raw_score, abs=1e-6
            )


def test_blocks_cover_the_whole_batch_once(scorer):
    batch = scorer.score_batch(PEOPLE, CONTENT)
    raw, probability = np.asarray(batch.raw_score), np.asarray(batch.probability)
    seen = np.zeros(3)
    for people, block_raw, block_probability in batch.blocks():
        seen[people] += 1
        assert np.array_equal(raw[people], block_raw)
        assert np.array_equal(probability[people], block_probability)
    assert (seen == 1).all()
    assert np.allclose(batch.raw_score[1:], raw[1:], atol=1e-6)
    assert np.allclose(batch.probability[-1, :, 0], probability[-1, :, 0], atol=1e-6)


def test_pairs_score_each_person_with_their_own_content(scorer):
    batch = scorer.score_batch(list(PEOPLE.values()), list(CONTENT.values()), pairs=True)
    assert batch.shape == (3, 3)
    for i, (actions, text) in enumerate(zip(PEOPLE.values(), CONTENT.values(), strict=True)):
        one = scorer.score(actions, text)
        assert np.asarray(batch.probability)[i] == pytest.approx(
            [o.probability for o in one.values()], abs=1e-6
        )
        assert batch[i]["depth"].probability == pytest.approx(one["depth"].probability, abs=1e-6)
    with pytest.raises(BadInput, match=r"^pairs"):
        scorer.score_batch(list(PEOPLE.values()), ["only one"], pairs=True)


def test_extreme_features_do_not_overflow():
    scorer = SliderScorer(Plain(), {"s": [1.0, 0.0]}, clock=lambda: NOW)
    loud = type(
        "Loud",
        (),
        {
            "encode_actions": lambda _, a: np.array([[1e3, 0.0]] * len(a)),
            "encode_items": Plain().encode_items,
        },
    )()
    scorer = SliderScorer(loud, {"s": [1.0, 0.0]}, clock=lambda: NOW)
    batch = scorer.score_batch([[UserAction("click", "up")]], ["up", "right"])
    one = [
        scorer.score([UserAction("click", "up")], text)["s"].probability for text in ("up", "right")
    ]
    assert np.asarray(batch.probability)[0, :, 0] == pytest.approx(one, abs=1e-6)


def test_rank_orders_by_the_scores_it_reports(scorer):
    ranking = scorer.rank(actions_of("chioma"), CONTENT, 3)
    means = [np.mean([o.raw_score for o in row.scores.values()]) for row in ranking]
    assert [row.score for row in ranking] == pytest.approx(means, abs=1e-6)
    assert means == sorted(means, reverse=True)
    assert ranking[0].item == "trails"
    assert scorer.rank(actions_of("ada"), CONTENT, 1, slider="kitchen")[0].item == "kitchen"


def test_rank_takes_a_matrix_and_keeps_ties_in_order(scorer):
    rows = ENCODER.encode_items([CONTENT["trails"]] * 3 + [CONTENT["kitchen"]])
    assert [row.item for row in scorer.rank(actions_of("chioma"), rows, 3)] == [0, 1, 2]


def test_diversity_prefers_what_is_unlike_the_items_above(scorer):
    texts = [CONTENT["trails"]] * 3 + [CONTENT["kitchen"]]
    spread = scorer.rank(actions_of("chioma"), texts, 2, diversity=0.8)
    assert [row.item for row in spread] == [0, 3]
    with pytest.raises(BadInput, match=r"^diversity"):
        scorer.rank(actions_of("chioma"), texts, 2, diversity=1.5)


def test_unread_words_keep_the_half_lives_of_their_profile(scorer):
    lives = {"fast": timedelta(hours=1), "slow": timedelta(hours=2)}
    words = Profile.from_actions(actions_of("ada"), **lives)
    read = Profile.from_actions(actions_of("ada"), ENCODER, **lives)
    one, other = (scorer.score(p, CONTENT["depth"])["depth"] for p in (words, read))
    assert one.evidence == pytest.approx(other.evidence)
    assert one.raw_score == pytest.approx(other.raw_score)


def test_a_batch_takes_what_can_be_iterated_once(scorer):
    people = [iter(actions_of(name)) for name in PEOPLE]
    once = scorer.score_batch(people, CONTENT)
    again = scorer.score_batch(list(PEOPLE.values()), CONTENT)
    assert np.array_equal(np.asarray(once.raw_score), np.asarray(again.raw_score))


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (np.eye(256, dtype=np.int8)[:3], "floats"),
        (np.full((3, 256), np.nan, dtype=np.float32), "NaN|length one"),
        (np.full((3, 256), 1.0, dtype=np.float32), "length one"),
        (np.ones((3, 7), dtype=np.float32), "256 wide"),
    ],
)
def test_encoded_rows_that_cannot_be_right_are_refused(scorer, rows, named):
    with pytest.raises(BadInput, match=named):
        scorer.rank(actions_of("ada"), rows, 2)
    with pytest.raises(BadInput, match=named):
        scorer.score_batch([actions_of("ada")], rows)


class Loud:
    def transform(self, scores):
        return np.full_like(scores, 1.7)


def test_a_calibrator_that_leaves_the_unit_interval_is_refused():
    scorer = SliderScorer(ENCODER, SLIDERS, calibrators={"depth": Loud()}, clock=lambda: NOW)
    with pytest.raises(BadInput, match="from 0 to 1"):
        scorer.score(actions_of("ada"), CONTENT["depth"])
    with pytest.raises(BadInput, match="from 0 to 1"):
        np.asarray(scorer.score_batch([actions_of("ada")], CONTENT).probability)


def test_scores_print_as_a_table(scorer):
    scores = scorer.score(actions_of("ada"), CONTENT["depth"])
    table = str(scores)
    assert all(name in table for name in SLIDERS)
    assert scores["depth"].why() in table
    assert "<table>" in scores._repr_html_()


@pytest.mark.parametrize(
    ("actions", "content", "named"),
    [
        ("User wrote", "text", "actions"),
        (["User wrote"], "text", r"actions\[0\]"),
        (PEOPLE["ada"], "", "text"),
        (PEOPLE["ada"], ["a", "b"], "content"),
    ],
)
def test_bad_input_is_refused_by_name(scorer, actions, content, named):
    with pytest.raises(BadInput, match=named):
        scorer.score(actions, content)


@pytest.mark.parametrize(
    ("name", "value"), [("penalties", None), ("clock", None), ("clock", NOW), ("zero_shot", 3)]
)
def test_settings_of_another_kind_are_refused_by_name(name, value):
    with pytest.raises(BadInput, match=name):
        SliderScorer(ENCODER, SLIDERS, **{name: value})


def test_a_profile_of_another_encoder_is_refused(scorer):
    other = Profile.from_actions(
        actions_of("ada"), InstructionalEncoder("embedded", slider_instruction="x")
    )
    with pytest.raises(BadInput, match="encoder"):
        scorer.score(other, CONTENT["depth"])


class Theirs(Plain):
    """Somebody else's encoder that gives what it is told to."""

    def __init__(self, change):
        self.change = change

    def encode_actions(self, actions):
        return self.change(super().encode_actions(actions))

    def encode_items(self, texts):
        return self.change(super().encode_items(texts))


@pytest.mark.parametrize("kind", [int, bool, np.float16, np.float32, np.float64, object, list])
def test_numbers_of_any_kind_from_an_encoder_score_alike(kind):
    actions = [UserAction("write", "up"), UserAction("read", "right"), UserAction("react", "up")]

    def scored(encoder):
        scorer = SliderScorer(encoder, {"s": [3.0, 4.0]}, clock=lambda: NOW)
        ranked = scorer.rank(actions, ["up", "right"], 2)
        return scorer.score(actions, "right")["s"].features, [row.score for row in ranked]

    change = np.ndarray.tolist if kind is list else lambda rows: rows.astype(kind)
    for found, right in zip(scored(Theirs(change)), scored(Plain()), strict=True):
        assert found == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize(
    "change", [lambda r: r[:1], lambda r: r[:, :1], lambda r: [*r, r[0]], lambda r: None, np.ravel]
)
def test_an_encoder_that_gives_no_row_each_is_refused(change):
    actions, texts = [UserAction("read", "up"), UserAction("read", "right")], ["up", "right"]
    scorer = SliderScorer(Theirs(change), {"s": [3.0, 4.0]}, clock=lambda: NOW)
    for asked in (
        lambda: scorer.score(actions, "up"),
        lambda: scorer.score_batch([actions], texts),
        lambda: scorer.rank(Profile(), texts, 1),
    ):
        with pytest.raises(BadInput, match="must give rows of shape"):
            asked()


@pytest.mark.parametrize("method", ["encode_actions", "encode_items"])
def test_vectors_that_are_not_finite_are_refused_wherever_they_come_from(method):
    broken = Plain()
    setattr(broken, method, lambda given: np.full((len(given), 2), np.nan))
    scorer = SliderScorer(broken, {"s": [3.0, 4.0]}, clock=lambda: NOW)
    actions = [UserAction("read", "up")]
    for asked in (
        lambda: scorer.score(actions, "up"),
        lambda: scorer.score_batch([actions], ["up"]),
        lambda: scorer.rank(actions, ["up"], 1),
    ):
        with pytest.raises(BadInput, match="finite"):
            asked()


def test_a_profile_of_another_width_is_refused():
    profile = Profile()
    profile.add([UserAction("read", "up")], np.ones((1, 3)))
    with pytest.raises(BadInput, match=r"^a profile must be 2 wide"):
        SliderScorer(Plain(), {"s": [3.0, 4.0]}).score(profile, "up")


def test_what_cannot_score_is_refused_when_the_scorer_is_made():
    for encoder in ("embedded", None):
        with pytest.raises(BadInput, match=r"^encoder must have encode_actions and encode_items"):
            SliderScorer(encoder, SLIDERS)
    with pytest.raises(BadInput, match=r"^calibrator of 's' must have transform, got 3"):
        SliderScorer(Plain(), {"s": [3.0, 4.0]}, calibrators={"s": 3})
    with pytest.raises(BadInput, match="must have encode_sliders"):
        SliderScorer(Plain(), {"s": "words"}).score([UserAction("read", "up")], "up")
    with pytest.raises(BadInput, match=r"^base feature weights must map"):
        SliderScorer(ENCODER, SLIDERS, [0.5, 0.5])


def test_what_is_no_list_is_refused(scorer):
    actions = actions_of("ada")
    for items in (None, 3):
        with pytest.raises(BadInput, match=r"^items must be a list"):
            scorer.rank(actions, items, 1)
    for people in (None, actions[0]):
        with pytest.raises(BadInput, match=r"^people must be a list"):
            scorer.score_batch(people, ["text"])


@pytest.mark.parametrize("k", [-1, 1.5, "1", None, True])
def test_a_k_that_counts_nothing_is_refused(scorer, k):
    with pytest.raises(BadInput, match=r"^k must be a whole number from 0"):
        scorer.rank(actions_of("ada"), ["text"], k)


def test_a_k_of_numpy_is_a_number(scorer):
    assert len(scorer.rank(actions_of("ada"), list(CONTENT.values()), np.int64(2))) == 2
