"""The remote encoder against a real server on the loopback interface."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import open_model
from vibrator.encoders.sqlite_cache import SQLiteVectorCache
from vibrator.errors import BadInput, ModelUnavailable


class Endpoint(BaseHTTPRequestHandler):
    """Speaks /v1/embeddings; a text's vector tells its length, and answers come shuffled."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers.get("Authorization"), body))
        if self.server.failures:
            self.send_error(self.server.failures.pop(0))
            return
        size = self.server.size or body.get("dimensions", 4)
        data = [
            {"index": i, "embedding": [float(len(text)), 1.0, *[0.5] * (size - 2)]}
            for i, text in enumerate(body["input"])
        ]
        answer = json.dumps(self.server.answer or {"data": data[::-1]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as running:
        running.seen, running.failures, running.size, running.answer = [], [], None, None
        running.url = f"http://127.0.0.1:{running.server_port}/v1#tiny"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def remote(server, **settings):
    return open_model(EncoderConfig(server.url, **settings))


def test_order_is_kept_over_batches(server):
    texts = ["a" * n for n in range(1, 8)]

    vectors = remote(server, batch_size=3).vectors("", texts)

    assert vectors[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert [len(body["input"]) for _, _, body in server.seen] == [3, 3, 1]
    assert {path for path, _, _ in server.seen} == {"/v1/embeddings"}


def test_the_model_and_the_dimensions_are_asked_for(server):
    vectors = remote(server, dimensions=6).vectors("", ["a"])

    assert vectors.shape == (1, 6)
    assert server.seen[0][2]["model"] == "tiny"
    assert server.seen[0][2]["dimensions"] == 6


def test_the_key_comes_from_the_environment_and_is_shown_nowhere(server, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    server.failures = [401]
    model = remote(server)

    with pytest.raises(ModelUnavailable) as refused:
        model.vectors("", ["a"])

    assert server.seen[0][1] == "Bearer sk-secret"
    assert "sk-secret" not in f"{refused.value!r} {refused.traceback} {model!r} {caplog.text}"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_overload_is_tried_again(server, status, monkeypatch):
    monkeypatch.setattr("vibrator.encoders.remote.FIRST_PAUSE_SECONDS", 0.001)
    server.failures = [status, status]

    assert remote(server).vectors("", ["abc"])[0, 0] == 3
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_not_tried_again(server, status):
    server.failures = [status]

    with pytest.raises(ModelUnavailable, match=str(status)):
        remote(server).vectors("", ["abc"])
    assert len(server.seen) == 1


def test_another_dimension_than_asked_is_refused(server):
    server.size = 5

    with pytest.raises(ModelUnavailable, match="5 numbers where 6"):
        remote(server, dimensions=6).vectors("", ["a"])


@pytest.mark.parametrize(
    "answer",
    [{"no": "data"}, {"data": []}, {"data": [{"index": 3, "embedding": [1.0, 2.0]}]}, {"data": 3}],
)
def test_an_answer_that_is_none_is_refused(server, answer):
    server.answer = answer

    with pytest.raises(ModelUnavailable):
        remote(server).vectors("", ["a"])


def test_the_url_must_name_the_model(server):
    with pytest.raises(BadInput, match="#text-embedding"):
        open_model(EncoderConfig(server.url.partition("#")[0]))


def test_a_server_elsewhere_needs_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(BadInput, match="OPENAI_API_KEY"):
        open_model(EncoderConfig("https://api.example/v1#m"))


def test_nobody_there_is_said():
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        open_model(EncoderConfig("http://127.0.0.1:9/v1#m")).vectors("", ["a"])


def test_through_the_front_with_a_cache_each_text_is_sent_once(server, tmp_path):
    config = EncoderConfig(server.url, dimensions=8, center=False, normalize_layer=False)
    with SQLiteVectorCache(tmp_path / "vectors.db") as cache:
        first = InstructionalEncoder(config, cache=cache).encode_items(["a", "bb"])
        again = InstructionalEncoder(config, cache=cache).encode_items(["bb", "a"])

    np.testing.assert_array_equal(first, again[::-1])
    assert len(server.seen) == 1
