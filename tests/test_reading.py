"""What others wrote, and is not what it should be: told in words, whoever reads it."""

from datetime import UTC, datetime

import numpy as np
import pytest

from vibrator.bandits import bandit, load_bandit, save_bandit
from vibrator.chat import from_discord, from_openai, from_slack
from vibrator.checks import read_or_refused
from vibrator.datasets.event_logs import load_event_file
from vibrator.datasets.events import RowReport
from vibrator.datasets.mind import load_mind_news
from vibrator.encoders.embedded import EmbeddedModel
from vibrator.errors import ArtefactError, BadInput, BadRows, UnknownName
from vibrator.experiments.design import ExperimentState
from vibrator.experiments.interchange import import_json
from vibrator.experiments.ledger import Ledger
from vibrator.ltv.config import read_yaml
from vibrator.ltv.frames import read_csv
from vibrator.scale.output import MANIFEST, Output

NOW = datetime(2026, 3, 2, tzinfo=UTC)
RECORD = (
    '{"domain": "mail", "experiment_id": "e1", "variable": "subject", "variant": "short",'
    ' "metric_values": {"opens": %s}, "timestamp": "2026-03-01T08:00:00+00:00"}'
)


def test_an_error_of_ours_stays_what_it_is_and_others_keep_their_cause():
    with pytest.raises(UnknownName), read_or_refused("a file"):
        raise UnknownName("no such thing")
    with pytest.raises(BadInput, match="a file lacks 'name'") as caught, read_or_refused("a file"):
        {}["name"]
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ZeroDivisionError), read_or_refused("a file"):
        1 / 0  # noqa: B018  # a fault of ours is no bad file


@pytest.mark.parametrize("content", [b"PAR1", b"no parquet at all", b""])
def test_what_is_no_parquet_file_is_refused(tmp_path, content):
    pytest.importorskip("pyarrow")
    path = tmp_path / "e.parquet"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"e\.parquet must be a whole parquet file"):
        load_event_file(path)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"queue": 1}', '{"current": [{}]}', "{"])
def test_a_state_that_is_none_is_refused(text):
    with pytest.raises(BadInput):
        ExperimentState.from_json(text)


def test_a_ledger_with_a_lone_surrogate_or_too_deep_is_refused(tmp_path):
    path, ledger = tmp_path / "l.json", Ledger(":memory:")
    path.write_text("[" + RECORD % '"\\ud800"' + "]")
    with pytest.raises(BadInput, match="metric_values"):
        import_json(ledger, path)
    path.write_text("[" + RECORD % "0.5" + "," + "[" * 100_000)
    report = import_json(ledger, path)
    assert report.imported == 1
    assert report.torn_at > 0


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (from_slack, 5), (from_slack, [5]), (from_slack, {"messages": []}),
        (from_discord, []), (from_discord, {"messages": [5]}),
        (from_discord, {"messages": [{"content": "hi", "author": "ada"}]}),
        (lambda value: from_openai(value, ended=NOW), ["hi"]),
    ],
)  # fmt: skip
def test_a_conversation_of_another_shape_is_refused(read, value):
    with pytest.raises(BadInput, match="must be"):
        read(value)


def test_parts_of_a_message_are_objects():
    with pytest.raises(BadInput, match="parts that are objects"):
        from_openai([{"role": "user", "content": ["hi"]}], ended=NOW)


def test_lines_that_are_no_unicode_are_reported(tmp_path):
    whole = b"N1\tlife\ttopic\tbaking bread\t\t\t[]\t[]\n"
    (tmp_path / "news.tsv").write_bytes(b"N2\t\xff\ttopic\tgoal\t\t\t[]\t[]\n" + whole)
    report = RowReport()
    assert list(load_mind_news(tmp_path, report=report)) == ["N1"]
    assert report.count == 1
    with pytest.raises(BadRows, match="UTF-8"):
        load_mind_news(tmp_path)


@pytest.mark.parametrize("manifest", ["[]", "{", '{"format": "vibrator-bandit", "version": 1}'])
def test_a_bandit_under_an_odd_manifest_is_refused(tmp_path, manifest):
    path = save_bandit(bandit("linucb", arms=["a", "b"], d=2), tmp_path / "b.npz")
    with np.load(path) as saved:
        arrays = {name: saved[name] for name in saved.files if name != "manifest"}
    np.savez(path, manifest=np.array(manifest), **arrays)
    with pytest.raises(ArtefactError, match=r"b\.npz"):
        load_bandit(path)


@pytest.mark.parametrize("config", ["{", "[]", "{}", '{"vibrator": "embedded", "sha256": ""}'])
def test_an_embedded_model_under_an_odd_config_is_refused(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ArtefactError, match=r"config\.json"):
        EmbeddedModel.load(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[" * 5_000])
def test_a_configuration_that_is_no_yaml_is_refused(tmp_path, content):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(BadInput, match="is not YAML"):
        read_yaml(tmp_path / "c.yaml")


def test_chunks_of_a_torn_table_are_refused_when_they_are_reached(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 10 + "1,2,3\n")
    chunks = read_csv(path, chunksize=5)
    assert len(next(chunks)) == 5
    with pytest.raises(BadInput, match=r"t\.csv cannot be read"):
        list(chunks)


def test_an_output_folder_whose_manifest_is_noise_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_bytes(b"\xff\xff\n")
    with pytest.raises(ArtefactError, match=MANIFEST), Output(tmp_path, {"work": "a"}):
        pass
