"""Hyperparameter search by cross-validation inside the training pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.base import PairInputs, Parameters
from karl.labels import Relation

if TYPE_CHECKING:
    import optuna

    from karl.classifiers.base import Classifier

__all__ = ["Tuning"]


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

    def search(
        self,
        classifier: Classifier,
        inputs: PairInputs,
        relations: NDArray[np.int8],
        groups: NDArray[np.int64],
        seed: int,
    ) -> Parameters:
        """Return the best hyperparameters found.

        Parameters
        ----------
        classifier : Classifier
        inputs : PairInputs of n pairs
        relations : ndarray of int8, shape (n,)
        groups : ndarray of int64, shape (n,)
            Pairs of one group stay in one fold.
        seed : int

        Returns
        -------
        dict of str to float
            Empty, for the defaults, where a class has too few pairs to search.
        """
        import optuna
        from sklearn.metrics import f1_score
        from sklearn.model_selection import StratifiedGroupKFold

        folds = min(
            self.folds,
            *(len(np.unique(groups[relations == relation])) for relation in Relation),
        )
        if folds < 2:
            return {}
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        inner = [test for _, test in splitter.split(inputs.pairs, relations, groups)]
        weightings = np.ones((len(relations), folds))
        for fold, test in enumerate(inner):
            weightings[test, fold] = 0

        candidate = classifier.for_tuning()

        def objective(trial: optuna.Trial) -> float:
            parameters = candidate.suggest(trial)
            model = candidate.fit_all(inputs, relations, weightings, parameters)
            predicted = model.member_probabilities(inputs).argmax(axis=2)
            return float(
                np.mean(
                    [
                        f1_score(relations[test], predicted[fold, test], average="macro")
                        for fold, test in enumerate(inner)
                    ]
                )
            )

        # At WARNING an interruption would be told with a traceback of each trial.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        study.optimize(objective, n_trials=self.trials)
        return dict(study.best_params)
