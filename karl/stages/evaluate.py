"""Stage `evaluate`: score a round's model on every evaluation set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.datasets import Catalogue, LabelledPairs
from karl.datasets.splits import fold_of
from karl.evaluation.diversity import diversity
from karl.evaluation.metrics import score
from karl.experiments import Experiment
from karl.labels import RELATION_NAMES, Relation
from karl.numerics import one_thread
from karl.stages.artefacts import Artefacts
from karl.stages.kinds import (
    EVALUATION,
    HYPERPARAMETERS,
    PREDICTIONS,
    SEED_ROUND,
    id_columns,
    model_of,
)

__all__ = ["evaluate"]

# Of the human training pairs that are held out for a sampler that wants to see its progress.
_INNER_FOLDS: Final = 5
# Further digits of a probability are those of the processor.
_DECIMALS: Final = 6


def evaluate(experiment: Experiment, artefacts: Artefacts, number: int) -> list[Path]:
    """Score a round's model and measure the diversity of its training set.

    The files written, which are returned, hold what was predicted for every pair; and scores by
    evaluation set, diversity and how many rows it was taken from, counts of labels, usage so far.
    """
    model = artefacts.read(model_of(experiment.learner), number)
    predict = experiment.predictor(model)
    sets = experiment.sets.evaluation
    predicted = {name: predict(pairs.items).mean(axis=0) for name, pairs in sets.items()}
    scores = {
        name: asdict(score(pairs.relations, predicted[name].argmax(axis=1)))
        for name, pairs in sets.items()
    }
    accepted, human = artefacts.accepted(number), experiment.sets.train
    features = experiment.inputs(np.concatenate([human.items, accepted.pairs])).matrix
    with one_thread():
        spread = diversity(features, seed=experiment.seed_for("diversity", number))
    evaluation = {
        "round": number,
        "scores": scores,
        "diagnostics": {
            name: experiment.diagnose(model, pairs.items) for name, pairs in sets.items()
        },
        "diversity": asdict(spread),
        "n_human": len(human),
        "n_llm": len(accepted),
        "usage": asdict(artefacts.usage(number)),
    }
    if experiment.sampler.wants_held_out:
        evaluation["held_out"] = _held_out(experiment, artefacts, number)
    table = _predictions(experiment.dataset.catalogue, sets, predicted)
    return [
        *artefacts.write(PREDICTIONS, number, table),
        *artefacts.write(EVALUATION, number, evaluation),
    ]


def _predictions(
    catalogue: Catalogue,
    sets: Mapping[str, LabelledPairs],
    predicted: Mapping[str, NDArray[np.float64]],
) -> pl.DataFrame:
    """Return the true relation of every evaluated pair, and its class probabilities."""
    names = np.array(RELATION_NAMES)
    return pl.concat(
        pl.DataFrame(
            {
                "eval_set": [name] * len(pairs),
                **id_columns(catalogue, pairs.items),
                "truth": names[pairs.relations],
                **{names[k]: np.round(predicted[name][:, k], _DECIMALS) for k in Relation},
            }
        )
        for name, pairs in sets.items()
    )


def _held_out(experiment: Experiment, artefacts: Artefacts, number: int) -> dict[str, Any]:
    """Score a model fitted to the same labels without a fold of the human ones on that fold."""
    human = experiment.sets.train
    folds = fold_of(experiment.dataset, human, _INNER_FOLDS, experiment.seed_for("held out"))
    held_out = folds == 0
    train = experiment.training_set(artefacts.accepted(number), human.take(~held_out))
    model = experiment.fit(train, artefacts.read(HYPERPARAMETERS, SEED_ROUND), number)
    test = human.take(held_out)
    predicted = experiment.predictor(model)(test.items).mean(axis=0).argmax(axis=1)
    found = asdict(score(test.relations, predicted))
    del found["confusion"]
    return found
