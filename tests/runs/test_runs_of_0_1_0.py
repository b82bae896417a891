"""A run that karl 0.1.0 made: its figures cannot be had again, so it can be looked at only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli.small_shop import done, karl, snapshot

NAME = "made_by_0_1_0"
MADE = Path(__file__).with_name(NAME)
SETTINGS = (
    *("data=demo", "data.items=300", "data.id_pairs=200", "data.ood_pairs=100"),
    *("experiment=paper", "encoder=tfidf_svd", "encoder.n_dims=16"),
    *("classifier.n_members=3", "classifier.tuning.trials=2"),
    *("classifier.tuning.folds=2", "budget.rounds=1", "budget.labels_per_round=20"),
)
"""What the run was started with, in words of today."""


@pytest.fixture
def old(workplace: Path) -> Path:
    """A copy of it, in `runs`."""
    return Path(shutil.copytree(MADE, workplace / "runs" / NAME))


@pytest.mark.parametrize("overrides", [(), ("budget.rounds=2",), SETTINGS, ("data=demo", "seed=1")])
@pytest.mark.parametrize("command", ["run", "round", "seed", "evaluate"])
def test_it_cannot_go_on_and_is_told_why(
    command: str, overrides: tuple[str, ...], old: Path
) -> None:
    before = snapshot(old)
    answer = karl(command, *overrides, "--name", NAME)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.count("karl: ") == 1
    assert f"karl: '{NAME}' was made by karl 0.1.0, whose figures" in answer.err
    assert "cannot go on" in answer.err
    hint = answer.err.splitlines()[-1]
    assert f"`karl report {NAME}` still shows it" in hint
    assert "Start again under another --name" in hint
    assert snapshot(old) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("estimate", "--name", NAME),
        ("label", "--name", NAME, "--gold", "10"),
        ("enrich", "--name", NAME),
        ("sheet", "write", NAME, "sheet.csv"),
    ],
)
def test_no_other_command_works_on_it(arguments: tuple[str, ...], old: Path) -> None:
    before = snapshot(old)
    answer = karl(*arguments)
    assert answer.code == 2
    assert "was made by karl 0.1.0" in answer.err
    assert snapshot(old) == before


@pytest.mark.parametrize("overrides", [(), ("budget.rounds=2",), (*SETTINGS, "seed=0,1")])
def test_a_sweep_of_such_runs_cannot_go_on(overrides: tuple[str, ...], old: Path) -> None:
    sweep = old.parent / "sweep"
    shutil.copytree(MADE, sweep / NAME)
    job = {"run": NAME, "overrides": SETTINGS}
    (sweep / "sweep.json").write_text(json.dumps({"karl": "0.1.0", "jobs": [job]}))
    before = snapshot(sweep)
    answer = karl("sweep", *overrides, "--name", "sweep")
    assert answer.code == 2
    assert "karl: 'sweep' was made by karl 0.1.0, whose figures" in answer.err
    assert "`karl report sweep` still shows it" in answer.err
    assert snapshot(sweep) == before
    assert NAME in done(karl("status", "sweep")).out


def test_it_is_listed(old: Path) -> None:
    listed = done(karl("status")).out
    assert NAME in listed
    assert "1/1" in listed and "ID 0.653" in listed and "OOD 0.447" in listed


def test_its_table_and_page_are_made(old: Path) -> None:
    answer = done(karl("report", NAME))
    rows = [json.loads(line) for line in (old / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        assert f"{row['macro_f1']:.3f}" in answer.out
    told = "accepted 20 LLM labels beside 154 human labels, from 60 calls"
    assert told in " ".join(answer.out.split())
    assert answer.err == ""
    page = (old / "report/index.html").read_text(encoding="utf-8")
    assert "0.653" in page and "0.447" in page
    assert (old / "report/learning_curve.png").stat().st_size > 0
    unlike = {name for name, content in snapshot(MADE).items() if snapshot(old)[name] != content}
    assert not unlike


def test_the_same_experiment_starts_again_under_another_name(old: Path) -> None:
    done(karl("run", *SETTINGS, "--name", "again"))
    assert "ID" in done(karl("report", "again", NAME)).out
