"""What every DecisionLog has to keep to; `adapter(tenant)` opens one, empty at first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from vibrator.decisions import NOTHING, Decision, Outcome
from vibrator.errors import UnknownName
from vibrator.stores.ports import DecisionLog, Which
from vibrator.testing.refusing import refused

Adapter = Callable[[str], DecisionLog]
NOW = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def decision(name: str, user: str = "ada", at: datetime = NOW) -> Decision:
    """A decision with every field filled."""
    return Decision(
        decision_id=name,
        user_id=user,
        at=at,
        candidates=("grpc", "cake"),
        chosen=("grpc",),
        arm="grpc",
        propensity=0.95,
        reason="best fit",
        policy="best-fit",
        propensities={"grpc": 0.95, NOTHING: 0.05},
        refusals={"cake": "cap: seen"},
        versions={"docs": "1"},
        context={"hour": 9},
        features={"x": [0.5, 1.0]},
        surface="mail",
    )


def outcome(of: str, what: str = "done", name: str | None = None) -> Outcome:
    """An outcome an hour later."""
    at = NOW + timedelta(hours=1)
    return Outcome(
        decision_id=of, what=what, at=at, dwell_ms=9.5, reward=1.0, item_id="grpc",
        outcome_id=name, metadata={"device": "phone"},
    )  # fmt: skip


class DecisionLogContract:
    """Each told once, however often it is told; outcomes late, twice or never."""

    def test_a_decision_comes_back_whole(self, adapter: Adapter) -> None:
        log = adapter("a")
        assert log.record([decision("d1")]) == 1
        assert list(log.decisions(Which())) == [decision("d1")]

    def test_twice_told_is_once_kept(self, adapter: Adapter) -> None:
        log = adapter("a")
        assert log.record([decision("d1"), decision("d1")]) == 1
        assert log.record([outcome("d1"), outcome("d1")]) == 1
        assert log.record([outcome("d1"), outcome("d1", "snooze")]) == 1
        assert [o.what for *_, o in log.outcomes(Which())] == ["done", "snooze"]

    def test_an_outcome_comes_back_with_its_decision(self, adapter: Adapter) -> None:
        log = adapter("a")
        log.record([decision("d1")])
        log.record([outcome("d1", name="o1")])

        ((seq, made, came),) = log.outcomes(Which())
        assert (made, came) == (decision("d1"), outcome("d1", name="o1"))
        assert list(log.outcomes(Which(after=seq))) == []

    def test_together_with_its_decision(self, adapter: Adapter) -> None:
        log = adapter("a")
        assert log.record([decision("d1"), outcome("d1")]) == 2

    def test_an_outcome_of_nothing_known_is_refused(self, adapter: Adapter) -> None:
        log = adapter("a")
        with refused(UnknownName):
            log.record([decision("d1"), outcome("other")])
        assert list(log.decisions(Which())) == []

    def test_reading_narrows(self, adapter: Adapter) -> None:
        log = adapter("a")
        log.record([decision("d1"), decision("d2", "bruno"), decision("d3")])
        log.record([outcome("d2"), outcome("d3")])

        made = [d.decision_id for d in log.decisions(Which(users=("ada",), newest=1))]
        came = [o.decision_id for *_, o in log.outcomes(Which(users=("bruno",)))]
        assert (made, came) == (["d3"], ["d2"])

    def test_tenants_do_not_see_each_other(self, adapter: Adapter) -> None:
        adapter("a").record([decision("d1")])
        assert list(adapter("b").decisions(Which())) == []
        with refused(UnknownName):
            adapter("b").record([outcome("d1")])
