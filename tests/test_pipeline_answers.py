"""What answers look like: rankings, tables, reasons and refusals, word for word."""

import math
from datetime import timedelta
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from tests.people import NOW
from vibrator import pipeline
from vibrator.actions import UserAction
from vibrator.errors import BadInput
from vibrator.pipeline import Penalty, Ranking, Scores, SliderOutput, SliderScorer
from vibrator.pipeline.given import require_priors
from vibrator.pipeline.outputs import Because
from vibrator.pipeline.ranking import POOL, UNIT_TOLERANCE, diverse, require_unit_rows
from vibrator.pipeline.zero_shot import ZeroShot
from vibrator.profile import Profile, Reading
from vibrator.sliders import SliderSet


class Compass:
    """An encoder of two directions; every other text lies between them. It counts its texts."""

    rows = MappingProxyType({"up": [1.0, 0.0], "right": [0.0, 1.0], "down": [-1.0, 0.0]})

    def __init__(self):
        self.read = []

    def encode_actions(self, actions):
        return np.array([self.rows[action.content] for action in actions])

    def encode_items(self, texts):
        self.read += texts
        return np.array([self.rows.get(text, [0.6, 0.8]) for text in texts])


def scorer_of(sliders=None, encoder=None, **settings):
    return SliderScorer(
        encoder or Compass(), sliders or {"s": [3.0, 4.0]}, clock=lambda: NOW, **settings
    )


UP = UserAction("click", "up", timestamp=NOW)
RIGHT = UserAction("dismiss", "right", timestamp=NOW)


def output(name="s", **fields):
    known = {
        "raw_score": 0.5, "probability": 0.25, "low": 0.125, "high": 0.5,
        "relative_probability": 1.0, "features": {"recency": 1.0}, "weights": {"recency": 0.5},
        "contributions": {"recency": 0.5}, "evidence": 2.0,
    }  # fmt: skip
    return SliderOutput(name=name, **known | fields)


# Reasons and tables

STRANGER = "Nothing is known of this person yet: only the content and the slider speak."


def test_every_public_name_is_there():
    assert [name for name in pipeline.__all__ if not hasattr(pipeline, name)] == []


def test_a_table_has_a_line_a_slider():
    scores = Scores(s=output(), longer=output("longer", probability=1.0, low=0.9, high=1.0))
    bar = "█" * 5 + "·" * 15
    assert str(scores).splitlines() == [
        f"slider  fits     90 % interval    {' ' * 20}  why",
        f"s        25.0%   12.5% –  50.0%  {bar}  {STRANGER}",
        f"longer  100.0%   90.0% – 100.0%  {'█' * 20}  {STRANGER}",
    ]
    assert str(Scores()) == f"slider  fits     90 % interval    {' ' * 20}  why"
    assert str(Scores(much_longer=output("much_longer"))).startswith("slider       fits")


def test_a_notebook_shows_the_same_table_with_names_escaped():
    html = Scores(a=output("<a & b>"))._repr_html_()
    assert html == (
        "<table><thead><tr><th>slider</th><th>fits</th><th>90 % interval</th><th></th>"
        "<th>why</th></tr></thead><tbody><tr><th scope='row'>&lt;a &amp; b&gt;</th><td>25.0%</td>"
        "<td>12.5% – 50.0%</td><td><meter min='0' max='1' value='0.2500'></meter></td>"
        f"<td>{STRANGER}</td></tr></tbody></table>"
    )


def test_plain_values_hold_everything_and_the_reason():
    plain = Scores(s=output()).to_dict()
    assert plain == {
        "s": {
            "name": "s", "raw_score": 0.5, "probability": 0.25, "low": 0.125, "high": 0.5,
            "relative_probability": 1.0, "features": {"recency": 1.0},
            "weights": {"recency": 0.5}, "contributions": {"recency": 0.5}, "evidence": 2.0,
            "why": STRANGER,
        }
    }  # fmt: skip


def test_the_reason_is_the_action_that_pulls_most_to_the_slider_and_the_item():
    reading = Reading(
        np.zeros(2), 0.0, 1.0, (UP, RIGHT), np.array([0.5, -0.5]), np.array([[1.0, 0.0], [0, 1.0]])
    )
    weights = {"user_to_slider": 2.0, "user_item_alignment": 3.0}
    because = Because(reading, np.array([0.6, 0.8]), {"s": np.array([1.0, 0.0])}, weights)

    # up: ½ · (2 · 1 + 3 · 0.6); right: −½ · 3 · 0.8
    assert because.strongest("s") == (UP, pytest.approx(1.9))
    other = because._replace(sliders={"s": np.array([0.0, 1.0])})
    assert other.strongest("s") == (RIGHT, pytest.approx(-2.2))
    for nobody in (None, Reading(np.zeros(2), 0.0, 0.0)):
        assert because._replace(reading=nobody).strongest("s") is None


def told(action, pull):
    reading = Reading(np.zeros(1), 0.0, 1.0, (action,), np.array([pull]), np.array([[1.0]]))
    weights = {"user_to_slider": 1.0, "user_item_alignment": 0.0}
    return output(because=Because(reading, np.zeros(1), {"s": np.ones(1)}, weights)).why()


def test_a_reason_quotes_sixty_characters_and_says_which_way_it_speaks():
    sentence = UP.instruction()
    assert told(UP, 0.25) == f"“{sentence}” speaks for it most (+0.250 of +0.500)."
    assert told(UP, 0.0) == f"“{sentence}” speaks for it most (+0.000 of +0.500)."
    assert told(UP, -0.25) == f"“{sentence}” speaks against it most (-0.250 of +0.500)."
    bare = len(UserAction("click", "x").instruction()) - 1
    for length, quoted in ((60, 60), (61, 60), (90, 60)):
        action = UserAction("click", "y" * (length - bare))
        quote = told(action, 1.0).partition("”")[0].removeprefix("“")
        assert len(action.instruction()) == length
        assert len(quote) == quoted
        assert quote.endswith("…") is (length > 60)
        assert quote[:59] == action.instruction()[:59]


# Ranking


def test_a_ranking_prints_a_line_an_item_with_the_reason_of_its_best_slider():
    scores = Scores(low=output("low", raw_score=0.1), best=output("best", raw_score=0.9))
    ranking = Ranking([("first", 0.5, scores), ("x" * 80, -0.25, scores)])
    reason = f"best: {STRANGER}"

    assert ranking[0].why() == reason
    assert str(ranking).split("\n") == [
        f"  1. +0.500  first{' ' * 55}  {reason}",
        f"  2. -0.250  {'x' * 60}  {reason}",
    ]
    assert str(Ranking()) == ""


def test_diversity_weighs_fit_against_the_likeness_to_what_stands_above():
    rows = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    fit = np.array([1.0, 0.9, 0.2])

    assert diverse(fit, rows, 3, 0.0) == [0, 1, 2]
    assert diverse(fit, rows, 3, 0.4) == [0, 1, 2]  # 0.6 · 0.9 − 0.4 · 0.8 = 0.22 > 0.12
    assert diverse(fit, rows, 3, 0.6) == [0, 2, 1]  # 0.4 · 0.9 − 0.6 · 0.8 < 0.08
    assert diverse(fit, rows, 2, 1.0) == [0, 2]
    assert diverse(fit, rows, 9, 0.5)[0] == 0
    assert sorted(diverse(fit, rows, 9, 0.5)) == [0, 1, 2]
    assert diverse(fit, rows, 0, 0.5) == []


def test_a_third_item_counts_its_likeness_to_the_nearest_above():
    """Not to the newest alone: the third row is like the first."""
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.6, 0.8]])
    assert diverse(np.array([1.0, 0.9, 0.8, 0.7]), rows, 3, 0.5) == [0, 1, 3]


def test_diversity_chooses_among_ten_times_as_many_as_are_asked_for():
    assert POOL == 10
    fit = np.linspace(1.0, 0.5, 25)
    for other, chosen in ((19, [0, 19]), (20, [0, 1])):
        rows = np.tile([1.0, 0.0], (25, 1))
        rows[other] = [0.0, 1.0]
        assert diverse(fit, rows, 2, 0.9) == chosen


def test_the_rows_that_are_ranked_first_must_be_of_length_one():
    for off in (0.9 * UNIT_TOLERANCE, -0.9 * UNIT_TOLERANCE):
        require_unit_rows(np.array([[0.6, 0.8], [1.0 + off, 0.0]]))
    for off in (1.1 * UNIT_TOLERANCE, -1.1 * UNIT_TOLERANCE):
        with pytest.raises(BadInput, match=r"^encoded rows must be of length one"):
            require_unit_rows(np.array([[0.6, 0.8], [1.0 + off, 0.0]]))
    with pytest.raises(BadInput, match=r"lengths up to 2$"):
        require_unit_rows(np.array([[0.6, 0.8], [2.0, 0.0]]))
    assert UNIT_TOLERANCE == 1e-3


def test_items_of_a_mapping_are_told_by_their_keys_and_k_may_be_more_than_there_are():
    ranking = scorer_of().rank([UP], {"a": "up", "b": "right", "c": "down"}, 9)
    assert [row.item for row in ranking] == ["a", "b", "c"]
    assert scorer_of().rank([UP], {"a": "up"}, 0) == []
    assert scorer_of().rank([], ["up", "right"], 1)[0].item == 1  # a stranger needs no word
    assert scorer_of().rank([UP], [], 3) == []
    for wrong in ("up", b"up"):
        with pytest.raises(BadInput, match=r"^items must be a list of texts, got the single text"):
            scorer_of().rank([UP], wrong, 1)


@pytest.mark.parametrize("slider", [None, "s", "other"])
@pytest.mark.parametrize("person", [[UP, RIGHT], [], [UserAction("read", "up")]])
@pytest.mark.parametrize("context", [None, {"is_work_hours": True, "segment": "new"}])
def test_a_rank_is_by_the_mean_raw_score_or_by_that_of_one_slider(slider, person, context):
    bait = Penalty(name="bait", amount=0.3, phrases=("down",))
    overrides = {"new": {"user_item_alignment": 3.0}}
    scorer = scorer_of(
        {"s": [3.0, 4.0], "other": [-1.0, 0.0]}, penalties=[bait],
        feature_overrides_by_segment=overrides,
    )  # fmt: skip
    ranking = scorer.rank(person, ["up", "down", "right"], 3, slider=slider, context=context)
    for row in ranking:
        text = ["up", "down", "right"][row.item]
        alone = scorer.score(person, text, context, cold_start=True)
        raw = [o.raw_score for name, o in alone.items() if slider in {None, name}]
        assert row.score == pytest.approx(np.mean(raw))
        assert row.scores == alone
    assert [row.score for row in ranking] == sorted((r.score for r in ranking), reverse=True)


# The scorer


def test_a_text_is_encoded_once_and_four_thousand_are_remembered():
    encoder = Compass()
    scorer = scorer_of(encoder=encoder)
    texts = [f"text {n}" for n in range(4_096)]
    for text in texts:
        scorer.score([UP], text)
    scorer.score([UP], texts[0])
    assert encoder.read == texts
    scorer.score([UP], "one more")  # makes room
    scorer.score([UP], texts[0])
    scorer.score([UP], "one more")
    assert encoder.read == [*texts, "one more", texts[0]]


def test_an_encoded_content_may_have_any_length_but_none():
    scorer = scorer_of()
    unit, long = (scorer.score([UP], row)["s"] for row in ([0.6, 0.8], [30.0, 40.0]))
    assert unit.raw_score == pytest.approx(long.raw_score)
    assert unit.features["item_to_slider"] == pytest.approx(1.0)
    for row in ([0.0, 0.0], [math.inf, 0.0], [math.nan, 1.0]):
        with pytest.raises(BadInput, match=r"^content must have a finite vector"):
            scorer.score([UP], row)
    for row in ([1.0], [[0.6, 0.8]], 0.5):
        with pytest.raises(BadInput, match=r"^content must be a text or one encoded row"):
            scorer.score([UP], row)


def test_zero_shot_probability_is_belonging_times_liking():
    """With its interval: half of it is 1.645 spreads of the log odds."""
    scorer, zero_shot = scorer_of(), ZeroShot()
    found = scorer.score([UP], "right")["s"]
    likeness, person = 0.8, np.array([1.0, 0.0])
    chance = float(zero_shot.belongs(np.array([likeness]), np.array([0.0]))[0])
    chance *= zero_shot.likes_one(float(person @ [0.0, 1.0]), 1.0)
    logit = math.log(chance / (1 - chance))
    reach = 1.6448536269514722 * zero_shot.spread(1.0)

    assert found.probability == pytest.approx(chance)
    assert math.log(found.low / (1 - found.low)) == pytest.approx(logit - reach)
    assert math.log(found.high / (1 - found.high)) == pytest.approx(logit + reach)
    assert found.relative_probability == 1.0
    assert found.evidence == 1.0


def test_shares_are_a_softmax_of_raw_scores_at_a_temperature():
    sliders = {"s": [3.0, 4.0], "other": [-1.0, 0.0]}
    for temperature in (1.0, 0.2):
        scores = scorer_of(sliders, relative_softmax_temperature=temperature).score([UP], "up")
        odds = np.exp([o.raw_score / temperature for o in scores.values()])
        shares = [o.relative_probability for o in scores.values()]
        assert shares == pytest.approx(odds / odds.sum())
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(BadInput, match=r"^relative_softmax_temperature must be"):
            scorer_of(relative_softmax_temperature=wrong)


class Answering:
    """A calibrator that always answers the same, with an interval if it is given one."""

    def __init__(self, answer, ends=None):
        self.answer = answer
        if ends:
            self.interval = lambda scores: [np.full(len(scores), end) for end in ends]

    def transform(self, scores):
        return np.full(len(scores), self.answer)


def test_a_calibrator_answers_from_nought_to_one_with_its_own_interval_if_it_has_one():
    for answer in (0.0, 1.0):
        found = scorer_of(calibrators={"s": Answering(answer)}).score([UP], "up")["s"]
        assert (found.probability, found.low, found.high) == (answer, answer, answer)
    found = scorer_of(calibrators={"s": Answering(0.5, (0.25, 0.75))}).score([UP], "up")["s"]
    assert (found.probability, found.low, found.high) == (0.5, 0.25, 0.75)
    plain = scorer_of(calibrators={"s": Answering(0.5)}).score([UP], "up")["s"]
    reach = 1.6448536269514722 * ZeroShot().spread(1.0)
    assert plain.low == pytest.approx(1 / (1 + math.exp(reach)))
    assert plain.high == pytest.approx(1 / (1 + math.exp(-reach)))
    for answer in (-0.01, 1.01, math.nan):
        with pytest.raises(BadInput, match=r"^a calibrator must answer from 0 to 1, got "):
            scorer_of(calibrators={"s": Answering(answer)}).score([UP], "up")


def test_priors_are_shared_out_unless_given():
    two = SliderSet({"a": [1.0, 0.0], "b": [0.0, 1.0]})
    four = SliderSet({name: [1.0, 0.0] for name in "abcd"})
    one = SliderSet({"a": [1.0, 0.0]})

    assert require_priors(None, one).tolist() == [0.5]
    assert require_priors(None, two).tolist() == [0.5, 0.5]
    assert require_priors(None, four).tolist() == [0.25] * 4
    assert require_priors(0.1, four).tolist() == [0.1] * 4
    assert require_priors({"b": 0.9}, four).tolist() == [0.25, 0.9, 0.25, 0.25]
    for wrong in (0.0, 1.0, -1.0):
        with pytest.raises(BadInput, match=f"^prior must lie between 0 and 1, got {wrong}"):
            require_priors(wrong, one)
    with pytest.raises(BadInput, match=r"^priors are given for unknown sliders \['c'\]"):
        require_priors({"c": 0.5, "a": 0.5}, two)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"encoder": "embedded"}, "encoder must have encode_actions and encode_items, got 'emb"),
        ({"calibrators": {"t": 1}}, "calibrators are given for unknown sliders ['t']"),
        ({"calibrators": {"s": 1}}, "calibrator of 's' must have transform, got 1"),
        ({"prior": "high"}, "prior must be a finite number, got 'high'"),
        ({"clock": NOW}, "clock must be a function that gives the time, got datetime"),
        ({"zero_shot": 1}, "zero_shot must have belongs and likes and likes_one and spread, got 1"),
        ({"penalties": 1}, "penalties must be a list of Penalty values, got 1"),
        ({"penalties": [1]}, "penalties must be Penalty values, got 1"),
    ],
)  # fmt: skip
def test_what_makes_no_scorer_is_refused_with_its_name_first(given, words):
    with pytest.raises(BadInput) as caught:
        SliderScorer(**{"encoder": Compass(), "sliders": {"s": [3.0, 4.0]}} | given)
    assert str(caught.value).startswith(words)


def test_weights_stand_in_one_place():
    from vibrator.weights import FeatureWeights

    weights = FeatureWeights(base={"recency": 1.0})
    assert scorer_of(base_feature_weights=weights).feature_weights is weights
    with pytest.raises(
        BadInput, match=r"^feature_overrides_by_segment stand in the FeatureWeights"
    ):
        scorer_of(base_feature_weights=weights, feature_overrides_by_segment={})


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ("up", "actions must be a list of UserAction or a Profile, got one str"),
        (b"up", "actions must be a list of UserAction or a Profile, got one bytes"),
        (UP, "actions must be a list of UserAction or a Profile, got one UserAction"),
        (3, "actions must be a list of UserAction or a Profile, got one int"),
        ([UP, 3], "actions[1] must be a UserAction, got one int"),
        ([], "actions must not be empty: say cold_start=True to score a stranger"),
    ],
)
def test_what_is_no_person_is_refused_without_their_words(actions, words):
    with pytest.raises(BadInput) as caught:
        scorer_of().score(actions, "up")
    assert str(caught.value) == words


def test_actions_of_a_kind_of_ones_own_are_actions():
    class Mine(UserAction):
        pass

    mine = Mine("click", "up", timestamp=NOW)
    assert scorer_of().score([mine], "right")["s"].raw_score == pytest.approx(
        scorer_of().score([UP], "right")["s"].raw_score
    )


def test_a_slider_that_nobody_named_cannot_rank():
    with pytest.raises(BadInput, match=r"^slider must be one of \['s'\], got 't'$"):
        scorer_of().rank([UP], ["up"], 1, slider="t")
    with pytest.raises(BadInput, match=r"^k must be a whole number from 0, got -1$"):
        scorer_of().rank([UP], ["up"], -1)
    with pytest.raises(BadInput, match=r"^now must carry a timezone"):
        scorer_of().score([UP], "up", now=NOW.replace(tzinfo=None))


def test_a_profile_is_read_by_the_encoder_that_made_it():
    named, other = (SimpleNamespace(fingerprint=name) for name in ("mine", "yours"))
    for encoder in (named, other):
        plain = Compass()
        encoder.encode_actions, encoder.encode_items = plain.encode_actions, plain.encode_items
    profile = Profile.from_actions([UP], named)
    assert scorer_of(encoder=named).score(profile, "up")["s"].evidence == 1.0
    with pytest.raises(BadInput, match=r"^the profile was made by encoder mine, this scorer reads"):
        scorer_of(encoder=other).score(profile, "up")
    unknown = Profile.from_actions([UP], Compass())  # of an encoder without a name, as this one is
    assert scorer_of().score(unknown, "up") == scorer_of().score(profile, "up")


def test_words_are_read_beside_what_a_profile_knows_already():
    profile = Profile.from_actions([UP], Compass())
    profile.unread = [UserAction("click", "right", timestamp=NOW - timedelta(hours=1))]
    both = scorer_of().score(profile, "up")["s"]
    assert both.evidence == pytest.approx(1.0 + 2 ** (-1 / (14 * 24)))
