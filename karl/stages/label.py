"""Stage `label`: have the selected pairs annotated, accept labels by consensus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from karl.consensus import Ballots, GoldBallots
from karl.experiments import Experiment
from karl.stages.artefacts import Artefacts
from karl.stages.kinds import (
    ACCEPTED,
    GOLD_VOTES,
    SEED_ROUND,
    SELECTED,
    SWAPPED_VOTES,
    USAGE,
    VOTES,
    model_of,
)

__all__ = ["label"]


def label(experiment: Experiment, artefacts: Artefacts, number: int) -> list[Path]:
    """Annotate a round's selected pairs; decide anew on the labels of all rounds.

    The files written, which are returned, hold the round's votes, what they took, and the pairs
    of all rounds that are accepted now.
    """
    pairs = artefacts.read(SELECTED, number).pairs
    annotation = experiment.llm.annotate(experiment.task(pairs))
    written, usage = [], annotation.usage
    if experiment.consensus.gold_pairs and number == SEED_ROUND + 1:
        gold = experiment.gold(experiment.consensus.gold_pairs)
        on_gold = experiment.llm.annotate(experiment.task(gold.items))
        written += artefacts.write(GOLD_VOTES, number, on_gold.votes)
        usage += on_gold.usage
    written += artefacts.write(VOTES, number, annotation.votes)
    if annotation.swapped is not None:
        written += artefacts.write(SWAPPED_VOTES, number, annotation.swapped)
    written += artefacts.write(USAGE, number, (experiment.llm.voter, usage))
    accepted = experiment.accept(_ballots(experiment, artefacts, number))
    return [*written, *artefacts.write(ACCEPTED, number, accepted)]


def _ballots(experiment: Experiment, artefacts: Artefacts, number: int) -> Ballots:
    """Return all votes so far, and what a consensus may want beside them."""
    ballots = artefacts.ballots(number)

    def predict() -> NDArray[np.float64]:
        model = artefacts.read(model_of(experiment.learner), number - 1)
        return np.asarray(experiment.predictor(model)(ballots.pairs).mean(axis=0))

    gold = None
    if experiment.consensus.gold_pairs:
        votes = artefacts.read(GOLD_VOTES, SEED_ROUND + 1)
        truth = experiment.gold(experiment.consensus.gold_pairs)
        gold = GoldBallots(Ballots.of(votes, experiment.llm.voter), truth)
    return replace(ballots, predict=predict, gold=gold)
