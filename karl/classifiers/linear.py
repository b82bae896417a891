"""A committee of linear models, held and stored as plain arrays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from karl.classifiers.base import PairInputs
from karl.files import atomic_path
from karl.labels import N_RELATIONS

__all__ = ["DEFAULT_PENALTY", "LinearCommittee", "fit_logistic"]

DEFAULT_PENALTY = 1e-3
"""What untuned models use; close to what is tuned on the data sets seen so far."""

# The largest component of the gradient at the end: coefficients are then right to about 1e-8.
_GRADIENT = 1e-10


@dataclass(frozen=True, eq=False)
class LinearCommittee:
    """Multinomial logistic regressions over the same features.

    All members are evaluated in one matrix product.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (n_members, 3, n_features)
    intercepts : ndarray of float64, shape (n_members, 3)
    """

    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]

    @classmethod
    def of(cls, members: Sequence[LinearCommittee]) -> LinearCommittee:
        """Join several committees into one."""
        return cls(
            np.concatenate([member.coefficients for member in members]),
            np.concatenate([member.intercepts for member in members]),
        )

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return class probabilities of every member, shape (n_members, n, 3)."""
        n_members, n_classes, n_features = self.coefficients.shape
        weights = self.coefficients.reshape(n_members * n_classes, n_features)
        # One thread: the last bits must not depend on the number of cores.
        with threadpool_limits(limits=1):
            scores = inputs.matrix.astype(np.float64) @ weights.T + self.intercepts.ravel()
        by_member = scores.reshape(len(inputs), n_members, n_classes).transpose(1, 0, 2)
        return np.asarray(softmax(by_member, axis=2))

    def save(self, path: Path) -> None:
        """Write the arrays to a safetensors file, atomically."""
        # safetensors writes the memory as it lies, whatever the strides say.
        arrays = {
            "coefficients": np.ascontiguousarray(self.coefficients),
            "intercepts": np.ascontiguousarray(self.intercepts),
        }
        with atomic_path(path) as temporary:
            save_file(arrays, temporary)

    @classmethod
    def load(cls, path: Path) -> LinearCommittee:
        """Read what `save` wrote."""
        arrays = load_file(path)
        return cls(arrays["coefficients"], arrays["intercepts"])


def fit_logistic(
    matrix: NDArray[np.float32],
    relations: NDArray[np.int8],
    *,
    penalty: float,
    max_iter: int,
    balanced: bool = False,
    weights: NDArray[np.integer] | None = None,
) -> LinearCommittee:
    """Fit one multinomial logistic regression with an L2 penalty, all the way to its optimum.

    A solver that stops early, as L-BFGS does at the usual tolerances, stops elsewhere on every
    processor, since matrix products differ in their last bits there. The optimum depends on the
    data alone.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, n_features)
    relations : ndarray of int8, shape (n,)
        Every one of the three classes must occur.
    penalty : float
        Weight of the L2 penalty against the mean loss of a pair. Unlike
        scikit-learn's C, which weighs against the sum, it means the same for
        training sets of different sizes: what was tuned on all pairs suits
        under-samples, and sets that grow from round to round.
    max_iter : int
        Newton steps of the solver at most.
    balanced : bool
        Weight classes by the inverse of their frequency.
    weights : ndarray of int, shape (n,), optional
        How often each pair counts; once when left out.

    Returns
    -------
    LinearCommittee
        With one member.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    n_pairs = len(relations) if weights is None else int(weights.sum())
    model = LogisticRegression(
        C=1 / (penalty * n_pairs),
        solver="newton-cg",
        tol=_GRADIENT,
        max_iter=max_iter,
        class_weight="balanced" if balanced else None,
    )
    # The products are small: more BLAS threads cost more than they give. A
    # solver that stops at max_iter still gives a model; the limit is the user's.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix.astype(np.float64), relations, sample_weight=weights)
    if len(model.classes_) != N_RELATIONS:
        raise ValueError(f"the training pairs have only the classes {model.classes_.tolist()}")
    return LinearCommittee(
        model.coef_[None], model.intercept_[None]
    )
