"""What a sampler is, and the common part of those that score single pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass as plain_dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.datasets import pair_keys
from karl.errors import ConfigError
from karl.seeds import hash_uniform

__all__ = ["Pool", "RankingSampler", "Sampler", "ScoreSampler"]

# Scores that are equal but for the last bits, which are those of the processor, are tied.
_DECIMALS = 10


@plain_dataclass(frozen=True, eq=False)
class Pool:
    """The candidate pairs of a round, and what the current committee says of them.

    Parameters
    ----------
    pairs : ndarray of int32, shape (n, 2)
    categories : ndarray of int32, shape (n,)
        Stratum of each pair: the fine category of its query item.
    predict : callable
        Takes pairs (k, 2), gives the members' class probabilities as float32,
        shape (n_members, k, 3).
    batch_size : int
        Pairs that are predicted at a time; bounds the memory.
    """

    pairs: NDArray[np.int32]
    categories: NDArray[np.int32]
    predict: Callable[[NDArray[np.int32]], NDArray[np.float32]]
    batch_size: int = 8192

    def __len__(self) -> int:
        return len(self.pairs)

    def probabilities(self) -> Iterator[NDArray[np.float32]]:
        """Yield the members' probabilities batch by batch, in the pool's order."""
        for start in range(0, len(self), self.batch_size):
            yield self.predict(self.pairs[start : start + self.batch_size])


class Sampler(Protocol):
    """A strategy that chooses the pairs to be labelled next."""

    def query(self, pool: Pool, limit: int | None, seed: int) -> NDArray[np.int64]:
        """Choose pairs of the pool.

        Parameters
        ----------
        pool : Pool
        limit : int, optional
            Pairs at most; None leaves it to the strategy.
        seed : int
            Of random choices and of ties.

        Returns
        -------
        ndarray of int64, shape (n_chosen,)
            Positions in the pool, the most wanted pair first. Which pairs are
            chosen does not depend on the order of the pool.
        """
        ...


@dataclass(frozen=True)
class RankingSampler(ABC):
    """Chooses the pairs that rank highest, in each fine category or overall.

    Ties are broken by a hash of the pair and the seed.

    Parameters
    ----------
    per_category : int, optional
        Pairs chosen in each fine category (the paper: the single hardest).
        None chooses the hardest pairs of the whole pool; it needs a limit.
    """

    per_category: int | None = Field(default=1, ge=1)

    @abstractmethod
    def scores(self, pool: Pool, seed: int) -> NDArray[np.floating]:
        """Return a score per pair of the pool, shape (n,); the highest are chosen."""

    def query(self, pool: Pool, limit: int | None, seed: int) -> NDArray[np.int64]:
        """Choose the pairs with the highest scores; see `Sampler.query`.

        Raises
        ------
        ConfigError
            If neither `per_category` nor `limit` bounds the choice.
        """
        if self.per_category is None and limit is None:
            raise ConfigError(
                "sampler.per_category=null chooses from the whole pool and needs a limit",
                hint="Set budget.labels_per_round.",
            )
        if len(pool) == 0:
            return np.empty(0, np.int64)
        ties = hash_uniform(pair_keys(pool.pairs), seed)
        scores = np.round(self.scores(pool, seed), _DECIMALS)
        ranking = np.lexsort((ties, -scores))
        if self.per_category is not None:
            ranking = ranking[_rank_within(pool.categories[ranking]) < self.per_category]
        return ranking[:limit]


@dataclass(frozen=True)
class ScoreSampler(RankingSampler):
    """Ranks pairs by what the committee says of each: a strategy is its `score`."""

    @abstractmethod
    def score(self, probabilities: NDArray[np.float32]) -> NDArray[np.floating]:
        """Say how much a label of each pair would tell.

        Parameters
        ----------
        probabilities : ndarray of float32, shape (n_members, n, 3)

        Returns
        -------
        ndarray of float, shape (n,)
            Higher for pairs that should be labelled sooner.
        """

    def scores(self, pool: Pool, seed: int) -> NDArray[np.floating]:
        """Score the pool batch by batch; see `RankingSampler.scores`."""
        return np.concatenate([self.score(batch) for batch in pool.probabilities()])


def _rank_within(categories: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return each element's position among those of its category, in order."""
    order = np.argsort(categories, kind="stable")
    grouped = categories[order]
    starts = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]])
    sizes = np.diff(np.r_[starts, len(grouped)])
    ranks = np.empty(len(categories), np.int64)
    ranks[order] = np.arange(len(categories)) - np.repeat(starts, sizes)
    return ranks
