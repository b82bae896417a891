"""What a classifier is, what it learns from, and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from karl.features import Items, PairFeatures

__all__ = ["Classifier", "Model", "PairInputs", "Parameters", "Trial"]

Parameters = dict[str, float]
"""Tuned hyperparameters by name."""


@dataclass(frozen=True, eq=False)
class PairInputs:
    """Pairs to learn from or to predict, with access to all that is known of them.

    Parameters
    ----------
    items : Items
    features : PairFeatures
    pairs : ndarray of int32, shape (n, 2)
    """

    items: Items
    features: PairFeatures
    pairs: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def matrix(self) -> NDArray[np.float32]:
        """The pair features, shape (n, n_features)."""
        return self.features.compute(self.items, self.pairs)


class Model(Protocol):
    """A fitted classifier: one or several members."""

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float32]:
        """Return class probabilities of every member, shape (n_members, n, 3)."""
        ...

    def save(self, path: Path) -> None:
        """Write the model to a file, atomically and without pickle."""
        ...


class Trial(Protocol):
    """The part of an Optuna trial that a search space needs."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Choose a value between two bounds."""
        ...


class Tuner(Protocol):
    """A search for hyperparameters."""

    def search(
        self,
        classifier: Classifier,
        inputs: PairInputs,
        relations: NDArray[np.int8],
        groups: NDArray[np.int64],
        seed: int,
    ) -> Parameters:
        """Return the best hyperparameters for some training pairs."""
        ...


class Classifier(Protocol):
    """A way to learn relations: its configuration, a search space, a fit.

    `tuning` holds the search that the seed stage runs; None leaves the
    hyperparameters at their defaults.
    """

    @property
    def tuning(self) -> Tuner | None:
        """The search that the seed stage runs."""
        ...

    @property
    def n_members(self) -> int:
        """Size of the committee that a fit gives."""
        ...

    def suggest(self, trial: Trial) -> Parameters:
        """Draw hyperparameters from the search space."""
        ...

    def for_tuning(self) -> Classifier:
        """Return what stands in for this classifier in the search, such as itself."""
        ...

    def fit(
        self,
        inputs: PairInputs,
        relations: NDArray[np.int8],
        parameters: Parameters,
        seed: int,
    ) -> Model:
        """Learn from labelled pairs.

        Parameters
        ----------
        inputs : PairInputs of n pairs
        relations : ndarray of int8, shape (n,)
            Values of `Relation`; every one must occur.
        parameters : Parameters
            What `suggest` drew; empty for the defaults.
        seed : int

        Returns
        -------
        Model
        """
        ...

    def load(self, path: Path) -> Model:
        """Read a model that this classifier's fit has saved."""
        ...
