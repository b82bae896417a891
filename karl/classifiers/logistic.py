"""A single logistic regression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.base import PairInputs, Parameters, Trial
from karl.classifiers.linear import DEFAULT_PENALTY, LinearCommittee, fit_logistic
from karl.classifiers.tuning import Tuning

__all__ = ["Logistic"]


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression on all training pairs.

    A committee of one: `sampler=qbc` finds no disagreement in it.

    Parameters
    ----------
    balanced : bool
        Weight the classes by the inverse of their frequency.
    max_iter : int
        Iterations of the solver at most.
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
        return fit_logistic(
            inputs.matrix,
            relations,
            penalty=parameters.get("penalty", DEFAULT_PENALTY),
            max_iter=self.max_iter,
            balanced=self.balanced,
        )

    def load(self, path: Path) -> LinearCommittee:
        """Read a fitted model."""
        return LinearCommittee.load(path)
