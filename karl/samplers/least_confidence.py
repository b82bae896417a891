"""Least-confidence sampling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.samplers.base import ScoreSampler

__all__ = ["LeastConfidence"]


@dataclass(frozen=True)
class LeastConfidence(ScoreSampler):
    """Prefers a low probability of the likeliest class.

    References
    ----------
    Lewis and Gale, "A sequential algorithm for training text classifiers",
    SIGIR 1994.
    """

    def score(self, probabilities: NDArray[np.float64]) -> NDArray[np.floating]:
        """Return one minus the highest mean probability; see `ScoreSampler.score`."""
        return np.asarray(1 - probabilities.mean(axis=0).max(axis=1))
