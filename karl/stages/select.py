"""Stage `select`: choose the pairs whose labels would tell the most."""

from __future__ import annotations

from pathlib import Path

from threadpoolctl import threadpool_limits

from karl.samplers import Pool
from karl.stages.artefacts import Artefacts
from karl.stages.context import Context

__all__ = ["select"]


def select(context: Context, artefacts: Artefacts, number: int) -> list[Path]:
    """Score a round's candidates with the last model and select some.

    Parameters
    ----------
    context : Context
    artefacts : Artefacts
        With the model of the round before.
    number : int
        The round, from 1.

    Returns
    -------
    list of Path
        The file written: the selected pairs, none where no candidate is left.
    """
    experiment = context.experiment
    asked = artefacts.asked_keys(number - 1)
    candidates = context.candidates(asked, number)
    model = experiment.classifier.load(artefacts.model(number - 1))
    pool = Pool(
        candidates.pairs,
        candidates.categories,
        lambda pairs: model.member_probabilities(context.inputs(pairs)),  # type: ignore[arg-type,return-value]
    )
    limit = experiment.budget.allowance(sum(map(len, asked)))
    with threadpool_limits(1):
        chosen = experiment.sampler.query(pool, limit, context.seed("sampler", number))
    written = artefacts.write_selected(
        number, candidates.pairs[chosen], candidates.categories[chosen]
    )
    return [written]
