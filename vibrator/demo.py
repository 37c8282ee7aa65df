"""Three invented people, what they did, and how eight pieces of content fit each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any

from vibrator.actions import UserAction
from vibrator.charts import Bar, Frame, bar_chart, page, percent
from vibrator.pipeline import SliderOutput, SliderScorer

SLIDERS = {
    "depth": "detailed technical documentation",
    "kitchen": "quick weeknight recipes",
    "trails": "long mountain trails",
    "calm": "relaxing music and meditation",
    "thrift": "saving money on everyday things",
}

CONTENT = (
    "Inside the query planner: detailed notes on how a database picks an index",
    "Sheet pan gnocchi: a quick recipe for a busy weeknight",
    "A mountain trail in five days, from hut to hut across the high passes",
    "A reference manual for writing your own storage engine",
    "Slow piano and rain: relaxing music to fall asleep to",
    "Twelve ways to save money on groceries without eating worse",
    "Choosing trail shoes for wet rock and steep mountain descents",
    "Weeknight curry from a tin of chickpeas and a lime",
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented: a line about them, and what they did how many hours ago."""

    name: str
    about: str
    did: tuple[tuple[str, str, float], ...]

    def actions(self, now: datetime) -> list[UserAction]:
        """Their actions, the newest first, as of `now`."""
        return [
            UserAction(kind, words, timestamp=now - timedelta(hours=hours), user_id=self.name)
            for kind, words, hours in self.did
        ]


PEOPLE = (
    Person(
        "Ada",
        "keeps a platform running and wants to know how things really work",
        (
            ("write", "how does the scheduler pick a node when memory is tight?", 1.5),
            ("click", "reference manual of the write-ahead log", 5.0),
            ("share", "a paper on index structures for fast databases", 26.0),
            ("dismiss", "ten productivity tips you will love", 27.0),
            ("read", "release notes of the storage engine", 70.0),
        ),
    ),
    Person(
        "Bruno",
        "cooks for four after work and counts both minutes and coins",
        (
            ("write", "dinner in half an hour with chickpeas and lemon", 2.0),
            ("react", "one pan pasta for busy evenings", 4.0),
            ("click", "vegetables that are cheap in March", 20.0),
            ("read", "how to keep herbs fresh for a week", 48.0),
            ("dismiss", "a seven course tasting menu", 49.0),
        ),
    ),
    Person(
        "Chioma",
        "runs up mountains, sleeps in huts, and needs quiet on Sundays",
        (
            ("share", "three days on the ridge path above the lake", 3.0),
            ("chat", "who wants to run up the mountain on Sunday?", 8.0),
            ("click", "trail shoes for long descents", 30.0),
            ("react", "guided breathing before sleep", 40.0),
            ("dismiss", "the best sofas of the season", 90.0),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Fit:
    """One content for one person, on the slider where it fits best."""

    person: Person
    content: str
    output: SliderOutput

    def row(self) -> dict[str, Any]:
        """As a line of the printed table."""
        o = self.output
        return {
            "person": self.person.name,
            "content": self.content,
            "slider": o.name,
            "fits": percent(o.probability),
            "90 % interval": f"{percent(o.low)} – {percent(o.high)}",
            "why": o.why(),
        }


def fits(scorer: SliderScorer, now: datetime) -> Iterator[list[Fit]]:
    """Each person's contents, the best fitting first."""
    for person in PEOPLE:
        actions = person.actions(now)
        scored = [(text, scorer.score(actions, text, now=now)) for text in CONTENT]
        best = [
            Fit(person, text, max(scores.values(), key=lambda output: output.probability))
            for text, scores in scored
        ]
        yield sorted(best, key=lambda fit: -fit.output.probability)


def demo_page(people: list[list[Fit]], *, ran_on: str) -> str:
    """The same as a page of pictures that needs nothing from anywhere."""
    lead = (
        "What each of them did, in words, and how likely eight pieces of content are to fit them "
        f"now. The bar is the probability, the whisker its 90 % interval. Ran on {ran_on}."
    )
    return page("Three people, five sliders", [_section(listed) for listed in people], lead)


def _section(listed: list[Fit]) -> str:
    person = listed[0].person
    did = "".join(
        f"<li><b>{kind}</b> {escape(words)} <small>{_ago(hours)}</small></li>"
        for kind, words, hours in person.did
    )
    bars = [
        Bar(
            f"{fit.content[:46]}{'…' * (len(fit.content) > 46)}",
            fit.output.probability,
            fit.output.low,
            fit.output.high,
            f"{fit.output.name} · {fit.output.why()}",
        )
        for fit in listed
    ]
    frame = Frame(f"What fits {person.name} now", x_range=(0.0, 1.0), x_format=percent, width=960)
    about = f"<h2>{person.name}</h2><p>{person.name} {escape(person.about)}.</p><ul>{did}</ul>"
    return about + bar_chart(bars, frame)


def _ago(hours: float) -> str:
    return f"{hours:g} h ago" if hours < 48 else f"{hours / 24:.0f} days ago"
