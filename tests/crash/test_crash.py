"""Nothing acknowledged is lost when a writer is killed; `rounds.py` has the long form."""

from tests.crash.rounds import sqlite_rounds


def test_killed_writers_lose_and_double_nothing():
    tally = sqlite_rounds(30)

    assert (tally.rounds, tally.acknowledged > 300) == (30, True)
    assert (tally.lost, tally.doubled, tally.torn_batches, tally.unlike_rebuild) == (0, 0, 0, 0)
