"""Core-set sampling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.samplers.base import DECIMALS, Sampler
from karl.samplers.pool import Pool
from karl.samplers.space import Space, drawn

__all__ = ["KCenter"]


@dataclass(frozen=True)
class KCenter(Sampler):
    """Chooses, one by one, the pair farthest from all labelled and all chosen ones.

    Distances are those of standardised pair features. A round has as many pairs as its
    limit; without one, as the pool has fine categories.

    Parameters
    ----------
    from_at_most : int
        Candidates looked at, and labelled pairs compared with: more are drawn by a hash.
        It bounds memory and time.

    References
    ----------
    Sener and Savarese, "Active learning for convolutional neural networks: a core-set
    approach", ICLR 2018, algorithm 1.
    """

    from_at_most: int = Field(default=10_000, ge=1)

    def query(self, pool: Pool) -> NDArray[np.int64]:
        """Choose greedily; see `Sampler.query`."""
        if pool.n_wanted == 0:
            return np.empty(0, np.int64)
        space = Space(pool, self.from_at_most)
        points = space.points
        squares = np.einsum("ij,ij->i", points, points)
        nearest = np.full(len(points), np.inf)
        known = pool.train.items[drawn(pool.train.items, self.from_at_most, pool.seed)]
        for batch in space.place(known):
            lengths = np.einsum("ij,ij->i", batch, batch)
            distances = lengths - 2 * (points @ batch.T)
            nearest = np.minimum(nearest, distances.min(axis=1) + squares)
        chosen: list[int] = []
        for _ in range(min(pool.n_wanted, len(points))):
            # Of equally far ones the first: points are in the order of a hash.
            farthest = int(np.round(nearest, DECIMALS).argmax())
            chosen.append(farthest)
            distances = squares + squares[farthest] - 2 * (points @ points[farthest])
            nearest = np.minimum(nearest, distances)
            nearest[farthest] = -np.inf
        return space.positions[chosen]
