"""Plain settings of an experiment that are no strategy."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

__all__ = ["Budget"]


@dataclass(frozen=True)
class Budget:
    """How much a run may do; every limit can be raised later to go on.

    Parameters
    ----------
    rounds : int
        Active-learning rounds after the seed.
    labels_per_round, labels : int, optional
        Pairs sent to the annotator in one round and in the whole run; the sampler has a limit
        of its own (one pair for every fine category).
    usd, calls, tokens : float or int, optional
        What the run may spend on a language model: US dollars, requests, and tokens of prompts
        and answers together. Hard: no call is sent that could break one.
    """

    rounds: int = Field(default=10, ge=0)
    labels_per_round: int | None = Field(default=None, ge=1)
    labels: int | None = Field(default=None, ge=0)
    usd: float | None = Field(default=None, ge=0)
    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)

    def allowance(self, asked: int) -> int | None:
        """Return how many pairs the next round may ask for after so many; None: no limit."""
        left = None if self.labels is None else max(0, self.labels - asked)
        limits = [limit for limit in (left, self.labels_per_round) if limit is not None]
        return min(limits, default=None)

    def labels_used_up(self, asked: int) -> bool:
        """Whether the run's label budget allows no further pair."""
        return self.labels is not None and asked >= self.labels
