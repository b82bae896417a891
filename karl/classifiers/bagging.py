"""Balanced bagging of logistic regressions, the paper's ensemble."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.base import PairInputs, Parameters, Trial
from karl.classifiers.linear import LinearCommittee
from karl.classifiers.logistic import Logistic
from karl.classifiers.tuning import Tuning
from karl.labels import N_RELATIONS

__all__ = ["BalancedBagging"]


@dataclass(frozen=True)
class BalancedBagging:
    """Members fitted to random under-samples with equally many pairs per class.

    The prediction is the mean of the members' probabilities, and the members
    are the committee of `sampler=qbc` (KARL, arXiv 2509.05564).

    Parameters
    ----------
    n_members : int
        The paper's ensemble has ten.
    bootstrap : bool
        Draw with replacement, so that members differ in the pairs of the
        rarest class too; else each has all of these.
    max_iter : int
        Iterations of the solver at most.
    tuning : Tuning, optional
        Search for the penalty; None keeps its default.
    """

    n_members: int = Field(default=10, ge=1)
    bootstrap: bool = True
    max_iter: int = Field(default=1000, ge=1)
    tuning: Tuning | None = None

    def suggest(self, trial: Trial) -> Parameters:
        """Draw the L2 penalty; see `Classifier.suggest`."""
        return self.for_tuning().suggest(trial)

    def for_tuning(self) -> Logistic:
        """Return one logistic regression on all pairs, which the paper tunes and then bags."""
        return Logistic(balanced=False, max_iter=self.max_iter)

    def fit(
        self,
        inputs: PairInputs,
        relations: NDArray[np.int8],
        parameters: Parameters,
        seed: int,
    ) -> LinearCommittee:
        """Fit all members; see `Classifier.fit`."""
        rng = np.random.default_rng(seed)
        # A pair that was drawn twice counts twice.
        times = np.zeros((len(relations), self.n_members))
        for member in range(self.n_members):
            drawn = _balanced_sample(relations, rng, replace=self.bootstrap)
            np.add.at(times[:, member], drawn, 1)
        return self.for_tuning().fit_all(inputs, relations, times, parameters)

    def load(self, path: Path) -> LinearCommittee:
        """Read a fitted committee."""
        return LinearCommittee.load(path)


def _balanced_sample(
    relations: NDArray[np.int8], rng: np.random.Generator, *, replace: bool
) -> NDArray[np.int64]:
    """Draw as many pairs of every class as the rarest class has."""
    of_class = [np.flatnonzero(relations == relation) for relation in range(N_RELATIONS)]
    size = min(map(len, of_class))
    if size == 0:
        raise ValueError("the training pairs lack a relation: there is nothing to balance")
    return np.concatenate([rng.choice(indices, size, replace=replace) for indices in of_class])
