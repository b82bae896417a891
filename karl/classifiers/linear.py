"""A committee of linear models, held and stored as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.special import softmax

from karl.classifiers.inputs import PairInputs
from karl.classifiers.model import Model
from karl.files import atomic_path

__all__ = ["LinearCommittee"]

_FILE: Final = "linear.safetensors"


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
