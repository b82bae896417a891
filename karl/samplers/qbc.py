"""Query by committee."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from scipy.stats import entropy

from karl.errors import ConfigError
from karl.samplers.base import ScoreSampler

__all__ = ["QueryByCommittee"]


@dataclass(frozen=True)
class QueryByCommittee(ScoreSampler):
    """Prefers pairs on which the members of the ensemble disagree.

    Parameters
    ----------
    disagreement : {"variance", "vote_entropy", "kl"}
        `variance`: of the members' probabilities, summed over the classes
        (KARL, arXiv 2509.05564). `vote_entropy`: of the members' likeliest
        classes (Dagan and Engelson, ICML 1995). `kl`: mean Kullback-Leibler
        divergence of the members from their mean (McCallum and Nigam, ICML
        1998).
    """

    disagreement: Literal["variance", "vote_entropy", "kl"] = "variance"

    def score(self, probabilities: NDArray[np.float64]) -> NDArray[np.floating]:
        """Return the disagreement; see `ScoreSampler.score`.

        Raises
        ------
        ConfigError
            If the committee has a single member.
        """
        if len(probabilities) == 1:
            raise ConfigError(
                "sampler=qbc: a committee of one never disagrees",
                hint="Use classifier=bagging with classifier.n_members of 2 or more.",
            )
        if self.disagreement == "variance":
            return np.asarray(probabilities.var(axis=0).sum(axis=1))
        if self.disagreement == "vote_entropy":
            votes = probabilities.argmax(axis=2)[..., None] == np.arange(probabilities.shape[2])
            return np.asarray(entropy(votes.mean(axis=0), axis=1))
        return np.asarray(entropy(probabilities, probabilities.mean(axis=0), axis=2).mean(axis=0))
