"""Stores where they cannot work, and mistyped: told with name, rule and value."""

import resource

import pytest
from typer.testing import CliRunner

from vibrator.actions import UserAction
from vibrator.cli import build
from vibrator.errors import BadInput, StoreUnavailable
from vibrator.personalizer import Personalizer
from vibrator.stores import open_store

SLIDERS = {"depth": "detailed technical documentation"}


@pytest.mark.integration
def test_a_cache_or_a_catalogue_alone_is_no_store(milvus_path):
    with pytest.raises(BadInput, match="MilvusStore has no events, profiles"):
        Personalizer.open(f"milvus:{milvus_path}", sliders=SLIDERS)
    with pytest.raises(BadInput, match="RedisStore has no events"):
        Personalizer.open("redis://localhost:1", sliders=SLIDERS)


@pytest.mark.integration
def test_what_cannot_stand_beside_a_store_is_refused(tmp_path):
    for beside in ({"cache": "sqlite://"}, {"catalogue": "redis://localhost:1"}):
        with pytest.raises(BadInput, match="cannot be the c"):
            open_store(f"sqlite:///{tmp_path}/app.db", **beside)


@pytest.mark.integration
@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_both_spellings_of_postgres_are_known(scheme, tmp_path):
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        open_store(f"{scheme}://me@/app?host={tmp_path}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("busy_seconds=nan", "busy_seconds cannot be 'nan'"),
        ("busy_seconds=-1", "busy_seconds cannot be '-1'"),
        ("index", "options look like name=value"),
        ("index=", "index must be exact or faiss, got ''"),
        ("synchronous=full&synchronous=normal", "each option can be given once"),
        ("faiss_above=5", "for index=faiss, got 5"),
        ("index=faiss&faiss_above=-5", "for index=faiss, got -5"),
    ],
)
def test_an_option_that_means_nothing_is_refused(options, words, tmp_path):
    with pytest.raises(BadInput, match=words):
        open_store(f"sqlite:///{tmp_path}/app.db?{options}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "typed",
    ["store report STORE", "store export STORE ada", "store expire STORE 9", "store compact STORE",
     "forget STORE ada --yes", "rebuild STORE", "rebuild STORE --encoder embedded",
     "store remove STORE grpc", "observe STORE ada words"],
)  # fmt: skip
def test_a_mistyped_path_begins_no_store(typed, tmp_path):
    words = [f"sqlite:///{tmp_path}/ap.db" if word == "STORE" else word for word in typed.split()]
    failed = CliRunner().invoke(build(), words).exception
    assert isinstance(failed, BadInput)
    assert "there is no store at" in str(failed)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
@pytest.mark.parametrize(
    "typed",
    ["store report URL", "store compact URL", "rebuild URL", "rebuild URL --encoder embedded"],
)
def test_a_cache_is_no_store_to_a_command(typed):
    words = typed.replace("URL", "redis://127.0.0.1:1").split()
    failed = CliRunner().invoke(build(), words).exception
    assert isinstance(failed, BadInput)
    assert "a durable store is needed" in str(failed)


def test_an_age_beyond_all_times_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/app.db"
    Personalizer.open(url, sliders=SLIDERS, encoder="embedded").close()
    for days in ("1e12", "1e6"):
        failed = CliRunner().invoke(build(), ["store", "expire", url, days]).exception
        assert isinstance(failed, BadInput)


def test_forgetting_on_a_full_disk_says_what_is_left_to_do(tmp_path):
    app = Personalizer.open(f"sqlite:///{tmp_path}/app.db", sliders=SLIDERS, encoder="embedded")
    app.observe("bruno", [UserAction("write", f"{n} " * 999) for n in range(2_000)])
    app.set_consent("ada", "personalization", True)
    app.store.compact()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))  # enough for the rows of one person
    try:
        receipt = app.forget("ada")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert receipt.removed["events"] == 1
    assert "run `vibrator store compact`" in receipt.pending[0]
    assert app.store.compact() == ()
    assert app.report().users == 1
    app.close()
