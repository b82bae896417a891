"""Stage `evaluate`: score a round's model on every evaluation set."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from threadpoolctl import threadpool_limits

from karl.evaluation.diversity import diversity
from karl.evaluation.metrics import score
from karl.files import write_json
from karl.stages.artefacts import Artefacts
from karl.stages.context import Context

__all__ = ["evaluate"]


def evaluate(context: Context, artefacts: Artefacts, number: int) -> list[Path]:
    """Score a round's model and measure the diversity of its training set.

    Parameters
    ----------
    context : Context
    artefacts : Artefacts
        With the round's model, and the labels and usage of rounds 1 to `number`.
    number : int
        The round; 0 is the seed.

    Returns
    -------
    list of Path
        The files written: what was predicted for every pair; and scores by
        evaluation set, diversity and how many rows it was taken from, counts of
        labels, cumulative usage.
    """
    model = context.experiment.classifier.load(artefacts.model(number))
    evaluation = context.split.evaluation
    with threadpool_limits(1):
        predicted = {
            name: model.probabilities(context.inputs(pairs.items))
            for name, pairs in evaluation.items()
        }
    scores = {
        name: asdict(score(pairs.relations, predicted[name].argmax(axis=1)))
        for name, pairs in evaluation.items()
    }
    artefacts.write_predictions(number, evaluation, predicted)
    pairs = context.training_pairs(artefacts.read_labels(number))
    spread = diversity(context.inputs(pairs.items).matrix, seed=context.seed("diversity", number))
    n_human = len(context.split.train)
    write_json(
        artefacts.evaluation(number),
        {
            "round": number,
            "scores": scores,
            "diversity": asdict(spread),
            "n_human": n_human,
            "n_llm": len(pairs) - n_human,
            "usage": asdict(artefacts.read_usage(number)),
        },
    )
    return [artefacts.predictions(number), artefacts.evaluation(number)]
