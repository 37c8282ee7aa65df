"""What may be proposed: candidates checked by their shape, and a proposer that needs no model."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from vibrator.checks import read_or_refused, require_text
from vibrator.errors import BadInput
from vibrator.experiments.design import ALONE, BESIDE, UNTESTED, Experiment, Variant
from vibrator.experiments.ledger import Ledger, Record

SHAPE = """[{
  "variable": "the one thing that differs, in snake_case",
  "description": "the hypothesis in one sentence",
  "variants": [{"label": "name of the value it has now", "params": {"variable": "value"}, "hint": null},
               {"label": "name of the value to try", "params": {"variable": "other"}, "hint": null}],
  "tier": 1 (runs alone) | 2 (beside others) | 3 (needs no test),
  "rationale": "why now, from the evidence above"
}]"""  # noqa: E501  # a model reads it as it stands
KEYS = {"variable", "description", "variants", "tier", "rationale"}
_VARIABLE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Idea:
    """What an experiment tries: a variable, and what is known of the params behind each label."""

    variable: str
    arms: Mapping[str, str]  # label to params as JSON, empty where nobody told them

    @classmethod
    def of(cls, variable: str, variants: Iterable[Mapping[str, Any]]) -> Idea:
        """The idea behind variants in their plain form."""
        told = {variant["label"]: variant.get("params") for variant in variants}
        return cls(
            variable,
            {label: json.dumps(p, sort_keys=True) if p else "" for label, p in told.items()},
        )

    def is_like(self, other: Idea) -> bool:
        """The same labels that do not mean different things, or the same params by other names."""
        if self.variable != other.variable:
            return False
        mine, theirs = self.arms, other.arms
        if set(mine) == set(theirs) and all(
            mine[label] == theirs[label] or not (mine[label] and theirs[label]) for label in mine
        ):
            return True
        return all(mine.values()) and sorted(mine.values()) == sorted(theirs.values())


def concluded(ledger: Ledger, domain: str, history: Sequence[Mapping[str, Any]] = ()) -> list[Idea]:
    """What was tried already: the history, and experiments it does not know with two variants.

    One that was abandoned, for whatever reason, may come back.
    """
    known = {entry.get("id") for entry in history}
    seen: dict[tuple[str, str], set[str]] = {}
    for record in ledger.query(domain):
        if record.experiment_id not in known:
            seen.setdefault((record.experiment_id, record.variable), set()).add(record.variant)
    tried = [Idea(key[1], dict.fromkeys(labels, "")) for key, labels in seen.items()]
    ended = [e for e in history if e.get("status") == "concluded" or e.get("tier") == UNTESTED]
    return [
        *(idea for idea in tried if len(idea.arms) > 1),
        *(Idea.of(entry["variable"], entry["variants"]) for entry in ended),
    ]


def incumbents(history: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What stands after the last concluded experiment of every variable: its winner or control."""
    return {
        entry["variable"]: (entry.get("outcome") or {}).get("winner")
        or entry["variants"][0]["label"]
        for entry in history
        if entry.get("status") == "concluded"
    }


def parse_candidates(text: object) -> Any:
    """The JSON of an answer, with or without a code fence around it."""
    if not isinstance(text, str):
        raise BadInput(f"the answer is no text, got {text!r:.80}")
    fenced = re.search(r"```[a-z]*\s*(.*?)```", text, re.DOTALL)
    try:
        return json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the answer is no JSON: {error}") from None


def candidate(
    domain: str, data: Any, tried: Sequence[Idea], standing: Mapping[str, str]
) -> Experiment:
    """One candidate as an experiment, or the reason why it cannot be one."""
    _check_shape(data)
    variable = data["variable"]
    with read_or_refused(variable):
        arms = tuple(Variant.from_dict(variant) for variant in data["variants"])
    if len(_differing(arms)) > 1:
        raise BadInput(f"{variable}: one thing may differ, these do: {sorted(_differing(arms))}")
    words = data["description"], data["rationale"]
    made = propose(domain, variable, arms, tier=data["tier"], words=words)
    if standing.get(variable, made.control.label) != made.control.label:
        raise BadInput(
            f"{variable}: the control has to be {standing[variable]!r}, which stands now"
        )
    if was_tried(made, tried):
        raise BadInput(f"{variable}: {list(made.labels)} was concluded already")
    return made


def _check_shape(data: Any) -> None:
    if not isinstance(data, Mapping) or set(data) != KEYS:
        raise BadInput(f"a candidate has exactly the keys {sorted(KEYS)}")
    variable, variants = data["variable"], data["variants"]
    if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
        raise BadInput(f"variable must be one name in snake_case, got {variable!r}")
    if not isinstance(variants, list) or len(variants) < 2:
        raise BadInput(f"{variable}: variants must be a list of two or more")
    if data["tier"] not in (ALONE, BESIDE, UNTESTED) or isinstance(data["tier"], bool):
        raise BadInput(f"{variable}: tier must be 1, 2 or 3, got {data['tier']!r}")
    for key in ("description", "rationale"):
        require_text(f"{variable}: {key}", data[key])


def propose(
    domain: str, variable: str, arms: tuple[Variant, ...], *, tier: int, words: tuple[str, str]
) -> Experiment:
    """An experiment whose id follows from what it tries, so that the same idea has the same id."""
    idea = Idea.of(variable, [arm.to_dict() for arm in arms])
    text = "\x1f".join([domain, variable, *(f"{k}\x1e{v}" for k, v in sorted(idea.arms.items()))])
    return Experiment(
        id=hashlib.blake2b(text.encode(), digest_size=4).hexdigest(),
        domain=domain,
        variable=variable,
        variants=arms,
        tier=tier,
        description=words[0],
        rationale=words[1],
    )


def expected_improvement(mean: float, sd: float, best: float) -> float:
    """E max(X − best, 0) for X ~ N(mean, sd²).

    >>> expected_improvement(1.0, 0.0, 3.0), expected_improvement(3.0, 0.0, 1.0)
    (0.0, 2.0)
    """
    if sd == 0:
        return max(mean - best, 0.0)
    z = (mean - best) / sd
    return float((mean - best) * norm.cdf(z) + sd * norm.pdf(z))


def offline_candidates(
    records: Sequence[Record],
    domain: str,
    metric: str,
    space: Mapping[str, Sequence[str]],
    standing: Mapping[str, str],
) -> list[Experiment]:
    """Untried values against what stands, the largest expected improvement first.

    What stands is a computed winner or a hint; without one it is the best on average so far, or
    the first value of `space`. An untried value is expected to be like the tried ones of its
    variable, with their spread; a variable of which nothing is known like all that was measured.
    """
    if not space:
        raise BadInput("the offline proposer needs `space`: the values to try, by variable")
    scored: list[tuple[float, int, Experiment]] = []
    for variable, values in space.items():
        known = _means(records, metric, variable)
        best = max(known, key=lambda v: known[v]) if known else values[0]
        control = standing.get(variable, best)
        mean, sd = _outlook(known, records, metric)
        gain = expected_improvement(mean, sd, known.get(control, mean))
        for value in values:
            if value not in known and value != control:
                made = _challenge(domain, variable, (control, value), (gain, len(known)))
                scored.append((-gain, len(scored), made))
    return [made for *_, made in sorted(scored)]


def was_tried(experiment: Experiment, tried: Sequence[Idea]) -> bool:
    """Whether one of the ideas is this experiment's."""
    idea = Idea.of(experiment.variable, [arm.to_dict() for arm in experiment.variants])
    return any(idea.is_like(other) for other in tried)


def _challenge(
    domain: str, variable: str, labels: tuple[str, str], told: tuple[float, int]
) -> Experiment:
    control, value = labels
    gain, known = told
    words = (
        f"{value} does better than {control} as {variable}",
        f"expected improvement {gain:.3g}, from {known} values of {variable} measured so far",
    )
    arms = (Variant(control, {variable: control}), Variant(value, {variable: value}))
    return propose(domain, variable, arms, tier=BESIDE, words=words)


def _means(records: Sequence[Record], metric: str, variable: str) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for record in records:
        value = record.number(metric)
        if record.variable == variable and value is not None:
            values.setdefault(record.variant, []).append(value)
    return {variant: float(np.mean(some)) for variant, some in values.items()}


def _outlook(
    known: Mapping[str, float], records: Sequence[Record], metric: str
) -> tuple[float, float]:
    """Mean and spread to expect of an untried value."""
    everything = [v for v in (record.number(metric) for record in records) if v is not None]
    if len(known) >= 2:
        values = list(known.values())
        return float(np.mean(values)), float(np.std(values, ddof=1))
    spread = float(np.std(everything, ddof=1)) if len(everything) > 1 else 1.0
    centre = next(iter(known.values()), float(np.mean(everything)) if everything else 0.0)
    return centre, spread if math.isfinite(spread) else 1.0


def _differing(arms: Sequence[Variant]) -> set[str]:
    def values(key: str) -> set[str]:
        return {json.dumps(arm.params.get(key), sort_keys=True) for arm in arms}

    return {key for arm in arms for key in arm.params if len(values(key)) > 1}
