"""Nothing acknowledged is lost when a writer is killed; `rounds.py` has the long form."""

import pytest

from tests.crash.rounds import postgres_rounds, sqlite_rounds

MERGES = 5  # that were reached, at the least


def test_killed_writers_lose_and_double_nothing():
    tally = sqlite_rounds(30)

    assert (tally.rounds, tally.acknowledged > 60) == (30, True)
    assert (tally.lost, tally.doubled, tally.torn_batches, tally.unlike_rebuild) == (0, 0, 0, 0)
    assert (tally.merges > MERGES, tally.left_behind) == (True, 0)


@pytest.mark.integration
def test_a_killed_postgres_loses_and_doubles_nothing():
    tally = postgres_rounds(30)

    assert (tally.rounds, tally.acknowledged > 30) == (30, True)
    assert (tally.lost, tally.doubled, tally.torn_batches, tally.unlike_rebuild) == (0, 0, 0, 0)
    assert (tally.merges > MERGES, tally.left_behind) == (True, 0)
