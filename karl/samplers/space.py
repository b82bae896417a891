"""The space of pair features in which some strategies measure distances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from karl.datasets import pair_keys
from karl.errors import ConfigError
from karl.samplers.pool import Pool
from karl.seeds import derive_seed, hash_uniform

__all__ = ["Space", "drawn"]

_BATCH = 1024


def drawn(pairs: NDArray[np.int32], n: int, seed: int) -> NDArray[np.int64]:
    """Draw pairs by a hash, in the order of the hash: both are those of the pairs alone.

    Returns
    -------
    ndarray of int64, shape (min(n, len(pairs)),)
        Their positions.
    """
    keys = pair_keys(pairs)
    draws = hash_uniform(keys, derive_seed(seed, "drawn"))
    return np.lexsort((keys, draws))[:n].astype(np.int64)


class Space:
    """Standardised features of some pairs of a pool, in double precision.

    Parameters
    ----------
    pool : Pool
    n : int
        The pairs of the pool that are in it at most; they are drawn by a hash.

    Attributes
    ----------
    positions : ndarray of int64, shape (n,)
        Of its pairs in the pool.
    points : ndarray of float64, shape (n, n_features)
        Scaled so that a pair's squared length is 1 in the mean: distances do not grow
        with the number of features.
    """

    def __init__(self, pool: Pool, n: int) -> None:
        if pool.features is None:
            raise ConfigError(
                "the sampler measures distances between pairs and needs their features",
                hint="Give the pool `features`, as karl.experiment does.",
            )
        self._features = pool.features
        self.positions = drawn(pool.pairs, n, pool.seed)
        raw = self._raw(pool.pairs[self.positions])
        self._mean, scale = raw.mean(axis=0), raw.std(axis=0)
        # A feature that is constant but for rounding tells nothing.
        constant = scale <= 1e-9 * np.maximum(1.0, np.abs(self._mean))
        self._scale = np.where(constant, np.inf, scale * np.sqrt(max(1, raw.shape[1])))
        raw -= self._mean
        raw /= self._scale
        self.points = raw

    def place(self, pairs: NDArray[np.int32]) -> Iterator[NDArray[np.float64]]:
        """Yield points of any pairs, a batch at a time."""
        for start in range(0, len(pairs), _BATCH):
            yield (self._raw(pairs[start : start + _BATCH]) - self._mean) / self._scale

    def _raw(self, pairs: NDArray[np.int32]) -> NDArray[np.float64]:
        batches = [
            np.nan_to_num(self._features(pairs[start : start + _BATCH]).astype(np.float64))
            for start in range(0, len(pairs), _BATCH)
        ]
        return np.concatenate(batches)
