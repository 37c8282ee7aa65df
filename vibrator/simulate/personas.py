"""People to rehearse on: what each of them likes, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from vibrator.checks import require_finite, require_share, require_text
from vibrator.errors import BadInput, UnknownName


@dataclass(frozen=True, slots=True)
class Persona:
    """One simulated person.

    `sliders` are preferences from −1 to 1 by slider text; `drift` is the standard deviation of the
    daily step of the preferences, `noise` that of the engagement from one tip to the next.
    """

    name: str
    description: str = ""
    prefers_high_priority: float = 0.0
    prefers_overdue: float = 0.5
    morning_active: bool = False
    evening_active: bool = False
    sliders: Mapping[str, float] = field(default_factory=dict)
    drift: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        require_text("persona name", self.name)
        _require_within("prefers_high_priority", self.prefers_high_priority)
        require_share("prefers_overdue", self.prefers_overdue)
        for name in ("morning_active", "evening_active"):
            if not isinstance(getattr(self, name), bool):
                raise BadInput(f"{name} must be true or false, got {getattr(self, name)!r}")
        if not isinstance(self.sliders, Mapping):
            raise BadInput(f"sliders must map texts to preferences, got {self.sliders!r}")
        for text, preference in self.sliders.items():
            _require_within(f"preference for {text!r}", preference)
        for name in ("drift", "noise"):
            if require_finite(name, getattr(self, name)) < 0:
                raise BadInput(f"{name} must not be negative, got {getattr(self, name)!r}")

    def after(self, steps: tuple[float, float]) -> Persona:
        """The same person with both preferences moved, reflected at their ends."""
        return replace(
            self,
            prefers_high_priority=_reflect(self.prefers_high_priority + steps[0], -1.0, 1.0),
            prefers_overdue=_reflect(self.prefers_overdue + steps[1], 0.0, 1.0),
        )


def by_day(persona: Persona, days: int, rng: np.random.Generator) -> list[Persona]:
    """The persona on each day; without drift always the same one."""
    if not persona.drift:
        return [persona] * days
    steps = np.cumsum(rng.normal(0.0, persona.drift, size=(days, 2)), axis=0)
    return [persona, *(persona.after((float(a), float(b))) for a, b in steps[: days - 1])]


def read_personas(path: Path | str) -> tuple[Persona, ...]:
    """Personas from YAML: a list, or a mapping with the key `personas`."""
    try:
        return _parse(Path(path).read_text(encoding="utf-8"), str(path))
    except (FileNotFoundError, IsADirectoryError):
        raise BadInput(f"there is no persona file {path}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} must be a YAML file in UTF-8") from None


def standard_world() -> tuple[Persona, ...]:
    """The five committed personas.

    >>> [person.name for person in standard_world()]
    ['Ada', 'Bruno', 'Chioma', 'Dmitri', 'Esi']
    """
    text = files("vibrator.simulate").joinpath("data/personas.yaml").read_text(encoding="utf-8")
    return _parse(text, "the standard world")


PERSONAS: dict[str, Persona] = {}


def register_persona(persona: Persona) -> Persona:
    """Make a persona known by name; the same one may be registered again."""
    if PERSONAS.get(persona.name, persona) != persona:
        raise BadInput(f"another persona is registered as {persona.name!r}")
    PERSONAS[persona.name] = persona
    return persona


def persona(name: str) -> Persona:
    """A registered persona, or one of the standard world."""
    known = {person.name: person for person in standard_world()} | PERSONAS
    if name not in known:
        raise UnknownName(f"no persona {name!r}; known: {sorted(known)}")
    return known[name]


def _parse(text: str, source: str) -> tuple[Persona, ...]:
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{source} is not YAML: {error}") from None
    rows = read.get("personas") if isinstance(read, Mapping) else read
    if not isinstance(rows, list) or not rows:
        raise BadInput(f"{source} must list at least one persona")
    people = tuple(_persona(row, source) for row in rows)
    _require_different(people)
    return people


def _persona(row: Any, source: str) -> Persona:
    known = {f.name for f in fields(Persona)}
    if not isinstance(row, Mapping) or set(row) - known or "name" not in row:
        raise BadInput(f"{source}: a persona has {sorted(known)}, got {row!r}")
    return Persona(**row)


def _require_different(people: Iterable[Persona]) -> None:
    names = [person.name for person in people]
    if len(set(names)) < len(names):
        raise BadInput(f"personas must have different names, got {names}")


def _require_within(name: str, value: float) -> None:
    if not -1.0 <= require_finite(name, value) <= 1.0:
        raise BadInput(f"{name} must lie from -1 to 1, got {value!r}")


def _reflect(value: float, low: float, high: float) -> float:
    wide = high - low
    return high - abs((value - low) % (2 * wide) - wide)
