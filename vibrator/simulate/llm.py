"""A language model as a judge: one word, checked, cached, budgeted, compared with the rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vibrator.checks import require_finite
from vibrator.errors import ArtefactError, BadInput, LimitReached, ModelUnavailable, UnknownName
from vibrator.http import AnthropicModel, LanguageModel, OpenAIModel
from vibrator.simulate.judges import ACTIONS, RuleJudge, Verdict, dwell_of, question
from vibrator.simulate.personas import Persona
from vibrator.simulate.tips import PRIORITY_NAMES, Tip

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PROMPT = """You decide what a person does with a reminder, as that person would.

Person: {persona}. {description}
Reminder: {tip}
Priority: {priority_name} ({priority} of 4). Overdue: {overdue}. Open for {task_age_days} days.
Time: {weekday}, {hour}:00 ({period}).

Answer with exactly one word out of: done, snooze, dismiss."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How often the model may be asked, and for how much money in all."""

    calls: int = 1000
    money: float = 1.0
    price_a_call: float = 0.0

    def __post_init__(self) -> None:
        if self.calls < 1:
            raise BadInput(f"calls must be at least 1, got {self.calls}")
        for name in ("money", "price_a_call"):
            if require_finite(name, getattr(self, name)) < 0:
                raise BadInput(f"{name} must not be negative, got {getattr(self, name)!r}")

    def check(self, spent: int) -> None:
        """Refuse the next call where it would go over."""
        if spent >= self.calls:
            raise LimitReached(f"the budget of {self.calls} calls is used up")
        if (spent + 1) * self.price_a_call > self.money:
            raise LimitReached(f"the budget of {self.money:g} is used up after {spent} calls")


@dataclass(slots=True)
class Tally:
    """What the judge did so far; `likely` sums the rules' chance of the model's word."""

    verdicts: int = 0
    calls: int = 0
    cached: int = 0
    fallbacks: int = 0
    agreed: int = 0
    likely: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)


class LLMJudge:
    """Asks a language model for one word; the dwell is drawn as the rules would draw it.

    Without `fall_back` whatever fails is raised. With it the rules judge instead, and every such
    case is counted by its reason. `cache` is a file that keeps answers between runs.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        budget: Budget | None = None,
        cache: Path | str | None = None,
        fall_back: bool = False,
        rules: RuleJudge | None = None,
    ) -> None:
        self.model, self.budget, self.fall_back = model, budget or Budget(), fall_back
        self.rules = rules or RuleJudge()
        self.tally = Tally()
        self._file = None if cache is None else Path(cache)
        self._answers = _read_cache(self._file)

    def judge(
        self, persona: Persona, tip: Tip, hour: int, day_of_week: int, rng: np.random.Generator
    ) -> Verdict:
        """The model's word with a drawn dwell."""
        self.tally.verdicts += 1
        e = self.rules.engagement(persona, tip, hour, day_of_week)
        try:
            action = self._word(prompt_of(persona, tip, hour, day_of_week))
        except (ModelUnavailable, LimitReached) as error:
            if not self.fall_back:
                raise
            self._count_fallback(error)
            return self.rules.judge(persona, tip, hour, day_of_week, rng)
        self._compare(action, e)
        dwell_ms = dwell_of(action, e, rng)
        return Verdict(action, dwell_ms, self.rules.rewards.reward(action, dwell_ms))

    def report(self) -> dict[str, Any]:
        """Calls, money, fall-backs, and how far model and rules agree.

        `agreement` is the share of words that were the rules' likeliest action, `rule_chance` the
        mean chance that the rules gave to the model's word.
        """
        tally, judged = self.tally, self.tally.verdicts - self.tally.fallbacks
        return {
            "verdicts": tally.verdicts,
            "calls": tally.calls,
            "cached": tally.cached,
            "money": tally.calls * self.budget.price_a_call,
            "fallbacks": tally.fallbacks,
            "fallback_reasons": dict(tally.reasons),
            "agreement": tally.agreed / judged if judged else None,
            "rule_chance": tally.likely / judged if judged else None,
        }

    def _word(self, prompt: str) -> str:
        key = hashlib.sha256(f"{self.model!r}\n{prompt}".encode()).hexdigest()
        if key in self._answers:
            self.tally.cached += 1
            return self._answers[key]
        self.budget.check(self.tally.calls)
        self.tally.calls += 1
        word = checked_word(self.model.complete(prompt))
        self._answers[key] = word
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, word]) + "\n")
        return word

    def _compare(self, action: str, e: float) -> None:
        chances = {"done": 0.55 * e, "snooze": 0.45 * e, "dismiss": 1.0 - e}
        self.tally.agreed += action == max(chances, key=chances.__getitem__)
        self.tally.likely += chances[action]

    def _count_fallback(self, error: Exception) -> None:
        reason = type(error).__name__
        self.tally.fallbacks += 1
        self.tally.reasons[reason] = self.tally.reasons.get(reason, 0) + 1


MODELS: dict[str, Any] = {"anthropic": AnthropicModel, "openai": OpenAIModel}


@dataclass(frozen=True, slots=True)
class AbsentModel:
    """Stands where a model could not be had and a fall-back was asked for."""

    reason: str

    def complete(self, prompt: str) -> str:  # noqa: ARG002  the port's signature
        """Nothing, ever."""
        raise ModelUnavailable(self.reason)


def open_model(name: str, *, fall_back: bool = False, **options: Any) -> LanguageModel:
    """A model by `provider:name`, as in openai:gpt-4o-mini; a missing key is refused.

    With `fall_back` the refusal comes at every question instead, where the judge counts it.
    """
    provider, _, model = name.partition(":")
    if provider not in MODELS or not model:
        raise UnknownName(f"a model is named provider:model, provider one of {sorted(MODELS)}")
    try:
        made: LanguageModel = MODELS[provider](model, **options)
    except ModelUnavailable as error:
        if not fall_back:
            raise
        return AbsentModel(str(error))
    return made


def prompt_of(persona: Persona, tip: Tip, hour: int, day_of_week: int) -> str:
    """What the model is asked: persona, tip, priority, overdue, period, hour and weekday."""
    told = question(persona, tip, hour, day_of_week)
    return PROMPT.format(
        **told,
        priority_name=PRIORITY_NAMES[tip.priority],
        overdue="yes" if tip.is_overdue else "no",
        weekday=WEEKDAYS[day_of_week],
    )


def checked_word(answer: str) -> str:
    """The one word, or a refusal; nothing is guessed from a longer answer.

    >>> checked_word(" Done. ")
    'done'
    """
    word = answer.strip().strip('."').lower()
    if word not in ACTIONS:
        raise ModelUnavailable(f"the model answered none of {ACTIONS} ({len(answer)} letters)")
    return word


def _read_cache(file: Path | None) -> dict[str, str]:
    if file is None or not file.exists():
        return {}
    return dict(_entries(file, file.read_text(encoding="utf-8").splitlines()))


def _entries(file: Path, lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(lines, start=1):
        try:
            key, word = json.loads(line)
        except ValueError:
            raise ArtefactError(f"{file}, line {number}: not a cached answer") from None
        if word not in ACTIONS:
            raise ArtefactError(f"{file}, line {number}: {word!r} is none of {ACTIONS}")
        yield key, word
