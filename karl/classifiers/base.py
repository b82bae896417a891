"""What a classifier is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.inputs import PairInputs, Parameters, TrainingSet
from karl.classifiers.model import Model
from karl.classifiers.tuning import Tuning

if TYPE_CHECKING:
    import optuna

__all__ = ["Classifier", "Model", "PairInputs", "Parameters", "TrainingSet"]


@dataclass(frozen=True)
class Classifier(ABC):
    """A way to learn relations: its configuration, a search space, a fit.

    A classifier is a frozen pydantic dataclass that inherits this one. It limits no
    threads: who calls it does, once for all that is computed.

    Parameters
    ----------
    tuning : Tuning, optional
        The search for hyperparameters that the seed stage runs; None leaves them
        as they are configured.

    Attributes
    ----------
    same_everywhere : bool
        Whether figures are the same on every processor.
    """

    tuning: Tuning | None = Field(default=None, kw_only=True)

    same_everywhere: ClassVar[bool] = True

    @property
    def n_members(self) -> int:
        """Size of the committee that a fit gives."""
        return 1

    def suggest(self, trial: optuna.Trial) -> Parameters:
        """Draw hyperparameters from the search space.

        Parameters
        ----------
        trial : optuna.Trial

        Returns
        -------
        dict of str to any JSON value
            By name; they need not be those that the trial drew.
        """
        return {}

    def for_tuning(self) -> Classifier:
        """Return what stands in for this classifier in the search, such as itself."""
        return self

    @abstractmethod
    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> Model:
        """Learn from labelled pairs.

        Parameters
        ----------
        train : TrainingSet
            Pairs without weight have no influence.
        parameters : Parameters
            What `suggest` returned; empty for what is configured.
        seed : int

        Returns
        -------
        Model

        Raises
        ------
        ValueError
            If a relation does not occur.
        """

    def fit_all(
        self,
        train: TrainingSet,
        weightings: NDArray[np.float64],
        parameters: Parameters,
        seeds: Sequence[int],
    ) -> Model:
        """Learn from several weightings of the same pairs, such as folds or samples.

        Parameters
        ----------
        train : TrainingSet of n pairs
        weightings : ndarray of float64, shape (n, n_fits)
            How much each pair counts in each fit; 0 where it is left out.
        parameters : Parameters
        seeds : sequence of int, length n_fits

        Returns
        -------
        Model
            The members of all fits, in their order.

        Raises
        ------
        ValueError
            If a relation does not occur in one of them.
        """
        models = [
            self.fit(train.with_weights(weights).counting, parameters, seed)
            for weights, seed in zip(weightings.T, seeds, strict=True)
        ]
        return type(models[0]).join(models)

    @abstractmethod
    def load(self, folder: Path) -> Model:
        """Read a model that this classifier's fit gave and that was saved into a folder."""
