"""Stage `label`: have the selected pairs annotated, keep those with a consensus."""

from __future__ import annotations

from pathlib import Path

from karl.consensus import Ballots
from karl.stages.artefacts import Artefacts
from karl.stages.context import Context

__all__ = ["label"]


def label(context: Context, artefacts: Artefacts, number: int) -> list[Path]:
    """Annotate a round's selected pairs and accept labels by consensus.

    Parameters
    ----------
    context : Context
    artefacts : Artefacts
        With the selected pairs.
    number : int
        The round, from 1.

    Returns
    -------
    list of Path
        The files written: all votes, what they took, the accepted labels.
    """
    pairs = artefacts.read_selected(number)
    annotation = context.experiment.llm.annotate(context.task(pairs))
    written = artefacts.write_annotation(number, annotation)
    experiment = context.experiment
    ballots = Ballots.of(
        annotation.votes, experiment.choices["llm"], round=number, swapped=annotation.swapped
    )
    decision = experiment.consensus.decide(ballots)
    return [*written, artefacts.write_labels(number, pairs, decision.labels)]
