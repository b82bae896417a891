"""Weights by who labelled a pair, for any classifier."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field, InstanceOf
from pydantic.dataclasses import dataclass

from karl.classifiers.base import Classifier
from karl.classifiers.hgb import HGB
from karl.classifiers.inputs import Parameters, TrainingSet
from karl.classifiers.model import Model
from karl.classifiers.wrapper import Wrapper
from karl.evaluation.metrics import confusion, macro_f1
from karl.labels import N_RELATIONS
from karl.seeds import derive_seed, hash_uniform

__all__ = ["Sources"]

Mass = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Sources(Wrapper):
    """Any classifier, on labels of people and of the annotator with weights of their own.

    Most labels of an annotator are of one relation, and there are more of them in every round:
    weighted together, they decide what the human labels are worth. Here every relation weighs
    the same among the human labels, and among the annotator's, and these weigh `llm_mass` times
    as much as the human ones, however many there are.

    Parameters
    ----------
    base : Classifier
        One that does not balance the relations itself. Its `tuning` is not used.
    llm_mass : float or list of float
        Of all labels of the annotator, where all human labels are one. Of several values, that
        is taken with which folds of the human pairs are predicted best, when the annotator's
        labels are learnt beside the other folds.
    folds : int
        Inner folds, where there are several values.
    tuning : Tuning, optional
        Search for the hyperparameters of the base.
    """

    base: InstanceOf[Classifier] = Field(default_factory=lambda: HGB(balanced=False))
    llm_mass: Mass | Annotated[list[Mass], Field(min_length=1)] = 0.33
    folds: int = Field(default=3, ge=2)

    def for_tuning(self) -> Classifier:
        """Return the same of what stands in for the base."""
        return Sources(self.base.for_tuning(), self.llm_mass, self.folds)

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> Model:
        """Fit the base; see `Classifier.fit`."""
        train = train.counting
        train.check()
        masses = self.llm_mass if isinstance(self.llm_mass, list) else [self.llm_mass]
        mass = masses[0]
        if len(masses) > 1 and not train.human.all():
            mass = max(masses, key=lambda one: self._score(train, one, parameters, seed))
        return self.base.fit(_weighted(train, mass), parameters, seed)

    def _score(
        self, train: TrainingSet, llm_mass: float, parameters: Parameters, seed: int
    ) -> float:
        """Return the mean macro-F1 on folds of the human pairs; 0 where these are too few."""
        draws = hash_uniform(train.groups, derive_seed(seed, "sources"))
        scores = []
        for fold in range(self.folds):
            test = train.human & ((draws * self.folds).astype(int) == fold)
            learnt = train.take(~test)
            if not test.any() or len(np.unique(learnt.relations)) < N_RELATIONS:
                return 0.0
            model = self.base.fit(_weighted(learnt, llm_mass), parameters, seed)
            predicted = model.probabilities(train.inputs.take(test)).argmax(axis=1)
            counts = confusion(train.relations[test], predicted, N_RELATIONS)
            scores.append(float(macro_f1(counts)))
        return float(np.mean(scores))


def _weighted(train: TrainingSet, llm_mass: float) -> TrainingSet:
    """Weigh relations equally within each source, as far as it has them; the total stays."""
    weights = train.weights.copy()
    for source, mass in ((train.human, 1.0), (~train.human, llm_mass)):
        of_relation = np.bincount(train.relations[source], weights[source], minlength=N_RELATIONS)
        present = np.count_nonzero(of_relation)
        weights[source] *= mass / (present * of_relation[train.relations[source]])
    return train.with_weights(weights * train.weights.sum() / weights.sum())
