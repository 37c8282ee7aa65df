"""The fault matrix: what happens when something around us breaks.

| fault | claim | where |
|---|---|---|
| killed writer | nothing acknowledged is lost or doubled | tests/crash |
| killed worker, killed batch | same rows and checksums | tests/test_scale_dask.py |
| full disk | named; whole files only | here, tests/test_stores_sqlite.py |
| clock jumps | the future weighs nothing, nothing breaks | here |
| Redis gone | the durable store answers | here |
| PostgreSQL restarted | the next call goes through, the log is whole | here |
| slow encoder | an error within the timeout | here |
| corrupted cache row | refused, with the cure | here |
| torn artefact | refused | here, tests/fuzz, tests/test_reading.py |
| two versions at once | refused, told apart | here |
"""

import http.server
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.servers import short_folder, start_postgres
from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.sqlite_cache import SQLiteVectorCache
from vibrator.errors import ArtefactError, BadInput, ModelUnavailable, StoreError
from vibrator.personalizer import Personalizer
from vibrator.profile import Profile

ENCODER = InstructionalEncoder("embedded")
SLIDERS = {"trails": "long mountain trails", "depth": "detailed technical documentation"}
NOW = datetime(2026, 3, 2, tzinfo=UTC)
RAN = UserAction("write", "ran the ridge path")


class Clock:
    now = NOW

    def __call__(self):
        return self.now


def opened(url, clock=None, **options):
    return Personalizer.open(url, sliders=SLIDERS, clock=clock or Clock(), **options)


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
"""


def on_a_full_disk(code, folder):
    done = subprocess.run(
        [sys.executable, "-c", FULL + code, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.integration
def test_a_part_is_there_whole_or_not_at_all_on_a_full_disk(tmp_path):
    code = """
import numpy as np, pandas as pd
from vibrator.scale.output import write_part
frame = pd.DataFrame({"x": np.random.default_rng(0).random(100_000)})
try:
    write_part(sys.argv[1], "part-00000.parquet", frame)
except OSError as error:
    print(type(error).__name__)
"""
    assert on_a_full_disk(code, tmp_path) == ["OSError"]
    assert list(tmp_path.iterdir()) == []


def test_a_log_on_a_full_disk_keeps_whole_batches(tmp_path):
    code = """
from vibrator.actions import UserAction
from vibrator.errors import StoreError
from vibrator.personalizer import Personalizer
kept = 0
app = Personalizer.open(f"sqlite:///{sys.argv[1]}/a.db", sliders={"a": "trails"})
try:
    for _ in range(1_000):
        kept += app.observe("ada", [UserAction("click", f"text {kept} {n}") for n in range(50)])
except StoreError:
    print(kept)
"""
    (kept,) = on_a_full_disk(code, tmp_path)
    with Personalizer.open(f"sqlite:///{tmp_path}/a.db", sliders={"a": "trails"}) as app:
        assert app.report().actions == int(kept) > 0


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=4000)])
def test_a_clock_that_jumps_breaks_nothing(jump):
    clock = Clock()
    with opened("sqlite://", clock) as app:
        app.observe("ada", [RAN] * 3)
        clock.now = NOW + jump
        app.observe("ada", UserAction("write", "a storm on the ridge"))
        jumped = app.score("ada", ["a hut to hut traverse"])["a hut to hut traverse"]["trails"]
        assert 0 < jumped.low <= jumped.probability <= jumped.high < 1
        assert jumped.evidence == pytest.approx(1.5, abs=1e-6)  # the new one; the rest is far off
        clock.now = NOW
        app.decide("ada", {"hut": "a hut to hut traverse"})


def test_a_decision_before_its_history_is_made_without_it():
    clock = Clock()
    with opened("sqlite://", clock) as app:
        first = app.decide("ada", {"hut": "a hut to hut traverse"})
        clock.now = NOW - timedelta(days=1)
        assert app.decide("ada", {"hut": "a hut to hut traverse"}).at < first.at
        assert app.outcome(first.decision_id, "done", dwell=60_000.0)


@pytest.mark.integration
def test_redis_may_go_at_any_time(tmp_path, own_redis):
    with opened(f"sqlite:///{tmp_path}/a.db", cache=own_redis.url) as app:
        app.observe("ada", [RAN] * 20)
        with_redis = app.profile("ada").to_dict()
        own_redis.stop(kill=True)
        assert app.profile("ada").to_dict() == with_redis
        assert app.observe("ada", RAN) == 1


@pytest.mark.integration
def test_postgres_may_be_restarted():
    with short_folder() as folder:
        server = start_postgres(folder)
        app = opened(server.get_uri())
        app.observe("ada", [RAN] * 5)
        stop(int((folder / "postmaster.pid").read_text().split()[0]))
        server.ensure_postgres_running()
        assert eventually(lambda: app.observe("ada", RAN)) == 1
        assert app.report().actions == 6
        app.close()
        server.cleanup()


def stop(pid, patience=20.0):
    """A fast shutdown of the server with this process id."""
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + patience
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def eventually(call, patience=20.0):
    """The first answer; only errors of ours may come before it."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return call()
        except StoreError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


class Silence(http.server.BaseHTTPRequestHandler):
    """Takes the question and never answers."""

    def do_POST(self):
        time.sleep(1.5)

    def log_message(self, *_):
        """Quiet."""


@pytest.mark.integration
def test_a_slow_encoder_is_an_error_within_its_timeout(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silence)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("VIBRATOR_ENCODER_API_KEY", "none")
    url = f"http://127.0.0.1:{server.server_port}/v1"
    config = EncoderConfig(url, dimensions=8, timeout_seconds=0.1)
    started = time.monotonic()
    with pytest.raises((ModelUnavailable, BadInput)):
        InstructionalEncoder(config).encode_items(["a tent"])
    assert time.monotonic() - started < 15
    server.shutdown()
    server.server_close()


def test_a_corrupted_cache_row_is_refused(tmp_path):
    path = tmp_path / "cache.db"
    cache = SQLiteVectorCache(path)
    InstructionalEncoder("embedded", cache=cache).encode_items(["a tent"])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vectors SET vector = x'00112233'")
    connection.close()
    with pytest.raises(ArtefactError):
        InstructionalEncoder("embedded", cache=cache).encode_items(["a tent"])


def test_a_cache_file_of_noise_is_refused(tmp_path):
    (tmp_path / "cache.db").write_bytes(np.random.default_rng(0).bytes(20_000))
    with pytest.raises((ArtefactError, StoreError)):
        SQLiteVectorCache(tmp_path / "cache.db").get_many(["0" * 32])


def test_a_profile_torn_anywhere_is_refused():
    whole = Profile.from_actions([RAN] * 3, ENCODER).to_bytes()
    for length in {*range(400), *range(400, len(whole), 97)}:
        with pytest.raises(ArtefactError):
            Profile.from_bytes(whole[:length])
    with pytest.raises(ArtefactError):
        Profile.from_bytes(whole + b"more")


def test_a_profile_of_another_format_is_told_apart():
    whole = Profile.from_actions([RAN], ENCODER).to_bytes()
    with pytest.raises(ArtefactError, match="format 2"):
        Profile.from_bytes(whole.replace(b'"format":1', b'"format":2'))


def test_two_encoders_do_not_share_a_store(tmp_path):
    with opened(f"sqlite:///{tmp_path}/a.db") as app:
        app.observe("ada", RAN)
    other = InstructionalEncoder("embedded", "Another instruction: ")
    with pytest.raises(ArtefactError, match="same encoder"):
        opened(f"sqlite:///{tmp_path}/a.db", encoder=other)


def test_two_versions_of_a_slider_are_told_apart(tmp_path):
    with opened(f"sqlite:///{tmp_path}/a.db") as app:
        old = app.decide("ada", {"hut": "a hut to hut traverse"}).versions
    changed = {**SLIDERS, "trails": "short strolls in a park"}
    with Personalizer.open(f"sqlite:///{tmp_path}/a.db", sliders=changed) as app:
        new = app.decide("ada", {"hut": "a hut to hut traverse"}).versions
    assert old["depth"] == new["depth"]
    assert old["trails"] != new["trails"]
