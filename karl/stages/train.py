"""Stage `train`: fit the classifier to human labels and all accepted LLM labels."""

from __future__ import annotations

from pathlib import Path

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
        The file written: the model.
    """
    pairs = context.training_pairs(artefacts.read_labels(number))
    model = context.experiment.classifier.fit(
        context.inputs(pairs.items),
        pairs.relations,
        artefacts.read_json(artefacts.hyperparameters),
        context.seed("fit", number),
    )
    model.save(artefacts.model(number))
    return [artefacts.model(number)]
