"""Sampling by quotas per predicted class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.errors import ConfigError
from karl.samplers.base import Sampler
from karl.samplers.pool import Pool
from karl.samplers.quotas import MARGIN, Quotas, Wishes, normalised, predicted_shares

__all__ = ["Balance"]


@dataclass(frozen=True)
class Balance(Sampler):
    """Fills quotas: pairs predicted to be complementary, predicted substitutes, uncertain ones.

    Most candidates are unrelated; left to uncertainty alone, few labels of the other two
    classes come of a round. Class balance as a criterion: Ertekin et al., "Learning on the
    border: active learning in imbalanced data classification", CIKM 2007.

    A round has as many pairs as its limit; without one, as the pool has fine categories.

    Parameters
    ----------
    complementary, substitute : float
        Shares of a round that go to pairs whose likeliest class it is, drawn by a hash;
        if there are too few, to those with the highest probability of the class.
    margin : float
        Share that goes to those with the smallest difference of the two highest
        probabilities, which also fill what the cap leaves of the other quotas. The three
        are scaled to add up to 1.
    cap : float
        In each fine category at most so many times an even share of the round, rounded
        up; a round may so be smaller than its limit.
    """

    complementary: float = Field(default=0.4, ge=0)
    substitute: float = Field(default=0.3, ge=0)
    margin: float = Field(default=0.3, ge=0)
    cap: float = Field(default=2.0, ge=1)

    def __post_init__(self) -> None:
        if not any(self.quotas.values()):
            raise ConfigError(
                "all quotas of the sampler are 0",
                hint="Set sampler.complementary, sampler.substitute or sampler.margin.",
            )

    @property
    def quotas(self) -> Quotas:
        """The shares of a round by name, as they are configured."""
        shares = (self.complementary, self.substitute, self.margin)
        return dict(zip(("complementary", "substitute", MARGIN), shares, strict=True))

    def query(self, pool: Pool) -> NDArray[np.int64]:
        """Choose pairs quota by quota; see `Sampler.query`."""
        if pool.n_wanted == 0:
            return np.empty(0, np.int64)
        wishes = Wishes(pool)
        wishes.take(pool.n_wanted, normalised(self.quotas), self.cap)
        return np.array(wishes.taken, np.int64)

    def mix(self, pool: Pool, chosen: NDArray[np.int64]) -> Mapping[str, float]:
        """Return the quotas, and what the committee takes the chosen pairs for."""
        return normalised(self.quotas) | predicted_shares(pool, chosen)
