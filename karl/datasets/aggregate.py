"""From what several annotators said to labelled pairs, and what was left out on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from karl.datasets.pairs import Annotations, LabelledPairs, ordered_pair_keys
from karl.labels import NO_LABEL, to_relations

__all__ = ["PairSet", "agreed_by_two", "count_repeats", "labelled_by_two", "majority_or_first"]


@dataclass(frozen=True, eq=False)
class PairSet:
    """A set of labelled pairs as a reader makes it.

    Parameters
    ----------
    pairs : LabelledPairs
    annotations : Annotations, optional
        What each annotator said of all pairs that were asked about.
    counts : mapping of str to int
        `rows`, those `without_agreement`, and what `count_repeats` finds in the others.
    """

    pairs: LabelledPairs
    annotations: Annotations | None
    counts: Mapping[str, int]

    @classmethod
    def of(cls, asked: LabelledPairs, *, keep_repeats: bool = False) -> PairSet:
        """Keep the pairs that have a relation, and of repeated ordered pairs the first.

        Parameters
        ----------
        asked : LabelledPairs
            Their relation is -1 where annotators did not agree.
        keep_repeats : bool
            Whether repeated pairs are kept, too.
        """
        agreed = asked.take(asked.relations >= 0)
        counts = {"rows": len(asked), "without_agreement": len(asked) - len(agreed)}
        pairs = agreed if keep_repeats else agreed.take(~_repeats(ordered_pair_keys(agreed.items)))
        return cls(pairs, asked.annotations, counts | count_repeats(agreed))


def count_repeats(pairs: LabelledPairs) -> dict[str, int]:
    """Count what a set of labelled pairs has more than once.

    Returns
    -------
    dict of str to int
        `repeated_ordered_pairs`, `repeated_unordered_pairs` (in either order,
        the former included) and `conflicts`: how many of the latter have
        another relation than the first occurrence.
    """
    first = pairs.relations[_first_positions(pairs.keys)]
    return {
        "repeated_ordered_pairs": int(_repeats(ordered_pair_keys(pairs.items)).sum()),
        "repeated_unordered_pairs": int(_repeats(pairs.keys).sum()),
        "conflicts": int((pairs.relations != first).sum()),
    }


def labelled_by_two(items: NDArray[np.int32], votes: NDArray[np.int8]) -> LabelledPairs:
    """Give pairs the label that two annotators agree on; their relation is -1 without one."""
    labels = agreed_by_two(votes)
    return LabelledPairs(items, to_relations(labels), labels, "human", Annotations.of_labels(votes))


def agreed_by_two(votes: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return the code that at least two annotators gave: the rule of FBL2023.

    Parameters
    ----------
    votes : ndarray of int, shape (n, n_annotators)
        Codes; 0 is a missing vote.

    Returns
    -------
    ndarray of int8, shape (n,)
        0 where no two agree, or where two codes have as many votes (which
        takes four annotators).
    """
    support = _support(votes)
    most = support.max(axis=1, initial=0)
    code = _first_best(votes, support)
    rivals = (support == most[:, None]) & (votes != code[:, None])
    return np.where((most >= 2) & ~rivals.any(axis=1), code, NO_LABEL).astype(np.int8)


def majority_or_first(votes: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return the most frequent code, of equals the one given first: the rule of FBL2024.

    Parameters
    ----------
    votes : ndarray of int, shape (n, n_annotators)
        Codes; 0 is a missing vote.

    Returns
    -------
    ndarray of int8, shape (n,)
        Where all annotators differ this is the first one's code; 0 where
        there is no vote at all.
    """
    return _first_best(votes, _support(votes))


def _support(votes: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many annotators gave the code of each annotator; shape (n, n_annotators)."""
    same = votes[:, :, None] == votes[:, None, :]
    return np.where(votes == NO_LABEL, 0, same.sum(axis=2))


def _first_best(votes: NDArray[np.integer], support: NDArray[np.int64]) -> NDArray[np.int8]:
    best: NDArray[np.integer] = votes[np.arange(len(votes)), support.argmax(axis=1)]
    return best.astype(np.int8)


def _repeats(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which elements equal an earlier one."""
    later: NDArray[np.bool_] = _first_positions(keys) != np.arange(len(keys))
    return later


def _first_positions(keys: NDArray[np.int64]) -> NDArray[np.intp]:
    """Position of the first element that equals each element."""
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return first[group]
