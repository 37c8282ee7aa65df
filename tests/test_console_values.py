"""The page of lifetime values as it answers: a scored file, what-if, reports, a torn model."""

import html
import re
import shutil
from dataclasses import replace

import httpx
import numpy as np
import pytest

from tests.service_running import Inside
from vibrator.ltv.artefact import save
from vibrator.ltv.boosting import TreeSettings
from vibrator.ltv.config import LtvConfig
from vibrator.ltv.heads import ChainSettings
from vibrator.ltv.pipeline import train
from vibrator.ltv.predictor import FastPredictor
from vibrator.ltv.simulated import simulate_users

pytestmark = pytest.mark.integration
SMALL = TreeSettings(rounds=10, learning_rate=0.2, leaves=4, least_rows_in_leaf=30)
CONFIG = replace(LtvConfig(), chain=ChainSettings(SMALL, SMALL, SMALL))


@pytest.fixture(scope="module")
def people():
    return simulate_users(8_000, np.random.default_rng(0))[0]


@pytest.fixture(scope="module")
def models(people, tmp_path_factory):
    """A folder with a model that works and one that lost a file."""
    folder = tmp_path_factory.mktemp("models")
    save(train(people, CONFIG), folder / "first", config=CONFIG)
    shutil.copytree(folder / "first", folder / "torn")
    next((folder / "torn" / "trees").iterdir()).unlink()
    return folder


@pytest.fixture(scope="module")
def service(models):
    running = Inside(ltv_models=models)
    yield running
    running.close()


def score(service, content, *, name="rows.csv", model="first", row="1", changes=""):
    form = {"model": model, "row": row, "changes": changes}
    made = httpx.Request("POST", "http://localhost", data=form, files={"file": (name, content)})
    headers = {"Content-Type": made.headers["Content-Type"], "Origin": "http://localhost"}
    return service.ask("POST", "/console/value/score", content=made.read(), headers=headers)


def csv(people):
    return people.to_csv(index=False).encode()


def test_a_torn_model_is_told_apart_and_cannot_be_chosen(service):
    words = service.ask("GET", "/console/value").text

    assert "<option>first</option>" in words
    assert "<option>torn</option>" not in words
    assert re.search(r"torn</td><td[^>]*>[^<]*torn lacks trees/", words)


def test_an_uploaded_file_is_scored_with_the_chosen_model(service, models, people):
    rows = people.iloc[:5]
    words = score(service, csv(rows)).text
    values = FastPredictor(models / "first").predict(rows)["value_d14"].to_numpy()
    first = re.search(r"<td[^>]*>(\d+)</td>", words)

    assert "5 people" in words
    assert first is not None
    assert first[1] == str(rows["user_id"].iloc[int(values.argmax())])


def test_what_if_answers_for_the_one_row(service, people):
    words = score(service, csv(people.iloc[:5]), row="2", changes="past_spend = 900").text

    assert "as is" in words
    assert "past_spend = 900.0" in words


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"name": "rows.txt"}, "the file must be one of"),
        ({"model": "../first"}, "no model"),
        ({"model": "torn"}, "lacks trees/"),
        ({"row": "9", "changes": "past_spend = 1"}, "row must be from 1 to 5, got"),
        ({"changes": "past_spend"}, "a change must look like column = value"),
        ({"changes": "pastspend = 1"}, "columns that the row does not have"),
        ({"content": b"user_id,datetime\n1,2025-03-01\n"}, "sessions: missing (number)"),
        ({"content": b""}, "not empty"),
        ({"content": b"PAR1", "name": "rows.parquet"}, "must be a whole parquet file"),
    ],
)
def test_what_cannot_be_scored_is_said_on_the_page(service, people, given, refusal):
    content = given.get("content", csv(people.iloc[:5]))
    rest = {name: value for name, value in given.items() if name != "content"}
    answer = score(service, content, **rest)

    assert refusal in html.unescape(answer.text)
    assert "mean value" not in answer.text


def test_each_model_has_its_report(service):
    assert "plain Tweedie" in service.ask("GET", "/console/value/first/report").text
    assert service.ask("GET", "/console/value/torn/report").status_code in (400, 404, 409, 422)
