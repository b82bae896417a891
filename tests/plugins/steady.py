"""A consensus from outside the package that looks at all rounds at once."""

from __future__ import annotations

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.consensus import Ballots, Consensus, Decision
from karl.labels import NO_LABEL


@dataclass(frozen=True)
class Steady(Consensus):
    """Accepts what all votes agree on, if votes agree often enough; their share is the weight."""

    at_least: float = Field(default=0.5, ge=0, le=1)

    def decide(self, ballots: Ballots) -> Decision:
        lowest = np.full(len(ballots), 10)
        highest = np.zeros(len(ballots), np.int64)
        counted = ~ballots.swapped
        np.minimum.at(lowest, ballots.pair[counted], ballots.codes[counted])
        np.maximum.at(highest, ballots.pair[counted], ballots.codes[counted])
        agreed = (lowest == highest) & (highest != NO_LABEL)
        steadiness = agreed.mean() if len(ballots) else 0.0
        accepted = agreed & (steadiness >= self.at_least)
        labels = np.where(accepted, highest, NO_LABEL).astype(np.int8)
        return Decision(labels, np.where(accepted, steadiness, 1.0))
