"""Majority consensus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.consensus.base import Level, VoteRule, at_level
from karl.labels import NO_LABEL

__all__ = ["Majority"]


@dataclass(frozen=True)
class Majority(VoteRule):
    """Accepts a pair when more than half of all votes, invalid ones included, agree.

    Parameters
    ----------
    level : {"label", "relation"}
        Whether votes are compared by their label or their relation. At the
        level of relations the first label of the winning relation is kept.
    """

    level: Level = "label"

    def accept(self, votes: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the accepted label of each pair; see `VoteRule.accept`."""
        compared = at_level(votes, self.level)
        supporters = (compared[:, :, None] == compared[:, None, :]).sum(axis=2)
        supporters[votes == NO_LABEL] = 0
        best = supporters.argmax(axis=1)
        rows = np.arange(len(votes))
        accepted = 2 * supporters[rows, best] > votes.shape[1]
        return np.where(accepted, votes[rows, best], NO_LABEL).astype(np.int8)
