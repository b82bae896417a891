"""A single logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.base import Classifier, Parameters, TrainingSet
from karl.classifiers.linear import LinearCommittee
from karl.classifiers.newton import fit_regressions
from karl.labels import N_RELATIONS, Relation

if TYPE_CHECKING:
    import optuna

__all__ = ["Logistic"]

# What untuned models use; close to what is tuned on the data sets seen so far.
_DEFAULT_PENALTY = 1e-3


@dataclass(frozen=True)
class Logistic(Classifier):
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

    def suggest(self, trial: optuna.Trial) -> Parameters:
        """Draw the L2 penalty; see `Classifier.suggest`."""
        return {"penalty": trial.suggest_float("penalty", 1e-4, 1e-1, log=True)}

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> LinearCommittee:
        """Fit the model; see `Classifier.fit`. The seed is not needed."""
        return self.fit_all(train, train.weights[:, None], parameters, [seed])

    def fit_all(
        self,
        train: TrainingSet,
        weightings: NDArray[np.float64],
        parameters: Parameters,
        seeds: Sequence[int],
    ) -> LinearCommittee:
        """Fit all at once; see `Classifier.fit_all`."""
        counted = np.stack([weightings[train.relations == k].sum(axis=0) for k in Relation])
        if (counted <= 0).any():
            raise ValueError("the training pairs lack a relation")
        if self.balanced:
            share = counted.sum(axis=0) / (N_RELATIONS * counted)
            weightings = weightings * share[train.relations]
        return LinearCommittee(
            *fit_regressions(
                train.inputs.matrix,
                train.relations,
                weightings,
                penalty=parameters.get("penalty", _DEFAULT_PENALTY),
                max_iter=self.max_iter,
            )
        )

    def load(self, folder: Path) -> LinearCommittee:
        """Read a fitted model."""
        return LinearCommittee.load(folder)
