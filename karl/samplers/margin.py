"""Margin sampling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.samplers.base import ScoreSampler

__all__ = ["Margin"]


@dataclass(frozen=True)
class Margin(ScoreSampler):
    """Prefers a small difference of the two highest mean class probabilities.

    References
    ----------
    Scheffer, Decomain and Wrobel, "Active hidden Markov models for information
    extraction", IDA 2001; used by KARL, arXiv 2509.05564.
    """

    def score(self, probabilities: NDArray[np.float64]) -> NDArray[np.floating]:
        """Return the negative margin; see `ScoreSampler.score`."""
        ordered = np.sort(probabilities.mean(axis=0), axis=1)
        return np.asarray(ordered[:, -2] - ordered[:, -1])
