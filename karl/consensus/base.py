"""What a consensus is: a rule that turns votes into a label, or into none."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from karl.labels import to_relations

__all__ = ["Consensus", "Level", "at_level"]

Level = Literal["label", "relation"]


class Consensus(Protocol):
    """Decides which pairs are accepted, and with which label."""

    def decide(self, votes: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the accepted label of each pair.

        Parameters
        ----------
        votes : ndarray of int8, shape (n, n_votes)
            Codes 1 to 9; 0 is an invalid vote.

        Returns
        -------
        ndarray of int8, shape (n,)
            The accepted code; 0 where the pair is rejected.
        """
        ...


def at_level(votes: NDArray[np.int8], level: Level) -> NDArray[np.int8]:
    """Return what votes are compared by: their label or their relation.

    Parameters
    ----------
    votes : ndarray of int8, shape (n, n_votes)
    level : {"label", "relation"}

    Returns
    -------
    ndarray of int8, shape (n, n_votes)
        Values from 1; 0 is an invalid vote.
    """
    return votes if level == "label" else to_relations(votes) + np.int8(1)
