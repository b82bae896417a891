"""Hyperparameter search by cross-validation inside the training pairs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.inputs import Parameters, TrainingSet
from karl.classifiers.model import Model
from karl.evaluation.metrics import confusion, macro_f1
from karl.labels import N_RELATIONS, Relation

if TYPE_CHECKING:
    import optuna

__all__ = ["Tunable", "Tuning"]

_PARAMETERS = "parameters"


class Tunable(Protocol):
    """The part of a `Classifier` that a search needs."""

    def suggest(self, trial: optuna.Trial) -> Parameters:
        """Draw hyperparameters from the search space."""
        ...

    def for_tuning(self) -> Tunable:
        """Return what stands in for this classifier in the search."""
        ...

    def fit_all(
        self,
        train: TrainingSet,
        weightings: NDArray[np.float64],
        parameters: Parameters,
        seeds: Sequence[int],
    ) -> Model:
        """Learn from several weightings of the same pairs."""
        ...


@dataclass(frozen=True)
class Tuning:
    """Bayesian optimisation (TPE) of a classifier's hyperparameters.

    Only training pairs are seen: each trial is judged by its mean macro-F1
    over inner folds that keep both orders of a pair together.

    Parameters
    ----------
    trials : int
        Hyperparameters tried.
    folds : int
        Inner folds; fewer where a class has fewer pairs.
    """

    trials: int = Field(default=20, ge=1)
    folds: int = Field(default=5, ge=2)

    def search(self, classifier: Tunable, train: TrainingSet, seed: int) -> Parameters:
        """Return the best hyperparameters found.

        Parameters
        ----------
        classifier : Classifier
        train : TrainingSet
            Both orders of a pair stay in one fold. Weights count in fits; every pair
            counts once where these are judged.
        seed : int

        Returns
        -------
        dict of str to any JSON value
            What the classifier suggested in the best trial, as it comes back from
            JSON. Empty where a class has too few pairs to search.

        Raises
        ------
        TypeError
            If the classifier suggested something that is no JSON value.
        """
        import optuna

        train = train.counting
        judged = self._judged(train, seed)
        if not judged:
            return {}
        candidate = classifier.for_tuning()
        weightings = np.tile(train.weights[:, None], len(judged))
        for fold, pairs in enumerate(judged):
            weightings[pairs, fold] = 0

        def objective(trial: optuna.Trial) -> float:
            parameters = json.loads(json.dumps(candidate.suggest(trial)))
            trial.set_user_attr(_PARAMETERS, parameters)
            model = candidate.fit_all(train, weightings, parameters, [seed] * len(judged))
            members = model.member_probabilities(train.inputs)
            by_fold = members.reshape(len(judged), -1, *members.shape[1:]).mean(axis=1)
            predicted = by_fold.argmax(axis=2)
            scores = [
                macro_f1(confusion(train.relations[pairs], predicted[fold, pairs], N_RELATIONS))
                for fold, pairs in enumerate(judged)
            ]
            return float(np.mean(scores))

        # At WARNING an interruption would be told with a traceback of each trial.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        study.optimize(objective, n_trials=self.trials)
        return dict(study.best_trial.user_attrs[_PARAMETERS])

    def _judged(self, train: TrainingSet, seed: int) -> list[NDArray[np.int64]]:
        """Return the pairs that each inner fold is judged on; none where a class is too rare."""
        from sklearn.model_selection import StratifiedGroupKFold

        relations, groups = train.relations, train.groups
        folds = min(
            self.folds,
            *(len(np.unique(groups[relations == relation])) for relation in Relation),
        )
        if folds < 2:
            return []
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        return [judged for _, judged in splitter.split(train.inputs.pairs, relations, groups)]
