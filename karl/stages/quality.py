"""How good an annotator's labels are, measured on human-labelled training pairs."""

from __future__ import annotations

from dataclasses import asdict

from karl.consensus import Ballots
from karl.datasets import LabelledPairs
from karl.errors import DataError
from karl.evaluation.quality import LabelQuality, assess
from karl.experiments import Experiment
from karl.files import write_json
from karl.stages.files import InFolder

__all__ = ["quality"]


def quality(
    experiment: Experiment, gold: LabelledPairs, files: InFolder | None = None
) -> LabelQuality:
    """Have human-labelled pairs annotated and compare; nothing is trained on these votes.

    Parameters
    ----------
    experiment : Experiment
    gold : LabelledPairs
        From `Experiment.gold`.
    files : InFolder, optional
        Where votes and figures are written.

    Raises
    ------
    DataError
        If there is no pair to measure on.
    """
    if len(gold) == 0:
        raise DataError(
            "there is no human-labelled training pair to measure the labels on",
            hint="Choose data or a split with more of them.",
        )
    annotation = experiment.llm.annotate(experiment.task(gold.items))
    ballots = Ballots.of(annotation.votes, experiment.llm.voter)
    labels = experiment.consensus.decide(ballots).labels
    found = assess(gold, annotation.votes, labels, annotation.usage, annotation.swapped)
    if files is not None:
        files.write_votes(files.gold_votes, annotation.votes)
        write_json(files.quality, asdict(found))
    return found
