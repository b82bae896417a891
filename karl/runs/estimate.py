"""What a run would still ask of a language model, before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from karl.annotators import Task
from karl.datasets import Catalogue, Dataset
from karl.llm.account import Account
from karl.llm.estimate import Estimate
from karl.runs.directory import Run
from karl.samplers import Pool
from karl.stages.artefacts import SEED_ROUND, Artefacts
from karl.stages.context import Context

__all__ = ["Forecast", "QuotingAnnotator", "QuotingCards", "forecast"]


@runtime_checkable
class QuotingAnnotator(Protocol):
    """An annotator that costs something and can tell how much."""

    def quote(self, task: Task, *, anew: bool = False) -> Estimate:
        """Estimate what annotating would take; nothing is sent.

        Parameters
        ----------
        task : Task
        anew : bool
            Whether answers that are stored are to be counted as if they were not.
        """
        ...


@runtime_checkable
class QuotingCards(Protocol):
    """Item cards that cost something and can tell how much."""

    def quote(self, dataset: Dataset, account: Account) -> list[Estimate]:
        """Estimate what the cards that are missing would take."""
        ...

    def preview(self, dataset: Dataset) -> Catalogue:
        """Return the catalogue with stand-ins for cards, as long as these are not written."""
        ...


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
    context = _with_cards(run, found)
    llm, rounds = run.experiment.llm, run.experiment.budget.rounds
    if not isinstance(llm, QuotingAnnotator):
        return found
    artefacts = Artefacts(run.folder, context.dataset.catalogue)
    if n_gold is not None:
        gold = context.gold(n_gold)
        found.lines.append(replace(llm.quote(context.task(gold.items)), what="gold pairs"))
    number, pairs = _open_selection(run, artefacts)
    if pairs is not None:
        found.lines.append(replace(llm.quote(context.task(pairs)), what=f"round {number}"))
        found.notes.append(f"Round {number}: the pairs that are selected.")
        number += 1
    n_left = rounds - number + 1
    if n_left > 0:
        asked = artefacts.asked_keys(number - 1)
        _forecast_rounds(context, llm, asked, number, n_left, found)
    found.notes.append(
        "Tokens and time: measured on earlier answers to the same prompt."
        if found.lines and all(line.measured for line in found.lines)
        else "Tokens: counted on this machine; time and length of answers: assumed."
    )
    return found


@dataclass(frozen=True)
class _StandIns:
    """Cards in place of those that are yet to be written; they cost nothing."""

    cards: QuotingCards

    def apply(self, dataset: Dataset, account: Account) -> Catalogue:
        """Return the catalogue with stand-ins; see `Cards.apply`."""
        return self.cards.preview(dataset)


def _with_cards(run: Run, found: Forecast) -> Context:
    """Estimate the cards; return a context in which none is written."""
    cards = run.experiment.cards
    if not isinstance(cards, QuotingCards):
        return run.context
    lines = cards.quote(run.experiment.data.load(), run.account)
    found.lines += lines
    if not any(line.calls for line in lines):
        return run.context
    # Cards are written before anything else: what follows has to do without them.
    found.notes.append("Rounds: estimated without the cards, which are yet to be written.")
    return replace(run.context, experiment=replace(run.experiment, cards=_StandIns(cards)))


def _forecast_rounds(
    context: Context,
    llm: QuotingAnnotator,
    asked: Sequence[NDArray[np.int64]],
    number: int,
    n_left: int,
    found: Forecast,
) -> None:
    budget, n_asked = context.experiment.budget, sum(map(len, asked))
    pairs = _typical_selection(context, asked, number)
    first = llm.quote(context.task(pairs), anew=True)  # pairs to come are others
    n_pairs = n_left * len(pairs)
    if budget.labels is not None:
        n_pairs = min(n_pairs, max(0, budget.labels - n_asked))
    last = number + n_left - 1
    what = f"round {number}" if n_left == 1 else f"rounds {number}–{last}"
    found.lines.append(first.times(n_pairs / len(pairs) if len(pairs) else 0.0, what))
    found.notes.append(
        f"{what.capitalize()}: {len(pairs):,} pairs each, drawn as if the model knew nothing."
    )


def _open_selection(run: Run, artefacts: Artefacts) -> tuple[int, NDArray[np.int32] | None]:
    """Return the round that comes next, and its pairs if it has selected them."""
    if not (run.folder / "manifest.json").exists():
        return SEED_ROUND + 1, None
    manifest, number = run.manifest, SEED_ROUND + 1
    while manifest.done("label", number):
        number += 1
    selected = manifest.done("select", number)
    return number, artefacts.read_selected(number) if selected else None


def _typical_selection(
    context: Context, asked: Sequence[NDArray[np.int64]], number: int
) -> NDArray[np.int32]:
    experiment = context.experiment
    candidates = context.candidates(asked, number)
    pool = Pool(candidates.pairs, candidates.categories, context.know_nothing)
    limit = experiment.budget.allowance(sum(map(len, asked)))
    chosen = experiment.sampler.query(pool, limit, context.seed("sampler", number))
    return candidates.pairs[chosen]
