"""Reading items and sliders."""

import gzip
import json

import pytest

from tests.people import SLIDERS
from vibrator.datasets import files, load_items, load_sliders
from vibrator.errors import BadInput, BadRows
from vibrator.sliders import Slider
from vibrator.stores import Item

ITEMS = [
    {"id": "a1", "title": "Ridge paths", "text": "three days above the lake"},
    {"id": "b2", "title": "Plum cake", "metadata": {"minutes": 40}},
]
EXPECTED = [
    Item(item_id="a1", text="three days above the lake", attributes={"title": "Ridge paths"}),
    Item(item_id="b2", text="Plum cake", attributes={"title": "Plum cake", "minutes": 40}),
]


def saved(folder, text, name):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("items.json", json.dumps({"items": ITEMS})),
        ("items.jsonl", "\n".join(map(json.dumps, ITEMS))),
        (
            "items.csv",
            "id,title,text,metadata\na1,Ridge paths,three days above the lake,\n"
            'b2,Plum cake,,"{""minutes"": 40}"\n',
        ),
    ],
)
def test_items_come_the_same_from_every_layout(tmp_path, name, text):
    found = load_items(saved(tmp_path, text, name))
    assert found == EXPECTED
    assert found.texts == {"a1": "three days above the lake", "b2": "Plum cake"}
    assert found.report.kept == 2


@pytest.mark.parametrize("packed", [False, True])
def test_files_longer_than_a_block_come_whole(tmp_path, monkeypatch, packed):
    monkeypatch.setattr(files, "BLOCK_BYTES", 64)

    def kept(text, name):
        path = tmp_path / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        return path

    words = {f"slider {n}": f"plum cake number {n}" for n in range(50)}
    sliders = load_sliders(kept(json.dumps({"sliders": words}), "s.json"))
    assert {name: slider.text for name, slider in sliders.items()} == words
    items = [{"id": name, "text": text} for name, text in words.items()]
    assert load_items(kept(json.dumps({"items": items}), "i.json")).texts == words
    lines = "\n".join(map(json.dumps, items))
    assert load_items(kept(lines, "i.jsonl")).texts == words


def test_a_text_file_has_one_item_a_line(tmp_path):
    found = load_items(saved(tmp_path, "plum cake\n\nridge paths", "items.txt"))
    assert found.texts == {"1": "plum cake", "3": "ridge paths"}


def test_faults_of_items_are_noted():
    rows = [{"id": "a", "text": "one"}, {"id": "a", "text": "two"}, {"text": "three"}, {"id": "d"}]
    with pytest.raises(BadRows, match="line 2, id: must be unique"):
        load_items(rows)
    found = load_items(rows, on_error="skip")
    assert list(found.texts) == ["a"]
    assert sorted(fault.line for fault in found.report.rows) == [2, 3, 4]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sliders.json", json.dumps({"sliders": SLIDERS})),
        ("sliders.csv", "name,text\n" + "".join(f"{n},{t}\n" for n, t in SLIDERS.items())),
        (
            "sliders.jsonl",
            "\n".join(json.dumps({"name": n, "text": t}) for n, t in SLIDERS.items()),
        ),
    ],
)
def test_sliders_come_the_same_from_every_layout(tmp_path, name, text):
    found = load_sliders(saved(tmp_path, text, name))
    assert dict(found) == {name: Slider(text) for name, text in SLIDERS.items()}


def test_a_slider_may_have_an_opposite(tmp_path):
    poles = {"depth": {"text": "detailed manuals", "opposite": "short overviews"}}
    found = load_sliders(saved(tmp_path, json.dumps({"sliders": poles}), "sliders.json"))
    assert found["depth"] == Slider("detailed manuals", "short overviews")


def test_a_text_file_names_sliders_by_their_words(tmp_path):
    found = load_sliders(saved(tmp_path, "long mountain trails\nplum cake\n", "sliders.txt"))
    assert list(found) == ["long mountain trails", "plum cake"]


def test_faults_of_sliders_are_noted(tmp_path):
    twins = '{"sliders": {"a": "one", "a": "two", "b": " ", "c": 3}}'
    path = saved(tmp_path, twins, "sliders.json")
    with pytest.raises(BadRows, match="name: must be unique"):
        load_sliders(path)
    found = load_sliders(path, on_error="skip")
    assert list(found) == ["a"]
    assert [fault.line for fault in found.report.rows] == [3, 4, 2]


@pytest.mark.parametrize("text", ["[]", "{", '{"sliders": []}', '{"sliders": {}}', "[" * 99_999])
def test_what_holds_no_sliders_is_refused(tmp_path, text):
    with pytest.raises(BadInput):
        load_sliders(saved(tmp_path, text, "sliders.json"))
