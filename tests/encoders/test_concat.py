from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError

from karl.datasets import Catalogue
from karl.encoders.concat import Concat
from karl.encoders.tfidf_svd import TfidfSvd

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
