"""Pairs that a data set holds more than once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from karl.datasets.pairs import LabelledPairs, ordered_pair_keys

__all__ = ["conflicts", "repeats_ordered", "repeats_unordered"]


def repeats_ordered(pairs: LabelledPairs) -> NDArray[np.bool_]:
    """Return which pairs repeat an earlier one with its items in the same order.

    Parameters
    ----------
    pairs : LabelledPairs, n pairs

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    return _repeats(ordered_pair_keys(pairs.items))


def repeats_unordered(pairs: LabelledPairs) -> NDArray[np.bool_]:
    """Return which pairs repeat an earlier one in either order; shape (n,)."""
    return _repeats(pairs.keys)


def conflicts(pairs: LabelledPairs) -> NDArray[np.bool_]:
    """Return which pairs have another relation than their first occurrence.

    Occurrences in either order count, since a relation has no direction;
    shape (n,).
    """
    differs: NDArray[np.bool_] = pairs.relations != pairs.relations[_first_positions(pairs.keys)]
    return differs


def _repeats(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    later: NDArray[np.bool_] = _first_positions(keys) != np.arange(len(keys))
    return later


def _first_positions(keys: NDArray[np.int64]) -> NDArray[np.intp]:
    """Position of the first element that equals each element."""
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return first[group]
