"""What a consensus is: a rule that turns votes into labels, or into none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from karl.consensus.ballots import Ballots
from karl.labels import N_RELATIONS, NO_LABEL, to_relations

__all__ = ["Consensus", "Decision", "Level", "VoteRule", "at_level"]

Level = Literal["label", "relation"]

_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Decision:
    """Which pairs are accepted, with which labels, and how much these count.

    Parameters
    ----------
    labels : ndarray of int8, shape (n,)
        The accepted code; 0 where the pair is rejected.
    weights : ndarray of float64, shape (n,), optional
        How much each accepted pair counts in training, above 0; 1 if left out.
        One number stands for all pairs.
    relations : ndarray of float64, shape (n, 3), optional
        Soft labels: the probability of each relation, in the order of
        `Relation`. None leaves it at the relation of the label.

    Raises
    ------
    ValueError
        If shapes do not fit, a code is not 0 to 9, an accepted pair's weight is
        not above 0 and finite, or a row of `relations` is no distribution.
    """

    labels: NDArray[np.int8]
    weights: NDArray[np.float64] = field(default_factory=lambda: np.ones(()))
    relations: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.labels.ndim != 1:
            raise ValueError(f"labels need one entry a pair, not shape {self.labels.shape}")
        to_relations(self.labels)  # refuses what is no code
        object.__setattr__(self, "labels", np.asarray(self.labels, np.int8))
        weights = np.broadcast_to(np.asarray(self.weights, np.float64), self.labels.shape).copy()
        object.__setattr__(self, "weights", weights)
        counting = weights[self.labels != NO_LABEL]
        if not ((counting > 0) & np.isfinite(counting)).all():
            raise ValueError("the weight of an accepted pair must be above 0 and finite")
        if self.relations is not None:
            _check_distributions(self.relations, len(self.labels))

    def __len__(self) -> int:
        return len(self.labels)


class Consensus(ABC):
    """Decides which pairs are accepted, and with which label.

    Attributes
    ----------
    gold_pairs : int
        How many human-labelled pairs the rule wants votes on, in
        `Ballots.gold`. A rule may have it as a field.
    """

    gold_pairs: int = 0

    @abstractmethod
    def decide(self, ballots: Ballots) -> Decision:
        """Decide on every pair that was asked about, in this round and before.

        Parameters
        ----------
        ballots : Ballots

        Returns
        -------
        Decision
            In the order of `ballots.pairs`. What is accepted does not depend on
            that order.
        """


class VoteRule(Consensus):
    """A rule that looks at one pair at a time: all it is is its `accept`."""

    @abstractmethod
    def accept(self, votes: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the accepted label of each pair.

        Parameters
        ----------
        votes : ndarray of int8, shape (n, n_votes)
            At least one vote on each pair: codes 1 to 9; 0 is an invalid vote.

        Returns
        -------
        ndarray of int8, shape (n,)
            The accepted code; 0 where the pair is rejected.
        """

    def decide(self, ballots: Ballots) -> Decision:
        """Accept pairs by the votes in the given order of items; see `Consensus.decide`."""
        votes, asked = ballots.matrix(), ballots.asked()
        labels = np.full(len(ballots), NO_LABEL, np.int8)
        # A vote that was never asked for is not an invalid one: were it, a round with more
        # votes than another would have all pairs of the other rejected.
        patterns, group = np.unique(asked, axis=0, return_inverse=True)
        for k, pattern in enumerate(patterns):
            rows = group.reshape(-1) == k
            if pattern.any():
                labels[rows] = self.accept(votes[rows][:, pattern])
        return Decision(labels)


def at_level(votes: NDArray[np.int8], level: Level) -> NDArray[np.int8]:
    """Return what votes are compared by: their label or their relation.

    Parameters
    ----------
    votes : ndarray of int8, any shape
    level : {"label", "relation"}

    Returns
    -------
    ndarray of int8, same shape
        Values from 1; 0 is an invalid vote.
    """
    return votes if level == "label" else to_relations(votes) + np.int8(1)


def _check_distributions(rows: NDArray[np.float64], n: int) -> None:
    if rows.shape != (n, N_RELATIONS):
        raise ValueError(f"soft labels of {n} pairs have shape {rows.shape}")
    # NaN is refused too, as it compares to nothing.
    if not ((rows >= 0).all() and (np.abs(rows.sum(axis=1) - 1) <= _TOLERANCE).all()):
        raise ValueError("each row of soft labels must hold probabilities that add up to 1")
