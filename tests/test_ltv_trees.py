"""Lifetime value with boosted trees and Arrow: frames, features, chain, artefact, prediction."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vibrator.actions import UserAction
from vibrator.errors import ArtefactError, BadInput
from vibrator.intent.state import IntentState
from vibrator.ltv import metrics
from vibrator.ltv.artefact import (
    list_models,
    load,
    load_baseline,
    read_manifest,
    read_report,
    save,
)
from vibrator.ltv.bids import ThresholdPlan
from vibrator.ltv.boosting import BinnedTable, Task, TreeSettings
from vibrator.ltv.bridge import intent_columns
from vibrator.ltv.columns import column_kind
from vibrator.ltv.config import Columns, LtvConfig, Partitions, SamplingPlan, StackPlan, Windows
from vibrator.ltv.demo import SIMULATED_PLAN, run_demo
from vibrator.ltv.explore import explore, explore_page
from vibrator.ltv.features import FeaturePlan, Roles, fit_features
from vibrator.ltv.forest import Forest
from vibrator.ltv.frames import (
    Snapshot,
    frame_from_actions,
    read_frame,
    row_times,
    temporal_split,
)
from vibrator.ltv.heads import ChainSettings
from vibrator.ltv.missing import MissingPolicy
from vibrator.ltv.nested import SUMMARIES, as_arrow
from vibrator.ltv.partitions import prepare_folder
from vibrator.ltv.pipeline import evaluate, train, train_prepared
from vibrator.ltv.predictor import FastPredictor
from vibrator.ltv.prepared import prepare, side_of
from vibrator.ltv.purchases import PurchaseWindow, fit_purchases
from vibrator.ltv.report import report_page
from vibrator.ltv.rivals import compare
from vibrator.ltv.selection import SelectionPlan
from vibrator.ltv.simulated import Population, simulate_users
from vibrator.ltv.simulated_nested import add_nested, simulate_folder
from vibrator.ltv.transactions import Log, fit_transactions, summarize_purchases

pytestmark = pytest.mark.integration

QUICK = ChainSettings(
    large=TreeSettings(rounds=25, learning_rate=0.2, leaves=6, least_rows_in_leaf=50),
    amount=TreeSettings(rounds=20, learning_rate=0.1, leaves=4, least_rows_in_leaf=20),
    share=TreeSettings(rounds=15, learning_rate=0.1, leaves=3, least_rows_in_leaf=40),
)
CONFIG = replace(LtvConfig(), chain=QUICK)
CDNOW = Path(__file__).parents[1].parent / "shared" / "data" / "cdnow" / "CDNOW_master.txt.gz"


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    frame, truth = simulate_users(16_000, rng)
    return add_nested(frame, truth, rng)


@pytest.fixture(scope="module")
def trained(people):
    return train(people, CONFIG, plan=SIMULATED_PLAN)


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    home = tmp_path_factory.mktemp("ltv") / "model"
    save(trained, home, config=CONFIG)
    return home


def test_horizons_stand_in_order_in_every_head(trained, people):
    found = trained.model.predict(people)

    for head in (found.buyer, found.value, found.log_value):
        assert metrics.order_violations(head) == 0
    assert trained.report["baseline"]["order_violations"] > 0


def test_four_horizons_stand_in_order_too(people):
    config = replace(CONFIG, horizons=(1, 7, 14, 28))
    found = train(people, config, plan=SIMULATED_PLAN).model.predict(people)

    assert found.value.shape[1] == 4
    assert metrics.order_violations(found.value) == 0


def test_the_model_ranks_far_better_than_chance_and_its_level_is_near(trained):
    figures = trained.report["horizons"]["14"]["value"]

    assert figures["gini"] > 0.5
    assert 0.6 < figures["bias"] < 1.6


def test_the_page_marks_the_level_that_was_promised(trained):
    horizons = {h: found | {"level": 0.8} for h, found in trained.report["horizons"].items()}

    assert trained.report["horizons"]["7"]["level"] == 0.95
    assert "promised in every bin: 80%" in report_page({**trained.report, "horizons": horizons})


def test_intervals_hold_in_every_bin(trained):
    for found in trained.report["horizons"].values():
        assert min(row["coverage"] for row in found["coverage"]) > 0.9


def test_a_saved_model_answers_as_before(saved, trained, people):
    again = load(saved).table(people.iloc[:500])

    pd.testing.assert_frame_equal(again, trained.model.table(people.iloc[:500]))
    assert (again["value_low_d14"] <= again["value_high_d14"]).all()


def test_one_row_is_answered_as_among_others(saved, people):
    predictor = FastPredictor(saved)

    one = predictor.predict(people.iloc[[7]]).iloc[0]
    assert one.to_numpy() == pytest.approx(predictor.predict(people.iloc[:10]).iloc[7].to_numpy())


def test_rows_as_mappings_are_answered_like_a_frame(saved, people):
    rows = people.iloc[:3].to_dict("records")
    found = FastPredictor(saved).predict(rows)

    assert found["value_d14"].to_numpy() == pytest.approx(
        FastPredictor(saved).predict(people.iloc[:3])["value_d14"].to_numpy()
    )


def test_threads_and_blocks_change_nothing(saved, trained, people):
    found = FastPredictor(saved, threads=2).predict(people)

    pd.testing.assert_frame_equal(found, trained.model.table(people))


@pytest.mark.parametrize("leaves", [2, 8, 31, 64])
def test_the_forest_says_what_lightgbm_says_bit_for_bit(leaves):
    rng = np.random.default_rng(leaves)
    X = rng.normal(size=(6000, 4)).astype(np.float32)
    X[:, 3] = rng.integers(0, 40, 6000)
    X[rng.random(6000) < 0.1, 0] = np.nan
    y = np.exp(X[:, 1] + 0.1 * (X[:, 3] % 7)) * (rng.random(6000) < 0.5)
    table = BinnedTable(X, list("abcd"), ["d"])
    settings = TreeSettings(rounds=12, leaves=leaves, least_rows_in_leaf=5)
    boosters = [
        table.fit(Task("tweedie", y), settings),
        table.fit(Task("binary", (y > 0).astype(float)), replace(settings, rounds=7)),
    ]
    strange = np.array([[np.nan] * 4, [-0.0, 0.0, 1e30, -3.0], [1, 2, 3, 4000]], np.float32)
    asked = np.concatenate([X, strange])
    forest = Forest(tuple(trees.text for trees in boosters))
    expected = np.column_stack([trees.predict(asked, raw=True) for trees in boosters])

    assert forest.fits
    assert (forest.predict(asked) == expected).all()
    assert (forest.predict_few(asked) == expected).all()
    for trees in boosters:
        assert trees.link(trees.predict(asked, raw=True)) == pytest.approx(trees.predict(asked))


def test_trees_with_more_leaves_than_bits_are_left_to_lightgbm(people):
    wide = replace(CONFIG, chain=replace(QUICK, large=replace(
        QUICK.large, leaves=100, least_rows_in_leaf=10)))  # fmt: skip
    model = train(people, wide, plan=SIMULATED_PLAN).model
    found = model.predict(people).value

    assert not model.chain.forest.fits
    assert found[:10] == pytest.approx(model.predict(people[:10]).value)


def test_a_changed_byte_is_noticed(saved, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(saved, copy)
    tree = next((copy / "trees").iterdir())
    tree.write_text(tree.read_text() + " ")
    with pytest.raises(ArtefactError, match="changed after it was saved"):
        load(copy)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"format": 2, "later": "field"}, "has format 2; this version reads 1"),
        ({"checksums": {}}, r"vouches for no model.json and no report.json"),
        ({"window": 7}, "cannot be read"),
    ],
)
def test_a_manifest_that_does_not_match_is_refused(saved, tmp_path, change, rule):
    copy = tmp_path / "model"
    shutil.copytree(saved, copy)
    paper = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(paper | change))
    with pytest.raises(ArtefactError, match=rule):
        read_report(copy)


def test_a_folder_of_something_else_is_left_alone(trained, tmp_path):
    (tmp_path / "letter.txt").write_text("dear Ada")
    with pytest.raises(BadInput, match="something else than a model"):
        save(trained, tmp_path, config=CONFIG)
    assert (tmp_path / "letter.txt").exists()
    with pytest.raises(BadInput, match="is a file; a model needs a folder"):
        save(trained, tmp_path / "letter.txt", config=CONFIG)
    with pytest.raises(ArtefactError, match=r"no manifest.json"):
        load(tmp_path)


def test_no_pickle_is_in_the_artefact(saved):
    assert {path.suffix for path in saved.rglob("*") if path.is_file()} <= {".json", ".txt"}
    assert read_manifest(saved).versions.keys() == {"vibrator", "lightgbm", "numpy", "pandas"}


def test_a_frame_that_does_not_fit_is_refused_column_by_column(saved, people):
    wrong = people.drop(columns=["sessions"]).assign(country=1.5, opens_by_hour=1.0)
    with pytest.raises(ArtefactError) as refusal:
        FastPredictor(saved).predict(wrong)
    for part in ("sessions: missing", "country: float64 is no category", "opens_by_hour"):
        assert part in str(refusal.value)


def test_moments_in_another_unit_are_refused_by_name(saved, people):
    seconds = people.assign(last_purchase_ms=people["last_purchase_ms"] / 1000)
    with pytest.raises(ArtefactError, match="last_purchase_ms: its moments are not in ms"):
        FastPredictor(saved).predict(seconds)


def test_what_if_reads_a_nested_cell_that_is_spelled_out(saved, people):
    row = people.iloc[0].to_dict()
    predictor = FastPredictor(saved)
    told = predictor.what_if(row, {"spend_by_category": '{"casino": 900.0}'})
    meant = predictor.predict([row | {"spend_by_category": {"casino": 900.0}}])

    assert told[1]["value_d14"] == pytest.approx(meant["value_d14"].iloc[0])
    mixed = pd.DataFrame([row, row | {"spend_by_category": 7}])
    with pytest.raises(ArtefactError, match="spend_by_category: object is no map"):
        predictor.predict(mixed)


def test_what_if_moves_the_one_person_it_is_about(saved, people):
    row = people.iloc[0].to_dict()
    found = FastPredictor(saved).what_if(row, {"past_spend": 900.0, "past_purchases": 40})

    assert found[0]["change"] == "as is"
    assert len(found) == 4
    assert found[-1]["value_d14"] > found[0]["value_d14"]
    with pytest.raises(BadInput, match="columns that the row does not have"):
        FastPredictor(saved).what_if(row, {"pastspend": 1.0})


def test_batches_are_resumable_and_complete(saved, people, tmp_path):
    source = tmp_path / "rows"
    simulate_folder(3000, source, np.random.default_rng(1), population=Population(days=6))
    predictor = FastPredictor(saved)
    assert predictor.predict_file(source, tmp_path / "out") == 3000

    done = sorted((tmp_path / "out").iterdir())
    done[3].unlink()
    before = done[0].stat().st_mtime_ns
    assert predictor.predict_file(source, tmp_path / "out") == 3000
    assert done[3].exists()
    assert done[0].stat().st_mtime_ns == before


def test_predictions_of_another_model_or_other_rows_are_not_mixed_in(saved, people, tmp_path):
    plain = people.drop(columns=[n for n in people if people[n].dtype == object])
    rows = tmp_path / "rows.parquet"
    people.iloc[:50].to_parquet(rows)
    out = tmp_path / "out"
    FastPredictor(saved).predict_file(rows, out)
    other = tmp_path / "other"
    save(train(plain, replace(CONFIG, seed=1), plan=SIMULATED_PLAN), other, config=CONFIG)

    with pytest.raises(BadInput, match="predictions of another model"):
        FastPredictor(other).predict_file(rows, out)
    people.iloc[:60].to_parquet(rows)
    with pytest.raises(BadInput, match="predictions of another source"):
        FastPredictor(saved).predict_file(rows, out)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").write_text("dear Ada")
    with pytest.raises(BadInput, match="something else than predictions"):
        FastPredictor(saved).predict_file(rows, tmp_path / "used")


def test_predictions_never_overwrite_their_own_source(saved, people, tmp_path):
    rows = tmp_path / "rows" / "people.parquet"
    rows.parent.mkdir()
    people.iloc[:50].to_parquet(rows)
    for source, target in ((rows, rows), (rows.parent, rows.parent / "values")):
        with pytest.raises(BadInput, match="into their own source"):
            FastPredictor(saved).predict_file(source, target)
    assert len(read_frame(rows)) == 50


def test_a_torn_source_is_refused_and_leaves_nothing_behind(saved, tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInput, match=r"rows.parquet must be a whole parquet file"):
        FastPredictor(saved).predict_file(tmp_path / "rows.parquet", tmp_path / "values.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_a_file_without_rows_is_refused_by_name(saved, people, tmp_path):
    people.iloc[:0].to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(BadInput, match=r"empty.parquet holds no rows"):
        FastPredictor(saved).predict_file(tmp_path / "empty.parquet", tmp_path / "values.csv")


def test_the_baseline_is_saved_and_can_be_asked_on_other_rows(saved, trained, people):
    baseline = load_baseline(saved)
    side = side_of(people[:3000], trained.model.features, CONFIG)
    report = evaluate(trained.model, side, config=CONFIG, baseline=baseline)

    assert baseline == trained.baseline
    assert report["baseline"]["horizons"]["7"]["gini"] > 0.3


def test_a_threshold_is_chosen_on_its_own_rows_saved_and_reported(people, tmp_path):
    config = replace(CONFIG, thresholds=ThresholdPlan(cost=0.5))
    made = train(people, config, plan=SIMULATED_PLAN)
    save(made, tmp_path / "model", config=config)
    table = FastPredictor(tmp_path / "model").predict(people[:500])
    found = made.report["thresholds"]

    assert (table["act"] == (table["value_d14"] >= made.model.act.at)).all()
    assert found["decide"]["profit"] >= max(0.0, found["decide"]["profit_on_all"])
    assert "Whom to act on at a cost of" in report_page(made.report)


def test_every_figure_of_the_report_has_its_interval(trained):
    for found in trained.report["horizons"].values():
        for name, interval in found["intervals"].items():
            assert interval["low"] <= interval["value"] <= interval["high"], name
            assert interval["value"] == pytest.approx(found["value"][name])
        for row in found["slices"]["country"]:
            assert row["bias_low"] < row["bias"] < row["bias_high"]


def test_csv_and_parquet_targets_hold_the_same(saved, tmp_path):
    source = tmp_path / "rows"
    simulate_folder(1000, source, np.random.default_rng(1), population=Population(days=3))
    predictor = FastPredictor(saved)
    for name in ("values.csv", "values.parquet"):
        assert predictor.predict_file(source, tmp_path / name) == 1000
    csv, parquet = read_frame(tmp_path / "values.csv"), read_frame(tmp_path / "values.parquet")

    assert csv["value_d7"].to_numpy() == pytest.approx(parquet["value_d7"].to_numpy())
    assert csv["user_id"].tolist() == parquet["user_id"].tolist()


def test_a_csv_is_read_by_the_schema_of_the_model(saved, people, tmp_path):
    rows = people.iloc[:5].drop(columns=["session_pairs"]).assign(
        session_pairs=[json.dumps(cell) for cell in people["session_pairs"].iloc[:5]],
        opens_by_hour=[json.dumps(cell) for cell in people["opens_by_hour"].iloc[:5]],
        recent_bundles=[json.dumps(cell) for cell in people["recent_bundles"].iloc[:5]],
        spend_by_category=[json.dumps(dict(cell)) for cell in people["spend_by_category"].iloc[:5]],
    )  # fmt: skip
    rows.to_csv(tmp_path / "rows.csv", index=False)
    predictor = FastPredictor(saved)
    predictor.predict_file(tmp_path / "rows.csv", tmp_path / "values.csv")

    found = read_frame(tmp_path / "values.csv")["value_d14"].to_numpy()
    assert found == pytest.approx(
        predictor.predict(people.iloc[:5])["value_d14"].to_numpy(), rel=1e-4
    )
    with pytest.raises(BadInput, match="cannot be read as map"):
        predictor.predict(rows.assign(spend_by_category="{"))


def test_models_of_a_folder_are_listed(saved):
    assert list_models(saved.parent) == ["model"]


def test_a_folder_in_pieces_trains_like_a_frame(tmp_path):
    folder = tmp_path / "rows"
    simulate_folder(16_000, folder, np.random.default_rng(2), population=Population(days=12))
    cached = replace(CONFIG, partitions=Partitions(cache_features=str(tmp_path / "cache")))
    pieces = train_prepared(prepare_folder(folder, cached, plan=SIMULATED_PLAN), cached)
    whole = train(read_frame(folder), CONFIG, plan=SIMULATED_PLAN)

    assert (tmp_path / "cache" / "learn.npy").exists()
    gini = [t.report["horizons"]["14"]["value"]["gini"] for t in (pieces, whole)]
    assert gini[0] == pytest.approx(gini[1], abs=0.05)


def test_partitions_can_be_fewer_and_rows_sampled(tmp_path):
    folder = tmp_path / "rows"
    simulate_folder(6000, folder, np.random.default_rng(2), population=Population(days=12))
    few = replace(CONFIG, partitions=Partitions(max_train_partitions=2, sample_frac=0.5))
    prepared = prepare_folder(folder, few, plan=SIMULATED_PLAN)

    assert 300 < len(prepared.learn) < 700
    assert 600 < len(prepared.test) < 900


def test_nobody_stands_on_two_sides():
    frame, _ = simulate_users(5000, np.random.default_rng(3))
    frame["user_id"] = np.random.default_rng(0).integers(0, 2000, 5000)
    split = temporal_split(frame, Windows(stop=0.1), user="user_id", time="datetime")
    users = [set(frame["user_id"].iloc[getattr(split, s)]) for s in
             ("train", "stop", "calibrate", "decide", "test")]  # fmt: skip

    assert sum(map(len, users)) == len(set.union(*users))
    times = frame["datetime"]
    assert times.iloc[split.train].max() < times.iloc[split.calibrate].min()
    assert times.iloc[split.calibrate].max() < times.iloc[split.test].min()


@pytest.mark.parametrize(
    ("label", "value", "rule"),
    [
        ("iap_revenue_d7", -3.0, "finite and not negative, got 1 rows .* index 5: -3.0"),
        ("iap_revenue_d7", np.nan, "finite and not negative, got 1 rows .* index 5: nan"),
        ("buyer_d7", np.nan, "finite and not negative, got 1 rows .* index 5: nan"),
        ("buyer_d7", "yes", "must hold numbers"),
        ("iap_revenue_d1", 1e9, "must not fall|disagree on buyer"),
    ],
)
def test_labels_that_cannot_be_are_refused_by_name(label, value, rule):
    frame, _ = simulate_users(50, np.random.default_rng(3))
    wrong = frame.astype({label: object if isinstance(value, str) else float})
    wrong.loc[5, label] = value

    with pytest.raises(BadInput, match=rule):
        explore(wrong, CONFIG)


@pytest.mark.parametrize(("unit", "size"), [("s", 1), ("ms", 1000)])
def test_a_time_column_of_epochs_is_no_count_of_nanoseconds(unit, size):
    when = pd.to_datetime([1_750_000_000, 1_750_086_400], unit="s", utc=True)
    frame = pd.DataFrame({"datetime": np.array([1_750_000_000, 1_750_086_400]) * size})

    assert (row_times(frame, "datetime") == when).all()


@pytest.mark.parametrize(
    ("times", "rule"),
    [
        ([5, 7], "neither seconds nor milliseconds of the years 2001 to 2100: 5 to 7"),
        (["03.04.2025", "04.04.2025"], "'datetime' must spell its times as ISO 8601"),
        (["2025-04-03", None], "has 1 empty rows"),
    ],
)
def test_times_that_could_mean_anything_are_refused(times, rule):
    with pytest.raises(BadInput, match=rule):
        row_times(pd.DataFrame({"datetime": times}), "datetime")


def test_rows_that_are_nobodys_are_refused():
    frame, _ = simulate_users(500, np.random.default_rng(3))
    nobody = frame.assign(user_id=np.where(np.arange(500) < 3, np.nan, 1.0))
    for wrong, words in ((nobody, "3 empty rows"), (frame.drop(columns="user_id"), "missing")):
        with pytest.raises(BadInput, match=f"user column 'user_id' .*{words}"):
            temporal_split(wrong, Windows(), user="user_id", time="datetime")


def test_no_label_is_ever_a_feature():
    frame, _ = simulate_users(6000, np.random.default_rng(0))
    names = {f"iap_revenue_d{h}": f"day{h}_usd" for h in (1, 7, 14, 28)}
    names |= {f"buyer_d{h}": f"pays_{h}" for h in (1, 7, 14, 28)}
    columns = Columns(buyer="pays_{h}", revenue="day{h}_usd")
    renamed = frame.rename(columns=names)
    prepared = prepare(renamed, replace(CONFIG, columns=columns), plan=SIMULATED_PLAN)

    assert not set(names.values()) & set(prepared.features.schema.kinds)


def test_a_share_of_the_users_can_be_taken_of_a_frame():
    frame, _ = simulate_users(6000, np.random.default_rng(0))
    few = replace(CONFIG, partitions=Partitions(sample_frac=0.5))
    whole, half = (len(prepare(frame, c, plan=SIMULATED_PLAN).learn) for c in (CONFIG, few))

    assert 0.45 < half / whole < 0.55


def test_days_and_decimals_are_read_as_what_they_are(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({
        "day": pa.array([20_000, None], pa.date32()),
        "spent": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        "wifi": pa.array([True, None]),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "rows.parquet")
    frame = read_frame(tmp_path / "rows.parquet")

    assert [column_kind(n, frame[n]) for n in frame] == ["time", "number", "flag"]
    assert frame["spent"].iloc[0] == 1.5


def test_namibia_is_no_gap_and_a_gap_among_numbers_is_one(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("country,age,city\nNA,31,\nDE,NA,Bonn\n")
    frame = read_frame(path)

    assert frame["country"].tolist() == ["NA", "DE"]
    assert frame["age"].isna().tolist() == [False, True]
    assert frame["city"].isna().tolist() == [True, False]


def test_numbers_can_be_words():
    frame = small_frame().assign(bundle=np.arange(400) % 3)
    features, matrix = fitted(frame, FeaturePlan(kinds={"bundle": "category"}))
    at = features.names.index("bundle")

    assert "bundle" in features.categorical
    assert matrix[:3, at].tolist() == [0.0, 1.0, 2.0]
    later = frame[:4].assign(bundle=[1.0, np.nan, 2.0, 9.0])
    assert features.transform(later)[:, at] == pytest.approx([1, np.nan, 2, 3], nan_ok=True)


def test_flags_may_have_gaps():
    flags = pd.Series([True, None, False, True] * 100, dtype=object)
    features, matrix = fitted(small_frame().assign(wifi=flags), FeaturePlan())
    at = features.names.index("wifi")

    assert matrix[:3, at] == pytest.approx([1.0, np.nan, 0.0], nan_ok=True)
    later = small_frame(2).assign(wifi=[True, False])
    assert features.transform(later)[:, at].tolist() == [1.0, 0.0]


def test_a_plan_that_names_columns_which_are_not_there_is_refused():
    plan = FeaturePlan(
        roles=Roles(spend="past_spent"), places=("land",), kinds={"x": "map"}, ignore=("y",)
    )
    with pytest.raises(BadInput) as refusal:
        fitted(small_frame(), plan)
    for part in ("roles.spend", "places: land", "kinds: x", "ignore: y"):
        assert part in str(refusal.value)


def test_empty_words_are_gaps():
    frame = small_frame(300).assign(country=["", "NG", "DE"] * 100)
    features, matrix = fitted(frame, FeaturePlan(places=("country",), roles=Roles(spend="age")))

    assert np.isnan(matrix[0, features.names.index("country")])
    assert np.isfinite(matrix[:, features.names.index("age_percentile_in_country")]).all()


def test_a_gap_is_left_out():
    frame, _ = simulate_users(5000, np.random.default_rng(3))
    split = temporal_split(frame, Windows(gap_days=3), user="user_id", time="datetime")
    times = frame["datetime"]

    assert times.iloc[split.test].min() - times.iloc[split.calibrate].max() > pd.Timedelta(days=3)


def test_maps_in_any_clothes_say_the_same():
    import pyarrow as pa

    cells = [{"a": 1.0, "b": 3.0}, {}, None, {"c": 5.0}]
    arrow = pd.Series(pd.arrays.ArrowExtensionArray(
        pa.array([None if c is None else list(c.items()) for c in cells],
                 pa.map_(pa.string(), pa.float64()))))  # fmt: skip
    for column in (arrow, pd.Series(cells, dtype=object)):
        found = SUMMARIES["map"](as_arrow(column, "map"))
        assert found.numbers["mean"].tolist() == [2.0, 0.0, 0.0, 5.0]
        assert found.numbers["std"].tolist() == [1.0, 0.0, 0.0, 0.0]
        assert found.names.tolist() == ["b", None, None, "c"]


def test_lists_pairs_and_histograms_are_summed_up():
    import pyarrow as pa

    words = SUMMARIES["list"](pa.array([["x", "y", "x"], [], None]))
    assert words.numbers["count"].tolist() == [3.0, 0.0, 0.0]
    assert words.numbers["unique"].tolist() == [2.0, 0.0, 0.0]
    assert words.names.tolist() == ["x", None, None]
    pairs = SUMMARIES["pairs"](pa.array([[{"h": 1, "m": 4.0}, {"h": 2, "m": 2.0}], []]))
    assert pairs.numbers["total"].tolist() == [6.0, 0.0]
    cells = SUMMARIES["histogram"](pa.array([[1] * 10, [7], []]))
    assert cells.numbers["top5_share"].tolist() == pytest.approx([0.5, 1.0, 0.0])
    assert cells.numbers["entropy"].tolist() == pytest.approx([np.log(10), 0.0, 0.0])


def test_a_slice_of_an_arrow_column_is_read_from_its_own_place():
    import pyarrow as pa

    whole = pa.array([["a"], ["b", "b"], ["c"]])
    assert SUMMARIES["list"](whole.slice(1, 2)).names.tolist() == ["b", "c"]


def test_the_most_frequent_of_a_tie_does_not_depend_on_other_rows():
    import pyarrow as pa

    alone, among = (
        SUMMARIES["list"](pa.array(rows)) for rows in ([["b", "a"]], [["b"], ["b", "a"]])
    )
    assert alone.names[0] == among.names[1] == "a"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1_750_000_000, 1_750_086_400], "epoch_s"),
        ([1_750_000_000_000, 1_750_086_400_000], "epoch_ms"),
        ([5, 7], "number"),
        ([True, False], "flag"),
        (["DE", "NG"], "category"),
        ([{"a": 1.0}, {}], "map"),
        ([["a"], []], "list"),
        ([[1, 2], [3, 4]], "histogram"),
        (pd.to_datetime(["2025-01-01", "2025-01-02"]), "time"),
    ],
)
def test_kinds_are_told_from_types(values, kind):
    assert column_kind("x", pd.Series(values)) == kind


def small_frame(size=400):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "user_id": np.arange(size),
            "datetime": pd.Timestamp("2025-06-10", tz="UTC"),
            "seen_s": 1_749_513_600 - 86_400 * 14,
            "age": np.where(np.arange(size) % 4 == 0, np.nan, rng.integers(20, 60, size)),
            "country": np.where(np.arange(size) % 2, "NG", "DE"),
        }
    )


def fitted(frame, plan):
    return fit_features(frame, plan, time="datetime", user="user_id", labels=())


def test_epoch_seconds_become_days_and_halve_at_the_half_life():
    features, matrix = fitted(small_frame(), FeaturePlan())
    row = dict(zip(features.names, matrix[0], strict=True))

    assert row["seen_s_age_days"] == pytest.approx(14.0)
    assert row["seen_s_recency"] == pytest.approx(0.5)


@pytest.mark.parametrize("policy", ["zero", "median", "mode", "flag"])
def test_gaps_are_filled_as_fitted_on_training_rows(policy):
    features, _ = fitted(small_frame(), FeaturePlan(missing=MissingPolicy(policy)))
    later = small_frame(4).assign(age=np.nan)
    row = dict(zip(features.names, features.transform(later)[0], strict=True))

    assert row["age"] == pytest.approx(features.fills["age"])
    assert ("age_missing" in row) == (policy == "flag")


def test_unknown_words_and_gaps_are_told_apart():
    features, _ = fitted(small_frame(), FeaturePlan())
    later = small_frame(3).assign(country=pd.Series(["NG", "XX", None], dtype=object))
    codes = features.transform(later)[:, features.names.index("country")]

    assert codes[:2].tolist() == [1.0, 2.0]
    assert np.isnan(codes[2])


def test_switching_a_group_off_takes_its_features_away(people):
    names = {
        on: set(
            fit_features(people[:2000], plan, time="datetime", user="user_id", labels=())[0].names
        )
        for on, plan in ((True, SIMULATED_PLAN), (False, SIMULATED_PLAN.without("interactions")))
    }

    assert names[True] - names[False] == {
        "ticket", "whale_x_frequency", "purchase_recency", "install_velocity", "device_spending",
    }  # fmt: skip
    with pytest.raises(BadInput, match="unknown feature groups"):
        FeaturePlan(groups={"intractions": True})


def test_selection_drops_twins_and_says_so(people):
    twin = people.assign(sessions_again=people["sessions"], constant=1.0)
    config = replace(CONFIG, selection=SelectionPlan(importance=0.0005))
    whole = train(twin, config, plan=SIMULATED_PLAN).report
    report = whole["selection"]
    gone = {row["feature"]: row for row in report["dropped"]}

    assert "sessions_again" in report_page(whole)
    assert gone["sessions_again"]["beside"] == "sessions"
    assert gone["constant"]["step"] == "variance"
    assert "importance" in {row["step"] for row in report["dropped"]}


def test_sampling_and_stack_are_kept_only_when_they_win(people):
    config = replace(
        CONFIG, sampling=SamplingPlan(method="auto"), stack=StackPlan(enabled=True, folds=2)
    )
    choices = train(people, config, plan=SIMULATED_PLAN).report["choices"]
    sampling, stack = choices["sampling"], choices["stack"]

    best = max(sampling["gini"].values())
    assert (sampling["kept"] == "none") == (best < sampling["gini"]["none"] + 0.002)
    assert stack["kept"] == (stack["gini"]["stack"] >= stack["gini"]["chain"] + 0.002)


def test_a_kept_stack_is_saved_and_keeps_the_order(people, tmp_path):
    config = replace(CONFIG, stack=StackPlan(enabled=True, folds=2, margin=-1.0))
    stacked = train(people, config, plan=SIMULATED_PLAN)
    save(stacked, tmp_path / "model", config=config)
    found = load(tmp_path / "model").predict(people[:300])

    assert stacked.model.chain.stack is not None
    assert found.value == pytest.approx(stacked.model.predict(people[:300]).value)
    assert metrics.order_violations(found.value) == 0


def test_every_rival_head_beats_chance(people):
    rows = compare(prepare(people, CONFIG, plan=SIMULATED_PLAN), CONFIG)

    assert [row["head"] for row in rows] == ["share chain", "tweedie", "log1p", "ziln", "ordered"]
    assert min(row["gini"] for row in rows) > 0.3


def test_reports_are_pages_of_their_own(saved, people):
    for page in (report_page(read_report(saved)), explore_page(explore(people, CONFIG))):
        assert page.startswith("<!doctype html>")
        assert "http://" not in page.replace("http://www.w3.org", "")
        assert "<svg" in page


def test_our_own_log_becomes_rows_with_ripe_labels():
    start = datetime(2025, 6, 1, tzinfo=UTC)

    def act(user, what, hours, **more):
        when = start + timedelta(hours=hours)
        return UserAction(what, "a tent", timestamp=when, user_id=user, metadata=more)

    log = [
        act("chioma", "read", 0), act("chioma", "purchase", 20, amount=5.0),
        act("chioma", "purchase", 60, amount=7.0), act("late", "read", 24 * 20),
    ]  # fmt: skip
    frame = frame_from_actions(log, Snapshot(horizons=(1, 7)), until=start + timedelta(days=21))

    assert frame["user_id"].tolist() == ["chioma"]
    row = frame.iloc[0]
    assert (row["past_spend"], row["iap_revenue_d1"], row["iap_revenue_d7"]) == (5.0, 0.0, 7.0)
    assert row["actions_by_type"] == {"read": 1.0, "purchase": 1.0}


@pytest.mark.parametrize("amount", [None, "five", -5.0, float("nan")])
def test_a_purchase_without_an_amount_is_no_purchase_for_nothing(amount):
    start = datetime(2025, 6, 1, tzinfo=UTC)
    metadata = {} if amount is None else {"amount": amount}
    log = [UserAction("purchase", "a tent", timestamp=start, user_id="ada", metadata=metadata)]

    with pytest.raises(BadInput, match="'amount' of the purchase at 2025-06-01"):
        frame_from_actions(log, Snapshot(), until=start + timedelta(days=30))


def test_intent_is_a_row_a_person_and_its_age_is_in_days():
    now = datetime(2025, 6, 2, tzinfo=UTC)
    ada, nobody = IntentState(["depth", "brevity"]), IntentState(["depth", "brevity"])
    ada.update("depth", now - timedelta(days=1), 3.0)
    rows = intent_columns({"ada": ada, "nobody": nobody}, now)

    assert rows.loc["ada", "intent_fast"] == pytest.approx(1.5)  # half-lives of 1 and 7 days
    assert rows.loc["ada", "intent_slow"] == pytest.approx(3 * 2 ** (-1 / 7))
    assert rows.loc["ada", "intent_age_days"] == pytest.approx(1.0)
    assert np.isnan(rows.loc["nobody", "intent_age_days"])


def test_the_demo_makes_everything_and_refuses_a_used_folder(tmp_path):
    report = run_demo(tmp_path / "demo", users=6000, rng=np.random.default_rng(0))
    made = {path.name for path in (tmp_path / "demo").iterdir()}

    assert made == {"data", "model", "explore.html", "report.html", "values.parquet"}
    assert sum(report["order_violations"].values()) == 0
    with pytest.raises(BadInput, match="not empty"):
        run_demo(tmp_path / "demo", users=6000, rng=np.random.default_rng(0))


@pytest.mark.skipif(not CDNOW.exists(), reason="CDNOW is not beside the repository")
def test_parameters_are_those_of_the_published_reference_on_cdnow():
    """To 1997-12-31, days, penaliser 0.001, purchases that were paid for."""
    names = ["user_id", "date", "cds", "amount"]
    frame = pd.read_csv(CDNOW, sep=r"\s+", skiprows=1, names=names)
    frame["date"] = pd.to_datetime(frame["date"].astype(str))
    log = Log(frame[frame["amount"] > 0])
    model = fit_transactions(summarize_purchases(log, pd.Timestamp("1997-12-31"))[1])
    found, amount = model.frequency, model.amount

    reference = (0.2669, 38.0819, 0.4066, 1.3218)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx(reference, rel=1e-3)
    assert (amount.p, amount.q, amount.v) == pytest.approx((7.866, 2.3907, 7.2654), rel=1e-3)


@pytest.mark.skipif(not CDNOW.exists(), reason="CDNOW is not beside the repository")
def test_one_model_has_rank_and_level_on_cdnow():
    names = ["user_id", "date", "cds", "amount"]
    frame = pd.read_csv(CDNOW, sep=r"\s+", skiprows=1, names=names)
    frame["date"] = pd.to_datetime(frame["date"].astype(str))
    end, log = pd.Timestamp("1997-12-31"), Log(frame)
    past = Log(frame[frame["date"] <= end])
    value = fit_purchases(past, PurchaseWindow(end, 182)).predict(past)
    later = log.spend(value.index, end, 182)

    assert metrics.normalized_gini(later, value) >= 0.75
    assert metrics.bias(later, value) == pytest.approx(1.0, abs=0.1)
