"""The Personalizer: the whole loop over a real store and the embedded encoder."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vibrator.actions import UserAction
from vibrator.chat import ChatMessage
from vibrator.decisions import NOTHING
from vibrator.encoder import EncoderConfig, InstructionalEncoder
from vibrator.errors import ArtefactError, BadInput, UnknownName
from vibrator.intent.guards import FrequencyCap
from vibrator.personalizer import AsyncPersonalizer, BestFit, Personalizer
from vibrator.personalizer.asynchronous import VERBS
from vibrator.personalizer.intending import SliderIntent
from vibrator.personalizer.rebuilding import change_encoder
from vibrator.sliders import Slider
from vibrator.stores import Item, Which

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SLIDERS = {
    "depth": "detailed technical documentation",
    "cooking": "quick weeknight recipes",
    "trails": "long mountain trails",
}
ITEMS = {
    "grpc": "a deep guide to gRPC streaming internals",
    "cake": "plum cake in thirty minutes",
    "ridge": "a three day ridge traverse from hut to hut",
}


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now

    def tick(self, **span):
        self.now += timedelta(**span)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Opens the same store again and again, as after a restart."""
    apps = []

    def open_one(**options):
        given = {"sliders": SLIDERS, "encoder": "embedded", "clock": clock, **options}
        given.setdefault("rng", np.random.default_rng(len(apps)))
        apps.append(Personalizer.open(f"sqlite:///{tmp_path}/app.db", **given))
        return apps[-1]

    yield open_one
    for app in apps:
        app.close()


@pytest.fixture
def app(opened):
    app = opened()
    app.add_items(ITEMS)
    app.observe("ada", [wrote("how do gRPC deadlines propagate?"), wrote("kernel internals")])
    app.observe("chioma", wrote("ran the ridge path at dawn"))
    return app


def wrote(text, **details):
    return UserAction("write", text, **details)


def test_the_nearest_content_fits_best(app):
    assert app.rank("ada", 1)[0].item == "grpc"
    assert app.rank("chioma", 1)[0].item == "ridge"


def test_a_stranger_is_scored_by_the_content_alone(app):
    scores = app.score("nobody", ["cake"])["cake"]
    assert max(scores.values(), key=lambda o: o.probability).name == "cooking"
    assert scores["cooking"].evidence == 0.0


def test_items_are_ids_texts_or_both(app):
    by_id = app.score("ada", "grpc")["grpc"]["depth"].raw_score
    by_text = app.score("ada", [ITEMS["grpc"]])[ITEMS["grpc"]]["depth"].raw_score
    by_name = app.score("ada", {"x": ITEMS["grpc"]})["x"]["depth"].raw_score
    by_item = app.score("ada", [Item(item_id="y", text=ITEMS["grpc"])])["y"]["depth"].raw_score
    assert by_id == by_text == by_name == by_item


def test_ranking_keeps_to_the_filter(app):
    app.add_items([Item(item_id="map", text="a map of ridges", attributes={"lang": "en"})])
    assert [r.item for r in app.rank("chioma", 3, filter={"lang": "en"})] == ["map"]
    assert app.rank("chioma", 3, filter={"lang": "de"}) == []


def test_ranking_is_that_of_the_scorer(app):
    for slider in (None, "trails"):
        ranked = app.rank("chioma", 3, slider=slider)
        exact = app.scorer.rank(
            app._folding.profile("chioma", app.clock()), ITEMS, 3, slider=slider
        )
        assert [r.item for r in ranked] == [r.item for r in exact]


def test_a_removed_item_is_never_found(app):
    assert app.remove_items(["ridge", "absent"]) == 1
    assert "ridge" not in [r.item for r in app.rank("chioma", 3)]
    with pytest.raises(UnknownName, match="no item 'ridge'"):
        app.decide("chioma", ["ridge"])


def test_what_has_no_time_is_stamped_and_ids_count_once(app, clock):
    action = wrote("a tent", action_id="a1")
    assert app.observe("bruno", [action, action]) == 1
    clock.tick(hours=1)
    assert app.observe("bruno", action) == 0
    portrait = app.profile("bruno")
    assert (portrait.events, portrait.last_seen) == (1, NOON)


def test_chat_turns_are_observed_undecayed_with_their_own_time(app):
    hour_ago = NOON - timedelta(hours=1)
    turns = [ChatMessage("a hut for Sunday?", hour_ago), ChatMessage("Sure!", NOON, role="bot")]
    assert app.observe("bruno", turns) == 1
    (event,) = app.store.events.read(Which(users=("bruno",)))
    assert (event.at, event.body) == (hour_ago, {"type": "chat", "weight": 1.0})


def test_an_event_of_the_future_weighs_nothing_yet(app, clock):
    app.observe(
        "bruno", [wrote(f"plum cake {n}", timestamp=NOON + timedelta(days=1)) for n in range(99)]
    )
    assert app.profile("bruno").events == 0
    clock.tick(days=2)
    assert app.profile("bruno").events == 99


def test_a_look_back_sees_what_was_known_then(app, clock):
    then = app.score("ada", "grpc")["grpc"]["depth"].raw_score
    clock.tick(days=1)
    app.observe("ada", [wrote(f"recipe {n}") for n in range(50)])
    app.profile("ada")
    clock.tick(days=-1)
    assert app.score("ada", "grpc")["grpc"]["depth"].raw_score == pytest.approx(then, abs=1e-9)


def test_what_cannot_be_observed_is_refused(app):
    with pytest.raises(BadInput, match="only UserAction"):
        app.observe("ada", "some text")
    with pytest.raises(BadInput, match="observed for 'ada'"):
        app.observe("ada", wrote("x", user_id="bruno"))
    with pytest.raises(BadInput, match="one-shot"):
        app.observe("ada", wrote("x", metadata={"age_hours": 2.0}))
    with pytest.raises(BadInput, match="plain JSON"):
        app.observe("ada", wrote("x", metadata={"half": "\ud800"}))
    with pytest.raises(BadInput, match="user must be a text"):
        app.observe("", wrote("x"))


def test_a_decision_is_complete_when_it_is_made(app):
    decision = app.decide("chioma", list(ITEMS), {"hour": 9}, surface="mail")

    assert decision.propensity == decision.propensities[decision.arm]
    assert sum(decision.propensities.values()) == pytest.approx(1.0)
    assert min(decision.propensities.values()) == pytest.approx(0.05 / 4)
    assert (decision.context, decision.surface) == ({"hour": 9}, "mail")
    assert next(app.store.decisions.decisions(Which())) == decision


def test_exploration_happens_as_often_as_logged(app):
    app.rng = np.random.default_rng(7)
    chosen = [app.decide("chioma", ITEMS).arm for _ in range(400)]
    expected, margin = 0.05 / 4 * 400, 4 * np.sqrt(0.0125 * 400)
    for arm in ("grpc", "cake", NOTHING):
        assert abs(chosen.count(arm) - expected) < margin


def test_doing_nothing_says_why_and_what_would_cure_it(opened):
    app = opened(require_consent=True)
    decision = app.decide("ada", ITEMS)

    assert (decision.arm, decision.propensity, decision.chosen) == (NOTHING, 1.0, ())
    assert "consent: no answer about 'personalization'" in decision.reason
    assert "set_consent(user, purpose, True)" in decision.reason
    app.set_consent("ada", "personalization", True)
    assert NOTHING not in {app.decide("ada", ITEMS).arm for _ in range(3)}


def test_consent_runs_out_and_a_no_is_always_honoured(opened, clock):
    app = opened()
    app.set_consent("ada", "personalization", True, until=NOON + timedelta(hours=1))
    assert app.decide("ada", ITEMS).refusals == {}
    clock.tick(hours=1)
    assert "ran out" in app.decide("ada", ITEMS).reason
    app.set_consent("bruno", "personalization", False)
    assert set(app.decide("bruno", ITEMS).refusals) == set(ITEMS)


def test_guards_look_at_the_past(opened, clock):
    app = opened(guards=[FrequencyCap(1, timedelta(hours=1))], policy=BestFit(explore=0.0))
    first, second = app.decide("ada", ITEMS), app.decide("ada", ITEMS)
    clock.tick(hours=2)
    assert (first.acted, second.acted, app.decide("ada", ITEMS).acted) == (True, False, True)
    assert "frequency cap" in second.reason


def test_an_outcome_counts_once_and_carries_its_reward(app):
    decision = app.decide("chioma", ITEMS)
    assert app.outcome(decision.decision_id, "done", dwell=timedelta(seconds=60))
    assert not app.outcome(decision.decision_id, "done", dwell=60_000)
    assert app.outcome(decision.decision_id, "bookmark")
    report = app.report()
    assert (report.decisions, report.answered, report.mean_reward) == (1, 1, 1.0)
    assert report.outcomes == {"done": 1, "bookmark": 1}
    with pytest.raises(UnknownName):
        app.outcome("never made", "done")


def test_a_portrait_names_slider_and_action(app):
    portrait = app.profile("ada")
    assert portrait.sliders[0][0] == "depth"
    assert sum(share for _, share in portrait.actions) == pytest.approx(1.0)
    assert "gRPC deadlines" in str(portrait)
    assert "observe" in str(app.profile("nobody"))


def test_merging_gives_the_history_to_the_known_user(app):
    app.observe("anonymous-1", wrote("ridge huts in spring"))
    assert app.merge_users("anonymous-1", "ada") == 1
    app.observe("anonymous-1", wrote("boots for the ridge"))  # a late one, under the old id

    assert app.profile("ada").events == app.profile("anonymous-1").events == 4
    with pytest.raises(BadInput, match="into itself"):
        app.merge_users("ada", "anonymous-1")
    with pytest.raises(BadInput, match="somebody else"):
        app.merge_users("anonymous-1", "chioma")


def test_a_merged_profile_is_that_of_one_history(opened, clock):
    apart, together = opened(tenant="a"), opened(tenant="b")
    for step in range(40):
        clock.tick(hours=1)
        action = wrote(f"trail {step}", action_id=str(step))
        apart.observe("anonymous" if step % 3 else "ada", action)
        together.observe("ada", action)
        apart.profile("ada")
    apart.merge_users("anonymous", "ada")
    assert_same(apart, together, "ada")


def test_an_export_has_everything(app):
    app.set_consent("ada", "personalization", True)
    decision = app.decide("ada", ITEMS)
    app.outcome(decision.decision_id, "done")
    export = app.export("ada")
    assert {k: len(v) for k, v in export.items() if isinstance(v, list)} == {
        "actions": 2, "consents": 1, "decisions": 1, "outcomes": 1,
    }  # fmt: skip
    assert export["actions"][0]["text"] == "how do gRPC deadlines propagate?"


def test_tenants_know_nothing_of_each_other(opened):
    first, second = opened(tenant="a"), opened(tenant="b")
    first.add_items(ITEMS)
    first.observe("ada", wrote("gRPC"))
    decision = first.decide("ada", ITEMS)

    assert second.profile("ada").events == 0
    assert second.rank("ada", 3) == []
    assert second.report().users == 0
    with pytest.raises(UnknownName):
        second.outcome(decision.decision_id, "done")


def test_another_encoder_is_refused_until_the_store_is_rebuilt(app, opened):
    other = InstructionalEncoder(EncoderConfig("embedded", center=False))
    with pytest.raises(ArtefactError, match="rebuild --encoder"):
        opened(encoder=other)
    before = app.rank("ada", 3)[0].score
    change_encoder(app.store, other)
    again = opened(encoder=other)
    assert again.rank("ada", 3)[0].score != before
    assert again.profile("ada").events == 2


def test_a_store_remembers_its_sliders(app, opened, tmp_path):
    vector = np.eye(256)[0]
    opened(sliders={"depth": "documentation", "mood": Slider("calm", "loud"), "axis": vector})
    again = opened(sliders=None)
    assert list(again.scorer.sliders) == ["depth", "mood", "axis"]
    assert again.scorer.sliders["mood"] == Slider("calm", "loud")
    with pytest.raises(BadInput, match="no sliders are known"):
        Personalizer.open(f"sqlite:///{tmp_path}/fresh.db")


def test_a_fit_makes_probability_what_was_liked(app, opened):
    with pytest.raises(BadInput, match="the log has 0"):
        app.fit()
    rng = np.random.default_rng(0)
    for _ in range(120):
        decision = app.decide("ada", ITEMS)
        if decision.acted:
            app.outcome(decision.decision_id, "click", reward=float(rng.random() < 0.2))
    before = app.score("ada", "grpc")["grpc"]["depth"].probability
    fitted = app.fit()
    after = app.score("ada", "grpc")["grpc"]["depth"].probability

    assert (fitted.examples > 100, fitted.own) == (True, ())
    assert abs(after - 0.2) < 0.12 < abs(before - 0.2)  # three standard errors of 120 draws
    assert opened().score("ada", "grpc")["grpc"]["depth"].probability == after
    assert app.forget("chioma").stale == ("calibrators of the last fit()",)


def test_the_async_facade_is_the_same(tmp_path):
    async def walk():
        async with await AsyncPersonalizer.open(
            f"sqlite:///{tmp_path}/a.db", sliders=SLIDERS, encoder="embedded"
        ) as app:
            await app.add_items(ITEMS)
            await asyncio.gather(*(app.observe("ada", wrote(f"gRPC {n}")) for n in range(20)))
            decision = await app.decide("ada", ITEMS)
            assert await app.outcome(decision.decision_id, "done")
            return (await app.profile("ada")).events

    assert asyncio.run(walk()) == 20


def test_every_verb_has_its_async_twin():
    public = {name for name in vars(Personalizer) if not name.startswith("_")} - {"open"}
    assert public == set(VERBS)


def assert_same(one, other, user):
    a, b = one._folding.profile(user, one.clock()), other._folding.profile(user, other.clock())
    assert (a.events, a.counts, a.last_seen) == (b.events, b.counts, b.last_seen)
    mine, theirs = a.at(one.clock()), b.at(other.clock())
    np.testing.assert_allclose(mine.vector, theirs.vector, atol=1e-6)
    assert mine.evidence == pytest.approx(theirs.evidence, abs=1e-6)


def test_what_arrives_late_does_not_crowd_out_what_happened_last(tmp_path):
    """A history that is imported after today's actions says nothing newer than they do."""
    seen = []

    class Watching(SliderIntent):
        def state(self, actions, vectors, scorer):
            seen.append([action.content for action in actions])
            return super().state(actions, vectors, scorer)

    with Personalizer.open(
        f"sqlite:///{tmp_path}/app.db", sliders=SLIDERS, encoder="embedded", policy=BestFit(),
        intent=Watching(), clock=lambda: NOON,
    ) as app:  # fmt: skip
        app.observe("ada", UserAction("write", "today", timestamp=NOON))
        years_ago = NOON - timedelta(days=900)
        app.observe(
            "ada", [UserAction("write", f"old {n}", timestamp=years_ago) for n in range(300)]
        )
        app.decide("ada", {"ridge": "a ridge traverse"})
    assert "today" in seen[0]
    assert len(seen[0]) == 200


@pytest.mark.parametrize("older_than", [timedelta(days=-1), timedelta(days=900_000_000)])
def test_an_age_that_means_nothing_is_refused(app, older_than):
    with pytest.raises(BadInput, match="older_than must not"):
        app.expire(older_than)
