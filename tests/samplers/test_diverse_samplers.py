from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sampler_template import N_CATEGORIES, SIZE, one_opinion, pool_of
from scipy.stats import chisquare

from karl.datasets import LabelledPairs
from karl.errors import ConfigError
from karl.samplers import Pool
from karl.samplers.badge import Badge
from karl.samplers.kcenter import KCenter
from karl.samplers.typiclust import TypiClust

DIVERSE = [KCenter(), Badge(), TypiClust()]


def on_a_line(places: list[float], known: list[float], **more: Any) -> Pool:
    """Pairs whose only feature is a place on a line; labelled ones come after the pool's."""
    line = np.float32([*places, *known])
    pairs = np.stack([np.arange(len(line)), np.arange(len(line)) + len(line)], axis=1)
    pairs = pairs.astype(np.int32)
    n = len(places)
    codes = np.full(len(known), 8, np.int8)
    train = LabelledPairs(pairs[n:], np.full(len(known), 2, np.int8), codes, "human")
    return Pool(
        pairs[:n],
        np.zeros(n, np.int32),
        one_opinion,
        features=lambda some: line[some[:, 0], None],
        train=train,
        human=np.ones(len(known), bool),
        **more,
    )


@pytest.mark.parametrize("sampler", DIVERSE, ids=repr)
class TestEveryDiverseSampler:
    def test_without_a_limit_it_takes_a_pair_for_each_category(self, sampler: Any) -> None:
        assert len(sampler.query(pool_of())) == N_CATEGORIES

    def test_it_takes_the_whole_pool_if_it_may(self, sampler: Any) -> None:
        assert len(sampler.query(replace(pool_of(), limit=2 * SIZE))) == SIZE

    def test_it_looks_at_so_many_candidates(self, sampler: Any) -> None:
        few = replace(sampler, from_at_most=7)
        assert len(few.query(replace(pool_of(), limit=SIZE))) == 7

    def test_without_features_it_says_what_is_missing(self, sampler: Any) -> None:
        with pytest.raises(ConfigError, match="features"):
            sampler.query(replace(pool_of(), features=None))


def test_kcenter_goes_where_nothing_is_labelled() -> None:
    pool = on_a_line([0, 1, 5, 9, 10], known=[0.1], limit=2)
    assert KCenter().query(pool).tolist() == [4, 2]


def test_badge_draws_in_proportion_to_squared_distances() -> None:
    places = [-10.0, -1.0, 4.0, 7.0]
    seconds = [
        Badge().query(on_a_line(places, known=[], limit=2, seed=seed))[1] for seed in range(2000)
    ]
    counts = np.bincount(seconds, minlength=4)[1:]
    expected = np.square(np.array(places[1:]) - places[0])
    assert chisquare(counts, expected / expected.sum() * counts.sum()).pvalue > 0.01


def test_typiclust_takes_the_middle_of_clusters_without_labels() -> None:
    places = [0.0, 0.1, 0.2, 50.0, 50.1, 50.3, 100.0, 100.1, 100.2]
    pool = on_a_line(places, known=[0.1], limit=2)
    assert set(TypiClust(n_clusters=3).query(pool)) == {4, 7}
