"""The API: the loop over HTTP, and refusals that say what was wrong."""

import logging
from urllib.parse import quote

import pytest

from tests.service_running import Inside

pytestmark = pytest.mark.integration
WROTE = {"user_id": "ada", "type": "write", "content": "how do gRPC deadlines propagate?"}
SCORE = {"user_id": "ada", "content": "a deep guide to gRPC"}
OFFER = {"grpc": "a deep guide to gRPC", "cake": "plum cake"}


@pytest.fixture
def service():
    running = Inside()
    yield running
    running.close()


def decide(service, user="ada", key=None):
    return service.ask("POST", "/v1/decide", {"user_id": user, "candidates": OFFER}, key=key).json()


def test_the_loop_goes_round(service):
    assert service.ask("POST", "/v1/actions", WROTE).json() == {"accepted": 1, "received": 1}
    scores = service.ask("POST", "/v1/score", SCORE).json()["scores"]["content"]
    assert scores["depth"]["low"] < scores["depth"]["probability"] < scores["depth"]["high"]
    decision = decide(service)
    assert sum(decision["propensities"].values()) == pytest.approx(1.0)
    told = {"decision_id": decision["decision_id"], "what": "done", "dwell_ms": 60_000}
    assert service.ask("POST", "/v1/outcomes", told).json() == {"accepted": True}
    assert service.ask("POST", "/v1/outcomes", told).json() == {"accepted": False}
    listed = service.ask("GET", "/v1/decisions?user_id=ada").json()["decisions"]
    assert [one["decision_id"] for one in listed] == [decision["decision_id"]]


def test_what_is_observed_counts_in_the_next_score(service):
    before = service.ask("POST", "/v1/score", SCORE).json()["evidence"]
    service.ask("POST", "/v1/actions", WROTE)
    assert before == 0.0 < service.ask("POST", "/v1/score", SCORE).json()["evidence"]


def test_a_batch_answers_in_order_as_single_scores_do(service):
    service.ask("POST", "/v1/actions", WROTE)
    texts = ["a deep guide to gRPC", "plum cake", "a hut to hut traverse"]
    asked = [{"user_id": "ada", "content": text} for text in texts]
    together = service.ask("POST", "/v1/score/batch", {"requests": asked}).json()["results"]
    alone = [service.ask("POST", "/v1/score", one).json() for one in asked]
    assert [one["scores"] for one in together] == [one["scores"] for one in alone]


def test_a_stranger_is_scored_by_actions_and_not_kept(service):
    deeds = [{"type": "write", "content": "ran the ridge path at dawn"}]
    asked = {"actions": deeds, "contents": {"hike": "long mountain trails"}, "explain": True}
    found = service.ask("POST", "/v1/score", asked).json()["scores"]["hike"]["trails"]
    assert "ridge" in found["why"]
    assert sum(found["contributions"].values()) == pytest.approx(found["raw_score"])
    assert service.ask("GET", "/v1/users").json() == {"users": []}


def test_ranking_finds_what_fits_among_what_may_be_shown(service):
    items = [
        {
            "item_id": "alps",
            "text": "long mountain trails in the alps",
            "attributes": {"year": 2024},
        },
        {"item_id": "old", "text": "long mountain trails", "attributes": {"year": 1990}},
        {"item_id": "cake", "text": "plum cake", "attributes": {"year": 2024}},
    ]
    service.ask("PUT", "/v1/items", items)
    asked = {"user_id": "eve", "k": 2, "slider": "trails", "where": {"year": {">=": 2000}}}
    found = service.ask("POST", "/v1/rank", asked).json()["items"]
    assert [row["item_id"] for row in found] == ["alps", "cake"]


def test_an_idempotency_key_keeps_actions_once(service):
    headers = {"Idempotency-Key": "k-1"}
    many = [WROTE, {**WROTE, "content": "kernel scheduling"}]
    assert service.ask("POST", "/v1/actions", many, headers=headers).json()["accepted"] == 2
    assert service.ask("POST", "/v1/actions", many, headers=headers).json()["accepted"] == 0
    other = service.ask("POST", "/v1/actions", {**WROTE, "content": "x"}, headers=headers)
    assert other.status_code == 409


@pytest.mark.parametrize(
    "again",
    [
        [WROTE],
        [WROTE, {**WROTE, "content": "two"}, {**WROTE, "content": "three"}],
        [WROTE, {**WROTE, "content": "two", "type": "click"}],
        [WROTE, {**WROTE, "content": "two", "weight": 7.0}],
        [WROTE, {**WROTE, "content": "two", "metadata": {"km": 3}}],
        [WROTE, {**WROTE, "content": "two", "timestamp": "2026-01-01T00:00:00Z"}],
        [WROTE, {**WROTE, "content": "two", "user_id": "bo"}],
    ],
)
def test_an_idempotency_key_is_refused_with_other_actions(again, service):
    headers = {"Idempotency-Key": "k-1"}
    service.ask("POST", "/v1/actions", [WROTE, {**WROTE, "content": "two"}], headers=headers)
    answer = service.ask("POST", "/v1/actions", again, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:vibrator:key-used")


def test_whoever_was_merged_may_go_on_under_the_old_id(service):
    service.ask("POST", "/v1/actions", {**WROTE, "user_id": "cookie-7"})
    [desk] = service.house.desks.opened()
    desk.app.merge_users("cookie-7", "ada")
    late = {**WROTE, "user_id": "cookie-7", "content": "kernel scheduling"}
    headers = {"Idempotency-Key": "k-1"}
    told = [service.ask("POST", "/v1/actions", late, headers=headers).json() for _ in range(2)]
    assert [answer["accepted"] for answer in told] == [1, 0]
    assert service.ask("GET", "/v1/users").json() == {"users": ["ada"]}


def test_a_list_of_actions_is_kept_whole_or_not_at_all(service):
    mixed = [WROTE, {**WROTE, "user_id": "bo", "content": " "}]
    assert service.ask("POST", "/v1/actions", mixed).status_code == 422
    assert service.ask("GET", "/v1/users").json() == {"users": []}


def test_users_are_listed_a_page_at_a_time(service):
    names = ["Zoe", "ada", "bo", "çelik"]
    service.ask("POST", "/v1/actions", [{**WROTE, "user_id": name} for name in names])
    first = service.ask("GET", "/v1/users?limit=3").json()["users"]
    rest = service.ask("GET", f"/v1/users?limit=3&after={first[-1]}").json()["users"]
    assert (len(first), sorted(first + rest)) == (3, sorted(names))


@pytest.mark.parametrize(
    ("path", "body", "field", "value"),
    [
        ("/v1/score", {"user_id": 7, "content": "x"}, "user_id", 7),
        ("/v1/score/batch", {"requests": [SCORE, {**SCORE, "explain": "no"}]},
         "requests[1].explain", "no"),
        ("/v1/rank", {"user_id": "ada", "k": 0}, "k", 0),
        ("/v1/actions", {**WROTE, "content": " "}, "content", " "),
        ("/v1/actions", [WROTE, {**WROTE, "what": 1}], "[1].what", 1),
        ("/v1/actions", [], "actions", "0"),
        ("/v1/score", {"user_id": "ada", "content": " "}, "content", " "),
        ("/v1/score", {"user_id": "ada", "contents": {"a": "x", "b": "\t"}}, "contents.b", "\t"),
        ("/v1/score", {"user_id": "ada", "contents": {"": "x"}}, "contents", ""),
        ("/v1/score/batch", {"requests": [SCORE, {**SCORE, "content": ""}]},
         "requests[1].content", ""),
        ("/v1/decide", {"user_id": "ada", "candidates": {"a": " "}}, "candidates.a", " "),
        ("/v1/decide", {"user_id": " ", "candidates": {"a": "x"}}, "user_id", " "),
        ("/score/egreedy", {"user_id": "ada", "tips": [{"id": "a", "priority": "hot"}]},
         "priority", "'hot'"),
        ("/v1/decide", {"user_id": "ada", "candidates": "grpc"}, "candidates", "grpc"),
    ],
)  # fmt: skip
def test_a_problem_names_field_rule_and_value(service, path, body, field, value):
    answer = service.ask("POST", path, body)
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, told["field"], told["value"]) == (422, field, value)
    assert told["rule"]


def test_a_field_that_is_missing_is_named(service):
    told = service.ask("POST", "/v1/score/batch", {"requests": [SCORE, {}]}).json()
    assert told["field"] == "requests[1]"
    told = service.ask("POST", "/v1/rank", {}).json()
    assert (told["field"], "value" in told) == ("user_id", False)


def test_a_no_is_honoured_wherever_something_is_decided(service):
    service.ask("PUT", "/v1/users/ada/consent", {"granted": False})
    assert decide(service)["chosen"] == []
    tips = {"user_id": "ada", "tips": [{"id": "pay rent"}]}
    assert service.ask("POST", "/score/egreedy", tips).status_code == 403
    assert service.ask("POST", "/score/egreedy", {**tips, "user_id": "bo"}).status_code == 200


def test_egreedy_learns_from_its_outcomes(service):
    tips = {"user_id": "bo", "tips": [{"id": "rent", "priority": "urgent"}], "hour": 9,
            "day_of_week": 0}  # fmt: skip
    chosen = service.ask("POST", "/score/egreedy", tips).json()
    told = {"decision_id": chosen["decision_id"], "action": "done", "dwell_ms": 60_000}
    assert service.ask("POST", "/reward/egreedy", told).json()["reward"] == 1.0
    assert service.ask("GET", "/stats/egreedy/bo").json()["weights"]["priority"] > 0


def test_words_of_a_slider_change_its_version_and_old_versions_are_refused(service):
    first = service.ask("GET", "/v1/sliders/depth").headers["etag"]
    words = {"text": "how things work inside"}
    second = service.ask("PUT", "/v1/sliders/depth", words, headers={"If-Match": first})
    assert second.headers["etag"] != first
    again = service.ask("PUT", "/v1/sliders/depth", words, headers={"If-Match": first})
    assert again.status_code == 412


def test_two_processes_lose_no_slider_of_each_other(tmp_path):
    one, two = (Inside(store=f"sqlite:///{tmp_path}/app.db") for _ in range(2))
    seen = two.ask("GET", "/v1/sliders/depth").headers["etag"]
    one.ask("PUT", "/v1/sliders/depth", {"text": "how things work inside"})
    one.ask("PUT", "/v1/sliders/craft", {"text": "woodwork and joinery"})
    late = {"text": "other words"}
    refused = two.ask("PUT", "/v1/sliders/depth", late, headers={"If-Match": seen})
    assert refused.status_code == 412
    assert two.ask("PUT", "/v1/sliders/sea", {"text": "sailing boats"}).status_code == 200
    kept = {row["name"]: row["text"] for row in two.ask("GET", "/v1/sliders").json()["sliders"]}
    assert kept.keys() == {"depth", "kitchen", "trails", "craft", "sea"}
    assert kept["depth"] == "how things work inside"
    one.close()
    two.close()


@pytest.mark.parametrize("name", ["a/b", "a/../b", "?x=1#y", "100%", "naïve 名", "a/consent"])
def test_whatever_somebody_is_called_they_can_be_asked_about_and_forgotten(service, name):
    path = f"/v1/users/{quote(name, safe='')}"
    service.ask("POST", "/v1/actions", {**WROTE, "user_id": name})
    assert service.ask("GET", path).json()["events"] == 1
    assert service.ask("PUT", f"{path}/consent", {"granted": True}).json()["user_id"] == name
    assert service.ask("GET", f"{path}/export").json()["user_id"] == name
    assert service.ask("DELETE", path).json()["users"] == [name]
    assert service.ask("GET", "/v1/users").json() == {"users": []}


def test_an_id_that_ends_as_a_route_does_is_told_from_the_route(service):
    two = [{**WROTE, "user_id": "a"}, {**WROTE, "user_id": "a/export"}]
    service.ask("POST", "/v1/actions", two)
    assert service.ask("GET", "/v1/users/a%2Fexport").json()["user_id"] == "a/export"
    assert "profile" not in service.ask("GET", "/v1/users/a%2Fexport").json()
    exported = service.ask("GET", "/v1/users/a/export").json()
    assert (exported["user_id"], len(exported["actions"])) == ("a", 1)
    assert service.ask("GET", "/v1/users/a%2Fexport/export").json()["user_id"] == "a/export"


def test_without_sliders_the_service_says_how_to_begin():
    service = Inside(sliders={})
    assert "PUT /v1/sliders" in service.ask("POST", "/v1/score", SCORE).json()["detail"]
    assert service.ask("PUT", "/v1/sliders/depth", {"text": "documentation"}).status_code == 200
    assert service.ask("POST", "/v1/score", SCORE).status_code == 200
    service.close()


def test_forgetting_leaves_nothing(service):
    service.ask("POST", "/v1/actions", WROTE)
    decide(service)
    assert service.ask("DELETE", "/v1/users/ada").json()["verified"]
    assert set(service.ask("GET", "/v1/users/ada/export").json()) == {"user_id", "profile"}


def test_calibration_judges_what_was_said(service):
    for number in range(40):
        decision = decide(service, f"user {number}")
        what = "done" if number % 4 == 0 else "dismiss"
        told = {"decision_id": decision["decision_id"], "what": what, "dwell_ms": 60_000}
        service.ask("POST", "/v1/outcomes", told)
    found = service.ask("GET", "/v1/calibration").json()
    assert found["all"]["answered"] >= 30
    assert 0 <= found["all"]["brier_score"] <= 1
    assert b"vibrator_brier_score" in service.ask("GET", "/metrics").content


def test_texts_of_a_batch_are_counted_one_by_one(service):
    one = {"user_id": "ada", "contents": {"a": "gRPC", "b": "plum cake"}}
    service.ask("POST", "/v1/score/batch", {"requests": [one, SCORE]})
    assert "vibrator_texts_asked_total 3.0" in service.ask("GET", "/metrics").text


def test_metrics_count_by_route_and_reason_and_never_by_user(service):
    service.ask("POST", "/v1/actions", WROTE)
    decide(service)
    words = service.ask("GET", "/metrics").text
    assert 'route="/v1/decide"' in words
    assert "vibrator_decisions_total" in words
    assert "ada" not in words


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b'{"user_id": "\xff"}', 400), (b"\xfe\xff\x00{", 400), (b"", 400),
     (b"[1, 2]", 422), (b"x" * 10_000_000, 413), (b'{"context": {"a": ' + b"[" * 50_000, 422)],
)  # fmt: skip
def test_bad_bodies_are_refused_and_never_break_anything(service, content, status):
    headers = {"Content-Type": "application/json"}
    answer = service.ask("POST", "/v1/score", content=content, headers=headers)
    assert answer.status_code == status
    assert service.ask("GET", "/healthz").status_code == 200


def test_other_media_types_are_refused(service):
    answer = service.ask("POST", "/v1/score", content=b"{}", headers={"Content-Type": "a/b"})
    told = answer.json()
    assert (answer.status_code, told["field"], told["value"]) == (415, "content-type", "'a/b'")


def test_no_words_of_users_get_into_the_log(service, caplog, monkeypatch):
    def fail(_desk, asked):
        raise RuntimeError(f"failed on {asked.content}")

    monkeypatch.setattr("vibrator.service.serving.score_one", fail)
    with caplog.at_level(logging.DEBUG):
        answer = service.ask("POST", "/v1/score", {**SCORE, "content": "secret words"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_more_than_may_wait_is_turned_away():
    service = Inside(queue=1)
    service.house.lane.room = service.house.scoring.room = 0
    answer = service.ask("POST", "/v1/score", SCORE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert service.ask("GET", "/v1/users/ada").status_code == 429
    service.close()


def test_a_request_that_takes_too_long_is_given_up(service, monkeypatch):
    import time

    from vibrator.service.settings import Settings

    monkeypatch.setattr("vibrator.service.desk.Desk.reading", lambda *_: time.sleep(0.3))
    service.door.settings = Settings(request_seconds=0.05)
    assert service.ask("POST", "/v1/score", SCORE).status_code == 504


def test_a_score_of_what_is_known_does_not_wait_for_a_slow_reading(service, monkeypatch):
    import threading

    service.ask("POST", "/v1/score", SCORE)
    gate = threading.Event()
    scoring = service.house.scoring
    scoring._thread.submit(gate.wait)  # somebody's slow text keeps the encoder busy
    try:
        assert service.ask("POST", "/v1/score", SCORE).status_code == 200
    finally:
        gate.set()


def test_without_its_store_it_is_not_ready(service, monkeypatch):
    from vibrator.errors import StoreUnavailable

    def gone(_name):
        raise StoreUnavailable("the store does not answer")

    service.ask("GET", "/v1/users")
    [desk] = service.house.desks.opened()
    monkeypatch.setattr(desk.store, "note", gone)
    assert service.ask("GET", "/readyz").status_code == 503
    assert service.ask("GET", "/healthz").status_code == 200


def test_answers_about_people_are_kept_by_no_cache(service):
    assert service.ask("GET", "/v1/users").headers["cache-control"] == "no-store"
    assert "cache-control" not in service.ask("GET", "/static/vibrator.js").headers


def test_while_it_leaves_it_is_not_ready(service):
    assert service.ask("GET", "/readyz").status_code == 200
    service.house.leaving = True
    assert service.ask("GET", "/readyz").status_code == 503
