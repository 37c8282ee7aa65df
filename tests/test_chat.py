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
    merge_alike,
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
        {"max_messages": 2.5},
        {"max_messages": "8"},
        {"max_messages": True},
        {"include_roles": None},
        {"include_roles": [5]},
        {"minimum_weight": float("nan")},
        {"half_life_hours": "6"},
        {"tokens": 200},
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


@pytest.mark.parametrize("limit", [0, -1, 2.5, "5", None, True, float("nan")])
def test_a_budget_is_a_whole_number_of_tokens(limit):
    with pytest.raises(BadInput, match="limit must be"):
        TokenBudget(limit=limit)


@pytest.mark.parametrize("said", [float("nan"), -1, "five", None])
def test_a_tokenizer_that_counts_no_number_is_refused(said):
    budget = TokenBudget(limit=5, count=lambda text: said)
    with pytest.raises(BadInput, match="what count says of a text must"):
        sampled(turn("words"), tokens=budget)
    with pytest.raises(BadInput, match="count must be a function"):
        TokenBudget(limit=5, count=said or "none")


def test_a_weight_against_keeps_its_sign():
    fresh, old = sampled(turn("not that", weight=-2.0), turn("nor this", 1_000, weight=-2.0))
    assert (fresh.weight, old.weight) == (-2.0, -1e-3)


def test_roles_may_come_from_a_generator():
    talk = [turn("first", 1), turn("reply", 0, role="assistant")]
    roles = (role for role in ("assistant", "user"))
    assert [a.content for a in sampled(*talk, include_roles=roles)] == ["reply", "first"]


def test_turns_with_the_same_metadata_are_equal_members_of_a_set():
    assert len({turn("words", metadata={"room": "hut"}), turn("words", metadata={})}) == 2


def test_a_long_talk_is_merged_into_the_turns_that_stay():
    talk = [turn(f"turn number {n} of {n * n}", n) for n in range(400)]
    echo = [turn("turn number 0 of 0", hours, user_id=None) for hours in (500, 600)]
    found = sampled(*talk, *echo, merge_above=0.9, max_messages=3)
    assert [a.metadata.get("merged") for a in found] == [2, None, None]
    assert len(merge_alike(talk, above=0.9, most=3)) == 3


def test_bad_messages_are_refused():
    for given_ in ("hello", ["hello"], 5, None):
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


POST = {"type": "message", "user": "U1", "text": "a trail?", "ts": "1772352000.0"}


@pytest.mark.parametrize(
    ("changes", "role", "content"),
    [
        ({"subtype": "file_share"}, "user", "a trail?"),
        ({"thread_ts": "1772351000.0"}, "user", "a trail?"),
        ({"edited": {"user": "U1", "ts": "1772352900.0"}}, "user", "a trail?"),
        ({"bot_id": None}, "user", "a trail?"),
        ({"subtype": "bot_message", "user": None}, "assistant", "a trail?"),
        ({"user": "USLACKBOT"}, "assistant", "a trail?"),
        ({"text": "<@U7> &lt;3 <https://a.b|maps> &amp;amp;"}, "user", "@U7 <3 maps &amp;"),
        ({"text": "<!here> in <#C1|hikes>: <https://a.b>"}, "user", "@here in #hikes: https://a.b"),
        ({"text": "<!subteam^S1|@guides>"}, "user", "@guides"),
    ],
)
def test_slack_posts_are_read_as_people_see_them(changes, role, content):
    (message,) = from_slack([POST | changes])
    assert (message.role, message.content) == (role, content)
    assert message.timestamp == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert message.metadata.get("thread") == changes.get("thread_ts")


@pytest.mark.parametrize(
    "changes",
    [{"subtype": "tombstone"}, {"hidden": True}, {"subtype": "message_changed"}, {"text": None}],
)
def test_what_was_deleted_or_says_nothing_is_passed_over(changes):
    assert from_slack([POST | changes]) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"type": None}, "type must say"),
        ({"text": {"blocks": []}}, "text must be a text"),
        ({"subtype": 5}, "subtype must be a text"),
        ({"ts": None}, "ts must be epoch seconds, got None"),
        ({"ts": True}, "ts must be epoch seconds, got True"),
        ({"user": 7}, "user_id must be a text"),
    ],
)
def test_a_broken_slack_export_says_where(changes, fault):
    with pytest.raises(BadInput, match=rf"messages\[1\] {fault}"):
        from_slack([POST, POST | changes])


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ({"content": "hi"}, "role must be a text"),
        ({"role": None, "content": "hi"}, "role must be a text"),
        ({"role": "user", "content": 5}, "content must be a text or parts"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, "text must be a text"),
        ({"role": "user", "content": "hi", "timestamp": True}, "timestamp must be epoch seconds"),
        ({"role": "assistant", "content": "hi", "name": 5}, "user_id must be a text"),
    ],
)
def test_a_broken_openai_list_says_where(message, fault):
    with pytest.raises(BadInput, match=rf"messages\[0\] {fault}"):
        from_openai([message], ended=NOW)


def test_openai_turns_may_have_their_own_times_and_other_parts():
    parts = [{"type": "input_text", "text": "a"}, {"type": "text", "text": None}]
    talk = [
        {"role": "user", "content": parts, "timestamp": 1772352000},
        {"role": "user", "content": "b", "timestamp": None},
    ]
    first, second = from_openai(talk, ended=NOW)
    assert first.content.strip() == "a"
    assert (first.timestamp, second.timestamp) == (datetime(2026, 3, 1, 8, tzinfo=UTC), NOW)


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


@pytest.mark.parametrize(
    ("export", "fault"),
    [
        ({}, "an object with messages"),
        ({"messages": [{"content": 5}]}, r"messages\[0\] content must be a text"),
        ({"messages": [{"type": 19, "content": "hi"}]}, r"messages\[0\] type must be a text"),
        ({"messages": [{"content": "hi", "timestamp": "2026-03-01T08:00:00"}]}, "with an offset"),
    ],
)
def test_a_broken_discord_export_is_no_empty_one(export, fault):
    with pytest.raises(BadInput, match=fault):
        from_discord(export)


def test_an_attachment_alone_says_nothing():
    when = "2026-03-01T08:00:00Z"
    post = {"timestamp": when, "content": "", "attachments": [{"url": "map.png"}]}
    edited = {"timestamp": when, "content": "a hut", "timestampEdited": "2026-03-01T09:00:00Z"}
    (message,) = from_discord({"messages": [post, edited]})
    assert (message.content, message.timestamp.hour) == ("a hut", 8)
