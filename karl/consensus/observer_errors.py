"""How often each annotator errs, and what is likely true, by expectation maximisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "Observations", "estimate"]

# Instead of a probability of 0, whose logarithm there is not.
_TINY: Final = 1e-10


@dataclass(frozen=True, eq=False)
class Observations:
    """Classes that annotators gave to objects, in long form: one entry a vote.

    Parameters
    ----------
    obj, voter, given : ndarray of int, shape (m,)
        The object, the annotator and the class of each vote, all from 0.
    n_voters : int
    possible : ndarray of bool, shape (n, n_classes)
        What may be true of each object, one class at least: all of them where
        nothing is known, a single one where the truth is.
    asked : ndarray of bool, shape (n,)
        Which objects tell how common each class is.
    """

    obj: NDArray[np.integer]
    voter: NDArray[np.integer]
    given: NDArray[np.integer]
    n_voters: int
    possible: NDArray[np.bool_]
    asked: NDArray[np.bool_]

    @classmethod
    def concat(cls, parts: Sequence[Observations]) -> Observations:
        """Join votes of the same annotators on different objects; at least one part."""
        starts = np.cumsum([0, *(len(part.possible) for part in parts[:-1])])
        return cls(
            obj=np.concatenate([at + part.obj for at, part in zip(starts, parts, strict=True)]),
            voter=np.concatenate([part.voter for part in parts]),
            given=np.concatenate([part.given for part in parts]),
            n_voters=parts[0].n_voters,
            possible=np.concatenate([part.possible for part in parts]),
            asked=np.concatenate([part.asked for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class Fit:
    """What is likely true, and the errors that follow from it.

    Parameters
    ----------
    truth : ndarray of float64, shape (n, n_classes)
        Probability of each class for each object; the shares of the classes
        where an object has no vote.
    prior : ndarray of float64, shape (n_classes,)
        Share of each class among the objects that were asked about.
    confusion : ndarray of float64, shape (n_voters, n_classes, n_classes)
        Probability that an annotator gives a class (last axis) to an object of
        a class (middle axis).
    """

    truth: NDArray[np.float64]
    prior: NDArray[np.float64]
    confusion: NDArray[np.float64]


def estimate(seen: Observations, *, max_iter: int, tol: float, smoothing: float) -> Fit:
    """Find the error rates that make the votes most likely.

    Starts from the shares of the votes on each object and repeats two steps:
    error rates from what is likely true (equations 2.3 and 2.4), and what is
    likely true from the error rates (2.5), of Dawid and Skene, Maximum
    Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied
    Statistics 28(1), 1979. All sums run in the order of the votes, so that the
    same votes give the same bytes whatever the number of threads.

    Parameters
    ----------
    seen : Observations
    max_iter : int
        Most repetitions.
    tol : float
        Stops when no probability of `truth` changed by more.
    smoothing : float
        Added to each count of a confusion matrix.

    Returns
    -------
    Fit
    """
    # Objects without a vote would keep the shares of the classes where they are.
    counted = seen.asked & (np.bincount(seen.obj, minlength=len(seen.possible)) > 0)
    truth = _shares_of_votes(seen)
    for _ in range(max_iter):
        before = truth
        prior, confusion = _prior(truth, counted), _confusion(seen, truth, smoothing)
        truth = _truth(seen, prior, confusion)
        if np.abs(truth - before).max(initial=0.0) <= tol:
            break
    return Fit(truth, _prior(truth, counted), _confusion(seen, truth, smoothing))


def _shares_of_votes(seen: Observations) -> NDArray[np.float64]:
    n, n_classes = seen.possible.shape
    cells = seen.obj.astype(np.int64) * n_classes + seen.given
    counts = np.bincount(cells, minlength=n * n_classes).reshape(n, n_classes) * seen.possible
    # Where no vote is on what is possible, all of that is as likely.
    some = counts.sum(axis=1, keepdims=True) > 0
    shares = np.where(some, counts, seen.possible).astype(np.float64)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _prior(truth: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    if not counted.any():
        return np.full(truth.shape[1], 1 / truth.shape[1])
    prior = np.maximum(truth[counted].mean(axis=0), _TINY)
    return np.asarray(prior / prior.sum())


def _confusion(
    seen: Observations, truth: NDArray[np.float64], smoothing: float
) -> NDArray[np.float64]:
    n_classes = truth.shape[1]
    cells = seen.voter.astype(np.int64) * n_classes + seen.given
    counts = [
        np.bincount(cells, weights=truth[seen.obj, k], minlength=seen.n_voters * n_classes)
        for k in range(n_classes)
    ]
    table = np.stack([one.reshape(seen.n_voters, n_classes) for one in counts], axis=1)
    table = np.maximum(table + smoothing, _TINY)
    return np.asarray(table / table.sum(axis=2, keepdims=True))


def _truth(
    seen: Observations, prior: NDArray[np.float64], confusion: NDArray[np.float64]
) -> NDArray[np.float64]:
    n, n_classes = seen.possible.shape
    errors = np.log(confusion)
    votes = [
        np.bincount(seen.obj, weights=errors[seen.voter, k, seen.given], minlength=n)
        for k in range(n_classes)
    ]
    likelihood = np.where(seen.possible, np.log(prior) + np.stack(votes, axis=1), -np.inf)
    # The likeliest class gets 1 before the division, so that nothing is 0 / 0.
    raw = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))
