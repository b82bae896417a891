from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from karl.categories import ItemCategories
from karl.datasets import Catalogue
from karl.encoders import ItemVectors
from karl.errors import ConfigError
from karl.features import Items, PairFeatures
from karl.features.concat import ConcatFeatures
from karl.features.relations import RelationFeatures
from karl.features.titles import TitleFeatures
from karl.features.words import head, stems

CARDS = {
    "title": ["Jetpen blue 10", "Jetpen refill", "Grid notebook A4", "Mug 300 ml", "Gel pen", "??"],
    "fine_category": ["pens", "pen_refills", "notebooks", "mugs", "pens", None],
    "type": ["ballpoint pen", "ballpoint pen refill", "notebook", "mug", "gel pen", None],
    "function": ["writes", "renews a pen", "is written in", "holds drinks", "writes", None],
    "consumes": ["ballpoint pen refills", None, None, None, "gel pen refill", None],
    "needs": [None, "ballpoint pens", None, None, None, None],
    "goes_with": ["notebook; pencil case", "", "pens;pencils", "saucer", "notebook", None],
    "substitutes": ["gel pen", None, "writing pad", "cup", "ballpoint pen", None],
    "used_in": ["writing", "writing", "writing", "drinking", "writing", None],
}
PEN, REFILL, NOTEBOOK, MUG, GEL, NOTHING = range(6)
WORDS = st.text("ab ;s_", max_size=12) | st.none()


def shop(columns: dict[str, list[str | None]]) -> Items:
    n = len(columns["title"])
    table = pl.DataFrame(
        {"item_id": [str(k) for k in range(n)], **columns},
        schema_overrides=dict.fromkeys(columns, pl.String),
    )
    nowhere = np.full(n, -1, np.int32)
    vectors = ItemVectors(np.zeros((n, 2), np.float32), [2])
    categories = ItemCategories(nowhere, nowhere, induced=False)
    return Items(vectors, categories, catalogue=Catalogue(table))


def table_of(items: Items, pairs: list[tuple[int, int]]) -> pl.DataFrame:
    features = RelationFeatures()
    computed = features.compute(items, np.array(pairs, np.int32).reshape(-1, 2))
    return pl.DataFrame(computed, schema=features.names(items), orient="row")


def test_what_an_item_consumes_matches_it_whatever_the_number() -> None:
    found = table_of(shop(CARDS), [(PEN, REFILL), (PEN, NOTEBOOK), (PEN, MUG)])
    assert found["consumes_covered_max"].to_list() == pytest.approx([1, 0, 0])
    assert found["consumes_head_max"].to_list() == [1, 0, 0]
    assert found["needs_covered_max"].to_list() == pytest.approx([1, 0, 0])
    assert found["goes_with_head_max"].to_list() == [0, 1, 0]
    assert found["any_head_max"].to_list() == [1, 1, 0]
    assert found["any_head_min"].to_list() == [1, 1, 0]  # a refill needs pens, a notebook goes with


def test_substitutes_stand_against_complements() -> None:
    found = table_of(shop(CARDS), [(PEN, GEL), (PEN, NOTEBOOK)])
    assert found["substitutes_words_min"][0] > found["substitutes_words_max"][1]
    assert found["substitutes_less_any"][0] > 0 > found["substitutes_less_any"][1]


def test_the_best_match_has_the_first_rank_and_none_the_last() -> None:
    found = table_of(shop(CARDS), [(PEN, GEL), (PEN, MUG)])
    assert found["substitutes_rank_min"][0] == 0
    assert found["substitutes_rank_max"][1] == pytest.approx(np.log(65))


def test_equal_cards_are_alike_and_empty_ones_are_not() -> None:
    found = table_of(shop(CARDS), [(PEN, PEN), (NOTHING, NOTHING)])
    alike = [name for name in found.columns if name.startswith("same_")]
    present = [name for name in alike if "needs" not in name]
    assert found.select(present).row(0) == pytest.approx([1] * len(present))
    assert set(found.select(alike).row(1)) == {0}


def test_items_of_one_card_are_one_type() -> None:
    twice = shop({name: [*values, values[PEN]] for name, values in CARDS.items()})
    found = table_of(twice, [(PEN, REFILL), (len(CARDS["title"]), REFILL)])
    assert found.row(0) == found.row(1)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), min_size=2, max_size=5))
def test_any_cards_give_finite_features_that_do_not_ask_for_the_order(
    cards: list[tuple[str | None, ...]],
) -> None:
    names = ("type", "fine_category", "goes_with", "substitutes")
    columns = {name: [card[k] for card in cards] for k, name in enumerate(names)}
    items = shop({"title": [f"item {k}" for k in range(len(cards))], **columns})
    pairs = [(0, 1), (1, 0), (0, len(cards) - 1)]
    found = table_of(items, pairs).to_numpy()
    assert np.isfinite(found).all()
    assert np.array_equal(found[0], found[1])
    assert (found <= np.log(65) + 1e-6).all()


def test_pairs_have_the_same_features_alone_as_among_others() -> None:
    items = shop(CARDS)
    pairs = [(one, two) for one in range(6) for two in range(6)]
    together = table_of(items, pairs)
    for k, pair in enumerate(pairs):
        assert table_of(items, [pair]).row(0) == together.row(k)
    assert len(table_of(items, [])) == 0


@pytest.mark.parametrize("catalogue", [None, Catalogue(pl.DataFrame({"item_id": ["1", "2"]}))])
def test_without_cards_it_says_where_to_get_them(catalogue: Catalogue | None) -> None:
    items = replace(shop(CARDS), catalogue=catalogue)
    with pytest.raises(ConfigError, match="item cards"):
        RelationFeatures().compute(items, np.array([[0, 1]], np.int32))


def test_titles_are_compared_with_and_without_their_numbers() -> None:
    features, items = TitleFeatures(), shop(CARDS)
    pairs: NDArray[np.int32] = np.array([[PEN, REFILL], [PEN, MUG], [PEN, PEN]], np.int32)
    found = pl.DataFrame(features.compute(items, pairs), schema=features.names(items))
    assert found["title_characters"].sort(descending=True)[0] == pytest.approx(1)
    assert found["title_same_start"].to_list() == [1, 0, 1]
    assert found["title_characters"][0] > found["title_characters"][1]
    assert found["title_length"][2] == 0
    there, back = (features.compute(items, some) for some in (pairs, pairs[:, ::-1]))
    assert np.array_equal(there, back)


def test_kinds_stand_side_by_side(items: Items) -> None:
    cosines = PairFeatures(vectors=False, category=False, price=False)
    joined = ConcatFeatures({"all": PairFeatures(), "cosines": cosines})
    pairs = np.array([[0, 1], [2, 3]], np.int32)
    expected = [part.compute(items, pairs) for part in (PairFeatures(), cosines)]
    assert np.array_equal(joined.compute(items, pairs), np.concatenate(expected, axis=1))
    assert joined.width(items) == sum(part.shape[1] for part in expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ballpoint_pens", ["ballpoint", "pen"]),
        ("batteries, boxes & glasses", ["battery", "boxe", "glasse"]),
        ("glass", ["glass"]),
        ("", []),
    ],
)
def test_plurals_are_singular(text: str, expected: list[str]) -> None:
    assert stems(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("toner cartridges", "cartridge"), ("pack of staples for paper", "pack"), ("of", "of")],
)
def test_the_head_comes_before_what_qualifies_it(text: str, expected: str) -> None:
    assert head(text) == expected
