"""Lists that were drawn are remembered in a file, and never believed against the store."""

import logging
import os

import numpy as np
import pytest

from vibrator.errors import ArtefactError
from vibrator.stores import Item, open_store
from vibrator.vectors import unit

pytestmark = pytest.mark.integration
ROWS = unit(np.random.default_rng(0).normal(size=(3_000, 16))).astype(np.float16).astype(np.float32)


@pytest.fixture
def drawn(monkeypatch):
    """How many rows there were, each time that lists were drawn."""
    from vibrator.stores.faiss import FaissIndex

    counts, draw = [], FaissIndex._draw_lists
    monkeypatch.setattr(
        FaissIndex, "_draw_lists", lambda index: (counts.append(len(index)), draw(index))
    )
    return counts


@pytest.fixture
def opened(tmp_path):
    stores = []

    def one(options="?index=faiss&faiss_above=500", tenant="default"):
        stores.append(open_store(f"sqlite:///{tmp_path}/a.db{options}", tenant=tenant))
        return stores[-1].catalogue

    yield one
    for store in stores:
        store.close()


def filled(catalogue, rows=ROWS, fingerprint="f"):
    items = [Item(item_id=str(n), text=f"text {n}") for n in range(len(rows))]
    catalogue.upsert(items, rows, fingerprint=fingerprint)
    assert best(catalogue, rows[3], fingerprint) == "3"
    return catalogue


def best(catalogue, query, fingerprint="f"):
    return catalogue.search(query[None], 1, fingerprint=fingerprint)[0][0].item_id


def files(folder):
    return [path for path in folder.iterdir() if ".faiss" in path.name]


def test_lists_are_drawn_once_and_follow_the_store_afterwards(opened, drawn, tmp_path):
    filled(opened())
    plain = opened("")  # another process, which keeps no lists
    plain.delete(["7"])
    plain.upsert([Item(item_id="8", text="moved")], -ROWS[8:9], fingerprint="f")
    again = opened()

    assert best(again, ROWS[9]) == "9"
    assert best(again, ROWS[7]) != "7"
    assert best(again, -ROWS[8]) == "8"
    assert drawn == [3_000]
    (file,) = files(tmp_path)
    assert file.name.startswith("a.db.")


def test_a_file_is_written_again_when_much_has_changed(opened, drawn, tmp_path):
    filled(opened())
    before = files(tmp_path)[0].stat().st_size
    few = [Item(item_id=f"n{n}", text="t") for n in range(1_500)]
    opened().upsert(few, ROWS[:1_500], fingerprint="f")
    best(opened(), ROWS[0])
    (file,) = files(tmp_path)
    assert file.stat().st_size > before
    assert drawn == [3_000]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: b"",
        lambda whole: whole[:5_000] + bytes([whole[5_000] ^ 1]) + whole[5_001:],
        lambda whole: b"not lists at all, but long enough to look at" * 9,
    ],
    ids=["half", "one byte short", "empty", "one bit", "foreign"],
)
def test_a_torn_file_is_passed_by_and_made_anew(opened, drawn, tmp_path, caplog, spoil):
    filled(opened())
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(spoil(whole))

    assert best(opened(), ROWS[9]) == "9"
    assert "drawn anew" in caplog.text
    assert drawn == [3_000, 3_000]
    assert len(file.read_bytes()) == len(whole)


def test_lists_of_another_encoder_are_refused_and_drawn_anew(opened, drawn, tmp_path, caplog):
    catalogue = filled(opened())
    catalogue._database.rows("DELETE FROM items")
    catalogue._database.rows("DELETE FROM notes")
    filled(opened(), -ROWS, fingerprint="g")
    assert "'made_by': 'f'" in caplog.text
    assert best(opened(), -ROWS[9], "g") == "9"
    assert drawn == [3_000, 3_000]


def test_lists_of_another_store_give_way_row_by_row(opened, drawn, tmp_path):
    filled(opened())
    for part in tmp_path.glob("a.db*"):
        if part.suffix != ".faiss":
            part.unlink()
    other = filled(opened(), ROWS[::-1])
    for n in (0, 9, 2_999):
        assert best(other, ROWS[2_999 - n]) == str(n)


def test_each_tenant_has_a_file_of_its_own(opened, tmp_path):
    filled(opened())
    filled(opened(tenant="b"), ROWS[::-1])
    assert len(files(tmp_path)) == 2
    assert best(opened(), ROWS[9]) == "9"
    assert best(opened(tenant="b"), ROWS[9]) == "2990"


def test_searching_goes_on_where_lists_cannot_be_written(opened, tmp_path, caplog, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with caplog.at_level(logging.WARNING, "vibrator"):
        filled(opened())
    assert "No space left" in caplog.text
    assert files(tmp_path) == []


def test_what_a_killed_process_left_is_cleared_away(opened, tmp_path):
    (tmp_path / "a.db").touch()
    filled(opened())
    (file,) = files(tmp_path)
    left = tmp_path / f".{file.name}.1234abcd.part"
    left.write_bytes(b"half of it")
    file.unlink()
    best(opened(), ROWS[0])
    assert files(tmp_path) == [file]


def test_a_failing_write_leaves_the_old_file(tmp_path):
    from vibrator.stores.index_files import read_index_file, write_index_file

    class Endless:
        """Where faiss finds nothing to write."""

    import faiss

    path = tmp_path / "x.faiss"
    write_index_file(path, faiss.IndexFlatIP(4), {"made_by": "f"})
    with pytest.raises(TypeError):
        write_index_file(path, Endless(), {"made_by": "g"})
    assert read_index_file(path)[1]["made_by"] == "f"
    assert [file.name for file in tmp_path.iterdir()] == ["x.faiss"]


def test_a_file_of_another_format_is_refused(tmp_path, monkeypatch):
    import faiss

    from vibrator.stores import index_files

    monkeypatch.setattr(index_files, "FORMAT", 3)
    index_files.write_index_file(tmp_path / "x.faiss", faiss.IndexFlatIP(4), {})
    monkeypatch.undo()
    with pytest.raises(ArtefactError, match="format 3, known is 2"):
        index_files.read_index_file(tmp_path / "x.faiss")


def test_lists_are_drawn_by_whoever_adds_and_not_by_the_first_who_asks(opened, drawn):
    catalogue = opened()
    items = [Item(item_id=str(n), text="t") for n in range(3_000)]
    for start in (0, 400, 800):
        catalogue.upsert(items[start : start + 400], ROWS[start : start + 400], fingerprint="f")
    assert drawn == [800]
    catalogue.upsert(items[1_200:], ROWS[1_200:], fingerprint="f")
    assert drawn == [800, 3_000]
    assert best(catalogue, ROWS[9]) == best(opened(), ROWS[9]) == "9"
    assert drawn == [800, 3_000]


def test_a_row_that_is_gone_from_the_table_is_not_ranked(opened):
    catalogue = filled(opened())
    catalogue._database.rows("DELETE FROM items WHERE item_id = '9'")  # and nobody was told
    (found,) = catalogue.search(ROWS[9:10], 10, fingerprint="f")
    assert "9" not in [one.item_id for one in found]
