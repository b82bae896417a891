"""Stage `train`: fit the classifier to human labels and all accepted LLM labels."""

from __future__ import annotations

from pathlib import Path

from threadpoolctl import threadpool_limits

from karl.stages.artefacts import Artefacts
from karl.stages.context import Context

__all__ = ["train"]


def train(context: Context, artefacts: Artefacts, number: int) -> list[Path]:
    """Fit a round's model with the hyperparameters of the seed stage.

    Parameters
    ----------
    context : Context
    artefacts : Artefacts
        With the hyperparameters and the labels of rounds 1 to `number`.
    number : int
        The round, from 1.

    Returns
    -------
    list of Path
        The files written: the model.
    """
    parameters = artefacts.read_json(artefacts.hyperparameters)
    pairs = context.training_set(artefacts.read_labels(number))
    with threadpool_limits(1):
        model = context.experiment.classifier.fit(pairs, parameters, context.seed("fit", number))
    model.save(artefacts.model(number))
    return artefacts.model_files(number)
