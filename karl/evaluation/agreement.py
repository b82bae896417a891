"""How far annotators agree with one another."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from karl.evaluation.metrics import confusion, macro_f1

__all__ = ["fleiss_kappa", "pairwise_macro_f1", "unanimous"]


def fleiss_kappa(votes: NDArray[np.integer], n_classes: int) -> float | None:
    """Return Fleiss' kappa, agreement beyond chance, also with missing votes.

    Items with fewer than two votes are left out. An item's agreement is the
    share of its pairs of votes that agree, so items may have different
    numbers of votes; with equal numbers this is the original measure
    (Fleiss, Psychological Bulletin 76, 1971).

    `votes`, shape (n, n_annotators), are classes 0 to `n_classes` - 1, negative where
    one is missing. 1 is full agreement, 0 what chance gives; None if no item has two
    votes or all votes are the same class.
    """
    counts = (votes[:, :, None] == np.arange(n_classes)).sum(axis=1)
    counts = counts[counts.sum(axis=1) >= 2]
    if len(counts) == 0:
        return None
    size = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (size * (size - 1))
    share = counts.sum(axis=0) / counts.sum()
    chance = float((share**2).sum())
    return (float(agreeing.mean()) - chance) / (1 - chance) if chance < 1 else None


def pairwise_macro_f1(votes: NDArray[np.integer]) -> float | None:
    """Return the macro-F1 between two annotators, averaged over their pairs.

    "Annotators" are the columns of the votes, not the people behind them, who
    change from row to row: that gives the published 0.885 on three relations
    of FBL2023, over all its rows. A pair of annotators is compared on the
    items that both answered.

    `votes`, shape (n, n_annotators), are classes from 0, negative where one is missing.
    None if no two annotators share an item.
    """
    scores = []
    for one, other in combinations(votes.T, 2):
        both = (one >= 0) & (other >= 0)
        if both.any():
            given, codes = np.unique([one[both], other[both]], return_inverse=True)
            first, second = codes.reshape(2, -1)
            scores.append(macro_f1(confusion(first, second, len(given))))
    return float(np.mean(scores)) if scores else None


def unanimous(votes: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which items got the same vote from every annotator, shape (n,).

    `votes`, shape (n, n_annotators), are classes from 0; one that is missing, which is
    negative, is no agreement.
    """
    same: NDArray[np.bool_] = (votes == votes[:, :1]).all(axis=1) & (votes[:, 0] >= 0)
    return same
