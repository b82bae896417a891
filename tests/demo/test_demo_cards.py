from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karl.cards.card import CARD_COLUMNS, LISTS
from karl.demo.cards import demo_cards
from karl.demo.generator import generate_catalogue
from karl.demo.ontology import Ontology
from karl.demo.source import Demo

ONTOLOGY = Ontology.load()
MAJOR_OF = {kind.name: kind.category.major for kind in ONTOLOGY.types}
# Of Demo() without cards: what the cards say must change nothing else.
FINGERPRINTS = {
    0: "cbcd59d2db7e3d57df23ee1a6bc33c084e4247e3ba9d15d26ae39d1899d2ea3b",
    7: "9a83e45361741309bd0785d5aead11f5c9345c858856d23024c837a703723a73",
}


@pytest.fixture(scope="module")
def catalogue() -> pl.DataFrame:
    return generate_catalogue(2_000, seed=3)


def of_types(catalogue: pl.DataFrame, errors: float, seed: int = 0) -> pl.DataFrame:
    """Return the card of every type, with its true name as `kind`, in order."""
    cards = demo_cards(catalogue, errors, seed).with_columns(kind=catalogue["type"])
    return cards.drop("item_id").unique().sort("kind")


def entries(cards: pl.DataFrame, column: str) -> Iterator[set[str]]:
    return ({*filter(None, (text or "").split("; "))} for text in cards[column])


@pytest.mark.parametrize("seed", FINGERPRINTS)
@pytest.mark.parametrize("errors", [0.0, 0.4])
def test_cards_leave_everything_else_as_it_is(seed: int, errors: float) -> None:
    assert Demo(seed=seed, card_errors=errors).load().fingerprint == FINGERPRINTS[seed]


def test_every_item_has_a_card_and_items_of_one_type_the_same(catalogue: pl.DataFrame) -> None:
    cards = demo_cards(catalogue, 0.4, 0)
    assert cards.columns == ["item_id", *CARD_COLUMNS]
    assert set(cards.dtypes) == {pl.String}
    assert cards["item_id"].equals(catalogue["item_id"])
    for column in ("major_category", "fine_category"):
        assert cards[column].equals(catalogue[column])
    assert len(of_types(catalogue, 0.4)) == catalogue["type"].n_unique()


def test_cards_without_errors_say_what_the_ontology_says(catalogue: pl.DataFrame) -> None:
    cards = of_types(catalogue, 0)
    assert cards["type"].equals(cards["kind"], check_names=False)
    told = {row["kind"]: row for row in cards.iter_rows(named=True)}
    assert "ballpoint refill" in told["ballpoint pen"]["consumes"].split("; ")
    assert "ballpoint pen" in told["ballpoint refill"]["needs"].split("; ")
    assert told["gel pen"]["function"] == "everyday pen"
    assert "rollerball pen" in told["gel pen"]["substitutes"].split("; ")
    assert told["gel pen"]["used_in"] == "writing"
    assert all(
        kind not in named
        for column in LISTS[:-1]
        for kind, named in zip(cards["kind"], entries(cards, column), strict=True)
    )


@pytest.mark.parametrize("column", ["function", *LISTS])
@pytest.mark.parametrize("errors", [0.2, 0.4])
def test_so_much_is_wrong_as_is_said(catalogue: pl.DataFrame, column: str, errors: float) -> None:
    kept = missing = wrong = total = 0
    for seed in range(3):
        right, told = (of_types(catalogue, each, seed) for each in (0, errors))
        for true, said in zip(entries(right, column), entries(told, column), strict=True):
            total += len(true)
            kept += len(true & said)
            missing += len(true) - len(said)
            wrong += len(said - true)
    assert kept / total == pytest.approx(1 - errors, abs=0.06)
    assert missing / total == pytest.approx(errors / 2, abs=0.06)
    assert wrong / total == pytest.approx(errors / 2, abs=0.06)


def test_types_are_called_by_their_last_words(catalogue: pl.DataFrame) -> None:
    cards = of_types(catalogue, 0.4)
    called = cards.filter(pl.col("type") != pl.col("kind"))
    assert called["type"].equals(called["kind"].str.split(" ").list.last(), check_names=False)
    assert len(called) / len(cards) == pytest.approx(0.4, abs=0.06)


def test_wrong_goods_are_of_the_major_category_of_right_ones(catalogue: pl.DataFrame) -> None:
    right, told = (of_types(catalogue, each) for each in (0, 0.4))
    for column in LISTS[:-1]:
        for true, said in zip(entries(right, column), entries(told, column), strict=True):
            assert {MAJOR_OF[name] for name in said} <= {MAJOR_OF[name] for name in true}


def test_what_one_card_misses_the_other_misses_too(catalogue: pl.DataFrame) -> None:
    right, told = (
        {
            (kind, other)
            for column in LISTS[:-1]
            for kind, named in zip(cards["kind"], entries(cards, column), strict=True)
            for other in named
        }
        for cards in (of_types(catalogue, each) for each in (0, 0.4))
    )
    both = {pair for pair in right if pair[::-1] in right}
    kept = both & told
    # A wrong entry may happen to name one that is missing elsewhere.
    assert sum(pair[::-1] not in kept for pair in kept) < 0.01 * len(kept)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**70), st.floats(0, 1))
def test_the_seed_alone_decides(seed: int, errors: float) -> None:
    small, large = generate_catalogue(30, 1), generate_catalogue(900, 2)
    cards = of_types(small, errors, seed)
    assert cards.equals(of_types(small, errors, seed))
    others = of_types(large, errors, seed).filter(pl.col("kind").is_in(cards["kind"].implode()))
    assert cards.equals(others)


def test_other_seeds_err_elsewhere(catalogue: pl.DataFrame) -> None:
    assert not of_types(catalogue, 0.4, 1).equals(of_types(catalogue, 0.4, 2))
