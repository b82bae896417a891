"""Stage `seed`: tune on the human training pairs and fit the first model."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from karl.classifiers import Parameters
from karl.config.identity import identity
from karl.consensus import Accepted
from karl.experiments import Experiment
from karl.files import hash_json, read_json, write_json
from karl.stages.artefacts import Artefacts
from karl.stages.kinds import HYPERPARAMETERS, SEED_ROUND, model_of
from karl.version import __version__

__all__ = ["seed"]


def seed(experiment: Experiment, artefacts: Artefacts, number: int = SEED_ROUND) -> list[Path]:
    """Tune the classifier's hyperparameters and fit the seed model; return the files written."""
    parameters = _tuned(experiment)
    written = artefacts.write(HYPERPARAMETERS, number, parameters)
    model = experiment.fit(experiment.training_set(Accepted.none()), parameters, number)
    return [*written, *artefacts.write(model_of(experiment.learner), number, model)]


def _tuned(experiment: Experiment) -> Parameters:
    """Return tuned hyperparameters, searched once for all experiments that share them."""
    classifier = experiment.learner
    if classifier.tuning is None:
        return {}
    question = {
        "karl": __version__,
        "tuning": identity(classifier.tuning),
        "classifier": identity(classifier.for_tuning()),
        "features": identity(experiment.features),
        "categories": identity(experiment.categories),
        "encoder": identity(experiment.encoder),
        "catalogue": experiment.dataset.catalogue.fingerprint,
        "train": experiment.sets.train.fingerprint,
        "seed": experiment.seed_for("tune"),
    }
    stored = experiment.store / "tuned" / f"{hash_json(question)[:32]}.json"
    if not stored.exists():
        stored.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(stored.with_suffix(".lock")):  # one process searches, the others wait
            if not stored.exists():
                write_json(stored, experiment.tune())
    parameters: Parameters = read_json(stored, hint="Remove it: it is made anew.")
    return parameters
