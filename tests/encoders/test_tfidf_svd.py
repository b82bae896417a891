from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from karl.datasets import Catalogue
from karl.encoders.tfidf_svd import TfidfSvd
from karl.errors import DataError

Shop = Callable[..., Catalogue]

TITLES = ["red pen", "blue pen", "pen refill, red", "stapler", "staples 24/6", "red stapler"]
JAPANESE = ["赤いボールペン", "青いボールペン", "ボールペン替芯", "ホチキス", "ホチキス針"]


@pytest.mark.parametrize("titles", [TITLES, JAPANESE], ids=["English", "Japanese"])
@pytest.mark.parametrize("analyzer", ["char", "char_wb"])
def test_vectors_have_unit_length(shop_of: Shop, titles: list[str], analyzer: str) -> None:
    vectors = TfidfSvd(analyzer=analyzer, n_dims=3).encode(shop_of(*titles))
    assert vectors.values.shape == (len(titles), 3)
    assert vectors.values.dtype == np.float64
    assert list(vectors.blocks) == [3]
    assert np.linalg.norm(vectors.values, axis=1) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("titles", [TITLES, JAPANESE], ids=["English", "Japanese"])
def test_similar_titles_have_similar_vectors(shop_of: Shop, titles: list[str]) -> None:
    values = TfidfSvd(n_dims=3).encode(shop_of(*titles)).values
    similarity = values @ values.T
    assert similarity[0, 1] > similarity[0, 3]


def test_full_width_and_half_width_texts_get_the_same_vector(shop_of: Shop) -> None:
    values = TfidfSvd().encode(shop_of(*JAPANESE, "ﾎﾁｷｽ　Ａ４", "ホチキス A4")).values
    assert np.array_equal(values[-1], values[-2])


def test_the_same_catalogue_gives_the_same_bytes(shop_of: Shop) -> None:
    one, two = (TfidfSvd(n_dims=3).encode(shop_of(*TITLES)).values for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_the_number_of_threads_does_not_change_a_bit(shop_of: Shop) -> None:
    words = np.random.default_rng(0).choice([*TITLES, *JAPANESE], (1500, 3))
    shop = shop_of(*(f"{' '.join(row)} {number}" for number, row in enumerate(words.tolist())))
    TfidfSvd().encode(shop)  # a limit holds for libraries that are loaded already
    found = set()
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            found.add(TfidfSvd().encode(shop).values.tobytes())
    assert len(found) == 1


def test_an_empty_text_gives_a_zero_vector(shop_of: Shop) -> None:
    values = TfidfSvd().encode(shop_of(*TITLES, "", " \u3000 ")).values
    assert not values[-2:].any()


def test_a_text_that_shares_no_n_gram_gives_a_zero_vector(shop_of: Shop) -> None:
    values = TfidfSvd().encode(shop_of(*TITLES, "鋏")).values
    assert not values[-1].any()


def test_columns_are_joined(shop_of: Shop) -> None:
    joined = shop_of(*(f"{title} steel" for title in TITLES))
    apart = shop_of(*TITLES, material=["steel"] * len(TITLES))
    encoder = TfidfSvd(columns=["title", "material"])
    expected = TfidfSvd().encode(joined).values
    assert np.array_equal(encoder.encode(apart).values, expected)


@given(titles=st.lists(st.text("abcdef ", min_size=2, max_size=8), min_size=1, max_size=5))
def test_few_items_have_few_dimensions(shop_of: Shop, titles: list[str]) -> None:
    if not any(title.strip() for title in titles):
        titles = [*titles, "abc"]
    vectors = TfidfSvd(min_df=1).encode(shop_of(*titles, "fed cab"))
    assert vectors.values.shape[1] == sum(vectors.blocks) <= len(titles) + 1
    norms = np.linalg.norm(vectors.values, axis=1)
    assert np.all(np.isclose(norms, 1, atol=1e-5) | (norms == 0))


@pytest.mark.parametrize("titles", [["pen"], ["a"], ["a", "a"]], ids=str)
def test_the_smallest_catalogues_can_be_encoded(shop_of: Shop, titles: list[str]) -> None:
    values = TfidfSvd().encode(shop_of(*titles)).values
    assert np.abs(values) == pytest.approx(1)


def test_a_missing_column_is_named_with_those_there_are(shop_of: Shop) -> None:
    with pytest.raises(DataError, match=r"no column 'brand'(.|\n)*item_id, title"):
        TfidfSvd(columns=["title", "brand"]).encode(shop_of(*TITLES))


@pytest.mark.parametrize("titles", [["", ""], ["a", "b"]], ids=str)
def test_texts_without_a_shared_n_gram_are_a_data_error(shop_of: Shop, titles: list[str]) -> None:
    with pytest.raises(DataError, match=r"no n-gram of title(.|\n)*min_df"):
        TfidfSvd().encode(shop_of(*titles))


@pytest.mark.parametrize("field", ["ngram_min", "ngram_max", "n_dims", "min_df"])
def test_sizes_are_at_least_one(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        TfidfSvd(**{field: 0})


def test_the_shortest_n_gram_is_not_longer_than_the_longest() -> None:
    with pytest.raises(ValidationError, match="ngram_m"):
        TfidfSvd(ngram_min=3, ngram_max=2)
