"""What a sampler is, and the common part of those that score single pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.datasets import pair_keys
from karl.errors import ConfigError
from karl.samplers.pool import Pool
from karl.seeds import hash_uniform

__all__ = ["DECIMALS", "RankingSampler", "Sampler", "ScoreSampler", "rank_within"]

# Scores that are equal but for the last bits, which are those of the processor, are tied.
DECIMALS = 10


@dataclass(frozen=True)
class Sampler(ABC):
    """A strategy that chooses the pairs to be labelled next."""

    @property
    def wants_held_out(self) -> bool:
        """Whether each round is to be scored on held-out training pairs for the history.

        It costs one more fit a round.
        """
        return False

    @abstractmethod
    def query(self, pool: Pool) -> NDArray[np.int64]:
        """Choose pairs of the pool.

        Parameters
        ----------
        pool : Pool

        Returns
        -------
        ndarray of int64, shape (n_chosen,)
            Positions in the pool, the most wanted pair first, `pool.limit` at most. Which
            pairs are chosen does not depend on the order of the pool.
        """

    def mix(self, pool: Pool, chosen: NDArray[np.int64]) -> Mapping[str, float]:
        """Say what a choice is made of, for the record of a round; nothing by default.

        Parameters
        ----------
        pool : Pool
        chosen : ndarray of int64, shape (n_chosen,)
            Positions in it, as `query` gave them.

        Returns
        -------
        mapping of str to float
            Such as shares of the round by name.
        """
        return {}


@dataclass(frozen=True)
class RankingSampler(Sampler):
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
    def scores(self, pool: Pool) -> NDArray[np.floating]:
        """Return a score per pair of the pool, shape (n,); the highest are chosen."""

    def query(self, pool: Pool) -> NDArray[np.int64]:
        """Choose the pairs with the highest scores; see `Sampler.query`.

        Raises
        ------
        ConfigError
            If neither `per_category` nor `pool.limit` bounds the choice.
        """
        if self.per_category is None and pool.limit is None:
            raise ConfigError(
                "sampler.per_category=null chooses from the whole pool and needs a limit",
                hint="Set budget.labels_per_round.",
            )
        if len(pool) == 0:
            return np.empty(0, np.int64)
        ties = hash_uniform(pair_keys(pool.pairs), pool.seed)
        scores = np.round(self.scores(pool), DECIMALS)
        ranking = np.lexsort((ties, -scores))
        if self.per_category is not None:
            ranking = ranking[rank_within(pool.categories[ranking]) < self.per_category]
        return ranking[: pool.limit]


@dataclass(frozen=True)
class ScoreSampler(RankingSampler):
    """Ranks pairs by what the committee says of each: a strategy is its `score`."""

    @abstractmethod
    def score(self, probabilities: NDArray[np.float64]) -> NDArray[np.floating]:
        """Say how much a label of each pair would tell.

        Parameters
        ----------
        probabilities : ndarray of float64, shape (n_members, n, 3)

        Returns
        -------
        ndarray of float, shape (n,)
            Higher for pairs that should be labelled sooner.
        """

    def scores(self, pool: Pool) -> NDArray[np.floating]:
        """Score the pool batch by batch; see `RankingSampler.scores`."""
        return np.concatenate([self.score(batch) for batch in pool.probabilities()])


def rank_within(categories: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return each element's position among those of its category, in order."""
    order = np.argsort(categories, kind="stable")
    grouped = categories[order]
    starts = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]])
    sizes = np.diff(np.r_[starts, len(grouped)])
    ranks = np.empty(len(categories), np.int64)
    ranks[order] = np.arange(len(categories)) - np.repeat(starts, sizes)
    return ranks
