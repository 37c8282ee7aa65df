"""What tuning did: counts, scores before and after, and the card that goes with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vibrator.encoder import InstructionalEncoder
from vibrator.training.triplets import HeldOut, Triplet


@dataclass(frozen=True, slots=True)
class Scores:
    """Shares of triplets told right: of people held out, and of the time held out (if any was)."""

    users: float
    later: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningReport:
    """What was learned from, how, and what came of it on people never seen."""

    base: str
    revision: str
    loss: str
    epochs: int
    seed: int
    lora: bool
    train_triplets: int
    train_people: int
    held_out_triplets: int
    held_out_people: int
    before: Scores
    after: Scores
    losses: tuple[float, ...]

    @property
    def gain(self) -> float:
        """Points of triplet accuracy won on people held out, as a share."""
        return self.after.users - self.before.users

    def card(self) -> str:
        """The model card, in Markdown."""
        rows = [("people held out", self.before.users, self.after.users)]
        if self.before.later is not None and self.after.later is not None:
            rows.append(("later, known people", self.before.later, self.after.later))
        table = "\n".join(f"| {name} | {one:.3f} | {two:.3f} |" for name, one, two in rows)
        return CARD.format(
            report=self, table=table, how="LoRA, merged" if self.lora else "all weights"
        )


CARD = """# A tuned encoder

Tuned from `{report.base}` (revision {report.revision}) by vibrator's `fine_tune_encoder`.

- loss: {report.loss}, {how}, {report.epochs} epochs, seed {report.seed}
- learned from: {report.train_triplets} triplets of {report.train_people} people
- held out: {report.held_out_triplets} triplets of {report.held_out_people} other people

Share of triplets in which the anchor lies nearer to the positive than to the negative:

| held out | before | after |
|---|---|---|
{table}

The triplets stand for the people they came from: measure again before using the model for others.
"""


def triplet_accuracy(encoder: InstructionalEncoder, triplets: Sequence[Triplet]) -> float:
    """Share of triplets whose anchor lies nearer to the positive; a tie is half right."""
    anchors = encoder.encode_freeform(encoder.action_instruction, [t.anchor for t in triplets])
    nearer, farther = (
        (anchors * encoder.encode_items([getattr(t, role) for t in triplets])).sum(axis=1)
        for role in ("positive", "negative")
    )
    return float(np.mean((nearer > farther) + 0.5 * (nearer == farther)))


def scores(encoder: InstructionalEncoder, held: HeldOut) -> Scores:
    """Both accuracies of an encoder."""
    return Scores(
        users=triplet_accuracy(encoder, held.users),
        later=triplet_accuracy(encoder, held.later) if held.later else None,
    )


def people(triplets: Sequence[Any]) -> int:
    """How many people the triplets came from."""
    return len({triplet.user_id for triplet in triplets})
