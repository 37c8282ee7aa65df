"""What every EventLog has to keep to; `adapter(tenant)` opens one, empty at first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from vibrator.errors import BadInput, UnknownName
from vibrator.stores.ports import Event, EventLog, Which
from vibrator.testing.refusing import refused

Adapter = Callable[[str], EventLog]
NOW = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def event(name: str, user: str = "ada", kind: str = "action", hours: float = 0.0) -> Event:
    """An event named after its id."""
    body = {"type": "click", "weight": 1.5, "metadata": {"deep": [1, "zwei", None]}}
    at = NOW + timedelta(hours=hours)
    return Event(event_id=name, user_id=user, at=at, kind=kind, text=f"text of {name}", body=body)


class EventLogContract:
    """Append-only, idempotent, ordered, tenants apart."""

    def test_what_was_appended_is_read_back(self, adapter: Adapter) -> None:
        log = adapter("a")
        assert log.append([event("1"), event("2")]) == 2

        first, second = log.read(Which())
        assert (first.text, first.at, first.body) == ("text of 1", NOW, event("1").body)
        assert (second.user_id, second.kind, second.event_id) == ("ada", "action", "2")
        assert 0 < first.seq < second.seq

    def test_an_id_counts_once(self, adapter: Adapter) -> None:
        log = adapter("a")
        log.append([event("1")])

        assert log.append([event("1", hours=5), event("2"), event("2")]) == 1
        assert [(e.event_id, e.at) for e in log.read(Which())] == [("1", NOW), ("2", NOW)]

    def test_kinds_have_ids_of_their_own(self, adapter: Adapter) -> None:
        log = adapter("a")
        assert log.append([event("1"), event("1", kind="consent")]) == 2

    def test_nothing_appended_is_nothing_new(self, adapter: Adapter) -> None:
        assert adapter("a").append([]) == 0

    def test_order_is_that_of_arrival(self, adapter: Adapter) -> None:
        log = adapter("a")
        log.append([event("late", hours=9)])
        log.append([event("early", hours=-9)])

        assert [e.event_id for e in log.read(Which())] == ["late", "early"]

    def test_reading_narrows(self, adapter: Adapter) -> None:
        log = adapter("a")
        log.append([event("1"), event("2", "bruno"), event("3", kind="consent"), event("4")])
        places = {e.event_id: e.seq for e in log.read(Which())}

        def ids(which: Which) -> list[str]:
            return [e.event_id for e in log.read(which)]

        assert ids(Which(users=("ada",))) == ["1", "3", "4"]
        assert ids(Which(users=("ada",), kinds=("action",))) == ["1", "4"]
        assert ids(Which(ids=("2", "4", "no"))) == ["2", "4"]
        assert ids(Which(after=places["2"])) == ["3", "4"]
        assert ids(Which(newest=2)) == ["3", "4"]
        assert ids(Which(users=())) == ids(Which(newest=0)) == []

    def test_the_latest_are_those_that_happened_last(self, adapter: Adapter) -> None:
        log = adapter("a")
        hours = {"old": -50, "now": 0, "older": -90, "soon": 9, "new": -1}
        log.append([event(name, hours=n) for name, n in hours.items()])

        def ids(which: Which) -> list[str]:
            return [e.event_id for e in log.read(which)]

        assert ids(Which(latest=2)) == ["now", "soon"]
        assert ids(Which(latest=3, until=NOW)) == ["old", "now", "new"]
        assert ids(Which(until=NOW - timedelta(hours=1))) == ["old", "older", "new"]
        many = (*hours, *map(str, range(2_000)))
        assert ids(Which(ids=many, latest=2)) == ["now", "soon"]

    def test_long_lists_of_ids_are_read(self, adapter: Adapter) -> None:
        log = adapter("a")
        names = [str(n) for n in range(3_000)]
        assert log.append([event(name) for name in names]) == 3_000
        assert [e.event_id for e in log.read(Which(ids=tuple(names)))] == names
        assert [e.event_id for e in log.read(Which(ids=tuple(names), newest=2))] == names[-2:]

    def test_tenants_do_not_see_each_other(self, adapter: Adapter) -> None:
        adapter("a").append([event("1")])

        assert list(adapter("b").read(Which())) == []
        assert adapter("b").append([event("1")]) == 1

    def test_any_text_survives(self, adapter: Adapter) -> None:
        log = adapter("a")
        words = "'; DROP TABLE events; -- \u202e عربى 日本 \U0001f3d4 \\ %s {} ?"
        given = Event(event_id=words, user_id=words, at=NOW, kind="action", text=words)
        log.append([given])

        (kept,) = log.read(Which(users=(words,)))
        assert (kept.event_id, kept.user_id, kept.text) == (words, words, words)

    def test_all_or_none(self, adapter: Adapter) -> None:
        log = adapter("a")
        bad = Event(event_id="2", user_id="ada", at=NOW, kind="action", body={"x": object()})
        with refused(BadInput):
            log.append([event("1"), bad])
        assert list(log.read(Which())) == []

    def test_threads_lose_and_double_nothing(self, adapter: Adapter) -> None:
        log = adapter("a")
        with ThreadPoolExecutor(4) as pool:
            new = pool.map(lambda n: log.append([event(str(n % 40))]), range(80))
            assert sum(new) == 40
        assert len({e.event_id for e in log.read(Which())}) == 40

    def test_what_needs_a_decision_that_is_gone_is_refused(self, adapter: Adapter) -> None:
        log = adapter("a")
        log.append([event("d1", kind="decision"), event("d2", kind="action")])
        assert log.append([event("o1", kind="outcome")], needing={"d1"}) == 1
        for some in ([event("o2", kind="outcome")], [event("o2"), event("o3")]):
            with refused(UnknownName):
                log.append(some, needing={"d1", "d2"})
        with refused(UnknownName):
            adapter("b").append([event("o1")], needing={"d1"})
        assert [e.event_id for e in log.read(Which())] == ["d1", "d2", "o1"]
