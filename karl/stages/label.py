"""Stage `label`: have the selected pairs annotated, accept labels by consensus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from karl.consensus import Ballots, GoldBallots
from karl.experiments import Experiment
from karl.stages.artefacts import SEED_ROUND, Artefacts

__all__ = ["label"]


def label(experiment: Experiment, artefacts: Artefacts, number: int) -> list[Path]:
    """Annotate a round's selected pairs; decide anew on the labels of all rounds.

    Parameters
    ----------
    experiment : Experiment
    artefacts : Artefacts
        With the selected pairs, and all of the rounds before.
    number : int
        The round, from 1.

    Returns
    -------
    list of Path
        The files written: the round's votes, what they took, and the pairs of all rounds
        that are accepted now.
    """
    pairs = artefacts.read_selected(number)
    annotation = experiment.llm.annotate(experiment.task(pairs))
    written = []
    if experiment.consensus.gold_pairs and number == SEED_ROUND + 1:
        gold = experiment.gold(experiment.consensus.gold_pairs)
        on_gold = experiment.llm.annotate(experiment.task(gold.items))
        written += artefacts.write_gold_votes(number, on_gold.votes)
        annotation = replace(annotation, usage=annotation.usage + on_gold.usage)
    written += artefacts.write_annotation(number, annotation, experiment.llm.voter)
    accepted = experiment.accept(_ballots(experiment, artefacts, number))
    return [*written, *artefacts.write_accepted(number, accepted)]


def _ballots(experiment: Experiment, artefacts: Artefacts, number: int) -> Ballots:
    """Return all votes so far, and what a consensus may want beside them."""
    ballots = artefacts.read_ballots(number)

    def predict() -> NDArray[np.float64]:
        model = artefacts.read_model(number - 1, experiment.classifier)
        return np.asarray(experiment.predictor(model)(ballots.pairs).mean(axis=0))

    gold = None
    if experiment.consensus.gold_pairs:
        votes = artefacts.read_gold_votes(SEED_ROUND + 1)
        truth = experiment.gold(experiment.consensus.gold_pairs)
        gold = GoldBallots(Ballots.of(votes, experiment.llm.voter), truth)
    return replace(ballots, predict=predict, gold=gold)
