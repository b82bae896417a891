"""The search for values: judged on training pairs alone, and found again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.small_shop import done, karl, settings, snapshot
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from karl.config.build import build
from karl.config.compose import compose_config
from karl.datasets import Dataset
from karl.datasets.splits import IdOodSplit, IdSplit, ValidationSplit
from karl.errors import ConfigError
from karl.sweeps.tune import search_space

FOLDER = Path("runs/search")
SEARCH = ("classifier.n_members=range(2,9,2)", "features=symmetric,relative", "--folds", "2")
NAME = ("--name", "search")


def trials() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((FOLDER / "tune.json").read_text())["trials"]
    return found


@pytest.mark.parametrize(
    ("override", "distribution"),
    [
        ("encoder.n_dims=int(interval(4,64))", IntDistribution(4, 64)),
        ("k=tag(log,interval(1e-6,1e-2))", FloatDistribution(1e-6, 1e-2, log=True)),
        ("k=interval(0,1.5)", FloatDistribution(0, 1.5)),
        ("k=range(5,30,5)", IntDistribution(5, 25, step=5)),
        ("k=range(0.5,2)", CategoricalDistribution([0.5, 1.5])),
        ("sampler=margin,qbc", CategoricalDistribution(["margin", "qbc"])),
        ("features.price=true,false", CategoricalDistribution([True, False])),
        ("k=0.1,0.5", CategoricalDistribution([0.1, 0.5])),
    ],
)
def test_values_in_hydras_grammar_are_what_optuna_searches(
    override: str, distribution: object
) -> None:
    fixed, space = search_space([override, "seed=1"])
    assert fixed == ["seed=1"]
    assert space == {override.partition("=")[0]: distribution}


@pytest.mark.parametrize("override", ["seed=1", "k=interval(5,1)", "k=range(5,5)"])
def test_what_cannot_be_searched_is_told(override: str) -> None:
    with pytest.raises(ConfigError):
        search_space([override])


def test_validation_pairs_are_training_pairs(dataset: Dataset) -> None:
    outer = IdSplit(fold=1, n_folds=3)
    whole = outer.divide(dataset, {})
    seen = []
    for fold in range(2):
        split = ValidationSplit(of=outer, fold=fold, n_folds=2).divide(dataset, {})
        assert list(split.evaluation) == ["validation"]
        held_out = split.evaluation["validation"]
        assert not np.isin(held_out.keys, split.train.keys).any()
        assert len(held_out) + len(split.train) == len(whole.train)
        assert not np.isin(split.train.keys, whole.evaluation["id"].keys).any()
        seen.append(held_out.keys)
    assert set(np.concatenate(seen)) == set(whole.train.keys)


def test_the_option_of_the_split_is_what_tune_makes() -> None:
    made = build(compose_config(["split=validation"]))["split"]
    assert made == ValidationSplit(of=IdOodSplit())


@pytest.mark.slow
def test_a_search_sees_no_evaluation_set_and_is_found_again(shop: Path) -> None:
    command = ("tune", *settings(shop, *SEARCH, "budget.rounds=1"), *NAME, "--trials")
    out = done(karl(*command, "2")).out
    first = trials()
    rows = [
        json.loads(line)
        for file in FOLDER.glob("*/metrics.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert {row["eval_set"] for row in rows} == {"validation"}
    scores = [trial["score"] for trial in first]
    best = first[int(np.argmax(scores))]
    values = " ".join(f"{key}={value}" for key, value in best["values"].items())  # type: ignore[attr-defined]
    assert f"{values}\n" in out
    of_best = [
        row["macro_f1"]
        for file in FOLDER.glob("*/metrics.jsonl")
        for row in map(json.loads, file.read_text().splitlines())
        if row["round"] == 1
    ]
    assert max(scores) == pytest.approx(  # type: ignore[type-var]
        max(np.mean([a, b]) for a in of_best for b in of_best if np.mean([a, b]) in scores)
    )
    before = snapshot(FOLDER)
    done(karl(*command, "3"))
    assert trials()[:2] == first
    after = snapshot(FOLDER)
    kept = [name for name in before if "/rounds/" in name or "/seed/" in name]
    assert kept and all(after[name] == before[name] for name in kept)


def test_values_that_do_not_suit_are_a_failed_trial(shop: Path) -> None:
    search = settings(shop, "sampler=qbc", "classifier.n_members=1,1", "budget.rounds=1")
    answer = karl("tune", *search, "--folds", "2", "--trials", "2", *NAME)
    assert answer.code == 1
    assert "a committee of one never disagrees" in answer.err
    assert [trial["score"] for trial in trials()] == [None, None]


def test_a_search_is_gone_on_with_by_tune_alone(shop: Path) -> None:
    search = settings(shop, *SEARCH[:1], "budget.rounds=0")
    done(karl("tune", *search, "--folds", "2", "--trials", "1", *NAME))
    answer = karl("sweep", *NAME)
    assert (answer.code, answer.err.splitlines()[0]) == (
        2,
        "karl: 'search' is a search for values",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        ("--metric", "beauty"),
        ("--trials", "0"),
        ("--folds", "1"),
        ("seed=1",),
        ("sampler=margin,qbcc",),
    ],
)
def test_a_search_is_refused_before_it_begins(shop: Path, wrong: tuple[str, ...]) -> None:
    searched = () if wrong == ("seed=1",) else SEARCH[:1]
    assert karl("tune", *settings(shop, *searched), *NAME, *wrong).code == 2
    assert not FOLDER.exists()
