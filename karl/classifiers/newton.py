"""Logistic regressions fitted so closely that the processor does not show in them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from karl.labels import N_RELATIONS

__all__ = ["fit_regressions"]

Array = NDArray[np.floating]

# A step this small is the last: it leaves an error of about a thousandth of it.
_LAST_STEP: Final = 1e-6
# What is left of Newton's equations after a direction was found, at the end and at first.
_CLOSE: Final = 1e-3
_LOOSE: Final = 0.5
_MOST_DIRECTIONS: Final = 500
_HALVINGS: Final = 30


def fit_regressions(
    matrix: NDArray[np.float32],
    relations: NDArray[np.int8],
    weights: NDArray[np.floating],
    *,
    penalty: float,
    max_iter: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit multinomial logistic regressions to several weightings of the same pairs at once.

    A solver that stops early, as L-BFGS does at the usual tolerances, stops elsewhere on every
    processor, since matrix products differ in their last bits there. Here the optimum itself is
    found, which depends on the data alone. Newton's equations are solved by conjugate gradients
    (Lin, Weng and Keerthi, JMLR 2008), for all models in the same matrix products; these are in
    single precision, which the next gradient, in double precision, makes up for.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, n_features)
    relations : ndarray of int8, shape (n,)
    weights : ndarray of float, shape (n, n_models)
        How much each pair counts in each model; 0 where it does not.
    penalty : float
        Weight of the L2 penalty of the coefficients against the mean loss of a pair.
    max_iter : int
        Newton steps at most.

    Returns
    -------
    coefficients : ndarray of float64, shape (n_models, 3, n_features)
    intercepts : ndarray of float64, shape (n_models, 3)
        They add up to 0 over the relations.
    """
    problem = _Problem(matrix, relations, weights, penalty)
    for _ in range(max_iter):
        if not problem.step():
            break
    found = problem.found.transpose(2, 1, 0)
    return np.ascontiguousarray(found[..., :-1]), np.ascontiguousarray(found[..., -1])


class _Problem:
    """The models as far as they have come. Arrays have the shape (rows, relations, models)."""

    def __init__(
        self,
        matrix: NDArray[np.float32],
        relations: NDArray[np.int8],
        weights: NDArray[np.floating],
        penalty: float,
    ) -> None:
        used = weights.any(axis=1)
        n_models = weights.shape[1]
        self._x32 = np.hstack([matrix[used], np.ones((int(used.sum()), 1), np.float32)])
        self._x = self._x32.astype(np.float64)
        self._truth = np.eye(N_RELATIONS)[relations[used]][:, :, None]
        self._weights = (weights[used] / weights.sum(axis=0))[:, None, :]
        self._ridge = np.full((self._x.shape[1], 1, 1), penalty)
        self._ridge[-1] = 0.0  # the intercept
        self.found = np.zeros((self._x.shape[1], N_RELATIONS, n_models))
        self._scores = np.zeros((len(self._x), N_RELATIONS, n_models))
        self._open = np.arange(n_models)

    def step(self) -> bool:
        """Do one Newton step with the models that have not converged; whether one is left."""
        now = self._open
        weights, scores, found = (
            self._weights[..., now],
            self._scores[..., now],
            self.found[..., now],
        )
        probabilities = softmax(scores, axis=1)
        gradient = _product(self._x.T, weights * (probabilities - self._truth))
        gradient += self._ridge * found
        direction = self._direction(gradient, probabilities, weights)
        change = _product(self._x, direction)
        length = self._length(direction, change, gradient, scores, found, weights)
        direction *= length
        self.found[..., now] += direction
        self._scores[..., now] += length * change
        self._open = now[np.abs(direction).max(axis=(0, 1)) > _LAST_STEP]
        return len(self._open) > 0

    def _direction(self, gradient: Array, probabilities: Array, weights: Array) -> Array:
        """Solve Newton's equations by conjugate gradients, in single precision."""
        p, w = probabilities.astype(np.float32), weights.astype(np.float32)
        ridge = self._ridge.astype(np.float32)
        scale = np.abs(gradient).sum(axis=(0, 1))
        size = np.maximum(scale, np.finfo(np.float64).tiny)
        rest = (-gradient / size).astype(np.float32)
        found, search = np.zeros_like(rest), rest.copy()
        left = _dot(rest, rest)
        enough = np.clip(np.sqrt(scale), _CLOSE, _LOOSE) ** 2 * left
        for _ in range(_MOST_DIRECTIONS):
            going = left > enough
            if not going.any():
                break
            curved = _product(self._x32, search)
            curved *= p
            curved -= p * curved.sum(axis=1, keepdims=True)
            curved *= w
            curved = _product(self._x32.T, curved)
            curved += ridge * search
            curvature = _dot(search, curved)
            length = np.where(
                going & (curvature > 0), left / np.where(curvature > 0, curvature, 1), 0
            )
            found += length.astype(np.float32) * search
            rest -= length.astype(np.float32) * curved
            now = np.where(going, _dot(rest, rest), left)
            search *= (now / np.where(left > 0, left, 1)).astype(np.float32)
            search += rest
            left = np.where(length > 0, now, 0)
        return np.asarray(found * size)

    def _length(
        self,
        direction: Array,
        change: Array,
        gradient: Array,
        scores: Array,
        found: Array,
        weights: Array,
    ) -> Array:
        """Halve a step until the loss falls enough (Armijo); shape (n_models,)."""
        slope = _dot(gradient, direction)
        start = self._loss(scores, found, weights)
        length = np.ones(len(slope))
        noise = 1e-12 * np.abs(start)  # near the optimum the loss falls by less than this
        for _ in range(_HALVINGS):
            loss = self._loss(scores + length * change, found + length * direction, weights)
            rises = loss > start + 1e-4 * length * slope + noise
            if not rises.any():
                break
            length[rises] /= 2
        return length

    def _loss(self, scores: Array, found: Array, weights: Array) -> Array:
        of_pairs = logsumexp(scores, axis=1) - (scores * self._truth).sum(axis=1)
        return np.asarray(
            _dot(self._ridge * found, found) / 2 + (weights[:, 0] * of_pairs).sum(axis=0)
        )


def _product(matrix: Array, values: Array) -> Array:
    """Multiply a matrix with all columns of an array of shape (rows, relations, models)."""
    flat = matrix @ values.reshape(len(values), -1)
    return np.asarray(flat.reshape(len(matrix), *values.shape[1:]))


def _dot(one: Array, other: Array) -> Array:
    """Multiply and add up by model; shape (n_models,)."""
    return np.asarray(np.einsum("ijk,ijk->k", one, other, dtype=np.float64))
