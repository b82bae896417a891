"""A consensus that wants votes on human-labelled pairs gets them, once, and they are counted."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from cli.small_shop import done, karl, results

N_GOLD, N_ASKED, N_VOTES = 10, 20, 3
OVERRIDES = (
    *("data=demo", "data.items=300", "data.id_pairs=300", "data.ood_pairs=200"),
    *(
        "experiment=paper",
        "classifier.tuning=null",
        "budget.rounds=2",
        f"budget.labels_per_round={N_ASKED}",
    ),
    *("consensus=dawid_skene", f"consensus.gold_pairs={N_GOLD}", "consensus.soft=true"),
)


def test_votes_on_gold_pairs_are_asked_in_the_first_round_and_counted(workplace: Path) -> None:
    done(karl("run", *OVERRIDES, "--name", "whole"))
    rounds = Path("runs/whole/rounds")
    gold = pl.read_csv(rounds / "0001/votes_gold.csv")
    asked = pl.read_csv(rounds / "0001/selected.csv")
    assert (gold.height, asked.height) == (N_GOLD, N_ASKED)
    assert gold.join(asked, on=["item_id_1", "item_id_2"], how="semi").is_empty()
    assert not (rounds / "0002/votes_gold.csv").exists()
    calls = [json.loads((rounds / n / "usage.json").read_text())["calls"] for n in ("0001", "0002")]
    assert calls == [N_VOTES * (N_ASKED + N_GOLD), N_VOTES * N_ASKED]


def test_stages_one_by_one_give_the_same(workplace: Path) -> None:
    done(karl("run", *OVERRIDES, "--name", "whole"))
    done(karl("seed", *OVERRIDES, "--name", "parts"))
    for _ in range(2):
        for stage in ("select", "label", "train", "evaluate"):
            done(karl(stage, "--name", "parts"))
    assert results(Path("runs/parts")) == results(Path("runs/whole"))


def test_soft_labels_say_how_likely_each_relation_is(workplace: Path) -> None:
    done(karl("run", *OVERRIDES, "--name", "whole"))
    labels = pl.read_csv("runs/whole/rounds/0002/labels.csv")
    assert set(labels["round"]) == {1, 2}
    rows = labels.select("complementary", "substitute", "unrelated").sum_horizontal()
    assert ((rows - 1).abs() < 1e-6).all()
    assert labels["weight"].is_between(0.9, 1).all()
