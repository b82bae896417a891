"""A committee of linear models, held and stored as plain arrays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.special import softmax

from karl.classifiers.inputs import PairInputs, TrainingSet
from karl.classifiers.model import Model
from karl.files import atomic_path

__all__ = ["DEFAULT_PENALTY", "LinearCommittee", "fit_logistic"]

DEFAULT_PENALTY = 1e-3
"""What untuned models use; close to what is tuned on the data sets seen so far."""

_FILE: Final = "linear.safetensors"

# The largest component of the gradient at the end: coefficients are then right to about 1e-8.
_GRADIENT = 1e-10


@dataclass(frozen=True, eq=False)
class LinearCommittee(Model):
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
    def join(cls, models: Sequence[Model]) -> Model:
        """Return one committee of all members; see `Model.join`."""
        linear = [model for model in models if isinstance(model, LinearCommittee)]
        if len(linear) < len(models):
            return super().join(models)
        return cls(
            np.concatenate([model.coefficients for model in linear]),
            np.concatenate([model.intercepts for model in linear]),
        )

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return class probabilities of every member; see `Model`."""
        n_members, n_classes, n_features = self.coefficients.shape
        weights = self.coefficients.reshape(n_members * n_classes, n_features)
        scores = inputs.matrix.astype(np.float64) @ weights.T + self.intercepts.ravel()
        by_member = scores.reshape(len(inputs), n_members, n_classes).transpose(1, 0, 2)
        return np.asarray(softmax(by_member, axis=2))

    def save(self, folder: Path) -> None:
        """Write the arrays to a safetensors file; see `Model`."""
        # safetensors writes the memory as it lies, whatever the strides say.
        arrays = {
            "coefficients": np.ascontiguousarray(self.coefficients),
            "intercepts": np.ascontiguousarray(self.intercepts),
        }
        with atomic_path(folder / _FILE) as temporary:
            save_file(arrays, temporary)

    @classmethod
    def load(cls, folder: Path) -> LinearCommittee:
        """Read what `save` wrote."""
        arrays = load_file(folder / _FILE)
        return cls(arrays["coefficients"], arrays["intercepts"])


def fit_logistic(
    train: TrainingSet, *, penalty: float, max_iter: int, balanced: bool = False
) -> LinearCommittee:
    """Fit one multinomial logistic regression with an L2 penalty, all the way to its optimum.

    A solver that stops early, as L-BFGS does at the usual tolerances, stops elsewhere on every
    processor, since matrix products differ in their last bits there. The optimum depends on the
    data alone.

    Parameters
    ----------
    train : TrainingSet
        With pairs of every relation.
    penalty : float
        Weight of the L2 penalty against the weighted mean loss of a pair. Unlike
        scikit-learn's C, which weighs against the sum, it means the same for
        training sets of different sizes: what was tuned on all pairs suits
        under-samples, and sets that grow from round to round.
    max_iter : int
        Newton steps of the solver at most.
    balanced : bool
        Weight relations by the inverse of their frequency.

    Returns
    -------
    LinearCommittee
        With one member.

    Raises
    ------
    ValueError
        If a relation does not occur.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    train.check()
    model = LogisticRegression(
        C=1 / (penalty * train.weights.sum()), solver="newton-cg", tol=_GRADIENT, max_iter=max_iter
    )
    weights = train.balanced.weights if balanced else train.weights
    # A solver that stops at max_iter still gives a model; the limit is the user's.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train.inputs.matrix.astype(np.float64), train.relations, sample_weight=weights)
    return LinearCommittee(model.coef_[None], model.intercept_[None])
