"""The Python client: every verb, typed, against a real service and against its document."""

import asyncio
import inspect
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.outputs import blocks
from tests.service_running import Inside, served

pytestmark = pytest.mark.integration
JUST_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def every_verb():
    """Verb to a use of it, in an order that a fresh service can follow."""
    from vibrator.service.client import ActionIn, Deed, ItemIn, ScoreIn

    wrote = ActionIn("bo", "write", "one pan pasta", metadata={"pan": 1}, action_id="w1")
    ran = Deed("write", "ran the ridge path", timestamp=JUST_NOW)
    stranger = ScoreIn(actions=[ran], contents={"hike": "mountain trails"}, explain=True)
    return {
        "ready": lambda c, _: c.ready(),
        "observe": lambda c, _: c.observe("bo", "click", "quick pasta", timestamp=JUST_NOW),
        "observe_many": lambda c, _: c.observe_many([wrote, wrote], idempotency_key="once"),
        "put_items": lambda c, _: c.put_items([ItemIn("pasta", "quick pasta", {"minutes": 20})]),
        "items": lambda c, _: c.items(["pasta", "none"]),
        "item": lambda c, _: c.item("pasta"),
        "score": lambda c, _: c.score("bo", {"a": "pasta"}, items=["pasta"], explain=True),
        "score_batch": lambda c, _: c.score_batch([stranger, ScoreIn(user_id="bo", content="x")]),
        "rank": lambda c, _: c.rank("bo", 3, where={"minutes": {"<": 30}}, diversity=0.1),
        "decide": lambda c, _: c.decide("bo", {"cake": "plum cake"}, {"is_work_hours": True}),
        "outcome": lambda c, made: c.outcome(made, "done", dwell_ms=60_000, at=JUST_NOW),
        "decisions": lambda c, _: c.decisions(5, user="bo"),
        "users": lambda c, _: c.users(limit=3),
        "user": lambda c, _: c.user("bo"),
        "set_consent": lambda c, _: c.set_consent("bo", granted=True, until=JUST_NOW),
        "export": lambda c, _: c.export("bo"),
        "sliders": lambda c, _: c.sliders(),
        "put_slider": lambda c, _: c.put_slider("a/b", "words", "none"),
        "slider": lambda c, _: c.slider("a/b"),
        "remove_slider": lambda c, _: c.remove_slider("a/b"),
        "calibration": lambda c, _: c.calibration(),
        "fit": lambda c, _: c.fit(),
        "forget": lambda c, _: c.forget("bo"),
        "remove_item": lambda c, _: c.remove_item("pasta", if_version="*"),
    }


@pytest.fixture(scope="module")
def live():
    with served("--store", "sqlite://") as service:
        yield service


@pytest.fixture
def client(live):
    from vibrator.service.client import Client

    with Client(live.base) as found:
        yield found


def answer_many(ask, users=60):
    """Enough decisions with outcomes for a fit and a judgement, by `ask(verb, …)`."""
    for number in range(users):
        made = ask("decide", f"user {number}", {"a": "quick pasta", "b": "a ridge path"})
        what = "done" if number % 3 == 0 else "dismiss"
        ask("outcome", made.decision_id, what, dwell_ms=60_000)


def test_each_verb_is_answered_in_full_by_a_real_service(live):
    from vibrator.service.client import Client

    raw = []
    hooks = {"response": [lambda response: raw.append(response.read())]}
    with Client(live.base, event_hooks=hooks) as client:
        answer_many(lambda verb, *args, **options: getattr(client, verb)(*args, **options))
        made = client.decide("bo", {"cake": "plum cake"}).decision_id
        for verb, use in every_verb().items():
            answer = use(client, made)
            assert msgspec.to_builtins(answer) == msgspec.json.decode(raw[-1]), verb  # no more


def test_each_verb_can_be_awaited(live):
    from vibrator.service.client import AsyncClient

    async def walk():
        async with AsyncClient(live.base) as client:
            made = (await client.decide("bo", {"cake": "plum cake"})).decision_id
            return {verb: await use(client, made) for verb, use in every_verb().items()}

    found = asyncio.run(walk())
    assert found["score"].scores["a"]["kitchen"].why
    assert [one.user_id for one in found["score_batch"].results] == [None, "bo"]
    assert found["forget"].verified


def test_verbs_and_the_document_speak_of_the_same_routes_and_answers():
    from vibrator.service.app import openapi
    from vibrator.service.schemas import schema_of
    from vibrator.service.verbs import Now, Verb, Verbs

    class Planned(Verbs, Now):
        def send(self, call):
            return call

    verbs = {name for name, kind in vars(Verbs).items() if isinstance(kind, Verb)}
    assert verbs == every_verb().keys()
    service = Inside()
    paths = openapi(service.door.app)["paths"]
    service.close()
    documented = {
        (method.upper(), path): operation["responses"]["200"]["content"]["application/json"]
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path.startswith("/v1/")
    }
    spoken = set()
    for verb, use in every_verb().items():
        call = use(Planned(), "a-decision")
        route = next(
            (
                known
                for known in documented
                if known[0] == call.method and fits(known[1], call.path)
            ),
            None,
        )
        if verb != "ready":
            assert documented[route]["schema"] == schema_of(call.answer), verb
            spoken.add(route)
    assert spoken == documented.keys()


def fits(template, path):
    pattern = re.sub(r"\{\w+\}", "[^/]+", template)
    return re.fullmatch(pattern, path.partition("?")[0]) is not None


def test_every_answer_of_the_document_has_named_fields():
    service = Inside()
    document = service.ask("GET", "/openapi.json").json()
    service.close()
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            told = operation["responses"]["200"]["content"].get("application/json")
            if told is not None:
                name = told["schema"]["$ref"].rpartition("/")[2]
                assert schemas[name]["required"], path


def test_a_refusal_is_the_error_it_would_be_in_the_library(client):
    from vibrator.errors import BadInput, UnknownName, VersionConflict

    with pytest.raises(BadInput, match="content must be a text with words in it"):
        client.observe("bo", "click", " ")
    with pytest.raises(BadInput, match="one of content, contents and items must be given"):
        client.score("bo", {})
    with pytest.raises(BadInput, match="plain JSON"):
        client.observe("bo", "click", "pasta", weight=float("nan"))
    with pytest.raises(UnknownName):
        client.outcome("never made", "done")
    with pytest.raises(VersionConflict):
        client.put_slider("depth", "other words", if_version="another")


LONE = "\ud800"  # half of a pair: no Unicode


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda c: c.user(LONE), "user must be valid Unicode"),
        (lambda c: c.user(7), "user must be a text with words in it, got 7"),
        (lambda c: c.item(" "), "item must be a text with words in it"),
        (lambda c: c.users(LONE), "must be valid Unicode"),
        (lambda c: c.decisions(user=LONE), "must be valid Unicode"),
        (lambda c: c.items(["pasta", LONE]), "must be valid Unicode"),
        (lambda c: c.decide("bo", "pasta"), "candidates must be a list, got the single 'pasta'"),
        (lambda c: c.observe_many([], idempotency_key="ключ"), "Idempotency-Key must be printable"),
        (lambda c: c.observe_many([], idempotency_key="a\nb"), "Idempotency-Key must be printable"),
        (lambda c: c.remove_item("pasta", if_version="é"), "If-Match must be printable"),
    ],
)  # fmt: skip
def test_what_no_request_can_carry_is_refused_before_it_is_sent(use, words, client):
    from vibrator.errors import BadInput

    with pytest.raises(BadInput, match=words):
        use(client)


@pytest.mark.parametrize("key", ["vib_é", "vib_a_b\n"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key):
    from vibrator.errors import BadInput
    from vibrator.service.client import Client

    with pytest.raises(BadInput, match="as it was shown") as refused:
        Client("http://service", key=key)
    assert key.strip() not in str(refused.value)


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_of_dots_is_no_step_to_another_path(name, client):
    client.observe(name, "click", "quick pasta")
    assert client.export(name).user_id == name
    assert client.forget(name).users == [name]


def test_without_sliders_the_client_says_what_comes_first():
    from vibrator.errors import NotFitted
    from vibrator.service.client import Client

    problem = {"type": "urn:vibrator:not-fitted", "title": "not fitted", "status": 409,
               "detail": "there are no sliders yet"}  # fmt: skip
    with (
        Client("http://service", transport=answering(409, json=problem)) as client,
        pytest.raises(NotFitted, match="no sliders"),
    ):
        client.rank("bo")


def answering(status, **body):
    import httpx

    return httpx.MockTransport(lambda request: httpx.Response(status, **body))


@pytest.mark.parametrize(("status", "body"), [(503, b"<html>"), (200, b"<html>"), (200, b"{}")])
def test_what_is_no_answer_of_the_api_is_told_as_such(status, body):
    from vibrator.errors import StoreUnavailable, VibratorError
    from vibrator.service.client import Client

    kind = StoreUnavailable if status == 503 else VibratorError
    with (
        Client("http://proxy", transport=answering(status, content=body)) as client,
        pytest.raises(kind, match=f"answered {status}, and not in words of the API"),
    ):
        client.calibration()


def test_where_nobody_answers_the_service_is_unavailable():
    from vibrator.errors import StoreUnavailable
    from vibrator.service.client import AsyncClient, Client

    nowhere = "http://127.0.0.1:9"
    with Client(nowhere) as client, pytest.raises(StoreUnavailable, match="gave no answer"):
        client.sliders()

    async def ask():
        async with AsyncClient(nowhere) as client:
            await client.sliders()

    with pytest.raises(StoreUnavailable, match="gave no answer"):
        asyncio.run(ask())


def test_verbs_tell_how_they_are_used(client):
    from vibrator.service.client import Client

    assert list(inspect.signature(client.rank).parameters)[:2] == ["user", "k"]
    assert Client.rank.__doc__ == client.rank.__doc__ is not None


def test_the_blocks_of_the_documentation_walk_through_a_real_service(live):
    page = Path(__file__).parents[1] / "docs" / "service.md"
    names = {}
    for _, code in blocks(page):
        exec(code, names)
    assert names["walk"](live.base)
    found = asyncio.run(names["compare"](live.base))
    assert found.keys() == {"depth", "kitchen", "trails"}


def test_without_its_packages_the_client_says_how_to_get_them():
    program = "import sys; sys.modules['msgspec'] = None; import vibrator.service.client"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "msgspec is missing: pip install 'vibrator[service]'" in done.stderr
