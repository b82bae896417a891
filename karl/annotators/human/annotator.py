"""A person as annotator, at a terminal or with a spreadsheet."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.annotators.base import Annotation, Annotator, Task, Usage
from karl.annotators.human.answers import DEFINITIONS, AnswerBook, ShownPair, shown_pairs
from karl.datasets import Votes
from karl.errors import UsageError
from karl.labels import NO_LABEL
from karl.llm.budget import Progress

__all__ = ["Human"]


@dataclass(frozen=True)
class Human(Annotator):
    """Asks a person for one of the nine labels of each ordered pair.

    Answers are kept in the vote store under the person's name, one by one: what
    is there is not asked again, in another run neither.

    Parameters
    ----------
    annotator : str
        Whose answers they are.
    votes : int
        Answers to each pair.
    columns : list of str, optional
        Columns of the catalogue that are shown of each item; by default all
        but its id, those of item cards included.
    """

    annotator: str = Field(default="me", min_length=1, pattern=r"^\S(.*\S)?$")
    votes: int = Field(default=1, ge=1, le=9)
    columns: list[str] | None = None

    @property
    def voter(self) -> str:
        """The person; see `Annotator.voter`."""
        return self.annotator

    def annotate(self, task: Task) -> Annotation:
        """Ask for votes on pairs; see `Annotator.annotate`.

        Raises
        ------
        UsageError
            If something is to be asked and nobody is at a terminal.
        KeyboardInterrupt
            If the person quits; all answers are kept.
        """
        codes = self.answered(task)
        if (codes == NO_LABEL).any():
            self._ask(task)
            codes = self.answered(task)
        # What people are paid is not karl's to know.
        return Annotation(Votes(task.pairs, codes), Usage(), DEFINITIONS)

    def answered(self, task: Task) -> NDArray[np.int8]:
        """Return the answers that are there, shape (n, votes); 0 where one is missing."""
        pairs = self._shown(task)
        if not pairs:
            return np.empty((0, self.votes), np.int8)
        with AnswerBook.open(task.account, self.annotator) as book:
            return book.codes(pairs, self.votes)

    def _ask(self, task: Task) -> None:
        # Imported here: a run whose answers are all there draws no screen.
        from karl.annotators.human.dialogue import Dialogue
        from karl.annotators.human.screen import Screen

        account = task.account
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(
                f"llm=human: pairs wait for labels of '{self.annotator}', and this is no terminal "
                "to ask on",
                hint="Run the same command in a terminal, or label the run's pairs in a "
                f"spreadsheet: karl sheet write {account.name} FILE.csv, then karl sheet read "
                f"{account.name} FILE.csv",
            )
        pairs = self._shown(task)
        with AnswerBook.open(account, self.annotator, writing=True) as book:
            account.watch(Progress("labels", 0, len(pairs) * self.votes, typed=True))
            Dialogue(book, Screen(), pairs, self.votes).work()

    def _shown(self, task: Task) -> list[ShownPair]:
        return shown_pairs(task.dataset.catalogue, task.pairs, self.columns)
