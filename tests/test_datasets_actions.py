"""Reading actions: every layout gives the same, every fault is named, memory stays bounded."""

import gc
import gzip
import json
import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibrator.actions import UserAction
from vibrator.datasets import Query, actions, load_actions, read_action_frames, write_actions
from vibrator.datasets import files as reader_files
from vibrator.errors import BadInput, BadRows
from vibrator.writing import safe_cell, whole_file

HEADER = "timestamp,user_id,action_type,content,weight\n"
PUBLISHED = [
    ("2026-03-01T08:00:00", "ada", "write", "how the scheduler picks a node", 1.5),
    ("2026-03-01T08:05:00", "bruno", "click", "one pan pasta, with lemon", 1.0),
    ("2026-03-01T09:30:00", "chioma", "share", "three days on the ridge path", 1.2),
]
RECORDS = [dict(zip(HEADER.strip().split(","), row, strict=True)) for row in PUBLISHED]
EXPECTED = [
    UserAction(kind, words, weight, datetime.fromisoformat(when).replace(tzinfo=UTC), who)
    for when, who, kind, words, weight in PUBLISHED
]


def csv_of(*rows, header=HEADER):
    return header + "".join(f"{row}\n" for row in rows)


def saved(folder, text, name="actions.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture(params=["quick", "row by row"])
def way(request, monkeypatch):
    if request.param == "row by row":
        monkeypatch.setattr("vibrator.datasets.arrow._arrow", lambda: None)
    return request.param


def as_csv(folder):
    return saved(folder, pd.DataFrame(RECORDS).to_csv(index=False))


def as_gz(folder):
    return saved(folder, gzip.compress(as_csv(folder).read_bytes()), "actions.csv.gz")


def as_json(folder):
    return saved(folder, json.dumps({"source": [1], "actions": RECORDS}), "actions.json")


def as_list(folder):
    return saved(folder, json.dumps(RECORDS, indent=1), "bare.json")


def as_lines(folder):
    return saved(folder, "\n".join(map(json.dumps, RECORDS)), "actions.jsonl")


def as_frame(_folder):
    return pd.DataFrame(RECORDS)


def as_times(_folder):
    return pd.DataFrame(RECORDS).assign(timestamp=lambda f: pd.to_datetime(f["timestamp"]))


def as_query(_folder):
    connection = sqlite3.connect(":memory:")
    pd.DataFrame(RECORDS).to_sql("log", connection, index=False)
    return Query("select * from log where weight > ?", connection, (0.0,))


@pytest.mark.parametrize(
    "layout", [as_csv, as_gz, as_json, as_list, as_lines, as_frame, as_times, as_query]
)
def test_every_layout_gives_the_same_actions(tmp_path, layout, way):
    found = load_actions(layout(tmp_path))
    assert list(found) == EXPECTED
    assert (found.report.kept, found.report.count, found.report.naive_times) == (3, 0, 3)


@pytest.mark.integration
@pytest.mark.parametrize("layout", ["parquet", "polars", "arrow", "alchemy", "engine"])
def test_the_extras_give_the_same_actions(tmp_path, layout):
    import polars as pl
    import pyarrow as pa
    import sqlalchemy

    frame = pd.DataFrame(RECORDS)
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/log.db")
    with engine.connect() as connection:
        frame.to_sql("log", connection, index=False)
        connection.commit()
        frame.to_parquet(tmp_path / "log.parquet")
        source = {
            "parquet": tmp_path / "log.parquet",
            "polars": pl.DataFrame(RECORDS),
            "arrow": pa.Table.from_pylist(RECORDS),
            "alchemy": Query("select * from log where weight > :w", connection, {"w": 0}),
            "engine": Query(sqlalchemy.text("select * from log"), engine),
        }[layout]
        assert list(load_actions(source)) == EXPECTED
    engine.dispose()


def test_a_reader_can_be_read_again(tmp_path):
    found = load_actions(as_csv(tmp_path))
    assert list(found) == list(found)
    assert found.report.kept == 3


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-01T08:00:00Z", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01 08:00:00+05:30", datetime(2026, 3, 1, 2, 30, tzinfo=UTC)),
        ("2026-03-01T08:00:00.250+00:00", datetime(2026, 3, 1, 8, 0, 0, 250_000, UTC)),
        ("1772352000", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("1772352000250", datetime(2026, 3, 1, 8, 0, 0, 250_000, UTC)),
        ("1772352000.25", datetime(2026, 3, 1, 8, 0, 0, 250_000, UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_they_are_written(tmp_path, written, moment, way):
    path = saved(tmp_path, csv_of(f"{written},ada,click,words,1"))
    (action,) = load_actions(path)
    assert action.timestamp == moment
    assert action.timestamp.tzinfo is UTC


def test_naive_times_belong_to_the_zone_that_is_named(tmp_path, way):
    path = saved(tmp_path, csv_of("2026-07-01T08:00:00,ada,click,words,1"))
    (action,) = load_actions(path, timezone="Africa/Lagos")
    assert action.timestamp == datetime(2026, 7, 1, 7, tzinfo=UTC)
    with pytest.raises(BadRows, match="line 2, timestamp: must carry a timezone"):
        list(load_actions(path, timezone="refuse"))
    with pytest.raises(BadInput, match="timezone must be"):
        load_actions(path, timezone="Atlantis")


FAULTS = {
    "yesterday,ada,click,words,1": ("timestamp", "must be ISO 8601"),
    "1e300,ada,click,words,1": ("timestamp", "must be ISO 8601"),
    "0001-01-01T00:00:00Z,ada,click,words,1": ("timestamp", "must lie in the years"),
    "2026-03-01T08:00:00Z,ada,,words,1": ("action_type", "must be given"),
    "2026-03-01T08:00:00Z,ada,click,   ,1": ("content", "must be a text with words"),
    "2026-03-01T08:00:00Z,ada,click,words,heavy": ("weight", "must be a finite number"),
    "2026-03-01T08:00:00Z,ada,click,words,nan": ("weight", "must be a finite number"),
    "2026-03-01T08:00:00Z,ada,click,words,1_000": ("weight", "must be a finite number"),
    "2026-03-01T08:00:00Z,ada,click,words": ("line", "must have 5 fields"),
    "2026-03-01T08:00:00Z,ada,click,words,1,2": ("line", "must have 5 fields"),
    '2026-03-01T08:00:00Z,ada,click,"wor"ds,1': ("line", "must be sound CSV"),
}


@pytest.mark.parametrize("row", FAULTS)
def test_every_fault_names_file_line_column_rule_and_value(tmp_path, row, way):
    good = "2026-03-01T08:00:00Z,ada,click,words,1"
    path = saved(tmp_path, csv_of(good, row, good))
    with pytest.raises(BadRows) as refusal:
        list(load_actions(path))
    found = load_actions(path, on_error="skip")
    assert len(list(found)) == 2
    (fault,) = found.report.rows
    column, rule = FAULTS[row]
    assert (fault.file, fault.line, fault.column) == ("actions.csv", 3, column)
    assert rule in fault.rule
    assert str(fault) in str(refusal.value)


def test_the_first_twenty_faults_come_in_one_error(tmp_path):
    path = saved(tmp_path, csv_of(*(f"never,ada,click,words {n},1" for n in range(50))))
    with pytest.raises(BadRows) as refusal:
        list(load_actions(path))
    assert str(refusal.value).count("must be ISO 8601") == 20
    assert refusal.value.report.count >= 20


def test_what_is_not_given_has_its_default(tmp_path, way):
    path = saved(tmp_path, csv_of(",,write,words,", ",ada,bookmark,more words,"))
    found = load_actions(path)
    first, second = found
    assert first == UserAction("write", "words")
    assert second == UserAction("bookmark", "more words", user_id="ada")
    assert found.report.without_time == 2


def test_read_actions_are_as_good_as_made_ones(tmp_path):
    (first, *_) = load_actions(as_csv(tmp_path))
    assert first == EXPECTED[0]
    assert hash(type(first)) == hash(UserAction)
    assert repr(first) == repr(EXPECTED[0])
    assert dict(first.metadata) == {}


def test_columns_are_found_by_the_names_given(tmp_path):
    path = saved(tmp_path, "who|what|did\n007|plum cake|click\n")
    names = {"user_id": "who", "content": "what", "action_type": "did"}
    (action,) = load_actions(path, columns=names, delimiter="|")
    assert (action.user_id, action.content) == ("007", "plum cake")
    with pytest.raises(BadInput, match=r"columns must map .* got \['usr'\]"):
        list(load_actions(path, columns={"usr": "who"}, delimiter="|"))


def test_a_wrong_delimiter_is_refused_with_the_cure(tmp_path):
    path = saved(tmp_path, HEADER.replace(",", ";") + "2026-03-01;ada;click;words;1\n")
    with pytest.raises(BadInput, match="say delimiter=';'"):
        list(load_actions(path))
    assert len(list(load_actions(path, delimiter=";"))) == 1


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    text = csv_of("2026-03-01,ada,click,words,1")
    assert len(list(load_actions(saved(tmp_path, text.encode("utf-8-sig"))))) == 1
    with pytest.raises(BadInput, match="must be UTF-8"):
        list(load_actions(saved(tmp_path, text.encode("utf-16"))))


def test_a_torn_last_line_is_told_apart(tmp_path, way):
    whole = csv_of("2026-03-01T08:00:00Z,ada,click,words,1")
    found = load_actions(saved(tmp_path, whole + "2026-03-01T08:0"), on_error="skip")
    assert len(list(found)) == 1
    assert (found.report.torn, found.report.rows[0].line) == (1, 3)


def test_a_cut_gzip_stream_keeps_its_whole_rows_and_says_so(tmp_path):
    rows = [f"2026-03-01T08:00:00Z,u{n},click,words {n * 7919},1" for n in range(9_000)]
    packed = gzip.compress(csv_of(*rows).encode())
    path = saved(tmp_path, packed[: len(packed) // 2], "actions.csv.gz")
    found = load_actions(path, on_error="skip")
    assert 2_000 < len(list(found)) < 9_000
    assert found.report.torn >= 1


def test_text_in_quotes_may_hold_anything(tmp_path, way):
    words = 'a "quoted" word,\nand a second line'
    frame = pd.DataFrame([RECORDS[0] | {"content": words}, RECORDS[1] | {"weight": "x"}])
    found = load_actions(saved(tmp_path, frame.to_csv(index=False)), on_error="skip")
    assert [action.content for action in found] == [words]
    assert found.report.rows[0].line == 4


def test_a_quote_that_never_closes_costs_one_row(tmp_path, way):
    good = "2026-03-01T08:00:00Z,ada,click,words,1"
    path = saved(tmp_path, csv_of(good, '2026-03-01T08:00:00Z,ada,click,"words,1', good, good))
    found = load_actions(path, on_error="skip")
    assert len(list(found)) == 3
    assert [fault.line for fault in found.report.rows] == [3]


def test_bytes_that_are_no_utf8_cost_their_row(tmp_path, way):
    good = b"2026-03-01T08:00:00Z,ada,click,words,1\n"
    path = saved(tmp_path, HEADER.encode() + good + good.replace(b"words", b"caf\xe9") + good)
    found = load_actions(path, on_error="skip")
    assert len(list(found)) == 2
    assert (found.report.rows[0].line, found.report.rows[0].rule) == (3, "must be UTF-8")


def test_an_endless_line_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(reader_files, "BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr(reader_files, "LONGEST_LINE", 1 << 12)
    good = "2026-03-01T08:00:00Z,ada,click,words,1"
    path = saved(tmp_path, csv_of(good, "x" * 100_000, good))
    found = load_actions(path, on_error="skip")
    assert len(list(found)) == 2
    assert "a line must not exceed" in found.report.rows[0].rule
    assert found.report.rows[0].line == 3


def test_blocks_are_cut_between_rows(tmp_path, monkeypatch, way):
    monkeypatch.setattr(reader_files, "BLOCK_BYTES", 257)
    rows = [f'2026-03-01T08:00:00Z,u{n},click,"line {n}\nand {n}",{n}' for n in range(200)]
    found = load_actions(saved(tmp_path, csv_of(*rows)))
    assert [action.weight for action in found] == list(range(200))


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_first_block_is_small_and_the_others_grow(tmp_path, monkeypatch, way, ending):
    monkeypatch.setattr(reader_files, "FIRST_BYTES", 4 << 10)
    monkeypatch.setattr(reader_files, "BLOCK_BYTES", 16 << 10)
    given = csv_of(*["2026-03-01T08:00:00Z,ada,click,words,1"] * 4_000).encode()
    path = saved(tmp_path, gzip.compress(given) if ending else given, f"actions.csv{ending}")
    sizes = [len(frame) for frame in read_action_frames(path)]
    assert sum(sizes) == 4_000
    assert sizes[0] < 150
    assert sizes[:3] == sorted(set(sizes[:3]))
    assert max(sizes) < 1_000


def test_a_column_spelt_otherwise_is_pointed_out(tmp_path):
    path = saved(tmp_path, "Timestamp,action_type,content\n2026-03-01T08:00:00Z,click,words\n")
    with pytest.raises(BadInput, match=r"say columns=\{'timestamp': 'Timestamp'\}"):
        list(load_actions(path))
    (action,) = load_actions(path, columns={"timestamp": "Timestamp"})
    assert action.timestamp == datetime(2026, 3, 1, 8, tzinfo=UTC)


def test_an_endless_object_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("vibrator.datasets.structured.LARGEST_OBJECT", 1_000)
    monkeypatch.setattr("vibrator.datasets.structured.STEP", 100)
    long = json.dumps({"actions": [{"action_type": "click", "content": "x" * 5_000}]})
    found = load_actions(saved(tmp_path, long, "actions.json"), on_error="skip")
    assert list(found) == []
    assert "at most 1,000 letters" in found.report.rows[0].rule


def test_faults_come_in_the_order_of_the_lines(tmp_path, monkeypatch, way):
    monkeypatch.setattr(reader_files, "BLOCK_BYTES", 200)
    monkeypatch.setattr(reader_files, "LONGEST_LINE", 1_000)
    rows = ["2026-03-01T08:00:00Z,ada,click,words,heavy"] * 9 + ["x" * 3_000]
    found = load_actions(saved(tmp_path, csv_of(*rows, *rows)), on_error="skip")
    assert not list(found)
    assert [fault.line for fault in found.report.rows] == list(range(2, 22))
    assert list(found.report.rows) == sorted(found.report.rows, key=lambda fault: fault.line)


def test_what_was_read_before_a_failure_is_given(tmp_path, monkeypatch, way):
    monkeypatch.setattr(reader_files, "BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr(reader_files, "RATIO_COUNTS_FROM", 1 << 10)
    monkeypatch.setattr(reader_files, "LARGEST_RATIO", 2)  # what the second block exceeds
    good = csv_of(*["2026-03-01T08:00:00Z,ada,click,words,1"] * 20)
    path = saved(tmp_path, gzip.compress(good.encode() + b"\n" * 10_000), "actions.csv.gz")
    given, got = iter(load_actions(path)), []
    with pytest.raises(BadInput, match="must not unpack"):
        got.extend(given)
    assert len(got) == 20


def test_lines_are_counted_across_pieces(tmp_path, monkeypatch, way):
    monkeypatch.setattr(reader_files, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(reader_files, "COUNTED_AT_ONCE", 7)
    good = "2026-03-01T08:00:00Z,ada,click,words,1"
    path = saved(tmp_path, csv_of(*[good] * 500, good.replace(",1", ",heavy")))
    found = load_actions(path, on_error="skip")
    assert len(list(found)) == 500
    assert [fault.line for fault in found.report.rows] == [502]


def test_a_reader_may_be_left_in_the_middle(tmp_path):
    path = saved(tmp_path, csv_of(*["2026-03-01T08:00:00Z,ada,click,words,1"] * 200_000))
    before = threading.active_count()
    given = iter(load_actions(path))
    assert next(given).user_id == "ada"
    del given
    gc.collect()
    assert threading.active_count() == before


def test_a_bomb_is_refused_by_its_ratio(tmp_path, monkeypatch):
    monkeypatch.setattr(reader_files, "RATIO_COUNTS_FROM", 1 << 20)
    bomb = gzip.compress(HEADER.encode() + b"\n" * (20 << 20))
    with pytest.raises(BadInput, match="must not unpack to more than 200 times"):
        list(load_actions(saved(tmp_path, bomb, "actions.csv.gz"), on_error="skip"))


def test_ids_are_unique_over_all_blocks(monkeypatch):
    rows = [
        {"action_type": "click", "content": "words", "action_id": name}
        for name in [1, 2, 3, 2, 4, None, None, 1]
    ]
    monkeypatch.setattr("vibrator.datasets.structured.BLOCK_ROWS", 2)
    found = load_actions(rows, on_error="skip")
    assert [action.action_id for action in found] == ["1", "2", "3", "4", None, None]
    assert [fault.line for fault in found.report.rows] == [4, 8]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"actions": [{"action_type": "click", "content": "a"}, {"action_ty', 1),
        ('{"actions": [{"action_type": "click", "content": "a"}', 1),
        ('{"actions": [{"action_type": "click", "content": "a"}, 7]}', 1),
        ('{"actions": [' + "[" * 100_000, 0),
        ('{"actions": [{"action_type": "click", "content": "\\ud800"}]}', 0),
    ],
)
def test_faults_of_json_are_noted(tmp_path, text, kept):
    found = load_actions(saved(tmp_path, text, "actions.json"), on_error="skip")
    assert (len(list(found)), found.report.count) == (kept, 1)


def test_json_on_one_line_is_read_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr("vibrator.datasets.structured.STEP", 64)
    path = saved(tmp_path, json.dumps({"actions": RECORDS * 50}), "actions.json")
    assert list(load_actions(path)) == EXPECTED * 50


def test_metadata_come_as_mappings():
    row = {"action_type": "click", "content": "a"}
    given = [{"km": 21}, '{"km": 21}', [("km", 21)]]
    found = load_actions([row | {"metadata": one} for one in given])
    assert [dict(action.metadata) for action in found] == [{"km": 21}] * 3
    with pytest.raises(BadRows, match="must be a JSON object"):
        list(load_actions([row | {"metadata": "21"}]))


@pytest.mark.parametrize("given", ["nowhere.csv", 7, {"actions": []}])
def test_what_is_no_source_is_refused(given):
    with pytest.raises(BadInput):
        load_actions(given)


def test_an_ending_that_nobody_reads_is_refused(tmp_path):
    with pytest.raises(BadInput, match="must end in one of"):
        load_actions(saved(tmp_path, "x", "actions.docx"))
    with pytest.raises(BadInput, match="must be a gzip file"):
        list(load_actions(saved(tmp_path, "x", "actions.csv.gz")))
    with pytest.raises(BadInput, match="on_error must be"):
        load_actions([], on_error="ignore")


def test_frames_are_typed_columns(tmp_path, way):
    (frame,) = read_action_frames(as_csv(tmp_path))
    assert list(frame) == HEADER.strip().split(",")
    assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"
    assert frame["weight"].tolist() == [1.5, 1.0, 1.2]
    texts = pd.Series(["a"]).dtype
    assert [frame[name].dtype for name in ("user_id", "action_type", "content")] == [texts] * 3


def test_two_of_our_names_may_stand_for_one_column(tmp_path, way):
    path = saved(tmp_path, "what,how\nread,0.5\nclick,2\n")
    both = {"action_type": "what", "content": "what", "weight": "how"}
    found = [(a.action_type, a.content, a.weight) for a in load_actions(path, columns=both)]
    assert found == [("read", "read", 0.5), ("click", "click", 2.0)]


def test_a_kind_of_blanks_costs_its_row(tmp_path, way):
    path = saved(tmp_path, 'action_type,content\n"  ",words\nclick,words\n')
    found = load_actions(path, on_error="skip")
    assert [action.action_type for action in found] == ["click"]
    assert [(fault.line, fault.column) for fault in found.report.rows] == [(2, "action_type")]


def test_what_is_written_comes_back(tmp_path):
    assert write_actions(EXPECTED, tmp_path / "out.csv") == 3
    assert list(load_actions(tmp_path / "out.csv")) == EXPECTED


def test_a_spreadsheet_runs_no_formula_of_ours(tmp_path):
    path = tmp_path / "out.csv"
    write_actions([UserAction("click", '=HYPERLINK("http://x")', user_id="@sum")], path)
    cells = pd.read_csv(path).iloc[0]
    assert cells["content"].startswith("'=")
    assert cells["user_id"] == "'@sum"
    assert safe_cell(-2.5) == -2.5


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    def broken(path):
        with whole_file(path) as beside:
            beside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken(tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1).filter(
    lambda text: text.strip() and not text.isspace()
)
MOMENTS = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - as Hypothesis wants its bounds
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(timezone(timedelta(hours=3))),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(MOMENTS, TEXTS, TEXTS, st.floats(-9, 9)), min_size=1, max_size=6))
def test_both_ways_through_a_block_agree(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("both") / "actions.csv"
    frame = pd.DataFrame(rows, columns=["timestamp", "user_id", "content", "weight"])
    frame["timestamp"] = [moment.isoformat() for moment, *_ in rows]
    path.write_text(frame.assign(action_type="click").to_csv(index=False), encoding="utf-8")
    quick = list(load_actions(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vibrator.datasets.arrow._arrow", lambda: None)
        careful = list(load_actions(path))
    assert quick == careful
    assert [a.content for a in quick] == [text for _, _, text, _ in rows]
    assert np.allclose([a.weight for a in quick], [weight for *_, weight in rows])


@pytest.mark.integration
def test_the_quick_way_takes_what_is_plainly_right(tmp_path, monkeypatch):
    def never(*_):
        raise AssertionError("a clean block was read row by row")

    monkeypatch.setattr(actions.ActionFrames, "_slowly", never)
    for moment in ("2026-03-01T08:00:00Z", "2026-03-01 08:00:00", "1772352000", "1772352000250"):
        path = saved(tmp_path, csv_of(f'{moment},7,click,"two, words",', f"{moment},,read,more,2"))
        assert [action.weight for action in load_actions(path)] == [1.0, 2.0]
    epoch = saved(tmp_path, csv_of("1772352000,7,click,words,1"))
    assert len(list(load_actions(epoch, timezone="refuse"))) == 1
