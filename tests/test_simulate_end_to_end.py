"""The whole loop: read, score, guard, decide, judge, learn."""

import json

import pytest
from typer.testing import CliRunner

from vibrator.cli import build
from vibrator.decisions import NOTHING
from vibrator.errors import BadInput
from vibrator.simulate import Persona, Tip, standard_world
from vibrator.simulate.end_to_end import Taste, rehearse_end_to_end
from vibrator.simulate.tips import TOPICS


@pytest.fixture(scope="module")
def loop():
    return rehearse_end_to_end(events=30, seed=2)


def test_all_contenders_meet_the_same_moments(loop):
    met = [[(d.user_id, d.at, d.candidates) for d, _ in lived] for lived in loop.lived.values()]

    assert len(met) == 3
    assert met[0] == met[1] == met[2]


def test_every_decision_carries_its_propensity_and_nothing_earns_nothing(loop):
    for row in loop.rows():
        lived = loop.lived[row["contender"]]
        earned = sum(seen.reward for _, seen in lived if seen is not None)

        assert row["reward"] == pytest.approx(earned / 30)
        for decision, seen in lived:
            assert decision.propensities[decision.arm] == decision.propensity
            assert (decision.arm == NOTHING) == (seen is None)


def test_guards_refuse_inside_the_loop(loop):
    refused = [decision.refusals for decision, _ in loop.lived["intent, guarded"]]

    assert any("cool-down" in reason for reasons in refused for reason in reasons.values())


def test_people_like_the_words_that_they_prefer():
    from vibrator.encoder import InstructionalEncoder

    ada, bruno, *_ = standard_world()
    sliders = sorted({text for person in (ada, bruno) for text in person.sliders})
    taste = Taste(InstructionalEncoder("embedded"), sliders, TOPICS)
    docs, dinner = Tip("docs", TOPICS[0]), Tip("dinner", TOPICS[2])

    assert taste(ada, docs) > 0 > taste(ada, dinner)
    assert taste(bruno, dinner) > 0 > taste(bruno, docs)


def test_people_without_sliders_cannot_read():
    with pytest.raises(BadInput):
        rehearse_end_to_end(events=5, personas=[Persona("p")])


def test_the_command_line_rehearses_the_loop_and_refuses_what_it_would_ignore():
    asked = ["simulate", "--end-to-end", "--events", "8", "--format", "json"]
    told = CliRunner().invoke(build(), asked)
    assert len(json.loads(told.stdout)) == 3
    for ignored in (["linucb"], ["--seeds", "9"], ["--judge", "smooth"], ["--compare"]):
        refused = CliRunner().invoke(build(), [*asked, *ignored])
        assert isinstance(refused.exception, BadInput)
