"""A consensus of one's own through `karl run`: one module, one YAML, nothing edited in karl."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from cli.small_shop import done, karl, results, settings

OPTION = "# Believe annotators that agree with themselves.\n_target_: steady.Steady\n"
OWN = ("--config-dir", "own")


@pytest.fixture
def mine(workplace: Path, shop: Path) -> list[str]:
    (workplace / "own/consensus").mkdir(parents=True)
    (workplace / "own/consensus/steady.yaml").write_text(OPTION)
    return settings(shop, "consensus=steady", "budget.rounds=2")


def table(number: int, name: str) -> pl.DataFrame:
    return pl.read_csv(f"runs/mine/rounds/{number:04d}/{name}.csv")


def unanimous(rounds: int) -> pl.Series:
    """Whether the votes on each pair of the first rounds agree."""
    votes = pl.concat([table(number, "votes") for number in range(1, rounds + 1)])
    cast = pl.concat_list(pl.col("^vote_[0-9]+$"))
    return votes.select(cast.list.n_unique() == 1).to_series()


def test_each_round_decides_anew_on_the_labels_of_all(mine: list[str]) -> None:
    done(karl("run", *mine, "--name", "mine", *OWN))
    weights = []
    for number in (1, 2):
        labels, agreed = table(number, "labels"), unanimous(number)
        assert labels.height == agreed.sum() > 0
        assert labels["weight"].to_list() == pytest.approx([agreed.mean()] * labels.height)
        weights.append(labels["weight"][0])
    assert weights[0] != weights[1]


def test_stage_by_stage_it_is_as_in_one_go(mine: list[str]) -> None:
    done(karl("run", *mine, "--name", "mine", *OWN))
    done(karl("seed", *mine, "--name", "steps", *OWN))
    for _ in range(2):
        for stage in ("select", "label", "train", "evaluate"):
            done(karl(stage, "--name", "steps", *OWN))
    assert results(Path("runs/steps")) == results(Path("runs/mine"))


def test_a_rule_that_accepts_nothing_is_no_failure(mine: list[str]) -> None:
    done(karl("run", *mine, "consensus.at_least=1", "--name", "mine", *OWN))
    assert table(2, "labels").height == 0
