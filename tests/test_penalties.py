"""Penalties: what they take off, where it shows, and that every way of scoring agrees."""

import numpy as np
import pytest

from tests.people import NOW, SLIDERS, actions_of
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.pipeline import Penalty, SliderScorer
from vibrator.pipeline.penalties import LOG_ODDS_PER_SCORE
from vibrator.sliders import SliderVector
from vibrator.vectors import logit

ENCODER = InstructionalEncoder("embedded")
BAIT = Penalty(name="bait", amount=0.25, phrases=("you will love", "one weird trick"))
RECIPES = Penalty(name="off topic", amount=0.1, slider="quick weeknight recipes", above=0.3)
CONTENT = {
    "plain": "internals of the query planner, with diagrams",
    "bait": "ten query planner tips You will  LOVE",
    "food": "quick weeknight recipes with lentils",
    "both": "quick weeknight recipes you will love",
}


@pytest.fixture(scope="module")
def fair():
    return SliderScorer(ENCODER, SLIDERS, clock=lambda: NOW)


@pytest.fixture(scope="module")
def strict():
    return SliderScorer(ENCODER, SLIDERS, clock=lambda: NOW, penalties=[BAIT, RECIPES])


@pytest.mark.parametrize(
    ("content", "met"),
    [
        ("plain", {}),
        ("bait", {"bait": -0.25}),
        ("food", {"off topic": -0.1}),
        ("both", {"bait": -0.25, "off topic": -0.1}),
    ],
)
def test_a_penalty_takes_its_amount_off_and_shows_it(fair, strict, content, met):
    before = fair.score(actions_of("ada"), CONTENT[content])
    after = strict.score(actions_of("ada"), CONTENT[content])
    for name, output in after.items():
        assert output.raw_score == pytest.approx(before[name].raw_score + sum(met.values()))
        assert dict(list(output.contributions.items())[4:]) == met
        assert sum(output.contributions.values()) == output.raw_score


def test_a_penalty_lowers_the_odds_and_keeps_the_interval(fair, strict):
    before = fair.score(actions_of("ada"), CONTENT["bait"])["depth"]
    after = strict.score(actions_of("ada"), CONTENT["bait"])["depth"]
    fall = logit(before.probability) - logit(after.probability)
    assert fall == pytest.approx(LOG_ODDS_PER_SCORE * BAIT.amount)
    assert after.low < after.probability < after.high


def test_what_meets_no_penalty_scores_as_before(fair, strict):
    assert strict.score(actions_of("ada"), CONTENT["plain"]) == fair.score(
        actions_of("ada"), CONTENT["plain"]
    )


@pytest.mark.parametrize("pairs", [False, True])
def test_a_batch_says_what_score_says(strict, pairs):
    people = {name: actions_of(name) for name in ("ada", "bruno", "chioma")}
    texts = dict(list(CONTENT.items())[1:])
    batch = strict.score_batch(people, texts, pairs=pairs)
    raw, probability = np.asarray(batch.raw_score), np.asarray(batch.probability)
    for row, (person, pair) in enumerate(zip(people, texts, strict=True)):
        for column, item in enumerate(texts):
            if not pairs or item == pair:
                alone = strict.score(people[person], texts[item])
                place = row if pairs else (row, column)
                assert raw[place] == pytest.approx([o.raw_score for o in alone.values()], abs=1e-5)
                wanted = [o.probability for o in alone.values()]
                assert probability[place] == pytest.approx(wanted, abs=1e-5)
                listed = batch[person] if pairs else batch[person][item]
                assert listed["depth"].contributions.keys() == alone["depth"].contributions.keys()


def test_rank_puts_what_meets_a_penalty_further_down(fair, strict):
    assert {r.item for r in fair.rank(actions_of("bruno"), CONTENT, 2)} == {"food", "both"}
    ranking = strict.rank(actions_of("bruno"), CONTENT, 4)
    assert ranking[-1].item in {"both", "bait"}
    for row in ranking:
        mean = np.mean([output.raw_score for output in row.scores.values()])
        assert row.score == pytest.approx(mean, abs=1e-6)


def test_phrases_are_whole_words():
    assert not Penalty(name="x", amount=1, phrases=("ass",)).says("a class on assembly")
    assert Penalty(name="x", amount=1, phrases=("c++",)).says("why C++?")


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("café", "the cafe\N{COMBINING ACUTE ACCENT} here"),
        ("don't miss", "Don\N{RIGHT SINGLE QUOTATION MARK}t  miss it"),
        ("straße", "HAUPT STRASSE 5"),
    ],
)
def test_phrases_are_found_however_they_are_written(phrase, text):
    assert Penalty(name="x", amount=1, phrases=(phrase,)).says(text)
    assert Penalty(name="x", amount=1, phrases=(text,)).says(f"so: {text}")


def test_encoded_content_has_no_phrases(strict):
    row = ENCODER.encode_items(["words"])[0]
    with pytest.raises(BadInput, match="'bait' reads texts"):
        strict.score(actions_of("ada"), row)
    by_slider = SliderScorer(ENCODER, SLIDERS, clock=lambda: NOW, penalties=[RECIPES])
    assert by_slider.rank(actions_of("ada"), row[None], 1)


@pytest.mark.parametrize(
    "given",
    [
        {"name": "recency", "amount": 1, "phrases": ("x",)},
        {"name": "p", "amount": 0, "phrases": ("x",)},
        {"name": "p", "amount": 1},
        {"name": "p", "amount": 1, "phrases": "x"},
        {"name": "p", "amount": 1, "phrases": ("x",), "slider": "y"},
        {"name": "p", "amount": 1, "slider": "y", "above": 2},
        {"name": "p", "amount": 1, "phrases": 5},
        {"name": "p", "amount": 1, "phrases": None, "slider": "y"},
        {"name": "p", "amount": 1, "phrases": (5,)},
        {"name": "p", "amount": 1, "slider": 5},
        {"name": "p", "amount": 1, "slider": SliderVector((1.0, 0.0))},
        {"name": "p", "amount": float("nan"), "phrases": ("x",)},
    ],
)
def test_penalties_that_say_too_little_or_too_much_are_refused(given):
    with pytest.raises(BadInput):
        Penalty(**given)


def test_names_of_penalties_differ():
    for wrong in ([BAIT, BAIT], ["bait"]):
        with pytest.raises(BadInput):
            SliderScorer(ENCODER, SLIDERS, penalties=wrong)
