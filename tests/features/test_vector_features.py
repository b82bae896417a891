from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from karl.categories import ItemCategories
from karl.encoders import ItemVectors
from karl.features import Items, PairFeatures

PAIRS = np.array([[0, 6], [1, 4], [2, 9], [5, 3], [7, 7]], np.int32)
ITEM_PAIRS = st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), max_size=20).map(
    lambda pairs: np.array(pairs, np.int32).reshape(-1, 2)
)
VECTORS_ONLY = {"cosine": False, "category": False, "price": False}


def vectors_of(items: Items) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return items.vectors.values[PAIRS[:, 0]], items.vectors.values[PAIRS[:, 1]]


def test_symmetric_features_come_in_the_documented_order(items: Items) -> None:
    u, v = vectors_of(items)
    computed = PairFeatures(**VECTORS_ONLY).compute(items, PAIRS)
    assert np.array_equal(computed, np.hstack([abs(u - v), u * v, u + v]))


def test_ordered_features_come_in_the_documented_order(items: Items) -> None:
    u, v = vectors_of(items)
    computed = PairFeatures(symmetric=False, **VECTORS_ONLY).compute(items, PAIRS)
    assert np.array_equal(computed, np.hstack([u - v, u * v, u, v]))


@pytest.mark.parametrize("symmetric", [True, False])
def test_without_position_only_the_difference_and_the_product_stay(
    items: Items, symmetric: bool
) -> None:
    everywhere, nowhere = (
        PairFeatures(symmetric=symmetric, position=position, **VECTORS_ONLY)
        for position in (True, False)
    )
    kept = everywhere.compute(items, PAIRS)[:, : 2 * items.vectors.values.shape[1]]
    assert np.array_equal(nowhere.compute(items, PAIRS), kept)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("position", [True, False])
def test_scalars_follow_the_vectors_cosines_first_and_price_last(
    items: Items, symmetric: bool, position: bool
) -> None:
    features = PairFeatures(symmetric=symmetric, position=position)

    def tail(n: int, **switches: bool) -> NDArray[np.float32]:
        return replace(features, **(VECTORS_ONLY | switches)).compute(items, PAIRS)[:, -n:]

    computed = features.compute(items, PAIRS)
    parts = [tail(2, cosine=True), tail(2, category=True), tail(1, price=True)]
    assert np.array_equal(computed[:, -5:], np.hstack(parts))


@given(ITEM_PAIRS)
def test_symmetric_features_are_the_same_for_both_orders(
    items: Items, pairs: NDArray[np.int32]
) -> None:
    features = PairFeatures()
    assert np.array_equal(features.compute(items, pairs), features.compute(items, pairs[:, ::-1]))


@given(ITEM_PAIRS, st.builds(PairFeatures), st.booleans())
def test_width_is_the_number_of_columns(
    items: Items, pairs: NDArray[np.int32], features: PairFeatures, priced: bool
) -> None:
    shop = items if priced else replace(items, log_price=None)
    computed = features.compute(shop, pairs)
    assert computed.shape == (len(pairs), features.width(shop))
    assert computed.dtype == np.float32


def test_ordered_features_tell_the_items_apart(items: Items) -> None:
    features = PairFeatures(symmetric=False)
    there, back = features.compute(items, PAIRS[:1]), features.compute(items, PAIRS[:1, ::-1])
    assert not np.array_equal(there, back)


def test_there_is_one_cosine_per_block(items: Items) -> None:
    u, v = vectors_of(items)
    expected = [
        (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
        for a, b in [(u[:, :5], v[:, :5]), (u[:, 5:], v[:, 5:])]
    ]
    features = PairFeatures(category=False, price=False)
    assert np.allclose(features.compute(items, PAIRS)[:, -2:], np.transpose(expected), atol=1e-6)


def test_the_cosine_with_an_item_without_text_is_zero() -> None:
    vectors = ItemVectors(np.array([[0, 0], [0.6, 0.8]], np.float32), [2])
    nowhere = np.full(2, -1, np.int32)
    items = Items(vectors, ItemCategories(nowhere, nowhere, induced=False))
    features = PairFeatures(category=False).compute(items, np.array([[0, 1]], np.int32))
    assert features[0, -1] == 0


def test_items_without_a_category_share_none() -> None:
    fine = np.array([0, 0, 1, -1, -1], np.int32)
    major = np.array([0, 0, 0, -1, 0], np.int32)
    vectors = ItemVectors(np.eye(5, dtype=np.float32), [5])
    items = Items(vectors, ItemCategories(fine, major, induced=False))
    pairs = np.array([[0, 1], [0, 2], [3, 3], [3, 4], [0, 4]], np.int32)
    same = PairFeatures().compute(items, pairs)[:, -2:]
    assert same.tolist() == [[1, 1], [0, 1], [0, 0], [0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("symmetric", "expected"), [(True, [1.5, 1.5, 0, 0]), (False, [1.5, -1.5, 0, 0])]
)
def test_the_price_feature_is_the_log_ratio_and_zero_where_a_price_is_missing(
    items: Items, symmetric: bool, expected: list[float]
) -> None:
    log_price = np.full(len(items), np.nan, np.float32)
    log_price[:2] = [2.0, 0.5]
    pairs = np.array([[0, 1], [1, 0], [0, 2], [3, 2]], np.int32)
    features = PairFeatures(symmetric=symmetric)
    computed = features.compute(replace(items, log_price=log_price), pairs)
    assert computed[:, -1].tolist() == expected
