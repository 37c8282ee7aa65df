"""The whole loop rehearsed: people read words, are scored, guarded, decided for, and answer.

Each contender is a Personalizer of its own on an empty store; all meet the same people, at the
same times, with the same candidates and the same dice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from vibrator.actions import UserAction
from vibrator.bandits.bandit import bandit
from vibrator.bandits.policy import BanditPolicy, slider_scores
from vibrator.decisions import Decision, Policy
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadInput
from vibrator.intent.guards import CoolDown, FrequencyCap
from vibrator.intent.policies import LiquidRules
from vibrator.personalizer import Personalizer
from vibrator.simulate.fidelity import Behaviour
from vibrator.simulate.judges import ACTIONS, Judge, RuleJudge, Verdict
from vibrator.simulate.personas import Persona, standard_world
from vibrator.simulate.tips import TOPICS, Tip
from vibrator.stats.rows import Row

START = datetime(2026, 1, 5, 6, tzinfo=UTC)
BETWEEN = timedelta(minutes=90)
TASTE_STRENGTH = 0.25  # engagement that a wholly liked text gains over an indifferent one
READ_FIRST = 3  # texts that every person opens before the first decision


class Taste:
    """What personas think of words: their slider preferences, read through the encoder.

    Each slider's similarities to the texts are standardised over the texts, so that a text is
    liked for being more about a slider than the others are.
    """

    def __init__(self, encoder: Any, sliders: Sequence[str], texts: Sequence[str]) -> None:
        about = np.asarray(encoder.encode_sliders(sliders))
        near = np.asarray(encoder.encode_items(list(texts))) @ about.T
        standard = (near - near.mean(axis=0)) / np.maximum(near.std(axis=0), 1e-9)
        self._near = dict(zip(texts, np.tanh(standard).tolist(), strict=True))
        self._sliders = tuple(sliders)

    def __call__(self, persona: Persona, tip: Tip) -> float:
        """Engagement gained or lost."""
        near = zip(self._sliders, self._near[tip.content], strict=True)
        return float(TASTE_STRENGTH * sum(persona.sliders.get(text, 0.0) * n for text, n in near))


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to decide: a fresh policy (none: the scorer's best fit) and its guards."""

    policy: Callable[[], Any] | None = None
    guards: tuple[Any, ...] = ()


WORTH_A_TRY = -0.5  # what doing nothing is worth to the bandit: below it, showing is not tried


def _linucb(sliders: int) -> Policy:
    model = bandit("linucb", arms=["candidate"], d=sliders + 1, shared=True, optimism=0.5)
    return BanditPolicy(model, slider_scores, name="linucb", nothing_worth=WORTH_A_TRY)


def contenders(sliders: int) -> dict[str, Contender]:
    """A scorer, a guarded intent policy and a bandit over the slider scores."""
    guards = (
        FrequencyCap(8, timedelta(days=1)),
        CoolDown(timedelta(hours=4)),
    )
    return {
        "best fit": Contender(),
        "intent, guarded": Contender(LiquidRules, guards),
        "linucb": Contender(lambda: _linucb(sliders)),
    }


@dataclass(frozen=True, slots=True)
class LoopRow(Row):
    """One contender; the reward is a mean over events, doing nothing earning nothing."""

    contender: str
    events: int
    acted: float
    reward: float
    reward_when_acting: float | None
    done: float
    snooze: float
    dismiss: float


@dataclass(slots=True)
class Loop:
    """What came of every decision of every contender."""

    lived: dict[str, list[tuple[Decision, Verdict | None]]] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """A row a contender."""
        return [_row(name, lived).row() for name, lived in self.lived.items()]

    def behaviour(self, contender: str) -> Behaviour:
        """What people did when something was shown, for the comparison with a real log."""
        lived = self.lived[contender]
        shown = [(decision, verdict) for decision, verdict in lived if verdict is not None]
        fits = [decision.features.get("fit") for decision, _ in shown]
        return Behaviour(
            tuple(verdict.action for _, verdict in shown),
            np.array([verdict.dwell_ms for _, verdict in shown], dtype=np.float64),
            None if None in fits else np.array(fits, dtype=np.float64),
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision to be made, the same for every contender."""

    at: datetime
    persona: Persona
    tips: Mapping[str, Tip]
    dice: int


def rehearse_end_to_end(
    *,
    events: int = 200,
    seed: int = 0,
    personas: Sequence[Persona] | None = None,
    texts: Sequence[str] = TOPICS,
    rules: str = "smooth",
    encoder: Any = None,
) -> Loop:
    """Every contender over the same moments, from reading to reward."""
    people = standard_world() if personas is None else tuple(personas)
    sliders = sorted({text for person in people for text in person.sliders})
    if not sliders or len(texts) < 2:
        raise BadInput("the loop needs personas with sliders and at least two texts")
    reads = InstructionalEncoder("embedded") if encoder is None else encoder
    taste = Taste(reads, sliders, texts)
    judge = RuleJudge(rules, taste=taste)
    moments = list(_moments(people, texts, events, seed))
    loop = Loop()
    for name, contender in contenders(len(sliders)).items():
        with _personalizer(contender, sliders, reads, seed) as (app, clock):
            for person in people:
                _read_first(app, person, taste, texts)
            loop.lived[name] = [_live(app, clock, moment, judge) for moment in moments]
    return loop


class _Clock:
    """The time of the rehearsal."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class _personalizer:  # noqa: N801  reads as a statement
    def __init__(self, given: Contender, sliders: Sequence[str], encoder: Any, seed: int) -> None:
        self.clock = _Clock()
        self.app = Personalizer.open(
            "sqlite://",
            sliders={text: text for text in sliders},
            encoder=encoder,
            policy=None if given.policy is None else given.policy(),
            guards=given.guards,
            clock=self.clock,
            rng=np.random.default_rng(seed),
        )

    def __enter__(self) -> tuple[Personalizer, _Clock]:
        return self.app, self.clock

    def __exit__(self, *_: object) -> None:
        self.app.close()


def _moments(
    people: Sequence[Persona], texts: Sequence[str], events: int, seed: int
) -> Iterator[Moment]:
    rng = np.random.default_rng([seed, 3])
    for number in range(events):
        shown = rng.choice(len(texts), size=min(4, len(texts)), replace=False)
        tips = {f"text-{n}": Tip(f"text-{n}", texts[n]) for n in shown.tolist()}
        person = people[int(rng.integers(len(people)))]
        yield Moment(START + BETWEEN * (number + 1), person, tips, int(rng.integers(2**31)))


def _read_first(app: Personalizer, person: Persona, taste: Taste, texts: Sequence[str]) -> None:
    liked = sorted(texts, key=lambda text: -taste(person, Tip("text", text)))[:READ_FIRST]
    early = START - timedelta(days=1)
    app.observe(
        person.name,
        [UserAction("open", text, None, early, person.name, f"{person.name}-{n}")  # type: ignore[arg-type]
         for n, text in enumerate(liked)],
    )  # fmt: skip


def _live(
    app: Personalizer, clock: _Clock, moment: Moment, judge: Judge
) -> tuple[Decision, Verdict | None]:
    clock.now = moment.at
    words = {name: tip.content for name, tip in moment.tips.items()}
    decision = app.decide(moment.persona.name, words)
    if not decision.acted:
        return decision, None
    tip = moment.tips[decision.chosen[0]]
    seen = judge.judge(
        moment.persona, tip, moment.at.hour, moment.at.weekday(), np.random.default_rng(moment.dice)
    )
    clock.now = moment.at + timedelta(milliseconds=seen.dwell_ms)
    app.outcome(decision.decision_id, seen.action, dwell=float(seen.dwell_ms), reward=seen.reward)
    if seen.action == "done":
        app.observe(moment.persona.name, UserAction("open", tip.content))
    return decision, seen


def _row(name: str, lived: Sequence[tuple[Decision, Verdict | None]]) -> LoopRow:
    seen = [verdict for _, verdict in lived if verdict is not None]
    total = sum(verdict.reward for verdict in seen)
    counts = Counter(verdict.action for verdict in seen)
    return LoopRow(
        name,
        len(lived),
        len(seen) / len(lived),
        total / len(lived),
        total / len(seen) if seen else None,
        **{action: counts[action] / len(lived) for action in ACTIONS},
    )
