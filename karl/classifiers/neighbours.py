"""How near a pair lies to labelled pairs of each relation, as features of any classifier."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from karl.classifiers.base import Classifier
from karl.classifiers.inputs import PairInputs, Parameters, TrainingSet
from karl.classifiers.model import Model
from karl.classifiers.wrapper import Wrapper
from karl.datasets import pair_keys
from karl.encoders import ItemVectors
from karl.files import atomic_path
from karl.labels import Relation

__all__ = ["Neighbours", "Reference", "ReferenceModel", "with_neighbours"]

# Labelled pairs of a relation at most; of more, evenly many are left out. Nearest ones average.
_MOST: Final = 2500
_NEAREST: Final = 5
# Pairs compared at a time; bounds the memory.
_BATCH: Final = 1024
# Further digits of a similarity are those of the processor.
_DECIMALS: Final = 6
_FILE: Final = "reference.safetensors"


@dataclass(frozen=True, eq=False)
class Reference:
    """Labelled pairs that other pairs are compared with.

    Parameters
    ----------
    pairs : ndarray of int32, shape (n, 2)
    relations : ndarray of int8, shape (n,)
    """

    pairs: NDArray[np.int32]
    relations: NDArray[np.int8]

    @classmethod
    def of(cls, train: TrainingSet) -> Reference:
        """Take the pairs of a training set, and evenly spaced ones of a relation with many."""
        of_relation = [np.flatnonzero(train.relations == relation) for relation in Relation]
        kept = np.concatenate(
            [
                found[np.linspace(0, len(found) - 1, _MOST).astype(int)]
                if len(found) > _MOST
                else found
                for found in of_relation
            ]
        )
        return cls(train.inputs.pairs[kept], train.relations[kept])

    def features(self, inputs: PairInputs) -> NDArray[np.float32]:
        """Return how near pairs lie to labelled ones, other than themselves.

        Two pairs are as near as the less similar of their items, in the order in which they are
        nearer; items are as similar as the mean cosine of their vectors' blocks.

        Parameters
        ----------
        inputs : PairInputs of n pairs

        Returns
        -------
        ndarray of float32, shape (n, 6)
            For each relation, the similarity to the nearest labelled pair of it, and the mean
            of that to the five nearest.
        """
        digest = hashlib.sha256(self.pairs.tobytes() + self.relations.tobytes())
        digest.update(inputs.pairs.tobytes())
        memo = inputs.items.memo
        # A search for hyperparameters compares the same pairs in every trial.
        found: NDArray[np.float32] = memo.get(digest.digest(), lambda: self._compared(inputs))
        return found

    def _compared(self, inputs: PairInputs) -> NDArray[np.float32]:
        compared = [
            self._batch(inputs.items.vectors, inputs.pairs[start : start + _BATCH])
            for start in range(0, len(inputs), _BATCH)
        ]
        return np.concatenate([*compared, np.empty((0, 2 * len(Relation)), np.float32)])

    def _batch(self, vectors: ItemVectors, pairs: NDArray[np.int32]) -> NDArray[np.float32]:
        items, places = np.unique(pairs, return_inverse=True)
        known, of_known = np.unique(self.pairs, return_inverse=True)
        cosines = vectors.values[items].astype(float) @ vectors.values[known].astype(float).T
        alike = np.round(cosines / len(vectors.blocks), _DECIMALS).astype(np.float32)
        u, v = alike[places.reshape(-1, 2)[:, 0]], alike[places.reshape(-1, 2)[:, 1]]
        first, second = of_known.reshape(-1, 2).T
        near = np.minimum(u[:, first], v[:, second])
        np.maximum(near, np.minimum(u[:, second], v[:, first]), out=near)
        # Nothing is learnt from a pair's own label, in either order.
        near[pair_keys(pairs)[:, None] == pair_keys(self.pairs)[None]] = -1
        columns = []
        for relation in Relation:
            of_relation = near[:, self.relations == relation]
            n = min(_NEAREST, of_relation.shape[1])
            nearest = np.partition(of_relation, -n, axis=1)[:, -n:]
            columns += [nearest.max(axis=1), nearest.mean(axis=1)]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, eq=False)
class ReferenceModel(Model):
    """A model that also sees how near pairs lie to a reference."""

    model: Model
    reference: Reference

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return class probabilities of the model's members; see `Model`."""
        return self.model.member_probabilities(self._seen(inputs))

    def diagnostics(self, inputs: PairInputs) -> Mapping[str, float]:
        """Return those of the model; see `Model`."""
        return self.model.diagnostics(self._seen(inputs))

    def _seen(self, inputs: PairInputs) -> PairInputs:
        return inputs.with_columns(self.reference.features(inputs))

    def save(self, folder: Path) -> None:
        """Write the reference, whose items are rows of the catalogue, and then the model."""
        reference = self.reference
        with atomic_path(folder / _FILE) as temporary:
            save_file({"pairs": reference.pairs, "relations": reference.relations}, temporary)
        self.model.save(folder)


@dataclass(frozen=True)
class Neighbours(Wrapper):
    """Any classifier on the given features and on those of a `Reference`, its training pairs.

    Parameters
    ----------
    base : Classifier
        Its `tuning` is this classifier's.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "tuning", self.base.tuning)

    def for_tuning(self) -> Classifier:
        """Return the same of what stands in for the base."""
        return Neighbours(self.base.for_tuning())

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> ReferenceModel:
        """Fit the base; see `Classifier.fit`. Pairs are not compared with themselves."""
        train = train.counting
        train.check()
        reference = Reference.of(train)
        seen = train.with_columns(reference.features(train.inputs))
        return ReferenceModel(self.base.fit(seen, parameters, seed), reference)

    def load(self, folder: Path) -> ReferenceModel:
        """Read a fitted model and its reference."""
        arrays = load_file(folder / _FILE)
        reference = Reference(arrays["pairs"], arrays["relations"])
        return ReferenceModel(self.base.load(folder), reference)


def with_neighbours(classifier: Classifier) -> Classifier:
    """Have a classifier see neighbours too: among the labels that each of its models learns from.

    So the seed model of a `Context` is compared with human labels alone. Random samples of labels
    share their neighbours, as these are costly to find.
    """
    if isinstance(classifier, Wrapper) and not classifier.resamples:
        return replace(classifier, base=with_neighbours(classifier.base))
    return Neighbours(classifier)
