from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karl.demo.generator import generate_catalogue
from karl.demo.ontology import Ontology

ONTOLOGY = Ontology.load()
KINDS = {kind.name: kind for kind in ONTOLOGY.types}
SCHEMA = {
    "item_id": pl.String,
    "title": pl.String,
    "major_category": pl.String,
    "fine_category": pl.String,
    "type": pl.String,
    "price": pl.Float64,
    "brand": pl.String,
    "pack": pl.Int64,
    "fit": pl.String,
}


@pytest.fixture(scope="module")
def catalogue() -> pl.DataFrame:
    return generate_catalogue(20_000, seed=3)


@settings(max_examples=20, deadline=None)
@given(n_items=st.integers(1, 900), seed=st.integers(0, 2**32 - 1))
def test_any_size(n_items: int, seed: int) -> None:
    catalogue = generate_catalogue(n_items, seed)
    assert catalogue.height == n_items
    assert catalogue.schema == SCHEMA
    assert catalogue.null_count().sum_horizontal().item() == 0
    assert catalogue["type"].n_unique() == min(n_items, len(ONTOLOGY.types))


def test_refuses_an_empty_catalogue() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        generate_catalogue(0, seed=1)


def test_is_deterministic(catalogue: pl.DataFrame) -> None:
    assert generate_catalogue(20_000, seed=3).equals(catalogue)
    assert not generate_catalogue(20_000, seed=4)["title"].equals(catalogue["title"])


def test_identifiers_are_unique(catalogue: pl.DataFrame) -> None:
    assert catalogue["item_id"].n_unique() == catalogue.height
    assert catalogue["item_id"].str.contains(r"^D\d{7}$").all()
    assert generate_catalogue(3, seed=3)["item_id"].to_list() == [f"D000000{i}" for i in range(3)]


def test_titles_are_mostly_unique(catalogue: pl.DataFrame) -> None:
    assert catalogue["title"].n_unique() > 0.99 * catalogue.height


def test_titles_are_plain(catalogue: pl.DataFrame) -> None:
    titles = catalogue["title"]
    assert not titles.str.contains(r"[{}\t\n]|null|  |, ,|^[ ,]|[ ,]$").any()
    assert titles.str.len_chars().max() < 130  # type: ignore[operator]


def test_titles_do_not_give_labels_away(catalogue: pl.DataFrame) -> None:
    words = "substitut|complement|unrelated|replenish|relationship|verbali|combined|useful"
    assert not catalogue["title"].str.contains(f"(?i){words}").any()


def test_titles_name_brand_fit_and_noun(catalogue: pl.DataFrame) -> None:
    named = pl.all_horizontal(
        pl.col("title").str.contains(pl.col("brand"), literal=True),
        pl.col("title").str.contains(pl.col("fit"), literal=True),
    )
    assert catalogue.select(named.all()).item()
    for title, name, fit in catalogue.head(500).select("title", "type", "fit").iter_rows():
        nouns = (re.escape(noun.format(fit=fit)) for noun in KINDS[name].nouns)
        assert re.search("|".join(nouns), title, re.IGNORECASE), (title, name)


def test_titles_of_a_type_vary_in_order(catalogue: pl.DataFrame) -> None:
    of_pens = catalogue.filter(pl.col("type") == "ballpoint pen")
    starts = of_pens["title"].str.split(" ").list.first()
    brands_first = starts.is_in(of_pens["brand"].str.split(" ").list.first().unique().to_list())
    assert 0.2 < float(brands_first.mean()) < 0.95  # type: ignore[arg-type]


def test_items_agree_with_the_ontology(catalogue: pl.DataFrame) -> None:
    makes = {brand.name: brand.majors for brand in ONTOLOGY.brands}
    for row in catalogue.head(2_000).iter_rows(named=True):
        kind = KINDS[row["type"]]
        assert row["fine_category"] == kind.category.name
        assert row["major_category"] == kind.category.major
        assert row["major_category"] in makes[row["brand"]]
        assert row["pack"] in kind.packs
        assert row["fit"] in (kind.fit_values or ("",))


def test_prices_grow_with_the_pack(catalogue: pl.DataFrame) -> None:
    assert catalogue["price"].min() >= 0.05  # type: ignore[operator]
    assert catalogue["price"].is_finite().all()
    packs = catalogue.filter(pl.col("type") == "business envelopes").group_by("pack")
    means = packs.agg(pl.col("price").mean()).sort("pack")["price"]
    assert means.is_sorted()
    one = catalogue.filter(pl.col("pack") == 1).head(2_000)
    low = np.array([KINDS[name].price_low for name in one["type"]])
    high = np.array([KINDS[name].price_high for name in one["type"]])
    prices = one["price"].to_numpy()
    assert np.all((prices > 0.6 * low - 0.05) & (prices < 1.6 * high))


def test_types_are_mildly_skewed(catalogue: pl.DataFrame) -> None:
    counts = catalogue["type"].value_counts()["count"].sort().to_numpy()
    assert 3 < np.quantile(counts, 0.99) / np.quantile(counts, 0.05) < 15
