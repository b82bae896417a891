"""How sure the figures of a study are: means over its runs, with intervals.

The runs of a study stand in folds and seeds. Runs of one fold are tested on the
same pairs and so are alike; `resample` therefore draws folds, then seeds within
them. It gives one matrix of weights, with which every mean, ratio and difference
is a matrix product, and in which the runs of two strategies with the same fold
and seed are drawn together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "N_RESAMPLES",
    "Interval",
    "area_under_curve",
    "interval",
    "means",
    "pooled_means",
    "relative_gains",
    "resample",
]

N_RESAMPLES: Final = 2000

_SEED: Final = 0
_BOUNDS: Final = (2.5, 97.5)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure of the runs as they are with its bootstrap 95 % interval.

    The figure is NaN if it is undefined. `low` and `high` are the percentiles 2.5 and
    97.5 of the figure over the resamples; NaN where there is none, as with a single run.
    """

    value: float
    low: float = math.nan
    high: float = math.nan


def resample(
    folds: Sequence[int | None], seeds: Sequence[int], n_resamples: int = N_RESAMPLES
) -> Floats:
    """Draw runs for a two-stage bootstrap: folds, then seeds within each drawn fold.

    As many folds as there are get drawn with replacement, and for each drawn fold as
    many of its seeds as it has, with replacement (the cluster bootstrap: Davison and
    Hinkley, Bootstrap Methods and their Application, 1997, section 3.8; Saravanan et
    al., Application of the hierarchical bootstrap, 2020). With a single fold only
    its seeds are drawn, with one seed a fold only folds.

    Parameters
    ----------
    folds, seeds : sequence of int, length n_runs
        Of each run; no two runs have both in common. Runs with the fold None are of
        one fold.

    Returns
    -------
    ndarray of float, shape (1 + n_resamples, n_runs)
        How often each run counts. The first row is the runs as they are: all ones.
        A run's column depends on its fold and seed, not on the order of the runs.

    Raises
    ------
    ValueError
        If two runs have the same fold and seed.
    """
    keys = [(-1 if fold is None else fold, seed) for fold, seed in zip(folds, seeds, strict=True)]
    if len(set(keys)) < len(keys):
        raise ValueError("two runs have the same fold and seed")
    weights = np.ones((1 + n_resamples, len(keys)))
    columns_of: dict[int, list[int]] = {}
    for column in sorted(range(len(keys)), key=keys.__getitem__):
        columns_of.setdefault(keys[column][0], []).append(column)
    if not columns_of:
        return weights
    rng = np.random.default_rng(_SEED)
    n_folds = len(columns_of)
    drawn = rng.multinomial(n_folds, np.full(n_folds, 1 / n_folds), size=n_resamples)
    for times, columns in zip(drawn.T, columns_of.values(), strict=True):
        # A fold that is drawn k times has its seeds drawn k times over, independently:
        # the counts of all these draws together are one multinomial.
        n_seeds = len(columns)
        weights[1:, columns] = rng.multinomial(times * n_seeds, np.full(n_seeds, 1 / n_seeds))
    return weights


def means(weights: Floats, values: Floats) -> Floats:
    """Return the mean over the runs, for the runs as they are and for each resample.

    Parameters
    ----------
    weights : ndarray, shape (n_draws, n_runs)
        From `resample`.
    values : ndarray, shape (n_runs,) or (n_runs, k)
        NaN where a run has no value; the mean is over the others.

    Returns
    -------
    ndarray, shape (n_draws,) or (n_draws, k)
        NaN where no run with a value is drawn; and in all resamples where fewer than
        two runs have one, as one run does not tell how much runs differ.
    """
    columns = values.reshape(len(values), -1)
    known = ~np.isnan(columns)
    draws = _weighted(weights, np.where(known, columns, 0.0).T, known.T).T
    return np.asarray(draws.reshape(len(weights), *values.shape[1:]))


def pooled_means(weights: Floats, values: Floats) -> Floats:
    """Return the mean over all columns, such as strategies, and runs at once, shape (n_draws,).

    `values` have shape (n_runs, k); as `means` in all else.
    """
    known = ~np.isnan(values)
    totals = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(_weighted(weights, totals[None], known.sum(axis=1)[None])[0])


def _weighted(weights: Floats, totals: Floats, counts: NDArray[Any]) -> Floats:
    """Divide weighted sums of `totals` by those of `counts`, both of shape (k, n_runs)."""
    result = _divide(totals @ weights.T, counts @ weights.T)
    result[(counts > 0).sum(axis=1) < 2, 1:] = np.nan
    return result


def relative_gains(draws: Floats, base: Floats) -> Floats:
    """Return `draws` / `base` - 1, a ratio of means; NaN where the base is not positive."""
    return _divide(draws, base) - 1.0


def _divide(above: Floats, below: Floats) -> Floats:
    undefined = np.full(np.shape(above), np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below > 0))


def interval(draws: Floats) -> Interval:
    """Take the first draw for the figure and percentiles of the others for its interval.

    This is the percentile interval of Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13. With few folds or seeds it is too narrow rather than
    too wide: it cannot know of folds and seeds that were not run. Resamples in which
    the figure is undefined (NaN) are left out of `draws`, shape (1 + n_resamples,).
    """
    value, resampled = float(draws[0]), draws[1:]
    resampled = resampled[~np.isnan(resampled)]
    if math.isnan(value) or not resampled.size:
        return Interval(value)
    low, high = np.percentile(resampled, _BOUNDS)
    return Interval(value, float(low), float(high))


def area_under_curve(scores: Floats) -> Floats:
    """Return the area under learning curves, as a mean score.

    Trapezoids over the rounds, divided by the number of rounds from first to last; a
    curve of a single round has that round's score. `scores` have shape
    (n_runs, n_rounds) and at least one round; NaN for a run that lacks one.
    """
    if scores.shape[1] == 1:
        return scores[:, 0].copy()
    return np.asarray(np.trapezoid(scores, axis=1) / (scores.shape[1] - 1))
