"""A single logistic regression."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.base import Classifier, Parameters, TrainingSet
from karl.classifiers.linear import DEFAULT_PENALTY, LinearCommittee, fit_logistic

if TYPE_CHECKING:
    import optuna

__all__ = ["Logistic"]


@dataclass(frozen=True)
class Logistic(Classifier):
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

    def suggest(self, trial: optuna.Trial) -> Parameters:
        """Draw the L2 penalty; see `Classifier.suggest`."""
        return {"penalty": trial.suggest_float("penalty", 1e-4, 1e-1, log=True)}

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> LinearCommittee:
        """Fit the model; see `Classifier.fit`. The seed is not needed."""
        return fit_logistic(
            train.counting,
            penalty=parameters.get("penalty", DEFAULT_PENALTY),
            max_iter=self.max_iter,
            balanced=self.balanced,
        )

    def load(self, folder: Path) -> LinearCommittee:
        """Read a fitted model."""
        return LinearCommittee.load(folder)
