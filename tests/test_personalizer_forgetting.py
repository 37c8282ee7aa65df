"""Forgetting, retention and export: what others kept, and what happens in the middle of it."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from vibrator.actions import UserAction
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import StoreError, UnknownName
from vibrator.personalizer import Personalizer
from vibrator.personalizer.learning import FORGOTTEN_NOTE
from vibrator.stores import Which
from vibrator.stores.sqlite import migrate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SLIDERS = {"depth": "detailed technical documentation", "trails": "long mountain trails"}
ITEMS = {"grpc": "a guide to gRPC", "ridge": "a ridge traverse"}
VISITS = "CREATE TABLE visits (tenant TEXT, user_id TEXT, place TEXT, stamp BLOB)"
RATINGS = "CREATE TABLE ratings (tenant TEXT, who TEXT, stars REAL, UNIQUE (tenant, who))"


class Clock:
    now = NOON

    def __call__(self):
        return self.now


class Slow:
    """The embedded model without its word that it is instant: stores keep vectors of such."""

    def __init__(self, model):
        self.name, self.revision, self.dimensions = model.name, model.revision, model.dimensions
        self.takes_instructions, self._model = model.takes_instructions, model
        self.meanwhile = lambda: None

    def vectors(self, instruction, texts):
        made = self._model.vectors(instruction, texts)
        self.meanwhile()  # what another process does between reading and keeping
        return made


def slow_encoder():
    encoder = InstructionalEncoder("embedded")
    vars(encoder)["model"] = Slow(encoder.model)
    return encoder


@pytest.fixture
def opened(tmp_path):
    apps, clock = [], Clock()

    def open_one(**options):
        given = {"sliders": SLIDERS, "encoder": "embedded", "clock": clock, **options}
        apps.append(Personalizer.open(f"sqlite:///{tmp_path}/app.db", **given))
        return apps[-1]

    yield open_one
    for app in apps:
        app.close()


def wrote(text, **details):
    return UserAction("write", text, **details)


def cached(app):
    """How many vectors the store keeps besides those of the sliders, which are nobody's."""
    assert len(app.scorer.slider_vectors) == len(SLIDERS)
    return app.store.database.rows("SELECT count(*) FROM vectors")[0][0] - len(SLIDERS)


def keep(app, table, *rows):
    with app.store.database.writing() as connection:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


@pytest.fixture
def visited(opened):
    """A store in which another component keeps rows of people in two tables."""
    app = opened()
    with app.store.database.reading() as connection:
        personal = {"visits": "user_id", "ratings": "who"}
        migrate(connection, "visits", [VISITS, RATINGS], personal=personal)
    keep(app, "visits", ("default", "cookie-7", "the hut", b"\x01\xff"),
         ("default", "ada", "the lake", None), ("default", "bruno", "the pass", None),
         ("elsewhere", "ada", "the sea", None))  # fmt: skip
    keep(app, "ratings", ("default", "cookie-7", 2.0), ("default", "ada", 5.0))
    app.observe("ada", wrote("a walk"))
    app.observe("cookie-7", wrote("a hut"))
    return app


def test_what_another_component_keeps_is_exported(visited):
    tables = visited.export("ada")["tables"]
    assert tables == {
        "visits": [{"tenant": "default", "user_id": "ada", "place": "the lake", "stamp": None}],
        "ratings": [{"tenant": "default", "who": "ada", "stars": 5.0}],
    }
    assert json.loads(json.dumps(visited.export("cookie-7")))["tables"]["visits"][0] == {
        "tenant": "default", "user_id": "cookie-7", "place": "the hut", "stamp": "01ff",
    }  # fmt: skip
    assert "tables" not in visited.export("nobody")


def test_what_another_component_keeps_is_merged(visited):
    visited.merge_users("cookie-7", "ada")
    tables = visited.export("cookie-7")["tables"]
    assert sorted(row["place"] for row in tables["visits"]) == ["the hut", "the lake"]
    assert [row["stars"] for row in tables["ratings"]] == [5.0]  # one a person: the known one's
    keep(visited, "visits", ("default", "cookie-7", "a late one", None))
    places = {row["place"] for row in visited.export("ada")["tables"]["visits"]}
    assert places == {"the hut", "the lake", "a late one"}


def test_what_another_component_keeps_is_forgotten(visited, tmp_path):
    visited.merge_users("cookie-7", "ada")
    keep(visited, "visits", ("default", "cookie-7", "a late one", None))
    receipt = visited.forget("ada")

    assert receipt.users == ("ada", "cookie-7")
    assert (receipt.removed["visits"], receipt.removed["ratings"]) == (3, 1)
    left = visited.store.database.rows("SELECT tenant, user_id FROM visits")
    assert sorted(left) == [("default", "bruno"), ("elsewhere", "ada")]
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [words for words in (b"the hut", b"a late one", b"cookie-7") if words in raw]


def test_a_vector_that_comes_too_late_does_not_stay(opened):
    encoder = slow_encoder()
    app, other = opened(encoder=encoder), opened(encoder=slow_encoder())
    app.observe("ada", [wrote("a wish of hers"), wrote("what both wrote")])
    app.observe("bruno", wrote("what both wrote"))

    encoder.model.meanwhile = lambda: other.forget("ada")
    app.profile("ada")  # reads the log, and keeps its vectors when ada is gone already

    assert cached(app) == 1
    assert other.forget("bruno").removed["vectors"] == 1


def test_a_vector_of_what_has_expired_meanwhile_does_not_stay(opened):
    encoder = slow_encoder()
    app, other = opened(encoder=encoder), opened(encoder=slow_encoder())
    app.observe("ada", wrote("long ago", timestamp=NOON - timedelta(days=9)))
    encoder.model.meanwhile = lambda: other.expire(timedelta(days=1))
    app.profile("ada")
    assert cached(app) == 0


def test_types_of_one_application_leave_no_vector_either(opened):
    """Nobody registered "bookmark"; bruno, who goes last, never used it."""
    app = opened(encoder=slow_encoder())
    app.observe("ada", UserAction("bookmark", "the same words"))
    app.observe("bruno", UserAction("click", "the same words"))
    for user in ("ada", "bruno"):
        app.profile(user)
    assert [app.forget(user).removed["vectors"] for user in ("ada", "bruno")] == [1, 1]


def test_what_somebody_else_left_in_the_same_way_stays(opened):
    app = opened(encoder=slow_encoder())
    for user in ("ada", "bruno"):
        app.observe(user, wrote("the same words"))
        app.profile(user)
    assert app.forget("ada").removed["vectors"] == 0
    assert app.forget("bruno").removed["vectors"] == 1


def interrupted(app, monkeypatch, meanwhile):
    """Something happens between what is read and what is erased, as often as there are times."""
    erase, rest = app.store.erase, iter(meanwhile)

    def later(*given, **options):
        next(rest, lambda: None)()
        return erase(*given, **options)

    monkeypatch.setattr(app.store, "erase", later)


def test_what_comes_in_while_forgetting_goes_with_its_vector(opened, monkeypatch):
    app = opened(encoder=slow_encoder())

    def writes_on():
        app.observe("ada", wrote("one more"))
        app.profile("ada")

    def turns_out_to_be_somebody_else():
        app.observe("cookie-7", wrote("from before"))
        app.profile("cookie-7")
        app.merge_users("cookie-7", "ada")

    app.observe("ada", wrote("a wish"))
    app.profile("ada")
    interrupted(app, monkeypatch, [writes_on, turns_out_to_be_somebody_else])
    receipt = app.forget("ada")

    assert (receipt.users, receipt.removed["vectors"]) == (("ada", "cookie-7"), 3)
    assert (cached(app), list(app.store.users())) == (0, [])


def test_who_is_merged_while_being_forgotten_is_forgotten_as_the_person_they_are(
    opened, monkeypatch
):
    app = opened()
    app.observe("cookie-7", wrote("a wish"))
    app.observe("ada", wrote("another"))
    interrupted(app, monkeypatch, [lambda: app.merge_users("cookie-7", "ada")])
    receipt = app.forget("cookie-7")

    assert (receipt.users, receipt.removed["events"]) == (("cookie-7", "ada"), 3)
    assert list(app.store.users()) == []


def test_who_never_stops_writing_is_not_called_forgotten(opened, monkeypatch):
    app = opened()
    app.observe("ada", wrote("a wish"))
    interrupted(app, monkeypatch, [lambda: app.observe("ada", wrote("one more"))] * 99)
    with pytest.raises(StoreError, match="forget again"):
        app.forget("ada")
    assert app.store.note(FORGOTTEN_NOTE) is not None  # policies start over all the same


def test_what_arrives_late_while_retention_runs_goes_too(opened, monkeypatch):
    app = opened(encoder=slow_encoder())
    long_ago = NOON - timedelta(days=9)

    def imports():
        app.observe("ada", wrote("an import", timestamp=long_ago))
        app.profile("ada")

    app.observe("ada", [wrote("young"), wrote("old", timestamp=long_ago)])
    app.profile("ada")
    interrupted(app, monkeypatch, [imports])
    receipt = app.expire(timedelta(days=1))

    assert (receipt.removed["events"], receipt.removed["vectors"]) == (2, 2)
    assert (receipt.verified, cached(app)) == (True, 1)


def test_an_outcome_expires_with_its_decision(opened):
    app = opened()
    old = app.decide("ada", ITEMS)
    app.clock.now += timedelta(days=9)
    young = app.decide("ada", ITEMS)
    for decision in (old, young):
        app.outcome(decision.decision_id, "click")
    assert app.expire(timedelta(days=1)).removed["events"] == 2
    left = [event.kind for event in app.store.events.read(Which(users=("ada",)))]
    assert left == ["decision", "outcome"]


def test_retention_holds_no_texts(opened):
    app, size = opened(), 2_000
    long_ago = NOON - timedelta(days=9)
    for start in range(0, 20_000, 1_000):
        texts = [f"{n} ".ljust(size, "x") for n in range(start, start + 1_000)]
        app.observe("ada", [wrote(text, timestamp=long_ago) for text in texts])
    tracemalloc.start()
    assert app.expire(timedelta(days=1)).removed["events"] == 20_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000 * size / 1.3  # all texts would be more; a page of 5,000 is held, twice


def test_a_merge_that_was_cut_off_by_an_earlier_release_is_finished_by_a_rebuild(opened):
    app = opened()
    app.observe("cookie-7", [wrote(f"ridge {n}") for n in range(3)])
    app.merge_users("cookie-7", "ada")
    with app.store.database.writing() as connection:  # as it was left: said, and nothing moved
        connection.execute("UPDATE events SET user_id = 'cookie-7' WHERE kind = 'action'")
    assert app.profile("ada").events == 0
    app.rebuild()
    assert app.profile("ada").events == 3


def test_a_merge_that_fails_is_none(opened):
    app = opened()
    app.observe("cookie-7", wrote("a ridge"))
    with app.store.database.writing() as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON counters WHEN NEW.name = 'epoch'"
            " BEGIN SELECT RAISE(ABORT, 'cut off here'); END"
        )
        connection.execute("INSERT OR IGNORE INTO counters VALUES ('default', 'epoch', 0)")
    with pytest.raises(Exception, match="cut off here"):
        app.merge_users("cookie-7", "ada")
    assert (app.profile("cookie-7").events, app.profile("ada").events) == (1, 0)


def test_an_action_may_name_the_id_that_was_merged(opened):
    app = opened()
    app.merge_users("cookie-7", "ada")
    app.observe("cookie-7", wrote("late", user_id="cookie-7"))
    assert app.profile("ada").events == 1
    assert [e.user_id for e in app.store.events.read(Which(kinds=("action",)))] == ["ada"]


def test_an_outcome_that_comes_while_its_user_is_forgotten_does_not_bring_them_back(
    opened, monkeypatch
):
    app, other = opened(), opened()
    made = app.decide("ada", ITEMS).decision_id
    append = app.store.events.append

    def later(*given, **options):
        other.forget("ada")
        return append(*given, **options)

    monkeypatch.setattr(app.store.events, "append", later)
    with pytest.raises(UnknownName, match="its user was forgotten"):
        app.outcome(made, "click")
    assert list(app.store.users()) == []
