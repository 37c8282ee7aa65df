"""A scorer that learns: what it must and must not take from a log."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vibrator.actions import UserAction
from vibrator.decisions import Decision, Outcome
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput, UnknownName
from vibrator.pipeline import SliderScorer
from vibrator.pipeline.examples import Example, examples_from_log
from vibrator.pipeline.features import AT
from vibrator.pipeline.fitting import FOLDS, _unseen
from vibrator.pipeline.gathering import gather
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.learned import LearnedScorer
from vibrator.pipeline.models import PooledLogistic

START = datetime(2026, 3, 1, tzinfo=UTC)
SLIDERS = {"docs": "detailed technical documentation", "food": "quick weeknight recipes"}
CONTENTS = [f"{kind} number {n}" for kind in ("kernel manual", "noodle recipe") for n in range(5)]


@pytest.fixture(scope="module")
def encoder():
    return InstructionalEncoder("embedded")


@pytest.fixture(scope="module")
def scorer(encoder):
    return SliderScorer(encoder, SLIDERS)


def planted(count, rng, slider=None):
    """People of two tastes; the first likes manuals, the second recipes, nine times of ten."""
    for n in range(count):
        cook, place = bool(rng.integers(2)), int(rng.integers(10))
        likes = (place >= 5) == cook
        moment = START + timedelta(minutes=n)
        words = "noodle recipe number 9" if cook else "kernel manual number 9"
        yield Example(
            person=[UserAction("click", words, timestamp=moment - timedelta(hours=1))],
            content=CONTENTS[place],
            outcome=bool(rng.random() < (0.9 if likes else 0.1)),
            at=moment,
            user_id=f"u{n % 40}",
            slider=slider,
        )


@pytest.fixture(scope="module")
def result(scorer):
    return scorer.fit(list(planted(1500, np.random.default_rng(3))), time_split=0.8)


def test_a_planted_taste_is_found(result):
    zero_shot, learned = result.report.rows

    assert learned["auc"] > 0.85
    assert zero_shot["auc"] > 0.5
    assert learned["brier_skill"] > 0.5
    assert learned["smooth_ece"] < 0.06


def test_the_old_scorer_is_untouched(scorer, result):
    person = [UserAction("click", CONTENTS[0], timestamp=START)]
    before = scorer.score(person, CONTENTS[1], now=START)["docs"].probability

    assert type(scorer) is SliderScorer
    assert result.scorer.score(person, CONTENTS[1], now=START)["docs"].probability != before
    assert scorer.score(person, CONTENTS[1], now=START)["docs"].probability == before


def test_contributions_add_up_and_the_point_lies_in_its_interval(result):
    person = [UserAction("click", CONTENTS[0], timestamp=START)]
    for output in result.scorer.score(person, CONTENTS[1], now=START).values():
        assert sum(output.contributions.values()) == pytest.approx(output.raw_score)
        assert 0 <= output.low <= output.probability <= output.high <= 1


def test_a_batch_says_what_a_score_says(result):
    people = {"ada": [UserAction("click", CONTENTS[0], timestamp=START)]}
    batch = result.scorer.score_batch(people, CONTENTS, now=START)
    single = result.scorer.score(people["ada"], CONTENTS[7], now=START)

    assert batch.probability[0, 7, 0] == pytest.approx(single["docs"].probability, rel=1e-5)
    assert batch["ada"][7]["food"].probability == pytest.approx(single["food"].probability)


@pytest.mark.parametrize("slider", [None, "docs"])
@pytest.mark.parametrize("temperature", [1.0, 0.01])
def test_one_content_is_told_what_many_are(encoder, slider, temperature):
    base = SliderScorer(encoder, SLIDERS, relative_softmax_temperature=temperature)
    fitted = base.fit(list(planted(400, np.random.default_rng(7), slider)), time_split=1.0).scorer
    person = [UserAction("click", CONTENTS[0], timestamp=START)]
    ranked = fitted.rank(person, CONTENTS, len(CONTENTS), now=START)

    for row in ranked:
        single = fitted.score(person, CONTENTS[row.item], now=START)
        for name, output in row.scores.items():
            for figure in ("raw_score", "probability", "low", "high", "relative_probability"):
                assert getattr(single[name], figure) == pytest.approx(
                    getattr(output, figure), rel=1e-5
                )
            assert single[name].contributions == pytest.approx(output.contributions, abs=1e-6)
        assert sum(one.relative_probability for one in single.values()) == pytest.approx(1.0)


def test_ranking_follows_the_taste(result):
    cook = [UserAction("click", "noodle recipe number 9", timestamp=START + timedelta(days=1))]
    ranking = result.scorer.rank(cook, CONTENTS, 5, now=START + timedelta(days=1, hours=1))

    assert all("recipe" in CONTENTS[row.item] for row in ranking)


def test_one_click_does_not_swing_a_slider_and_a_thousand_do(scorer):
    person = [UserAction("click", CONTENTS[0], timestamp=START)]
    example = Example(
        person=person, content=CONTENTS[1], outcome=False, at=START + timedelta(hours=1),
        user_id="ada", slider="docs",
    )  # fmt: skip

    def after(count):
        fitted = scorer.fit([example] * count, time_split=1.0).scorer
        return fitted.score(person, CONTENTS[1], now=example.at)["docs"].probability

    before = scorer.score(person, CONTENTS[1], now=example.at)["docs"].probability
    assert abs(after(1) - before) < 0.15
    assert after(1000) < 0.05


def test_sliders_share_what_they_learn_and_may_differ(scorer):
    rng = np.random.default_rng(5)
    examples = [*planted(800, rng, "docs"), *planted(20, rng, "food")]
    fitted = scorer.fit(examples, time_split=1.0).scorer
    slopes = fitted.score(
        [UserAction("click", CONTENTS[0], timestamp=START)], CONTENTS[1], now=START
    )
    near = [slopes[name].weights["user_item_alignment"] for name in ("docs", "food")]

    assert min(near) > 0
    assert near[0] != near[1]


def test_a_slider_goes_its_own_way_as_far_as_its_rows_insist(scorer):
    def liking(count):
        """By how much a reader is said to like manuals better than recipes, on each slider.

        So many people turn away on the second from what they like on the first.
        """
        rng = np.random.default_rng(14)
        turned = [replace(e, outcome=not e.outcome) for e in planted(count, rng, "food")]
        fitted = scorer.fit([*planted(800, rng, "docs"), *turned], time_split=1.0).scorer
        reader = [UserAction("click", CONTENTS[0], timestamp=START)]
        manual, recipe = (fitted.score(reader, CONTENTS[at], now=START) for at in (1, 6))
        return [manual[name].raw_score - recipe[name].raw_score for name in ("docs", "food")]

    (shared, few), (own, many) = liking(10), liking(800)
    assert min(shared, few, own) > 0 > many


def test_an_interval_holds_that_of_venn_abers(scorer):
    fitted = scorer.fit(list(planted(400, np.random.default_rng(15), "docs")), time_split=1.0)
    bare = LearnedScorer(fitted.scorer, replace(fitted.scorer.learned, bounds=None))
    person = [UserAction("click", CONTENTS[0], timestamp=START)]
    wider = 0
    for text in CONTENTS:
        output = fitted.scorer.score(person, text, now=START)["docs"]
        under, over = fitted.scorer.learned.bounds.interval(output.raw_score)
        without = bare.score(person, text, now=START)["docs"]
        assert output.low <= under <= over <= output.high
        assert output.low <= without.low <= without.high <= output.high
        wider += output.high - output.low > without.high - without.low

    assert wider  # somewhere Venn-Abers knows less than the model believes


def test_calibrators_learn_from_models_that_had_not_seen_the_person(scorer):
    found = gather(scorer, list(planted(400, np.random.default_rng(16))))
    mine = found.users % FOLDS == 1
    blank = PooledLogistic(0, 0)
    turned = np.where(mine, 1.0 - found.outcomes, found.outcomes)
    before, after = (
        _unseen(blank, found.table, outcomes, found.users, 0.0)
        for outcomes in (found.outcomes, turned)
    )

    assert np.array_equal(before[mine], after[mine])
    assert not np.allclose(before[~mine], after[~mine])


def test_examples_of_both_kinds_are_refused(scorer):
    rng = np.random.default_rng(0)

    with pytest.raises(BadInput, match=r"^either every example names a slider"):
        scorer.fit([*planted(3, rng, "docs"), *planted(3, rng)], time_split=1.0)
    with pytest.raises(BadInput, match="unknown slider"):
        scorer.fit(list(planted(3, rng, "jazz")), time_split=1.0)
    with pytest.raises(UnknownName, match=r"^no model"):
        scorer.fit(list(planted(3, rng)), time_split=1.0, model="oracle")
    with pytest.raises(BadInput, match="at least one example"):
        scorer.fit([], time_split=1.0)


def test_being_shown_first_is_not_mistaken_for_being_liked(scorer):
    """Whatever is shown first is taken; the place is learned, and held when scoring."""
    rng = np.random.default_rng(11)
    examples = [
        replace(example, position=n % 5, outcome=bool(rng.random() < (0.9 if n % 5 == 0 else 0.2)))
        for n, example in enumerate(planted(1000, rng))
    ]
    fitted = scorer.fit(examples, time_split=1.0).scorer
    person = [UserAction("click", CONTENTS[0], timestamp=START)]
    found = [fitted.score(person, text, now=START)["docs"] for text in CONTENTS]

    assert found[0].weights["position"] < -0.5
    assert len({output.features["position"] for output in found}) == 1


def shown_in_places(count, rng):
    """Only the place decides, and that is known of the past alone."""
    for n, example in enumerate(planted(count, rng)):
        yes = bool(rng.random() < (0.9 if n % 5 == 0 else 0.1))
        yield replace(example, position=n % 5, outcome=yes)


def test_the_report_does_not_know_where_things_were_shown(scorer):
    result = scorer.fit(list(shown_in_places(2000, np.random.default_rng(13))), time_split=0.5)
    learned = result.report.rows[-1]

    assert abs(learned["auc"] - 0.5) < 0.1  # four standard errors of 260 yeses among 1,000
    assert learned["smooth_ece"] < 0.06  # what is said holds over the places as they came
    assert len(np.unique(result.report.table.features[:, AT["position"]])) == 1


def test_segments_have_offsets_of_their_own(scorer):
    rng = np.random.default_rng(12)
    examples = [
        replace(
            example,
            outcome=bool(rng.random() < (0.8 if n % 2 else 0.3)),
            context={"segment": "night" if n % 2 else "day"},
        )
        for n, example in enumerate(planted(1000, rng))
    ]
    fitted = scorer.fit(examples, time_split=1.0).scorer
    person = [UserAction("click", CONTENTS[0], timestamp=START)]

    def said(segment):
        context = {} if segment is None else {"segment": segment}
        return fitted.score(person, CONTENTS[1], context, now=START)["docs"].raw_score

    assert said("night") - said("day") > 1.0
    assert said("night") > said("never heard of") == said(None) > said("day")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"outcome": float("nan")}, "outcome must be true or false, got nan"),
        ({"outcome": [1]}, "outcome must be true or false"),
        ({"position": float("nan")}, "position must be a whole number, got nan"),
        ({"position": -1}, "position must not be negative, got -1"),
        ({"slider": 3}, "slider must be a text"),
        ({"context": None}, "context must map names to values"),
        ({"context": {"segment": 3}}, "segment must be a text"),
        ({"at": datetime(2026, 3, 1)}, "at must carry a timezone"),  # noqa: DTZ001
    ],
)
def test_a_bad_example_is_refused_where_it_is_made(wrong, words):
    good = next(iter(planted(1, np.random.default_rng(0))))

    with pytest.raises(BadInput, match=words):
        replace(good, **wrong)


def test_what_is_no_example_is_named_by_its_kind_alone(scorer):
    good = next(iter(planted(1, np.random.default_rng(0))))
    for given, words in (
        (["my secret"], r"got \['str'\] among them"),
        (None, "got one NoneType"),
        ([replace(good, person="my secret")], "got one str"),
        ([replace(good, person=["my secret"])], r"actions\[0\] must be a UserAction, got one str"),
    ):
        with pytest.raises(BadInput, match=words) as caught:
            scorer.fit(given, time_split=1.0)
        assert "secret" not in str(caught.value)
    with pytest.raises(BadInput, match=r"^history must be an ItemHistory, got one list"):
        scorer.fit([good], time_split=1.0, history=[])


def decided(moment, chosen="i0"):
    return Decision(
        decision_id=f"d{moment}", user_id="ada", at=moment, candidates=("i0", "i1"),
        chosen=(chosen,), arm=chosen, propensity=1.0, reason="test",
    )  # fmt: skip


def test_a_planted_leak_does_not_show(encoder):
    moment = START + timedelta(hours=2)
    decision = decided(moment)
    before = UserAction("click", CONTENTS[0], timestamp=START, user_id="ada")
    leaks = [
        UserAction("click", CONTENTS[7], timestamp=when, user_id="ada")
        for when in (moment, moment + timedelta(seconds=1), moment - timedelta(0))
    ]
    outcome = Outcome(decision_id=decision.decision_id, what="done", at=moment, reward=1.0)
    contents = {"i0": CONTENTS[7]}

    def built(actions):
        (example,) = examples_from_log([decision], [outcome], actions, encoder, contents=contents)
        return example

    clean, leaky = built([before]), built([*leaks, before])
    assert leaky.outcome
    assert np.array_equal(clean.person.reading.vector, leaky.person.reading.vector)
    assert [action.content for action in leaky.person.actions] == [CONTENTS[0]]


def test_item_statistics_hold_nothing_of_the_moment_itself():
    times = [1.0, 2.0, 2.0, 3.0]
    history = ItemHistory(list("abca"), ["x", "x", "x", "y"], times, [1.0, 1.0, 1.0, -1.0])
    stood = history.standing(history.places(["x", "x", "y", "new"]), np.array([2.0, 2.5, 3.0, 9.0]))

    assert stood.events.tolist() == [1.0, 3.0, 0.0, 0.0]
