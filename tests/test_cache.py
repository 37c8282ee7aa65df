"""What a vector cache promises."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibrator.encoders.cached import CachedModel, ReadThrough, VectorCache, VectorKind, widened
from vibrator.encoders.sqlite_cache import SQLiteVectorCache
from vibrator.errors import ArtefactError, BadInput, StoreBusy, StoreError
from vibrator.testing import VectorCacheContract

KIND = VectorKind("tiny", "1", 4)


def keys(count, instruction=""):
    return [KIND.key(instruction, f"text {i}") for i in range(count)]


def rows(count, dimensions=4, seed=0):
    drawn = np.random.default_rng(seed).normal(size=(count, dimensions))
    return drawn.astype(np.float16).astype(np.float32)


class Lengths:
    """An encoder whose vector is the length of the text, four times; it counts its work."""

    name, revision, dimensions, takes_instructions = "lengths", "1", 4, True

    def __init__(self, seconds=0.0):
        self.seen, self.seconds, self.lock = [], seconds, threading.Lock()

    def vectors(self, instruction, texts):
        time.sleep(self.seconds)
        with self.lock:
            self.seen += texts
        return np.repeat(np.array([[len(text)] for text in texts], np.float32), 4, axis=1)


@pytest.fixture
def cache(tmp_path):
    with SQLiteVectorCache(tmp_path / "vectors.db") as opened:
        yield opened


class TestTheFile(VectorCacheContract):
    @pytest.fixture
    def adapter(self, tmp_path):
        with ExitStack() as opened:
            yield lambda tenant: opened.enter_context(SQLiteVectorCache(tmp_path / f"{tenant}.db"))


def test_it_is_a_vector_cache(cache):
    assert isinstance(cache, VectorCache)


def test_order_is_kept_and_what_is_missing_is_none(cache):
    cache.put_many(keys(3), rows(3))

    first, second, absent = keys(2)[1], keys(2)[0], keys(9)[8]
    found = cache.get_many([first, absent, second, first])

    assert found[1] is None
    np.testing.assert_array_equal([found[0], found[2], found[3]], rows(3)[[1, 0, 1]])


def test_nothing_asked_nothing_found(cache):
    cache.put_many([], np.empty((0, 4), np.float32))

    assert cache.get_many([]) == []


def test_many_keys_at_once_each_get_their_own(cache):
    kept, order = keys(40_000), np.random.default_rng(1).permutation(40_000)
    cache.put_many(kept[::2], rows(20_000))

    found = cache.get_many([kept[place] for place in order])

    absent = [place % 2 == 1 for place in order]
    assert [vector is None for vector in found] == absent
    there = np.array([vector for vector in found if vector is not None])
    np.testing.assert_array_equal(there, rows(20_000)[order[order % 2 == 0] // 2])


def test_the_ends_of_the_range_of_keys_are_keys(cache):
    ends = [half * 2 for half in ("80" + "00" * 7, "7f" + "ff" * 7, "00" * 8, "ff" * 8)]
    cache.put_many(ends, rows(4))

    np.testing.assert_array_equal(cache.get_many(ends), rows(4))


def test_a_key_of_which_one_half_is_kept_is_missing(cache):
    kept = "00" * 7 + "01" + "00" * 7 + "02"
    cache.put_many([kept], rows(1))

    assert cache.get_many([kept[:16] + kept[:16], kept[16:] * 2]) == [None, None]


def test_every_finite_half_is_widened_exactly():
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)]

    assert widened(finite.tobytes()).tobytes() == finite.astype(np.float32).tobytes()


def test_the_newest_vector_of_a_key_counts(cache):
    cache.put_many(keys(1), rows(1, seed=1))
    cache.put_many(keys(1), rows(1, seed=2))

    np.testing.assert_array_equal(cache.get_many(keys(1)), rows(1, seed=2))
    assert len(cache) == 1


def test_what_was_kept_is_there_after_closing(tmp_path):
    with SQLiteVectorCache(tmp_path / "vectors.db") as cache:
        cache.put_many(keys(5), rows(5))
    with SQLiteVectorCache(tmp_path / "vectors.db") as cache:
        np.testing.assert_array_equal(cache.get_many(keys(5)), rows(5))


@given(st.lists(st.text(max_size=5), min_size=2, max_size=7, unique=True))
@settings(max_examples=30)
def test_every_part_of_the_key_counts(parts):
    made = {VectorKind("m", "r", 4).key(a, b) for a in parts for b in parts}

    assert len(made) == len(parts) ** 2


@pytest.mark.parametrize("change", ["model", "revision", "dimensions", "precision", "centring"])
def test_every_part_of_the_kind_counts(change):
    kind = VectorKind("m", "r", 4)
    other = replace(kind, **{change: 8 if change == "dimensions" else "other"})

    assert kind.key("", "a") != other.key("", "a")


def test_the_least_recently_used_go_first(tmp_path):
    with SQLiteVectorCache(tmp_path / "vectors.db", capacity=100) as cache:
        cache.put_many(keys(100), rows(100))
        cache.get_many(keys(50))
        cache.put_many(keys(10, "new"), rows(10))
        found = cache.get_many(keys(100))

    assert all(vector is not None for vector in found[:50])
    assert sum(vector is None for vector in found[50:]) == 20


def test_the_size_is_bounded(tmp_path):
    with SQLiteVectorCache(tmp_path / "vectors.db", capacity=200) as cache:
        for batch in range(40):
            cache.put_many(keys(25, str(batch)), rows(25))

        assert len(cache) <= 202


def test_reads_of_an_earlier_life_count_as_use(tmp_path):
    with SQLiteVectorCache(tmp_path / "vectors.db", capacity=100) as cache:
        cache.put_many(keys(100), rows(100))
        cache.get_many(keys(50))
    with SQLiteVectorCache(tmp_path / "vectors.db", capacity=100) as cache:
        cache.put_many(keys(10, "new"), rows(10))

        assert None not in [v if v is None else 1 for v in cache.get_many(keys(50))]


def test_reading_never_writes(cache):
    cache.put_many(keys(3), rows(3))
    other = sqlite3.connect(cache.path, isolation_level=None)
    before = other.execute("PRAGMA data_version").fetchone()

    cache.get_many(keys(3))

    assert other.execute("PRAGMA data_version").fetchone() == before
    other.close()


WRITER = """
import sys
import numpy as np
from vibrator.encoders.cached import VectorKind
from vibrator.encoders.sqlite_cache import SQLiteVectorCache
cache, kind, name = SQLiteVectorCache(sys.argv[1]), VectorKind("tiny", "1", 4), sys.argv[2]
for batch in range(int(sys.argv[3])):
    texts = [f"{batch} {i}" for i in range(50)]
    cache.put_many([kind.key(name, t) for t in texts], np.full((50, 4), batch, np.float32))
    print(batch, flush=True)
"""


def writer(path, name, batches):
    command = [sys.executable, "-c", WRITER, str(path), name, str(batches)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def written(cache, name, batch):
    return cache.get_many([KIND.key(name, f"{batch} {i}") for i in range(50)])


def test_two_processes_write_at_once(tmp_path):
    path = tmp_path / "vectors.db"
    both = [writer(path, name, 20) for name in "ab"]
    for process in both:
        process.communicate(timeout=60)

    with SQLiteVectorCache(path) as cache:
        assert [process.returncode for process in both] == [0, 0]
        assert len(cache) == 2 * 20 * 50


def test_it_survives_being_killed(tmp_path):
    process = writer(tmp_path / "vectors.db", "a", 1_000_000)
    lines = [process.stdout.readline() for _ in range(5)]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    with SQLiteVectorCache(tmp_path / "vectors.db") as cache:
        for batch in range(len(lines)):
            np.testing.assert_array_equal(written(cache, "a", batch), np.full((50, 4), batch))


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "vectors.db").write_text("not a database at all, but long enough to be looked at")

    with pytest.raises(ArtefactError, match="delete it"):
        SQLiteVectorCache(tmp_path / "vectors.db")


def test_somebody_elses_database_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE people (name TEXT)")
    other.close()

    with pytest.raises(ArtefactError, match="file of its own"):
        SQLiteVectorCache(tmp_path / "other.db")


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"capacity": 0}, "capacity must be at least 1"),
        ({"capacity": 1.5}, "capacity must be a whole number"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds"),
    ],
)
def test_bounds_that_cannot_be_meant_are_refused(tmp_path, settings, rule):
    with pytest.raises(BadInput, match=rule):
        SQLiteVectorCache(tmp_path / "vectors.db", **settings)


@pytest.mark.parametrize("path", [None, 3, "", "a\0b"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(BadInput, match="path must be a path"):
        SQLiteVectorCache(path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match="no folder"):
        SQLiteVectorCache(tmp_path / "absent" / "vectors.db")


def test_a_lock_held_too_long_is_said(tmp_path):
    with SQLiteVectorCache(tmp_path / "vectors.db", timeout_seconds=0.05) as cache:
        other = sqlite3.connect(cache.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreBusy):
            cache.put_many(keys(1), rows(1))
        other.close()


@pytest.mark.parametrize("bad", [["short"], [None], ["zz" * 16], [b"ab"]])
def test_keys_that_are_no_digests_are_refused(cache, bad):
    with pytest.raises(BadInput, match="digests"):
        cache.get_many(bad)


def test_rows_and_keys_must_match(cache):
    with pytest.raises(BadInput, match="3 keys"):
        cache.put_many(keys(3), rows(2))


def test_a_cached_model_computes_each_text_once(cache):
    model = Lengths()
    cached = CachedModel(model, cache)

    first = cached.vectors("i", ["a", "bb", "a"])
    again = cached.vectors("i", ["bb", "a", "ccc"])

    assert sorted(model.seen) == ["a", "bb", "ccc"]
    np.testing.assert_array_equal(first[:, 0], [1, 2, 1])
    np.testing.assert_array_equal(again[:, 0], [2, 1, 3])


def test_the_first_answer_equals_the_second(cache):
    class Thirds(Lengths):
        def vectors(self, instruction, texts):
            return super().vectors(instruction, texts) / 3

    cached = CachedModel(Thirds(), cache)

    np.testing.assert_array_equal(cached.vectors("", ["a"]), cached.vectors("", ["a"]))


def test_one_flight_for_one_text_from_many_threads(cache):
    model = Lengths(seconds=0.05)
    cached = CachedModel(model, cache)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: cached.vectors("", ["same", "text"]), range(16)))

    assert sorted(model.seen) == ["same", "text"]
    assert all((answer[:, 0] == 4).all() for answer in answers)


def test_a_failure_stays_with_the_one_who_caused_it(cache):
    class Picky(Lengths):
        def vectors(self, instruction, texts):
            time.sleep(0.02)
            if "bad" in texts:
                raise ValueError("bad text")
            return super().vectors(instruction, texts)

    cached = CachedModel(Picky(), cache)

    def ask(texts):
        try:
            return cached.vectors("", texts)[:, 0].tolist()
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        bad, good = pool.map(ask, [["bad", "shared"], ["shared"]])

    assert (bad, good) == ("bad text", [6.0])


def test_a_vector_of_another_dimension_is_refused(cache):
    key = VectorKind("lengths", "1", 4).key("", "a")
    cache.put_many([key], rows(1, dimensions=7))

    with pytest.raises(ArtefactError, match="another model"):
        CachedModel(Lengths(), cache).vectors("", ["a"])


def test_what_half_precision_cannot_hold_is_refused(cache):
    with pytest.raises(BadInput, match="half precision"):
        ReadThrough(cache, dimensions=1).vectors(keys(1), lambda _: np.array([[1e9]], np.float32))


def test_nothing_in_nothing_out(cache):
    assert CachedModel(Lengths(), cache).vectors("", []).shape == (0, 4)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_reads_with_a_connection_of_its_own(cache):
    cache.put_many(keys(1), rows(1))
    script = (
        "import os, sys; from vibrator.encoders.sqlite_cache import SQLiteVectorCache;"
        "c = SQLiteVectorCache(sys.argv[1]); c.get_many([sys.argv[2]]); pid = os.fork();"
        "os._exit(0 if c.get_many([sys.argv[2]])[0] is not None else 1) if pid == 0 else"
        " sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    command = [sys.executable, "-c", script, str(cache.path), keys(1)[0]]

    assert subprocess.run(command, timeout=60, check=False).returncode == 0
