"""A single logistic regression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.base import PairInputs, Parameters, Trial
from karl.classifiers.linear import LinearCommittee
from karl.classifiers.newton import fit_regressions
from karl.classifiers.tuning import Tuning
from karl.labels import N_RELATIONS
from karl.numerics import one_thread

__all__ = ["Logistic"]

# What untuned models use; close to what is tuned on the data sets seen so far.
_DEFAULT_PENALTY = 1e-3


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression on all training pairs.

    A committee of one: `sampler=qbc` finds no disagreement in it.

    Parameters
    ----------
    balanced : bool
        Weight the classes by the inverse of their frequency.
    max_iter : int
        Newton steps of the solver at most.
    tuning : Tuning, optional
        Search for the penalty; None keeps its default.
    """

    balanced: bool = True
    max_iter: int = Field(default=1000, ge=1)
    tuning: Tuning | None = None

    @property
    def n_members(self) -> int:
        """A committee of one."""
        return 1

    def suggest(self, trial: Trial) -> Parameters:
        """Draw the L2 penalty; see `Classifier.suggest`."""
        return {"penalty": trial.suggest_float("penalty", 1e-4, 1e-1, log=True)}

    def for_tuning(self) -> Logistic:
        """Return the classifier itself."""
        return self

    def fit(
        self,
        inputs: PairInputs,
        relations: NDArray[np.int8],
        parameters: Parameters,
        seed: int,
    ) -> LinearCommittee:
        """Fit the model; see `Classifier.fit`. The seed is not needed."""
        return self.fit_all(inputs, relations, np.ones((len(relations), 1)), parameters)

    def fit_all(
        self,
        inputs: PairInputs,
        relations: NDArray[np.int8],
        weightings: NDArray[np.floating],
        parameters: Parameters,
    ) -> LinearCommittee:
        """Fit a member to each of several weightings of the same pairs, all at once.

        Parameters
        ----------
        inputs : PairInputs of n pairs
        relations : ndarray of int8, shape (n,)
        weightings : ndarray of float, shape (n, n_members)
            How much each pair counts for each member.
        parameters : Parameters

        Returns
        -------
        LinearCommittee

        Raises
        ------
        ValueError
            If a member lacks a relation.
        """
        counted = np.stack([weightings[relations == k].sum(axis=0) for k in range(N_RELATIONS)])
        if (counted == 0).any():
            raise ValueError("the training pairs lack a relation")
        if self.balanced:
            weightings = weightings * (counted.sum(axis=0) / (N_RELATIONS * counted))[relations]
        with one_thread():
            fitted = fit_regressions(
                inputs.matrix,
                relations,
                weightings,
                penalty=parameters.get("penalty", _DEFAULT_PENALTY),
                max_iter=self.max_iter,
            )
        return LinearCommittee(*fitted)

    def load(self, path: Path) -> LinearCommittee:
        """Read a fitted model."""
        return LinearCommittee.load(path)
