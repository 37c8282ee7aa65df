"""From outside: a strict consumer of the front door, and of the client, type-checks."""

import subprocess
import sys
from pathlib import Path

import pytest

import vibrator

CONSUMER = """
from vibrator import InstructionalEncoder, SliderScorer, UserAction

encoder = InstructionalEncoder("embedded")
scorer = SliderScorer(encoder, {"trails": "long mountain trails"})
scores = scorer.score([UserAction("write", "ran the ridge path")], "a hut to hut traverse")
probability: float = scores["trails"].probability
why: str = scores["trails"].why()
"""

CALLER = """
import asyncio
from datetime import datetime

from vibrator.service.answers import Decided, Ranked, Sliders
from vibrator.service.client import AsyncClient, Client, ScoreIn


def walk(client: Client) -> str | None:
    made: Decided = client.decide("ada", {"grpc": "a deep guide to gRPC"})
    at: datetime = made.at
    best: float = client.rank("ada", 1).items[0].probability
    batch = client.score_batch([ScoreIn(user_id="ada", content="a deep guide to gRPC")])
    return batch.results[0].scores["content"]["depth"].why


async def later(client: AsyncClient) -> tuple[Ranked, Sliders]:
    evidence: float = (await client.user("ada")).evidence
    return await asyncio.gather(client.rank("ada"), client.sliders())
"""
WRONG_CALLS = """

def wrong(client: Client) -> None:
    client.rank("ada").itmes
    client.rank(7)
    client.observe("ada", "write")
    reason: int = client.decide("ada", ["grpc"]).reason


async def forgotten(client: AsyncClient) -> None:
    client.users()
"""


def test_the_package_says_that_it_is_typed():
    assert (Path(vibrator.__file__).parent / "py.typed").exists()


def errors_of(folder, source):
    (folder / "consumer.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent",
         "--cache-dir", folder / "cache", "consumer.py"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if "consumer.py" in line and "error" in line]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("more", "errors"), [("", 0), ('\nwrong: str = scores["trails"].probability\n', 1)]
)
def test_a_strict_consumer_sees_our_types(tmp_path, more, errors):
    found = errors_of(tmp_path, CONSUMER + more)
    assert len(found) == errors, found


@pytest.mark.integration
@pytest.mark.parametrize(("more", "errors"), [("", 0), (WRONG_CALLS, 5)])
def test_a_strict_caller_of_the_service_sees_every_field(tmp_path, more, errors):
    found = errors_of(tmp_path, CALLER + more)
    assert len(found) == errors, found
