"""Filling the quotas of a round: pairs that are likely of a class, and uncertain ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from karl.datasets import pair_keys
from karl.labels import RELATION_NAMES, Relation
from karl.samplers.base import DECIMALS, rank_within
from karl.samplers.pool import Pool
from karl.seeds import hash_uniform

__all__ = ["MARGIN", "Quotas", "Wishes", "normalised", "predicted_shares"]

MARGIN: Final = "margin"
"""The quota of uncertain pairs; the others have the names of relations."""

Quotas = Mapping[str, float]
"""Shares of a round by name, the scarcest class first: quotas are filled in their order."""


def normalised(quotas: Quotas) -> dict[str, float]:
    """Return quotas that add up to 1."""
    total = math.fsum(quotas.values())
    return {name: share / total for name, share in quotas.items()}


def predicted_shares(pool: Pool, chosen: NDArray[np.int64]) -> dict[str, float]:
    """Return the share of each predicted relation among chosen pairs."""
    if len(chosen) == 0:
        return {}
    classes = np.round(pool.predict(pool.pairs[chosen]).mean(axis=0), DECIMALS).argmax(axis=1)
    shares = np.bincount(classes, minlength=len(Relation)) / len(chosen)
    return {f"predicted_{name}": float(shares[k]) for k, name in enumerate(RELATION_NAMES)}


@dataclass
class Wishes:
    """What the committee thinks of a pool's pairs, and which of them are taken already.

    Parameters
    ----------
    pool : Pool
    """

    pool: Pool
    taken: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        means = np.concatenate([batch.mean(axis=0) for batch in self.pool.probabilities()])
        ordered = np.sort(means, axis=1)
        predicted = np.round(means, DECIMALS).argmax(axis=1)
        # Those predicted to be of a class tie: its likeliest pairs would all be alike.
        columns = {
            name: np.where(predicted == k, 1.0, means[:, k])
            for k, name in enumerate(RELATION_NAMES)
        }
        columns[MARGIN] = ordered[:, -2] - ordered[:, -1]
        ties = hash_uniform(pair_keys(self.pool.pairs), self.pool.seed)
        self._free = np.ones(len(self.pool), np.bool_)
        self._rankings = {
            name: np.lexsort((ties, -np.round(scores, DECIMALS)))
            for name, scores in columns.items()
        }

    def take(
        self, n: int, quotas: Quotas, cap: float, among: NDArray[np.bool_] | None = None
    ) -> None:
        """Take so many pairs, of each quota those that fit it best.

        What a quota cannot use is filled by margin.

        Parameters
        ----------
        n : int
        quotas : mapping of str to float
            Adding up to 1.
        cap : float
            At most so many times an even share of the `n` pairs in each fine category.
        among : ndarray of bool, shape (len(pool),), optional
            The pairs to take from; all when left out.
        """
        allowed = self._free if among is None else self._free & among
        categories = np.unique(self.pool.categories[allowed])
        if n <= 0 or len(categories) == 0:
            return
        most = math.ceil(cap * n / len(categories))
        used = np.zeros(int(categories.max()) + 1, np.int64)
        left = n
        for name, size in _sizes(n, quotas):
            left -= self._take_best(name, min(size, left), most, used, among)
        self._take_best(MARGIN, left, most, used, among)

    def _take_best(
        self,
        name: str,
        n: int,
        most: int,
        used: NDArray[np.int64],
        among: NDArray[np.bool_] | None,
    ) -> int:
        ranking = self._rankings[name]
        allowed = self._free if among is None else self._free & among
        ranking = ranking[allowed[ranking]]
        categories = self.pool.categories[ranking]
        fits = rank_within(categories) + used[categories] < most
        best = ranking[fits][:n]
        self._free[best] = False
        np.add.at(used, self.pool.categories[best], 1)
        self.taken.extend(best.tolist())
        return len(best)


def _sizes(n: int, quotas: Quotas) -> list[tuple[str, int]]:
    """Divide n by quotas so that the parts add up to n and none is off by 1 or more."""
    ends = np.round(n * np.cumsum(list(quotas.values())), DECIMALS)
    ends = np.floor(ends + 0.5).astype(int)
    return list(zip(quotas, np.diff(np.r_[0, ends]).tolist(), strict=True))
