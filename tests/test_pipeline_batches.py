"""Many people with many contents: an array that computes what is looked at, block by block."""

from datetime import timedelta
from types import MappingProxyType

import numpy as np
import pytest

from tests.people import NOW
from vibrator.actions import UserAction
from vibrator.errors import BadInput
from vibrator.pipeline import Penalty, SliderScorer
from vibrator.profile import Profile

SLIDERS = {"up": [3.0, 4.0], "right": [1.0, 0.0]}
PEOPLE = {
    "ada": [UserAction("click", "up", timestamp=NOW), UserAction("dismiss", "left")],
    "bruno": [UserAction("read", "right", timestamp=NOW)],
    "nobody": Profile(),
    "dana": [UserAction("click", "left")],
}
ITEMS = {"first": "up", "second": "left", "third": "right"}


class Compass:
    """An encoder of three directions that counts what it is asked for."""

    rows = MappingProxyType({"up": [1.0, 0.0], "right": [0.0, 1.0], "left": [-0.6, 0.8]})

    def __init__(self):
        self.asked = []

    def encode_actions(self, actions):
        self.asked.append([action.content for action in actions])
        return np.array([self.rows[action.content] for action in actions])

    def encode_items(self, texts):
        self.asked.append(list(texts))
        return np.array([self.rows.get(text, [0.6, 0.8]) for text in texts])


class Doubled:
    """A calibrator that gives twice the raw score, and an interval of its own."""

    def transform(self, scores):
        return np.clip(2.0 * np.asarray(scores), 0.0, 1.0)

    def interval(self, scores):
        return np.array([0.125] * len(scores)), np.array([0.875] * len(scores))


def scorer_of(encoder=None, **settings):
    return SliderScorer(encoder or Compass(), SLIDERS, clock=lambda: NOW, **settings)


@pytest.fixture(scope="module")
def batch():
    return scorer_of().score_batch(PEOPLE, ITEMS)


KEYS = (
    0, -1, np.int64(2), slice(None), slice(1, 3), slice(None, None, 2), slice(2, None, 1), [0, 3],
    np.array([True, False, True, False]), (1, 2), (-1, slice(None), 0), (slice(1, 3), 1), ...,
    (0, ..., 1),
)  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("name", ["raw_score", "probability"])
def test_what_is_looked_at_is_that_part_of_the_whole(batch, name, key):
    lazy = getattr(batch, name)
    assert lazy[key] == pytest.approx(np.asarray(lazy)[key], abs=1e-7)
    assert np.shape(lazy[key]) == np.asarray(lazy)[key].shape


def test_scores_behave_as_arrays(batch):
    for lazy in (batch.raw_score, batch.probability):
        whole = np.asarray(lazy)
        assert (lazy.shape, whole.shape, len(lazy)) == ((4, 3, 2), (4, 3, 2), 4)
        assert lazy.dtype == whole.dtype == np.float32
        assert np.asarray(lazy, dtype=np.float64).dtype == np.float64
        assert np.array(list(lazy)) == pytest.approx(whole, abs=1e-7)
        with pytest.raises(IndexError):
            lazy[4]
        with pytest.raises(BadInput, match=r"^the scores are computed on access"):
            np.array(lazy, copy=False)


def test_a_batch_goes_through_its_people_and_their_items(batch):
    assert (len(batch), batch.people, batch.items) == (4, tuple(PEOPLE), tuple(ITEMS))
    assert (batch.sliders, batch.pairs) == (("up", "right"), False)
    for person, row in zip(PEOPLE, batch, strict=True):
        assert len(row) == 3
        assert [scores["up"].raw_score for scores in row] == [
            batch[person][item]["up"].raw_score for item in ITEMS
        ]
    with pytest.raises(BadInput, match=r"^no person 'eve' in this batch of 4$"):
        batch["eve"]
    with pytest.raises(BadInput, match=r"^no item 'fourth' in this batch of 3$"):
        batch["ada"]["fourth"]


def test_people_and_items_in_lists_are_known_by_their_places():
    batch = scorer_of().score_batch(list(PEOPLE.values()), list(ITEMS.values()))
    named = scorer_of().score_batch(PEOPLE, ITEMS)

    assert (batch.people, list(batch.items)) == ((0, 1, 2, 3), [0, 1, 2])
    assert batch[3][1]["right"] == named["dana"]["second"]["right"]


def test_pairs_are_people_each_with_an_item_of_their_own():
    people = dict(list(PEOPLE.items())[:3])
    scorer = scorer_of(calibrators={"right": Doubled()})
    whole, pairs = (scorer.score_batch(people, ITEMS, pairs=way) for way in (False, True))

    assert (pairs.shape, pairs.pairs, len(pairs)) == ((3, 2), True, 3)
    for name in ("raw_score", "probability"):
        each = np.asarray(getattr(whole, name))[[0, 1, 2], [0, 1, 2]]
        assert np.asarray(getattr(pairs, name)) == pytest.approx(each, abs=1e-7)
        assert getattr(pairs, name)[1:] == pytest.approx(each[1:], abs=1e-7)
    for place, (person, item) in enumerate(zip(people, ITEMS, strict=True)):
        assert pairs[person] == whole[person][item]
        found = [output.raw_score for output in pairs[person].values()]
        assert pairs.raw_score[place] == pytest.approx(found, abs=1e-6)


def test_blocks_hold_four_megabytes_at_most_and_not_much_less():
    people = [Profile()] * 1200
    batch = scorer_of().score_batch(people, np.array([[0.6, 0.8]] * 1000))
    sizes, ends = [], [0]
    for rows, raw, probability in batch.blocks():
        assert raw.shape == probability.shape == (rows.stop - rows.start, 1000, 2)
        assert rows.start == ends[-1]
        sizes.append(raw.size)
        ends.append(rows.stop)

    assert ends[-1] == 1200
    assert len(sizes) == 3
    assert all(2**20 - 2000 < size <= 2**20 for size in sizes[:-1])
    pairs = scorer_of().score_batch(people, np.array([[0.6, 0.8]] * 1200), pairs=True)
    assert len(list(pairs.blocks())) == 1  # a pair has one item


def test_a_batch_of_nobody_or_of_nothing_is_empty():
    nobody, nothing = scorer_of().score_batch([], ["up"]), scorer_of().score_batch(PEOPLE, [])

    assert np.asarray(nobody.raw_score).shape == (0, 1, 2)
    assert np.asarray(nothing.probability).shape == (4, 0, 2)
    assert list(nobody.blocks()) == []
    assert [raw.shape for _, raw, _ in nothing.blocks()] == [(4, 0, 2)]


@pytest.mark.parametrize("settings", [
    {}, {"calibrators": {"up": Doubled()}}, {"prior": 0.3}, {"prior": {"right": 0.9}},
    {"penalties": [Penalty(name="left", amount=0.1, phrases=("left",))]},
    {"base_feature_weights": {"user_to_slider": 1.0, "recency": 3.0}},
    {"feature_overrides_by_segment": {"new": {"item_to_slider": 9.0}}},
])  # fmt: skip
@pytest.mark.parametrize("context", [None, {"segment": "new", "is_work_hours": True}])
def test_a_batch_says_what_score_says_under_any_setting(settings, context):
    scorer = scorer_of(**settings)
    batch = scorer.score_batch(PEOPLE, ITEMS, context)
    raw, probability = np.asarray(batch.raw_score), np.asarray(batch.probability)
    for i, (person, actions) in enumerate(PEOPLE.items()):
        for j, (item, text) in enumerate(ITEMS.items()):
            alone = scorer.score(actions, text, context)
            wanted = [(o.raw_score, o.probability) for o in alone.values()]
            found = list(zip(raw[i, j], probability[i, j], strict=True))
            assert np.array(found) == pytest.approx(np.array(wanted), abs=1e-6)
            for name, output in batch[person][item].items():
                assert output.contributions == pytest.approx(alone[name].contributions, abs=1e-6)
                assert (output.low, output.high) == pytest.approx(
                    (alone[name].low, alone[name].high), abs=1e-6
                )


def test_a_batch_encodes_the_words_of_all_people_in_one_call():
    encoder = Compass()
    scorer_of(encoder).score_batch([*PEOPLE.values(), Profile.from_actions(PEOPLE["bruno"])], ITEMS)

    assert encoder.asked[0] == ["up", "left", "right", "left", "right"]
    alone = Compass()
    scorer_of(alone).score_batch([PEOPLE["bruno"]], ITEMS)
    assert alone.asked == [["right"], ["up", "left", "right"]]  # nothing to gather of one


def test_strangers_need_a_word_in_a_batch_too():
    with pytest.raises(BadInput, match=r"^actions must not be empty: say cold_start=True"):
        scorer_of().score_batch([[]], ["up"])
    cold = scorer_of().score_batch([[], Profile()], ["up"], cold_start=True)
    assert cold.raw_score[0].tolist() == cold.raw_score[1].tolist()
    assert cold[0][0]["up"].evidence == 0.0


def test_a_batch_of_another_moment_is_older():
    later = scorer_of().score_batch(PEOPLE, ITEMS, now=NOW + timedelta(hours=12))
    fresh = later["bruno"]["first"]["up"].features["recency"]
    assert fresh == pytest.approx(0.5)
