"""Stage `train`: fit the classifier to human labels and all accepted LLM labels."""

from __future__ import annotations

from pathlib import Path

from karl.experiments import Experiment
from karl.stages.artefacts import Artefacts
from karl.stages.kinds import HYPERPARAMETERS, SEED_ROUND, model_of

__all__ = ["train"]


def train(experiment: Experiment, artefacts: Artefacts, number: int) -> list[Path]:
    """Fit a round's model with the hyperparameters of the seed stage; return its files."""
    pairs = experiment.training_set(artefacts.accepted(number))
    model = experiment.fit(pairs, artefacts.read(HYPERPARAMETERS, SEED_ROUND), number)
    return artefacts.write(model_of(experiment.learner), number, model)
