"""A sampler from outside the package, which uses item vectors and what became of earlier rounds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.datasets import pair_keys
from karl.samplers import Pool, Sampler

SEEN: list[Pool] = []
"""The pools that it was given, for tests."""


@dataclass(frozen=True)
class FarthestFirst(Sampler):
    """Takes pairs that are unlike all labelled ones, and pairs that the committee is unsure of.

    A round after which the held-out score fell shifts the mix towards the unsure ones.
    """

    n: int = Field(default=12, ge=1)
    far: float = Field(default=0.75, ge=0, le=1)
    shift: float = Field(default=0.5, ge=0, le=1)

    @property
    def wants_held_out(self) -> bool:
        return True

    def share_of_far(self, pool: Pool) -> float:
        """Return the share of pairs that are chosen by their distance."""
        scores = [past.held_out["macro_f1"] for past in pool.history if past.held_out]
        falls = sum(later < earlier for earlier, later in pairwise(scores))
        return self.far * self.shift**falls

    def query(self, pool: Pool) -> NDArray[np.int64]:
        SEEN.append(pool)
        n = min(self.n, len(pool), len(pool) if pool.limit is None else pool.limit)
        if n == 0:
            return np.empty(0, np.int64)
        order = np.argsort(pair_keys(pool.pairs))  # whatever the order of the pool
        far = self._farthest(pool, order, round(n * self.share_of_far(pool)))
        mean = np.concatenate([batch.mean(axis=0) for batch in pool.probabilities()])
        sure = np.round(mean.max(axis=1), 10)[order]
        unsure = order[np.argsort(sure, kind="stable")]
        return np.concatenate([far, unsure[~np.isin(unsure, far)]])[:n]

    def _farthest(self, pool: Pool, order: NDArray[np.int64], n: int) -> NDArray[np.int64]:
        """Choose greedily what is farthest from all that is labelled or chosen."""
        assert pool.items is not None
        vectors = pool.items.vectors.values.astype(np.float64)
        places = vectors[pool.pairs[order]].sum(axis=1)
        asked = [past.asked for past in pool.history]
        known = vectors[np.concatenate([pool.train.items, *asked])].sum(axis=1)
        distance = np.min([np.linalg.norm(places - one, axis=1) for one in known], axis=0)
        chosen = []
        for _ in range(n):
            chosen.append(int(distance.argmax()))
            distance = np.minimum(distance, np.linalg.norm(places - places[chosen[-1]], axis=1))
            distance[chosen] = -1
        return order[chosen]
