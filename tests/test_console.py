"""The console in a real browser: every page, a full walk, nothing from elsewhere, no barrier."""

import os
from pathlib import Path

import pytest

from tests.service_running import Process

pytestmark = pytest.mark.integration
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip
AXE = Path(__file__).parent / "axe" / "axe.min.js"  # axe-core 4.14, MPL-2.0, beside its licence
PAGES = {
    "playground": "/console",
    "users": "/console/users",
    "user": "/console/users/Ada",
    "calibration": "/console/calibration",
    "decisions": "/console/decisions",
    "simulations": "/console/simulations",
    "experiments": "/console/experiments",
    "value": "/console/value",
    "system": "/console/system",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    service = Process("--demo", "--ltv-models", str(folder))
    try:
        yield service.wait()
    finally:
        service.stop()


@pytest.fixture(scope="module")
def empty():
    service = Process("--store", "sqlite://")
    try:
        yield service.wait()
    finally:
        service.stop()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def shots(tmp_path):
    folder = Path(os.environ.get("VIBRATOR_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(browser, demo):
    """A page that keeps what it complains about and whom it asks."""
    found = browser.new_page(base_url=demo.base, viewport={"width": 1280, "height": 860})
    watch(found)
    yield found
    found.close()


def watch(page):
    page.complaints, page.asked = [], []
    page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))


def require_quiet(page, service):
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith((service.base, "data:"))] == []


def barriers(page):
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] != "minor"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_quiet_and_without_barriers(name, scheme, page, demo, shots):
    page.emulate_media(color_scheme=scheme)
    page.goto(PAGES[name])
    page.screenshot(path=shots / f"{name}-{scheme}.png", full_page=True)
    assert page.locator("nav [aria-current=page]").count() == 1
    assert barriers(page) == []
    require_quiet(page, demo)


def test_the_whole_walk(page, demo, shots):
    page.goto("/console")
    page.fill("#user", "Dmitri")
    page.fill("#did", "write: quick weeknight recipes with chickpeas")
    page.fill("#a", "Sheet pan gnocchi: a quick weeknight recipe")
    page.fill("#b", "The history of the fax machine")
    page.get_by_role("button", name="Score").click()
    page.wait_for_selector("#result svg")
    assert "chickpeas" in page.inner_text("#result")
    assert barriers(page) == []
    page.screenshot(path=shots / "playground-scored.png", full_page=True)
    page.get_by_role("button", name="Remember what they did").click()
    page.wait_for_selector("text=1 actions of Dmitri are kept")
    page.wait_for_function("document.getElementById('did').value === ''")
    reward_of_a_decision(page)
    page.screenshot(path=shots / "playground-decided.png", full_page=True)
    page.goto("/console/decisions")
    row = page.locator("tbody tr", has_text="Dmitri").first
    assert "done" in row.inner_text()
    page.goto("/console/users/Dmitri")
    assert "chickpeas" in page.inner_text("main")
    require_quiet(page, demo)


def reward_of_a_decision(page):
    """Decide until something is shown (exploring may choose nothing), and tell what came of it."""
    for _ in range(8):
        page.get_by_role("button", name="Decide").click()
        page.wait_for_selector("#result h2")
        if page.get_by_role("button", name="done").count():
            break
    page.get_by_role("button", name="done").click()
    page.wait_for_selector("text=“done” is kept")


def test_a_rehearsal_is_watched_live(page, demo, shots):
    page.goto("/console/simulations")
    page.fill("#events", "150")
    page.fill("#seeds", "2")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector("text=Done: 150 events", timeout=90_000)
    assert "Person by person" in page.inner_text("#run")
    page.screenshot(path=shots / "simulations-done.png", full_page=True)
    assert barriers(page) == []
    require_quiet(page, demo)


def test_plain_forms_are_taken_and_answered_by_a_page(page, demo):
    page.goto("/console/users/Chioma")
    page.get_by_role("button", name="They say yes").click()
    page.wait_for_selector("text=They said yes to personalization")
    page.goto("/console/system")
    page.fill("#slider-name", "craft")
    page.fill("#slider-text", "woodwork and joinery")
    page.get_by_role("button", name="Keep this slider").click()
    page.wait_for_selector("text=The slider is kept")
    page.goto("/console/calibration")
    page.get_by_role("button", name="Fit calibrators").click()
    page.wait_for_selector(".note")
    assert "another site" not in page.inner_text("body")
    require_quiet(page, demo)


def test_somebody_is_found_and_forgotten(page, demo):
    page.goto("/console/users")
    page.fill("#id", "Bruno")
    page.get_by_role("button", name="Open").click()
    page.check("[name=sure]")
    page.get_by_role("button", name="Forget Bruno").click()
    page.wait_for_url("**/console/users")
    assert "Bruno" not in page.inner_text("main ul")
    require_quiet(page, demo)


def test_without_the_script_the_same_forms_lead_to_pages(browser, demo):
    page = browser.new_page(base_url=demo.base, java_script_enabled=False)
    page.goto("/console")
    page.get_by_role("button", name="Score").click()
    assert page.locator("main svg").count() == 2
    page.close()


@pytest.fixture
def keyed(tmp_path):
    """A service that asks for keys, and one of them."""
    from vibrator.service.keys import Caller, Keyring

    ring = Keyring()
    key = ring.issue(Caller("ann", "acme", frozenset({"admin"})))
    ring.save(tmp_path / "keys.json")
    service = Process("--store", "sqlite://", "--keys-file", str(tmp_path / "keys.json"))
    try:
        yield service.wait(), key
    finally:
        service.stop()


def test_a_key_logs_in_and_out(browser, keyed, shots):
    service, key = keyed
    page = browser.new_page(base_url=service.base)
    watch(page)
    page.goto("/console")  # leads to the log-in
    page.screenshot(path=shots / "login.png", full_page=True)
    assert barriers(page) == []
    page.fill("#key", key)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("text=acme · ann")
    assert barriers(page) == []
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/console/login")
    page.goto("/console/users")
    assert page.url.endswith("/console/login")
    require_quiet(page, service)
    page.close()


@pytest.mark.parametrize("source", ["page", "documentation"])
def test_the_snippet_for_a_web_page_works_in_one(source, page, demo):
    if source == "page":
        page.goto("/console/system")
        snippet = page.inner_text("pre")
    else:
        words = (Path(__file__).parents[1] / "docs" / "service.md").read_text(encoding="utf-8")
        snippet = words.partition("```html\n")[2].partition("```")[0]
        snippet = snippet.replace("https://api.example.org", demo.base).replace(
            ', key: "vib_…"', ""
        )
    page.route("**/shop.html", lambda route: route.fulfill(
        content_type="text/html", body=f"<!doctype html><title>shop</title>{snippet}"))  # fmt: skip
    with page.expect_response("**/v1/decide") as decided:
        page.goto("/shop.html")
    assert decided.value.status == 200
    assert decided.value.json()["user_id"] == "ada"
    require_quiet(page, demo)


def test_a_page_may_send_more_than_a_browser_sends_for_pages_that_are_left(page, demo):
    page.goto("/console")
    page.add_script_tag(url="/static/vibrator.js")
    answered = page.evaluate("""async () => {
        const vibrator = new Vibrator({ base: location.origin });
        const offer = { long: "quick weeknight recipes ".repeat(400) };
        const asked = Array.from({ length: 8 }, () => vibrator.score("Ada", offer));
        return (await Promise.all(asked)).length;
    }""")  # 77 kB at once; browsers carry 64 KiB beyond the end of a page
    assert answered == 8
    require_quiet(page, demo)


def test_what_is_typed_is_never_run(page, demo):
    page.goto("/console")
    page.fill("#a", "<img src=x onerror=alert(1)>")
    page.fill("#did", "click: <script>alert(2)</script>")
    page.get_by_role("button", name="Score").click()
    page.wait_for_selector("#result svg")
    assert page.locator("#result img, #result script").count() == 0
    require_quiet(page, demo)


def test_a_refusal_of_the_door_is_shown_as_words_and_never_as_markup(page):
    page.goto("/console")
    said = '{"status": 429, "detail": "<img src=x onerror=alert(1)> too often"}'
    page.route("**/playground/score", lambda route: route.fulfill(
        status=429, content_type="application/problem+json", body=said))  # fmt: skip
    page.get_by_role("button", name="Score").click()
    page.wait_for_selector("#result [role=alert]")
    assert "<img src=x" in page.inner_text("#result")
    assert page.locator("#result img").count() == 0


def test_on_a_telephone_the_answer_comes_into_sight_and_can_be_read(browser, demo):
    page = browser.new_page(base_url=demo.base, viewport={"width": 390, "height": 800})
    page.goto("/console")
    page.get_by_role("button", name="Score").click()
    page.wait_for_selector("#result svg")
    page.wait_for_function("document.getElementById('result').getBoundingClientRect().top < 700")
    box = page.locator("#result svg").first.bounding_box()
    drawn = page.locator("#result svg").first.get_attribute("viewBox").split()
    assert box["width"] / float(drawn[2]) > 0.7  # of the size of letters on a big screen
    page.close()


def test_a_wrong_line_is_answered_with_the_rule(page):
    page.goto("/console")
    page.fill("#did", "no colon here")
    page.get_by_role("button", name="Score").click()
    page.wait_for_selector("#result [role=alert]")
    assert "must look like" in page.inner_text("#result")


def test_everything_is_within_reach_of_the_keyboard(page):
    page.goto("/console")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "user"


def test_empty_pages_teach_what_to_do(browser, empty, shots):
    page = browser.new_page(base_url=empty.base)
    watch(page)
    for name in ("users", "calibration", "decisions", "simulations", "experiments"):
        page.goto(PAGES[name])
        assert page.locator(".empty strong").count() == 1, name
        page.screenshot(path=shots / f"{name}-empty.png", full_page=True)
        assert barriers(page) == []
    assert page.get_by_role("link", name="Lifetime value").count() == 0  # no models were named
    require_quiet(page, empty)
    page.close()


def test_a_small_screen_needs_no_sideways_scrolling(browser, demo, shots):
    page = browser.new_page(base_url=demo.base, viewport={"width": 390, "height": 800})
    for name, path in PAGES.items():
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        page.screenshot(path=shots / f"{name}-small.png")
        assert wide <= 390, name
    page.close()
