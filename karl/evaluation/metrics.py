"""Scores of predicted relations against human labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from karl.labels import N_RELATIONS, Relation

__all__ = ["Scores", "score"]

_CLASSES = list(map(int, Relation))


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one set of predictions; all but `confusion` lie in [0, 1].

    Attributes
    ----------
    macro_f1 : float
        Unweighted mean of the three class F1 scores: the paper's figure of merit.
    accuracy : float
        Share of the predictions that are right.
    precision_macro, recall_macro : float
        Unweighted means over the three classes.
    f1_complementary, f1_substitute, f1_unrelated : float
        F1 score of each class.
    confusion : tuple of 3 tuples of 3 int
        Counts in the order of `Relation`; rows are the truth, columns the prediction.
    """

    macro_f1: float
    accuracy: float
    precision_macro: float
    recall_macro: float
    f1_complementary: float
    f1_substitute: float
    f1_unrelated: float
    confusion: tuple[tuple[int, ...], ...]


def score(truth: ArrayLike, predicted: ArrayLike) -> Scores:
    """Score predicted relations against the true ones.

    All three classes always count in the means. A ratio with nothing to divide
    by is 0, so a class that neither array holds has precision, recall and F1 of
    0 (scikit-learn's ``zero_division=0``): a set without substitutes cannot
    reach a macro-F1 above 2/3.

    Parameters
    ----------
    truth, predicted : array_like of int, shape (n,)
        Values of `Relation`.

    Returns
    -------
    Scores

    Raises
    ------
    ValueError
        If the arrays are empty, differ in shape, are not one-dimensional or
        hold anything but values of `Relation`.

    References
    ----------
    KARL, arXiv 2509.05564: macro-F1 on the ID and OOD evaluation sets.
    """
    true, guess = _relations(truth, "truth"), _relations(predicted, "predicted")
    if true.shape != guess.shape:
        raise ValueError(f"{true.size} true relations but {guess.size} predicted ones")
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, guess, labels=_CLASSES, average=None, zero_division=0
    )
    return Scores(
        macro_f1=float(f1.mean()),
        accuracy=float(np.mean(true == guess)),
        precision_macro=float(precision.mean()),
        recall_macro=float(recall.mean()),
        f1_complementary=float(f1[Relation.COMPLEMENTARY]),
        f1_substitute=float(f1[Relation.SUBSTITUTE]),
        f1_unrelated=float(f1[Relation.UNRELATED]),
        confusion=_as_tuples(confusion_matrix(true, guess, labels=_CLASSES)),
    )


def _relations(values: ArrayLike, name: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: one relation per row is needed, got shape {array.shape}")
    if not np.isin(array, _CLASSES).all():
        raise ValueError(f"{name}: relations are 0 to {N_RELATIONS - 1}, got {np.unique(array)}")
    return array.astype(np.int64)


def _as_tuples(matrix: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(count) for count in row) for row in matrix)
