"""Tuning: what is mined, held out, learned, reported, kept and refused."""

import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tiny_instructor import tiny_instructor  # noqa: F401  # a fixture

from vibrator.actions import UserAction
from vibrator.decisions import Decision, Outcome
from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.checkpoints import find_checkpoint
from vibrator.encoders.instructor import instructed
from vibrator.encoders.ports import EncoderConfig
from vibrator.errors import BadInput, Refused
from vibrator.training import (
    Triplet,
    fine_tune_encoder,
    hold_out,
    mine_actions,
    mine_decisions,
    triplet_accuracy,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
SIDES = {
    "sea": ["harbour", "tide", "sail", "anchor", "mast", "wave", "gull"],
    "bread": ["oven", "dough", "crust", "rye", "yeast", "flour", "knead"],
}


def planted(people=30, each=8, seed=0):
    """People of the sea and people of bread: words that go together here by no dictionary."""
    rng = np.random.default_rng(seed)
    triplets = []
    for person in range(people):
        own, other = ("sea", "bread") if person % 2 else ("bread", "sea")
        for number in range(each):
            one, two = rng.choice(SIDES[own], 2, replace=False)
            at = START + timedelta(hours=number)
            triplets.append(Triplet(one, two, rng.choice(SIDES[other]), f"p{person}", at))
    return triplets


def action(content, weight, hours, user="ada", **metadata):
    at = START + timedelta(hours=hours)
    return UserAction("read", content, weight, at, user, metadata=metadata)


def test_what_came_next_against_what_was_disliked_about_then():
    log = [
        action("a", 1.0, 0), action("far", -1.0, 90), action("b", 1.0, 2), action("near", -1.0, 3)
    ]  # fmt: skip

    assert [(t.anchor, t.positive, t.negative) for t in mine_actions(log)] == [("a", "b", "near")]


def test_the_same_slate_comes_before_the_nearest_time():
    log = [
        action("a", 1.0, 0), action("b", 1.0, 2, slate="s"),
        action("near", -1.0, 2), action("mate", -1.0, 50, slate="s"),
    ]  # fmt: skip

    assert [t.negative for t in mine_actions(log)] == ["mate"]


def test_people_are_not_mixed():
    log = [action("a", 1.0, 0), action("b", 1.0, 1), action("c", -1.0, 1, user="bruno")]

    assert mine_actions(log) == []


def test_of_a_slate_the_rewarded_against_the_rest():
    decision = Decision(
        decision_id="d", user_id="ada", at=START, candidates=("x", "y", "z"), chosen=("x", "y"),
        arm="x", propensity=0.5, reason="test",
    )  # fmt: skip
    outcome = Outcome(decision_id="d", what="click", at=START, item_id="x", reward=1.0)
    texts = {"x": "sailing", "y": "baking", "z": "never shown"}

    mined = mine_decisions([decision], [outcome], texts, {"ada": "the sea"})

    assert mined == [Triplet("the sea", "sailing", "baking", "ada", START)]


def test_people_and_time_are_held_out():
    held = hold_out(planted(), seed=1)

    assert not {t.user_id for t in held.train} & {t.user_id for t in held.users}
    assert max(t.at for t in held.train) <= min(t.at for t in held.later)
    assert len(held.train) + len(held.users) + len(held.later) == len(planted())


def test_one_person_cannot_be_held_out():
    with pytest.raises(BadInput, match="at least 2"):
        hold_out(planted(people=1), seed=0)


def test_the_embedded_model_learns_what_was_planted(tmp_path):
    tuned = fine_tune_encoder(
        "embedded", planted(), "contrastive", epochs=20, output_dir=tmp_path / "tuned"
    )

    assert tuned.report.gain > 0.05
    assert tuned.report.after.users > 0.9
    assert f"| {tuned.report.after.users:.3f} |" in (tmp_path / "tuned/README.md").read_text()


def test_a_tuned_embedded_model_reloads_to_the_same_vectors(tmp_path):
    tuned = fine_tune_encoder(
        "embedded", planted(), "contrastive", epochs=2, output_dir=tmp_path / "t", save_worse=True
    )
    again = InstructionalEncoder(str(tmp_path / "t"))
    texts = ["harbour", "knead", "something else"]

    np.testing.assert_array_equal(tuned.encode_items(texts), again.encode_items(texts))
    assert again.fingerprint != InstructionalEncoder("embedded").fingerprint


def test_the_same_seed_gives_the_same_model():
    one, two = (fine_tune_encoder("embedded", planted(), "contrastive") for _ in range(2))

    assert one.report == two.report
    assert one.model.revision == two.model.revision


def contrary():
    """Triplets that say the opposite of those to learn from."""
    return [
        Triplet(t.anchor, t.negative, t.positive, f"held {t.user_id}", t.at)
        for t in planted(seed=9)
    ]


def test_a_worse_model_is_not_saved(tmp_path):
    with pytest.raises(Refused, match="worse"):
        fine_tune_encoder(
            "embedded", planted(), "contrastive", validation=contrary(), epochs=20,
            output_dir=tmp_path / "tuned",
        )  # fmt: skip

    assert list(tmp_path.iterdir()) == []


def test_a_worse_model_is_saved_when_told_to(tmp_path):
    tuned = fine_tune_encoder(
        "embedded", planted(), "contrastive", validation=contrary(), epochs=20,
        output_dir=tmp_path / "tuned", save_worse=True,
    )  # fmt: skip

    assert tuned.report.gain < 0
    assert (tmp_path / "tuned" / "config.json").exists()


KILLED = """
import sys
from test_training import planted
from vibrator.training import fine_tune_encoder
from vibrator.training.static import StaticTuner
epoch = StaticTuner.epoch
def slow(self, number):
    if number == 3:
        print("third", flush=True)
        sys.stdin.read()
    return epoch(self, number)
StaticTuner.epoch = slow
fine_tune_encoder("embedded", planted(), "contrastive", epochs=6, output_dir=sys.argv[1])
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path, monkeypatch):
    from vibrator.training.static import StaticTuner

    unbroken = fine_tune_encoder("embedded", planted(), "contrastive", epochs=6)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "tuned")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent,
    )  # fmt: skip
    child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    ran, epoch = [], StaticTuner.epoch
    monkeypatch.setattr(StaticTuner, "epoch", lambda s, n: ran.append(n) or epoch(s, n))

    resumed = fine_tune_encoder(
        "embedded", planted(), "contrastive", epochs=6, output_dir=tmp_path / "tuned"
    )

    assert ran == [3, 4, 5]
    assert resumed.report.losses == pytest.approx(unbroken.report.losses, rel=1e-5)
    assert replace(resumed.report, losses=()) == replace(unbroken.report, losses=())


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"loss": "triplet"}, "contrastive"),
        ({"loss": "best"}, "one of"),
        ({"epochs": 0}, "at least 1"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"seed": -1}, "seed"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"lora": "yes"}, "lora must be True or False"),
        ({"training_data": ["a text"]}, "triplets or actions, got .'str'. among"),
        ({"training_data": [None]}, "triplets or actions, got .'NoneType'. among"),
        ({"training_data": None}, "triplets or actions, got one NoneType"),
        ({"training_data": 3}, "triplets or actions, got one int"),
        ({"validation": [3]}, "at least one"),
        ({"lora": True}, "lora"),
        ({"training_data": []}, "no triplets"),
        ({"validation": []}, "at least one"),
        ({"output_dir": 3}, "output_dir must be a path, got 3"),
        ({"output_dir": "/"}, "must not exist"),
        ({"output_dir": "/absent/folder"}, "folder that exists"),
    ],
)
def test_bad_arguments_are_named(arguments, rule):
    given = {"training_data": planted(4), "loss": "contrastive"} | arguments

    with pytest.raises(BadInput, match=rule):
        fine_tune_encoder("embedded", **given)


@pytest.mark.parametrize(
    "arguments",
    [
        {"training_data": [UserAction("click", "my secret", timestamp=START)]},
        {"training_data": [UserAction("click", "my secret", user_id="ada")]},
        {"training_data": ["my secret"]},
        {"training_data": "my secret"},
        {"validation": [UserAction("click", "my secret")]},
    ],
)
def test_errors_hold_nobodys_words(arguments):
    given = {"training_data": planted(4), "loss": "contrastive"} | arguments

    with pytest.raises(BadInput) as caught:
        fine_tune_encoder("embedded", **given)
    assert "secret" not in str(caught.value)


def tune_tiny(folder, target, **settings):
    config = EncoderConfig(str(folder), device="cpu")
    return fine_tune_encoder(
        config, planted(12, 4), output_dir=target, save_worse=True, learning_rate=3e-3, **settings
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    ("loss", "lora"), [("triplet", False), ("contrastive", False), ("mnrl", False), ("mnrl", True)]
)
def test_instructor_learns_and_reloads_to_the_same_vectors(tiny_instructor, tmp_path, loss, lora):  # noqa: F811
    tuned = tune_tiny(tiny_instructor, tmp_path / "t", loss=loss, lora=lora, epochs=6)
    again = InstructionalEncoder(EncoderConfig(str(tmp_path / "t"), device="cpu"))
    texts = ["harbour", "knead", "ﬁne e\u0301clair"]

    assert tuned.report.losses[-1] < tuned.report.losses[0]
    np.testing.assert_array_equal(tuned.encode_items(texts), again.encode_items(texts))
    assert triplet_accuracy(again, planted(12, 4)) == triplet_accuracy(tuned, planted(12, 4))
    assert (tmp_path / "t" / "adapter").exists() == lora


@pytest.mark.integration
def test_an_adapter_on_its_base_gives_the_vectors_of_the_tuned_model(tiny_instructor, tmp_path):  # noqa: F811
    peft = pytest.importorskip("peft")
    from vibrator.encoders.torch_models import load_modules

    tuned = tune_tiny(tiny_instructor, tmp_path / "t", loss="mnrl", lora=True, epochs=3)
    config = EncoderConfig(str(tiny_instructor), device="cpu")
    base = load_modules(find_checkpoint(config), config)
    with warnings.catch_warnings(action="ignore"):
        whole = peft.PeftModel.from_pretrained(base[0].auto_model, tmp_path / "t" / "adapter")
    base[0].auto_model = whole.merge_and_unload()
    texts = ["harbour", "knead", "long mountain trails"]
    right = tuned.model.vectors("Represent: ", texts)

    reloaded = instructed(base, config).vectors("Represent: ", texts)
    np.testing.assert_allclose(reloaded, right, atol=1e-6)
    untuned = InstructionalEncoder(config).model.vectors("Represent: ", texts)
    assert np.abs(untuned - right).max() > 1e-3


@pytest.mark.integration
@pytest.mark.parametrize("lora", [False, True])
def test_an_interrupted_run_on_torch_goes_on_where_it_was(
    tiny_instructor,  # noqa: F811
    tmp_path,
    monkeypatch,
    lora,
):
    from vibrator.training.neural import NeuralTuner

    unbroken = tune_tiny(tiny_instructor, tmp_path / "a", loss="mnrl", lora=lora, epochs=3)
    ran, epoch = [], NeuralTuner.epoch

    def stopped(tuner, number):
        if number == 2:
            raise KeyboardInterrupt
        return epoch(tuner, number)

    monkeypatch.setattr(NeuralTuner, "epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        tune_tiny(tiny_instructor, tmp_path / "b", loss="mnrl", lora=lora, epochs=3)
    monkeypatch.setattr(NeuralTuner, "epoch", lambda s, n: ran.append(n) or epoch(s, n))
    resumed = tune_tiny(tiny_instructor, tmp_path / "b", loss="mnrl", lora=lora, epochs=3)

    assert ran == [2]
    assert resumed.report.losses == pytest.approx(unbroken.report.losses, rel=1e-5)
    np.testing.assert_allclose(
        resumed.encode_items(["harbour"]), unbroken.encode_items(["harbour"]), atol=1e-5
    )


@pytest.mark.integration
def test_a_tuned_model_in_memory_equals_the_saved_one(tiny_instructor, tmp_path):  # noqa: F811
    saved = tune_tiny(tiny_instructor, tmp_path / "t", loss="mnrl", epochs=1)
    memory = tune_tiny(tiny_instructor, None, loss="mnrl", epochs=1)

    np.testing.assert_allclose(
        saved.encode_items(["harbour"]), memory.encode_items(["harbour"]), atol=1e-6
    )
