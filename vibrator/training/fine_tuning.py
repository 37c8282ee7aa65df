"""fine_tune_encoder: from a log and a base model to a better encoder, or to an honest no."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vibrator.actions import UserAction
from vibrator.checks import require_count, require_path, require_positive
from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.embedded import FOLDER, open_embedded
from vibrator.encoders.ports import EMBEDDED, EncoderConfig, EncoderModel
from vibrator.encoders.registry import kind_of
from vibrator.errors import ArtefactError, BadInput, Refused
from vibrator.training.report import TuningReport, people, scores
from vibrator.training.static import StaticTuner, save_static
from vibrator.training.triplets import HeldOut, Triplet, hold_out, mine_actions

LOSSES = ("triplet", "contrastive", "mnrl")

State = dict[str, NDArray[np.generic]]


class TunedEncoder(InstructionalEncoder):
    """An encoder that knows how it was tuned."""

    report: TuningReport


class Tuner(Protocol):
    """One way of adapting one kind of model."""

    state: State

    def epoch(self, number: int) -> float:
        """Once through all triplets; gives the mean loss."""
        ...

    def tuned(self) -> EncoderModel:
        """The model as it is now."""
        ...

    def save(self, folder: Path) -> None:
        """Write a folder that InstructionalEncoder opens."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How to tune: the part of the arguments that the result depends on."""

    loss: str
    epochs: int
    lora: bool
    seed: int
    learning_rate: float | None

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise BadInput(f"loss must be one of {LOSSES}, got {self.loss!r}")
        require_count("epochs", self.epochs)
        if not isinstance(self.lora, bool):
            raise BadInput(f"lora must be True or False, got {self.lora!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise BadInput(f"seed must be a whole number of at least 0, got {self.seed!r}")
        if self.learning_rate is not None:
            require_positive("learning_rate", self.learning_rate)


def fine_tune_encoder(  # noqa: PLR0913  # the published signature
    base_model: str | EncoderConfig | InstructionalEncoder,
    training_data: Iterable[Triplet] | Iterable[UserAction],
    loss: str = "triplet",
    *,
    validation: Sequence[Triplet] | None = None,
    epochs: int = 3,
    lora: bool = False,
    seed: int = 0,
    output_dir: str | Path | None = None,
    learning_rate: float | None = None,
    save_worse: bool = False,
) -> TunedEncoder:
    """Adapt an encoder to triplets, or to the triplets mined from an action log.

    Some people are held out, and the end of the time of the others, unless `validation` is given;
    `.report` tells both scores before and after. A model that got worse on the people held out is
    not saved unless `save_worse`. A run that was killed goes on where it was, given the same
    arguments and `output_dir`. The embedded model is tuned without torch, by loss="contrastive".
    """
    plan = Plan(loss, epochs, lora, seed, learning_rate)
    config = _config(base_model)
    target = None if output_dir is None else _free(require_path("output_dir", output_dir))
    held = _held_out(training_data, validation, seed)
    base = InstructionalEncoder(config)
    tuner = _tuner(config, held.train, plan)
    losses = _run(tuner, plan, target, _fingerprint(base.model, held.train, plan))
    with tempfile.TemporaryDirectory(dir=target and target.parent) as unfinished:
        made = Path(unfinished) / "model"
        if target is None:
            encoder = TunedEncoder(tuner.tuned())
        else:
            made.mkdir()
            tuner.save(made)
            encoder = TunedEncoder(replace(config, model_name=str(made), revision=None))
        encoder.report = TuningReport(
            base=base.model.name,
            revision=base.model.revision,
            loss=loss,
            epochs=epochs,
            seed=seed,
            lora=lora,
            train_triplets=len(held.train),
            train_people=people(held.train),
            held_out_triplets=len(held.users),
            held_out_people=people(held.users),
            before=scores(base, held),
            after=scores(encoder, held),
            losses=tuple(losses),
        )
        return encoder if target is None else _kept(encoder, made, target, save_worse=save_worse)


def _kept(measured: TunedEncoder, made: Path, target: Path, *, save_worse: bool) -> TunedEncoder:
    report = measured.report
    _unfinished(target).unlink(missing_ok=True)
    if report.gain < 0 and not save_worse:
        raise Refused(
            f"the tuned model is worse on people held out ({report.before.users:.3f} before,"
            f" {report.after.users:.3f} after) and was not saved: give it more data or fewer"
            " epochs, or say save_worse=True"
        )
    (made / "README.md").write_text(report.card(), encoding="utf-8")
    made.replace(target)
    encoder = TunedEncoder(replace(measured.config, model_name=str(target)))
    encoder.report = report
    return encoder


def _config(base: str | EncoderConfig | InstructionalEncoder) -> EncoderConfig:
    if isinstance(base, InstructionalEncoder):
        if not base.from_config:
            raise BadInput("tune a model by its name or folder, not an encoder made of an object")
        return base.config
    return base if isinstance(base, EncoderConfig) else EncoderConfig(base)


def _free(target: Path) -> Path:
    if target.exists():
        raise BadInput(f"output_dir must not exist yet, got {str(target)!r}")
    if not target.parent.is_dir():
        raise BadInput(f"output_dir must lie in a folder that exists, got {str(target)!r}")
    return target


def _held_out(data: Iterable[Any], validation: Sequence[Triplet] | None, seed: int) -> HeldOut:
    if data is None or not isinstance(data, Iterable):
        raise BadInput(f"training_data must be triplets or actions, got one {type(data).__name__}")
    listed = list(data)
    known = (Triplet, UserAction)
    strange = sorted({type(each).__name__ for each in listed if not isinstance(each, known)})
    if strange:
        raise BadInput(f"training_data must be triplets or actions, got {strange} among them")
    triplets = listed if all(isinstance(t, Triplet) for t in listed) else mine_actions(listed)
    if not triplets:
        raise BadInput(
            "no triplets could be mined: a log needs liked and disliked actions a person"
        )
    if validation is None:
        return hold_out(triplets, seed=seed)
    if not validation or not all(isinstance(each, Triplet) for each in validation):
        kinds = sorted({type(each).__name__ for each in validation})
        raise BadInput(f"validation must hold at least one triplet and nothing else, got {kinds}")
    return HeldOut(train=tuple(triplets), users=tuple(validation), later=())


def _tuner(config: EncoderConfig, triplets: Sequence[Triplet], plan: Plan) -> Tuner:
    if kind_of(config) == EMBEDDED:
        return EmbeddedTuner(config, triplets, plan)
    from vibrator.training.neural import NeuralTuner

    return NeuralTuner(
        config, triplets, seed=plan.seed, loss=plan.loss, lora=plan.lora,
        learning_rate=plan.learning_rate,
    )  # fmt: skip


class EmbeddedTuner(StaticTuner):
    """The static tuner on the model that ships inside, or on one of its kind."""

    def __init__(self, config: EncoderConfig, triplets: Sequence[Triplet], plan: Plan) -> None:
        if plan.loss != "contrastive" or plan.lora:
            raise BadInput(
                "the embedded model is tuned by loss='contrastive' without lora, got"
                f" {plan.loss!r} and lora={plan.lora}"
            )
        self.folder = (
            FOLDER if config.model_name == EMBEDDED else Path(config.model_name).expanduser()
        )
        super().__init__(open_embedded(config), triplets, plan.seed)

    def save(self, folder: Path) -> None:
        """A folder like the base's."""
        save_static(self.tuned(), self.folder, folder)


def _run(tuner: Tuner, plan: Plan, target: Path | None, fingerprint: str) -> list[float]:
    losses = _resumed(tuner, target, fingerprint)
    for number in range(len(losses), plan.epochs):
        losses.append(tuner.epoch(number))
        if sys.stderr.isatty():
            sys.stderr.write(f"epoch {number + 1} of {plan.epochs}: loss {losses[-1]:.4f}\n")
        if target is not None:
            _remember(tuner.state, losses, target, fingerprint)
    return losses


def _resumed(tuner: Tuner, target: Path | None, fingerprint: str) -> list[float]:
    if target is None or not _unfinished(target).exists():
        return []
    try:
        with np.load(_unfinished(target), allow_pickle=False) as kept:
            state = {name: kept[name] for name in kept.files}
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{_unfinished(target)} is torn, delete it: {error}") from error
    if str(state.pop("fingerprint")) != fingerprint:
        raise BadInput(
            f"{_unfinished(target)} is of another run: delete it, or name another folder"
        )
    losses: list[float] = state.pop("losses").tolist()
    tuner.state = state
    return losses


def _remember(state: State, losses: list[float], target: Path, fingerprint: str) -> None:
    path = _unfinished(target)
    torn = path.with_name(f"{path.name}.{os.getpid()}")
    with torn.open("wb") as file:
        np.savez(file, fingerprint=np.array(fingerprint), losses=np.array(losses), **state)  # type: ignore[arg-type]
    torn.replace(path)


def _unfinished(target: Path) -> Path:
    return target.with_name(f"{target.name}.unfinished.npz")


def _fingerprint(model: EncoderModel, triplets: Sequence[Triplet], plan: Plan) -> str:
    digest = hashlib.sha256(repr((model.revision, replace(plan, epochs=1))).encode())
    for triplet in triplets:
        digest.update(repr(triplet).encode())
    return digest.hexdigest()[:16]
