"""MIND's published layout, read and judged."""

import os
from pathlib import Path

import numpy as np
import pytest

from vibrator.datasets.events import RowReport
from vibrator.datasets.mind import load_mind_impressions, load_mind_news, mind_parts
from vibrator.encoder import InstructionalEncoder
from vibrator.errors import BadRows
from vibrator.evaluation.mind import evaluate_mind

HERE = Path(__file__).parents[1].parent / "shared" / "data"
SAMPLE = Path(os.environ.get("VIBRATOR_TEST_DATA", HERE)) / "mind-sample"
TOPICS = ("mountain running", "baking bread")


def write_part(folder, rng, impressions=120):
    folder.mkdir()
    news = [f"N{n}\tlife\ttopic\t{TOPICS[n % 2]} part {n}\t\t\t[]\t[]" for n in range(20)]
    (folder / "news.tsv").write_text("\n".join(news) + "\n")
    lines = []
    for n in range(impressions):
        taste = n % 2
        past = " ".join(f"N{2 * k + taste}" for k in rng.permutation(10)[:3])
        shown = rng.permutation(20)[:6]
        if len({k % 2 for k in shown}) == 1:
            continue
        marks = " ".join(f"N{k}-{int(k % 2 == taste)}" for k in shown)
        lines.append(f"{n}\tU{n}\t11/{11 + n % 5}/2019 2:14:46 PM\t{past}\t{marks}")
    (folder / "behaviors.tsv").write_text("\n".join(lines) + "\n")


def test_news_and_impressions_are_read(tmp_path):
    write_part(tmp_path / "one", np.random.default_rng(0), impressions=3)
    news = load_mind_news(tmp_path / "one")
    first = next(iter(load_mind_impressions(tmp_path / "one")))

    assert news["N1"] == "baking bread part 1, life, topic"
    assert first.at.isoformat() == "2019-11-11T14:14:46+00:00"
    assert len(first.shown) == len(first.clicked) == 6


def test_bad_rows_are_refused_or_reported(tmp_path):
    (tmp_path / "behaviors.tsv").write_text("1\tU\t11/11/2019 2:14:46 PM\t\tN1-2\nshort\n")

    with pytest.raises(BadRows, match="2 bad rows"):
        list(load_mind_impressions(tmp_path))
    report = RowReport()
    assert list(load_mind_impressions(tmp_path, report=report)) == []
    assert report.count == 2


def test_a_planted_taste_shows_in_the_published_figures(tmp_path):
    rng = np.random.default_rng(1)
    for part in ("MINDsmall_train", "MINDsmall_dev"):
        write_part(tmp_path / part, rng)
    assert mind_parts(tmp_path)[1] == tmp_path / "MINDsmall_dev"
    found = {r["scorer"]: r for r in evaluate_mind(tmp_path, InstructionalEncoder("embedded")).rows}

    assert found["zero-shot"]["auc"] > 0.8
    assert found["learned"]["auc"] > 0.8
    assert found["popularity"]["auc"] == pytest.approx(0.5, abs=0.15)  # clicks favour no topic
    assert set(found["learned"]) == {"scorer", "auc", "mrr", "ndcg@5", "ndcg@10"}


def test_popularity_counts_clicks_and_not_showings(tmp_path):
    """Even news are clicked whenever shown; odd ones are shown twice as often, in vain."""
    for part in ("MINDsmall_train", "MINDsmall_dev"):
        write_part(tmp_path / part, np.random.default_rng(2), impressions=1)
        marks = [f"N{n}-{int(n % 2 == 0)}" for n in range(20)]
        rows = [marks, marks, [*marks[1::2], "N0-1"], [*marks[1::2], "N2-1"]] * 5
        (tmp_path / part / "behaviors.tsv").write_text(
            "".join(
                f"{n}\tU{n}\t11/{11 + n % 5}/2019 2:14:46 PM\t\t{' '.join(row)}\n"
                for n, row in enumerate(rows)
            )
        )
    found = {r["scorer"]: r for r in evaluate_mind(tmp_path, InstructionalEncoder("embedded")).rows}

    assert found["popularity"]["auc"] == 1.0


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the MIND sample is not at hand")
def test_the_sample_is_read_whole():
    assert len(load_mind_news(SAMPLE)) == 2000
    assert sum(1 for _ in load_mind_impressions(SAMPLE)) == 5000
