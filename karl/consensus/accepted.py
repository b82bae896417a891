"""The pairs that a consensus has accepted so far, with their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from karl.consensus.ballots import Ballots
from karl.consensus.base import Decision
from karl.datasets import LabelledPairs
from karl.labels import N_RELATIONS, NO_LABEL, to_relations

__all__ = ["Accepted"]


@dataclass(frozen=True, eq=False)
class Accepted:
    """Pairs of all rounds that have a label, hard or soft.

    Parameters
    ----------
    pairs : ndarray of int32, shape (n, 2)
    rounds : ndarray of int32, shape (n,)
        In which each was asked.
    labels : ndarray of int8, shape (n,)
        Codes 1 to 9.
    weights : ndarray of float64, shape (n,)
        How much each counts in training.
    relations : ndarray of float64, shape (n, 3), optional
        Soft labels; each row adds up to 1.
    """

    pairs: NDArray[np.int32]
    rounds: NDArray[np.int32]
    labels: NDArray[np.int8]
    weights: NDArray[np.float64]
    relations: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    @classmethod
    def none(cls) -> Accepted:
        """Return nothing accepted yet."""
        empty = np.empty(0)
        return cls(np.empty((0, 2), np.int32), empty.astype(np.int32), empty.astype(np.int8), empty)

    @classmethod
    def of(cls, ballots: Ballots, decision: Decision) -> Accepted:
        """Keep the pairs that a decision gives a label."""
        everything = cls(
            ballots.pairs, ballots.rounds, decision.labels, decision.weights, decision.relations
        )
        return everything._take(decision.labels != NO_LABEL)

    def in_round(self, number: int) -> Accepted:
        """Return those that were asked in one round."""
        return self._take(self.rounds == number)

    def _take(self, which: NDArray[np.bool_]) -> Accepted:
        return Accepted(
            self.pairs[which],
            self.rounds[which],
            self.labels[which],
            self.weights[which],
            None if self.relations is None else self.relations[which],
        )

    def labelled(self) -> LabelledPairs:
        """Return the pairs with hard labels."""
        return LabelledPairs(self.pairs, to_relations(self.labels), self.labels, "llm")

    def weighted(
        self,
    ) -> tuple[NDArray[np.int32], NDArray[np.int8], NDArray[np.float64]]:
        """Return the labels as a classifier takes them: one relation and a weight each.

        The loss of a soft label is that of its relations, each weighted by its share: so a
        pair with a soft label comes once for every relation that has one.

        Returns
        -------
        pairs : ndarray of int32, shape (m, 2)
        relations : ndarray of int8, shape (m,)
        weights : ndarray of float64, shape (m,)
        """
        if self.relations is None:
            return self.pairs, to_relations(self.labels), self.weights
        shares = self.weights[:, None] * self.relations
        at, relation = np.nonzero(shares)
        assert shares.shape[1] == N_RELATIONS  # noqa: S101
        return self.pairs[at], relation.astype(np.int8), shares[at, relation]
