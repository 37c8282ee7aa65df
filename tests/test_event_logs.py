"""Event logs: the public layouts, read in blocks, with every bad row named."""

import gzip
import os
from pathlib import Path

import pandas as pd
import pytest

from vibrator.datasets import events as rows
from vibrator.datasets.event_logs import EVENT_LOGS, load_event_file, load_event_log
from vibrator.datasets.events import TORN, RowReport
from vibrator.datasets.movielens import load_movielens
from vibrator.datasets.rees46 import load_rees46
from vibrator.datasets.retailrocket import load_retailrocket
from vibrator.errors import BadInput, BadRows, UnknownName

SHARED = Path(__file__).parents[2] / "shared"
DATA = Path(os.environ.get("VIBRATOR_TEST_DATA", SHARED / "data"))
MOVIES = "1::Toy Story (1995)::Animation|Comedy\n2::Heat (1995)::Action|Crime\n3::Léon::Crime\n"
RATINGS = "1::1::5::100\n1::2::2::110\n2::3::3::120\n2::1::4::130\n"


@pytest.fixture
def movielens(tmp_path):
    (tmp_path / "movies.dat").write_text(MOVIES, "latin-1")
    (tmp_path / "ratings.dat").write_text(RATINGS)
    return tmp_path


def test_movielens_keeps_what_was_liked_under_the_first_genre(movielens):
    log = load_movielens(movielens)

    assert log.n_categories == 4  # Action, Animation, Comedy, Crime
    assert log.item_to_cat_idx == {1: 1, 2: 0, 3: 3}
    assert log.events.to_dict("list") == {
        "user_id": [1, 2, 2],
        "item_id": [1, 3, 1],
        "ts": [100, 120, 130],
        "cat_idx": [1, 3, 1],
        "weight": [1.0, 0.6, 0.8],
    }


def test_the_three_layouts_of_movielens_say_the_same(movielens, tmp_path):
    late, early = tmp_path / "late", tmp_path / "early"
    late.mkdir(), early.mkdir()
    table = RATINGS.replace("::", ",")
    (late / "ratings.csv").write_text(f"userId,movieId,rating,timestamp\n{table}")
    (late / "movies.csv").write_text(
        'movieId,title,genres\n1,"Toy, The",Animation|Comedy\n2,Heat,Action|Crime\n3,L,Crime\n'
    )
    (early / "u.data").write_text(RATINGS.replace("::", "\t"))
    (early / "u.genre").write_text("Action|0\nAnimation|1\nComedy|2\nCrime|3\n\n")
    (early / "u.item").write_text(
        "1|Toy|1995||url|0|1|1|0\n2|Heat|1995||url|1|0|0|1\n3|L|1994||url|0|0|0|1\n", "latin-1"
    )

    for folder in (late, early):
        log = load_movielens(folder)
        pd.testing.assert_frame_equal(log.events, load_movielens(movielens).events)
        assert log.item_to_cat_idx == {1: 1, 2: 0, 3: 3}


def test_bad_rows_are_refused_with_file_line_column_rule_and_value(movielens):
    with (movielens / "ratings.dat").open("a") as file:
        file.write("3::1::9::140\n3::77::5::150\nx::1::5::160\n1::2\n")

    with pytest.raises(BadRows) as refused:
        load_movielens(movielens)

    found = [(row.line, row.column, row.value) for row in refused.value.report.rows]
    assert sorted(found) == [
        (5, "rating", "9.0"),
        (6, "item_id", "77"),
        (7, "user_id", "x"),
        (8, "line", "1::2"),
    ]
    assert "ratings.dat, line" in str(refused.value)


def test_a_film_without_a_genre_is_a_bad_row(movielens):
    (movielens / "movies.dat").write_text(MOVIES + "4::Nameless (2000)::\n", "latin-1")

    with pytest.raises(BadRows, match=r"movies.dat, line 4, genres: must name a genre"):
        load_movielens(movielens)


def test_an_empty_file_is_refused(movielens):
    (movielens / "ratings.dat").write_text("")

    with pytest.raises(BadInput, match=r"ratings\.dat must have ratings"):
        load_movielens(movielens)


def test_with_a_report_the_good_rows_go_on(movielens):
    (movielens / "ratings.dat").write_text(RATINGS + "2::1")
    report = RowReport()

    log = load_movielens(movielens, report=report)

    assert len(log.events) == 3
    assert (report.count, report.torn, report.rows[0].rule) == (1, 1, TORN)


def test_a_cut_gzip_stream_is_a_torn_file(movielens):
    packed = gzip.compress((RATINGS * 400).encode(), mtime=0)
    (movielens / "ratings.dat").unlink()
    (movielens / "ratings.dat.gz").write_bytes(packed[: len(packed) // 2])
    report = RowReport()

    log = load_movielens(movielens, report=report)

    assert report.torn >= 1
    assert 0 < len(log.events) < 1200


def test_blocks_do_not_change_what_is_read(movielens, monkeypatch):
    whole = load_movielens(movielens).events
    monkeypatch.setattr(rows, "BLOCK_LINES", 1)

    pd.testing.assert_frame_equal(load_movielens(movielens).events, whole)


@pytest.fixture
def retailrocket(tmp_path):
    (tmp_path / "category_tree.csv").write_text("categoryid,parentid\n1,\n2,1\n3,2\n9,\n")
    (tmp_path / "item_properties_part1.csv").write_text(
        "timestamp,itemid,property,value\n5,100,categoryid,9\n6,100,888,words n3.000 here\n"
    )
    (tmp_path / "item_properties_part2.csv").write_text(
        "timestamp,itemid,property,value\n9,100,categoryid,3\n1,200,categoryid,9\n"
    )
    kinds = ["view", "addtocart", "transaction"]
    items = [100, 200, 300]
    lines = [f"{1000 * n},7,{kinds[n % 3]},{items[n % 3]},\n" for n in range(10)]
    (tmp_path / "events.csv").write_text(
        "timestamp,visitorid,event,itemid,transactionid\n" + "".join(lines) + "5,8,view,100,\n"
    )
    return tmp_path


def test_retailrocket_climbs_to_the_root_of_the_newest_category(retailrocket):
    log = load_retailrocket(retailrocket)

    assert log.item_to_cat_idx == {100: 0, 200: 1, 300: 2}  # roots 1 and 9, and no category
    assert log.n_categories == 3
    assert log.events["user_id"].unique().tolist() == [7]  # user 8 has one event
    assert log.events["ts"].tolist() == list(range(10))
    assert log.events["weight"].head(3).tolist() == [1.0, 2.0, 3.0]


def test_retailrocket_takes_prepared_categories(retailrocket):
    (retailrocket / "item_categories.csv").write_text("itemid,categoryid\n100,9\n200,9\n300,2\n")

    log = load_retailrocket(retailrocket)

    assert log.item_to_cat_idx == {100: 1, 200: 1, 300: 0}
    assert log.n_categories == 2


def test_a_category_tree_with_a_circle_is_refused(retailrocket):
    (retailrocket / "category_tree.csv").write_text("categoryid,parentid\n3,2\n2,3\n9,\n")

    with pytest.raises(BadInput, match="circles"):
        load_retailrocket(retailrocket)


REES46_HEAD = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)


def rees46_line(n, user, category, kind="view"):
    return f"2019-10-01 00:00:{n % 60:02d} UTC,{kind},{n},{category},,,1.0,{user},s\n"


@pytest.fixture
def rees46(tmp_path):
    big = 2103807459595387724  # more digits than a float holds
    busy = [rees46_line(n, 1, big + n % 40) for n in range(80)]
    idle = [rees46_line(n, 2, big) for n in range(14)]
    third = [rees46_line(n, 3, big, "remove_from_cart") for n in range(15)]
    (tmp_path / "2019-Oct.csv").write_text(REES46_HEAD + "\n" + "".join(busy + idle))
    (tmp_path / "2019-Nov.csv").write_text(REES46_HEAD + "\n" + "".join(third))
    return tmp_path


def test_rees46_keeps_busy_users_and_thirty_categories(rees46):
    log = load_rees46(rees46)

    assert sorted(log.events["user_id"].unique()) == [1, 3]
    assert log.n_categories == 31
    assert (log.events["cat_idx"] == 30).sum() == 20  # ten of forty categories, twice each
    assert log.events.loc[log.events["user_id"] == 3, "weight"].unique().tolist() == [0.0]
    assert log.events["ts"].min() == pd.Timestamp("2019-10-01", tz="UTC").timestamp()


def test_rees46_draws_users_by_seed(rees46):
    drawn = [
        load_rees46(rees46, max_users=1, seed=seed).events["user_id"].iloc[0] for seed in range(9)
    ]

    assert set(drawn) == {1, 3}
    assert drawn[0] == load_rees46(rees46, max_users=1, seed=0).events["user_id"].iloc[0]


def test_rees46_names_wrong_times_and_kinds(rees46):
    with (rees46 / "2019-Oct.csv").open("a") as file:
        file.write(rees46_line(1, 1, 5, "gaze") + rees46_line(2, 1, 5).replace(" UTC", ""))

    with pytest.raises(BadRows) as refused:
        load_rees46(rees46)

    assert {row.column for row in refused.value.report.rows} == {"event_type", "event_time"}


@pytest.mark.skipif(not (DATA / "rees46-sample").is_dir(), reason="no shared data beside us")
def test_the_torn_line_of_a_real_file_is_reported():
    report = RowReport()

    log = load_rees46(DATA / "rees46-sample", report=report)

    assert (report.count, report.torn) == (1, 1)
    assert log.events["user_id"].value_counts().min() >= 15


def test_a_file_of_ones_own_needs_little(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text(
        "user_id,item_id,ts,category\nada,x,2026-03-01T00:00:00Z,docs\nbo,y,2026-03-01T00:00:01Z,art\n"
    )

    log = load_event_file(path)

    assert log.item_to_cat_idx == {"x": 1, "y": 0}
    assert log.events["weight"].tolist() == [1.0, 1.0]
    assert log.n_categories == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user_id,item_id,ts\na,b,1\n", "cat_idx or category"),
        ("user_id,item_id,ts,category\na,b,2026-03-01,c\n", "timezone"),
        ("user_id,item_id,ts,category\na,b,soon,c\n", "ISO 8601"),
        ("user_id,item_id,ts,cat_idx\na,b,1,0\na,c,2,docs\n", "cat_idx .* got 'docs' in row 2"),
        ("user_id,item_id,ts,cat_idx\na,b,1,-1\n", "cat_idx .* whole, from 0 on"),
        ("user_id,item_id,ts,cat_idx\na,b,1,0.5\n", "cat_idx .* whole, from 0 on"),
        ("user_id,item_id,ts,category\na,b,1,c\na,d,2,\n", "category .* given in every row"),
        ("user_id,item_id,ts,cat_idx\n,b,1,0\n", "user_id .* given in every row"),
        ("user_id,item_id,ts,cat_idx,weight\na,b,1,0,heavy\n", "weight .* finite .* 'heavy'"),
        ("user_id,item_id,ts,cat_idx\n", "at least one event"),
        ("", "CSV"),
    ],
)
def test_files_that_say_too_little_are_refused(tmp_path, text, words):
    path = tmp_path / "shop.csv"
    path.write_text(text)

    with pytest.raises(BadInput, match=words):
        load_event_file(path)


def test_what_is_missing_is_named_with_its_cure(tmp_path):
    for name, source in EVENT_LOGS.items():
        with pytest.raises(BadInput, match="https://") as refused:
            load_event_log(name, tmp_path)
        assert source.how_to_get in str(refused.value)
    with pytest.raises(UnknownName, match="taobao"):
        load_event_log("taobao", tmp_path)
    with pytest.raises(BadInput, match=r"ratings\.dat"):
        load_movielens(tmp_path)


def test_wrong_columns_and_encodings_are_named(movielens):
    (movielens / "ratings.dat").unlink()
    (movielens / "ratings.csv").write_text("user,film\n1,2\n")
    (movielens / "movies.csv").write_bytes(b"movieId,title,genres\n1,L\xe9on,Crime\n")

    with pytest.raises(BadInput, match="utf-8"):
        load_movielens(movielens)
    (movielens / "movies.csv").write_text("movieId,title,genres\n1,Leon,Crime\n")
    with pytest.raises(BadInput, match="userId"):
        load_movielens(movielens)
