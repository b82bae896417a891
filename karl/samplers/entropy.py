"""Entropy sampling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from scipy.stats import entropy

from karl.samplers.base import ScoreSampler

__all__ = ["Entropy"]


@dataclass(frozen=True)
class Entropy(ScoreSampler):
    """Prefers a high entropy of the mean class probabilities.

    References
    ----------
    Settles, "Active learning literature survey", University of
    Wisconsin-Madison 2009, §3.1.
    """

    def score(self, probabilities: NDArray[np.float64]) -> NDArray[np.floating]:
        """Return the entropy in nats; see `ScoreSampler.score`."""
        return np.asarray(entropy(probabilities.mean(axis=0), axis=1))
