"""Redis keeps to the contracts of a cache, and may go down at any time."""

import time
from uuid import uuid4

import numpy as np
import pytest

from vibrator.actions import UserAction
from vibrator.errors import BadInput, StoreUnavailable, VersionConflict
from vibrator.personalizer import Personalizer
from vibrator.stores import open_store
from vibrator.testing import ProfileStoreContract, VectorCacheContract
from vibrator.testing.events import NOW
from vibrator.testing.profiles import load, save
from vibrator.testing.vectors import ROWS, keys

pytestmark = pytest.mark.integration
SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}
SECRET = "a secret wish for a lighthouse"


@pytest.fixture
def opened(redis_server):
    stores, prefix = [], uuid4().hex

    def open_one(tenant):
        stores.append(open_store(redis_server.url, tenant=f"{prefix} {tenant}"))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


class TestRedisVectors(VectorCacheContract):
    @pytest.fixture
    def adapter(self, opened):
        return lambda tenant: opened(tenant).vectors


class TestRedisProfiles(ProfileStoreContract):
    @pytest.fixture
    def adapter(self, opened):
        return lambda tenant: opened(tenant).profiles


class TestLayeredProfiles(ProfileStoreContract):
    @pytest.fixture
    def adapter(self, redis_server, tmp_path):
        prefix, stores = uuid4().hex, []

        def open_one(tenant):
            url = f"sqlite:///{tmp_path}/app.db"
            stores.append(open_store(url, tenant=f"{prefix} {tenant}", cache=redis_server.url))
            return stores[-1].profiles

        yield open_one
        for store in stores:
            store.close()


def test_everything_has_a_life(opened):
    store = opened("a")
    store.vectors.put_many(keys("tent"), ROWS[:1])
    save(store.profiles, load(store.profiles), b"x")
    client = store.line.client
    mine = [key for key in client.keys("*") if store.tenant.encode() in key]
    assert len(mine) == 2
    assert all(client.pttl(key) > 0 for key in mine)


def test_clearing_reaches_one_tenant(opened):
    first, second = opened("a*"), opened("ab")
    for store in (first, second):
        store.vectors.put_many(keys("tent"), ROWS[:1])
        save(store.profiles, load(store.profiles), b"x")
    first.clear()
    assert first.vectors.get_many(keys("tent")) == [None]
    assert load(first.profiles).body == b""
    assert load(second.profiles).body == b"x"


def test_a_server_that_is_down_is_refused_at_once_and_found_again(own_redis):
    store = open_store(own_redis.url)
    store.vectors.put_many(keys("tent"), ROWS[:1])
    own_redis.stop(kill=True)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        store.vectors.get_many(keys("tent"))
    started = time.perf_counter()
    with pytest.raises(StoreUnavailable, match="is down"):
        store.vectors.get_many(keys("tent"))
    assert time.perf_counter() - started < 0.01
    own_redis.start()
    assert eventually(lambda: store.vectors.get_many(keys("tent"))[0]) is not None
    store.close()


def test_the_service_goes_on_from_the_durable_store(own_redis, tmp_path):
    app = Personalizer.open(
        f"sqlite:///{tmp_path}/app.db", cache=own_redis.url, sliders=SLIDERS, encoder="embedded"
    )
    app.add_items({"grpc": "a guide to gRPC", "ridge": "a ridge traverse"})
    app.observe("ada", [UserAction("write", f"gRPC deadlines {n}") for n in range(40)])
    app.profile("ada")
    own_redis.stop(kill=True)
    app.observe("ada", [UserAction("write", f"gRPC streams {n}") for n in range(40)])
    down = app.profile("ada")
    assert app.decide("ada", ["grpc", "ridge"]).propensity > 0
    own_redis.start()
    eventually(lambda: app.store._cache.vectors.get_many(keys("tent")))
    up = app.profile("ada")
    assert (down.events, up.events) == (80, 80)
    app.observe("ada", [UserAction("write", f"gRPC channels {n}") for n in range(40)])
    assert app.profile("ada").events == 120
    app.close()


def test_forgetting_reaches_the_cache_and_names_its_file(own_redis, tmp_path):
    app = Personalizer.open(
        f"sqlite:///{tmp_path}/app.db", cache=own_redis.url, sliders=SLIDERS, encoder="embedded"
    )
    app.observe("ada@example.org", [UserAction("write", f"{SECRET} {n}") for n in range(40)])
    app.profile("ada@example.org")
    client = app.store._cache.line.client
    assert any(b"ada@example.org" in key for key in client.keys("*"))
    receipt = app.forget("ada@example.org")

    assert not any(b"ada@example.org" in key for key in client.keys("*"))
    assert "redis" in receipt.pending[-1]
    assert eventually(lambda: SECRET.encode() not in aof(own_redis))
    app.close()


def test_forgetting_while_the_cache_is_down_says_so(own_redis, tmp_path):
    app = Personalizer.open(
        f"sqlite:///{tmp_path}/app.db", cache=own_redis.url, sliders=SLIDERS, encoder="embedded"
    )
    app.observe("ada", UserAction("write", SECRET))
    own_redis.stop(kill=True)
    receipt = app.forget("ada")

    assert "forget again" in receipt.pending[-1]
    assert not receipt.verified
    own_redis.start()
    assert eventually(lambda: app.forget("ada").verified)
    app.close()


def test_what_a_cache_that_was_down_still_holds_goes_when_it_is_back(own_redis, tmp_path):
    """The log is gone by then, and with it what the keys of vectors were worked out from."""
    store = open_store(f"sqlite:///{tmp_path}/app.db", cache=own_redis.url)
    store.vectors.put_many(keys("tent", "hut"), ROWS[:2])
    own_redis.stop(kill=True)
    assert not store.erase(["ada"], keys("tent")).complete
    own_redis.start()
    assert eventually(lambda: store.erase(["ada"]).complete)
    assert store._cache.vectors.get_many(keys("tent", "hut")) == [None, None]

    store.vectors.put_many(keys("hut"), ROWS[:1])
    store.erase(["bruno"], keys("tent"))
    assert store._cache.vectors.get_many(keys("hut"))[0] is not None  # nothing is owed any more
    store.close()


def test_forgetting_twice_in_a_row_says_what_is_left_to_do(own_redis, tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/app.db", cache=own_redis.url)
    rewrites = [store.erase([user]) for user in ("ada", "bruno", "chioma")]
    assert all(erased.complete for erased in rewrites)
    assert all("redis" in erased.pending[-1] for erased in rewrites)
    store._cache.line.client.acl_setuser("default", commands=["-bgrewriteaof"])
    assert "run BGREWRITEAOF" in store.erase(["ada"]).pending[-1]
    store.close()


def test_a_cache_that_is_full_is_passed_by_and_names_nobody(own_redis, tmp_path, caplog):
    app = Personalizer.open(
        f"sqlite:///{tmp_path}/app.db", cache=own_redis.url, sliders=SLIDERS, encoder="embedded"
    )
    app.store._cache.line.client.config_set("maxmemory", 1)
    app.observe("ada@example.org", [UserAction("write", f"{SECRET} {n}") for n in range(40)])

    assert app.profile("ada@example.org").events == 40
    assert "maxmemory" in caplog.text
    assert "ada" not in caplog.text
    app.close()


def test_whoever_is_forgotten_during_a_save_stays_forgotten(redis_server, tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/app.db", tenant=uuid4().hex, cache=redis_server.url)
    loaded = load(store.profiles)
    store.erase(["ada"])
    with pytest.raises(VersionConflict):
        save(store.profiles, loaded, b"folded before")
    assert load(store.profiles).body == b""
    assert load(store._cache.profiles).body == b""
    store.close()


def test_what_another_encoder_left_in_the_cache_is_passed_by(own_redis, tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/app.db", cache=own_redis.url)
    save(store.profiles, load(store.profiles), b"x")
    own_redis.stop(kill=True)
    store.reencode(lambda texts: np.empty((len(texts), 4)), fingerprint="e2")
    store.merge("cookie", "bruno", at=NOW)
    own_redis.start()
    assert eventually(lambda: store._cache.profiles.load(["nobody"], fingerprint="e2"))

    assert store.profiles.load(["ada"], fingerprint="e2")[0].body == b""
    store.close()


def test_a_hot_profile_is_not_asked_of_the_store(redis_server, tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/app.db", tenant=uuid4().hex, cache=redis_server.url)
    save(store.profiles, load(store.profiles), b"x", seq=7)
    with store._store.database.writing() as connection:
        connection.execute("DELETE FROM profiles")

    assert (load(store.profiles).body, load(store.profiles).seq) == (b"x", 7)
    store.close()


def test_a_password_comes_from_the_environment_and_is_never_printed(own_redis, monkeypatch):
    own = open_store(own_redis.url)
    own.line.client.config_set("requirepass", "geheim")
    own.close()
    monkeypatch.setenv("REDISCLI_AUTH", "geheim")
    store = open_store(own_redis.url)
    store.vectors.put_many(keys("tent"), ROWS[:1])
    store.close()
    for wrong in ("unix://:falsch@" + str(own_redis.socket), own_redis.url):
        monkeypatch.setenv("REDISCLI_AUTH", "falsch")
        store = open_store(wrong)
        with pytest.raises(StoreUnavailable) as caught:
            store.vectors.get_many(keys("tent"))
        assert "falsch" not in str(caught.value)
        store.close()
    with pytest.raises(BadInput, match="not a Redis URL"):
        open_store("redis:nonsense")


def test_a_change_of_encoder_empties_the_cache(redis_server, tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/a.db", tenant=uuid4().hex, cache=redis_server.url)
    store.vectors.put_many(keys("tent"), ROWS[:1])
    save(store.profiles, load(store.profiles), b"x")
    store.reencode(lambda texts: np.empty((len(texts), 4)), fingerprint="e2")
    assert store.vectors.get_many(keys("tent")) == [None]
    assert store.profiles.load(["ada"], fingerprint="e2")[0].body == b""
    store.close()


def aof(server):
    return b"".join(p.read_bytes() for p in server.folder.rglob("*.aof") if p.is_file())


def eventually(question, seconds=15.0):
    """The first true answer; a server may need a moment."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = question()
        except StoreUnavailable:
            answer = None
        if answer is not None and answer is not False:
            return answer
        assert time.monotonic() < deadline
        time.sleep(0.05)
