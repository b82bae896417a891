"""What an annotator is: something that votes on ordered pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from karl.datasets import Dataset, Votes

__all__ = ["Annotation", "Annotator", "Usage"]


@dataclass(frozen=True)
class Usage:
    """What an annotation took.

    Parameters
    ----------
    calls : int
        Requests that were answered; a vote of a simulated annotator is one.
    tokens_in, tokens_out : int
        Tokens of the prompts and of the answers.
    cost_usd : float
        US dollars.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.cost_usd + other.cost_usd,
        )


@dataclass(frozen=True, eq=False)
class Annotation:
    """The votes on some pairs, in the order in which they were asked.

    Parameters
    ----------
    votes : Votes
    usage : Usage
    """

    votes: Votes
    usage: Usage


class Annotator(Protocol):
    """Gives function-based labels to ordered pairs, several votes for each."""

    def annotate(self, dataset: Dataset, pairs: NDArray[np.int32]) -> Annotation:
        """Vote on pairs.

        Parameters
        ----------
        dataset : Dataset
        pairs : ndarray of int32, shape (n, 2)
            Row numbers of items 1 and 2.

        Returns
        -------
        Annotation
            Votes on the same pairs, in the same order.

        Raises
        ------
        ConfigError
            If the annotator cannot answer for this data set.
        """
        ...
