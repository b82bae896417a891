"""Random sampling, the baseline of every comparison."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.datasets import pair_keys
from karl.samplers.base import RankingSampler
from karl.samplers.pool import Pool
from karl.seeds import derive_seed, hash_uniform

__all__ = ["Random"]


@dataclass(frozen=True)
class Random(RankingSampler):
    """Chooses uniformly at random, in each fine category or overall."""

    def scores(self, pool: Pool) -> NDArray[np.floating]:
        """Return a random score per pair, without a prediction."""
        return hash_uniform(pair_keys(pool.pairs), derive_seed(pool.seed, "random"))
