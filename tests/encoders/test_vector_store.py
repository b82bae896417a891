from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from counting_encoder import CountingEncoder, get_at_the_same_time

from karl.datasets import Catalogue
from karl.encoders import ItemVectors, VectorStore
from karl.errors import KarlError


@pytest.fixture
def store(tmp_path: Path) -> VectorStore:
    return VectorStore(tmp_path / "store")


@pytest.fixture
def encoder(tmp_path: Path) -> CountingEncoder:
    return CountingEncoder(str(tmp_path / "log.txt"))


def test_the_second_call_does_not_encode_again(
    store: VectorStore, encoder: CountingEncoder, catalogue: Catalogue
) -> None:
    one, two = (store.get(catalogue, encoder) for _ in range(2))
    assert encoder.calls == 1
    assert one.values.tobytes() == two.values.tobytes()
    assert list(one.blocks) == list(two.blocks) == [1]


def test_vectors_are_mapped_from_disk_the_first_time_too(
    store: VectorStore, encoder: CountingEncoder, catalogue: Catalogue
) -> None:
    for _ in range(2):
        assert isinstance(store.get(catalogue, encoder).values, np.memmap)


def test_another_configuration_is_encoded_by_itself(
    store: VectorStore, encoder: CountingEncoder, catalogue: Catalogue
) -> None:
    one, two = (store.get(catalogue, replace(encoder, scale=s)).values for s in (1.0, 2.0))
    assert np.array_equal(2 * one, two)


@pytest.mark.parametrize(
    "change",
    [
        pl.lit("thing").alias("title"),
        pl.col("item_id").reverse(),
        pl.col("title").reverse(),
    ],
    ids=["other texts", "other ids", "other order"],
)
def test_other_items_have_another_key(
    store: VectorStore, encoder: CountingEncoder, catalogue: Catalogue, change: pl.Expr
) -> None:
    changed = Catalogue(catalogue.table.with_columns(change))
    assert store.key(changed, encoder) != store.key(catalogue, encoder)


def test_columns_that_are_not_encoded_do_not_matter(
    store: VectorStore, encoder: CountingEncoder, catalogue: Catalogue
) -> None:
    cheaper = Catalogue(catalogue.table.with_columns(pl.col("price") / 2))
    assert store.key(cheaper, encoder) == store.key(catalogue, encoder)


def test_texts_that_only_join_to_the_same_have_other_keys(
    store: VectorStore, encoder: CountingEncoder, shop_of: Callable[..., Catalogue]
) -> None:
    assert store.key(shop_of("ab", "c"), encoder) != store.key(shop_of("a", "bc"), encoder)


def test_two_processes_at_once_encode_once(tmp_path: Path, catalogue: Catalogue) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(2)
    log, results = str(tmp_path / "log.txt"), [tmp_path / "one.npy", tmp_path / "two.npy"]
    processes = [
        spawn.Process(
            target=get_at_the_same_time,
            args=(barrier, tmp_path / "store", catalogue, log, result),
        )
        for result in results
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert CountingEncoder(log).calls == 1
    assert results[0].read_bytes() == results[1].read_bytes()


def test_an_encoder_that_fails_leaves_nothing_behind(
    store: VectorStore, encoder: CountingEncoder, catalogue: Catalogue
) -> None:
    with pytest.raises(RuntimeError, match="no memory left"):
        store.get(catalogue, replace(encoder, fails=True))
    assert {file.suffix for file in store.folder.iterdir()} <= {".lock"}
    assert len(store.get(catalogue, encoder).values) == len(catalogue)


@dataclass(frozen=True)
class Fixed:
    """An encoder that returns what it is given."""

    values: tuple[tuple[float, ...], ...]
    text_columns: tuple[str, ...] = ("title",)

    def encode(self, catalogue: Catalogue) -> ItemVectors:
        return ItemVectors(np.float32(self.values), [1])


@pytest.mark.parametrize(
    "values", [((1.0,),), ((1.0,), (float("nan"),)), ((1.0,), (float("inf"),))], ids=str
)
def test_unusable_vectors_are_not_stored(
    store: VectorStore, shop_of: Callable[..., Catalogue], values: tuple[tuple[float, ...], ...]
) -> None:
    with pytest.raises(KarlError, match=r"for 2 items"):
        store.get(shop_of("a", "b"), Fixed(values))
    assert not list(store.folder.glob("*.npy"))
