"""Weights by who labelled a pair, for any classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, InstanceOf
from pydantic.dataclasses import dataclass

from karl.classifiers.base import Classifier
from karl.classifiers.hgb import HGB
from karl.classifiers.inputs import Parameters, TrainingSet
from karl.classifiers.model import Model
from karl.labels import N_RELATIONS

if TYPE_CHECKING:
    import optuna

__all__ = ["Sources"]


@dataclass(frozen=True)
class Sources(Classifier):
    """Any classifier, on labels of people and of the annotator with weights of their own.

    Most labels of an annotator are of one relation, and there are more of them in every round:
    weighted together, they decide what the human labels are worth. Here every relation weighs
    the same among the human labels, and among the annotator's, and these weigh `llm_mass` times
    as much as the human ones, however many there are.

    Parameters
    ----------
    base : Classifier
        One that does not balance the relations itself. Its `tuning` is not used.
    llm_mass : float
        Of all labels of the annotator, where all human labels are one.
    tuning : Tuning, optional
        Search for the hyperparameters of the base.
    """

    base: InstanceOf[Classifier] = Field(default_factory=lambda: HGB(balanced=False))
    llm_mass: float = Field(default=1.0, gt=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "same_everywhere", self.base.same_everywhere)

    @property
    def n_members(self) -> int:
        """Size of the base's committee."""
        return self.base.n_members

    def suggest(self, trial: optuna.Trial) -> Parameters:
        """Draw hyperparameters of the base; see `Classifier.suggest`."""
        return self.base.suggest(trial)

    def for_tuning(self) -> Classifier:
        """Return the same of what stands in for the base."""
        return Sources(self.base.for_tuning(), self.llm_mass)

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> Model:
        """Fit the base; see `Classifier.fit`."""
        train = train.counting
        train.check()
        return self.base.fit(self._weighted(train), parameters, seed)

    def _weighted(self, train: TrainingSet) -> TrainingSet:
        """Weigh relations equally within each source, as far as it has them; the total stays."""
        weights = train.weights.copy()
        for human, mass in ((True, 1.0), (False, self.llm_mass)):
            source = train.human == human
            of_relation = np.bincount(
                train.relations[source], weights[source], minlength=N_RELATIONS
            )
            present = np.count_nonzero(of_relation)
            weights[source] *= mass / (present * of_relation[train.relations[source]])
        return train.with_weights(weights * train.weights.sum() / weights.sum())

    def load(self, folder: Path) -> Model:
        """Read a model that the base fitted."""
        return self.base.load(folder)
