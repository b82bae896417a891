from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError

from karl.datasets import Catalogue
from karl.encoders.concat import Concat
from karl.encoders.tfidf_svd import TfidfSvd
from karl.errors import DataError

NAMES = TfidfSvd(n_dims=3)
CARDS = TfidfSvd(columns=["type", "title"], n_dims=2)
ENCODER = Concat(parts={"names": NAMES, "cards": CARDS})


@pytest.fixture
def shop(shop_of: Callable[..., Catalogue]) -> Catalogue:
    titles = ["red pen", "blue pen", "pen refill", "stapler", "staples"]
    return shop_of(*titles, type=["pen", "pen", "refill", "stapler", "refill"])


def test_every_part_is_a_block_of_its_own(shop: Catalogue) -> None:
    vectors = ENCODER.encode(shop)
    assert list(vectors.blocks) == [3, 2]
    for block, part in zip(vectors.slices, (NAMES, CARDS), strict=True):
        assert np.array_equal(vectors.values[:, block], part.encode(shop).values)


def test_blocks_of_a_nested_part_stay_apart(shop: Catalogue) -> None:
    nested = Concat(parts={"both": ENCODER, "names": NAMES})
    assert list(nested.encode(shop).blocks) == [3, 2, 3]


def test_it_depends_on_the_columns_of_all_parts() -> None:
    assert list(ENCODER.text_columns) == ["title", "type"]


def test_it_needs_a_part() -> None:
    with pytest.raises(ValidationError, match="parts"):
        Concat(parts={})


def test_an_optional_part_is_left_out_without_its_columns(
    shop: Catalogue, shop_of: Callable[..., Catalogue]
) -> None:
    encoder = Concat(parts=ENCODER.parts, optional=["cards"])
    assert np.array_equal(encoder.encode(shop).values, ENCODER.encode(shop).values)
    names_only = shop_of(*shop.table["title"])
    vectors = encoder.encode(names_only)
    assert list(vectors.blocks) == [3]
    assert np.array_equal(vectors.values, NAMES.encode(names_only).values)


def test_what_is_optional_is_one_of_the_parts() -> None:
    with pytest.raises(ValidationError, match="'titles' is no part"):
        Concat(parts=ENCODER.parts, optional=["titles"])


def test_a_catalogue_that_no_part_can_read_is_told(shop_of: Callable[..., Catalogue]) -> None:
    with pytest.raises(DataError, match=r"each part(.|\n)*They read (.|\n)*type"):
        Concat(parts={"cards": CARDS}, optional=["cards"]).encode(shop_of("red pen", "stapler"))
