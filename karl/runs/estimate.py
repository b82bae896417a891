"""What a run would still ask of a language model, before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from karl.cards import Cards
from karl.datasets import Catalogue, Dataset, LabelledPairs
from karl.experiments import Experiment
from karl.llm.budget import Account
from karl.llm.estimate import Estimate
from karl.runs.directory import Run
from karl.samplers import PastRound
from karl.stages.artefacts import InFolder
from karl.stages.kinds import SEED_ROUND, SELECTED

__all__ = ["Forecast", "forecast"]


@dataclass(frozen=True)
class Forecast:
    """Estimates of what is left, and notes on what they rest on."""

    lines: list[Estimate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> Estimate:
        """All lines together."""
        return Estimate.total(self.lines)

    def add(self, line: Estimate | None, what: str) -> None:
        """Add a line under a name; None, for what costs nothing, adds none."""
        if line is not None:
            self.lines.append(replace(line, what=what))


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
    """
    found = Forecast()
    experiment = _with_cards(run.experiment, found)
    llm = experiment.llm
    if not llm.costs:
        return found
    if n_gold is not None:
        gold = experiment.gold(n_gold)
        found.add(llm.estimate(experiment.task(gold.items)), "gold pairs")
    artefacts = InFolder(run.folder, experiment.dataset.catalogue)
    done = {(stage.stage, stage.round) for stage in run.stages}
    number = SEED_ROUND + 1
    while ("label", number) in done:
        number += 1
    if ("select", number) in done:
        selected = artefacts.read(SELECTED, number)
        found.add(llm.estimate(experiment.task(selected.pairs)), f"round {number}")
        found.notes.append(f"Round {number}: the pairs that are selected.")
        number += 1
    if number <= experiment.budget.rounds:
        _forecast_rounds(experiment, artefacts, number, found)
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
        return self.cards.preview(dataset)


def _with_cards(experiment: Experiment, found: Forecast) -> Experiment:
    """Estimate the cards; return an experiment in which none is written."""
    lines = experiment.cards.estimate(experiment.source, experiment.account)
    found.lines.extend(lines)
    if not any(line.calls for line in lines):
        return experiment
    # Cards are written before anything else: what follows has to do without them.
    found.notes.append("Rounds: estimated without the cards, which are yet to be written.")
    return replace(experiment, cards=_StandIns(experiment.cards))


def _forecast_rounds(
    experiment: Experiment, artefacts: InFolder, number: int, found: Forecast
) -> None:
    """Estimate all rounds from one on by what the sampler would choose for that one."""
    budget, nothing = experiment.budget, LabelledPairs.empty("llm")
    history = [
        PastRound(past, artefacts.read(SELECTED, past).pairs, nothing)
        for past in range(SEED_ROUND + 1, number)
    ]
    candidates = experiment.propose(artefacts.asked(number - 1), number)
    pool = experiment.pool(candidates, number, history=history)
    pairs = candidates.pairs[experiment.sampler.query(pool)]
    # Pairs to come are others.
    first = experiment.llm.estimate(experiment.task(pairs), anew=True)
    n_pairs = (budget.rounds - number + 1) * len(pairs)
    if budget.labels is not None:
        n_asked = sum(len(past.asked) for past in history)
        n_pairs = min(n_pairs, max(0, budget.labels - n_asked))
    last = budget.rounds
    what = f"round {number}" if number == last else f"rounds {number}–{last}"
    if first is not None:
        found.lines.append(first.times(n_pairs / len(pairs) if len(pairs) else 0.0, what))
    found.notes.append(
        f"{what.capitalize()}: {len(pairs):,} pairs each, drawn as if the model knew nothing."
    )
