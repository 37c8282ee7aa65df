"""What every Store with all five ports has to keep to; `adapter(tenant)` opens one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from vibrator.errors import VersionConflict
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

    def test_texts_that_others_wrote_too_are_known(self, adapter: Adapter) -> None:
        store = adapter("a")
        same = replace(event("1"), event_id="2", user_id="bruno")
        store.events.append([event("1"), event("3"), same])
        texts = ["text of 1", "text of 3", "nobody's"]
        assert store.shared(texts, without=["ada"]) == {"text of 1"}
        assert store.shared([], without=["ada"]) == set()

    def test_merging_moves_everything_once(self, adapter: Adapter) -> None:
        store = adapter("a")
        store.events.append([event("1"), event("2", "anonymous")])
        store.decisions.record([decision("d1", "anonymous"), outcome("d1")])
        newest = max(e.seq for e in store.events.read(Which()))
        save(store.profiles, load(store.profiles, "anonymous"), b"x")

        assert store.merge("anonymous", "ada") == 3
        assert ids(store, "anonymous") == []
        assert load(store.profiles, "anonymous").body == b""
        assert {"1", "2", "d1"} < set(ids(store, "ada"))
        fresh = [e.event_id for e in store.events.read(Which(users=("ada",), after=newest))]
        assert fresh == ["2"]  # what a profile folded so far has not seen
        assert store.merge("anonymous", "ada") == 0

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
