"""Chat: what is taken of a conversation, what it weighs, and where it comes from."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.people import NOW
from vibrator.chat import (
    ChatMessage,
    TokenBudget,
    from_discord,
    from_openai,
    from_slack,
    sample_recent_chat_actions,
)
from vibrator.errors import BadInput


def turn(words, hours_ago=0.0, **others):
    return ChatMessage(words, NOW - timedelta(hours=hours_ago), **others)


def sampled(*messages, **options):
    return sample_recent_chat_actions(messages, now=NOW, **options)


def test_weight_halves_every_half_life():
    first, second = sampled(turn("now"), turn("earlier", 12, weight=2.0, user_id="ada"))
    assert (first.weight, second.weight) == (1.0, 0.5)
    assert (second.action_type, second.timestamp, second.user_id) == ("chat", None, "ada")
    assert dict(second.metadata) == {"role": "user", "user_id": "ada", "age_hours": 12.0}


def test_weight_is_raised_to_the_least():
    (action,) = sampled(turn("long ago", 1_000))
    assert action.weight == 1e-3


def test_ages_are_rounded_and_own_metadata_kept():
    (action,) = sampled(turn("words", 1 / 3, metadata={"room": "hut"}))
    assert (action.metadata["age_hours"], action.metadata["room"]) == (0.3333, "hut")


def test_the_newest_of_the_wanted_roles_are_taken():
    talk = [turn(f"turn {n}", n) for n in (3, 1, 2)] + [turn("reply", 0, role="assistant")]
    assert [a.content for a in sampled(*talk, max_messages=2)] == ["turn 1", "turn 2"]
    both = sampled(*talk, include_roles=("user", "assistant"))
    assert [a.content for a in both] == ["reply", "turn 1", "turn 2", "turn 3"]


def test_what_is_not_said_yet_is_left_out():
    assert sampled(turn("tomorrow", -24)) == []


@given(st.permutations(range(6)))
def test_the_order_of_messages_does_not_matter(order):
    talk = [turn(f"turn {n}", n) for n in range(6)]
    assert sampled(*(talk[n] for n in order)) == sampled(*talk)


def test_a_budget_of_tokens_takes_the_newest_that_fit():
    talk = [turn("one two three", 1), turn("four five", 2), turn("six", 3)]
    budget = TokenBudget(limit=5, count=lambda text: len(text.split()))
    assert [a.content for a in sampled(*talk, tokens=budget)] == ["one two three", "four five"]
    assert len(sampled(*talk, tokens=TokenBudget(limit=4))) == 1


def test_turns_that_say_the_same_are_merged_into_the_newest():
    talk = [
        turn("any trail for Sunday?", 0, user_id="ada"),
        turn("Any trail for sunday??", 1, user_id="ada"),
        turn("any trail for Sunday?", 2, user_id="bruno"),
        turn("dinner in twenty minutes", 3, user_id="ada"),
    ]
    found = sampled(*talk, merge_above=0.8)
    assert [(a.user_id, a.metadata.get("merged")) for a in found] == [
        ("ada", 1),
        ("bruno", None),
        ("ada", None),
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"max_messages": 0},
        {"half_life_hours": 0},
        {"minimum_weight": -1},
        {"include_roles": "user"},
        {"merge_above": 0},
        {"now": datetime(2026, 3, 2)},  # noqa: DTZ001 - naive on purpose
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(BadInput):
        sample_recent_chat_actions([turn("words")], **{"now": NOW, **options})


def test_bad_messages_are_refused():
    for given_ in ("hello", ["hello"]):
        with pytest.raises(BadInput):
            sample_recent_chat_actions(given_, now=NOW)
    with pytest.raises(BadInput):
        ChatMessage(" ", NOW)
    with pytest.raises(BadInput):
        ChatMessage("words", "yesterday")


def test_messages_survive_a_pickle():
    message = turn("words", metadata={"room": "hut"})
    assert pickle.loads(pickle.dumps(message)) == message


def test_openai_lists_have_the_time_of_their_end():
    talk = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "a trail"}, {"type": "image_url"}]},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "user", "content": "and dinner"},
    ]
    found = from_openai(talk, ended=NOW, user_id="ada")
    assert [(m.role, m.user_id, m.content) for m in found][1:] == [
        ("user", "ada", "a trail"),
        ("user", "ada", "and dinner"),
    ]
    assert {m.timestamp for m in found} == {NOW}
    assert [a.content for a in sampled(*found)] == ["and dinner", "a trail"]


def test_slack_exports_give_people_and_bots():
    day = [
        {"type": "message", "user": "U1", "text": "a trail?", "ts": "1772352000.000200"},
        {"type": "message", "subtype": "channel_join", "user": "U1", "text": "joined", "ts": "1"},
        {"type": "message", "bot_id": "B1", "text": "sunny", "ts": "1772352060.0"},
        {"type": "message", "user": "U1", "text": "", "ts": "1772352061.0"},
    ]
    first, second = from_slack(day)
    assert (first.user_id, first.role, second.role) == ("U1", "user", "assistant")
    assert first.timestamp == datetime(2026, 3, 1, 8, 0, 0, 200, tzinfo=UTC)


def test_discord_exports_give_people_and_bots():
    when = "2026-03-01T08:00:00.000+00:00"
    channel = {
        "messages": [
            {"type": "Default", "timestamp": when, "content": "hi", "author": {"id": "7"}},
            {"type": "GuildMemberJoin", "timestamp": when, "content": "x", "author": {"id": "7"}},
            {
                "type": "Reply",
                "timestamp": when,
                "content": "hello",
                "author": {"id": "8", "isBot": True},
            },
        ]
    }
    first, second = from_discord(channel)
    assert (first.user_id, first.role, second.role) == ("7", "user", "assistant")
    with pytest.raises(BadInput, match="ISO 8601"):
        from_discord({"messages": [{"content": "hi", "timestamp": "noon"}]})
