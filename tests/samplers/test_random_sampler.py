from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sampler_template import SIZE, opinions, pool_of
from scipy.stats import chisquare

from karl.samplers.random import Random


def no_prediction(pairs: NDArray[np.int32]) -> NDArray[np.float64]:
    raise AssertionError("a random choice needs no prediction")


class TestRandom:
    def test_every_pair_is_chosen_equally_often(self) -> None:
        pool, draws = pool_of(), range(3000)
        chosen = [
            Random(per_category=None).query(replace(pool, limit=1, seed=seed))[0] for seed in draws
        ]
        assert chisquare(np.bincount(chosen, minlength=SIZE)).pvalue > 0.01

    def test_the_seed_decides_the_choice(self) -> None:
        choices = {tuple(Random().query(replace(pool_of(), seed=seed))) for seed in range(10)}
        assert len(choices) == 10

    def test_what_the_committee_says_does_not_matter(self) -> None:
        told, untold = pool_of(predict=opinions), replace(pool_of(), predict=no_prediction)
        assert np.array_equal(Random().query(told), Random().query(untold))
