"""Sampling that goes where people labelled nothing, as long as what is known does not suffer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.labels import Relation
from karl.samplers.balance import Balance
from karl.samplers.pool import Pool
from karl.samplers.quotas import Quotas, Wishes, normalised, predicted_shares

__all__ = ["Dynamic"]


@dataclass(frozen=True)
class Dynamic(Balance):
    """Explores categories without human labels with a share of each round; the rest is `Balance`.

    A pair explores where the fine category of either item occurs in no human-labelled
    training pair. Each part has the quotas and the cap of `Balance`, and where nothing is
    left to explore this is `Balance`. KARL (arXiv 2509.05564, conclusion) asks for a
    strategy that adjusts diversity to the prediction context and leaves it open.

    Share and quotas follow F1 on held-out training pairs by multiplicative weights
    (Freund and Schapire, JCSS 55(1), 1997; to choose among strategies of active learning:
    Baram, El-Yaniv and Luz, JMLR 5, 2004). With F the last score and F0 that of the seed:

    - share = `share` · exp(`rate` · (F − F0)) with macro-F1, between `least_share` and
      `share`: labels from elsewhere that harm what people labelled make it smaller.
    - quota of a class ∝ its start · exp(−`rate` · (F − F0)) with the F1 of that class ·
      (1 + y) / 2, y being how many pairs turned out to be of the class, for each that its
      quota asked for so far, at most 1: a class that suffers gets more, one that is not
      found gets less. The margin's share takes up the difference.

    Parameters
    ----------
    share : float
        Of the first round, for exploring.
    least_share : float
        The smallest that it becomes.
    rate : float
        How strongly share and quotas follow the scores; 0: only what is found counts.
    """

    share: float = Field(default=0.9, ge=0, le=1)
    least_share: float = Field(default=0.3, ge=0, le=1)
    rate: float = Field(default=5.0, ge=0)

    @property
    def wants_held_out(self) -> bool:
        """True: share and quotas follow these scores."""
        return True

    def query(self, pool: Pool) -> NDArray[np.int64]:
        """Choose what explores, then the rest from the whole pool; see `Sampler.query`."""
        n = pool.n_wanted
        if n == 0:
            return np.empty(0, np.int64)
        wishes, quotas = Wishes(pool), self.quotas_now(pool)
        wishes.take(round(n * self.share_now(pool)), quotas, self.cap, explores(pool))
        wishes.take(n - len(wishes.taken), quotas, self.cap)
        return np.array(wishes.taken, np.int64)

    def share_now(self, pool: Pool) -> float:
        """Return the share of this round that is to explore."""
        grown = self.share * math.exp(self.rate * _gain(pool, "macro_f1"))
        return float(np.clip(round(grown, 6), min(self.least_share, self.share), self.share))

    def quotas_now(self, pool: Pool) -> Quotas:
        """Return this round's quotas, which add up to 1."""
        quotas = normalised(self.quotas)
        n_asked = sum(len(past.asked) for past in pool.history)
        if n_asked == 0:
            return quotas
        for relation in (Relation.COMPLEMENTARY, Relation.SUBSTITUTE):
            name = relation.name.lower()
            found = sum(
                np.count_nonzero(past.accepted.relations == relation) for past in pool.history
            )
            hit = min(1.0, found / max(1.0, n_asked * quotas[name]))
            quotas[name] *= math.exp(-self.rate * _gain(pool, f"f1_{name}")) * (1 + hit) / 2
        return {name: round(quota, 6) for name, quota in normalised(quotas).items()}

    def mix(self, pool: Pool, chosen: NDArray[np.int64]) -> Mapping[str, float]:
        """Return share and quotas of the round, and what became of them."""
        explored = float(explores(pool)[chosen].mean()) if len(chosen) else 0.0
        return {
            "share": self.share_now(pool),
            "explored": explored,
            **self.quotas_now(pool),
            **predicted_shares(pool, chosen),
        }


def explores(pool: Pool) -> NDArray[np.bool_]:
    """Return which pairs have an item of a fine category without human-labelled pairs.

    An item without a category has none that could be explored; of a pool that does not
    know its items no pair explores.

    Returns
    -------
    ndarray of bool, shape (len(pool),)
    """
    if pool.items is None:
        return np.zeros(len(pool), np.bool_)
    fine = pool.items.categories.fine
    covered = np.unique(fine[pool.train.items[pool.human]])
    unknown = (fine >= 0) & ~np.isin(fine, covered)
    return np.asarray(unknown[pool.pairs].any(axis=1))


def _gain(pool: Pool, score: str) -> float:
    """Return how much a held-out score has risen since the seed; 0 where it is not known."""
    last = pool.history[-1].held_out if pool.history else None
    if last is None or pool.seed_held_out is None:
        return 0.0
    return last.get(score, 0.0) - pool.seed_held_out.get(score, 0.0)
