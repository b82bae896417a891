"""From the votes of several annotators to one label per pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from karl.labels import NO_LABEL

__all__ = ["agreed_by_two", "majority_or_first"]


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
