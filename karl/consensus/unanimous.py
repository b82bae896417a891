"""The paper's consensus: all votes agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.consensus.base import Level, VoteRule, at_level
from karl.labels import NO_LABEL

__all__ = ["Unanimous"]


@dataclass(frozen=True)
class Unanimous(VoteRule):
    """Accepts a pair when every vote is valid and all agree (KARL, arXiv 2509.05564).

    Parameters
    ----------
    level : {"label", "relation"}
        Whether the nine labels or the three relations must agree. At the level
        of relations the first vote's label is kept.
    """

    level: Level = "label"

    def accept(self, votes: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the accepted label of each pair; see `VoteRule.accept`."""
        compared = at_level(votes, self.level)
        agreed = (compared == compared[:, :1]).all(axis=1)
        return np.where(agreed, votes[:, 0], NO_LABEL).astype(np.int8)
