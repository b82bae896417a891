"""Simulated human annotators, who err most often where people do."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from karl.labels import N_LABELS

__all__ = ["CONFUSION", "annotate"]

# How often an annotator gives another label than the true one: neighbours
# within a relation above all, then vague cases across relations. Symmetric
# under the exchange of the two items. The total leads to a pairwise macro-F1
# between annotators of about 0.87 over the three relations.
_CONFUSED: Final = {
    1: {7: 0.020, 8: 0.010, 9: 0.050},
    2: {4: 0.030, 5: 0.050, 7: 0.050, 8: 0.015, 9: 0.040},
    3: {4: 0.030, 6: 0.050, 7: 0.050, 8: 0.015, 9: 0.040},
    4: {2: 0.020, 3: 0.020, 7: 0.100, 8: 0.015, 9: 0.035},
    5: {1: 0.010, 2: 0.030, 7: 0.150, 8: 0.020, 9: 0.050},
    6: {1: 0.010, 3: 0.030, 7: 0.150, 8: 0.020, 9: 0.050},
    7: {1: 0.010, 4: 0.020, 5: 0.080, 6: 0.080, 8: 0.025, 9: 0.050},
    8: {1: 0.005, 7: 0.020, 9: 0.120},
    9: {1: 0.045, 5: 0.010, 6: 0.010, 7: 0.040, 8: 0.150},
}


def _confusion() -> NDArray[np.float64]:
    matrix = np.zeros((N_LABELS, N_LABELS))
    for true, given in _CONFUSED.items():
        for label, share in given.items():
            matrix[true - 1, label - 1] = share
    return matrix + np.diag(1 - matrix.sum(axis=1))


CONFUSION: Final = _confusion()
"""Share of every given label (columns) among those of a true label (rows), (9, 9)."""


def annotate(truth: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.int8]:
    """Return the labels that one annotator gives to pairs with these true labels, (n,) each."""
    below = np.cumsum(CONFUSION, axis=1)[:, :-1]
    draws = rng.random(len(truth))[:, None]
    labels = (draws >= below[truth - 1]).sum(axis=1) + 1
    return np.asarray(labels, dtype=np.int8)
