"""No consensus: one vote is enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass

__all__ = ["First"]


@dataclass(frozen=True)
class First:
    """Accepts every pair with its first vote, unless that is invalid."""

    def decide(self, votes: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the first vote of each pair; see `Consensus.decide`."""
        return votes[:, 0].copy()
