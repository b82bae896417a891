"""Answers that people give: what each is known by, and where they are kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from karl.annotators.base import records_of
from karl.datasets import Catalogue
from karl.files import hash_json
from karl.labels import NO_LABEL, FunctionLabel
from karl.llm.budget import Account
from karl.llm.store import Call, Key, NewAnswer, VoteStore

__all__ = ["DEFINITIONS", "AnswerBook", "Shown", "ShownPair", "printable", "shown_pairs"]

DEFINITIONS: Final = hash_json([[int(label), label.wording] for label in FunctionLabel])
"""Hash of the nine definitions that people go by: what a prompt is to a language model."""

Shown = dict[str, str]
"""What is shown of an item: text by column, without empty ones."""

# Marks that turn the direction of writing can make one label look like another's.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class ShownPair:
    """An ordered pair as a person sees it; pairs that look the same are asked once."""

    ids: tuple[str, str]
    items: tuple[Shown, Shown]


def shown_pairs(
    catalogue: Catalogue, pairs: NDArray[np.integer[Any]], columns: Sequence[str] | None
) -> list[ShownPair]:
    """Return pairs of row numbers, shape (n, 2), as they are shown."""
    return [
        ShownPair((one, two), (_texts(item_1), _texts(item_2)))
        for (one, item_1), (two, item_2) in records_of(catalogue, pairs, columns)
    ]


def _texts(record: dict[str, Any]) -> Shown:
    return {
        # A price of 12.0 reads better as 12.
        name: str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        for name, value in record.items()
        if value not in (None, "")
    }


def printable(text: str) -> str:
    """Return a text of the catalogue on one line, without what could move or colour a terminal."""
    spaced = " ".join(text.split())
    return "".join(c for c in spaced if unicodedata.category(c) != "Cc" and c not in _TURNING)


class AnswerBook:
    """One person's answers in the vote store; each is synced to the disk as it is written.

    Nothing is ever changed: of several answers on a pair the latest counts, and
    one that was taken back counts as none.
    """

    def __init__(self, store: VoteStore, annotator: str) -> None:
        self._store = store
        self._name = f"human/{annotator}"

    @classmethod
    @contextmanager
    def open(
        cls, account: Account, annotator: str, *, writing: bool = False
    ) -> Iterator[AnswerBook]:
        """Open the book in an account's vote store.

        Raises
        ------
        KarlError
            If the store cannot be read or written.
        UsageError
            If it is for writing and another process asks on the account.
        """
        with (
            VoteStore(account.store) as store,
            store.open_account(account.name) if writing else nullcontext(),
        ):
            yield cls(store, annotator)

    def key(self, pair: ShownPair, vote: int) -> Key:
        """Return what a vote, numbered from 0, is kept and found by."""
        return hash_json([self._name, DEFINITIONS, *pair.items]), vote

    def codes(self, pairs: Sequence[ShownPair], votes: int) -> NDArray[np.int8]:
        """Return the answers on pairs, shape (n, votes); 0 where there is none."""
        keys = [[self.key(pair, vote) for vote in range(votes)] for pair in pairs]
        found = self._store.find(key for row in keys for key in row)
        codes = {key: answer.value or NO_LABEL for key, answer in found.items()}
        rows = [[codes.get(key, NO_LABEL) for key in row] for row in keys]
        return np.array(rows, np.int8).reshape(len(pairs), votes)

    def answer(self, pair: ShownPair, vote: int, label: int | None, raw: str) -> NewAnswer:
        """Return an answer as it is written down; label None takes back the one that is there.

        `raw` is what was typed, or where the answer comes from.
        """
        return NewAnswer(self.key(pair, vote), pair.ids, label, raw)

    def write(self, answers: Sequence[NewAnswer], seconds: float | None = None) -> None:
        """Write answers down, all or none; `seconds` is how long each took."""
        # On the person's own account: it takes nothing from a run's budget of calls.
        call = Call(account=self._name, kind="label", model=self._name, prompt=DEFINITIONS)
        with self._store.transaction():
            for answer in answers:
                self._store.record(call, answer, seconds)
