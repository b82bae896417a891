"""The tests that every sampler inherits, and pools to try it on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from karl.datasets import pair_keys
from karl.errors import ConfigError
from karl.samplers import Pool
from karl.seeds import hash_uniform

Predict = Callable[[NDArray[np.int32]], NDArray[np.float64]]

SEEDS = range(10)
N_CATEGORIES = 4
SIZE = 60


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
    """Different pairs in categories of unequal size, the smallest with a few pairs only."""
    rng = np.random.default_rng(size)
    pairs = rng.permutation(list(combinations(range(20), 2)))[:size].astype(np.int32)
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    categories = rng.choice(N_CATEGORIES, len(pairs), p=shares).astype(np.int32)
    return Pool(pairs, categories, predict)


def reorder(pool: Pool, order: NDArray[np.integer]) -> Pool:
    """The same pool in another order."""
    return replace(pool, pairs=pool.pairs[order], categories=pool.categories[order])


class SamplerTemplate:
    """What holds for every sampler; a subclass lists instances with all options."""

    samplers: ClassVar[Sequence[Any]]

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

    def test_positions_are_valid_and_none_comes_twice(self, sampler: Any) -> None:
        chosen = replace(sampler, per_category=3).query(pool_of())
        assert chosen.dtype == np.int64
        assert len(np.unique(chosen)) == len(chosen)
        assert np.isin(chosen, np.arange(SIZE)).all()

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

    @pytest.mark.parametrize(("per_category", "limit"), [(1, None), (None, 5), (2, 5)])
    def test_nothing_is_taken_from_an_empty_pool(
        self, sampler: Any, per_category: int | None, limit: int | None
    ) -> None:
        chosen = replace(sampler, per_category=per_category).query(replace(pool_of(0), limit=limit))
        assert (chosen.shape, chosen.dtype) == ((0,), np.int64)

    def test_a_pool_of_one_gives_that_one(self, sampler: Any) -> None:
        assert sampler.query(pool_of(1)).tolist() == [0]

    @pytest.mark.parametrize("predict", [opinions, one_opinion])
    def test_the_order_of_the_pool_does_not_matter(self, sampler: Any, predict: Predict) -> None:
        pool = pool_of(predict=predict)
        order = np.random.default_rng(0).permutation(SIZE)
        chosen = sampler.query(pool)
        assert np.array_equal(order[sampler.query(reorder(pool, order))], chosen)

    @pytest.mark.parametrize("batch_size", [1, 7, SIZE])
    def test_the_batch_size_does_not_matter(self, sampler: Any, batch_size: int) -> None:
        pool = pool_of()
        chosen = sampler.query(replace(pool, batch_size=batch_size))
        assert np.array_equal(chosen, sampler.query(pool))

    @pytest.mark.parametrize("predict", [opinions, one_opinion])
    def test_the_same_seed_gives_the_same_choice(self, sampler: Any, predict: Predict) -> None:
        one, two = (sampler.query(replace(pool_of(predict=predict), seed=5)) for _ in range(2))
        assert np.array_equal(one, two)

    def test_the_seed_decides_ties(self, sampler: Any) -> None:
        pool = pool_of(predict=one_opinion)
        choices = {tuple(sorted(sampler.query(replace(pool, seed=seed)))) for seed in SEEDS}
        assert len(choices) == len(SEEDS)

    @pytest.mark.parametrize("predict", [opinions, one_opinion])
    def test_both_orders_of_a_pair_tie_alike(self, sampler: Any, predict: Predict) -> None:
        pool = pool_of(predict=predict)
        turned = replace(pool, pairs=pool.pairs[:, ::-1].copy())
        assert np.array_equal(sampler.query(turned), sampler.query(pool))
