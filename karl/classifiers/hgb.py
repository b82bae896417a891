"""Gradient-boosted trees."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from safetensors.numpy import load_file, save_file
from scipy.special import softmax

# Here and not where it is used: a limit on threads holds for libraries that are loaded by then.
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting.predictor import PREDICTOR_RECORD_DTYPE, TreePredictor

from karl.classifiers.base import Classifier, Model, PairInputs, Parameters, TrainingSet
from karl.files import atomic_path
from karl.labels import N_RELATIONS

if TYPE_CHECKING:
    import optuna

__all__ = ["HGB", "TreesModel"]

_FILE: Final = "trees.safetensors"

# What a prediction reads of a node; scikit-learn keeps more, which differs between its versions.
_NODE: Final = (
    *("value", "feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_leaf"),
)

# Values of a feature that trees tell apart; scikit-learn's 255 suit more pairs than there are.
_BINS: Final = 64


@plain_dataclass(frozen=True, eq=False)
class TreesModel(Model):
    """Fitted boosted trees, a committee of one.

    Parameters
    ----------
    nodes : ndarray of scikit-learn's records, shape (n_nodes,)
        Of all trees, one after the other.
    sizes : ndarray of int64, shape (n_trees,)
        Nodes of each tree; there is a tree of every relation in turn.
    baseline : ndarray of float64, shape (3,)
        What trees add to: log-probabilities.
    """

    nodes: NDArray[np.void]
    sizes: NDArray[np.int64]
    baseline: NDArray[np.float64]

    @classmethod
    def of(cls, estimator: HistGradientBoostingClassifier) -> TreesModel:
        """Take the trees of a fitted estimator."""
        trees = [tree.nodes for iteration in estimator._predictors for tree in iteration]
        sizes = np.array([len(nodes) for nodes in trees], np.int64)
        return cls(np.concatenate(trees), sizes, estimator._baseline_prediction.ravel())

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return class probabilities, shape (1, n, 3); see `Model`."""
        scores = np.tile(self.baseline[:, None], len(inputs))
        # In this order, a tree reads columns that are near each other in memory.
        matrix = np.asfortranarray(inputs.matrix, np.float64)
        no_categories = np.zeros((0, 8), np.uint32)
        columns = np.zeros(matrix.shape[1], np.uint32)
        for number, nodes in enumerate(np.split(self.nodes, np.cumsum(self.sizes)[:-1])):
            tree = TreePredictor(nodes, no_categories, no_categories)
            scores[number % N_RELATIONS] += tree.predict(matrix, no_categories, columns, 1)
        return np.asarray(softmax(scores, axis=0).T[None])

    def save(self, folder: Path) -> None:
        """Write all nodes to one file of arrays; see `Model`."""
        arrays = {name: np.ascontiguousarray(self.nodes[name]) for name in _NODE}
        with atomic_path(folder / _FILE) as temporary:
            save_file(arrays | {"sizes": self.sizes, "baseline": self.baseline}, temporary)

    @classmethod
    def load(cls, folder: Path) -> TreesModel:
        """Read what `save` wrote."""
        arrays = load_file(folder / _FILE)
        nodes = np.zeros(len(arrays["value"]), PREDICTOR_RECORD_DTYPE)
        for name in _NODE:
            nodes[name] = arrays[name]
        return cls(nodes, arrays["sizes"], arrays["baseline"])


@dataclass(frozen=True)
class HGB(Classifier):
    """Gradient-boosted trees over histograms of the pair features, on all training pairs.

    A committee of one; as the base of `BalancedBagging` it makes one of several.

    Parameters
    ----------
    max_iter : int
        Rounds of boosting; each adds a tree per relation.
    learning_rate : float
        What is taken of every tree.
    max_leaf_nodes : int
        Leaves of a tree at most.
    min_samples_leaf : int
        Pairs in a leaf at least, whatever their weights.
    l2_regularization : float
        Of the values of leaves; it stands against the weights of the pairs, which
        are scaled to a mean of one.
    balanced : bool
        Weight the classes by the inverse of their frequency.
    tuning : Tuning, optional
        Search for all of these numbers; None keeps what is configured.

    References
    ----------
    Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS
    2017, in the implementation of scikit-learn.
    """

    max_iter: int = Field(default=80, ge=1)
    learning_rate: float = Field(default=0.1, gt=0)
    max_leaf_nodes: int = Field(default=12, ge=2)
    min_samples_leaf: int = Field(default=8, ge=1)
    l2_regularization: float = Field(default=1.0, ge=0)
    balanced: bool = True

    def suggest(self, trial: optuna.Trial) -> Parameters:
        """Draw all numbers; see `Classifier.suggest`."""
        return {
            "max_iter": trial.suggest_int("max_iter", 20, 100, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.3, log=True),
            "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 3, 16, log=True),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 2, 40, log=True),
            "l2_regularization": trial.suggest_float("l2_regularization", 1e-2, 1e1, log=True),
        }

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> TreesModel:
        """Fit the trees; see `Classifier.fit`."""
        train = train.counting
        train.check()
        weights = train.balanced.weights if self.balanced else train.weights
        configured = {
            "max_iter": self.max_iter,
            "learning_rate": self.learning_rate,
            "max_leaf_nodes": self.max_leaf_nodes,
            "min_samples_leaf": self.min_samples_leaf,
            "l2_regularization": self.l2_regularization,
        }
        estimator = HistGradientBoostingClassifier(
            **(configured | parameters), max_bins=_BINS, early_stopping=False, random_state=seed
        )
        estimator.fit(
            _coarse(train.inputs.matrix), train.relations, sample_weight=weights / weights.mean()
        )
        return TreesModel.of(estimator)

    def load(self, folder: Path) -> TreesModel:
        """Read fitted trees."""
        return TreesModel.load(folder)


def _coarse(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Move every value to the nearest of `_BINS` quantiles of its feature.

    These are then the bins of scikit-learn, which looks for its own ten times as long where
    pairs have weights. It splits halfway between two of them, where exact values part too.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, n_features)

    Returns
    -------
    ndarray of float64, shape (n, n_features)
    """
    coarse = matrix.astype(np.float64)
    levels = np.linspace(0, 1, _BINS)
    for column in coarse.T:
        kept = np.unique(column)
        if len(kept) > _BINS:
            kept = np.unique(np.quantile(column, levels, method="nearest"))
        column[:] = kept[np.searchsorted((kept[:-1] + kept[1:]) / 2, column)]
    return coarse
