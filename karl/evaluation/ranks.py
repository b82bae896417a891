"""What ranks tell: paired tests, their correction, and rank correlations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PairedTest", "holm", "paired_test", "pooled_spearman", "run_spearman"]

# As many draws at once as leave their ranks in a processor's cache.
_BLOCK: Final = 128
# Of two points the rank correlation is 1 or -1 whatever they are.
_FEWEST_POINTS: Final = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A Wilcoxon signed-rank test of `n` known paired differences, and the size of the effect.

    `p` is two-sided; 1 if all differences are 0. The matched-pairs rank-biserial
    correlation in [-1, 1] is 1 if all are positive, 0 if all are 0. Both are NaN without
    a difference. Cohen's d_z, the mean in standard deviations, is NaN if they do not vary.
    """

    n: int
    p: float
    rank_biserial: float
    d_z: float


def paired_test(differences: ArrayLike) -> PairedTest:
    """Test whether paired differences are symmetric about 0.

    Wilcoxon's signed-rank test (Individual Comparisons by Ranking Methods, 1945)
    without the zero differences, exact also where some are tied; the matched-pairs
    rank-biserial correlation is (favourable - unfavourable rank sum) / total rank sum
    (Kerby, The Simple Difference Formula, 2014), d_z is mean / standard deviation of
    the differences (Cohen, Statistical Power Analysis, 1988, section 2.3.5). A difference
    is NaN where one of the pair is unknown.
    """
    known = np.asarray(differences, dtype=np.float64)
    known = known[~np.isnan(known)]
    nonzero = known[known != 0]
    if not nonzero.size:
        p, effect = (1.0, 0.0) if known.size else (math.nan, math.nan)
        return PairedTest(len(known), p, effect, math.nan)
    ranks = _midranks(np.abs(nonzero), np.ones((len(nonzero), 1)))[:, 0]
    signs = np.sign(nonzero)
    effect = float((ranks * signs).sum() / ranks.sum())
    return PairedTest(len(known), _exact_p(ranks, signs), effect, _d_z(known))


def _exact_p(ranks: Floats, signs: Floats) -> float:
    """Return the share of all 2^n ways to give ranks signs that are as one-sided as this one.

    Mean ranks are multiples of a half, so rank sums are counted in halves.
    """
    steps = np.rint(2 * ranks).astype(np.int64)
    chances = np.zeros(steps.sum() + 1)
    chances[0] = 1.0
    for step in steps:
        chances[step:] += chances[:-step].copy()
        chances /= 2
    positive = int(steps[signs > 0].sum())
    fewer = min(positive, len(chances) - 1 - positive)
    return min(1.0, float(2 * chances[: fewer + 1].sum()))


def _d_z(differences: Floats) -> float:
    if len(differences) < 2:
        return math.nan
    spread = float(differences.std(ddof=1))
    # Equal differences have a deviation of rounding errors.
    if spread <= 1e-12 * float(np.abs(differences).max()):
        return math.nan
    return float(differences.mean()) / spread


def holm(p_values: ArrayLike) -> Floats:
    """Correct the p values of one family of tests.

    Holm's step-down method (A Simple Sequentially Rejective Multiple Test Procedure,
    1979) keeps the chance of any false positive at the level, whatever the dependence.
    NaN, where there was no test, does not count.
    """
    given = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    scaled = given[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return corrected


def pooled_spearman(weights: Floats, x: Floats, y: Floats) -> Floats:
    """Return Spearman's rank correlation over all points of all runs, for each draw.

    Ranks are those within the draw, ties sharing their mean rank (Spearman, The Proof
    and Measurement of Association between Two Things, 1904).

    Parameters
    ----------
    weights : ndarray, shape (n_draws, n_runs)
        From `karl.evaluation.statistics.resample`.
    x, y : ndarray, shape (n_runs, k)
        Such as one column a round; points with a NaN are left out.

    Returns
    -------
    ndarray, shape (n_draws,)
        NaN where it is undefined, and in all resamples if only one run has points.
    """
    known = ~(np.isnan(x) | np.isnan(y))
    runs = np.nonzero(known)[0]
    blocks = (
        _spearman(x[known], y[known], weights[start : start + _BLOCK].T[runs])
        for start in range(0, len(weights), _BLOCK)
    )
    draws = np.concatenate(list(blocks))
    if known.any(axis=1).sum() < 2:
        draws[1:] = np.nan
    return draws


def run_spearman(x: Floats, y: Floats) -> Floats:
    """Return Spearman's rank correlation within each run, shape (n_runs,).

    `x` and `y` are as in `pooled_spearman`. NaN with fewer than three points, or where
    one of them does not vary.
    """
    result = np.full(len(x), np.nan)
    for row, known in enumerate(~(np.isnan(x) | np.isnan(y))):
        result[row] = _spearman(x[row, known], y[row, known], np.ones((known.sum(), 1)))[0]
    return result


def _spearman(x: Floats, y: Floats, counts: Floats) -> Floats:
    """Correlate the ranks of points that stand `counts` times, shape (n, n_draws)."""
    if len(x) < _FEWEST_POINTS:
        return np.full(counts.shape[1], np.nan)
    middle = (counts.sum(axis=0) + 1) / 2
    x_ranks, y_ranks = _midranks(x, counts) - middle, _midranks(y, counts) - middle
    weighted = counts * x_ranks
    shared = np.einsum("ij,ij->j", weighted, y_ranks)
    x_spread = np.einsum("ij,ij->j", weighted, x_ranks)
    np.multiply(counts, y_ranks, out=weighted)
    y_spread = np.einsum("ij,ij->j", weighted, y_ranks)
    spread = np.sqrt(x_spread * y_spread)
    undefined = np.full(len(spread), np.nan)
    return np.asarray(np.divide(shared, spread, out=undefined, where=spread > 0))


def _midranks(values: Floats, counts: Floats) -> Floats:
    """Rank values that stand `counts` times, shape (n, n_draws); ties share the mean rank."""
    order = np.argsort(values, kind="stable")
    # Draws are the columns: all of a point's lie side by side, which makes this fast.
    below = np.zeros((len(values) + 1, counts.shape[1]))
    np.cumsum(counts[order], axis=0, out=below[1:])
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    edges = below[np.append(starts, len(values))]
    ranks = (edges[:-1] + edges[1:] + 1) / 2
    return np.asarray(ranks[np.searchsorted(values[order][starts], values)])
