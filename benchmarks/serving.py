"""The service against its bars: beside a bare FastAPI echo, one core each for server and load.

python benchmarks/serving.py [--minutes 3] [--seconds 8] [--rounds 3] [--only scores ranks …]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vibrator.encoder import InstructionalEncoder
from vibrator.stores import Item, Which, open_store

SLIDERS = {
    "depth": "detailed technical documentation",
    "kitchen": "quick weeknight recipes",
    "trails": "long mountain trails",
}
SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS, USERS, TEXTS, MANY = 8, 50, 100, 100_000
RANKS_PER_SECOND = 20
PARTS = ("scores", "ranks", "kill", "mixed")
BARS = {
    "cached_of_echo": (">=", 0.55),
    "cached_p99_ms": ("<=", 15),
    "cold_of_echo": (">=", 0.35),
    "rank_p99_ms": ("<=", 60),
    "mixed_errors": ("<=", 0),
    "mixed_rss_growth": ("<=", 0.05),
    "lost_after_kill": ("<=", 0),
}
ECHO = """
from typing import Any
from fastapi import FastAPI
app = FastAPI()
@app.post("/echo")
async def echo(body: dict[str, Any]) -> dict[str, Any]:
    return body
"""
LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local n, texts = 0, {texts}
request = function()
  n = n + 1
  local text = "a hut to hut traverse number " .. ((texts > 0) and (n % texts) or ("{salt} " .. n))
  local user = "user " .. (n % {users})
  return wrk.format(nil, nil, nil, '{{"user_id":"' .. user .. '","content":"' .. text .. '"}}')
end
"""


class Server:
    """A process on a core of its own, on a free port."""

    def __init__(self, command, folder, environment=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        pinned = ["taskset", "-c", SERVER_CORE, sys.executable, *command, "--port", str(self.port)]
        quiet = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **(environment or {})}
        self.log = (Path(folder) / f"log-{self.port}").open("w")
        self.process = subprocess.Popen(
            pinned, env={**os.environ, **quiet}, stdout=self.log, stderr=self.log
        )

    def wait(self, path):
        """Until it answers."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                if ask(self.port, "GET", path)[0] < 500:
                    return self
            except OSError:
                time.sleep(0.1)
        raise SystemExit("a server did not come up")

    def stop(self, number=signal.SIGTERM):
        """End it by its process id."""
        self.process.send_signal(number)
        self.process.wait(60)
        self.log.close()


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def told(port, path, body):
    status, answer = ask(port, "POST", path, body)
    if status != 200:
        raise AssertionError(f"{path}: {status} {answer[:200]!r}")
    return json.loads(answer)


def echo(folder):
    (Path(folder) / "bare_echo.py").write_text(ECHO)
    command = ["-m", "uvicorn", "--app-dir", str(folder), "bare_echo:app", "--loop", "uvloop",
               "--http", "httptools", "--no-access-log", "--log-level", "warning"]  # fmt: skip
    return Server(command, folder).wait("/")


def vibrator(folder, *options, name="app"):
    sliders = [part for n, text in SLIDERS.items() for part in ("--slider", f"{n}={text}")]
    command = ["-m", "vibrator", "serve", "--store", f"sqlite:///{folder}/{name}.db", *sliders]
    return Server([*command, *options], folder).wait("/healthz")


def wrk(port, path, seconds, *, texts, folder, salt="0"):
    """Requests a second, and p50 and p99 in milliseconds; any refusal ends the run."""
    script = Path(folder) / "post.lua"
    script.write_text(LUA.format(texts=texts, salt=salt, users=USERS))
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s",
               "--latency", "-s", str(script), f"http://127.0.0.1:{port}{path}"]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    lines = (re.search(rf"^ +{p}% +(\S+)$", said, re.M) for p in (50, 99))
    return rate, *(milliseconds(line[1]) for line in lines)


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def scores(folder, seconds, rounds):
    """Echo, cached and cold in turn, so that a busy moment hits all three."""
    bare, own = echo(folder), vibrator(folder)
    for user in range(USERS):
        action = {"user_id": f"user {user}", "type": "write", "content": f"ran the ridge {user}"}
        told(own.port, "/v1/actions", action)
    wrk(own.port, "/v1/score", 3, texts=TEXTS, folder=folder)  # every text and user once
    rows = []
    for turn in range(rounds):
        row = {"echo": wrk(bare.port, "/echo", seconds, texts=TEXTS, folder=folder)}
        row["cached"] = wrk(own.port, "/v1/score", seconds, texts=TEXTS, folder=folder)
        cold = {"texts": 0, "folder": folder, "salt": str(turn)}
        row["cold"] = wrk(own.port, "/v1/score", seconds, **cold)
        rows.append(row)
    bare.stop()
    own.stop()
    middle = {
        f"{name}_{what}": statistics.median(row[name][place] for row in rows)
        for name in ("echo", "cached", "cold")
        for place, what in enumerate(("per_second", "p50_ms", "p99_ms"))
    }
    for name in ("cached", "cold"):
        shares = [row[name][0] / row["echo"][0] for row in rows]
        middle[f"{name}_of_echo"] = statistics.median(shares)
    return middle


def ranks(folder, seconds):
    """Rankings over many items at a steady rate, timed from when each was due."""
    store = open_store(f"sqlite:///{folder}/many.db")
    encoder = InstructionalEncoder("embedded")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(MANY, encoder.dimensions)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    items = [Item(item_id=f"item {n}", text=f"content number {n}") for n in range(MANY)]
    store.catalogue.upsert(items, rows, fingerprint=encoder.fingerprint)
    store.close()
    own = vibrator(folder, name="many")
    asked = {"user_id": "ada", "k": 10}
    for _ in range(5):
        told(own.port, "/v1/rank", asked)
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    times, start, turn = [], time.monotonic(), threading.Lock()

    def one(due):
        told(own.port, "/v1/rank", asked)
        with turn:
            times.append(1000 * (time.monotonic() - due))

    workers = []
    for place in range(seconds * RANKS_PER_SECOND):
        due = start + place / RANKS_PER_SECOND
        time.sleep(max(0.0, due - time.monotonic()))
        workers.append(threading.Thread(target=one, args=(due,)))
        workers[-1].start()
    for worker in workers:
        worker.join()
    os.sched_setaffinity(0, range(os.cpu_count()))
    own.stop()
    p50, p99 = np.percentile(times, (50, 99))
    return {"rank_p50_ms": float(p50), "rank_p99_ms": float(p99), "ranks": len(times)}


def mixed(folder, minutes):
    """All hot routes from a few clients: errors, and growth after the first fifth."""
    own = vibrator(folder, name="mixed")
    errors, until, done = [], time.monotonic() + 60 * minutes, [0] * 4
    offer = {"grpc": "a deep guide to gRPC", "cake": "plum cake", "ridge": "a ridge traverse"}

    def client(number):
        turn = 0
        while time.monotonic() < until:
            turn += 1
            user = f"user {number}-{turn % 25}"
            wrote = {"user_id": user, "type": "click", "content": f"words {turn % 500}"}
            try:
                told(own.port, "/v1/actions", wrote)
                told(own.port, "/v1/score", {"user_id": user, "content": f"text {turn % 300}"})
                made = told(own.port, "/v1/decide", {"user_id": user, "candidates": offer})
                outcome = {"decision_id": made["decision_id"], "what": "dismiss"}
                told(own.port, "/v1/outcomes", outcome)
                done[number] += 4
            except (OSError, AssertionError) as error:
                errors.append(str(error))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for one in clients:
        one.start()
    time.sleep(60 * minutes / 5)
    before = resident(own)
    for one in clients:
        one.join()
    growth = resident(own) / before - 1
    own.stop()
    return {"mixed_requests": sum(done), "mixed_errors": len(errors), "mixed_rss_growth": growth}


def resident(server):
    return int(
        re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{server.process.pid}/status").read_text())[1]
    )


def sudden_end(folder):
    """A kill -9 while four clients write: every acknowledged action and outcome must be there."""
    own, actions, outcomes = vibrator(folder, name="killed"), set(), set()

    def client(number):
        for place in range(1_000_000):
            name = f"{number}-{place}"
            wrote = {"user_id": "ada", "type": "write", "content": name, "action_id": name}
            try:
                told(own.port, "/v1/actions", wrote)
                actions.add(name)
                asked = {"user_id": "ada", "candidates": {"a": "plum cake"}}
                made = told(own.port, "/v1/decide", asked)["decision_id"]
                told(own.port, "/v1/outcomes", {"decision_id": made, "what": "dismiss"})
                outcomes.add(made)
            except (OSError, http.client.HTTPException, ValueError):
                return

    clients = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for one in clients:
        one.start()
    time.sleep(4)
    own.stop(signal.SIGKILL)
    for one in clients:
        one.join()
    store = open_store(f"sqlite:///{folder}/killed.db")
    kept = {event.event_id for event in store.events.read(Which())}
    answered = {outcome.decision_id for *_, outcome in store.decisions.outcomes(Which())}
    store.close()
    lost = len(actions - kept) + len(outcomes - answered)
    return {"acknowledged": len(actions) + len(outcomes), "lost_after_kill": lost}


def main():
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--data-dir", help="not needed")
    given.add_argument("--minutes", type=float, default=3.0, help="of mixed load; 30 in full")
    given.add_argument("--seconds", type=int, default=8, help="of each measurement")
    given.add_argument("--rounds", type=int, default=3)
    given.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="of its parts")
    asked = given.parse_args()
    figures = {"at": datetime.now(UTC).isoformat(), "load_before": os.getloadavg()[0]}
    parts = {
        "scores": lambda folder: scores(folder, asked.seconds, asked.rounds),
        "ranks": lambda folder: ranks(folder, asked.seconds * 2),
        "kill": sudden_end,
        "mixed": lambda folder: mixed(folder, asked.minutes),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.only:
            figures |= parts[name](folder)
    bars = {
        name: [figures[name], sign, limit]
        for name, (sign, limit) in BARS.items()
        if name in figures
    }
    print(json.dumps({"figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
