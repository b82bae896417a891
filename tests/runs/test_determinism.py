from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.small_shop import done, finish, karl, results, settings, start

from karl.config.compose import group_options

STAGES = ("select", "label", "train", "evaluate")
NAME = ("--name", "again")
DEMO = ("data.items=300", "data.id_pairs=200", "data.ood_pairs=100", "budget.rounds=2")
TINY = (*DEMO, "experiment=paper", "classifier.tuning=null")
STRATEGIES = (
    *((f"consensus={option}",) for option in group_options()["consensus"]),
    ("consensus=dawid_skene", "consensus.gold_pairs=30", "consensus.soft=true"),
    *((f"classifier={option}",) for option in group_options()["classifier"]),
)


def one_go(overrides: list[str]) -> None:
    done(karl("run", *overrides, *NAME))


def stage_by_stage(overrides: list[str]) -> None:
    done(karl("seed", *overrides, *NAME))
    for _ in range(3):
        for stage in STAGES:
            assert "is done" in done(karl(stage, *overrides, *NAME)).out


def round_by_round(overrides: list[str]) -> None:
    while "Nothing to do" not in done(karl("round", *overrides, *NAME)).out:
        pass


def stages_rounds_and_the_rest(overrides: list[str]) -> None:
    """Everything but the first command goes by the name of the run alone."""
    done(karl("seed", *overrides, *NAME))
    done(karl("select", *NAME))
    done(karl("round", *NAME))
    done(karl("select", *NAME))
    done(karl("label", *NAME))
    done(karl("run", *NAME))


@pytest.mark.parametrize(
    "carry_out",
    [
        one_go,
        stage_by_stage,
        pytest.param(round_by_round, marks=pytest.mark.slow),
        stages_rounds_and_the_rest,
    ],
)
def test_however_a_run_is_carried_out_its_results_are_the_same(
    carry_out: Callable[[list[str]], None],
    in_one_go: Path,
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KARL_HOME", "another-home")
    carry_out(settings(shop))
    assert results(Path("runs/again")) == results(in_one_go)


def test_another_seed_gives_other_results(in_one_go: Path, shop: Path) -> None:
    one_go(settings(shop, "seed=1"))
    assert results(Path("runs/again"))["metrics.jsonl"] != results(in_one_go)["metrics.jsonl"]


@pytest.mark.slow
def test_what_a_run_shares_with_others_makes_no_difference(in_one_go: Path, shop: Path) -> None:
    one_go(settings(shop, "sampler=random", "budget.rounds=1"))
    done(karl("run", *settings(shop), "--name", "after"))
    assert results(Path("runs/after")) == results(in_one_go)


@pytest.mark.slow
def test_neither_threads_nor_hashes_make_a_difference(in_one_go: Path, shop: Path) -> None:
    home = str(Path("another-home").absolute())
    process = start(
        "run",
        *settings(shop),
        *NAME,
        OMP_NUM_THREADS=str(os.cpu_count()),
        POLARS_MAX_THREADS="1",
        PYTHONHASHSEED="1",
        KARL_HOME=home,
    )
    done(finish(process))
    assert results(Path("runs/again")) == results(in_one_go)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", group_options()["sampler"])
def test_rounds_of_every_sampler_add_up_to_a_run(sampler: str, shop: Path) -> None:
    # Not every sampler chooses so many pairs per category.
    small = [part for part in settings(shop) if not part.startswith("sampler.")]
    overrides = [*small, f"sampler={sampler}", "budget.labels_per_round=12"]
    done(karl("run", *overrides, "--name", "whole"))
    round_by_round(overrides)
    assert results(Path("runs/again")) == results(Path("runs/whole"))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES, ids=" ".join)
def test_rounds_with_every_other_strategy_add_up_to_a_run(
    strategy: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    done(karl("run", *TINY, *strategy, "--name", "whole"))
    monkeypatch.setenv("KARL_HOME", "another-home")
    round_by_round([*TINY, *strategy])
    assert results(Path("runs/again")) == results(Path("runs/whole"))


@pytest.mark.slow
def test_demo_data_and_a_simulated_annotator_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    done(karl("run", *DEMO, "--name", "whole"))
    monkeypatch.setenv("KARL_HOME", "another-home")
    round_by_round(list(DEMO))
    assert results(Path("runs/again")) == results(Path("runs/whole"))
