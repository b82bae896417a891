"""Stage `select`: choose the pairs whose labels would tell the most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karl.candidates import CandidatePairs
from karl.errors import UsageError
from karl.experiments import Experiment
from karl.samplers import PastRound, Pool
from karl.stages.artefacts import Artefacts
from karl.stages.kinds import EVALUATION, SEED_ROUND, SELECTED, SELECTION, model_of

__all__ = ["candidate_pool", "checked_choice", "select", "write_selected"]


def select(experiment: Experiment, artefacts: Artefacts, number: int) -> list[Path]:
    """Score the candidates of a round, from 1, with the last model and select some.

    Returns
    -------
    list of Path
        The files written: the selected pairs, none where no candidate is left, and what
        they are a mix of, where the sampler says it.

    Raises
    ------
    UsageError
        If the sampler chose what cannot be chosen.
    """
    pool = candidate_pool(experiment, artefacts, number)
    try:
        chosen = checked_choice(pool, experiment.sampler.query(pool))
        mixed = experiment.sampler.mix(pool, chosen)
    except UsageError as error:
        raise UsageError(
            f"sampler={experiment.choices['sampler']}: {error.message}", hint=error.hint
        ) from error
    files = write_selected(artefacts, number, pool, chosen)
    mix = {name: round(float(share), 6) for name, share in mixed.items()}
    return [*files, *artefacts.write(SELECTION, number, mix)] if mix else files


def write_selected(
    artefacts: Artefacts, number: int, pool: Pool, chosen: NDArray[np.int64]
) -> list[Path]:
    """Keep what is chosen of a round's candidates."""
    selected = CandidatePairs(pool.pairs[chosen], pool.categories[chosen])
    return artefacts.write(SELECTED, number, selected)


def candidate_pool(experiment: Experiment, artefacts: Artefacts, number: int) -> Pool:
    """Return a round's candidates, as the sampler sees them."""
    candidates = experiment.propose(artefacts.asked(number - 1), number)
    model = artefacts.read(model_of(experiment.learner), number - 1)
    return experiment.pool(
        candidates,
        number,
        experiment.predictor(model),
        artefacts.accepted(number - 1),
        _past_rounds(artefacts, number - 1),
        artefacts.read(EVALUATION, SEED_ROUND).get("held_out"),
    )


def checked_choice(pool: Pool, chosen: Any) -> NDArray[np.int64]:
    """Return chosen positions in a pool after making sure that they can be chosen.

    Raises
    ------
    UsageError
        If these are no different positions in the pool, or more than its limit.
    """
    given = np.asarray(chosen)
    if given.shape == (0,):
        return np.empty(0, np.int64)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise UsageError(
            "what is chosen are no positions in the pool",
            hint="They are an array or a list of integers, such as [0, 5, 17].",
        )
    wrong = given[(given < 0) | (given >= len(pool))]
    if len(wrong):
        raise UsageError(f"position {wrong[0]} is none of the {len(pool):,} candidates")
    positions, counts = np.unique(given, return_counts=True)
    if len(positions) < len(given):
        raise UsageError(f"position {positions[counts > 1][0]} is chosen more than once")
    if pool.limit is not None and len(given) > pool.limit:
        raise UsageError(
            f"{len(given):,} pairs are chosen, and the budget leaves {pool.limit:,}",
            hint="See budget.labels_per_round and budget.labels; a sampler is told by pool.limit.",
        )
    return given.astype(np.int64)


def _past_rounds(artefacts: Artefacts, up_to: int) -> list[PastRound]:
    """Return what rounds 1 to `up_to` asked, and what came of it."""
    accepted = artefacts.accepted(up_to)
    return [
        PastRound(
            past,
            artefacts.read(SELECTED, past).pairs,
            accepted.in_round(past).labelled(),
            artefacts.read(EVALUATION, past).get("held_out"),
        )
        for past in range(SEED_ROUND + 1, up_to + 1)
    ]
