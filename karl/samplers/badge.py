"""Diverse gradient embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.datasets import pair_keys
from karl.samplers.base import DECIMALS, Sampler
from karl.samplers.pool import Pool
from karl.samplers.space import Space
from karl.seeds import derive_seed, hash_uniform

__all__ = ["Badge"]

_LEAST = 1e-12


@dataclass(frozen=True)
class Badge(Sampler):
    """Draws pairs by k-means++ in the space of the last layer's gradients.

    The gradient of a pair is (p − onehot(argmax p)) ⊗ x, with the committee's mean
    probabilities p and the standardised pair features x: long where the committee is
    uncertain. The product is never built, as
    |a⊗x − b⊗y|² = |a|²|x|² + |b|²|y|² − 2 (a·b)(x·y).

    A round has as many pairs as its limit; without one, as the pool has fine categories.

    Parameters
    ----------
    from_at_most : int
        Candidates looked at: more are drawn by a hash. It bounds memory and time.

    References
    ----------
    Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds",
    ICLR 2020, algorithm 1; Arthur and Vassilvitskii, "k-means++", SODA 2007. A draw in
    proportion to weights is a race of exponential times (Efraimidis and Spirakis,
    Information Processing Letters 97, 2006), so that it does not depend on an order.
    """

    from_at_most: int = Field(default=10_000, ge=1)

    def query(self, pool: Pool) -> NDArray[np.int64]:
        """Draw pair by pair; see `Sampler.query`."""
        if pool.n_wanted == 0:
            return np.empty(0, np.int64)
        space = Space(pool, self.from_at_most)
        points, pairs = space.points, pool.pairs[space.positions]
        keys = pair_keys(pairs)
        errors = _errors(pool, pairs)
        squares = np.einsum("ij,ij->i", errors, errors) * np.einsum("ij,ij->i", points, points)
        # The longest gradient is first, as in the authors' code; later ones are drawn.
        last = int(np.round(squares, DECIMALS).argmax())
        nearest = np.full(len(points), np.inf)
        free = np.ones(len(points), np.bool_)
        chosen = [last]
        for step in range(1, min(pool.n_wanted, len(points))):
            free[last] = False
            products = (errors @ errors[last]) * (points @ points[last])
            nearest = np.minimum(nearest, squares + squares[last] - 2 * products)
            weights = np.maximum(np.round(nearest, DECIMALS), 0.0)
            # Gradients that equal a chosen one come last, in the order of the hash.
            weights = np.where(free, weights + _LEAST, 0.0)
            draws = hash_uniform(keys, derive_seed(pool.seed, "badge", step))
            times = np.full(len(points), np.inf)
            np.divide(-np.log1p(-draws), weights, out=times, where=free)
            last = int(times.argmin())
            chosen.append(last)
        return space.positions[chosen]


def _errors(pool: Pool, pairs: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return p − onehot(argmax p) of pairs, shape (n, 3)."""
    starts = range(0, len(pairs), pool.batch_size)
    batches = [pool.predict(pairs[start : start + pool.batch_size]) for start in starts]
    means = np.concatenate([batch.mean(axis=0) for batch in batches])
    likeliest = np.round(means, DECIMALS).argmax(axis=1)
    return np.asarray(means - np.eye(means.shape[1])[likeliest])
