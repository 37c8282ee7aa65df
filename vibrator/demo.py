"""Three invented people, what they did, and how nine pieces of content fit each of them."""

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
    "calm": "relaxing music for meditation",
    "thrift": "saving money on everyday things",
}

CONTENT = (
    "Detailed query planner manual",
    "Technical manual: storage engines",
    "Technical notes on the scheduler",
    "Quick recipe: sheet pan gnocchi",
    "Weeknight recipes with chickpeas",
    "Saving money on everyday groceries",
    "Long mountain trails, hut to hut",
    "Mountain trail running on wet rock",
    "Relaxing piano music to sleep to",
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
            ("write", "how does a scheduler pick a node?", 1.5),
            ("click", "technical manual of the write-ahead log", 5.0),
            ("read", "documentation of the query planner", 9.0),
            ("share", "a paper on storage engines for fast databases", 26.0),
            ("dismiss", "ten productivity tips you will love", 27.0),
            ("open", "statistics for the database query planner", 31.0),
            ("open", "notes on memory in a storage engine", 50.0),
            ("read", "release notes of the storage engine", 70.0),
            ("chat", "the technical documentation should say which index is used", 96.0),
        ),
    ),
    Person(
        "Bruno",
        "cooks for four after work and counts both minutes and coins",
        (
            ("write", "quick dinner, chickpeas and lemon?", 2.0),
            ("react", "one pan pasta for busy evenings", 4.0),
            ("click", "cheap groceries: vegetables to buy in March", 20.0),
            ("open", "weeknight recipes for four", 26.0),
            ("write", "gnocchi recipe without boiling", 30.0),
            ("read", "how to keep herbs fresh for a week", 48.0),
            ("dismiss", "a tasting menu at two hundred a head", 49.0),
            ("chat", "how do you save money on groceries?", 72.0),
            ("share", "a curry from a tin and a lime", 100.0),
        ),
    ),
    Person(
        "Chioma",
        "runs up mountains, sleeps in huts, and needs quiet on Sundays",
        (
            ("share", "three days on a long mountain trail", 3.0),
            ("react", "guided meditation before sleep", 5.0),
            ("chat", "who wants to run up the mountain on Sunday?", 8.0),
            ("click", "relaxing piano music for the evening", 14.0),
            ("click", "trail running shoes for long descents", 30.0),
            ("open", "mountain huts open in June", 52.0),
            ("open", "map of the long trails across the pass", 75.0),
            ("dismiss", "the best sofas of the season", 90.0),
            ("write", "I ran the ridge in rain and want grip on wet rock", 120.0),
        ),
    ),
)
QUOTED = 39  # characters of a text that the table repeats


@dataclass(frozen=True, slots=True)
class Fit:
    """One content for one person, on the slider to which the content belongs most."""

    person: Person
    content: str
    output: SliderOutput

    def row(self) -> dict[str, Any]:
        """Everything, for a program to read."""
        o = self.output
        return {
            "person": self.person.name,
            "content": self.content,
            "slider": o.name,
            "fits": percent(o.probability),
            "90 % interval": f"{percent(o.low)} – {percent(o.high)}",
            "why": o.why(),
        }

    def line(self) -> dict[str, Any]:
        """The same in short, for a terminal of 80 columns."""
        o = self.output
        return {
            "person": self.person.name,
            "content": _short(self.content),
            "slider": o.name,
            "fits": f"{o.probability:.0%}",
            "interval": f"{100 * o.low:.0f}–{o.high:.0%}",
            "moved most by": self.moved_by(),
        }

    def moved_by(self) -> str:
        """The action that moved the score most: its pull and its words."""
        moved = self.output.because and self.output.because.strongest(self.output.name)
        return f"{moved[1]:+.2f} {_short(moved[0].content)}" if moved else ""


def fits(scorer: SliderScorer, now: datetime) -> Iterator[list[Fit]]:
    """Each person's contents, the best fitting first."""
    for person in PEOPLE:
        actions = person.actions(now)
        found = [
            Fit(person, text, max(scorer.score(actions, text, now=now).values(), key=_belongs))
            for text in CONTENT
        ]
        yield sorted(found, key=lambda fit: -fit.output.probability)


def _belongs(output: SliderOutput) -> float:
    return output.features["item_to_slider"]


def _short(words: str) -> str:
    return words if len(words) <= QUOTED else f"{words[: QUOTED - 1].rstrip()}…"


def demo_page(people: list[list[Fit]], *, ran_on: str) -> str:
    """The same as a page of pictures that needs nothing from anywhere."""
    lead = (
        "What each of them did, in words, and how likely each content is to fit them "
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
            fit.content,
            fit.output.probability,
            fit.output.low,
            fit.output.high,
            f"{fit.output.name} · {fit.output.why()}",
        )
        for fit in listed
    ]
    frame = Frame(f"What fits {person.name} now", x_range=(0.0, 1.0), x_format=percent, width=960)
    about = f"<h2>{person.name}</h2><p>{person.name} {escape(person.about)}.</p><ul>{did}</ul>"
    label = f'role="group" aria-label="{frame.title}" tabindex="0"'  # a phone scrolls it sideways
    return f'{about}<div class="scroll" {label}>{bar_chart(bars, frame)}</div>'


def _ago(hours: float) -> str:
    return f"{hours:g} h ago" if hours < 48 else f"{hours / 24:.0f} days ago"
