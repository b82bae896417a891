from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from datasets.table_files import write_shop, write_table

import karl
from karl.cards.card import CARD_COLUMNS
from karl.cards.none import NoCards
from karl.cards.recorded import RecordedCards
from karl.datasets.dataset import Dataset
from karl.datasets.tables import Tables
from karl.demo.source import Demo
from karl.errors import DataError
from karl.llm.budget import Account

CARDS = [
    {"item_id": "A4", "fine_category": "gel pens", "type": "gel pen"},
    {"item_id": "A1", "fine_category": "ball pens", "type": "ballpoint pen"},
    {"item_id": "X", "fine_category": "none", "type": "not in the shop"},
]

NOBODY = Account("test", Path("no-such-folder/votes.sqlite"))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    write_table(write_shop(tmp_path) / "cards.tsv", CARDS)
    return Tables(folder=str(tmp_path)).load()


def test_no_cards_leave_the_catalogue_alone(dataset: Dataset) -> None:
    assert NoCards().apply(dataset, NOBODY) is dataset.catalogue


def test_cards_are_joined_by_id(dataset: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        catalogue = RecordedCards(columns=("type", "fine_category")).apply(dataset, NOBODY)
    assert catalogue.ids.to_list() == dataset.catalogue.ids.to_list()
    assert catalogue.table["type"].to_list() == ["ballpoint pen", None, None, "gel pen"]
    assert catalogue.table["fine_category"].to_list() == ["ball pens", None, None, "gel pens"]
    assert catalogue.has("price")
    assert "2 of 4 items have no card" in caplog.text


def test_another_table_of_cards_can_be_given(dataset: Dataset, tmp_path: Path) -> None:
    ids = dataset.catalogue.ids.to_list()
    path = write_table(tmp_path / "mine.jsonl", [{"item_id": x, "use": x} for x in ids])
    catalogue = RecordedCards(str(path), ("use",)).apply(dataset, NOBODY)
    assert catalogue.table["use"].to_list() == ids


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"item_id": "A1"}], "column 'type': the column is missing"),
        ([{"item_id": "A1", "type": "x"}] * 2, "'A1' was already given in row 2"),
        ([{"item_id": "Q", "type": "x"}], "no card is of an item of the catalogue"),
    ],
)
def test_bad_cards_are_explained(
    dataset: Dataset, tmp_path: Path, rows: list[dict[str, str]], says: str
) -> None:
    path = write_table(tmp_path / "bad.csv", rows)
    with pytest.raises(DataError, match=says):
        RecordedCards(str(path), ("type",)).apply(dataset, NOBODY)


def test_missing_cards_are_explained(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        RecordedCards(str(tmp_path / "nothing.csv")).apply(dataset, NOBODY)
    (tmp_path / "cards.tsv").unlink()
    without = Tables(folder=str(tmp_path)).load()
    with pytest.raises(DataError, match="came without item cards"):
        RecordedCards().apply(without, NOBODY)


def small_demo() -> Dataset:
    return Demo(items=900, id_pairs=200, ood_pairs=100).load()


def test_a_data_set_in_memory_brings_its_cards() -> None:
    demo = small_demo()
    catalogue = RecordedCards().apply(demo, NOBODY)
    assert all(catalogue.has(column) for column in CARD_COLUMNS)
    assert catalogue.ids.equals(demo.catalogue.ids)
    only = RecordedCards(columns=("needs",)).apply(demo, NOBODY)
    assert only.has("needs")
    assert not only.has("goes_with")


def test_an_item_without_a_card_stays(caplog: pytest.LogCaptureFixture) -> None:
    demo = small_demo()
    assert isinstance(demo.cards, pl.DataFrame)
    fewer = replace(demo, cards=demo.cards[5:])
    with caplog.at_level(logging.WARNING):
        catalogue = RecordedCards().apply(fewer, NOBODY)
    assert "5 of 900 items have no card" in caplog.text
    assert catalogue.ids.equals(demo.catalogue.ids)
    assert catalogue.table["type"].null_count() == 5


def test_bad_cards_in_memory_are_explained() -> None:
    demo = small_demo()
    assert isinstance(demo.cards, pl.DataFrame)
    with pytest.raises(DataError, match=r"column 'use': the cards have no such column"):
        RecordedCards(columns=("use",)).apply(demo, NOBODY)
    with pytest.raises(DataError, match="two cards are of one item"):
        RecordedCards().apply(replace(demo, cards=pl.concat([demo.cards] * 2)), NOBODY)
    with pytest.raises(DataError, match="no column of the table is one of a card's"):
        RecordedCards().apply(replace(demo, cards=demo.cards.select("item_id")), NOBODY)


@pytest.mark.parametrize("n_without", [0, 20])
def test_a_run_of_the_demo_reads_its_cards(n_without: int) -> None:
    demo = small_demo()
    assert isinstance(demo.cards, pl.DataFrame)
    options = ("cards=recorded", "features=relations", "encoder=tfidf_svd", "encoder.n_dims=10")
    quick = ("classifier=logistic", "classifier.tuning=null", "budget.rounds=1")
    few = ("candidates.queries_per_category=2", "candidates.per_query=10")
    fewer = replace(demo, cards=demo.cards[n_without:])
    exp = karl.experiment(*options, *quick, *few, data=fewer).run()
    assert len(exp.metrics) == 4
