"""Diversity of a training set: how little its feature vectors resemble each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Diversity", "diversity"]

_BLOCK_ROWS = 512
# The last bits of a matrix product are those of the processor.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Diversity:
    """The diversity of a training set, and whether all its rows, or how many, were compared.

    `value` is between 0 (all rows the same up to scale, shift and sign) and 1 (no two
    rows correlated); NaN where there are fewer than two rows.
    """

    value: float
    n_rows: int
    exact: bool


def diversity(features: ArrayLike, *, exact_up_to: int = 5000, seed: int = 0) -> Diversity:
    """Measure the diversity of a training set.

    It is 1 − mean |r(i, j)| over all pairs of rows i < j, where r is Pearson's
    correlation of two feature vectors. A constant row has no correlation; it
    counts as 0, that is as unlike every other row. Fewer than two rows have no
    pair to average over, which gives NaN. The value is rounded to 6 decimals. Source:
    KARL, arXiv 2509.05564, diversity of the training data.

    It takes O(n² p) time, about a second for 5,000 × 1,200 on one core, and memory
    for a float64 copy of the compared rows and for 512 × n correlations at a time.

    Parameters
    ----------
    features : array_like of float32, shape (n, p)
        Feature vectors of the training pairs.
    exact_up_to : int, default 5000
        With more rows than this, that many are drawn without replacement and
        compared in place of all. At least 2.
    seed : int, default 0
        Seed of that draw.

    Raises
    ------
    ValueError
        If `features` is not two-dimensional or not finite, or `exact_up_to` is
        below 2.
    """
    if exact_up_to < 2:
        raise ValueError(f"exact_up_to must be at least 2, got {exact_up_to}")
    X = np.asarray(features, dtype=np.float32)
    if X.ndim != 2:
        raise ValueError(f"features must have shape (n, p), got {X.shape}")
    rows = _sampled(X, exact_up_to, seed)
    if not np.isfinite(rows).all():
        raise ValueError("features must be finite")
    n = len(rows)
    value = float("nan") if n < 2 else _diversity(_standardized(rows))
    return Diversity(value=value, n_rows=n, exact=n == len(X))


def _sampled(X: NDArray[np.float32], at_most: int, seed: int) -> NDArray[np.float32]:
    if len(X) <= at_most:
        return X
    chosen = np.random.default_rng(seed).choice(len(X), size=at_most, replace=False)
    return X[np.sort(chosen)]


def _standardized(X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Centre each row and scale it to length 1, so that a dot product is a correlation."""
    Z = X.astype(np.float64)
    if Z.shape[1] == 0:
        return Z
    Z -= Z.mean(axis=1, keepdims=True)
    # Compared exactly: the centred values of a constant row need not be exactly 0.
    constant = X.min(axis=1) == X.max(axis=1)
    Z[constant] = 0.0
    norms = np.linalg.norm(Z, axis=1, keepdims=True)
    norms[constant] = 1.0
    Z /= norms
    return Z


def _diversity(Z: NDArray[np.float64]) -> float:
    """Average over the pairs i < j, one block of rows i at a time."""
    n, total = len(Z), 0.0
    for start in range(0, n, _BLOCK_ROWS):
        block = Z[start : start + _BLOCK_ROWS]
        correlations = block @ Z[start:].T
        np.abs(correlations, out=correlations)
        # Within the block itself each pair stands twice, and each row with itself.
        within = np.triu(correlations[:, : len(block)], k=1)
        beyond = correlations[:, len(block) :]
        total += float(within.sum(dtype=np.float64)) + float(beyond.sum(dtype=np.float64))
    mean = total / (n * (n - 1) / 2)
    return round(float(np.clip(1.0 - mean, 0.0, 1.0)), _DECIMALS)
