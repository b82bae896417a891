from __future__ import annotations

from pathlib import Path

import pytest
from cli.small_shop import done, karl, results, settings, snapshot, write_shop

NAME = ("--name", "spender")
RUN = Path("runs/spender")
A_ROUND = 12
"""Pairs that the small settings ask for: two in each of six fine categories."""


def asked(folder: Path = RUN) -> list[int]:
    """Return how many pairs each round has sent to the annotator."""
    files = sorted(folder.glob("rounds/*/selected.csv"))
    return [len(file.read_text().splitlines()) - 1 for file in files]


@pytest.mark.parametrize(("labels", "expected"), [(0, []), (1, [1]), (12, [12]), (20, [12, 8])])
def test_no_more_pairs_are_asked_than_the_budget_allows(
    labels: int, expected: list[int], shop: Path
) -> None:
    overrides = settings(shop, f"budget.labels={labels}", "budget.rounds=4")
    answer = karl("run", *overrides, *NAME)
    assert answer.code == 3
    assert asked() == expected
    assert "Macro-F1 by round" in answer.out
    assert answer.err.count("karl: ") == 1
    assert "the label budget is used up before all rounds are done" in answer.err
    assert "budget.labels" in answer.err.splitlines()[-1]


@pytest.mark.parametrize("command", ["run", "round", "select"])
def test_a_run_that_has_spent_its_budget_stays_as_it_is(command: str, mine: Path) -> None:
    before = results(mine)
    answer = karl(command, "budget.labels=12", "budget.rounds=2", "--name", "mine")
    assert answer.code == 3
    assert results(mine) == before


def test_a_raised_budget_goes_on(in_one_go: Path, shop: Path) -> None:
    assert karl("run", *settings(shop, f"budget.labels={A_ROUND}"), *NAME).code == 3
    assert karl("run", f"budget.labels={2 * A_ROUND}", *NAME).code == 3
    assert asked() == [A_ROUND] * 2
    done(karl("run", *settings(shop, f"budget.labels={3 * A_ROUND}"), *NAME))
    assert results(RUN) == results(in_one_go)


def test_a_budget_that_just_suffices_is_no_stop(in_one_go: Path, shop: Path) -> None:
    done(karl("run", *settings(shop, f"budget.labels={3 * A_ROUND}"), *NAME))
    assert results(RUN) == results(in_one_go)


def test_a_budget_below_what_was_asked_stops_at_once(mine: Path) -> None:
    assert karl("run", "budget.labels=5", "budget.rounds=2", "--name", "mine").code == 3
    assert asked(mine) == [A_ROUND]


def test_a_round_that_was_begun_is_finished_with_its_budget(shop: Path) -> None:
    done(karl("seed", *settings(shop, "budget.labels=5"), *NAME))
    done(karl("select", *NAME))
    done(karl("label", *NAME))
    assert karl("run", *NAME).code == 3
    assert (RUN / "rounds/0001/evaluation.json").exists()


def test_the_labels_of_a_round_are_limited(shop: Path) -> None:
    limits = ("budget.labels_per_round=5", "budget.labels=12", "budget.rounds=9")
    assert karl("run", *settings(shop, *limits), *NAME).code == 3
    assert asked() == [5, 5, 2]


def test_a_pool_with_nothing_left_is_an_end_that_is_told(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "small", n_votes=20)
    answer = done(karl("run", *settings(shop, "budget.rounds=50"), *NAME))
    assert sum(asked()) == 20
    assert len(asked()) < 10
    assert all(count > 0 for count in asked()[:-1])
    before = results(RUN)
    assert "no candidate is left to select" in done(karl("round", *NAME)).out
    done(karl("run", *NAME))
    assert results(RUN) == before
    assert "no candidate is left to select" in answer.out + answer.err


def test_no_rounds_are_the_seed_alone(shop: Path) -> None:
    answer = done(karl("run", *settings(shop, "budget.rounds=0"), *NAME))
    assert "from human labels alone (round 0)" in answer.out
    assert asked() == []
    assert {name for name in snapshot(RUN) if "/" in name} == {
        "seed/hyperparameters.json",
        "seed/model/linear.safetensors",
        "seed/evaluation.json",
        "seed/predictions.parquet",
        "report/learning_curve.png",
    }
