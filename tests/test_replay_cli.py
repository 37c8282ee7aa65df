"""`vibrator replay`: its files, the same bytes twice, what is absent, settings that apply."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from vibrator.cli import build
from vibrator.errors import BadInput
from vibrator.intent.findings import write_simulation
from vibrator.intent.settings import Configuration, ReplaySettings, read_configuration
from vibrator.intent.simulation import Scenario, simulate_policies

ROOT = Path(__file__).parents[1]
TABLES = {"per_user.csv", "summary.csv", "pvals.csv", "friedman.csv", "report.html"} | {
    f"posthoc_{short}.csv" for short in ("conv", "trust", "vol")
}


@pytest.fixture
def log_file(tmp_path):
    rng = np.random.default_rng(0)
    item = rng.integers(0, 40, size=600)
    path = tmp_path / "shop.csv"
    pd.DataFrame(
        {
            "user_id": np.arange(600) % 20,
            "item_id": item,
            "ts": np.arange(600) * 3600,
            "category": item % 4,
        }
    ).to_csv(path, index=False)
    return path


def replay(*arguments):
    return CliRunner().invoke(build(), ["replay", "--no-figures", *map(str, arguments)])


def test_a_replay_writes_its_files_twice_the_same(log_file, tmp_path):
    for name in ("one", "two"):
        result = replay("--dataset", log_file, "--output-dir", tmp_path / name)
        assert result.exit_code == 0, result.output

    written = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert written.keys() == TABLES
    assert written == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}


def test_the_report_shows_both_ways_and_needs_nothing_from_outside(log_file, tmp_path):
    replay("--dataset", log_file, "--output-dir", tmp_path / "out")

    page = (tmp_path / "out" / "report.html").read_text()

    assert "as in the paper" in page
    assert "mended" in page
    assert "by design" in page
    assert "src=" not in page
    assert "href=" not in page


@pytest.mark.integration
def test_figures_are_drawn_the_same_twice(log_file, tmp_path):
    for name in ("one", "two"):
        arguments = ["replay", "--dataset", log_file, "--output-dir", tmp_path / name]
        assert CliRunner().invoke(build(), list(map(str, arguments))).exit_code == 0

    for measure in ("conversion", "trust", "volume"):
        first, second = (tmp_path / n / f"fig_shop_{measure}.png" for n in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_all_names_what_is_absent_and_how_to_get_it(tmp_path):
    small = tmp_path / "small.yaml"
    small.write_text("simulation: {n_users: 200}\n")
    result = replay(
        "--all", "--data-dir", tmp_path, "--output-dir", tmp_path / "out", "--config", small
    )

    assert result.exit_code == 0, result.output
    for name in ("movielens", "retailrocket", "rees46"):
        assert f"{name} is not in" in result.stderr
    assert "grouplens.org" in result.stderr
    assert (tmp_path / "out" / "simulation" / "sim_per_seed.csv").is_file()


def test_the_simulation_writes_its_tables(tmp_path):
    per_seed = simulate_policies(Scenario(n_users=300), seeds=range(3))

    names = {path.name for path in write_simulation(tmp_path, per_seed, figures=False)}

    assert names == {
        "sim_per_seed.csv",
        "sim_friedman.csv",
        "sim_posthoc_conv.csv",
        "sim_posthoc_trust.csv",
        "report.html",
    }


def test_overrides_are_applied_and_left_out_for_the_paper(log_file, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text("theta: 0.3\ndatasets: {shop: {theta_safe: 0.99, theta: 0.98}}\n")
    volumes = {}
    for flag in ("--paper", "--no-paper"):
        replay("--dataset", log_file, "--output-dir", tmp_path / flag, "--config", config, flag)
        summary = pd.read_csv(tmp_path / flag / "summary.csv").set_index("policy")
        volumes[flag] = summary.loc["Liquid+Rules", "volume_mean"]

    assert volumes["--no-paper"] == 0.0
    assert volumes["--paper"] > 0.3


def test_the_configuration_that_is_shipped_is_the_default():
    assert read_configuration(ROOT / "configs" / "default.yaml") == Configuration()
    assert Configuration().of("movielens").half_life_slow_days == 14.0
    assert Configuration().of("movielens", paper=True) == ReplaySettings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tetha: 0.5", "tetha"),
        ("theta: high", "theta"),
        ("theta: true", "theta"),
        ("top_k: 2.5", "top_k"),
        ("theta: 0.9", "theta"),
        ("datasets: {movielens: {half_life_fast_days: 90}}", "half_life_fast_days"),
        ("datasets: [movielens]", "datasets"),
        ("simulation: {n_users: 0}", "n_users"),
        ("simulation: {trust_logit: [1, 2]}", "trust_logit"),
        ("datasets: {movielens: {n_bootstrap: -3}}", "n_bootstrap"),
        ("trust_weight: .inf", "trust_weight"),
        ("seed: -1", "seed"),
        ("- a list", "names and values"),
        ("a: [", "YAML"),
    ],
)
def test_configurations_that_say_nonsense_are_refused(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)

    with pytest.raises(BadInput, match=words):
        read_configuration(path)


def test_the_command_wants_one_thing_to_do(log_file):
    for arguments in ((), ("--all", "--dataset", log_file)):
        assert isinstance(replay(*arguments).exception, BadInput)


def test_bad_rows_stop_the_command_unless_told(tmp_path):
    head = "userId,movieId,rating,timestamp\n"
    lines = [f"{n % 6},{n % 30},5,{n * 60}\n" for n in range(240)]
    (tmp_path / "ratings.csv").write_text(head + "".join(lines) + "1,2,77,5\n")
    films = [f"{n},Film,{'Crime' if n % 2 else 'Drama'}\n" for n in range(30)]
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n" + "".join(films))
    arguments = ("--dataset", "movielens", "--data-dir", tmp_path, "--output-dir", tmp_path / "out")

    assert "--skip-bad-rows" in str(replay(*arguments).exception)
    told = replay(*arguments, "--skip-bad-rows", "--format", "csv")
    assert told.exit_code == 0
    assert told.stdout.startswith("dataset,policy,conversion,trust,volume,net\n")


def test_settings_are_values():
    assert replace(ReplaySettings(), theta=0.6) == ReplaySettings(theta=0.6)
    assert "n_bootstrap" not in ReplaySettings().arguments()
