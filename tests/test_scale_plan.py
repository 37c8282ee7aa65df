"""The arithmetic of a plan."""

import json

import pytest
from typer.testing import CliRunner

from vibrator.cli import build
from vibrator.errors import BadInput, UnknownName
from vibrator.profile import RING
from vibrator.scale.plan import Costs, Load, plan, profile_size

LOAD = Load(users=1e6, events_per_day=1e7, active=0.2, items=100)


def needs(load, **costs):
    return {one.need: one.amount for one in plan(load, Costs(**costs))}


def test_everything_doubles_with_people_and_events():
    twice = Load(users=2e6, events_per_day=2e7, active=0.2, items=100)
    once, double = needs(LOAD), needs(twice)
    for name in ("Redis, hot profiles", "PostgreSQL, the log", "folding a day"):
        assert double[name] == pytest.approx(2 * once[name])


def test_scoring_counts_people_pairs_and_sliders():
    wanted = 2e5 * (770 + 100 * (0.01 + 4 * 0.014)) / 1e6 / 3600
    assert needs(LOAD)["scoring all items for the active"] == pytest.approx(wanted)


def test_a_profile_stops_growing_at_its_ring():
    costs = Costs()
    assert profile_size(costs, RING) == profile_size(costs, 10 * RING) > profile_size(costs, 1)


def test_costs_can_be_measured_elsewhere():
    assert needs(LOAD, log_event_bytes=200.0)["PostgreSQL, the log"] == pytest.approx(
        1e7 * 365 * 200 / 1e9
    )


@pytest.mark.parametrize("wrong", [{"users": 0}, {"active": 0.0}, {"peak": 0.5}, {"items": -1}])
def test_a_load_that_cannot_be_is_refused(wrong):
    with pytest.raises(BadInput):
        Load(**{"users": 1e6, "events_per_day": 1e7, **wrong})


def test_the_command_prints_every_step():
    asked = ["plan", "--users", "1e8", "--events-per-day", "1e9", "--format", "json"]
    told = CliRunner().invoke(build(), asked)
    rows = json.loads(told.stdout)
    assert {"Redis shards", "PostgreSQL partitions", "Dask workers"} <= {r["need"] for r in rows}
    assert all(row["because"] for row in rows)
    assert {r["need"]: r["amount"] for r in rows}["events at the peak"] == 34_722
    refused = CliRunner().invoke(build(), [*asked, "--cost", "luck=3"])
    assert isinstance(refused.exception, UnknownName)
