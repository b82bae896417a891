"""Stage `seed`: tune on the human training pairs and fit the first model."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock
from threadpoolctl import threadpool_limits

from karl import __version__
from karl.classifiers import Parameters
from karl.config.identity import identity
from karl.files import hash_json, write_json
from karl.stages.artefacts import SEED_ROUND, Artefacts
from karl.stages.context import Context

__all__ = ["seed"]


def seed(context: Context, artefacts: Artefacts, number: int = SEED_ROUND) -> list[Path]:
    """Tune the classifier's hyperparameters and fit the seed model.

    Parameters
    ----------
    context : Context
    artefacts : Artefacts
    number : int
        The seed is round 0.

    Returns
    -------
    list of Path
        The files written: hyperparameters and model.
    """
    parameters = _tuned(context)
    write_json(artefacts.hyperparameters, parameters)
    pairs = context.training_set([])
    with threadpool_limits(1):
        model = context.experiment.classifier.fit(pairs, parameters, context.seed("fit", number))
    model.save(artefacts.model(number))
    return [artefacts.hyperparameters, *artefacts.model_files(number)]


def _tuned(context: Context) -> Parameters:
    """Return tuned hyperparameters, searched once for all runs that share them."""
    classifier, train = context.experiment.classifier, context.split.train
    if classifier.tuning is None:
        return {}
    tuning_seed = context.seed("tune")
    question = {
        "karl": __version__,
        "tuning": identity(classifier.tuning),
        "classifier": identity(classifier.for_tuning()),
        "features": identity(context.experiment.features),
        "categories": identity(context.experiment.categories),
        "encoder": identity(context.experiment.encoder),
        "catalogue": context.dataset.catalogue.fingerprint,
        "train": train.fingerprint,
        "seed": tuning_seed,
    }
    stored = context.store / "tuned" / f"{hash_json(question)[:32]}.json"
    if not stored.exists():
        stored.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(stored.with_suffix(".lock")):  # one process searches, the others wait
            if not stored.exists():
                with threadpool_limits(1):
                    found = classifier.tuning.search(
                        classifier, context.training_set([]), tuning_seed
                    )
                write_json(stored, found)
    parameters: Parameters = Artefacts.read_json(stored)
    return parameters
