"""What a sampler chooses from: the candidates of a round, and all that is known beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from karl.datasets import LabelledPairs
from karl.features import Items

__all__ = ["PastRound", "Pool"]

_NO_PAIRS = LabelledPairs.empty("human")


@dataclass(frozen=True, eq=False)
class PastRound:
    """What an earlier round asked, and what came of it.

    Parameters
    ----------
    number : int
        From 1.
    asked : ndarray of int32, shape (n, 2)
        Pairs that it had labelled.
    accepted : LabelledPairs
        Those of them that have a label, as the consensus sees it now.
    held_out : mapping of str to float, optional
        Scores on held-out training pairs of a model fitted to the labels up to this
        round: `macro_f1`, `f1_complementary`, and so on. None unless the sampler wants
        them.
    """

    number: int
    asked: NDArray[np.int32]
    accepted: LabelledPairs
    held_out: Mapping[str, float] | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """The candidate pairs of a round and the situation in which some are chosen.

    Only the first three are needed where a strategy does not look at the others.

    Parameters
    ----------
    pairs : ndarray of int32, shape (n, 2)
        Row numbers in the catalogue: query item and candidate.
    categories : ndarray of int32, shape (n,)
        Stratum of each pair: the fine category of its query item.
    predict : callable
        Takes pairs (k, 2), gives the class probabilities of the current committee's
        members as float64, shape (n_members, k, 3).
    limit : int, optional
        Pairs that may be chosen at most; None leaves it to the strategy.
    seed : int
        Of random choices and of ties.
    round : int
        The round that the labels are for, from 1.
    rounds_left : int
        Rounds after this one.
    labels_left : int, optional
        Pairs that may be asked in this and all later rounds; None: no limit.
    items : Items, optional
        Vectors, categories and prices of all items of the catalogue.
    features : callable, optional
        Takes any pairs (k, 2), gives their features as float32, shape (k, n_features).
    train : LabelledPairs
        What the committee was fitted to.
    human : ndarray of bool, shape (len(train),)
        Which of these people labelled; an annotator labelled the others.
    history : sequence of PastRound
        Earlier rounds, the first one first.
    seed_held_out : mapping of str to float, optional
        What `PastRound.held_out` is for a round, of the seed model.
    batch_size : int
        Pairs that are predicted at a time; bounds the memory.
    """

    pairs: NDArray[np.int32]
    categories: NDArray[np.int32]
    predict: Callable[[NDArray[np.int32]], NDArray[np.float64]]
    limit: int | None = None
    seed: int = 0
    round: int = 1
    rounds_left: int = 0
    labels_left: int | None = None
    items: Items | None = None
    features: Callable[[NDArray[np.int32]], NDArray[np.float32]] | None = None
    train: LabelledPairs = _NO_PAIRS
    human: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    history: Sequence[PastRound] = ()
    seed_held_out: Mapping[str, float] | None = None
    batch_size: int = 8192

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def n_wanted(self) -> int:
        """Pairs to choose, for a strategy that has no number of its own.

        The limit of the round; without one, one pair for each fine category.
        """
        n_categories = len(np.unique(self.categories))
        if self.limit is None:
            return n_categories
        # A limit on all rounds alone is not to be spent on the first.
        total_only = self.limit == self.labels_left and self.rounds_left > 0
        return min(self.limit, n_categories if total_only else len(self))

    def probabilities(self) -> Iterator[NDArray[np.float64]]:
        """Yield the members' probabilities batch by batch, in the pool's order."""
        for start in range(0, len(self), self.batch_size):
            yield self.predict(self.pairs[start : start + self.batch_size])
