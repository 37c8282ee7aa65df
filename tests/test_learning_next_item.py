"""What comes next: each signal against its formula, and the weights against another optimiser."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from vibrator.errors import BadInput, VibratorError
from vibrator.pipeline.company import SIGNALS, Company, Past
from vibrator.pipeline.item_history import ItemHistory
from vibrator.pipeline.next_item import (
    ALTERNATIVES,
    Choice,
    NextItem,
    Weighing,
    _cases,
    _choice,
    _of_people,
    lateness,
    softmax_weights,
)

PEOPLE, THINGS = 6, 7


def events():
    """(who, which, when): people in sittings some days apart, one of them touches a thing twice."""
    rng, rows = np.random.default_rng(3), []
    for who in range(PEOPLE):
        at = float(rng.uniform(0, 1e6))
        for which in [*rng.permutation(THINGS)[: 3 + who % 4], 2]:
            at += float(rng.choice([20.0, 500.0, 4000.0, 900_000.0]))
            rows.append((f"p{who}", int(which), at))
    return rows


EVENTS = events()
HISTORY = ItemHistory(
    [who for who, _, _ in EVENTS],
    [f"thing {which}" for _, which, _ in EVENTS],
    [at for _, _, at in EVENTS],
    [1.0] * len(EVENTS),
)
NAMED = [int(item.split()[1]) for item in HISTORY.items]  # what stands at each place
VECTORS = np.random.default_rng(4).normal(size=(len(NAMED), 5))
VECTORS /= np.linalg.norm(VECTORS, axis=1)[:, None]
CHOSEN = np.arange(PEOPLE) != 1  # all but p1, the second person seen in the log
WHO = list(dict.fromkeys(who for who, _, _ in EVENTS))
KEPT = [event for event in EVENTS if CHOSEN[WHO.index(event[0])]]
COUNT = [sum(which == name for _, which, _ in KEPT) for name in NAMED]


def damped(value, one, other):
    return value / math.sqrt((COUNT[one] + 5) * (COUNT[other] + 5))


def close(one, other, half_life):
    """Σ 2^(−apart / half-life) over pairs of one person's events; none beyond six half-lives."""
    total = 0.0
    for who, first, at in KEPT:
        for whose, second, when in KEPT:
            apart = abs(at - when) / half_life
            if who == whose and (first, second) == (NAMED[one], NAMED[other]) and apart < 6:
                total += 2**-apart if first != second else 0.0
    return damped(total, one, other)


def common(one, other, *, by_activity):
    total = 0.0
    for who in WHO:
        theirs = {which for name, which, _ in KEPT if name == who}
        if one != other and {NAMED[one], NAMED[other]} <= theirs:
            total += 1 / (len(theirs) + 1) if by_activity else 1
    return damped(total, one, other)


def doublings(seconds):
    return min(math.log2(1 + max(seconds, 0.0) / 60), 25)


def stage(place, began, now):
    """Log of the events so long after a beginning over what popularity lets expect there."""
    found = [0.0] * len(NAMED)
    for who, which, at in KEPT:
        first = min(when for whose, _, when in EVENTS if whose == who)
        far = round(doublings(at - first)) - doublings(now - began)
        found[NAMED.index(which)] += math.exp(-(far**2) / 2)
    expected = COUNT[place] * sum(found) / sum(COUNT)
    return math.log((found[place] + 0.5) / (expected + 0.5))


def signals(items, began, now):
    """Items x signals, each over the catalogue of mean 0 and standard deviation 1."""
    newest, rows = items[-5:][::-1], []
    weights = [0.8**back for back in range(len(newest))]
    like = sum(w * VECTORS[item] for w, item in zip(weights, newest, strict=True))
    for place, name in enumerate(NAMED):
        ages = [now - at for _, which, at in KEPT if which == name and at < now]
        hour, minute = (
            sum(w * close(item, place, h) for w, item in zip(weights, newest, strict=True))
            for h in (600.0, 60.0)
        )
        ever, kindred = (
            sum(common(item, place, by_activity=way) for item in items) for way in (False, True)
        )
        rows.append(
            {
                "popularity": math.log(1 + COUNT[place]),
                "lately": math.log(1 + sum(2 ** (-age / (14 * 86_400)) for age in ages)),
                "stage": 0.0 if began is None else stage(place, began, now),
                "same_hour": math.sqrt(hour),
                "same_minute": math.sqrt(minute),
                "ever": math.sqrt(ever),
                "kindred": math.sqrt(kindred),
                "alike": VECTORS[place] @ like,
            }
        )
    table = np.array([[row[name] for name in SIGNALS] for row in rows])
    spread = table.std(axis=0)
    return (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


@pytest.mark.parametrize(
    ("items", "times"),
    [([0], [9e5]), ([3, 1], [5e5, 6e5]), ([0, 1, 2, 3, 4, 5, 1], np.arange(7) * 1e5)],
)
def test_every_signal_is_its_formula(items, times):
    company = Company.of(HISTORY, VECTORS, CHOSEN)
    now = 2e6
    past = Past(np.array(items), np.array(times))

    assert company.signals(past, now) == pytest.approx(signals(items, times[0], now), abs=1e-9)
    timeless = company.signals(Past(np.array(items)), now)
    assert timeless == pytest.approx(signals(items, None, now), abs=1e-9)


def test_a_past_knows_its_beginning_its_gap_and_its_first_few():
    past = Past(np.array([4, 2, 1]), np.array([10.0, 20.0, 30.0]))

    assert (past.began, past.gap(95.0), past.gap(5.0)) == (10.0, 65.0, 0.0)
    assert past.first(2).items.tolist() == [4, 2]
    assert past.first(2).times.tolist() == [10.0, 20.0]
    assert Past(np.array([4])).began is None
    assert Past(np.array([4])).gap(9.0) == 0.0
    assert Past(np.array([4])).first(1).times is None
    assert Past(np.empty(0, np.intp), np.empty(0)).began is None


def drawn(count, rng):
    """Choices among four things by a planted taste that changes with lateness."""
    found = []
    for _ in range(count):
        rows = np.zeros((1 + ALTERNATIVES, 2), dtype=np.float32)
        rows[:4] = rng.normal(size=(4, 2))
        later = float(rng.random())
        odds = np.exp(rows[:4] @ np.array([1.0 - 2.0 * later, 0.5]))
        taken = rng.choice(4, p=odds / odds.sum())
        rows[[0, taken]] = rows[[taken, 0]]
        found.append(Choice(rows, np.arange(len(rows)) < 4, later))
    return found


def test_the_weights_make_what_was_chosen_likeliest():
    choices = drawn(150, np.random.default_rng(5))

    def loss(at):
        total = at @ at / 2
        for rows, _, later in choices:
            x = rows[:4].astype(float)
            odds = np.hstack([x, x * later]) @ at
            total += np.log(np.exp(odds).sum()) - odds[0]
        return total

    expected = minimize(loss, np.zeros(4), options={"gtol": 1e-7}).x
    found = softmax_weights(choices)
    assert found == pytest.approx(expected, abs=2e-3)
    weighing = Weighing.fit(choices)
    assert weighing.soon == pytest.approx(expected[:2], abs=2e-3)
    assert weighing.later == pytest.approx(expected[:2] + expected[2:], abs=2e-3)


def test_weights_lie_between_soon_and_later_as_the_gap_grows():
    weighing = Weighing(np.full(len(SIGNALS), 1.0), np.full(len(SIGNALS), 3.0))

    assert [lateness(gap) for gap in (0.0, 600.0, 1800.0)] == [0.0, 0.5, 0.75]
    assert weighing.at(600.0).tolist() == [2.0] * len(SIGNALS)
    assert weighing.at(1800.0).tolist() == [2.5] * len(SIGNALS)
    assert weighing.named()["later"] == dict.fromkeys(SIGNALS, 3.0)


def test_who_did_little_has_weights_of_their_own():
    company = Company.of(HISTORY, VECTORS, np.ones(PEOPLE, dtype=bool))
    rng = np.random.default_rng(6)
    few, many = (Weighing(*rng.normal(size=(2, len(SIGNALS)))) for _ in range(2))
    model = NextItem(company, many, few)

    for items, weighing in (([0, 1, 2, 3, 4], few), ([0, 1, 2, 3, 4, 5], many)):
        times = np.arange(len(items)) * 100.0
        expected = company.signals(Past(np.array(items), times), 1100.0) @ weighing.at(
            1100.0 - times[-1]
        )
        found = model.scores(items, 1100.0, times=times, seen=True)
        assert found == pytest.approx(expected)
        unseen = model.scores(items, 1100.0, times=times)
        assert np.isneginf(unseen[items]).all()
        assert unseen[6] == pytest.approx(expected[6])
    with pytest.raises(BadInput, match=r"^2 items need as many times"):
        model.scores([0, 1], 9.0, times=[1.0])


def test_two_thousand_people_are_enough_a_third_of_them_from_each_fold():
    users = [f"p{n % 700}" for n in range(1400)] + ["once"]
    history = ItemHistory(users, ["x"] * 1401, np.arange(1401.0)[::-1], [1.0] * 1401)
    several = list(_of_people(history, np.arange(701), np.random.default_rng(0)))
    whose = {int(history.users[events[0]]) for events in several}

    assert len(whose) == len(several) in {665, 666}  # "once" may be drawn, and has one action
    for events in several:
        assert len(events) == 2
        assert len(set(history.users[events])) == 1
        assert history.times[events[0]] < history.times[events[1]]
    few = _of_people(history, np.array([0, 5, 700]), np.random.default_rng(0))
    assert [int(history.users[events[0]]) for events in few] == [0, 5]  # 700 is "once"


def test_weights_that_do_not_settle_are_no_weights():
    rows = np.full((1 + ALTERNATIVES, 2), np.nan, dtype=np.float32)
    choice = Choice(rows, np.arange(len(rows)) < 4, 0.5)
    with np.errstate(invalid="ignore"), pytest.raises(VibratorError, match="did not settle in 60"):
        softmax_weights([choice])


def test_cases_are_the_last_action_and_three_after_the_first_few():
    items = [0, 1, 2, 3, 4, 5, 6, 0]
    history = ItemHistory(["ada"] * 8, [f"t{i}" for i in items], np.arange(8.0), [1.0] * 8)
    whole, *short = _cases(history, np.arange(8), np.random.default_rng(0))

    assert whole.past.items.tolist() == items[:7]
    assert (whole.now, whole.target) == (7.0, 0)
    assert all(case.past.items.tolist() == items[:5] for case in short)
    assert [(case.now, case.target) for case in short[:2]] == [(5.0, 5), (7.0, 0)]
    drawn_at = set()
    for seed in range(40):
        *_, third = _cases(history, np.arange(8), np.random.default_rng(seed))
        drawn_at.add(third.now)
    assert drawn_at == {5.0, 6.0, 7.0}


def test_a_choice_is_among_what_was_not_touched_yet():
    company = Company.of(HISTORY, VECTORS, CHOSEN)
    case = next(
        case
        for case in _cases(HISTORY, np.flatnonzero(HISTORY.users == 3), np.random.default_rng(0))
        if case.target not in case.past.items
    )
    choice = _choice(company, case, np.random.default_rng(0))
    told = company.signals(case.past, case.now).astype(np.float32)
    others = sorted(set(range(len(NAMED))) - set(case.past.items.tolist()) - {case.target})

    assert choice.rows[0].tolist() == told[case.target].tolist()
    assert choice.offered.sum() == 1 + len(others)
    assert choice.rows[1 : 1 + len(others)].tolist() == told[others].tolist()
    assert not choice.rows[1 + len(others) :].any()
    assert choice.later == lateness(case.past.gap(case.now))


def test_a_large_catalogue_is_sampled():
    rng = np.random.default_rng(7)
    count = ALTERNATIVES + 40
    history = ItemHistory(["a"] * count, [f"t{n}" for n in range(count)], np.arange(count) * 1.0,
                          [1.0] * count)  # fmt: skip
    company = Company.of(history, rng.normal(size=(count, 3)), np.ones(1, dtype=bool))
    case = next(_cases(history, np.arange(9), rng))
    one, other = (_choice(company, case, rng) for _ in range(2))

    assert one.offered.all()
    assert len(np.unique(one.rows[1:], axis=0)) > 100
    assert not np.array_equal(one.rows[1:], other.rows[1:])


def test_a_fit_learns_from_people_whom_the_signals_had_not_seen_and_repeats_itself():
    rng = np.random.default_rng(8)
    users, items, times = [], [], []
    for person in range(60):
        for step, pair in enumerate(rng.permutation(8)[:3]):
            for odd in (0, 1):
                users.append(f"p{person}")
                items.append(f"t{2 * pair + odd}")
                times.append(1e5 * step + 30.0 * odd + rng.random())
    history = ItemHistory(users, items, times, [1.0] * len(items))
    vectors = np.eye(len(history.items))
    one, same, other = (NextItem.fit(history, vectors, seed=seed) for seed in (0, 0, 1))

    assert one.many.soon.tolist() == same.many.soon.tolist()
    assert one.few.later.tolist() == same.few.later.tolist()
    assert one.many.soon.tolist() != other.many.soon.tolist()
    assert one.few.soon.tolist() != one.many.soon.tolist()
    assert one.company.popularity.sum() == len(items)  # in the end everybody counts
    assert one.many.named()["soon"]["same_minute"] > 0.2
