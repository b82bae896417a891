"""A committee of linear models, held and stored as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from karl.classifiers.base import PairInputs
from karl.files import atomic_path

__all__ = ["LinearCommittee"]


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
