"""The Personalizer mistyped: told with name, rule and value, and nothing is begun by a refusal."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vibrator.actions import UserAction
from vibrator.errors import BadInput, UnknownName, VibratorError
from vibrator.personalizer import AsyncPersonalizer, Personalizer
from vibrator.stores import Item

SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}
ITEMS = {"grpc": "a guide to gRPC", "ridge": "a ridge traverse"}
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - it is to be refused
ODD = [
    None, 3, -1, 0, 1.5, float("nan"), True, "kn", "", b"x", [None], [3], ["x"], {"a": None},
    {3: "x"}, {"a": {}}, object(), NAIVE, timedelta(1), np.zeros(2), [["a"]],
    "\ud800", {"a": "\ud800"}, [b"x"], ("x", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def app():
    with Personalizer.open("sqlite://", sliders=SLIDERS, encoder="embedded") as app:
        app.add_items(ITEMS)
        app.observe("ada", UserAction("write", "x"))
        yield app


@pytest.fixture(scope="module")
def made(app):
    return app.decide("ada", ITEMS).decision_id


ASKED = {
    "add_items": lambda app, _, odd: app.add_items(odd),
    "attributes": lambda app, _, odd: app.add_items([Item(item_id="q", text="t", attributes=odd)]),
    "remove_items": lambda app, _, odd: app.remove_items(odd),
    "observe": lambda app, _, odd: app.observe("ada", odd),
    "observe whom": lambda app, _, odd: app.observe(odd, UserAction("write", "x")),
    "consent": lambda app, _, odd: app.set_consent("z", odd, odd, until=odd),
    "merge": lambda app, _, odd: app.merge_users(odd, "zz"),
    "score": lambda app, _, odd: app.score("ada", odd),
    "score, context": lambda app, _, odd: app.score("ada", "grpc", odd),
    "rank, k": lambda app, _, odd: app.rank("ada", odd),
    "rank, filter": lambda app, _, odd: app.rank("ada", 1, filter=odd),
    "rank, value": lambda app, _, odd: app.rank("ada", 1, filter={"a": odd}),
    "rank, slider": lambda app, _, odd: app.rank("ada", 1, slider=odd),
    "rank, diversity": lambda app, _, odd: app.rank("ada", 1, diversity=odd),
    "rank, context": lambda app, _, odd: app.rank("ada", 1, context=odd),
    "decide": lambda app, _, odd: app.decide("ada", odd),
    "decide, context": lambda app, _, odd: app.decide("ada", ITEMS, odd),
    "decide, purpose": lambda app, _, odd: app.decide("ada", ITEMS, purpose=odd),
    "outcome": lambda app, made, odd: app.outcome(made, odd),
    "outcome of": lambda app, _, odd: app.outcome(odd, "click"),
    "outcome, item": lambda app, made, odd: app.outcome(made, "click", item_id=odd),
    "outcome, id": lambda app, made, odd: app.outcome(made, "click", outcome_id=odd),
    "outcome, dwell": lambda app, made, odd: app.outcome(made, "click", dwell=odd),
    "outcome, at": lambda app, made, odd: app.outcome(made, "click", at=odd),
    "expire": lambda app, _, odd: app.expire(odd),
    "refresh": lambda app, _, odd: app.refresh(odd),
    "forget": lambda app, _, odd: app.forget(odd),
    "export": lambda app, _, odd: app.export(odd),
}


@pytest.mark.parametrize("asked", ASKED)
def test_nothing_odd_gets_an_error_that_is_not_ours(app, made, asked):
    refused = 0
    for odd in ODD:
        try:
            ASKED[asked](app, made, odd)
        except VibratorError:
            refused += 1
    assert refused >= 12


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda app: app.rank("ada", 1, filter="lang=en"), "filter must map .* got 'lang=en'"),
        (lambda app: app.rank("ada", 1, filter=""), "filter must map attributes to values, got ''"),
        (lambda app: app.rank("ada", 1, filter={"a": {}}), "'a'.* must compare by .* got nothing"),
        (lambda app: app.rank("ada", "3"), "k must be a whole number, got '3'"),
        (lambda app: app.observe("ada", None), "actions must be a UserAction.* got a NoneType"),
        (lambda app: app.expire(30), "older_than must be a timedelta, got 30"),
        (lambda app: app.score("ada", None), "items must be a list of .* got None"),
        (lambda app: app.remove_items(None), "ids must be a list of item ids, got None"),
        (lambda app: app.refresh("kn"), "users must be a list of user ids, got the single 'kn'"),
        (lambda app: app.decide("ada", ITEMS, []), "context must map names to values, got \\[\\]"),
        (lambda app: app.decide("ada", ITEMS, purpose=""), "purpose must be a text"),
    ],
)
def test_a_refusal_has_name_rule_and_value(app, ask, words):
    with pytest.raises(BadInput, match=words):
        ask(app)


def test_nobody_is_refreshed_by_the_letters_of_a_name(app):
    app.observe("k", [UserAction("write", f"x {n}") for n in range(3)])
    with pytest.raises(BadInput, match="single"):
        app.refresh("k")
    assert app.refresh(["k"]) == 1


def test_an_outcome_is_about_what_was_offered(app, made):
    with pytest.raises(BadInput, match=r"item_id must be a candidate .* got 'cake'"):
        app.outcome(made, "click", item_id="cake")
    assert app.outcome(made, "click", item_id="ridge")


REFUSED = [
    {"sliders": None},
    {"sliders": {}},
    {"encoder": "no-such-model"},
    {"encoder": 3},
    {"policy": "greedy"},
    {"guards": ["consent"]},
    {"guards": None},
    {"clock": datetime.now(UTC)},
    {"clock": lambda: NAIVE},
    {"rng": 7},
    {"rewards": {"click": 1.0}},
    {"intent": "sliders"},
    {"tenant": "\ud800"},
    {"cache": "sqlite://"},
]


@pytest.mark.parametrize("options", REFUSED, ids=lambda options: repr(options)[:40])
def test_a_refused_open_leaves_no_file_behind(options, tmp_path):
    url = f"sqlite:///{tmp_path}/app.db"
    with pytest.raises(VibratorError):
        Personalizer.open(url, **{"sliders": SLIDERS, "encoder": "embedded", **options})
    assert list(tmp_path.iterdir()) == []


def test_an_option_that_does_not_exist_leaves_no_file_behind(tmp_path):
    with pytest.raises(TypeError, match="polcy"):
        Personalizer.open(f"sqlite:///{tmp_path}/app.db", sliders=SLIDERS, polcy=None)
    assert list(tmp_path.iterdir()) == []


def test_the_async_twin_refuses_alike(tmp_path):
    async def walk():
        with pytest.raises(BadInput, match="no sliders are known"):
            await AsyncPersonalizer.open(f"sqlite:///{tmp_path}/fresh.db")
        async with await AsyncPersonalizer.open("sqlite://", sliders=SLIDERS) as app:
            with pytest.raises(BadInput, match="users must be a list"):
                await app.refresh("kn")
            with pytest.raises(UnknownName):
                await app.outcome("never made", "click")

    asyncio.run(walk())
    assert list(tmp_path.iterdir()) == []
