from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from karl.categories import Categories
from karl.datasets import Catalogue


def catalogue_with(**columns: list[str | None]) -> Catalogue:
    size = len(next(iter(columns.values())))
    ids = {"item_id": [str(n) for n in range(size)], "title": ["thing"] * size}
    return Catalogue(pl.DataFrame(ids | columns))


def groups_of(n_groups: int, size: int, seed: int = 0) -> NDArray[np.float32]:
    """Vectors in far-apart groups; item i belongs to group i % n_groups."""
    rng = np.random.default_rng(seed)
    centres = 10 * np.eye(n_groups)
    return np.float32(np.tile(centres, (size, 1)) + rng.normal(size=(n_groups * size, n_groups)))


def test_the_catalogues_categories_are_numbered_by_name() -> None:
    catalogue = catalogue_with(
        fine_category=["pens", "ink", None, "pens"], major_category=["office", None, "office", "a"]
    )
    found = Categories().assign(catalogue, np.zeros((4, 2), np.float32))
    assert found.fine.tolist() == [1, 0, -1, 1]
    assert found.major.tolist() == [1, -1, 1, 0]
    assert not found.induced


def test_missing_categories_are_clusters_of_the_vectors() -> None:
    catalogue = catalogue_with(note=["-"] * 40)
    found = Categories(n_fine=4, n_major=4).assign(catalogue, groups_of(4, 10))
    assert found.induced
    assert len(np.unique(found.fine)) == 4
    for group in range(4):
        assert len(set(found.fine[group::4])) == 1


def test_a_missing_major_level_is_made_of_whole_fine_categories() -> None:
    vectors = groups_of(2, 40)
    catalogue = catalogue_with(fine_category=[f"fine {n % 8}" for n in range(80)])
    found = Categories(n_major=2).assign(catalogue, vectors)
    assert [len(set(found.major[found.fine == fine])) for fine in range(8)] == [1] * 8
    assert len(set(found.major)) == 2
    assert len(set(found.major[::2])) == len(set(found.major[1::2])) == 1


def test_there_is_at_most_one_induced_category_for_every_four_items() -> None:
    found = Categories().assign(catalogue_with(note=["-"] * 40), groups_of(4, 10))
    assert len(np.unique(found.fine)) <= 10


@pytest.mark.parametrize("size", [1, 3])
def test_tiny_catalogues_are_one_category(size: int) -> None:
    found = Categories().assign(catalogue_with(note=["-"] * size), np.eye(size, dtype=np.float32))
    assert found.fine.tolist() == found.major.tolist() == [0] * size


def test_the_seed_decides_the_clusters() -> None:
    vectors = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    catalogue = catalogue_with(note=["-"] * 60)
    one, same, other = (
        Categories(n_fine=8, seed=seed).assign(catalogue, vectors).fine for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_an_item_without_a_fine_category_gets_no_induced_major_one() -> None:
    catalogue = catalogue_with(fine_category=["a", "a", "b", "b", None])
    found = Categories(n_major=1).assign(catalogue, np.eye(5, dtype=np.float32))
    assert found.major.tolist() == [0, 0, 0, 0, -1]


def test_a_column_without_a_single_category_gives_none() -> None:
    catalogue = catalogue_with(fine_category=[None, None])
    catalogue = Catalogue(catalogue.table.with_columns(pl.col("fine_category").cast(pl.String)))
    found = Categories().assign(catalogue, np.eye(2, dtype=np.float32))
    assert found.fine.tolist() == found.major.tolist() == [-1, -1]
