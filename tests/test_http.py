"""The JSON client and the language models, against a real server on the loopback."""

import json
import threading

import numpy as np
import pytest

from tests.scripted_server import Handler, Script, scripted
from vibrator.errors import BadInput, LimitReached, ModelUnavailable
from vibrator.http import AnthropicModel, JsonClient, LanguageModel, OpenAIModel


@pytest.fixture
def server():
    with scripted() as script:
        yield script


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def client(server, pauses):
    return JsonClient(server.url, sleep=pauses.append, rng=np.random.default_rng(1))


def test_json_goes_out_and_comes_back(server, client):
    assert client.post("/say", {"words": "schöne Wege"}) == {"ok": True}
    assert client.get("/find", {"q": "a b"}) == {"ok": True}

    (post, path, headers, body), (get, found, _, _) = server.seen
    assert (post, path, json.loads(body)) == ("POST", "/say", {"words": "schöne Wege"})
    assert headers["content-type"] == "application/json"
    assert (get, found) == ("GET", "/find?q=a+b")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_it_tries_again_with_growing_random_pauses(server, client, pauses, status):
    server.replies = [(status, {}, {}), (status, {}, {}), (200, {}, 7)]

    assert client.get() == 7
    assert 0 <= pauses[0] <= 0.5
    assert 0 <= pauses[1] <= 1.0


def test_it_waits_as_long_as_the_server_asks(server, client, pauses):
    server.replies = [(429, {"Retry-After": "9"}, {}), (200, {}, 7)]

    assert (client.get(), pauses) == (7, [9.0])


def test_it_does_not_wait_for_an_hour(server, client, pauses):
    server.replies = [(429, {"Retry-After": "3600"}, {})]

    with pytest.raises(LimitReached, match="429"):
        client.get()
    assert pauses == []


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_refusal_is_final(server, client, status):
    server.replies = [
        (status, {}, {"error": {"code": "no_such_model", "message": "you sent SECRET"}})
    ]

    with pytest.raises(ModelUnavailable, match=rf"{status} .*\(no_such_model\)") as caught:
        client.post("/x", {})
    assert "SECRET" not in str(caught.value)
    assert len(server.seen) == 1


def test_it_gives_up_after_its_retries(server, client):
    server.replies = [(503, {}, {})]

    with pytest.raises(ModelUnavailable, match="503"):
        client.get()
    assert len(server.seen) == 4


def test_a_redirect_is_not_followed(server, client):
    server.replies = [(302, {"Location": f"{server.url}/elsewhere"}, {}), (200, {}, 7)]

    with pytest.raises(ModelUnavailable, match="302"):
        client.get()
    assert len(server.seen) == 1


def test_a_reply_that_is_not_json_is_refused(server, client):
    server.replies = [(200, {}, b"<html>")]

    with pytest.raises(ModelUnavailable, match="not JSON"):
        client.get()


def test_nobody_there_is_said_at_once(pauses):
    with Script() as gone:
        url = gone.url
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        JsonClient(url, sleep=pauses.append).get()
    assert pauses == []


def test_silence_ends_at_the_timeout(server):
    release = threading.Event()
    server.RequestHandlerClass = type(
        "Silent", (Handler,), {"do_GET": lambda self: release.wait(5) and None}
    )
    try:
        with pytest.raises(ModelUnavailable, match="did not answer"):
            JsonClient(server.url, timeout=0.05).get()
    finally:
        release.set()


def test_the_loopback_ignores_proxies(server, client, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)

    assert client.get() == {"ok": True}


def test_keys_never_show(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-secret")
    model = OpenAIModel("m", url=server.url, key_from="MY_KEY")
    server.replies = [(401, {}, {"error": {"message": "bad key sk-secret"}})]

    with pytest.raises(ModelUnavailable) as caught:
        model.complete("hi")
    assert server.seen[0][2]["authorization"] == "Bearer sk-secret"
    assert "secret" not in f"{caught.value}{model}{model.client!r}"


def test_openai_words(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server.replies = [
        (200, {}, {"choices": [{"message": {"content": "done"}, "finish_reason": "stop"}]})
    ]
    model = OpenAIModel("small", url=server.url, options={"seed": 1, "temperature": None})

    assert model.complete("One word?") == "done"
    assert isinstance(model, LanguageModel)
    sent = json.loads(server.seen[0][3])
    assert sent == {
        "model": "small",
        "messages": [{"role": "user", "content": "One word?"}],
        "seed": 1,
    }
    assert "authorization" not in server.seen[0][2]


def test_anthropic_words(server, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    blocks = [
        {"type": "thinking", "thinking": "…"},
        {"type": "text", "text": "do"},
        {"type": "text", "text": "ne"},
    ]
    server.replies = [(200, {}, {"content": blocks, "stop_reason": "end_turn"})]

    assert AnthropicModel("small", url=server.url).complete("One word?") == "done"
    _, path, headers, body = server.seen[0]
    assert (path, headers["x-api-key"], headers["anthropic-version"]) == (
        "/v1/messages",
        "k",
        "2023-06-01",
    )
    assert json.loads(body)["max_tokens"] == 2048


@pytest.mark.parametrize(
    ("build", "reply"),
    [
        (OpenAIModel, {"choices": [{"message": {"content": "do"}, "finish_reason": "length"}]}),
        (AnthropicModel, {"content": [], "stop_reason": "max_tokens"}),
    ],
)  # fmt: skip
def test_half_an_answer_is_refused(server, build, reply):
    server.replies = [(200, {}, reply)]

    with pytest.raises(LimitReached, match="cut off"):
        build("small", url=server.url).complete("hi")


@pytest.mark.parametrize("build", [OpenAIModel, AnthropicModel])
@pytest.mark.parametrize("reply", [{}, [], {"choices": []}, {"content": None}])
def test_another_protocol_is_refused(server, build, reply):
    server.replies = [(200, {}, reply)]

    with pytest.raises(ModelUnavailable, match="sent no"):
        build("small", url=server.url).complete("hi")


@pytest.mark.parametrize("build", [OpenAIModel, AnthropicModel])
def test_a_missing_key_is_named(build, monkeypatch):
    monkeypatch.delenv("ABSENT_KEY", raising=False)

    with pytest.raises(ModelUnavailable, match="ABSENT_KEY is not set"):
        build("m", url="https://llm.invalid", key_from="ABSENT_KEY")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"url": "file:///etc/passwd"}, "http://"),
        ({"url": "https://me:pw@host"}, "user or password"),
        ({"url": "http://host", "timeout": 0}, "positive"),
        ({"url": "http://host", "retries": -1}, "negative"),
    ],
)
def test_bad_settings_are_refused(arguments, reason):
    with pytest.raises(BadInput, match=reason):
        JsonClient(**arguments)
