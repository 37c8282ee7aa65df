"""What every Store with all five ports has to keep to; `adapter(tenant)` opens one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from time import sleep

import numpy as np

from vibrator.errors import BadInput, VersionConflict
from vibrator.stores.ports import Store, Which
from vibrator.testing.catalogue import AXES, ITEMS
from vibrator.testing.decisions import decision, outcome
from vibrator.testing.events import NOW, event
from vibrator.testing.profiles import MADE_BY, load, save
from vibrator.testing.refusing import refused
from vibrator.testing.vectors import ROWS, keys

Adapter = Callable[[str], Store]


def ids(store: Store, user: str) -> list[str]:
    """The user's events."""
    return [e.event_id for e in store.events.read(Which(users=(user,)))]


class StoreContract:
    """Forgetting is total, merging loses nothing, a change of encoder is one step."""

    def test_notes(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.set_note("colour", "green")
        store.set_note("colour", "blue")
        assert (store.note("colour"), adapter("b").note("colour")) == ("blue", None)
        store.set_note("colour", None)
        assert store.note("colour") is None

    def test_users_are_listed_once(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.events.append([event("1"), event("2", "bruno"), event("3")])
        assert list(store.users()) == ["ada", "bruno"]

    def test_users_go_on_behind_one_that_was_seen(self, adapter: Adapter) -> None:
        store = adapter("a")
        names = ["ada", "Bruno", "Ärla", "çelik", "zoe"]
        store.events.append([event(str(place), name) for place, name in enumerate(names)])
        listed = list(store.users())
        assert sorted(listed) == sorted(names)
        assert list(store.users(after=listed[2])) == listed[3:]

    def test_erasing_leaves_nothing_of_the_user(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.events.append([event("1"), event("2", "bruno")])
        store.decisions.record([decision("d1"), decision("d2", "bruno")])
        store.decisions.record([outcome("d1")])
        for user in ("ada", "bruno"):
            save(store.profiles, load(store.profiles, user), user.encode())
        store.vectors.put_many(keys("hers", "his"), ROWS)
        erased = store.erase(["ada"], keys("hers"))

        assert ids(store, "ada") == []
        assert ids(store, "bruno") == ["2", "d2"]
        found = store.profiles.load(["ada", "bruno"], fingerprint=MADE_BY)
        assert [s.body for s in found] == [b"", b"bruno"]
        assert [v is None for v in store.vectors.get_many(keys("hers", "his"))] == [True, False]
        assert (erased.rows["events"], erased.rows["profiles"], erased.rows["vectors"]) == (3, 1, 1)

    def test_a_save_in_flight_does_not_bring_the_user_back(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.events.append([event("1")])
        loaded = load(store.profiles)
        store.erase(["ada"])
        with refused(VersionConflict):
            save(store.profiles, loaded, b"folded before")

    def test_erasing_reaches_one_tenant_only(self, adapter: Adapter) -> None:
        for tenant in ("a", "b"):
            adapter(tenant).events.append([event("1")])
        adapter("a").erase(["ada"])
        assert ids(adapter("b"), "ada") == ["1"]

    def test_erasing_by_age(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.events.append([event("old", hours=-9), event("new"), event("his", "bruno")])
        for user in ("ada", "bruno"):
            save(store.profiles, load(store.profiles, user), b"x")
        store.erase((), before=NOW - timedelta(hours=1))
        assert ids(store, "ada") == ["new"]
        found = store.profiles.load(["ada", "bruno"], fingerprint=MADE_BY)
        assert [s.body for s in found] == [b"", b"x"]

    def test_what_came_of_a_decision_goes_with_it_however_late(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.decisions.record([decision("d1"), decision("d2", at=NOW + timedelta(hours=5))])
        late = NOW + timedelta(hours=9)
        store.decisions.record([replace(outcome(name), at=late) for name in ("d1", "d2")])
        erased = store.erase((), before=NOW + timedelta(hours=1))
        assert erased.rows["events"] == 2
        left = store.events.read(Which(kinds=("outcome",)))
        assert [e.body["decision_id"] for e in left] == ["d2"]

    def test_what_came_in_behind_a_place_is_not_erased(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.events.append([event("1", hours=-9), event("2", "bruno", hours=-9)])
        (last,) = store.events.read(Which(newest=1))
        store.events.append([event("3", hours=-9), event("4", "bruno", hours=-9)])
        store.erase(["ada"], upto=last.seq)
        assert (ids(store, "ada"), ids(store, "bruno")) == (["3"], ["2", "4"])
        store.erase((), before=NOW, upto=last.seq)
        assert (ids(store, "ada"), ids(store, "bruno")) == (["3"], ["4"])

    def test_texts_that_others_wrote_too_are_known(self, adapter: Adapter) -> None:
        store = adapter("a")
        same = replace(event("1"), event_id="2", user_id="bruno")
        store.events.append([event("1"), event("3"), same])
        texts = ["text of 1", "text of 3", "nobody's"]
        assert store.shared(texts, without=["ada"]) == {("click", "text of 1")}
        everybody = {("click", "text of 1"), ("click", "text of 3")}
        assert store.shared(texts, without=()) == everybody
        assert store.shared([], without=["ada"]) == set()

    def test_merging_moves_everything_once(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.events.append([event("1"), event("2", "anonymous")])
        store.decisions.record([decision("d1", "anonymous"), outcome("d1")])
        newest = max(e.seq for e in store.events.read(Which()))
        save(store.profiles, load(store.profiles, "anonymous"), b"x")

        assert store.merge("anonymous", "ada", at=NOW) == 3
        assert ids(store, "anonymous") == []
        assert load(store.profiles, "anonymous").body == b""
        assert {"1", "2", "d1"} < set(ids(store, "ada"))
        fresh = store.events.read(Which(users=("ada",), kinds=("action",), after=newest))
        assert [e.event_id for e in fresh] == ["2"]  # what a profile folded so far has not seen
        assert store.merge("anonymous", "ada", at=NOW) == 0

    def test_what_comes_later_under_a_merged_id_is_the_known_users(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.merge("anonymous", "visitor", at=NOW)
        store.merge("visitor", "ada", at=NOW)
        store.merge("guest", "anonymous", at=NOW)  # who is ada by now
        store.events.append([event("one", "anonymous")])
        store.events.append(
            [event("his", "bruno"), event("many", "guest"), event("too", "visitor")]
        )
        assert [name for name in ids(store, "ada") if name in {"one", "many", "too"}] == [
            "one", "many", "too",
        ]  # fmt: skip
        assert [ids(store, name) for name in ("anonymous", "visitor", "guest")] == [[], [], []]
        assert ids(store, "bruno") == ["his"]

    def test_nobody_becomes_two_people(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.merge("anonymous", "ada", at=NOW)
        store.events.append([event("1", "anonymous")])
        for one, other in (("anonymous", "bruno"), ("ada", "anonymous"), ("ada", "ada")):
            with refused(BadInput):
                store.merge(one, other, at=NOW)
        assert set(ids(store, "ada")) == {"anonymous", "1"}

    def test_nothing_is_left_behind_by_a_merge_in_the_middle(self, adapter: Adapter) -> None:
        store = adapter("a")

        def arrive(names: range) -> None:
            for name in names:
                store.events.append([event(f"{name}", "anonymous")])

        with ThreadPoolExecutor(2) as pool:
            arriving = [pool.submit(arrive, range(n, n + 30)) for n in (0, 30)]
            while not ids(store, "anonymous"):
                sleep(0.001)
            store.merge("anonymous", "ada", at=NOW)
            for one in arriving:
                one.result()
        assert ids(store, "anonymous") == []
        assert {str(n) for n in range(60)} < set(ids(store, "ada"))

    def test_merging_reaches_one_tenant_only(self, adapter: Adapter) -> None:
        adapter("a").merge("anonymous", "ada", at=NOW)
        adapter("b").events.append([event("1", "anonymous")])
        assert ids(adapter("b"), "anonymous") == ["1"]

    def test_a_change_of_encoder_makes_every_vector_anew(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.catalogue.upsert(ITEMS, AXES, fingerprint=MADE_BY)
        save(store.profiles, load(store.profiles), b"x")
        store.vectors.put_many(keys("tent"), ROWS[:1])
        other = {item.text: row for item, row in zip(ITEMS, AXES[::-1, :5], strict=True)}
        count = store.reencode(lambda texts: np.array([other[t] for t in texts]), fingerprint="e2")

        assert count == 3
        ((best,),) = store.catalogue.search(AXES[:1, :5], 1, fingerprint="e2")
        assert best.item_id == "ridge"
        assert store.profiles.load(["ada"], fingerprint="e2")[0].body == b""
        assert store.vectors.get_many(keys("tent")) == [None]
