"""What a run would still ask of a language model, before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from karl.cards import Cards
from karl.datasets import Catalogue, Dataset, LabelledPairs
from karl.experiments import Experiment
from karl.llm.account import Account
from karl.llm.estimate import Estimate
from karl.runs.directory import Run
from karl.samplers import PastRound
from karl.stages.artefacts import SEED_ROUND
from karl.stages.files import InFolder

__all__ = ["Forecast", "forecast"]


class Forecast:
    """Estimates of what is left, and what they rest on.

    Attributes
    ----------
    lines : list of Estimate
    notes : list of str
        What the lines rest on.
    """

    def __init__(self) -> None:
        self.lines: list[Estimate] = []
        self.notes: list[str] = []

    def add(self, line: Estimate | None, what: str) -> None:
        """Add an estimate under a name of its own, if there is one."""
        if line is not None:
            self.lines.append(replace(line, what=what))

    @property
    def total(self) -> Estimate:
        """All lines together."""
        return Estimate.total(self.lines)


def forecast(run: Run, n_gold: int | None = None) -> Forecast:
    """Estimate what the rounds that are left would take.

    A round that has selected its pairs is estimated from these. Before that
    the pairs are drawn as the sampler would if the model knew nothing: how
    many there are is right, and so is the length of their texts on average.

    Parameters
    ----------
    run : Run
        Need not exist; nothing is written and nothing is sent.
    n_gold : int, optional
        Human-labelled pairs that the annotator is to be measured on.

    Returns
    -------
    Forecast
        Empty where nothing costs anything.
    """
    found = Forecast()
    experiment = _with_cards(run, found)
    llm, rounds = experiment.llm, experiment.budget.rounds
    if not llm.costs:
        return found
    artefacts = InFolder(run.folder, experiment.dataset.catalogue)
    if n_gold is not None:
        gold = experiment.gold(n_gold)
        found.add(llm.estimate(experiment.task(gold.items)), "gold pairs")
    number, pairs = _open_selection(run, artefacts)
    if pairs is not None:
        found.add(llm.estimate(experiment.task(pairs)), f"round {number}")
        found.notes.append(f"Round {number}: the pairs that are selected.")
        number += 1
    n_left = rounds - number + 1
    if n_left > 0:
        _forecast_rounds(experiment, artefacts, number, n_left, found)
    found.notes.append(
        "Tokens and time: measured on earlier answers to the same prompt."
        if found.lines and all(line.measured for line in found.lines)
        else "Tokens: counted on this machine; time and length of answers: assumed."
    )
    return found


@dataclass(frozen=True)
class _StandIns(Cards):
    """Cards in place of those that are yet to be written; they cost nothing."""

    cards: Cards

    def apply(self, dataset: Dataset, account: Account) -> Catalogue:
        """Return the catalogue with stand-ins; see `Cards.apply`."""
        return self.cards.preview(dataset)


def _with_cards(run: Run, found: Forecast) -> Experiment:
    """Estimate the cards; return an experiment in which none is written."""
    experiment = run.experiment
    lines = experiment.cards.estimate(experiment.source, experiment.account)
    found.lines += lines
    if not any(line.calls for line in lines):
        return experiment
    # Cards are written before anything else: what follows has to do without them.
    found.notes.append("Rounds: estimated without the cards, which are yet to be written.")
    return replace(experiment, cards=_StandIns(experiment.cards))


def _forecast_rounds(
    experiment: Experiment, artefacts: InFolder, number: int, n_left: int, found: Forecast
) -> None:
    budget = experiment.budget
    nothing = LabelledPairs.empty("llm")
    history = [
        PastRound(past, artefacts.read_selected(past), nothing)
        for past in range(SEED_ROUND + 1, number)
    ]
    pairs = _typical_selection(experiment, artefacts, number, history)
    # Pairs to come are others.
    first = experiment.llm.estimate(experiment.task(pairs), anew=True)
    n_pairs = n_left * len(pairs)
    if budget.labels is not None:
        n_asked = sum(len(past.asked) for past in history)
        n_pairs = min(n_pairs, max(0, budget.labels - n_asked))
    last = number + n_left - 1
    what = f"round {number}" if n_left == 1 else f"rounds {number}–{last}"
    if first is not None:
        found.lines.append(first.times(n_pairs / len(pairs) if len(pairs) else 0.0, what))
    found.notes.append(
        f"{what.capitalize()}: {len(pairs):,} pairs each, drawn as if the model knew nothing."
    )


def _open_selection(run: Run, artefacts: InFolder) -> tuple[int, NDArray[np.int32] | None]:
    """Return the round that comes next, and its pairs if it has selected them."""
    if not (run.folder / "manifest.json").exists():
        return SEED_ROUND + 1, None
    manifest, number = run.manifest, SEED_ROUND + 1
    while manifest.done("label", number):
        number += 1
    selected = manifest.done("select", number)
    return number, artefacts.read_selected(number) if selected else None


def _typical_selection(
    experiment: Experiment, artefacts: InFolder, number: int, history: Sequence[PastRound]
) -> NDArray[np.int32]:
    candidates = experiment.propose(artefacts.asked_keys(number - 1), number)
    pool = experiment.pool(candidates, number, history=history)
    return candidates.pairs[experiment.sampler.query(pool)]
