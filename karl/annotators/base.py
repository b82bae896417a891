"""What an annotator is: something that votes on ordered pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from karl.datasets import Catalogue, Dataset, LabelledPairs, Votes
from karl.datasets.catalogue import ITEM_ID
from karl.llm.budget import Account, Usage
from karl.llm.estimate import Estimate

__all__ = ["Annotation", "Annotator", "Record", "Task", "Usage", "records_of"]


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be annotated, and on whose account.

    Parameters
    ----------
    dataset : Dataset
        Its catalogue completed by item cards.
    pairs : ndarray of int32, shape (n, 2)
        Row numbers of items 1 and 2.
    examples : LabelledPairs
        Human-labelled pairs that may be shown to the annotator: training pairs
        only, never any that a model is evaluated on.
    account : Account
        Budget, vote store and display of the run.
    """

    dataset: Dataset
    pairs: NDArray[np.int32]
    examples: LabelledPairs
    account: Account


@dataclass(frozen=True, eq=False)
class Annotation:
    """The votes on some pairs, in the order in which they were asked.

    Parameters
    ----------
    votes : Votes
    usage : Usage
        What these votes took, whoever paid for them: votes that another run
        paid for count in full, so that the same votes always have the same usage.
    prompt : str, optional
        Hash of the prompt, where there is one.
    swapped : Votes, optional
        Votes on some of the pairs from asking with the items exchanged, mapped
        back by the swap rule: they show position bias and decide nothing.
    """

    votes: Votes
    usage: Usage
    prompt: str | None = None
    swapped: Votes | None = None


class Annotator(ABC):
    """Gives function-based labels to ordered pairs, several votes for each.

    A strategy is its `annotate`; the other methods say what most annotators can: answer
    for any pair, at once and for nothing.
    """

    @property
    def voter(self) -> str:
        """Whose votes they are, as the consensus tells annotators apart."""
        return type(self).__name__.lower()

    @property
    def costs(self) -> bool:
        """Whether its answers cost something, so that it can be estimated."""
        return False

    @abstractmethod
    def annotate(self, task: Task) -> Annotation:
        """Vote on pairs, in their order; with no pairs, only check that this can be done.

        Raises
        ------
        ConfigError
            If the annotator cannot answer for this data set.
        BudgetExhausted
            If a limit of the budget was reached.
        """

    def can_answer(self, dataset: Dataset, pairs: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which of some pairs, shape (n, 2), it can answer for; shape (n,)."""
        return np.ones(len(pairs), np.bool_)

    def check(self) -> None:  # noqa: B027  most can be asked at once
        """Make sure that it can be asked; nothing is sent.

        Raises
        ------
        ConfigError
            If a key, a price or a package is missing.
        """

    def estimate(self, task: Task, *, anew: bool = False) -> Estimate | None:
        """Estimate what annotating would take; nothing is sent. None where it costs nothing.

        With `anew`, answers that are stored count as if they were not.
        """
        return None


Record = tuple[str, dict[str, Any]]
"""An item's id, and its fields by column."""


def records_of(
    catalogue: Catalogue, pairs: NDArray[np.integer[Any]], columns: Sequence[str] | None
) -> list[tuple[Record, Record]]:
    """Return both items of each pair.

    Parameters
    ----------
    pairs : ndarray of int, shape (n, 2)
        Row numbers of items 1 and 2.
    columns : sequence of str, optional
        All but the id, when left out.

    Raises
    ------
    ConfigError
        If the catalogue lacks one of the columns, or none is named.
    """
    shown = catalogue.shown(columns, "llm.columns")
    needed, position = np.unique(pairs, return_inverse=True)
    records = catalogue.table[needed].select(ITEM_ID, *shown).to_dicts()
    items = [(record.pop(ITEM_ID), record) for record in records]
    return [(items[one], items[two]) for one, two in position.reshape(pairs.shape)]
