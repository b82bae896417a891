"""Hyperparameter search by cross-validation inside the training pairs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.inputs import Parameters, TrainingSet
from karl.classifiers.model import Model
from karl.labels import Relation

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

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> Model:
        """Learn from labelled pairs."""
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

        parts = self._parts(train.counting, seed)
        if not parts:
            return {}
        candidate = classifier.for_tuning()

        def objective(trial: optuna.Trial) -> float:
            parameters = json.loads(json.dumps(candidate.suggest(trial)))
            trial.set_user_attr(_PARAMETERS, parameters)
            return float(np.mean([_judge(candidate, *part, parameters, seed) for part in parts]))

        # At WARNING an interruption would be told with a traceback of each trial.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        study.optimize(objective, n_trials=self.trials)
        return dict(study.best_trial.user_attrs[_PARAMETERS])

    def _parts(self, train: TrainingSet, seed: int) -> list[tuple[TrainingSet, TrainingSet]]:
        """Return what each fold fits and what it judges; nothing where a class is too rare."""
        from sklearn.model_selection import StratifiedGroupKFold

        relations, groups = train.relations, train.groups
        folds = min(
            self.folds,
            *(len(np.unique(groups[relations == relation])) for relation in Relation),
        )
        if folds < 2:
            return []
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        return [
            (train.take(fitted), train.take(judged))
            for fitted, judged in splitter.split(train.inputs.pairs, relations, groups)
        ]


def _judge(
    candidate: Tunable, fitted: TrainingSet, judged: TrainingSet, parameters: Parameters, seed: int
) -> float:
    from sklearn.metrics import f1_score

    model = candidate.fit(fitted, parameters, seed)
    predicted = model.probabilities(judged.inputs).argmax(axis=1)
    return float(f1_score(judged.relations, predicted, average="macro"))
