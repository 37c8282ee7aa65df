"""The accumulator against its formula, written out: S(t) = Σ wᵢ xᵢ 2^(−(t−tᵢ)/h)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibrator.decay import DecayedSum, fade
from vibrator.errors import BadInput

HALVES = (1.0, 14.0)
RNG = np.random.default_rng(0)
TIMES = RNG.permutation(np.arange(100.0) / 2)  # late ones among them
VALUES = RNG.normal(size=100)
ROWS = RNG.normal(size=(100, 3))
END = 60.0


def formula(times, values, now=END, halves=HALVES):
    past = times <= now
    factors = np.exp2(-(now - times[past]) / np.array(halves)[:, None])
    return np.tensordot(factors, values[past], 1)


def summed(values, *, keep=4, shape=(), times=TIMES, cells=None):
    total = DecayedSum(HALVES, shape, keep=keep)
    for n, (time, value) in enumerate(zip(times.tolist(), values, strict=True)):
        total.add(time, value, **({} if cells is None else {"at": cells[n]}))
    return total


@pytest.mark.parametrize("keep", [0, 1, 4, 200])
def test_numbers_add_up_to_the_formula(keep):
    total = summed(VALUES, keep=keep)
    assert total.read(END) == pytest.approx(formula(TIMES, VALUES))
    assert total.read(END + 7) == pytest.approx(formula(TIMES, VALUES, END + 7))


@pytest.mark.parametrize("rows", [list(ROWS), ROWS.tolist()])
def test_vectors_add_up_to_the_formula(rows):
    total = summed(rows, shape=(3,))
    np.testing.assert_allclose(total.read(END), formula(TIMES, ROWS), rtol=1e-12)


@pytest.mark.parametrize("cells", [[n % 3 for n in range(100)], [(n % 3,) for n in range(100)]])
def test_each_number_goes_to_its_own_cell(cells):
    total = summed(VALUES, shape=(3,), cells=cells)
    own = np.zeros((100, 3))
    own[np.arange(100), np.arange(100) % 3] = VALUES
    np.testing.assert_allclose(total.read(END), formula(TIMES, own), rtol=1e-10)


def test_a_cell_may_be_a_row_of_a_matrix():
    total = summed(list(ROWS), shape=(2, 3), cells=[n % 2 for n in range(100)])
    for row in (0, 1):
        mine = np.arange(100) % 2 == row
        np.testing.assert_allclose(total.read(END)[:, row], formula(TIMES[mine], ROWS[mine]))


@pytest.mark.parametrize("count", [0, 3, 4, 5, 100])
def test_many_at_once_are_the_same_as_one_by_one(count):
    cells = np.arange(count) % 3
    many = DecayedSum(HALVES, (3,), keep=4)
    many.add_many(TIMES[:count], VALUES[:count], at=cells)
    single = summed(VALUES[:count], shape=(3,), times=TIMES[:count], cells=cells.tolist())
    np.testing.assert_allclose(many.read(END), single.read(END), rtol=1e-12)
    assert len(many.open) == min(count, 4)


@given(st.integers(0, 100), st.booleans())
def test_two_histories_merge_into_one_and_stay_as_they_are(cut, turned):
    order = slice(None, None, -1 if turned else 1)
    times, rows = TIMES[order], ROWS[order]
    one = summed(list(rows[:cut]), shape=(3,), times=times[:cut])
    other = summed(list(rows[cut:]), shape=(3,), times=times[cut:])
    before = one.read(END).copy(), other.read(END).copy()
    both = one.merge(other)
    np.testing.assert_allclose(both.read(END), formula(TIMES, ROWS), rtol=1e-9, atol=1e-12)
    assert len(both.open) == 4
    np.testing.assert_array_equal(one.read(END), before[0])
    np.testing.assert_array_equal(other.read(END), before[1])


@pytest.mark.parametrize("anchor", [2.0, 10.0, 30.0])
def test_a_sum_made_elsewhere_fades_to_the_time_of_this_one(anchor):
    total = DecayedSum(HALVES, (2,), keep=0)
    total.add(10.0, np.array([1.0, 2.0]))
    total.add_total(np.array([[4.0, 0.0], [0.0, 4.0]]), anchor)
    rest = np.exp2(-(40.0 - anchor) / np.array(HALVES))
    expected = np.outer(np.exp2(-30.0 / np.array(HALVES)), [1.0, 2.0]) + 4 * np.diag(rest)
    np.testing.assert_allclose(total.read(40.0), expected)
    assert total.anchor == max(anchor, 10.0)


def test_a_sum_of_nothing_changes_nothing():
    total = DecayedSum(HALVES, keep=0)
    total.add(1.0, 2.0)
    total.add_total(np.zeros(2), -np.inf)
    assert total.anchor == 1.0
    assert total.read(1.0).tolist() == [2.0, 2.0]


def test_what_has_not_happened_weighs_nothing_and_the_moment_itself_counts():
    total = summed([1.0, 5.0], times=np.array([1.0, 3.0]))
    assert total.read(2.9) == pytest.approx(formula(np.array([1.0]), np.array([1.0]), 2.9))
    assert total.read(3.0)[0] == pytest.approx(5.25)
    assert [event.time for event in total.newest(3.0)] == [1.0, 3.0]
    assert [event.time for event in total.newest(2.9)] == [1.0]


def test_the_newest_are_told_in_order_and_no_more_than_are_kept():
    total = DecayedSum([1.0], keep=2)
    for time, key in ((3.0, "b"), (1.0, "z"), (3.0, "a"), (2.0, "m")):
        total.add(time, 1.0, key=key)
    assert [(event.time, event.key) for event in total.newest()] == [(3.0, "a"), (3.0, "b")]


def test_events_are_folded_when_there_are_five_times_as_many_as_are_kept():
    total = DecayedSum([1.0], keep=2)
    for n in range(8):
        total.add(float(n), 1.0)
    assert (len(total.open), total.anchor) == (8, -np.inf)
    total.add(8.0, 1.0)
    assert ([event.time for event in total.open], total.anchor) == ([7.0, 8.0], 6.0)


def test_a_read_before_the_fold_says_what_would_help():
    total = summed(VALUES, keep=0)
    with pytest.raises(BadInput, match=r"cannot read at 49\.0.*up to 49\.5.*keep \(now 0\)"):
        total.read(49.0)
    assert total.read(49.5) == pytest.approx(formula(TIMES, VALUES, 49.5))


def test_a_copy_goes_its_own_way():
    total = summed(VALUES)
    twin = total.copy()
    twin.add(END, 100.0)
    twin.total += 1
    assert total.read(END) == pytest.approx(formula(TIMES, VALUES))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: DecayedSum([0.0]), "half_life must be positive, got 0"),
        (lambda: DecayedSum([1.0, -1.0]), "half_life must be positive, got -1"),
        (lambda: DecayedSum([float("nan")]), "half_life must be positive, got nan"),
        (lambda: DecayedSum([1.0], keep=-1), "keep must not be negative, got -1"),
        (lambda: DecayedSum([1.0]).merge(DecayedSum([2.0])), "half-lives differ"),
        (lambda: DecayedSum([1.0]).merge(DecayedSum([1.0], (2,))), "shapes differ"),
        (lambda: fade([1.0], half_life=0), "half_life must be positive"),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(BadInput, match=words):
        call()


def test_a_weight_halves_with_every_half_life():
    ages = np.array([-1e-9, 0.0, 3.0, 6.0, 12.0])
    assert fade(ages, half_life=3.0).tolist() == [0.0, 1.0, 0.5, 0.25, 0.0625]
