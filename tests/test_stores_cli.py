"""The commands on a store, as they are typed."""

import json

import pytest
from typer.testing import CliRunner

from vibrator.cli import build


@pytest.fixture
def run(tmp_path):
    def one(command, *rest, code=0):
        name, *more = command.split()
        typed = [name, *more, f"sqlite:///{tmp_path}/app.db", *rest]
        done = CliRunner().invoke(build(), typed)
        if code == 0:
            assert done.exception is None, done.exception
        return done.stdout if code == 0 else done.exception

    return one


def test_the_whole_loop_is_typed(run):
    depth = ["--slider", "depth=detailed technical documentation", "--slider", "fun=jokes"]
    run("store add", "grpc=a guide to gRPC", "cake=plum cake", *depth)
    run("observe", "ada", "how do gRPC deadlines propagate?", "--type", "write")
    (decision,) = json.loads(run("decide", "ada", "grpc", "cake", "--format", "json"))
    run("outcome", decision["decision_id"], "done", "--dwell-ms", "60000")
    run("rebuild", "--encoder", "embedded")
    counted = json.loads(run("store report", "--format", "json"))
    assert {"what": "mean_reward", "count": 1.0} in counted or decision["shown"] == "nothing"
    assert json.loads(run("store export", "ada"))["actions"][0]["type"] == "write"

    receipt = json.loads(run("forget", "ada", "--yes"))
    assert receipt["verified"]
    assert json.loads(run("store expire", "0.5"))["removed"]["events"] == 0
    run("store remove", "grpc")
    run("store compact")
    assert json.loads(run("store report", "--format", "json"))[0] == {"what": "users", "count": 0}


def test_mistakes_are_named(run):
    assert "--slider name=text" in str(run("observe", "ada", "x", code=2))
    run("observe", "ada", "x", "--slider", "depth=docs")
    assert "must look like name=text" in str(run("store add", "grpc", code=2))
    assert "no decision 'd'" in str(run("outcome", "d", "done", code=2))


def test_forgetting_asks_first(run):
    run("observe", "ada", "x", "--slider", "depth=docs")
    assert isinstance(run("forget", "ada", code=1), SystemExit)
    assert json.loads(run("store report", "--format", "json"))[0]["count"] == 1
