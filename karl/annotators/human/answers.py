"""Answers that people give: what each question is known by, and where answers are kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from karl.datasets import Catalogue
from karl.datasets.catalogue import ITEM_ID
from karl.files import hash_json
from karl.labels import NO_LABEL, FunctionLabel
from karl.llm.account import Account
from karl.llm.records import Key, NewAnswer
from karl.llm.store import VoteStore

__all__ = [
    "DEFINITIONS",
    "AnswerBook",
    "PairQuestion",
    "Shown",
    "printable",
    "questions",
]

DEFINITIONS: Final = hash_json([[int(label), label.wording] for label in FunctionLabel])
"""Hash of the nine definitions that people go by: what a prompt is to a language model."""

Shown = dict[str, str]
"""What is shown of an item: text by column, without empty ones."""

_KIND: Final = "label"
# Marks that turn the direction of writing can make one label look like another's.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class PairQuestion:
    """An ordered pair as a person sees it.

    Parameters
    ----------
    ids : tuple of str
        Item ids; two pairs that look the same are the same question.
    shown : tuple of Shown
        Of items 1 and 2.
    """

    ids: tuple[str, str]
    shown: tuple[Shown, Shown]


def questions(
    catalogue: Catalogue, pairs: NDArray[np.integer[Any]], columns: Sequence[str] | None
) -> list[PairQuestion]:
    """Return pairs of row numbers, shape (n, 2), as questions."""
    shown = catalogue.shown(columns, "llm.columns")
    needed, position = np.unique(pairs, return_inverse=True)
    records = catalogue.table[needed].select(ITEM_ID, *shown).to_dicts()
    ids = [record.pop(ITEM_ID) for record in records]
    items = [{k: _text(v) for k, v in record.items() if v not in (None, "")} for record in records]
    return [
        PairQuestion((ids[one], ids[two]), (items[one], items[two]))
        for one, two in position.reshape(pairs.shape)
    ]


def _text(value: object) -> str:
    # A price of 12.0 reads better as 12.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def printable(text: str) -> str:
    """Return a text of the catalogue on one line, without what could move or colour a terminal."""
    spaced = " ".join(text.split())
    return "".join(c for c in spaced if unicodedata.category(c) != "Cc" and c not in _TURNING)


class AnswerBook:
    """One person's answers in the vote store; each is synced to the disk as it is written.

    Nothing is ever changed: of several answers to a question the latest counts,
    and one that was taken back counts as none.

    Parameters
    ----------
    store : VoteStore
    annotator : str
    """

    def __init__(self, store: VoteStore, annotator: str) -> None:
        self._store = store
        self._name = f"human/{annotator}"

    @classmethod
    @contextmanager
    def open(cls, account: Account, annotator: str) -> Iterator[AnswerBook]:
        """Open the book in an account's vote store.

        Raises
        ------
        KarlError
            If the store cannot be read or written.
        """
        with VoteStore(account.store) as store:
            yield cls(store, annotator)

    @contextmanager
    def writing(self, account: Account) -> Iterator[None]:
        """Keep other processes from asking on the account."""
        with self._store.open_account(account.name):
            yield

    def key(self, question: PairQuestion, vote: int) -> Key:
        """Return what a vote, numbered from 0, is kept and found by."""
        return hash_json([self._name, DEFINITIONS, *question.shown]), vote

    def codes(self, asked: Sequence[PairQuestion], votes: int) -> NDArray[np.int8]:
        """Return the answers to questions, shape (n, votes); 0 where there is none."""
        codes = np.full((len(asked), votes), NO_LABEL, np.int8)
        keys = [[self.key(question, vote) for vote in range(votes)] for question in asked]
        found = self._store.find(key for row in keys for key in row)
        for at, row in enumerate(keys):
            for vote, key in enumerate(row):
                if key in found and found[key].value is not None:
                    codes[at, vote] = found[key].value
        return codes

    def answer(self, question: PairQuestion, vote: int, label: int | None, raw: str) -> NewAnswer:
        """Return an answer as it is written down.

        Parameters
        ----------
        question : PairQuestion
        vote : int
            From 0.
        label : int, optional
            1 to 9; None takes back the answer that is there.
        raw : str
            What was typed, or where the answer comes from.
        """
        return NewAnswer(
            key=self.key(question, vote),
            kind=_KIND,
            items=question.ids,
            model=self._name,
            prompt=DEFINITIONS,
            value=label,
            raw=raw,
        )

    def write(self, answers: Sequence[NewAnswer], seconds: float | None = None) -> None:
        """Write answers down, all or none; `seconds` is how long each took."""
        with self._store.transaction():
            for answer in answers:
                # On the person's own account: it takes nothing from a run's budget of calls.
                self._store.record(answer, self._name, seconds)
