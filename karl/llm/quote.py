"""What asking a language model would take, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["Estimate"]


@dataclass(frozen=True)
class Estimate:
    """What asking would take.

    Parameters
    ----------
    what : str
        What is asked for.
    answers : int
        Answers that are wanted.
    stored : int
        Those of them that the vote store has: they cost nothing.
    calls : int
        Requests, if no answer is invalid and none fails.
    tokens_in, tokens_out : int
        Expected.
    cost_usd, most_usd : float
        Expected, and if every answer is as long as it may be.
    seconds : float
        Expected, with the configured concurrency and limits; a day for a batch.
    measured : bool
        Whether tokens and time follow from earlier answers to the same prompt,
        not from a tokenizer and assumptions.
    """

    what: str
    answers: int
    stored: int
    calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    most_usd: float
    seconds: float
    measured: bool

    @classmethod
    def total(cls, parts: Sequence[Estimate]) -> Estimate:
        """Return the sum of several estimates."""
        return cls(
            what="total",
            answers=sum(part.answers for part in parts),
            stored=sum(part.stored for part in parts),
            calls=sum(part.calls for part in parts),
            tokens_in=sum(part.tokens_in for part in parts),
            tokens_out=sum(part.tokens_out for part in parts),
            cost_usd=sum(part.cost_usd for part in parts),
            most_usd=sum(part.most_usd for part in parts),
            seconds=sum(part.seconds for part in parts),
            measured=all(part.measured for part in parts),
        )

    def times(self, factor: float, what: str) -> Estimate:
        """Return the estimate of so many times as much."""
        return replace(
            self,
            what=what,
            answers=round(self.answers * factor),
            stored=round(self.stored * factor),
            calls=round(self.calls * factor),
            tokens_in=round(self.tokens_in * factor),
            tokens_out=round(self.tokens_out * factor),
            cost_usd=self.cost_usd * factor,
            most_usd=self.most_usd * factor,
            seconds=self.seconds * factor,
        )
