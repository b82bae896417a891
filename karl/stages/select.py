"""Stage `select`: choose the pairs whose labels would tell the most."""

from __future__ import annotations

from pathlib import Path

from karl.experiments import Experiment
from karl.samplers import PastRound, Pool
from karl.stages.artefacts import SEED_ROUND, Artefacts

__all__ = ["candidate_pool", "past_rounds", "select"]


def select(experiment: Experiment, artefacts: Artefacts, number: int) -> list[Path]:
    """Score a round's candidates with the last model and select some.

    Parameters
    ----------
    experiment : Experiment
    artefacts : Artefacts
        Of all earlier rounds.
    number : int
        The round, from 1.

    Returns
    -------
    list of Path
        The file written: the selected pairs, none where no candidate is left.
    """
    pool = candidate_pool(experiment, artefacts, number)
    chosen = experiment.sampler.query(pool)
    return artefacts.write_selected(number, pool.pairs[chosen], pool.categories[chosen])


def candidate_pool(experiment: Experiment, artefacts: Artefacts, number: int) -> Pool:
    """Return a round's candidates, as the sampler sees them."""
    candidates = experiment.propose(artefacts.asked_keys(number - 1), number)
    model = artefacts.read_model(number - 1, experiment.classifier)
    return experiment.pool(
        candidates,
        number,
        experiment.predictor(model),
        artefacts.read_accepted(number - 1),
        past_rounds(artefacts, number - 1),
    )


def past_rounds(artefacts: Artefacts, up_to: int) -> list[PastRound]:
    """Return what rounds 1 to `up_to` asked, and what came of it."""
    accepted = artefacts.read_accepted(up_to)
    return [
        PastRound(
            past,
            artefacts.read_selected(past),
            accepted.in_round(past).labelled(),
            artefacts.read_evaluation(past).get("held_out"),
        )
        for past in range(SEED_ROUND + 1, up_to + 1)
    ]
