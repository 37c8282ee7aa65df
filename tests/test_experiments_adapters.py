"""Every domain adapter keeps to the contract: ours, and one from outside."""

from datetime import UTC, datetime

import pytest

from vibrator.decisions import Decision, Outcome
from vibrator.errors import BadInput
from vibrator.experiments.adapters import (
    DecisionLogAdapter,
    DomainAdapter,
    Exposing,
    MeasuredAdapter,
    ShortVideoAdapter,
    measured_in,
)
from vibrator.experiments.adapters.port import mean_of
from vibrator.stores.opening import open_store
from vibrator.testing import DomainAdapterContract

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Newsletter:
    """Somebody's letters, by how many of those who got one opened it: nothing of ours in it."""

    def __init__(self, sent):
        self.sent = sent

    def collect_metrics(self, item_ids):
        return [{"id": name, **self.sent[name]} for name in item_ids if name in self.sent]

    def get_signals(self, metrics):
        told = [row for row in metrics if row["sent"]]
        sent = sum(row["sent"] for row in told)
        opened = sum(row["opened"] for row in told)
        return {
            "primary_metric": opened / sent if sent else None,
            "secondary_metrics": {"sent": sent or None},
        }

    def format_context(self, top_items, bottom_items):
        return f"best {[row['id'] for row in top_items]}, worst {[r['id'] for r in bottom_items]}"

    def describe(self):
        return "letters, by the share that was opened"


class TestNewsletter(DomainAdapterContract):
    @pytest.fixture
    def adapter(self):
        return lambda ids: Newsletter({n: {"sent": 50 + k, "opened": k} for k, n in enumerate(ids)})


class TestMeasured(DomainAdapterContract):
    @pytest.fixture
    def adapter(self, tmp_path):
        def opened(ids):
            rows = [f"{name},{place},,{place % 2 == 0}" for place, name in enumerate(ids)]
            (tmp_path / "m.csv").write_text("\n".join(["id,minutes,later,bought", *rows]) + "\n")
            return MeasuredAdapter(measured_in(tmp_path / "m.csv"), "minutes")

        return opened


class TestMeasuredYesNo(TestMeasured):
    @pytest.fixture
    def adapter(self, tmp_path):
        def opened(ids):
            rows = [f"{name},{place % 2 == 0}" for place, name in enumerate(ids)]
            (tmp_path / "m.csv").write_text("\n".join(["id,bought", *rows]) + "\n")
            return MeasuredAdapter(measured_in(tmp_path / "m.csv"), "bought")

        return opened


@pytest.mark.parametrize("platform", ["youtube", "instagram"])
class TestSimulatedVideos(DomainAdapterContract):
    @pytest.fixture
    def adapter(self, platform):
        return lambda _: ShortVideoAdapter(platform)


class TestVideos(DomainAdapterContract):
    @pytest.fixture
    def adapter(self):
        def opened(ids):
            known = {name: {"avg_view_pct": 40.0 + place} for place, name in enumerate(ids)}
            return ShortVideoAdapter(
                "youtube", lambda asked: [{"id": n, **known[n]} for n in asked if n in known]
            )

        return opened


class TestDecisions(DomainAdapterContract):
    @pytest.fixture
    def adapter(self):
        def opened(ids):
            log = open_store("sqlite://").decisions
            for place, name in enumerate(ids):
                log.record([decision(name), outcome(name, reward=float(place))])
            return DecisionLogAdapter(log)

        return opened


def decision(name):
    return Decision(
        decision_id=name, user_id="ada", at=NOON, candidates=("guide",), chosen=("guide",),
        arm="guide", propensity=1.0, reason="test",
    )  # fmt: skip


def outcome(name, **more):
    return Outcome(decision_id=name, what="done", at=NOON, dwell_ms=9.0, **more)


def test_only_a_log_says_who_saw_what():
    log = open_store("sqlite://").decisions
    assert isinstance(DecisionLogAdapter(log), Exposing)
    assert not isinstance(ShortVideoAdapter("youtube"), Exposing)
    assert not isinstance(Newsletter({}), Exposing)


class MakesUp(Newsletter):
    """Tells of letters that nobody sent."""

    def collect_metrics(self, item_ids):
        return [{"id": name, "sent": 1, "opened": 1} for name in item_ids]


class CallsMissingZero(Newsletter):
    """Takes letters that were not measured for letters that nobody opened."""

    def get_signals(self, metrics):
        values = [(row["opened"] or 0) / (row["sent"] or 1) for row in metrics]
        return {"primary_metric": mean_of([{"v": v} for v in values], "v"), "secondary_metrics": {}}


@pytest.mark.parametrize(
    ("wrong", "test"),
    [
        (MakesUp, "test_an_item_that_nobody_measured_is_left_out"),
        (CallsMissingZero, "test_what_is_missing_counts_for_nothing"),
    ],
)
def test_the_contract_finds_what_is_wrong(wrong, test):
    sent = {"sent": 50, "opened": 10}
    with pytest.raises(AssertionError):
        getattr(DomainAdapterContract(), test)(lambda ids: wrong(dict.fromkeys(ids, sent)))


def test_a_thing_without_the_verbs_is_no_adapter():
    assert not isinstance(object(), DomainAdapter)


def test_words_where_a_number_belongs_are_refused_by_name():
    rows = [{"id": "u1", "minutes": "9 min"}]
    with pytest.raises(BadInput, match="minutes must be a number, got '9 min' for 'u1'"):
        MeasuredAdapter(lambda _: rows, "minutes").get_signals(rows)
