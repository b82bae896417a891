"""How good an annotator's labels are, measured on human-labelled training pairs."""

from __future__ import annotations

from dataclasses import asdict

from karl.consensus import Ballots
from karl.datasets import LabelledPairs
from karl.errors import DataError
from karl.evaluation.quality import LabelQuality, assess
from karl.files import write_json
from karl.stages.artefacts import Artefacts
from karl.stages.context import Context

__all__ = ["quality"]


def quality(
    context: Context, gold: LabelledPairs, artefacts: Artefacts | None = None
) -> LabelQuality:
    """Have human-labelled pairs annotated and compare; nothing is trained on these votes.

    Parameters
    ----------
    context : Context
    gold : LabelledPairs
        From `Context.gold`.
    artefacts : Artefacts, optional
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
    annotation = context.experiment.llm.annotate(context.task(gold.items))
    votes, swapped = annotation.votes, annotation.swapped
    ballots = Ballots.of(votes, context.experiment.choices["llm"], swapped=swapped)
    accepted = context.experiment.consensus.decide(ballots).labels
    found = assess(gold, votes, accepted, annotation.usage, swapped)
    if artefacts is not None:
        artefacts.write_votes(artefacts.gold_votes, annotation.votes)
        write_json(artefacts.quality, asdict(found))
    return found
