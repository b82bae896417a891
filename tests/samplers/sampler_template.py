"""The tests that every sampler inherits; those of rankings of single pairs stand below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from karl.categories import ItemCategories
from karl.datasets import LabelledPairs, pair_keys
from karl.encoders import ItemVectors
from karl.errors import ConfigError
from karl.features import Items, PairFeatures
from karl.labels import to_relations
from karl.samplers import PastRound, Pool, RankingSampler
from karl.seeds import hash_uniform

Predict = Callable[[NDArray[np.int32]], NDArray[np.float64]]

SEEDS = range(10)
N_CATEGORIES = 4
SIZE = 60
N_ITEMS = 20


def opinions(pairs: NDArray[np.int32], n_members: int = 5) -> NDArray[np.float64]:
    """Members' probabilities that depend on nothing but the unordered pair."""
    keys = pair_keys(pairs)
    draws = [[hash_uniform(keys, 10 * m + c) for c in range(3)] for m in range(n_members)]
    raw = 0.01 + np.transpose(draws, (0, 2, 1))
    return np.asarray(raw / raw.sum(axis=2, keepdims=True))


def one_opinion(pairs: NDArray[np.int32]) -> NDArray[np.float64]:
    """All members say the same of every pair."""
    return np.tile(np.float64([0.5, 0.25, 0.25]), (5, len(pairs), 1))


def pool_of(size: int = SIZE, predict: Predict = opinions) -> Pool:
    """Different pairs in categories of unequal size, the smallest with a few pairs only.

    It comes with all that a pool of the second round has.
    """
    rng = np.random.default_rng(size)
    everything = rng.permutation(list(combinations(range(N_ITEMS), 2))).astype(np.int32)
    pairs, known = everything[:size], everything[SIZE:]
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    categories = rng.choice(N_CATEGORIES, len(pairs), p=shares).astype(np.int32)
    vectors = np.random.default_rng(0).normal(size=(N_ITEMS, 6)).astype(np.float32)
    levels = np.arange(N_ITEMS, dtype=np.int32) % N_CATEGORIES, np.zeros(N_ITEMS, np.int32)
    items = Items(ItemVectors(vectors, [6]), ItemCategories(*levels, induced=False))
    codes = np.resize(np.int8([1, 2, 8]), len(known))
    train = LabelledPairs(known, to_relations(codes), codes, "human")
    human = np.arange(len(train)) < len(train) // 2
    return Pool(
        pairs,
        categories,
        predict,
        round=2,
        rounds_left=3,
        items=items,
        features=lambda some: PairFeatures().compute(items, some),
        train=train,
        human=human,
        history=[PastRound(1, train.items[~human], train.take(~human), {"macro_f1": 0.5})],
    )


def all_alike() -> Pool:
    """Pairs that nothing tells apart but who they are."""
    pool = pool_of(predict=one_opinion)
    assert pool.items is not None
    vectors = ItemVectors(np.ones((N_ITEMS, 6), np.float32), [6])
    return replace(pool, items=replace(pool.items, vectors=vectors))


def reorder(pool: Pool, order: NDArray[np.integer]) -> Pool:
    """The same pool in another order."""
    return replace(pool, pairs=pool.pairs[order], categories=pool.categories[order])


class SamplerTemplate:
    """What holds for every sampler; a subclass lists instances with all options."""

    samplers: ClassVar[Sequence[Any]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "sampler" in metafunc.fixturenames:
            metafunc.parametrize("sampler", self.samplers, ids=repr)

    @pytest.mark.parametrize("limit", [1, 5, 2 * SIZE])
    def test_positions_are_valid_and_none_comes_twice(self, sampler: Any, limit: int) -> None:
        chosen = sampler.query(replace(pool_of(), limit=limit))
        assert chosen.dtype == np.int64
        assert 0 < len(chosen) <= limit
        assert len(np.unique(chosen)) == len(chosen)
        assert np.isin(chosen, np.arange(SIZE)).all()

    @pytest.mark.parametrize(("size", "limit"), [(SIZE, 0), (0, 0), (0, 5)])
    def test_nothing_is_taken_where_nothing_can_be(
        self, sampler: Any, size: int, limit: int
    ) -> None:
        chosen = sampler.query(replace(pool_of(size), limit=limit))
        assert (chosen.shape, chosen.dtype) == ((0,), np.int64)

    def test_a_pool_of_one_gives_that_one(self, sampler: Any) -> None:
        assert sampler.query(replace(pool_of(1), limit=5)).tolist() == [0]

    @pytest.mark.parametrize("predict", [opinions, one_opinion])
    def test_the_order_of_the_pool_does_not_matter(self, sampler: Any, predict: Predict) -> None:
        pool = replace(pool_of(predict=predict), limit=9)
        order = np.random.default_rng(0).permutation(SIZE)
        chosen = sampler.query(pool)
        assert np.array_equal(order[sampler.query(reorder(pool, order))], chosen)

    @pytest.mark.parametrize("batch_size", [1, 7, SIZE])
    def test_the_batch_size_does_not_matter(self, sampler: Any, batch_size: int) -> None:
        pool = replace(pool_of(), limit=9)
        chosen = sampler.query(replace(pool, batch_size=batch_size))
        assert np.array_equal(chosen, sampler.query(pool))

    @pytest.mark.parametrize("predict", [opinions, one_opinion])
    def test_the_same_seed_gives_the_same_choice(self, sampler: Any, predict: Predict) -> None:
        pool = replace(pool_of(predict=predict), limit=9, seed=5)
        one, two = (sampler.query(pool) for _ in range(2))
        assert np.array_equal(one, two)

    def test_what_it_is_given_stays_as_it_is(self, sampler: Any) -> None:
        pool, untouched = replace(pool_of(), limit=9), pool_of()
        sampler.query(pool)
        assert np.array_equal(pool.pairs, untouched.pairs)
        assert np.array_equal(pool.categories, untouched.categories)
        assert np.array_equal(pool.items.vectors.values, untouched.items.vectors.values)

    def test_it_says_whether_it_wants_held_out_scores(self, sampler: Any) -> None:
        assert isinstance(sampler.wants_held_out, bool)


class RankingTemplate:
    """What holds for every `RankingSampler` besides; a subclass lists instances."""

    samplers: ClassVar[Sequence[RankingSampler]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "sampler" in metafunc.fixturenames:
            metafunc.parametrize("sampler", self.samplers, ids=repr)

    @pytest.mark.parametrize("per_category", [1, 2, 7, SIZE])
    def test_takes_so_many_pairs_of_each_category(self, sampler: Any, per_category: int) -> None:
        pool = pool_of()
        chosen = replace(sampler, per_category=per_category).query(pool)
        taken = np.bincount(pool.categories[chosen], minlength=N_CATEGORIES)
        there = np.bincount(pool.categories, minlength=N_CATEGORIES)
        assert taken.tolist() == np.minimum(there, per_category).tolist()

    @pytest.mark.parametrize("limit", [0, 1, 3, 2 * SIZE])
    @pytest.mark.parametrize("per_category", [None, 1, 2])
    def test_takes_no_more_than_the_limit(
        self, sampler: Any, per_category: int | None, limit: int
    ) -> None:
        pool = pool_of()
        available = (
            SIZE
            if per_category is None
            else np.minimum(np.bincount(pool.categories), per_category).sum()
        )
        chosen = replace(sampler, per_category=per_category).query(replace(pool, limit=limit))
        assert len(chosen) == min(limit, available)

    def test_the_most_wanted_pair_comes_first(self, sampler: Any) -> None:
        pool = pool_of()
        chosen = replace(sampler, per_category=3).query(pool)
        assert (np.diff(sampler.scores(pool)[chosen]) <= 0).all()

    def test_a_limit_keeps_the_most_wanted(self, sampler: Any) -> None:
        sampler = replace(sampler, per_category=3)
        everything = sampler.query(pool_of())
        assert np.array_equal(sampler.query(replace(pool_of(), limit=4)), everything[:4])

    def test_without_a_quota_the_best_of_the_whole_pool_are_taken(self, sampler: Any) -> None:
        pool = pool_of()
        chosen = replace(sampler, per_category=None).query(replace(pool, limit=9))
        scores = sampler.scores(pool)
        assert scores[chosen].min() >= np.delete(scores, chosen).max()

    def test_in_each_category_the_best_are_taken(self, sampler: Any) -> None:
        pool = pool_of()
        chosen = replace(sampler, per_category=2).query(pool)
        scores = sampler.scores(pool)
        for category in range(N_CATEGORIES):
            members = np.flatnonzero(pool.categories == category)
            taken = np.intersect1d(members, chosen)
            left = np.setdiff1d(members, chosen)
            assert scores[taken].min() >= scores[left].max(initial=-np.inf)

    def test_a_choice_without_bounds_is_refused(self, sampler: Any) -> None:
        with pytest.raises(ConfigError, match=r"per_category(.|\n)*labels_per_round"):
            replace(sampler, per_category=None).query(pool_of())

    def test_the_seed_decides_ties(self, sampler: Any) -> None:
        pool = all_alike()
        choices = {tuple(sorted(sampler.query(replace(pool, seed=seed)))) for seed in SEEDS}
        assert len(choices) == len(SEEDS)

    @pytest.mark.parametrize("predict", [opinions, one_opinion])
    def test_both_orders_of_a_pair_tie_alike(self, sampler: Any, predict: Predict) -> None:
        pool = pool_of(predict=predict)
        turned = replace(pool, pairs=pool.pairs[:, ::-1].copy())
        assert np.array_equal(sampler.query(turned), sampler.query(pool))
