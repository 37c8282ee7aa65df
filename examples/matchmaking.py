"""Which room of a chat suits whom: rooms are contents, what people said are their actions.

python examples/matchmaking.py
"""

from datetime import UTC, datetime, timedelta

from vibrator import ChatMessage, InstructionalEncoder, SliderScorer, sample_recent_chat_actions

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROOMS = {
    "engine room": "databases, schedulers and detailed technical documentation",
    "kitchen table": "quick recipes for weeknight dinners",
    "summit": "mountain trails, huts and long runs",
}
SAID = {
    "ada": ["how does the storage engine flush its log?", "the reference manual is thin on that"],
    "bruno": ["dinner with chickpeas in half an hour?", "one pan pasta again tonight"],
    "chioma": ["the ridge path is free of snow", "who runs up the mountain on Sunday?"],
    "dora": ["a recipe to cook in a mountain hut?", "pasta on a small stove, after the trail"],
}
ROOM_FOR = 2  # people a room takes


def turns(words):
    messages = [
        ChatMessage(text, NOW - timedelta(minutes=30 * place), role="user")
        for place, text in enumerate(words)
    ]
    return sample_recent_chat_actions(messages, now=NOW)


def main():
    scorer = SliderScorer(InstructionalEncoder("embedded"), ROOMS, clock=lambda: NOW)
    people = {name: turns(words) for name, words in SAID.items()}
    batch = scorer.score_batch(people, ROOMS)
    wishes = sorted(
        ((batch[name][room][room].raw_score, name, room) for name in people for room in ROOMS),
        reverse=True,
    )
    seats, placed = dict.fromkeys(ROOMS, ROOM_FOR), {}
    for score, name, room in wishes:  # the strongest wish is granted first
        if name not in placed and seats[room]:
            placed[name] = room, score
            seats[room] -= 1
    for name, (room, score) in placed.items():
        print(f"{name:<7} {room:<14} {score:.3f}  {batch[name][room][room].why()}")


if __name__ == "__main__":
    main()
