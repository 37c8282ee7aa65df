"""Everything that reads what others wrote, by name: what a file of it is called, and the reader.

Seeds lie in `corpus/<name>/`; each is read well or was kept because it got an answer of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vibrator.bandits.logs import read_open_bandit
from vibrator.bandits.saving import load_bandit
from vibrator.calibration import calibrator_from, load_calibrator
from vibrator.calibration.port import _checksum as checksum
from vibrator.chat import from_discord, from_openai, from_slack
from vibrator.datasets import load_actions, load_items, load_sliders
from vibrator.datasets.event_logs import load_event_file
from vibrator.datasets.events import RowReport
from vibrator.datasets.mind import load_mind_impressions, load_mind_news
from vibrator.datasets.movielens import load_movielens
from vibrator.datasets.rees46 import load_rees46
from vibrator.datasets.retailrocket import load_retailrocket
from vibrator.encoders.embedded import FOLDER, EmbeddedModel
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import kind_of
from vibrator.experiments.config import AdaptiveConfig
from vibrator.experiments.design import ExperimentState
from vibrator.experiments.interchange import import_json, import_jsonl
from vibrator.experiments.ledger import Ledger
from vibrator.experiments.proposals import candidate, parse_candidates
from vibrator.intent.settings import read_configuration
from vibrator.ltv.artefact import read_manifest
from vibrator.ltv.config import load_config
from vibrator.ltv.frames import read_frame
from vibrator.profile import Profile
from vibrator.scale.output import Output
from vibrator.service.keys import Keyring
from vibrator.simulate.llm import checked_word
from vibrator.simulate.personas import read_personas

CORPUS = Path(__file__).parent / "corpus"


class Reader(NamedTuple):
    """The name that a file has, what is done with its folder and path, and files beside it."""

    file: str
    read: Callable[[Path, Path], Any]
    beside: Mapping[str, str] = {}


def log_of(load):
    """A reader of a folder, asked to refuse bad rows and to go on without them."""

    def read(folder, _path):
        load(folder, report=RowReport())
        load(folder)

    return read


def rows_of(load):
    def read(_folder, path):
        list(load(path, on_error="skip"))
        list(load(path))

    return read


def values_of(read):
    """A function that takes values: what is no JSON is none of its inputs."""

    def called(_folder, path):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            return
        read(value)

    return called


def sealed(document):
    """A calibrator's document whose checksum holds, whatever it says."""
    if isinstance(document, dict):
        body = {key: document.get(key) for key in ("kind", "version", "parameters")}
        document = {**document, "checksum": checksum(body)}
    calibrator_from(document)


@cache
def ledger():
    return Ledger(":memory:")


def tell_ledger(read):
    def into(_folder, path):
        read(ledger(), path, keep_good=True)
        read(ledger(), path)

    return into


def bandit_of(folder, path):
    """The arrays of a saved bandit, under a manifest that says this."""
    with np.load(CORPUS / "bandit" / "seed-0") as saved:
        arrays = {name: saved[name] for name in saved.files if name != "manifest"}
    words = path.read_text(encoding="utf-8", errors="replace").rstrip("\0")
    np.savez(folder / "made.npz", manifest=np.array(words), **arrays)
    load_bandit(folder / "made.npz")


def model_of(folder, _path):
    """The files of the model that ships, beside a config.json that says this."""
    for name in ("model.safetensors", "tokenizer.json"):
        if not (folder / name).exists():
            (folder / name).symlink_to(FOLDER / name)
    EmbeddedModel.load(folder)


def parts_of(folder, _path):
    with Output(folder, {"work": "a"}):
        pass


def impressions(folder, *, report=None):
    return list(load_mind_impressions(folder, report=report))


def candidates(_, path):
    found = parse_candidates(path.read_text(errors="replace"))
    return [
        candidate("mail", one, [], {}) for one in (found if isinstance(found, list) else [found])
    ]


ENDED = datetime(2026, 3, 1, tzinfo=UTC)
TREE = {
    "category_tree.csv": "categoryid,parentid\n1,\n2,1\n3,2\n",
    "item_properties_part1.csv": "timestamp,itemid,property,value\n1,100,categoryid,3\n",
    "events.csv": "timestamp,visitorid,event,itemid,transactionid\n1433221332117,7,view,100,\n",
}
FILMS = {
    "movies.dat": "1::Toy Story (1995)::Animation|Comedy\n2::Heat (1995)::Action|Crime\n",
    "ratings.dat": "1::1::5::978300760\n1::2::4::978300761\n",
}

READERS = {
    "actions-csv": Reader("a.csv", rows_of(load_actions)),
    "actions-gz": Reader("a.csv.gz", rows_of(load_actions)),
    "actions-json": Reader("a.json", rows_of(load_actions)),
    "actions-jsonl": Reader("a.jsonl", rows_of(load_actions)),
    "actions-parquet": Reader("a.parquet", rows_of(load_actions)),
    "items-csv": Reader("i.csv", lambda _, path: load_items(path)),
    "items-json": Reader("i.json", lambda _, path: load_items(path)),
    "sliders-json": Reader("s.json", lambda _, path: load_sliders(path)),
    "events-csv": Reader("e.csv", lambda _, path: load_event_file(path)),
    "events-parquet": Reader("e.parquet", lambda _, path: load_event_file(path)),
    "movielens-ratings": Reader("ratings.dat", log_of(load_movielens), FILMS),
    "movielens-films": Reader("movies.dat", log_of(load_movielens), FILMS),
    "retailrocket-events": Reader("events.csv", log_of(load_retailrocket), TREE),
    "retailrocket-tree": Reader("category_tree.csv", log_of(load_retailrocket), TREE),
    "retailrocket-items": Reader("item_properties_part1.csv", log_of(load_retailrocket), TREE),
    "rees46": Reader("2019-Oct.csv", log_of(load_rees46)),
    "mind-news": Reader("news.tsv", log_of(load_mind_news)),
    "mind-behaviors": Reader("behaviors.tsv", log_of(impressions)),
    "open-bandit": Reader("all.csv", lambda _, path: read_open_bandit(path)),
    "ledger-json": Reader("l.json", tell_ledger(import_json)),
    "ledger-jsonl": Reader("l.jsonl", tell_ledger(import_jsonl)),
    "experiment-state": Reader(
        "s.json", lambda _, path: ExperimentState.from_json(path.read_bytes())
    ),
    "experiment-config": Reader("c.json", lambda _, path: AdaptiveConfig(path)),
    "candidates": Reader("c.txt", candidates),
    "personas": Reader("p.yaml", lambda _, path: read_personas(path)),
    "replay-settings": Reader("r.yaml", lambda _, path: read_configuration(path)),
    "ltv-config": Reader("l.yaml", lambda _, path: load_config(path)),
    "ltv-csv": Reader("l.csv", lambda _, path: read_frame(path)),
    "ltv-parquet": Reader("l.parquet", lambda _, path: read_frame(path)),
    "ltv-manifest": Reader(
        "manifest.json",
        lambda folder, _: read_manifest(folder),
        {"model.json": "{}", "report.json": "{}"},
    ),
    "calibrator": Reader("c.json", lambda _, path: load_calibrator(path)),
    "calibrator-values": Reader("c.json", values_of(sealed)),
    "profile": Reader("p.bin", lambda _, path: Profile.from_bytes(path.read_bytes())),
    "bandit": Reader("b.npz", lambda _, path: load_bandit(path)),
    "bandit-manifest": Reader("b.json", bandit_of),
    "keys": Reader("k.json", lambda _, path: Keyring.load(path)),
    "model-config": Reader("config.json", lambda folder, _: kind_of(EncoderConfig(str(folder)))),
    "embedded-config": Reader("config.json", model_of),
    "batch-manifest": Reader("_manifest.jsonl", parts_of),
    "answers": Reader("a.txt", lambda _, path: checked_word(path.read_text(errors="replace"))),
    "chat-openai": Reader("c.json", values_of(partial(from_openai, ended=ENDED))),
    "chat-slack": Reader("c.json", values_of(from_slack)),
    "chat-discord": Reader("c.json", values_of(from_discord)),
}
