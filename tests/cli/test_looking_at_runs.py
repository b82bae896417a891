from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from cli.small_shop import done, finish, karl, settings, snapshot, start

from karl.config.compose import compose_config, group_options

ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def finished(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with one run of one round; not to be changed."""
    runs = tmp_path_factory.mktemp("finished")
    overrides = settings(shop, "budget.rounds=1")
    done(karl("run", *overrides, "--name", "first", "--runs-dir", str(runs)))
    return runs


@pytest.fixture
def runs(finished: Path, workplace: Path) -> Path:
    return Path(shutil.copytree(finished, "runs"))


def test_status_lists_every_run_with_how_far_it_is(runs: Path, shop: Path) -> None:
    done(karl("seed", *settings(shop), "--name", "second"))
    lines = done(karl("status")).out.splitlines()
    assert lines[0].split() == ["run", "round", "last", "stage", "LLM", "labels", "macro-F1"]
    assert re.match(r"first +1/1 +evaluate +\d+ +ID 0\.\d{3}  OOD 0\.\d{3}", lines[2])
    assert re.match(r"second +0/3 +evaluate +0 +ID 0\.\d{3}  OOD 0\.\d{3}", lines[3])


def test_status_tells_below_its_table_what_is_wrong_with_a_damaged_run(runs: Path) -> None:
    shutil.copytree(runs / "first", runs / "spoilt")
    (runs / "spoilt/manifest.json").write_text("[]")
    lines = done(karl("status")).out.splitlines()
    assert len(lines) == 5
    assert lines[3].split() == ["spoilt", "?", "damaged"]
    assert lines[4].startswith(f"spoilt: {runs / 'spoilt/manifest.json'} cannot be read")


def test_status_without_runs_says_so() -> None:
    assert done(karl("status")).out == "There is no run in runs.\n"
    assert not Path("runs").exists()


def test_the_folder_of_runs_can_be_set(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.rename("elsewhere")
    assert "first" in done(karl("status", "--runs-dir", "elsewhere")).out
    monkeypatch.setenv("KARL_RUNS_DIR", "elsewhere")
    assert "first" in done(karl("status")).out


def test_a_report_shows_the_table_and_draws_the_curve_again(runs: Path) -> None:
    figure = runs / "first/report/learning_curve.png"
    before = snapshot(runs)
    figure.unlink()
    out = done(karl("report", "first")).out
    assert "Macro-F1 by round: margin sampling, replay, fold 0, seed 0" in out
    assert f"Results: {runs / 'first/metrics.jsonl'}\nFigure:  {figure}\n" in out
    after = snapshot(runs)
    assert after.items() >= before.items()
    assert all(name.startswith("first/report/") for name in after.keys() - before.keys())


def test_a_report_of_no_run_lists_the_runs(runs: Path) -> None:
    answer = karl("report", "frist")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "karl: there is no run 'frist' in runs\nThere are: first.\n"


def test_what_is_printed_fits_a_terminal_and_has_no_colour_elsewhere(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (
        ["status"],
        ["report", "first"],
        ["--help"],
        ["run", "--help"],
        ["run", "-x"],
    ):
        answer = karl(*arguments)
        text = answer.out + answer.err
        assert text
        assert ESCAPE not in text
        assert max(map(len, text.splitlines())) <= 80


def test_config_prints_what_is_composed_and_what_can_be_chosen(shop: Path) -> None:
    out = done(karl("config", "sampler=qbc", "budget.rounds=4")).out
    assert yaml.safe_load(out) == compose_config(["sampler=qbc", "budget.rounds=4"])
    for group, options in group_options().items():
        assert f"#   {group}={'|'.join(options)}\n" in out
    assert not Path("runs").exists()


def test_config_refuses_what_run_would_refuse() -> None:
    answer = karl("config", "budget.rounds=many")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("karl: budget.rounds: ")


def test_groups_of_ones_own_are_found(shop: Path, workplace: Path) -> None:
    (workplace / "mine/sampler").mkdir(parents=True)
    (workplace / "mine/sampler/hard.yaml").write_text(
        "_target_: karl.samplers.margin.Margin\nper_category: 3\n"
    )
    own = ("--config-dir", "mine")
    assert "|hard|" in done(karl("config", "sampler=hard", *own)).out
    overrides = settings(shop, "sampler=hard", "sampler.per_category=1", "budget.rounds=1")
    done(karl("run", *overrides, *own, "--name", "own"))
    done(karl("run", "budget.rounds=2", "--name", "own"))
    assert karl("run", *overrides, "--name", "own").code == 2


@pytest.mark.slow
def test_a_reader_that_has_gone_is_no_error_for_results(runs: Path) -> None:
    for arguments in (["status"], ["report", "first"]):
        process = start(*arguments)
        assert process.stdout
        process.stdout.close()
        process.stdout = None
        assert finish(process).err == ""
