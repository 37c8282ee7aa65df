"""What an analysis finds in data whose truth was planted, and what it refuses to say."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from vibrator.errors import BadInput, UnknownName
from vibrator.experiments.analysis import Rules, analyze
from vibrator.experiments.design import Experiment, Metric, Variant
from vibrator.experiments.estimators import Columns
from vibrator.stats.intervals import newcombe
from vibrator.stats.schedule import Schedule
from vibrator.stats.shrinkage import Population

VALUE = Metric(name="value")
SHARE = Metric(name="value", kind="share")


def experiment(*metrics, arms="ab", **rest):
    variants = tuple(Variant(label) for label in arms)
    fields = {"id": "e", "domain": "d", "variable": "v", "variants": variants}
    return Experiment(**fields, metrics=metrics or (VALUE,), **rest)


def people(count=400, effects=(0.0, 0.5), seed=1, arms="ab"):
    """Equal arms of normal values around planted means, with what was known before."""
    rng = np.random.default_rng(seed)
    variant = np.repeat(list(arms), count)
    before = rng.normal(size=len(variant))
    value = 5 + np.repeat(effects, count) + before + 0.5 * rng.normal(size=len(variant))
    return pd.DataFrame({"variant": variant, "value": value, "before": before})


def twice(name):
    data = people()
    return pd.concat([data, data[[name]]], axis=1)


def by_person(names):
    return analyze(experiment(), people().assign(person=names), columns=Columns(cluster="person"))


def test_a_planted_winner_is_found():
    verdict = analyze(experiment(), people())

    finding = verdict.finding("value", "b")
    assert (verdict.state, verdict.winner, finding.says) == ("winner", "b", "better")
    assert finding.interval.low < 0.5 < finding.interval.high
    assert finding.always_valid.width > finding.interval.width
    assert finding.better > 0.99
    assert "better" in str(verdict)


def test_less_can_be_better():
    metric = Metric(name="value", increase=False)

    assert analyze(experiment(metric), people()).winner == "a"
    assert analyze(experiment(metric), people(effects=(0.5, 0.0))).winner == "b"


def test_a_wrong_split_stops_everything():
    data = people()
    verdict = analyze(experiment(), pd.concat([data, data[data.variant == "a"]]))

    assert (verdict.state, verdict.winner, verdict.findings) == ("invalid", None, ())
    assert "Read nothing" in verdict.must_not[0]


def test_planned_weights_are_no_wrong_split():
    data = people()
    uneven = pd.concat([data, data[data.variant == "a"]])

    assert analyze(experiment(weights={"a": 2, "b": 1}), uneven).state == "winner"


def test_too_few_units_say_nothing():
    verdict = analyze(experiment(min_items=10), people(count=9))

    assert (verdict.state, verdict.findings) == ("too few", ())
    assert analyze(experiment(), people(count=0)).state == "too few"


def test_nothing_found_is_not_nothing_there():
    verdict = analyze(experiment(), people(effects=(0.0, 0.0)))

    assert (verdict.state, verdict.winner) == ("no difference", None)
    assert any("does not show that there is none" in words for words in verdict.must_not)


def test_a_margin_makes_it_equivalent():
    metric = Metric(name="value", margin=0.4)

    assert analyze(experiment(metric), people(effects=(0, 0.01), seed=2)).state == "equivalent"


def test_a_guardrail_that_suffers_blocks():
    data = people()
    data["speed"] = np.where(data.variant == "b", -0.3, 0.0) + np.random.default_rng(3).normal(
        size=800
    )
    guard = Metric(name="speed", role="guardrail", margin=0.2)

    verdict = analyze(experiment(VALUE, guard), data)
    assert (verdict.state, verdict.winner) == ("blocked", None)
    lenient = Metric(name="speed", role="guardrail", margin=0.8)
    assert analyze(experiment(VALUE, lenient), data).winner == "b"


def test_a_guardrail_that_was_not_measured_blocks_too():
    data = people().assign(speed=1.0)
    guard = Metric(name="speed", role="guardrail", margin=0.2)

    verdict = analyze(experiment(VALUE, guard), data)
    assert verdict.state == "blocked"
    assert any("speed of 'b': a test needs values that vary" in w for w in verdict.must_not)


def test_a_share_without_an_event_is_harmless_once_enough_units_saw_none():
    """No crash among 400 an arm bounds the difference; among 20 an arm it does not."""
    guard = Metric(name="crashed", kind="share", role="guardrail", increase=False, margin=0.02)

    many = analyze(experiment(VALUE, guard), people().assign(crashed=0.0))
    assert (many.winner, many.finding("crashed", "b").says) == ("b", "harmless")
    few = analyze(experiment(VALUE, guard), people(count=20, effects=(0, 5)).assign(crashed=0.0))
    assert (few.state, few.finding("crashed", "b").says) == ("blocked", "not shown harmless")


@pytest.mark.parametrize("mode", ["paired", "interleaved"])
def test_a_share_without_an_event_counts_what_is_independent(mode):
    data = people().assign(crashed=0.0, topic=np.tile(np.arange(400), 2))
    data["person"] = np.arange(800) // 20
    columns = Columns(pair="topic", cluster="person")

    share = experiment(Metric(name="crashed", kind="share"), mode=mode)
    finding = analyze(share, data, columns=columns).finding("crashed", "b")
    independent = 400 if mode == "paired" else 20
    expected = newcombe((0, independent), (0, independent))
    assert finding.interval.low == pytest.approx(expected.low)
    assert finding.interval.high == pytest.approx(expected.high)


def test_all_against_none_is_a_winner():
    data = people().assign(value=lambda rows: (rows.variant == "b") * 1.0)

    assert analyze(experiment(SHARE), data).winner == "b"


def test_arms_that_do_not_overlap_can_be_ranked():
    data = people(count=8, effects=(0, 100))
    finding = analyze(experiment(Metric(name="value", kind="rank")), data).finding("value", "b")

    assert (finding.says, finding.interval.high) == ("better", 0.5)
    assert 0 < finding.interval.low < 0.5


def test_a_harmful_guardrail_is_told_at_once():
    data = people(effects=(0.0, 0.0))
    data["speed"] = people(effects=(0.0, -1.0), seed=7).value
    guard = Metric(name="speed", role="guardrail", margin=0.2)

    verdict = analyze(experiment(VALUE, guard, looks=4, planned=3200), data)
    assert (verdict.state, verdict.final, verdict.decided) == ("harmful", False, True)
    assert any("Do not go on with b: it harms speed" in words for words in verdict.must_not)


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ("x", "'extra' must hold numbers, got 'x' in row 0"),
        (np.inf, "must be finite, got inf in row 0"),
        (2.0, "values that vary"),
        (None, "measured [0, 0] times"),
    ],
)
def test_a_metric_that_cannot_be_read_leaves_the_others_alone(spoilt, reason):
    extra = Metric(name="extra", role="secondary")
    verdict = analyze(experiment(VALUE, extra), people().assign(extra=spoilt))

    assert verdict.winner == "b"
    assert [f.metric for f in verdict.findings] == ["value"]
    assert any("Conclude nothing about extra" in w and reason in w for w in verdict.must_not)


def test_an_absent_guardrail_speaks_for_nobody():
    guard = Metric(name="speed", role="guardrail", margin=0.2)
    verdict = analyze(experiment(VALUE, guard), people())

    assert verdict.state == "blocked"
    assert any("Conclude nothing about speed: no column" in words for words in verdict.must_not)


def test_an_unread_goal_is_no_finding_of_no_difference():
    verdict = analyze(experiment(), people().assign(value=1.0))

    assert (verdict.state, verdict.decided, verdict.findings) == ("unread", False, ())


def test_worse_on_what_could_be_read_is_not_worse_on_all():
    data = people(effects=(0.5, 0.0)).assign(other=1.0)

    assert analyze(experiment(), data).state == "control"
    verdict = analyze(experiment(VALUE, Metric(name="other")), data)
    assert (verdict.state, verdict.winner) == ("no difference", None)


@pytest.mark.parametrize(
    "metric",
    [
        Metric(name="value"),
        Metric(name="value", kind="rank"),
        Metric(name="value", kind="quantile"),
        Metric(name="value", kind="ratio", denominator="views"),
    ],
)
def test_belief_has_no_unit(metric):
    """The prior is worth one unit an arm, so a clear effect stays clear in any unit."""
    data = people(effects=(0, 0.2), seed=5).assign(views=2.0)
    scaled = data.assign(value=data.value * 1e-4)
    finding, other = (
        analyze(experiment(metric), rows).finding("value", "b") for rows in (data, scaled)
    )

    assert finding.better == pytest.approx(other.better, abs=1e-9)
    assert finding.better == pytest.approx(norm.cdf(finding.difference / finding.se), abs=0.01)


def test_always_valid_intervals_start_once_means_are_near_normal():
    few, enough = (
        analyze(experiment(), people(count=count)).finding("value", "b").always_valid
        for count in (19, 20)
    )

    assert (few.low, few.high) == (-np.inf, np.inf)
    assert 0 < enough.width < np.inf


def test_every_look_at_the_split_is_paid_for():
    data = pd.concat([people(count=100), people(count=42).query("variant == 'a'")])

    assert analyze(experiment(), data).split.severity == "warning"
    assert analyze(experiment(looks=4, planned=400), data).split.severity == "fine"


def test_an_early_look_needs_more():
    planned = experiment(looks=4, planned=3200)
    weak = people(effects=(0.0, 0.19), seed=5)

    assert analyze(experiment(), weak).state == "winner"
    verdict = analyze(planned, weak)
    assert (verdict.state, verdict.look, verdict.final) == ("undecided", 0.25, False)
    assert analyze(planned, people(effects=(0.0, 1.0))).winner == "b"


def test_looks_off_the_plan_spend_by_lan_and_demets():
    looked = experiment(looks=4, planned=3000, looked=(0.1,))

    verdict = analyze(looked, people())
    assert verdict.schedule == Schedule((0.1, 800 / 3000), 4)
    assert not verdict.schedule.on_plan
    assert verdict.winner == "b"


def test_p_value_and_bound_of_a_look_agree():
    for looked in ((0.25,), (0.25, 0.5), (0.2,), (0.3, 0.5, 1.0), (0.25, 0.5, 0.8)):
        schedule = Schedule(looked, 4)
        edge = schedule.bound(0.05)
        assert schedule.pvalue(edge) == pytest.approx(0.05, rel=1e-4)
        assert schedule.pvalue(edge + 0.1) < 0.05 < schedule.pvalue(edge - 0.1)


def test_many_arms_are_adjusted():
    data = people(effects=(0, 0, 0, 0.155), arms="abcd", seed=8)
    plain = analyze(experiment(arms="abcd"), data, rules=Rules(goals="bonferroni"))

    finding = plain.finding("value", "d")
    assert finding.adjusted == pytest.approx(min(3 * finding.pvalue, 1.0))
    best = analyze(experiment(arms="abc"), people(effects=(0, 0.5, 0.9), arms="abc"))
    assert best.winner == "c"
    assert any("between c and the other" in words for words in best.must_not)


def test_secondary_metrics_decide_nothing():
    data = people(effects=(0, 0)).rename(columns={"value": "x"})
    data["value"] = people(effects=(0, 0), seed=9).value
    data["x"] += np.where(data.variant == "b", 1.0, 0.0)

    verdict = analyze(experiment(VALUE, Metric(name="x", role="secondary")), data)
    assert verdict.winner is None
    assert verdict.finding("x", "b").says == "better"
    assert any("question for the next" in words for words in verdict.must_not)


def test_covariates_sharpen():
    data = people(effects=(0.0, 0.1))
    plain, adjusted, regressed = (
        analyze(experiment(metric), data).finding("value", "b")
        for metric in (VALUE, Metric(name="value", covariate="before"),
                       Metric(name="value", covariate="before", adjustment="lin"))
    )  # fmt: skip

    assert adjusted.interval.width < 0.6 * plain.interval.width
    assert regressed.difference == pytest.approx(adjusted.difference, abs=0.01)


def test_pairs_are_never_read_as_independent():
    data = people(effects=(0.0, 0.1))
    data["topic"] = np.tile(np.arange(400), 2)
    data["value"] += 10 * data.topic
    paired = experiment(mode="paired")

    finding = analyze(paired, data, columns=Columns(pair="topic")).finding("value", "b")
    assert finding.method == "paired"
    assert finding.interval.width < 1
    with pytest.raises(BadInput, match="names the pair"):
        analyze(paired, data)
    with pytest.raises(BadInput, match="one row a variant"):
        analyze(paired, pd.concat([data, data]), columns=Columns(pair="topic"))


def test_clusters_widen():
    rng = np.random.default_rng(4)
    data = people(effects=(0.0, 0.0))
    data["person"] = np.arange(800) // 20
    data["value"] += rng.normal(size=40)[data.person] * 2

    wide = analyze(experiment(), data, columns=Columns(cluster="person")).findings[0]
    narrow = analyze(experiment(), data).findings[0]
    assert wide.interval.width > 2 * narrow.interval.width
    assert wide.difference == pytest.approx(narrow.difference)
    with pytest.raises(BadInput, match="one variant only"):
        analyze(experiment(), data.assign(person=1), columns=Columns(cluster="person"))


def test_the_split_of_clusters_is_counted_in_clusters():
    """People were assigned evenly; that some of them come back more often is no wrong split."""
    rng = np.random.default_rng(6)
    person = np.repeat(np.arange(200), rng.geometric(0.05, 200))
    data = pd.DataFrame({"person": person, "variant": np.where(person % 2, "b", "a")})
    data["value"] = rng.normal(size=len(data))

    verdict = analyze(experiment(), data, columns=Columns(cluster="person"))
    assert verdict.units == {"a": 100, "b": 100}
    assert verdict.split.severity == "fine"


@pytest.mark.parametrize(
    ("metric", "method"),
    [
        (Metric(name="hit", kind="share"), "proportions"),
        (Metric(name="value", kind="ratio", denominator="views"), "welch"),
        (Metric(name="value", kind="quantile", quantile=0.75), "z"),
        (Metric(name="value", kind="rank"), "mann-whitney"),
    ],
)
def test_every_kind_finds_the_planted_effect(metric, method):
    data = people()
    data["hit"] = (data.value > 5.4) * 1.0
    data["views"] = 1.0 + (np.arange(800) % 3)

    verdict = analyze(experiment(metric), data)
    assert (verdict.winner, verdict.findings[0].method) == ("b", method)


def test_what_is_missing_is_missing():
    data = people()
    data.loc[data.index % 3 == 0, "value"] = np.nan
    verdict = analyze(experiment(), data)
    assert verdict.finding("value", "b").missing == 267
    assert verdict.finding("value", "b").control == pytest.approx(
        data[data.variant == "a"].value.mean()
    )

    data.loc[(data.variant == "b") & (data.value < 5), "value"] = np.nan
    assert any("lost different shares" in words for words in analyze(experiment(), data).must_not)


def test_winners_are_told_smaller():
    finding = analyze(experiment(), people(effects=(0, 0.17), seed=5)).findings[0]
    assert finding.says == "better"
    assert finding.expected < finding.difference

    rules = Rules(past=Population(0.0, 0.01))
    assert analyze(experiment(), people(), rules=rules).findings[0].expected < 0.1


def test_the_verdict_is_plain_json():
    import json

    told = json.loads(json.dumps(analyze(experiment(), people()).to_dict(), allow_nan=False))

    assert told["winner"] == "b"
    assert told["split"]["severity"] == "fine"
    assert told["findings"][0]["interval_low"] > 0


@pytest.mark.parametrize(
    ("call", "error", "reason"),
    [
        (lambda: analyze(experiment(), people(arms="ac")), BadInput, "variant 'c'"),
        (lambda: analyze(experiment(Metric(name="x")), people()), UnknownName, "no column 'x'"),
        (lambda: analyze(experiment(), pd.DataFrame()), UnknownName, "no column 'variant'"),
        (lambda: analyze(experiment(), [{"variant": "a"}]), BadInput, "DataFrame.*got list"),
        (lambda: analyze(experiment(), {"variant": ["a"]}), BadInput, "DataFrame.*got dict"),
        (lambda: analyze(experiment(), None), BadInput, "DataFrame.*got NoneType"),
        (lambda: analyze(experiment(), twice("value")), BadInput, r"\['value'\] twice"),
        (
            lambda: analyze(experiment(), people().assign(variant=[["a"]] * 800)),
            BadInput,
            "labels of variants",
        ),
        (lambda: by_person([None] * 800), BadInput, "row 0 is missing it"),
        (lambda: by_person([[1]] * 800), BadInput, "names or numbers"),
        (lambda: analyze(experiment(SHARE), people()), BadInput, "0 or 1"),
        (lambda: analyze(experiment(), people().assign(value="x")), BadInput, "hold numbers"),
        (lambda: analyze(experiment(), people().assign(value=np.inf)), BadInput, "finite"),
        (lambda: Rules(alpha=0), BadInput, "between 0 and 1"),
        (lambda: Rules(goals="hope"), UnknownName, "no method"),
    ],
)  # fmt: skip
def test_bad_data_is_refused(call, error, reason):
    with pytest.raises(error, match=reason):
        call()


def test_a_size_that_shrinkage_leaves_alone_is_not_warned_of():
    sure = analyze(experiment(), people(effects=(0.0, 1.0)))
    close = analyze(experiment(), people(effects=(0.0, 0.2)))

    assert (sure.winner, close.winner) == ("b", "b")
    assert not any("Do not promise" in words for words in sure.must_not)
    assert any("Do not promise" in words for words in close.must_not)
