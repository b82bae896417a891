"""The seed model where people have labelled, the expanded model elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, InstanceOf
from pydantic.dataclasses import dataclass
from safetensors.numpy import load_file, save_file
from scipy.special import expit

from karl.classifiers.base import Classifier
from karl.classifiers.hgb import HGB
from karl.classifiers.inputs import PairInputs, Parameters, TrainingSet
from karl.classifiers.model import Model
from karl.classifiers.wrapper import Wrapper
from karl.config.identity import identity
from karl.encoders import ItemVectors
from karl.features import Items
from karl.files import atomic_path, hash_json
from karl.seeds import derive_seed, hash_uniform

__all__ = ["Context", "ContextModel", "Gate"]

_SEED, _EXPANDED, _GATE = "seed", "expanded", "gate.safetensors"
_FOLDS: Final = 5
# Items compared at a time; bounds the memory.
_BATCH: Final = 2048
# Further digits of a similarity are those of the processor.
_DECIMALS: Final = 6
# What a gate says in hundredths: most of a pool is 0, and the seed model need not be asked.
_SAID: Final = 2


@plain_dataclass(frozen=True, eq=False)
class Gate:
    """Says how much a pair is like those that people labelled.

    A pair is as near to them as its items are on average to the most similar item of a
    human-labelled pair.

    Parameters
    ----------
    items : ndarray of int32, shape (n,)
        Items of human-labelled pairs.
    threshold : float
        Nearness of a pair that is as likely in as out of distribution.
    width : float
        Of the transition around it.
    """

    items: NDArray[np.int32]
    threshold: float
    width: float

    @classmethod
    def of(cls, train: TrainingSet, quantile: float, width: float) -> Gate:
        """Put the threshold where it takes most human-labelled pairs for what they are.

        Parameters
        ----------
        train : TrainingSet
            Of people only.
        quantile : float
            Share of them that lie below it, each compared with the pairs of other folds.
        width : float
        """
        pairs, vectors = train.inputs.pairs, train.inputs.items.vectors
        folds = (hash_uniform(train.groups, derive_seed(0, "gate")) * _FOLDS).astype(int)
        near = []
        for fold in np.unique(folds):
            known = np.unique(pairs[folds != fold])
            held_out, places = np.unique(pairs[folds == fold], return_inverse=True)
            if len(known):
                near.append(_nearest(vectors, held_out, known)[places.reshape(-1, 2)].mean(axis=1))
        threshold = float(np.quantile(np.concatenate(near), quantile)) if near else 1.0
        return cls(np.unique(pairs), threshold, width)

    def in_distribution(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return how much each pair is one like the human-labelled, from 0 to 1; shape (n,)."""
        items = inputs.items
        key = ("gate", hashlib.sha256(self.items.tobytes()).digest())
        near: NDArray[np.float64] = items.memo.get(key, lambda: self._all_items(items))
        likeness = expit((near[inputs.pairs].mean(axis=1) - self.threshold) / self.width)
        return np.asarray(np.round(likeness, _SAID))

    def _all_items(self, items: Items) -> NDArray[np.float64]:
        return _nearest(items.vectors, np.arange(len(items), dtype=np.int32), self.items)


def _nearest(
    vectors: ItemVectors, items: NDArray[np.int32], known: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return the highest mean cosine of blocks between each item and any known one."""
    others = vectors.values[known].astype(float).T / len(vectors.blocks)
    highest = [
        (vectors.values[items[start : start + _BATCH]].astype(float) @ others).max(axis=1)
        for start in range(0, len(items), _BATCH)
    ]
    return np.round(np.concatenate([*highest, np.empty(0)]), _DECIMALS)


@plain_dataclass(frozen=True, eq=False)
class ContextModel(Model):
    """A seed model and an expanded one, mixed by what a gate says of each pair.

    Parameters
    ----------
    seed, expanded : Model
        With equally many members.
    gate : Gate
    share : float
        Of the expanded model where a pair is in distribution; it has all of the others.
    """

    seed: Model
    expanded: Model
    gate: Gate
    share: float

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return class probabilities, one member of each model mixed to one; see `Model`."""
        near = self.gate.in_distribution(inputs)
        probabilities = np.array(self.expanded.member_probabilities(inputs))
        asked = np.flatnonzero(near)
        seed = self.seed.member_probabilities(inputs.take(asked))
        weight = (1 - self.share) * near[asked, None]
        probabilities[:, asked] += weight * (seed - probabilities[:, asked])
        return probabilities

    def diagnostics(self, inputs: PairInputs) -> Mapping[str, float]:
        """Return the share of the pairs that the gate calls in distribution."""
        return {"called_in_distribution": float((self.gate.in_distribution(inputs) > 0.5).mean())}

    def save(self, folder: Path) -> None:
        """Write both models into folders of their own, the gate at last."""
        self.seed.save(folder / _SEED)
        self.expanded.save(folder / _EXPANDED)
        numbers = np.array([self.gate.threshold, self.gate.width, self.share])
        with atomic_path(folder / _GATE) as temporary:
            save_file({"items": self.gate.items, "numbers": numbers}, temporary)


@dataclass(frozen=True)
class Context(Wrapper):
    """Any classifier twice: fitted to human labels, and to these and the annotator's.

    Labels of an annotator help where no people have labelled, and may cost where they have.
    So the prediction for a pair is p = (1 − w) p_seed + w p_expanded, where
    w = share · g + (1 − g), and g says how much the pair is like the human-labelled ones: KARL
    (arXiv 2509.05564) asks for a strategy that adjusts to the context of a prediction, and
    this is one. Before there are labels of an annotator, the two are one.

    Parameters
    ----------
    base : Classifier
        Its `tuning` is not used.
    share : float
        What the expanded model has to say where people have labelled, from 0 to 1.
    quantile : float
        Share of the human-labelled pairs, held out in turn, that the gate may take for others.
    width : float
        Of the transition between the two, in units of cosine.
    tuning : Tuning, optional
        Search for the hyperparameters of the base.
    """

    base: InstanceOf[Classifier] = Field(default_factory=HGB)
    share: float = Field(default=0.2, ge=0, le=1)
    quantile: float = Field(default=0.1, ge=0, le=1)
    width: float = Field(default=0.05, gt=0)

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> ContextModel:
        """Fit both models; see `Classifier.fit`."""
        train = train.counting
        human = train if train.human.all() else train.take(train.human)
        gate = Gate.of(human, self.quantile, self.width)
        first = self._seed_model(human, parameters)
        expanded = first if human is train else self.base.fit(train, parameters, seed)
        return ContextModel(first, expanded, gate, self.share)

    def _seed_model(self, human: TrainingSet, parameters: Parameters) -> Model:
        """Fit the same model in every round: its seed is drawn from what it learns from."""
        digest = hashlib.sha256(human.inputs.pairs.tobytes())
        digest.update(human.relations.tobytes())
        digest.update(np.round(human.weights / human.weights.mean(), _DECIMALS).tobytes())
        made_from = hash_json([digest.hexdigest(), identity(self.base), parameters])
        # Features have other last digits on other processors: they must not draw the seed.
        features = hashlib.sha256(human.inputs.matrix.tobytes()).digest()
        fitted: Model = human.inputs.items.memo.get(
            ("seed model", made_from, features),
            lambda: self.base.fit(human, parameters, derive_seed(0, "seed model", made_from)),
        )
        return fitted

    def load(self, folder: Path) -> ContextModel:
        """Read both models and the gate."""
        arrays = load_file(folder / _GATE)
        threshold, width, share = map(float, arrays["numbers"])
        gate = Gate(arrays["items"], threshold, width)
        seed, expanded = (self.base.load(folder / name) for name in (_SEED, _EXPANDED))
        return ContextModel(seed, expanded, gate, share)
