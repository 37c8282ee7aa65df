"""Batch jobs over parquet: exactly once, resumable, the same whoever does the work."""

import json
import os
import signal
import subprocess
import sys

import pandas as pd
import pytest

from tests.test_scale import NOW, SLIDERS, TEXTS, actions_frame, scored_frame
from vibrator.encoders.ports import EncoderConfig
from vibrator.errors import ArtefactError, BadInput, StoreBusy
from vibrator.scale.dask import cluster, estimate, run, run_profiles
from vibrator.scale.jobs import Encode, Evaluate, FoldPiece, Score, encoder_of
from vibrator.scale.output import MANIFEST, Output
from vibrator.scale.pieces import cut, files, newest, read_actions, read_piece
from vibrator.sliders import SliderSet

pytestmark = pytest.mark.integration
EMBEDDED = EncoderConfig("embedded")


@pytest.fixture
def log(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    for number in range(3):
        frame = actions_frame(200, users=20, seed=number)
        frame.to_parquet(folder / f"day-{number}.parquet", row_group_size=50)
    return folder


@pytest.fixture
def items(tmp_path):
    path = tmp_path / "items.csv"
    pd.DataFrame({"id": TEXTS, "text": TEXTS}).to_csv(path, index=False)
    return path


def scoring(items, **other):
    return Score(EMBEDDED, tuple(SliderSet(SLIDERS).items()), str(items), NOW, **other)


def rows_of(folder):
    return pd.concat(map(read_piece, cut(str(folder))), ignore_index=True)


def test_pieces_cover_every_row_once(log):
    pieces = cut(str(log), rows=120)
    assert [piece.rows for piece in pieces] == [100, 100] * 3
    assert sum(len(read_piece(piece)) for piece in pieces) == 600


def test_pieces_are_read_from_any_url(log):
    import fsspec

    system = fsspec.filesystem("memory")
    system.pipe("/far/log.parquet", (log / "day-0.parquet").read_bytes())
    (piece,) = cut("memory://far")
    assert len(read_actions(piece)) == 200


def test_a_folder_without_parquet_is_refused(tmp_path):
    with pytest.raises(BadInput, match="found none"):
        files(str(tmp_path))


def test_a_bad_row_is_told_by_file_and_row(log):
    frame = actions_frame(9)
    frame["content"] = [*frame["content"][:4], " ", *frame["content"][5:]]
    frame.to_parquet(log / "day-9.parquet")
    with pytest.raises(BadInput, match=r"day-9\.parquet.*(?s:.)*\b5\b.*content"):
        read_actions(cut(str(log))[-1])


def test_a_batch_of_nothing_is_refused_and_an_empty_part_is_not(log, tmp_path):
    actions_frame(9).head(0).to_parquet(log / "day-00.parquet")
    assert estimate(FoldPiece(EMBEDDED), cut(str(log)))["rows"] == 600
    assert run_profiles(EMBEDDED, cut(str(log)), tmp_path / "profiles").rows == 20
    with pytest.raises(BadInput, match="at least one row"):
        cut(str(log / "day-00.parquet"))


def test_bad_rows_are_left_out_when_the_caller_said_so(log, tmp_path):
    frame = actions_frame(9, seed=3).assign(user_id=[None, *["zoe"] * 8])
    frame["content"] = [*frame["content"][:4], " ", *frame["content"][5:]]
    frame.to_parquet(log / "day-9.parquet")
    with pytest.raises(BadInput, match="content"):
        run_profiles(EMBEDDED, cut(str(log)), tmp_path / "profiles")
    done = run_profiles(EMBEDDED, cut(str(log)), tmp_path / "profiles", on_error="skip")

    rows = rows_of(tmp_path / "profiles").set_index("user_id")
    assert done.rows == 21
    assert rows.loc["zoe", "events"] == 7  # of nine, one without a user and one without words
    assert rows["events"].sum() == 607


def test_a_log_in_place_of_profiles_is_told(log, items, tmp_path):
    pieces = cut(str(log))
    with pytest.raises(BadInput, match=r"batch profiles` writes, it lacks \['last_seen'\]"):
        newest(pieces)
    with pytest.raises(BadInput, match=r"batch profiles` writes, it lacks \['profile'\]"):
        run(scoring(items), pieces, tmp_path / "scores")


def test_absent_weights_are_those_of_the_types(log):
    path = log / "plain.parquet"
    actions_frame(30).drop(columns="weight").to_parquet(path)
    (piece,) = cut(str(path))
    read = read_actions(piece)
    assert set(read["weight"][read["action_type"] == "write"]) == {1.5}


def test_profiles_do_not_depend_on_the_pieces(log, tmp_path):
    coarse = run_profiles(EMBEDDED, cut(str(log)), tmp_path / "coarse")
    fine = run_profiles(EMBEDDED, cut(str(log), rows=50), tmp_path / "fine")
    assert coarse.rows == fine.rows == 20
    assert rows_of(tmp_path / "coarse")["events"].sum() == 600
    assert coarse.checksum == fine.checksum


def test_shuffled_rows_are_gone_afterwards(log, tmp_path):
    run_profiles(EMBEDDED, cut(str(log)), tmp_path / "profiles")
    names = sorted(path.name for path in (tmp_path / "profiles").iterdir())
    assert names == [MANIFEST, "part-00000.parquet"]


def test_scores_of_all_and_of_the_best(log, items, tmp_path):
    run_profiles(EMBEDDED, cut(str(log)), tmp_path / "profiles")
    pieces = cut(str(tmp_path / "profiles"))
    assert run(scoring(items), pieces, tmp_path / "all").rows == 20 * len(TEXTS)
    assert run(scoring(items, best=2), pieces, tmp_path / "best").rows == 40
    with pytest.raises(BadInput, match="another job"):
        run(scoring(items, best=3), pieces, tmp_path / "best")


def test_a_run_that_was_killed_is_resumed_and_gives_the_same(log, tmp_path):
    class Killed(Exception):
        pass

    def kill(done, *_):
        if done == 2:
            raise Killed

    work, pieces = FoldPiece(EMBEDDED), cut(str(log), rows=50)
    whole = run(work, pieces, tmp_path / "whole")
    with pytest.raises(Killed):
        run(work, pieces, tmp_path / "part", told=kill)
    with (tmp_path / "part" / MANIFEST).open("a") as manifest:
        manifest.write('{"name": "part-000')  # the kill came in the middle of a line
    resumed = run(work, pieces, tmp_path / "part")
    assert resumed.resumed == 2
    assert resumed.checksum == whole.checksum


def test_a_part_that_changed_afterwards_is_refused(log, tmp_path):
    run(FoldPiece(EMBEDDED), cut(str(log)), tmp_path / "out")
    (tmp_path / "out" / "part-00001.parquet").write_bytes(b"torn")
    with pytest.raises(ArtefactError, match="part-00001"):
        run(FoldPiece(EMBEDDED), cut(str(log)), tmp_path / "out")


def test_changed_input_is_another_job(log, tmp_path):
    run(FoldPiece(EMBEDDED), cut(str(log)), tmp_path / "out")
    actions_frame(200, seed=7).to_parquet(log / "day-0.parquet", row_group_size=50)
    with pytest.raises(BadInput, match="another job"):
        run(FoldPiece(EMBEDDED), cut(str(log)), tmp_path / "out")


def test_two_runs_into_one_folder_are_refused(tmp_path):
    with Output(tmp_path, {"work": "a"}), pytest.raises(StoreBusy), Output(tmp_path, {"work": "a"}):
        pass


def test_a_folder_of_something_else_is_left_alone(log):
    with pytest.raises(BadInput, match="something else"), Output(log, {"work": "a"}):
        pass
    with pytest.raises(BadInput, match="share"), Output("s3://bucket/out", {}):
        pass


def test_a_dry_run_writes_nothing_and_says_what_it_takes(log, tmp_path):
    found = estimate(FoldPiece(EMBEDDED), cut(str(log)))
    assert found["rows"] == 600
    assert found["core_seconds"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_tallies_of_pieces_are_added_up(tmp_path):
    scored_frame(1_000).to_parquet(tmp_path / "scored.parquet", row_group_size=100)
    done = run(Evaluate(), cut(str(tmp_path / "scored.parquet"), rows=200), tmp_path / "tally")
    assert done.parts == 5
    assert rows_of(tmp_path / "tally")["rows"].sum() == 1_000


@pytest.fixture(scope="module")
def two_workers():
    with cluster(2) as client:
        yield client


def test_two_workers_give_what_one_process_gives(log, tmp_path, two_workers):
    pieces = cut(str(log), rows=50)
    alone = run_profiles(EMBEDDED, pieces, tmp_path / "alone")
    together = run_profiles(EMBEDDED, pieces, tmp_path / "together", client=two_workers)
    assert together.checksum == alone.checksum


def test_a_worker_killed_in_mid_job_changes_nothing(log, tmp_path, two_workers):
    work, pieces = FoldPiece(EMBEDDED), cut(str(log), rows=50)
    alone = run(work, pieces, tmp_path / "alone")
    victim = next(iter(two_workers.run(os.getpid).values()))
    killed = []

    def kill(done, *_):
        if not killed:
            os.kill(victim, signal.SIGKILL)
            killed.append(done)

    disturbed = run(work, pieces, tmp_path / "disturbed", client=two_workers, told=kill)
    assert killed
    assert (disturbed.rows, disturbed.checksum) == (alone.rows, alone.checksum)
    left = [path.name for path in (tmp_path / "disturbed").iterdir()]
    assert len([name for name in left if name.startswith("part-")]) == len(pieces)


def test_a_worker_loads_the_encoder_once(tmp_path, two_workers):
    frame = pd.DataFrame({"id": [str(n) for n in range(80)], "text": (TEXTS * 7)[:80]})
    frame.to_parquet(tmp_path / "items.parquet", row_group_size=10)
    run(Encode(EMBEDDED), cut(str(tmp_path / "items.parquet"), rows=10), tmp_path / "v",
        client=two_workers)  # fmt: skip
    loads = two_workers.run(lambda: encoder_of.cache_info().misses).values()
    assert max(loads) <= 1


def test_the_commands_take_a_log_to_its_best_items(log, items, tmp_path):
    sliders = tmp_path / "sliders.json"
    sliders.write_text(json.dumps({"sliders": SLIDERS}))

    def vibrator(*words):
        command = [sys.executable, "-m", "vibrator", "batch", *map(str, words), "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[0]

    assert vibrator("profiles", log, "-o", tmp_path / "p", "--dry-run")["rows"] == 600
    assert vibrator("profiles", log, "-o", tmp_path / "p", "--workers", "1")["rows"] == 20
    done = vibrator(
        "score", tmp_path / "p", items, "-s", sliders, "-o", tmp_path / "s", "--best", 2
    )
    assert done["rows"] == 40
