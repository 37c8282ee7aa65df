"""Who may come in: keys, scopes, tenants, rates, origins."""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.service_running import Inside

pytestmark = pytest.mark.integration
SECRET = "zanzibar"  # in every id of tenant A
WORDS = "wombat"  # in every text of tenant A; never to be seen by B, who asks for A's ids
BODIES = {
    "/v1/actions": {"user_id": f"{SECRET}-user", "type": "write", "content": "plain words"},
    "/v1/score": {"user_id": f"{SECRET}-user", "content": "x"},
    "/v1/score/batch": {"requests": [{"user_id": f"{SECRET}-user", "items": [f"{SECRET}-item"]}]},
    "/v1/rank": {"user_id": f"{SECRET}-user"},
    "/v1/decide": {"user_id": f"{SECRET}-user", "candidates": [f"{SECRET}-item"]},
    "/v1/items": {"item_id": f"{SECRET}-item", "text": "plain text"},
    "/score/egreedy": {"user_id": f"{SECRET}-user", "tips": [{"id": "rent"}]},
}
TOLD_BY_B = {
    "/v1/users",
    "/v1/decisions",
    "/console/users",
    "/console",
    "/console/decisions",
    "/v1/sliders",
    "/console/system",
}  # B has told of things with the same names by then
ANYWHERE = {"/healthz", "/readyz", "/openapi.json", "/console/login"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A service with keys of two tenants, and a life of tenant A."""
    from vibrator.service.keys import Caller, Keyring

    folder = tmp_path_factory.mktemp("keys")
    ring, keys = Keyring(), {}
    for name, tenant, scopes in (
        ("a", "tenant-a", "admin"), ("b", "tenant-b", "admin"),
        ("reader", "tenant-a", "read"), ("writer", "tenant-a", "write"),
    ):  # fmt: skip
        keys[name] = ring.issue(Caller(name, tenant, frozenset({scopes}), 1e6))
    keys["slow"] = ring.issue(Caller("slow", "tenant-c", frozenset({"read"}), 0.5))
    ring.save(folder / "keys.json")
    service = Inside(store=f"sqlite:///{folder}/app.db", keys_file=folder / "keys.json")
    service.keys, service.folder = keys, folder
    ask = service.ask
    ask("PUT", "/v1/items", {**BODIES["/v1/items"], "text": WORDS}, key=keys["a"])
    ask("POST", "/v1/actions", {**BODIES["/v1/actions"], "content": WORDS}, key=keys["a"])
    slider = {"text": f"{WORDS} preferences"}
    ask("PUT", f"/v1/sliders/{SECRET}-slider", slider, key=keys["a"])
    made = ask("POST", "/v1/decide", BODIES["/v1/decide"], key=keys["a"]).json()
    told = {"decision_id": made["decision_id"], "what": f"{WORDS} outcome"}
    assert ask("POST", "/v1/outcomes", told, key=keys["a"]).status_code == 200
    service.decision = made["decision_id"]
    yield service
    service.close()


def routes(service):
    """(method, path) of every route, its parameters filled with ids of tenant A."""
    names = {"user_id": f"{SECRET}-user", "item_id": f"{SECRET}-item", "name": f"{SECRET}-slider"}
    for route in walked(service.door.app.routes):
        for method in sorted(getattr(route, "methods", None) or ()):
            if method in {"GET", "POST", "PUT", "DELETE"}:
                yield (
                    method,
                    re.sub(r"\{(\w+)(?::path)?\}", lambda m: names[m[1]], route.path),
                    route.path,
                )


def walked(found):
    for route in found:
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        yield from walked(inner.routes) if inner is not None else (route,)


def body_for(service, method, path):
    if path == "/v1/outcomes":
        return {"decision_id": service.decision, "what": "done"}
    if path == "/reward/egreedy":
        return {"decision_id": service.decision, "action": "done"}
    if path.endswith("/consent"):
        return {"granted": True}
    if "/sliders/" in path and method == "PUT":
        return {"text": "something else"}
    return BODIES.get(path, {} if method != "GET" else None)


def test_every_route_wants_a_key(guarded):
    asked = list(routes(guarded))
    assert len(asked) > 40
    for method, path, template in asked:
        if template in ANYWHERE:
            continue
        answer = guarded.ask(method, path, body_for(guarded, method, path))
        console = method == "GET" and path.startswith("/console")
        assert answer.status_code == (303 if console else 401), (method, path)


def test_no_id_of_one_tenant_is_visible_to_another(guarded):
    key = guarded.keys["b"]
    for method, path, template in routes(guarded):
        if template == "/console/logout":
            continue
        asked = body_for(guarded, method, path)
        answer = guarded.ask(method, path, asked, key=key)
        assert answer.status_code < 500, (method, path)
        assert WORDS not in answer.text, (method, path)
        if guarded.decision not in str(asked):
            assert guarded.decision not in answer.text, (method, path)
        elif method == "POST":
            assert answer.status_code == 404, (method, path)
        if not (SECRET in path or SECRET in str(asked) or template in TOLD_BY_B):
            assert SECRET not in answer.text, (method, path)
    listed = guarded.ask("GET", "/v1/users", key=guarded.keys["a"]).json()["users"]
    assert listed == [f"{SECRET}-user"]  # what B did in passing touched nothing of A


def test_scopes_are_kept(guarded):
    read, write = guarded.keys["reader"], guarded.keys["writer"]
    wrote = BODIES["/v1/actions"]
    assert guarded.ask("POST", "/v1/actions", wrote, key=read).status_code == 403
    assert guarded.ask("POST", "/v1/score", BODIES["/v1/score"], key=write).status_code == 403
    assert guarded.ask("DELETE", f"/v1/users/{SECRET}-user", key=write).status_code == 403
    assert guarded.ask("GET", "/v1/users", key=read).status_code == 200


def test_keys_are_kept_as_digests_for_their_owner_alone(guarded):
    path = guarded.folder / "keys.json"
    assert path.stat().st_mode & 0o077 == 0
    assert not any(key.split("_", 2)[2] in path.read_text() for key in guarded.keys.values())


def test_a_wrong_key_opens_nothing(guarded):
    for key in ("vib_x_y", guarded.keys["a"] + "x", guarded.keys["a"][:-1], "é"):
        headers = {"Authorization": f"Bearer {key}".encode()}
        assert guarded.ask("GET", "/v1/users", headers=headers).status_code == 401


def test_a_key_may_ask_as_often_as_it_was_given(guarded):
    answers = [guarded.ask("GET", "/v1/users", key=guarded.keys["slow"]) for _ in range(3)]
    assert [one.status_code for one in answers][-1] == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_keys_of_one_name_are_told_apart():
    from vibrator.service.keys import Caller, Keyring

    ring = Keyring()
    read = frozenset({"read"})
    keys = [ring.issue(Caller("app", tenant, read)) for tenant in ("acme", "acme", "globex")]
    assert len({ring.caller(key).key_id for key in keys}) == 3  # each has a rate of its own
    assert ring.revoke("app", "acme") == 2
    assert [ring.caller(key) is not None for key in keys] == [False, False, True]


def test_a_ring_without_keys_is_refused(tmp_path):
    from vibrator.errors import Refused

    with pytest.raises(Refused, match="serve key NAME --keys-file"):
        Inside(keys_file=tmp_path / "nothing.json")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("PORT", "abc", "port.*VIBRATOR_PORT.* must be a .*integer.*got 'abc'"),
        ("THREADS", "0", "threads.*must be greater than or equal to 1"),
        ("SLIDERS", "{", "sliders"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(name, text, words, monkeypatch):
    from vibrator.errors import BadInput
    from vibrator.service.settings import Settings

    monkeypatch.setenv(f"VIBRATOR_{name}", text)
    with pytest.raises(BadInput, match=words):
        Settings.told()


def test_trouble_in_the_console_is_a_page_for_people_and_a_problem_for_programs(guarded):
    page = {"Accept": "text/html"}
    asked = ("POST", "/console/calibration/fit")
    told = guarded.ask(*asked, key=guarded.keys["reader"], headers=page)
    assert (told.status_code, told.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "must have the scope &#39;admin&#39;" in told.text
    plain = guarded.ask(*asked, key=guarded.keys["reader"])
    assert plain.headers["content-type"] == "application/problem+json"
    nowhere = guarded.ask("GET", "/console/nowhere", key=guarded.keys["reader"], headers=page)
    assert (nowhere.status_code, "<nav" in nowhere.text) == (404, True)


def test_what_the_door_refuses_in_the_console_is_a_page_too(guarded):
    page, slow = {"Accept": "text/html"}, guarded.keys["slow"]
    asked = ("POST", "/console/calibration/fit")
    out = guarded.ask(*asked, headers=page)
    assert (out.status_code, out.headers["location"]) == (303, "/console/login")
    foreign = guarded.ask(*asked, headers={**page, "Origin": "http://evil.example"})
    often = [guarded.ask("GET", "/console/users", key=slow, headers=page) for _ in range(3)][-1]
    for answer, status, words in ((foreign, 403, "another site"), (often, 429, "times a second")):
        assert (answer.status_code, "<nav" in answer.text) == (status, True)
        assert words in answer.text.replace("&#39;", "'")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert int(often.headers["retry-after"]) >= 1
    huge = {**page, "Content-Type": "application/x-www-form-urlencoded"}
    content = b"key=" + b"x" * 2_000_000
    answer = guarded.ask("POST", "/console/login", content=content, headers=huge)
    assert (answer.status_code, "<nav" in answer.text) == (413, True)


def test_without_the_console_its_address_is_not_found():
    service = Inside(console=False)
    answer = service.ask("GET", "/console", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["title"]) == (404, "not found")
    service.close()


def test_a_session_is_a_key_until_it_is_ended(guarded):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    wrong = guarded.ask("POST", "/console/login", content=b"key=vib_no", headers=form)
    assert wrong.status_code == 401
    content = f"key={guarded.keys['a']}".encode()
    answer = guarded.ask("POST", "/console/login", content=content, headers=form)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert guarded.keys["a"] not in cookie
    held = {"Cookie": cookie.partition(";")[0]}
    assert guarded.ask("GET", "/console/users", headers=held).status_code == 200
    assert guarded.ask("GET", "/console/logout", headers=held).status_code == 405  # no link does it
    foreign = {**held, "Origin": "http://evil.example"}
    assert guarded.ask("POST", "/console/logout", headers=foreign).status_code == 403
    assert guarded.ask("GET", "/console/users", headers=held).status_code == 200
    assert guarded.ask("POST", "/console/logout", headers=held).status_code == 303
    assert guarded.ask("GET", "/console/users", headers=held).status_code == 303


def test_an_open_door_is_refused():
    from vibrator.errors import Refused
    from vibrator.service.settings import Settings

    for host in ("0.0.0.0", "::", "192.168.1.4", "example.org"):
        with pytest.raises(Refused, match="keys"):
            Settings(host=host).refuse_open_doors()
    Settings(host="::1").refuse_open_doors()


def test_pages_from_elsewhere_may_not_change_anything():
    service = Inside()
    wrote = {"user_id": "ada", "type": "write", "content": "x"}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert service.ask("POST", "/v1/actions", wrote, headers=headers).status_code == 403
    rebound = {"Host": "evil.example"}
    assert service.ask("GET", "/v1/users", headers=rebound).status_code == 421
    assert service.ask("POST", "/v1/actions", wrote, headers={"Origin": "null"}).status_code == 403
    for own in (
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost"},
    ):
        assert service.ask("POST", "/v1/actions", wrote, headers=own).status_code == 200
    service.close()


def test_no_other_origin_is_let_in_by_cors():
    service = Inside()
    elsewhere = {"Origin": "http://evil.example"}
    asking = {**elsewhere, "Access-Control-Request-Method": "POST"}
    for answer in (
        service.ask("GET", "/v1/users", headers=elsewhere),
        service.ask("OPTIONS", "/v1/score", headers=asking),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.status_code == 405
    service.close()


def test_every_setting_and_every_route_is_documented():
    from vibrator.service.settings import Settings

    words = (Path(__file__).parents[1] / "docs" / "service.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in words] == []
    service = Inside()
    operations = service.ask("GET", "/openapi.json").json()["paths"]
    service.close()
    for path, methods in operations.items():
        assert path.rpartition("/")[2].partition("{")[0] in words, path
        for method, told in methods.items():
            body = told.get("requestBody", {"content": {"application/json": {"example": ""}}})
            assert "example" in body["content"]["application/json"], (method, path)


def test_pages_carry_a_policy_that_lets_nothing_in():
    service = Inside()
    headers = service.ask("GET", "/console").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    service.close()


MARKUP = "\"><img src=x onerror=alert(1)>&'"
PAGES = ("", "/users", f"/users/{quote(MARKUP, safe='')}", "/decisions", "/system", "/calibration",
         f"/experiments?domain={quote(MARKUP)}", "/simulations", f"/users?after={quote(MARKUP)}",
         f"/nowhere/{quote(MARKUP)}", "/users/%00", "/users/%ff", f"/users/{'a' * 5_000}",
         "/users?id=%00")  # fmt: skip


def test_whatever_people_and_sliders_are_called_no_page_takes_it_for_markup():
    service = Inside()
    words = {"text": MARKUP, "opposite": MARKUP}
    service.ask("PUT", f"/v1/sliders/{quote(MARKUP, safe='')}", words)
    wrote = {"user_id": MARKUP, "type": MARKUP, "content": MARKUP}
    assert service.ask("POST", "/v1/actions", wrote).json()["accepted"] == 1
    asked = {"user_id": MARKUP, "candidates": {MARKUP: MARKUP}, "surface": MARKUP}
    made = [service.ask("POST", "/v1/decide", asked).json() for _ in range(4)]
    for one in made:
        told = {"decision_id": one["decision_id"], "what": MARKUP}
        service.ask("POST", "/v1/outcomes", told)
    for path in PAGES:
        answer = service.ask("GET", f"/console{path}", headers={"Accept": "text/html"})
        assert answer.status_code < 500, path
        assert "<img src=x" not in answer.text, path
    assert "&lt;img src=x" in service.ask("GET", "/console/decisions").text
    service.close()


@pytest.mark.parametrize("verb", ["score", "remember", "decide", "outcome"])
def test_forms_refuse_what_is_wrong_and_repeat_it_as_words(verb):
    service = Inside()
    forms = ({"user": MARKUP, "did": MARKUP, "a": MARKUP, "what": MARKUP, "decision_id": MARKUP},
             {"what": "done", "dwell": "nan"}, {"what": "done", "dwell": MARKUP}, {})  # fmt: skip
    for form in forms:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
        path, content = f"/console/playground/{verb}", urlencode(form).encode()
        answer = service.ask("POST", path, content=content, headers=headers)
        assert answer.status_code < 500, form
        assert "<img src=x" not in answer.text
    service.close()
