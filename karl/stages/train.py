"""Stage `train`: fit the classifier to human labels and all accepted LLM labels."""

from __future__ import annotations

from pathlib import Path

from karl.experiments import Experiment
from karl.stages.artefacts import Artefacts

__all__ = ["train"]


def train(experiment: Experiment, artefacts: Artefacts, number: int) -> list[Path]:
    """Fit a round's model with the hyperparameters of the seed stage.

    Parameters
    ----------
    experiment : Experiment
    artefacts : Artefacts
        With the hyperparameters, and the labels accepted up to the round.
    number : int
        The round, from 1.

    Returns
    -------
    list of Path
        The files written: the model.
    """
    pairs = experiment.training_set(artefacts.read_accepted(number))
    model = experiment.fit(pairs, artefacts.read_hyperparameters(), number)
    return artefacts.write_model(number, model)
