"""Scores of classes against the true ones; precision, recall and F1 come from counts alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from karl.labels import N_RELATIONS, Relation

__all__ = ["Scores", "confusion", "macro_f1", "score"]

_CLASSES = list(map(int, Relation))


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one set of predictions; all but `confusion` lie in [0, 1].

    Macro-F1, the paper's figure of merit, precision and recall are unweighted means
    over the three classes. `confusion` has counts in the order of `Relation`; rows are
    the truth, columns the prediction.
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
    reach a macro-F1 above 2/3. Source: KARL, arXiv 2509.05564, which has macro-F1 on
    the ID and OOD evaluation sets.

    Raises
    ------
    ValueError
        If the arrays, shape (n,), are empty, differ in shape, are not one-dimensional
        or hold anything but values of `Relation`.
    """
    true, guess = _relations(truth, "truth"), _relations(predicted, "predicted")
    if true.shape != guess.shape:
        raise ValueError(f"{true.size} true relations but {guess.size} predicted ones")
    counts = confusion(true, guess, N_RELATIONS)[:, :N_RELATIONS]
    right = np.diag(counts)
    precision = right / np.maximum(counts.sum(axis=0), 1)
    recall = right / np.maximum(counts.sum(axis=1), 1)
    f1, _ = _f1(counts)
    return Scores(
        macro_f1=float(f1.mean()),
        accuracy=float(np.mean(true == guess)),
        precision_macro=float(precision.mean()),
        recall_macro=float(recall.mean()),
        f1_complementary=float(f1[Relation.COMPLEMENTARY]),
        f1_substitute=float(f1[Relation.SUBSTITUTE]),
        f1_unrelated=float(f1[Relation.UNRELATED]),
        confusion=tuple(map(tuple, counts.tolist())),
    )


def confusion(
    truth: NDArray[np.integer], given: NDArray[np.integer], n_classes: int
) -> NDArray[np.int64]:
    """Count pairs by their true and their given class, both 0 to `n_classes` - 1.

    `given` is negative where no class was given. Rows are the truth; the last of
    `n_classes` + 1 columns counts what was given no class.
    """
    column = np.where(given < 0, n_classes, given).astype(np.int64)
    cells = truth.astype(np.int64) * (n_classes + 1) + column
    counts = np.bincount(cells, minlength=n_classes * (n_classes + 1))
    return counts.reshape(n_classes, n_classes + 1)


def macro_f1(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean F1 over the classes that occur, as the truth or as given.

    F1 = 2 right / (true + given), so that it is the same whichever of two
    annotators is taken for the truth. `counts` are one table of `confusion` or many:
    shape (..., n_classes, n_classes) or one more column.
    """
    f1, occurs = _f1(counts)
    return np.asarray(f1.sum(axis=-1) / occurs.sum(axis=-1))


def _f1(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the F1 of each class, 0 of one that nowhere occurs, and which do occur."""
    n_classes = counts.shape[-2]
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    total = counts.sum(axis=-1) + counts[..., :n_classes].sum(axis=-2)
    return 2 * right / np.maximum(total, 1), total > 0


def _relations(values: ArrayLike, name: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: one relation per row is needed, got shape {array.shape}")
    if not np.isin(array, _CLASSES).all():
        raise ValueError(f"{name}: relations are 0 to {N_RELATIONS - 1}, got {np.unique(array)}")
    return array.astype(np.int64)
