"""A split rule of one's own through `karl run`: one module, one YAML, nothing edited in karl."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cli.small_shop import done, karl, settings
from long_titles import LongTitles

from karl.runs.directory import Run

OPTION = "# Evaluate on long titles.\n_target_: long_titles.LongTitles\n"
NAME = ("--name", "long")
OWN = ("--config-dir", "own")


@pytest.fixture
def mine(workplace: Path, shop: Path) -> list[str]:
    (workplace / "own/split").mkdir(parents=True)
    (workplace / "own/split/long_titles.yaml").write_text(OPTION)
    small = [part for part in settings(shop) if not part.startswith("split.")]
    return [*small, "split=long_titles", "split.share=0.25", "budget.rounds=1"]


def test_a_run_evaluates_on_what_the_rule_holds_out(mine: list[str]) -> None:
    done(karl("run", *mine, *NAME, *OWN))
    lines = Path("runs/long/metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(row["round"], row["eval_set"], row["fold"]) for row in rows] == [
        (0, "long_titles", None),
        (1, "long_titles", None),
    ]
    experiment = Run.load(Path("runs/long"), config_dir=Path("own")).experiment
    assert experiment.split == LongTitles(share=0.25)
    train, held_out = experiment.sets.train, experiment.sets.evaluation["long_titles"]
    titles = experiment.dataset.catalogue.table["title"].str.len_chars().to_numpy()
    longest = titles[train.items].sum(axis=1).max()
    assert titles[held_out.items].sum(axis=1).min() > longest
    assert not np.isin(train.keys, held_out.keys).any()
    predicted = pl.read_parquet("runs/long/rounds/0001/predictions.parquet")
    assert predicted.height == len(held_out)


def test_its_set_is_reported(mine: list[str]) -> None:
    done(karl("run", *mine, *NAME, *OWN))
    assert "long_titles" in done(karl("report", "long", *OWN)).out.lower()
    assert "long_titles" in Path("runs/long/report/index.html").read_text().lower()


def test_a_rule_that_leaves_no_pair_of_a_relation_says_so(mine: list[str]) -> None:
    answer = karl("run", *mine, "split.share=0.001", *NAME, *OWN)
    assert answer.code == 2
    assert "evaluation set 'long_titles'" in answer.err
