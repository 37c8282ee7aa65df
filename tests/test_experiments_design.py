"""Experiments as values, tiers that are enforced, assignment that never wavers."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import chisquare

from vibrator.errors import BadInput, Refused, UnknownName
from vibrator.experiments.assignment import Allocation, Holdout, Slice
from vibrator.experiments.design import Experiment, ExperimentState, Metric, Variant

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PUBLISHED = {
    "id": "1a2b3c4d",
    "domain": "short_video",
    "variable": "hook_type",
    "description": "Questions hold people",
    "variant_a": {"label": "control", "params": {}, "hint": None},
    "variant_b": {"label": "question", "params": {"open": "?"}, "hint": "ask"},
    "tier": 1,
    "started": "2026-03-01",
    "concluded": None,
    "status": "active",
    "mode": "paired",
    "items": [{"item_id": "v1", "variant": "control", "topic": "rain"}],
}
UNITS = [f"unit-{n}" for n in range(40_000)]


def experiment(name="e1", **rest):
    fields = {"domain": "mail", "variable": "subject", "variants": (Variant("a"), Variant("b"))}
    return Experiment(id=name, **fields | rest)


def with_items(count, name="e1", **rest):
    items = [{"item_id": f"{v}{n}", "variant": v} for v in "ab" for n in range(count)]
    return experiment(name, items=items, **rest)


def test_an_experiment_goes_round():
    clicks = Metric(name="clicks", kind="ratio", denominator="views")
    left = Metric(name="left", role="guardrail", margin=0.01, increase=False)
    there = with_items(
        3, metrics=(clicks, left), looks=4, planned=4000, started=NOON, weights={"a": 1, "b": 3}
    )

    assert Experiment.from_dict(there.to_dict()) == there
    assert there.shares() == (0.25, 0.75)
    assert (there.control.label, there.variant_b.label) == ("a", "b")


def test_the_published_shape_loads():
    loaded = Experiment.from_dict(PUBLISHED)

    assert loaded.labels == ("control", "question")
    assert loaded.started == datetime(2026, 3, 1, tzinfo=UTC)
    assert (loaded.variant_a.label, loaded.variant_b.hint) == ("control", "ask")
    state = ExperimentState.from_dict(
        {"current": PUBLISHED, "queue": [], "history": [{"id": "old"}]}
    )
    assert ExperimentState.from_json(state.to_json()) == state
    assert ExperimentState.from_dict({"current": {}, "queue": [], "history": []}).current == ()


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: experiment(variants=(Variant("a"),)), "2 variants"),
        (lambda: experiment(variants=(Variant("a"), Variant("a"))), "labels of their own"),
        (lambda: experiment(tier=4), "tier must be one of"),
        (lambda: experiment(mode="mixed"), "mode must be one of"),
        (lambda: experiment(weights={"a": 1}), "name every variant"),
        (lambda: experiment(weights={"a": 1, "b": 0}), "must be positive"),
        (lambda: experiment(looks=4), "looks need `planned`"),
        (lambda: experiment(looks=0), "whole number"),
        (lambda: experiment(items=[{"item_id": "x", "variant": "c"}]), "one of the variants"),
        (lambda: experiment(started=datetime(2026, 1, 1)), "timezone"),  # noqa: DTZ001
        (lambda: experiment(variants=5), "variants must be several"),
        (lambda: experiment(variants=("a", "b")), "variants hold something of another kind: 'a'"),
        (lambda: experiment(items=(5,)), "items hold something of another kind: 5"),
        (lambda: experiment(metrics=("m",)), "metrics hold something of another kind: 'm'"),
        (lambda: experiment(looked=("x",)), "looked hold something of another kind: 'x'"),
        (lambda: experiment(looked=(float("nan"),)), "a look taken must be a finite"),
        (lambda: experiment(weights=[1, 2]), "weights must be numbers by variant"),
        (lambda: Experiment.from_dict({"id": "x", "domain": "d", "variable": "v", "variants": 5}),
         "an experiment cannot be read"),
        (lambda: Metric(name="x", increase="yes"), "increase must be true or false, got 'yes'"),
        (lambda: Metric(name="x", covariate=5), "denominator and covariate must be a text"),
        (lambda: Metric(name="x", kind="ratio"), "has a denominator"),
        (lambda: Metric(name="x", role="guardrail"), "needs the margin"),
        (lambda: Metric(name="x", kind="share", covariate="y"), "only a mean"),
        (lambda: Experiment.from_dict({**PUBLISHED, "wins": 1}), r"has no \['wins'\]; it may say"),
        (lambda: Experiment.from_dict({"id": "x"}), "must say"),
        (lambda: Allocation(experiment_id="e", weights={"a": 1}), "2 variants"),
        (lambda: Slice("l", 0.5, 0.5), "rises"),
        (lambda: Allocation.of(experiment()).assign([1, 2]), "texts"),
        (lambda: Allocation.of(experiment()).assign("ada"), "texts"),
        (lambda: Allocation.of(experiment()).assign(None), "texts"),
        (lambda: Allocation.of(experiment()).assign(["\ud800"]), "valid Unicode"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(call, reason):
    with pytest.raises(BadInput, match=reason):
        call()


def test_tier_one_runs_alone():
    sender = experiment("z", variable="sender")
    state = ExperimentState(queue=(experiment("x", tier=1), experiment("y"), sender))
    state = state.start("y", at=NOON).start("z", at=NOON)

    assert [e.status for e in state.current] == ["active", "active"]
    with pytest.raises(Refused, match="may not start beside"):
        state.start("x", at=NOON)
    alone = ExperimentState(queue=(experiment("x", tier=1), experiment("y"))).start("x", at=NOON)
    with pytest.raises(Refused):
        alone.start("y", at=NOON)


def test_a_variable_is_tried_once_at_a_time():
    state = ExperimentState(queue=(experiment("x"), experiment("y"))).start("x", at=NOON)

    with pytest.raises(Refused, match="subject of tier 2 may not start"):
        state.start("y", at=NOON)


def test_tier_three_needs_no_test():
    state = ExperimentState(queue=(experiment("x", tier=3),))

    with pytest.raises(Refused):
        state.start("x", at=NOON)
    with pytest.raises(Refused):
        ExperimentState(current=(experiment("x", tier=3),))


def test_too_few_items_conclude_nothing():
    state = ExperimentState(current=(with_items(2),))
    with pytest.raises(Refused, match="needs 3 items a variant"):
        state.conclude("e1", at=NOON, outcome={})

    done = ExperimentState(current=(with_items(3),)).conclude(
        "e1", at=NOON, outcome={"winner": "b"}
    )
    assert done.current == ()
    assert done.history[0]["status"] == "concluded"
    assert done.history[0]["outcome"] == {"winner": "b"}


def test_an_experiment_can_be_abandoned():
    state = ExperimentState(queue=(experiment("x"),)).abandon("x", at=NOON, reason="out of season")

    assert (state.queue, state.history[0]["outcome"]) == ((), {"reason": "out of season"})
    with pytest.raises(UnknownName):
        state.abandon("x", at=NOON, reason="again")


def test_assignment_is_the_same_in_every_process():
    here = Allocation.of(experiment(), salt="s").assign(UNITS[:50])
    code = (
        "from vibrator.experiments.assignment import Allocation\n"
        "plan = Allocation(experiment_id='e1', weights={'a': .5, 'b': .5}, salt='s')\n"
        "print(''.join(plan.assign([f'unit-{n}' for n in range(50)])))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert there.stdout.strip() == "".join(here)
    assert "".join(here[:16]) == "ababbaaabaaaaaaa"  # frozen: released assignments never change
    assert Allocation.of(experiment(), salt="s").assign_one("unit-7") == here[7]


def test_weights_are_kept():
    counts = Counter(Allocation(experiment_id="e", weights={"a": 1, "b": 2, "c": 5}).assign(UNITS))

    expected = np.array([1, 2, 5]) / 8 * len(UNITS)
    assert chisquare([counts[v] for v in "abc"], expected).pvalue > 1e-4


def test_experiments_and_salts_are_independent():
    assigned = [
        Allocation(experiment_id=name, weights={"a": 1, "b": 1}, salt=salt).assign(UNITS)
        for name, salt in (("e1", ""), ("e2", ""), ("e1", "x"))
    ]
    for other in assigned[1:]:
        same = np.mean([one == two for one, two in zip(assigned[0], other, strict=True)])
        assert same == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(UNITS)))


def test_reweighting_moves_only_towards_what_grew():
    before = Allocation(experiment_id="e", weights={"a": 2, "b": 1, "c": 1}).assign(UNITS)
    after = Allocation(experiment_id="e", weights={"a": 2, "b": 1, "c": 3}).assign(UNITS)

    moves = Counter(zip(before, after, strict=True))
    assert {pair for pair in moves if pair[0] != pair[1]} == {("a", "c"), ("b", "c")}


def test_known_units_stay():
    plan = Allocation(experiment_id="e", weights={"a": 1, "b": 1})
    known = dict(zip(UNITS[:1000], plan.assign(UNITS[:1000]), strict=True))
    other = Allocation(experiment_id="e", weights={"a": 1, "b": 9})

    assert other.assign(UNITS[:1000], known=known) == list(known.values())
    assert other.assign(UNITS[:1000]) != list(known.values())


def test_layers_exclude_and_holdouts_hold():
    low, high = Slice("page", 0.0, 0.4), Slice("page", 0.4, 1.0)
    held = Holdout("2026", 0.1)
    first, second = (
        Allocation(experiment_id=name, weights={"a": 1, "b": 1}, slice=part, holdout=held).assign(
            UNITS
        )
        for name, part in (("e1", low), ("e2", high))
    )

    assert not any(one and two for one, two in zip(first, second, strict=True))
    nobody = np.mean([one is two is None for one, two in zip(first, second, strict=True)])
    assert nobody == pytest.approx(0.1, abs=0.01)
    assert np.mean([one is not None for one in first]) == pytest.approx(0.36, abs=0.01)
