"""Rounds of kill -9: a writer acknowledges what is safe, dies, and is held to its word.

The long form: python -m tests.crash.rounds [--rounds 1000] [--engine sqlite|postgres]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue
from threading import Thread

import numpy as np

from tests.servers import short_folder, start_postgres
from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import StoreError
from vibrator.personalizer import Personalizer
from vibrator.stores import Which

SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}
ITEMS = {"grpc": "a guide to gRPC", "ridge": "a ridge traverse"}
USERS = ("ada", "bruno", "chioma")
KINDS = {"decision": "decision", "outcome": "outcome", "visit": "action", "merge": "merge"}
NEWEST = 1_000  # events, more than a writer leaves in one life
TOLD_EVERY = 50  # rounds
PATIENCE_SECONDS = 120.0  # for a server that recovers
LIFE_SECONDS = {"sqlite": 0.08, "postgres": 1.0}  # the longest a writer lives after a word


@dataclass
class Tally:
    """What the rounds added up to."""

    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    torn_batches: int = 0
    merges: int = 0
    left_behind: int = 0
    unlike_rebuild: int = 0


def opened(url, encoder):
    return Personalizer.open(url, sliders=SLIDERS, encoder=encoder)


def write_until_killed(url, encoder, number, pipe):
    """Events, batches, profiles, decisions, merges; ids go on the pipe when they are safe."""
    app = opened(url, encoder)
    step, visitors = 0, Queue()
    for kept in (0, 1):
        Thread(target=visit, args=(app, visitors, kept, pipe), daemon=True).start()
    while True:
        step += 1
        user = USERS[step % len(USERS)]
        size = 20 if step % 5 == 0 else 1
        ids = [f"{number}/{step}/{n}" for n in range(size)]
        actions = [UserAction("click", f"ridge {step % 7}", action_id=name) for name in ids]
        app.observe(user, actions)
        acknowledge(pipe, ids)
        if step % 4 == 0:
            app.profile(user)
        if step % 6 == 0:
            decision = app.decide(user, ITEMS)
            acknowledge(pipe, [f"decision {decision.decision_id}"])
            app.outcome(decision.decision_id, "done", outcome_id=f"{number}/{step}")
            acknowledge(pipe, [f"outcome {number}/{step}"])
        if step % 3 == 0:
            merge_in_the_middle(app, visitors, f"{number}/{step}", user, pipe)


def merge_in_the_middle(app, visitors, name, user, pipe):
    """Somebody turns out to be a user while two threads log what they do, under either id."""
    app.observe(f"visitor {name}", UserAction("click", "a hut", action_id=f"{name}/h"))
    acknowledge(pipe, [f"visit {name}/h"])
    visitors.put(name)
    visitors.put(name)
    app.merge_users(f"visitor {name}", user)
    acknowledge(pipe, [f"merge visitor {name}"])


def visit(app, visitors, kept, pipe):
    """What visitors do while they are being merged, until the server is killed."""
    with suppress(StoreError):
        while True:
            name = visitors.get()
            for one in [f"{name}/h{kept}{n}" for n in range(3)]:
                app.observe(f"visitor {name}", UserAction("click", "a hut", action_id=one))
                acknowledge(pipe, [f"visit {one}"])


def acknowledge(pipe, names):
    os.write(pipe, ("\n".join(names) + "\n").encode())


def one_life(url, encoder, number, life, kill):
    """Start a writer, let it live for a random moment, kill; what it had acknowledged."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            write_until_killed(url, encoder, number, writing)
        finally:
            os._exit(1)
    os.close(writing)
    words = os.read(reading, 1 << 16)
    time.sleep(life)
    kill(child)
    os.waitpid(child, 0)
    while more := os.read(reading, 1 << 20):
        words += more
    os.close(reading)
    whole = words.decode().rpartition("\n")[0]  # a half-written line was not acknowledged
    return whole.split("\n") if whole else []


def check(app, number, acknowledged, tally):
    """Everything acknowledged is there, once; batches are whole."""
    kinds = {"action": [], "decision": [], "outcome": [], "merge": []}
    for name in acknowledged:
        kind, _, rest = name.partition(" ")
        kinds[KINDS[kind] if rest else "action"].append(rest or name)
    for kind, names in kinds.items():
        which = Which(kinds=(kind,), ids=tuple(names))
        kept = Counter(event.event_id for event in app.store.events.read(which))
        tally.lost += len(set(names) - kept.keys())
        tally.doubled += sum(count - 1 for count in kept.values())
    check_merges(app, number, tally)
    tally.rounds += 1
    tally.acknowledged += len(acknowledged)
    check_batches(app, number, tally)
    if tally.rounds % TOLD_EVERY == 0:
        sys.stderr.write(f"{json.dumps(asdict(tally))}\n")


def check_batches(app, number, tally):
    sizes = Counter()
    for event in app.store.events.read(Which(kinds=("action",), users=USERS, newest=NEWEST)):
        round_, step, rest = event.event_id.split("/")
        if int(round_) == number and "h" not in rest:
            sizes[int(step)] += 1
    whole = {step: 20 if step % 5 == 0 else 1 for step in sizes}
    first = min(sizes, default=0)  # may be cut by `newest`
    tally.torn_batches += sum(sizes[s] != whole[s] for s in sizes if s != first)


def check_merges(app, number, tally):
    """Who was merged has nothing left: every event is in a profile, of one id or of the other."""
    merges = app.store.events.read(Which(kinds=("merge",), users=USERS, newest=NEWEST))
    visitors = [e.event_id for e in merges if e.event_id.startswith(f"visitor {number}/")]
    left = app.store.events.read(Which(users=tuple(visitors)))
    tally.merges += len(visitors)
    tally.left_behind += sum(1 for _ in left)


def compare_with_rebuild(app, tally):
    """The profiles that writers left behind equal those folded anew."""
    now = app.clock()
    online = {user: app._folding.profile(user, now) for user in USERS}
    app.rebuild()
    for user, profile in online.items():
        anew = app._folding.profile(user, now)
        same = profile.counts == anew.counts and np.allclose(
            profile.at(now).vector, anew.at(now).vector, atol=1e-6
        )
        tally.unlike_rebuild += not same


def sqlite_rounds(rounds, seed=0):
    """Kill the writing process, again and again, over one file."""
    rng, encoder, tally = random.Random(seed), InstructionalEncoder("embedded"), Tally()
    encoder.encode_items(["loaded before the fork"])
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/app.db"
        for number in range(rounds):
            life = rng.uniform(0, LIFE_SECONDS["sqlite"])
            words = one_life(url, encoder, number, life, kill_writer)
            app = opened(url, encoder)
            check(app, number, words, tally)
            app.close()
        app = opened(url, encoder)
        assert app.store.database.rows("PRAGMA integrity_check") == [("ok",)]
        compare_with_rebuild(app, tally)
        app.close()
    return tally


def postgres_rounds(rounds, seed=0):
    """Kill the whole server under a writer, again and again, over one folder."""
    rng, encoder, tally = random.Random(seed), InstructionalEncoder("embedded"), Tally()
    encoder.encode_items(["loaded before the fork"])
    with short_folder() as folder:
        url = start_postgres(folder).get_uri()
        opened(url, encoder).close()
        for number in range(rounds):
            life = rng.uniform(0, LIFE_SECONDS["postgres"])
            words = one_life(url, encoder, number, life, lambda _pid: kill_server(folder))
            restart(folder)
            app = opened(url, encoder)
            check(app, number, words, tally)
            app.close()
        app = opened(url, encoder)
        compare_with_rebuild(app, tally)
        app.close()
        kill_server(folder)
    return tally


def kill_writer(pid):
    os.kill(pid, signal.SIGKILL)


def kill_server(folder):
    """The postmaster and every process of it, all at once."""
    postmaster = int((folder / "postmaster.pid").read_text().split("\n")[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in (postmaster, *map(int, children))):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def restart(folder):
    """Start the server over the folder that the killed one left."""
    # A killed postmaster may stay a zombie, which looks like a running one by its number.
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock", ".s.PGSQL.5432"):
        (folder / name).unlink(missing_ok=True)
    server, deadline = start_postgres(folder), time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return server.ensure_postgres_running()
        except (subprocess.SubprocessError, AssertionError):  # not ready yet, says the package
            assert time.monotonic() < deadline
            time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    given = parser.parse_args()
    started = time.perf_counter()
    tally = ENGINES[given.engine](given.rounds)
    seconds = round(time.perf_counter() - started, 1)
    sys.stdout.write(json.dumps(asdict(tally) | {"seconds": seconds}) + "\n")


ENGINES = {"sqlite": sqlite_rounds, "postgres": postgres_rounds}

if __name__ == "__main__":
    main()
