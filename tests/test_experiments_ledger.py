"""The ledger: nothing lost, nothing overwritten, nothing believed that was only declared."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibrator.errors import BadInput, BadRows, StoreError, UnknownName, VersionConflict
from vibrator.experiments.interchange import export_jsonl, import_json, import_jsonl
from vibrator.experiments.ledger import Ledger, Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEN = (("question", 52.1, True), ("claim", 47, False), ("dry", 1e-9, None))
PUBLISHED = [
    {
        "domain": "short_video", "experiment_id": "abc123", "variable": "hook_type",
        "variant": variant, "metric_values": {"avg_view_pct": pct, "likes": 3, "note": "größer"},
        "winner": winner, "timestamp": "2026-03-01T12:00:00",
    }
    for variant, pct, winner in SEEN
]  # fmt: skip


@pytest.fixture
def ledger(tmp_path):
    with_close = Ledger(tmp_path / "lab.db", clock=lambda: NOON)
    yield with_close
    with_close.close()


def add(ledger, variant="short", domain="mail", variable="subject", **rest):
    return ledger.append(domain, "e1", variable, variant, {"opens": 0.5}, **rest)


def test_what_went_in_comes_out(ledger):
    record = add(ledger)

    assert ledger.records == [record]
    assert record.timestamp == "2026-03-01T12:00:00+00:00"
    assert len(ledger) == 1


def test_queries_narrow(ledger):
    add(ledger, declared=True)
    add(ledger, "long", declared=False)
    add(ledger, domain="push", variable="hour")

    assert [r.variant for r in ledger.query("mail")] == ["short", "long"]
    assert len(ledger.query(variable="hour", experiment_id="e1")) == 1
    assert [r.variant for r in ledger.query(winners_only=True)] == ["short"]
    assert ledger.all_domains() == ["mail", "push"]
    assert ledger.all_variables() == ["hour", "subject"]
    assert ledger.all_variables("mail") == ["subject"]


def test_path_and_url_open_the_same_file(tmp_path):
    first = Ledger(tmp_path / "lab.db")
    add(first)
    second = Ledger(f"sqlite:///{tmp_path}/lab.db")

    assert len(second) == 1
    with pytest.raises(UnknownName, match="lives in SQLite"):
        Ledger("postgres://x")
    with pytest.raises(BadInput, match="three or four slashes"):
        Ledger("sqlite://lab.db")
    first.close()
    second.close()


def test_tenants_do_not_see_each_other(tmp_path):
    ours, theirs = (Ledger(tmp_path / "lab.db", tenant=name) for name in ("a", "b"))
    add(ours)

    assert (len(ours), len(theirs)) == (1, 0)
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"domain": " "}, "domain must be a text"),
        ({"metric_values": {"a": float("nan")}}, "plain and finite"),
        ({"metric_values": {"a": object()}}, "plain and finite"),
        ({"metric_values": {"a": 10**400}}, "a must be a number below"),
        ({"metric_values": [1]}, "mapping"),
        ({"timestamp": "yesterday"}, "ISO time"),
        ({"timestamp": datetime(2026, 1, 1)}, "timezone"),  # noqa: DTZ001  # naive on purpose
        ({"declared": "short"}, "True, False or None"),
        ({"declared": 1}, "True, False or None"),
    ],
)
def test_bad_records_are_refused(ledger, change, reason):
    fields = {"domain": "d", "experiment_id": "e", "variable": "v", "variant": "a"}

    with pytest.raises(BadInput, match=reason):
        ledger.append(**{**fields, "metric_values": {}, **change})
    assert len(ledger) == 0


def test_many_come_in_together_or_not_at_all(ledger):
    good = add(ledger)
    bad = Record(**{**_fields(good), "metric_values": {"a": float("inf")}})

    with pytest.raises(BadInput):
        ledger.extend([good, bad])
    assert len(ledger) == 1


def test_a_foreign_file_is_left_alone(tmp_path):
    path = tmp_path / "ledger.json"
    path.write_text(json.dumps(PUBLISHED))

    with pytest.raises(StoreError, match="not an SQLite database"):
        Ledger(path)
    assert json.loads(path.read_text()) == PUBLISHED


def test_the_published_array_is_imported_exactly(ledger, tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps(PUBLISHED, indent=2), encoding="utf-8")

    report = import_json(ledger, path)

    assert (report.imported, report.torn_at) == (3, None)
    assert [record.to_dict() for record in ledger.records] == PUBLISHED
    assert repr(ledger.records[1].metric_values["avg_view_pct"]) == "47"


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_torn_array_comes_in_up_to_the_tear(cut):
    import tempfile
    from pathlib import Path

    whole = json.dumps(PUBLISHED, indent=2, ensure_ascii=False).encode()
    cut = 1 + cut % (len(whole) - 1)
    ledger = Ledger(":memory:")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "torn.json"
        path.write_bytes(whole[:cut])
        report = import_json(ledger, path)

    assert report.torn_at is not None
    assert report.torn_at <= cut
    kept = [record.to_dict() for record in ledger.records]
    assert kept == PUBLISHED[: len(kept)]
    assert len(kept) == whole[:cut].count(b'"timestamp": "2026-03-01T12:00:00"\n  }')
    ledger.close()


def test_entries_that_are_no_records_are_reported(ledger, tmp_path):
    path = tmp_path / "old.json"
    path.write_text(json.dumps([PUBLISHED[0], {"domain": "x"}, 7, PUBLISHED[1]]))

    with pytest.raises(BadRows, match="2 entries are not records, the first at 2") as caught:
        import_json(ledger, path)
    assert [bad.place for bad in caught.value.report.rejected] == [2, 3]
    assert len(ledger) == 0
    assert import_json(ledger, path, keep_good=True).imported == 2


def test_not_an_array_is_refused(ledger, tmp_path):
    path = tmp_path / "old.json"
    path.write_text("{}")
    with pytest.raises(BadInput, match="not a JSON array"):
        import_json(ledger, path)


def test_json_lines_go_round(ledger, tmp_path):
    path, copy = tmp_path / "out.jsonl", Ledger(":memory:")
    add(ledger, declared=True)
    add(ledger, "größer\u2028")  # a line separator inside a text ends no line

    assert export_jsonl(ledger, path) == 2
    assert import_jsonl(copy, path).imported == 2
    assert copy.records == ledger.records
    path.write_bytes(path.read_bytes()[:-9])
    report = import_jsonl(Ledger(":memory:"), path)
    assert report.imported == 1
    assert report.torn_at is not None


@pytest.mark.parametrize("spoilt", [b'{"domain": "x", ', b'{"domain": "\xff"}', b"hello"])
def test_a_bad_line_hides_none_of_those_after_it(ledger, tmp_path, spoilt):
    path = tmp_path / "out.jsonl"
    lines = [json.dumps(record).encode() for record in PUBLISHED]
    path.write_bytes(b"\n".join([lines[0], b"", spoilt, *lines[1:]]) + b"\n")

    with pytest.raises(BadRows, match="1 entries are not records, the first at 3: no JSON"):
        import_jsonl(ledger, path)
    assert len(ledger) == 0
    report = import_jsonl(ledger, path, keep_good=True)
    assert (report.imported, report.torn_at) == (3, None)
    assert [record.to_dict() for record in ledger.records] == PUBLISHED


def test_the_pipeline_is_kept_with_its_records_or_not_at_all(ledger):
    record = Record(**_fields(add(ledger)))
    assert ledger.load_state("mail") == (None, 0)

    assert ledger.save_state("mail", "{}", version=0, records=[record]) == 1
    with pytest.raises(VersionConflict):
        ledger.save_state("mail", "{}", version=0, records=[record])
    assert len(ledger) == 2
    assert ledger.load_state("mail") == ("{}", 1)


def _fields(record):
    return {name: getattr(record, name) for name in record.__slots__}


def _append_some(path, who):
    ledger = Ledger(path)
    for place in range(40):
        ledger.append("d", f"e{who}", "v", "a", {"place": place})
    ledger.close()


def test_eight_processes_lose_nothing(tmp_path):
    path = tmp_path / "lab.db"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_some, args=(path, who)) for who in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    ledger = Ledger(path)
    assert [writer.exitcode for writer in writers] == [0] * 8
    for who in range(8):
        places = [r.metric_values["place"] for r in ledger.query(experiment_id=f"e{who}")]
        assert places == list(range(40))
    ledger.close()


APPEND_FOR_EVER = """
import sys
from vibrator.experiments.ledger import Ledger
ledger = Ledger(sys.argv[1])
place = 0
while True:
    ledger.append("d", "e", "v", "a", {"place": place})
    print(place, flush=True)
    place += 1
"""


def test_a_killed_process_loses_nothing_acknowledged(tmp_path):
    path = tmp_path / "lab.db"
    command = [sys.executable, "-c", APPEND_FOR_EVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "0\n"
        time.sleep(0.2)
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged = [0, *map(int, writer.stdout.read().split())]

    ledger = Ledger(path)
    kept = [record.metric_values["place"] for record in ledger.records]
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1
    ledger.close()
