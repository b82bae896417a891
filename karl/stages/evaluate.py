"""Stage `evaluate`: score a round's model on every evaluation set."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from karl.datasets.splits import fold_of
from karl.evaluation.diversity import diversity
from karl.evaluation.metrics import score
from karl.experiments import Experiment
from karl.numerics import one_thread
from karl.stages.artefacts import Artefacts

__all__ = ["evaluate"]

# Of the human training pairs that are held out for a sampler that wants to see its progress.
_INNER_FOLDS: Final = 5


def evaluate(experiment: Experiment, artefacts: Artefacts, number: int) -> list[Path]:
    """Score a round's model and measure the diversity of its training set.

    Parameters
    ----------
    experiment : Experiment
    artefacts : Artefacts
        With the round's model, and the labels and usage up to it.
    number : int
        The round; 0 is the seed.

    Returns
    -------
    list of Path
        The files written: what was predicted for every pair; and scores by
        evaluation set, diversity and how many rows it was taken from, counts of
        labels, cumulative usage.
    """
    model = artefacts.read_model(number, experiment.classifier)
    predict = experiment.predictor(model)
    sets = experiment.sets.evaluation
    predicted = {name: predict(pairs.items).mean(axis=0) for name, pairs in sets.items()}
    scores = {
        name: asdict(score(pairs.relations, predicted[name].argmax(axis=1)))
        for name, pairs in sets.items()
    }
    accepted, human = artefacts.read_accepted(number), experiment.sets.train
    features = experiment.inputs(np.concatenate([human.items, accepted.pairs])).matrix
    with one_thread():
        spread = diversity(features, seed=experiment.seed_for("diversity", number))
    evaluation = {
        "round": number,
        "scores": scores,
        "diversity": asdict(spread),
        "n_human": len(human),
        "n_llm": len(accepted),
        "usage": asdict(artefacts.read_usage(number)),
    }
    if experiment.sampler.wants_held_out:
        evaluation["held_out"] = _held_out(experiment, artefacts, number)
    return artefacts.write_evaluation(number, evaluation, sets, predicted)


def _held_out(experiment: Experiment, artefacts: Artefacts, number: int) -> dict[str, Any]:
    """Score a model fitted to the same labels without a fold of the human ones on that fold."""
    human = experiment.sets.train
    folds = fold_of(experiment.dataset, human, _INNER_FOLDS, experiment.seed_for("held out"))
    held_out = folds == 0
    train = experiment.training_set(artefacts.read_accepted(number), human.take(~held_out))
    model = experiment.fit(train, artefacts.read_hyperparameters(), number)
    test = human.take(held_out)
    predicted = experiment.predictor(model)(test.items).mean(axis=0).argmax(axis=1)
    found = asdict(score(test.relations, predicted))
    del found["confusion"]
    return found
