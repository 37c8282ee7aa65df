"""What a score says: a probability, its interval, and the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vibrator.actions import UserAction
from vibrator.profile import Reading

QUOTED = 60  # characters of an action that a reason repeats


class Content(NamedTuple):
    """A content as the sliders see it: its vector, its likeness to each, the chance it belongs."""

    vector: Any
    likeness: list[float]
    belongs: list[float]


class Because(NamedTuple):
    """What reasons are drawn from, shared by the sliders of one score."""

    reading: Reading | None
    item: Any
    sliders: Mapping[str, Any]
    weights: Mapping[str, float]

    def strongest(self, slider: str) -> tuple[UserAction, float] | None:
        """The action that moved this slider most, and by how much."""
        reading = self.reading
        if reading is None or not reading.actions:
            return None
        direction = self.weights["user_to_slider"] * self.sliders[slider]
        direction = direction + self.weights["user_item_alignment"] * self.item
        pulls = reading.shares * (reading.vectors @ direction)
        place = int(np.argmax(np.abs(pulls)))
        return reading.actions[place], float(pulls[place])


@dataclass(frozen=True, kw_only=True)
class SliderOutput:
    """How well one content fits one person on one slider, now.

    `contributions` add up to `raw_score`; `probability` lies in [`low`, `high`], a 90 % interval;
    `relative_probability` is the slider's share among the sliders; `evidence` counts what is
    known of the person, faded.
    """

    name: str
    raw_score: float
    probability: float
    low: float
    high: float
    relative_probability: float
    features: Mapping[str, float]
    weights: Mapping[str, float]
    contributions: Mapping[str, float]
    evidence: float
    because: Because | None = field(default=None, repr=False, compare=False)

    if not TYPE_CHECKING:  # to whom the fields above are all there is

        def __getattr__(self, name: str) -> Any:
            """A field that `Scores.of` was given as (names, numbers) is a dict once asked for."""
            if f"_{name}" not in self.__dict__:
                raise AttributeError(f"a SliderOutput has no {name!r}")
            names, numbers = self.__dict__[f"_{name}"]
            object.__setattr__(self, name, dict(zip(names, numbers, strict=True)))
            return self.__dict__[name]

    def why(self) -> str:
        """One sentence naming the action that moved this score most."""
        moved = self.because and self.because.strongest(self.name)
        if moved is None:
            return "Nothing is known of this person yet: only the content and the slider speak."
        action, pull = moved
        sentence = action.instruction()
        quote = sentence if len(sentence) <= QUOTED else f"{sentence[: QUOTED - 1]}…"
        direction = "for" if pull >= 0 else "against"
        return f"“{quote}” speaks {direction} it most ({pull:+.3f} of {self.raw_score:+.3f})."

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, the reason included."""
        names = ("name", "raw_score", "probability", "low", "high", "relative_probability")
        plain = {name: getattr(self, name) for name in names}
        parts = {
            name: dict(getattr(self, name)) for name in ("features", "weights", "contributions")
        }
        return {**plain, **parts, "evidence": self.evidence, "why": self.why()}


class Scores(dict[str, SliderOutput]):
    """Slider name to output; prints as a table."""

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]]) -> Scores:
        """Outputs with all their fields at once: a frozen one is slow to fill singly.

        `features` and `contributions` may come as (names, numbers) under `_features` and
        `_contributions`: most callers never look at them.
        """
        scores, new, put = cls(), object.__new__, object.__setattr__
        for fields in rows:
            scores[fields["name"]] = output = new(SliderOutput)
            put(output, "__dict__", fields)
        return scores

    def __str__(self) -> str:
        return text_table(self.values())

    def _repr_html_(self) -> str:
        return html_table(self.values())

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain values for JSON."""
        return {name: output.to_dict() for name, output in self.items()}


def text_table(outputs: Iterable[SliderOutput]) -> str:
    """One line a slider: probability, interval, a bar, the reason."""
    listed = list(outputs)
    width = max((len(output.name) for output in listed), default=6)
    head = f"{'slider':<{width}}  fits     90 % interval    {'':20}  why"
    return "\n".join([head, *(_line(output, width) for output in listed)])


def html_table(outputs: Iterable[SliderOutput]) -> str:
    """The same table for a notebook."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(o.name)}</th><td>{o.probability:.1%}</td>"
        f"<td>{o.low:.1%} – {o.high:.1%}</td>"
        f"<td><meter min='0' max='1' value='{o.probability:.4f}'></meter></td>"
        f"<td>{escape(o.why())}</td></tr>"
        for o in outputs
    )
    head = "<tr><th>slider</th><th>fits</th><th>90 % interval</th><th></th><th>why</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _line(output: SliderOutput, width: int) -> str:
    filled = round(20 * output.probability)
    bar = "█" * filled + "·" * (20 - filled)
    interval = f"{output.low:6.1%} – {output.high:6.1%}"
    return f"{output.name:<{width}}  {output.probability:6.1%}  {interval}  {bar}  {output.why()}"
