"""No consensus: one vote is enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

from karl.consensus.base import VoteRule

__all__ = ["First"]


@dataclass(frozen=True)
class First(VoteRule):
    """Accepts every pair with its first vote, unless that is invalid."""

    def accept(self, votes: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the first vote of each pair; see `VoteRule.accept`."""
        return votes[:, 0].copy()
