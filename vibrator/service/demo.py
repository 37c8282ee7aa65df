"""A service with something in it: three invented people, in memory, gone when it ends."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from vibrator.decisions import Decision
from vibrator.demo import CONTENT, PEOPLE, SLIDERS
from vibrator.experiments import AdaptiveConfig, HypothesisEngine, Loop, Plan, ShortVideoAdapter
from vibrator.personalizer import Personalizer
from vibrator.service.house import House
from vibrator.service.keys import OWNER
from vibrator.service.settings import Settings

DAYS, DECISIONS_A_DAY = 14, 24
TICKS, UNITS = 5, 80
LAB = {"domain": "short-video", "space": {"hook": ["claim", "question", "number"]}}


def demo_settings(settings: Settings) -> Settings:
    """The same settings over a store in memory, with the sliders of the demo."""
    return settings.model_copy(update={"store": "sqlite://", "sliders": dict(SLIDERS)})


def furnish(house: House) -> None:
    """People, items, two weeks of decisions with outcomes, and an experiment."""
    _lived_in(house.desks.of(OWNER).app)
    ledger = house.ledger(OWNER.tenant)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lab.json"
        path.write_text(json.dumps(LAB), encoding="utf-8")
        settings, adapter = AdaptiveConfig(path), ShortVideoAdapter("youtube")
    engine = HypothesisEngine(ledger, space=settings.get("space"))
    loop = Loop(ledger, adapter, engine, config=settings, plan=Plan())
    for tick in range(TICKS):
        loop.tick([f"unit-{tick}-{place}" for place in range(UNITS)])


def _lived_in(app: Personalizer) -> None:
    rng = np.random.default_rng(7)
    app.add_items({f"c{place}": text for place, text in enumerate(CONTENT, start=1)})
    now = app.clock()
    for person in PEOPLE:
        app.observe(person.name, person.actions(now))
    past = _Clock(now)
    then = Personalizer(app.store, encoder=app.encoder, clock=past, rng=rng)
    for number in range(DAYS * DECISIONS_A_DAY):
        past.at = now - timedelta(days=DAYS) + timedelta(days=number / DECISIONS_A_DAY)
        person = PEOPLE[number % len(PEOPLE)]
        few = rng.choice(len(CONTENT), size=4, replace=False)
        offered = {f"c{place + 1}": CONTENT[place] for place in few.tolist()}
        _answer(then, then.decide(person.name, offered, surface="home"), rng)
    app.set_consent("Bruno", "personalization", granted=False)
    app.decide("Bruno", {"c2": CONTENT[1]}, surface="home")


def _answer(app: Personalizer, decision: Decision, rng: np.random.Generator) -> None:
    """Likes it as often as was said of the best slider; says nothing one time in five."""
    if decision.acted and rng.random() < 0.8:
        liked = rng.random() < max(decision.features["said"].values())
        what = "done" if liked else "dismiss"
        app.outcome(decision.decision_id, what, dwell=45_000)


class _Clock:
    """A clock that is set by hand."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at
