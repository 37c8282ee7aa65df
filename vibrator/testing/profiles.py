"""What every ProfileStore has to keep to; `adapter(tenant)` opens one, empty at first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from vibrator.errors import ArtefactError, VersionConflict
from vibrator.stores.ports import ProfileStore, Snapshot
from vibrator.testing.refusing import refused

Adapter = Callable[[str], ProfileStore]
MADE_BY = "encoder-1"


def load(profiles: ProfileStore, user: str = "ada") -> Snapshot:
    """One user's snapshot."""
    return profiles.load([user], fingerprint=MADE_BY)[0]


def save(profiles: ProfileStore, over: Snapshot, body: bytes, seq: int = 1) -> None:
    """Save a body over what was loaded."""
    profiles.save([replace(over, body=body, seq=seq, fingerprint=MADE_BY)])


class ProfileStoreContract:
    """Saved over the version that was loaded, or not at all."""

    def test_an_absent_one_is_empty(self, adapter: Adapter) -> None:
        snapshot = load(adapter("a"))
        assert (snapshot.user_id, snapshot.body, snapshot.seq) == ("ada", b"", 0)

    def test_what_was_saved_is_loaded(self, adapter: Adapter) -> None:
        profiles = adapter("a")
        save(profiles, load(profiles), bytes(range(256)), seq=7)
        kept = load(profiles)
        assert (kept.body, kept.seq, kept.fingerprint) == (bytes(range(256)), 7, MADE_BY)

    def test_many_at_once_in_the_order_asked(self, adapter: Adapter) -> None:
        profiles = adapter("a")
        both = profiles.load(["ada", "bruno"], fingerprint=MADE_BY)
        profiles.save([replace(s, body=s.user_id.encode(), fingerprint=MADE_BY) for s in both])
        found = profiles.load(["bruno", "nobody", "ada"], fingerprint=MADE_BY)
        assert [s.body for s in found] == [b"bruno", b"", b"ada"]

    def test_a_second_save_over_one_version_is_refused(self, adapter: Adapter) -> None:
        profiles = adapter("a")
        for _ in range(2):  # absent first, present then
            loaded = load(profiles)
            save(profiles, loaded, b"first")
            with refused(VersionConflict):
                save(profiles, loaded, b"second")
            assert load(profiles).body == b"first"

    def test_a_batch_with_a_conflict_saves_nothing(self, adapter: Adapter) -> None:
        profiles = adapter("a")
        ada, bruno = profiles.load(["ada", "bruno"], fingerprint=MADE_BY)
        save(profiles, bruno, b"newer")
        with refused(VersionConflict):
            fresh = [replace(s, body=b"x", fingerprint=MADE_BY) for s in (ada, bruno)]
            profiles.save(fresh)
        assert load(profiles).body == b""

    def test_another_encoder_is_refused(self, adapter: Adapter) -> None:
        profiles = adapter("a")
        save(profiles, load(profiles), b"x")
        with refused(ArtefactError):
            profiles.load(["ada"], fingerprint="encoder-2")

    def test_tenants_do_not_see_each_other(self, adapter: Adapter) -> None:
        save(adapter("a"), load(adapter("a")), b"x")
        assert load(adapter("b")).body == b""

    def test_no_update_is_lost(self, adapter: Adapter) -> None:
        profiles = adapter("a")

        def increment(_: int) -> None:
            while True:
                loaded = load(profiles)
                count = int(loaded.body or b"0") + 1
                try:
                    return save(profiles, loaded, str(count).encode())
                except VersionConflict:
                    continue

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(increment, range(60)))
        assert load(profiles).body == b"60"
